"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

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
