"""EMOCA's fits beside a video become tracks; damaged or short ones are told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vivavoce.data.flame_fits import flame_fit
from vivavoce.errors import RequestError


def test_jaw_and_expression_of_the_cut(tmp_path: Path) -> None:
    video = tmp_path / "001.mp4"
    assert flame_fit(video, 0, 10) is None
    pose, expression = np.arange(180.0).reshape(30, 6), np.ones((30, 50))
    np.savez(tmp_path / "001.flame.npz", posecode=pose, expcode=expression)
    rows = flame_fit(video, 5, 10)
    assert rows is not None
    assert rows.shape == (10, 53)
    np.testing.assert_array_equal(rows[:, :3], pose[5:15, 3:])
    with pytest.raises(RequestError, match="25 frames a second"):
        flame_fit(video, 25, 10)


def test_a_damaged_fit_is_told(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.flame.npz", posecode=np.zeros((3, 6)))
    with pytest.raises(RequestError, match="expcode"):
        flame_fit(tmp_path / "a.mp4", 0, 3)
