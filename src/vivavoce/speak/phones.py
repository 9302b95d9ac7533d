"""Phoneme starts as an engine reports them → contiguous phones that cover the whole piece."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np

from vivavoce.types import Float, Phone

PAUSE = "_"
"""Symbol of a pause between phones."""
STOPS = ("p", "b", "t", "d", "k", "ɡ", "g", "q", "c", "ʈ", "ɖ", "ɟ", "ʔ", "ɓ", "ɗ", "ɠ")
"""Sounds that begin with a closure; affricates begin with one of them."""
_CLOSURE_S = 0.08
_SILENT = 2e-3  # of full scale: below it espeak plays digital silence


def phones_from_starts(
    starts: Sequence[tuple[str, int]], sound: Float, rate: int
) -> tuple[Phone, ...]:
    """Phones that follow each other without a gap from 0 to the end of `sound`.

    espeak reports a stop where it bursts; the mouth closes before that, in the silence that
    precedes, so the closure (at most 80 ms) is given to the stop. Changes of language, "(en)", and
    lone diacritics are no phones: the one before goes on. A phone that got no time of its
    own (a liquid that is played as the end of its vowel) takes the last third of the one before.

    Args:
        starts: (IPA, first sample), in order; "" begins a pause.
        sound: The piece [n] in [-1, 1].
        rate: Sampling rate of `sound`, in Hz.
    """
    marks = [
        (symbol or PAUSE, min(start, len(sound)))
        for symbol, start in starts
        if not symbol.startswith("(") and not _only_marks(symbol)
    ]
    if not marks or marks[0][1] > 0:
        marks.insert(0, (PAUSE, 0))
    bounds = _with_closures(marks, sound, rate)
    bounds.append(len(sound))
    _share_empty(bounds)
    return _joined([symbol for symbol, _ in marks], bounds, rate)


def _only_marks(symbol: str) -> bool:
    """Whether a symbol has diacritics or stress marks and no letter."""
    return bool(symbol) and all(unicodedata.category(c) in ("Mn", "Lm", "Sk") for c in symbol)


def _with_closures(marks: list[tuple[str, int]], sound: Float, rate: int) -> list[int]:
    """First samples, those of stops moved back over the silence before their burst."""
    bounds = [start for _, start in marks]
    longest = int(_CLOSURE_S * rate)
    for i in range(1, len(marks)):
        if not marks[i][0].lstrip("ˈˌ").startswith(STOPS):
            continue
        floor = max(bounds[i] - longest, bounds[i - 1])
        loud = np.flatnonzero(np.abs(sound[floor : bounds[i]]) > _SILENT)
        bounds[i] = floor + (int(loud[-1]) + 1 if len(loud) else 0)
    return bounds


def _share_empty(bounds: list[int]) -> None:
    """Give a phone of no length the last third of the one before it, in place."""
    for i in range(1, len(bounds) - 1):
        if bounds[i] >= bounds[i + 1]:
            bounds[i] -= (bounds[i] - bounds[i - 1]) // 3


def _joined(symbols: list[str], bounds: list[int], rate: int) -> tuple[Phone, ...]:
    """Phones with times in seconds; pauses that touch become one, empty phones are dropped."""
    phones: list[Phone] = []
    for symbol, start, end in zip(symbols, bounds, bounds[1:], strict=False):
        if start >= end:
            continue
        if phones and symbol == PAUSE and phones[-1].symbol == PAUSE:
            phones[-1] = Phone(PAUSE, phones[-1].start_s, end / rate)
        else:
            phones.append(Phone(symbol, start / rate, end / rate))
    return tuple(phones)
