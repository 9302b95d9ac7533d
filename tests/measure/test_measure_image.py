"""Background: what changes outside the person is found, what changes inside is not."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from vivavoce.measure.bounds.background import BackgroundChange, background_mask


@pytest.fixture
def first() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 200, (40, 40, 3)).astype(np.uint8)


@pytest.fixture
def mask() -> np.ndarray:
    outside = np.ones((40, 40), bool)
    outside[10:30, 10:30] = False
    return outside


def test_only_the_background_counts(first: np.ndarray, mask: np.ndarray) -> None:
    moved = first.copy()
    moved[10:30, 10:30] += 50
    change = BackgroundChange(first, mask)
    change.add(np.stack([first, moved]))
    assert change.mean == 0
    assert change.largest == 0


def test_mean_and_largest_change(first: np.ndarray, mask: np.ndarray) -> None:
    brighter = first + np.uint8(2)
    brighter[0, 0, 0] += 20
    change = BackgroundChange(first, mask)
    change.add(np.stack([first, brighter]))
    assert change.mean == pytest.approx(1.0, abs=0.01)  # 2 in one of two frames
    assert change.largest == 22


def test_a_picture_full_of_person_says_nothing(first: np.ndarray) -> None:
    change = BackgroundChange(first, np.zeros((40, 40), bool))
    change.add(first[None])
    assert np.isnan(change.mean)


def test_margin_keeps_away_from_a_real_person(astronaut) -> None:
    from vivavoce.look.track import find_faces

    picture = np.array(Image.open(astronaut).convert("RGB"))
    face = find_faces(picture)[0]
    mask = background_mask(picture, face.landmarks)
    x, y = face.landmarks[:, 0].astype(int), face.landmarks[:, 1].astype(int)
    assert not mask[y, x].any()
    assert 0.05 < mask.mean() < 0.7
