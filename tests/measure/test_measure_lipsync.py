"""Scores of lip sync on curves whose offset and depth are planted."""

from __future__ import annotations

import numpy as np
import pytest

from vivavoce.measure.metrics import lipsync


def curve(at: int, depth: float = 6.0, level: float = 12.0) -> np.ndarray:
    """Distances at offsets -15..15: `level`, but for a dip three frames wide at `at`."""
    out = np.full(31, level, np.float32)
    for away, share in ((0, 1.0), (-1, 0.5), (1, 0.5)):
        if 0 <= at + 15 + away < 31:
            out[at + 15 + away] -= share * depth
    return out


@pytest.mark.parametrize("at", [-15, -5, -1, 0, 1, 4, 15])
def test_a_planted_offset_is_found_and_lse_does_not_mind_it(at: int) -> None:
    assert lipsync.offset(curve(at)) == at
    assert lipsync.lse_d(curve(at)) == 6
    assert lipsync.lse_c(curve(at)) == 6


def test_confidence_is_median_less_minimum() -> None:
    values = np.random.default_rng(0).uniform(5, 9, 31)
    ordered = np.sort(values)
    assert lipsync.lse_c(values) == pytest.approx(ordered[15] - ordered[0])
    assert lipsync.lse_c(np.full(31, 7.0)) == 0


def test_our_own_score_pays_for_a_delay() -> None:
    scores = [lipsync.sync_score(curve(at)) for at in (0, 1, 2, 5)]
    assert scores[0] == 6  # as LSE-C where nothing is late
    assert scores[1] == pytest.approx(4.5)  # halfway between 3, at offset 0, and 6
    assert scores[2] == pytest.approx(1.5)
    assert scores[3] == 0
    assert lipsync.sync_score(curve(-2)) == scores[2]


def test_sound_that_fits_worst_at_zero_scores_below_nothing() -> None:
    assert lipsync.sync_score(2 * 12 - curve(0)) < 0
