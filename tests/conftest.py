"""Fixtures that every test may use."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

REAL = Path(os.environ.get("VIVAVOCE_REAL", Path(__file__).parents[2] / "shared" / "real"))


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of real portraits, speech and clips; absent on a user's machine."""
    if not (REAL / "manifest.csv").is_file():
        pytest.skip(f"the real media folder is not here ({REAL}); set VIVAVOCE_REAL to it")
    return REAL


@pytest.fixture(scope="session")
def astronaut(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real public-domain portrait (NASA, Eileen Collins) that comes with scikit-image."""
    from PIL import Image
    from skimage import data

    path = tmp_path_factory.mktemp("portrait") / "astronaut.png"
    Image.fromarray(data.astronaut()).save(path)
    return path


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Small networks with two threads wait for each other when another program runs."""
    import torch

    torch.set_num_threads(1)


class Ran(NamedTuple):
    """How the command line ended and what it said."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., Ran]:
    """Run the command line in this process, in an empty folder."""
    from vivavoce import cli

    monkeypatch.chdir(tmp_path)

    def call(*words: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["vivavoce", *map(str, words)])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return Ran(code, said.out, said.err)

    return call
