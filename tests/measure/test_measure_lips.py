"""Figures of the lips against answers that are known by construction."""

from __future__ import annotations

import numpy as np
import pytest

from vivavoce.measure.metrics import lips
from vivavoce.types import Phone


def gap_of(*parts: tuple[int, float]) -> np.ndarray:
    """A gap that holds each value for a number of frames."""
    return np.concatenate([np.full(n, value) for n, value in parts])


def test_symbols_of_both_alphabets() -> None:
    assert all(lips.is_closure(s) for s in ("p", "b", "m", "mː", "pʰ", "P", "B", "M"))
    assert not any(lips.is_closure(s) for s in ("n", "f", "_", "", "PAU"[1:], "?"))
    assert all(lips.is_open_vowel(s) for s in ("ˈɑː", "æ", "aɪ", "ˈʌ", "AA", "AY1", "AE0"))
    assert not any(lips.is_open_vowel(s) for s in ("ə", "ʌ", "iː", "AH0", "EY", "_"))
    assert all(lips.is_pause(s) for s in ("", "_", "SIL"))


def test_closure_takes_the_least_gap_half_a_frame_around_the_phone() -> None:
    gap = gap_of((5, 0.1), (1, 0.01), (5, 0.1))  # closed in frame 5: 0.20 to 0.24 s
    inside, beside, far = Phone("p", 0.20, 0.24), Phone("b", 0.25, 0.3), Phone("m", 0.27, 0.34)
    assert lips.closure_gaps(gap, [inside, beside, far]) == pytest.approx([0.01, 0.01, 0.1])


def test_closure_of_a_face_that_was_lost_is_unknown() -> None:
    assert np.isnan(lips.closure_gaps(np.full(10, np.nan), [Phone("p", 0.1, 0.2)])).all()


def test_open_vowel_takes_the_largest_gap_without_a_margin() -> None:
    gap = gap_of((5, 0.02), (1, 0.14), (5, 0.02))
    found = lips.vowel_gaps(gap, [Phone("ɑː", 0.21, 0.23), Phone("a", 0.24, 0.3)])
    assert found == pytest.approx([0.14, 0.02])


def test_only_long_pauses_between_words_count() -> None:
    phones = [
        Phone("_", 0, 0.5), Phone("a", 0.5, 0.6), Phone("_", 0.6, 0.8), Phone("", 0.8, 1.0),
        Phone("t", 1.0, 1.1), Phone("_", 1.1, 1.2), Phone("i", 1.2, 1.3), Phone("_", 1.3, 2),
    ]  # fmt: skip
    assert [(p.start_s, p.end_s) for p in lips.inner_pauses(phones)] == [(0.6, 1.0)]


def test_closing_counts_frames_until_the_lips_stay_closed() -> None:
    pause = Phone("_", 0.2, 0.8)
    assert lips.closing_frames(gap_of((7, 0.1), (20, 0.01)), pause) == 2
    assert lips.closing_frames(gap_of((5, 0.1), (20, 0.01)), pause) == 0
    # opening for the next sound in the last 0.12 s is not a fault, opening before it is
    assert lips.closing_frames(gap_of((7, 0.1), (10, 0.01), (9, 0.1)), pause) == 2
    assert lips.closing_frames(gap_of((7, 0.1), (8, 0.01), (9, 0.1)), pause) == float("inf")
    assert lips.closing_frames(gap_of((30, 0.1)), pause) == float("inf")


def test_stillness_is_the_mean_second_difference() -> None:
    pause = Phone("_", 0.0, 1.12)
    assert lips.stillness(np.zeros(40), pause) == 0
    zigzag = 0.01 * (np.arange(40) % 2)
    assert lips.stillness(zigzag, pause) == pytest.approx(0.02)


def test_known_share_ignores_pauses() -> None:
    phones = [Phone("?", 0, 1), Phone("_", 1, 5), Phone("a", 5, 8)]
    assert lips.known_share(phones) == pytest.approx(0.75)
    assert lips.known_share([]) == 0


def test_of_a_pause_that_is_too_short_one_frame_is_looked_at() -> None:
    short = Phone("_", 0.2, 0.24)
    assert lips.closing_frames(gap_of((5, 0.1), (1, 0.01), (9, 0.1)), short) == 0
    assert lips.closing_frames(gap_of((6, 0.1), (9, 0.01)), short) == float("inf")
