"""Fixtures that every test may use."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from filelock import FileLock

ALONE_S = 20.0
"""The most CPU seconds, its children's too, that a test or what it needs may take when alone."""
BUSY = 2.0
"""How many times as much CPU time the same work takes on a machine that is busy, as it was seen."""
GOLDEN_REWRITE = bool(os.environ.get("VIVAVOCE_GOLDEN_REWRITE"))
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


def _cpu_s() -> float:
    return sum(os.times()[:4])


def _bounded(item: pytest.Item, what: str) -> Iterator[None]:
    """Fails a test that is not marked slow when `what` of it takes far over `ALONE_S`."""
    start = _cpu_s()
    yield
    spent = _cpu_s() - start
    if spent > ALONE_S * BUSY and item.get_closest_marker("slow") is None:
        pytest.fail(
            f"{what} {item.nodeid} took {spent:.0f} s of CPU time; {ALONE_S:.0f} are allowed on an "
            f"idle machine, {BUSY:.0f} times that on a busy one. Make it cheaper, or mark it "
            "@pytest.mark.slow(reason=...) (`make test-all` runs it).",
            pytrace=False,
        )


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    return (yield from _bounded(item, "What is made before"))


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    return (yield from _bounded(item, "The test"))


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this run that all worker processes share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if os.environ.get("PYTEST_XDIST_WORKER") else own


def _make_corpus(folder: Path, size: int, clips: dict[int, int]) -> Path:
    """A corpus of so many `clips` by person, made by the first worker that asks."""
    from vivavoce.data.corpus.make import Recipe, make_person
    from vivavoce.data.shards import write_set

    with FileLock(f"{folder}.lock"):
        if not (folder / "set.json").is_file():
            for person, count in clips.items():
                make_person(folder, Recipe(5, size, count, 0.0, layers=False), person)
            write_set(folder, {"name": "corpus", "people": len(clips)})
    return folder


@pytest.fixture(scope="session")
def corpus_128(shared_folder: Path) -> Path:
    """Corpus people of 128 px: 0 and 1 for training (two sentences each), 3 val, 6 test (one each).

    All tests share it: read it, never write into it.
    """
    return _make_corpus(shared_folder / "corpus_128", 128, {0: 2, 1: 2, 3: 1, 6: 1})


@pytest.fixture(scope="session")
def corpus_256(shared_folder: Path) -> Path:
    """One corpus person with one sentence, 256 px, for training; read it, never write into it."""
    return _make_corpus(shared_folder / "corpus_256", 256, {0: 1})


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[..., None]:
    """A check that numbers are those that checkpoints, sets and clips have relied on so far.

    They are kept in `golden/<module>.json` beside the test. After a change that is meant, write
    them anew with VIVAVOCE_GOLDEN_REWRITE=1, look at what `git diff` shows, and say why.
    """
    file = request.path.parent / "golden" / f"{request.path.stem}.json"

    def check(name: str, found: object, atol: float = 1e-4) -> None:
        numbers = np.asarray(found, np.float64)
        held = json.loads(file.read_text()) if file.is_file() else {}
        if GOLDEN_REWRITE:
            held[name] = [float(f"{v:.6g}") for v in numbers.ravel()]
            file.parent.mkdir(exist_ok=True)
            lines = (f" {json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(held.items()))
            file.write_text("{\n" + ",\n".join(lines) + "\n}\n")
        np.testing.assert_allclose(numbers.ravel(), held[name], rtol=1e-3, atol=atol, err_msg=name)

    return check


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
