"""Lag: a trace that is shifted by a known time is found to be shifted by that time."""

from __future__ import annotations

import numpy as np
import pytest

from vivavoce.measure.metrics import lag as sync
from vivavoce.types import FPS, RATE, Phone


def phones() -> tuple[Phone, ...]:
    """Six seconds of sounds of uneven length."""
    rng = np.random.default_rng(0)
    ends = np.cumsum(rng.uniform(0.05, 0.25, 60))
    ends = ends[ends < 6]
    starts = np.r_[0, ends[:-1]]
    symbols = rng.choice(["p", "ɑː", "s", "iː", "m", "aɪ", "ə", "_"], len(ends))
    return tuple(Phone(str(s), a, b) for s, a, b in zip(symbols, starts, ends, strict=True))


def gap_late_by(seconds: float, count: int = 150) -> np.ndarray:
    trace = sync.expected_opening(phones(), 6.0)
    grid = (np.arange(len(trace)) + 0.5) * sync.STEP_S
    return 0.13 * np.interp((np.arange(count) + 0.5) / FPS - seconds, grid, trace)


@pytest.mark.parametrize("late", [-0.12, -0.031, 0.0, 0.013, 0.04, 0.2])
def test_lag_is_found_to_a_few_milliseconds(late: float) -> None:
    noise = 0.005 * np.random.default_rng(1).normal(size=150)
    lag, r = sync.lag_ms(gap_late_by(late) + noise, sync.expected_opening(phones(), 6.0))
    assert lag == pytest.approx(1000 * late, abs=5)
    assert r > 0.9


def test_lag_ignores_frames_without_a_face() -> None:
    gap = gap_late_by(0.05)
    gap[40:60] = np.nan
    lag, _ = sync.lag_ms(gap, sync.expected_opening(phones(), 6.0))
    assert lag == pytest.approx(50, abs=3)


def test_a_mouth_that_never_moves_has_no_lag() -> None:
    lag, r = sync.lag_ms(np.full(150, 0.05), sync.expected_opening(phones(), 6.0))
    assert np.isnan(lag)
    assert r == 0


def test_lag_against_loudness() -> None:
    t = np.arange(6 * RATE) / RATE
    bursts = np.sin(2 * np.pi * 0.9 * t + np.sin(1.3 * t)) > 0
    sound = (0.3 * bursts * np.sin(2 * np.pi * 700 * t)).astype(np.float32)
    late = 0.06
    mouth = np.interp((np.arange(150) + 0.5) / FPS - late, t, bursts.astype(float))
    lag, r = sync.lag_ms(mouth, sync.loudness(sound))
    assert lag == pytest.approx(60, abs=15)
    assert r > 0.8


def test_sounds_are_ordered_by_opening() -> None:
    assert sync.opening("m") == sync.opening("_") == 0
    assert sync.opening("f") < sync.opening("s") < sync.opening("iː") < sync.opening("ə")
    assert sync.opening("ə") < sync.opening("ˈɑː")


def test_a_sound_that_ends_inside_a_frame_needs_that_frame() -> None:
    assert [sync.frames_for(n) for n in (0, 1, 640, 641)] == [0, 1, 1, 2]
