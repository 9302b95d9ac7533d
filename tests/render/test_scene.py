"""What is shown where a square leaves the picture: no streaks, no second face, no seam."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from vivavoce.look import look
from vivavoce.render.scene import Scene, square
from vivavoce.types import Face

OUT = 0.2
"""How far the squares here leave the picture at each side, as a share of it."""


@pytest.fixture(scope="module")
def close(astronaut: Path) -> Face:
    """A close-up: the picture ends at hair and chin."""
    picture = Image.open(astronaut).convert("RGB").crop((180, 60, 280, 180))
    return look(np.asarray(picture.resize((500, 600), Image.Resampling.BICUBIC)))


def shown(face: Face, picture: np.ndarray, size: int = 512) -> Scene:
    """A square around the middle of another picture [H, W, 3], `OUT` beyond all its edges."""
    height, width = picture.shape[:2]
    side = round(max(height, width) * (1 + 2 * OUT))
    left, top = (width - side) // 2, (height - side) // 2
    box = (left, top, left + side, top + side)
    matte = np.ones((height, width), np.float32)
    return square(replace(face, picture=picture, matte=matte, box=box), size)


def test_nothing_is_drawn_out_into_bands(close: Face) -> None:
    """The change outward is as large as that along the edge: streaks change along it alone."""
    rng = np.random.default_rng(0)
    rough = cv2.GaussianBlur(rng.normal(0, 1, (600, 600, 3)).astype(np.float32), (0, 0), 4)
    picture = np.clip(128 + 400 * rough, 0, 255).astype(np.uint8)
    band = shown(close, picture).still.astype(float)[20:66, 90:-90]  # beyond the upper edge
    outward, along = (np.abs(np.diff(band, axis=axis)).mean() for axis in (0, 1))
    assert outward > 0.5 * along


def test_it_goes_on_without_a_seam_and_gets_ever_blurrier(close: Face) -> None:
    rng = np.random.default_rng(1)
    rough = cv2.GaussianBlur(rng.normal(0, 1, (600, 600, 3)).astype(np.float32), (0, 0), 3)
    still = shown(close, np.clip(128 + 300 * rough, 0, 255).astype(np.uint8)).still.astype(float)
    edge = round(512 * OUT / (1 + 2 * OUT))  # the row where the picture begins
    steps = np.abs(np.diff(still[:, 90:-90], axis=0)).mean((1, 2))
    assert steps[edge - 3 : edge + 3].max() < 1.5 * steps[edge + 20 : edge + 60].mean()
    rows = [still[r, 90:-90].std() for r in (edge + 5, edge - 12, edge - 40, 8)]
    assert rows == sorted(rows, reverse=True)
    assert rows[-1] < 0.3 * rows[0]


def test_a_lone_colour_stays_alone(close: Face) -> None:
    picture = np.full((400, 500, 3), (200, 120, 60), np.uint8)
    assert np.abs(shown(close, picture).still.astype(int) - (200, 120, 60)).max() <= 1
    assert shown(close, picture).matte.min() > 0.999


def test_a_close_up_keeps_its_own_frame_where_the_face_fits_into_it(close: Face) -> None:
    height, width = close.picture.shape[:2]
    left, top, right, bottom = close.box
    beyond = max(-left, -top, right - width, bottom - height) / (right - left)
    assert beyond < 0.12
    low, high = close.landmarks[:, 1].min(), close.landmarks[:, 1].max()
    assert top < low + 0.05 * (high - low)
    assert bottom > high
