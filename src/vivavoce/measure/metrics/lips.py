"""What the lips do on the sounds: closed on p b m, open on a, at rest in pauses.

The gap is `types.lip_gap`: between the inner lips, over the distance of the outer eye corners, as
the tracker sees it on finished frames; 0 is closed, 0.12 is what people show on open vowels. Frame
k is shown from k/25 s to (k+1)/25 s. Phones are IPA (from our voices) or ARPAbet (from alignment).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from vivavoce.types import FPS, Phone

CLOSED = 0.03
"""A gap under this is closed."""
LEAST_PAUSE_S = 0.3
"""Pauses shorter than this are not looked at."""
OPENS_BEFORE_S = 0.12
"""The lips may open for the next sound this long before the pause ends."""
_MARKS = "ˈˌː"
_PAUSES = ("", "_", "SIL", "sil", "<sil>", "+SPN+", "+NSN+", "SP", "(NULL)", "<s>", "</s>")
_OPEN_IPA = ("a", "ɑ", "ɒ", "æ")
_OPEN_ARPABET = ("AA", "AE", "AW", "AY")


def bare(symbol: str) -> str:
    """A phone's symbol without stress and length marks."""
    return symbol.strip(_MARKS).rstrip("012")


def is_pause(symbol: str) -> bool:
    """True for symbols at which nothing is said: pauses, noise, breath."""
    return symbol in _PAUSES or symbol.startswith("+")


def is_closure(symbol: str) -> bool:
    """True for sounds on which the lips must meet: p, b, m in any variant."""
    return bare(symbol)[:1] in {"p", "b", "m"} or bare(symbol) in {"P", "B", "M"}


def is_open_vowel(symbol: str) -> bool:
    """a ɑ ɒ æ, diphthongs that begin with them, and stressed ʌ; AA AE AW AY.

    ʌ without a stress mark is left out, for the aligner writes it for every schwa."""
    sound = bare(symbol)
    if sound.isupper():
        return sound in _OPEN_ARPABET
    return sound.startswith(_OPEN_IPA) or symbol.startswith(("ˈʌ", "ˌʌ"))


def known_share(phones: Sequence[Phone]) -> float:
    """How much of the time in which something is said the phones are known for ("?": not), in
    [0, 1]."""
    spoken = [(p.end_s - p.start_s, p.symbol != "?") for p in phones if not is_pause(p.symbol)]
    total = sum(length for length, _ in spoken)
    return sum(length for length, known in spoken if known) / total if total else 0.0


def frames_during(start_s: float, end_s: float, count: int) -> slice:
    """The frames of `count` that are shown during some of the time from `start_s` to `end_s`."""
    first = int(np.floor(start_s * FPS + 1e-6))
    last = int(np.ceil(end_s * FPS - 1e-6))
    return slice(max(first, 0), min(max(last, first + 1), count))


def closure_gaps(gap: np.ndarray, phones: Sequence[Phone]) -> np.ndarray:
    """How far the lips stay apart on each p, b, m [K]; 0 and up, lower is better.

    The least gap over the frames that overlap the phone, half a frame allowed at either side. NaN
    where the tracker lost the face.
    """
    half = 0.5 / FPS
    chosen = [p for p in phones if is_closure(p.symbol)]
    return np.array([_extreme(gap, p.start_s - half, p.end_s + half, np.nanmin) for p in chosen])


def vowel_gaps(gap: np.ndarray, phones: Sequence[Phone]) -> np.ndarray:
    """How far the lips open on each open vowel [K]; 0 and up, people: 0.10 to 0.16.

    The mirror of `closure_gaps`: the largest gap over the frames that overlap the phone.
    """
    chosen = [p for p in phones if is_open_vowel(p.symbol)]
    return np.array([_extreme(gap, p.start_s, p.end_s, np.nanmax) for p in chosen])


def _extreme(gap: np.ndarray, start_s: float, end_s: float, which: Callable[..., Any]) -> float:
    part = gap[frames_during(start_s, end_s, len(gap))]
    return float(which(part)) if np.isfinite(part).any() else float("nan")


def inner_pauses(phones: Sequence[Phone], least_s: float = LEAST_PAUSE_S) -> list[Phone]:
    """The pauses of at least `least_s` seconds that have speech before and after them."""
    spoken = [i for i, p in enumerate(phones) if not is_pause(p.symbol)]
    if not spoken:
        return []
    inside = phones[spoken[0] : spoken[-1] + 1]
    return [p for p in _merged(inside) if is_pause(p.symbol) and p.end_s - p.start_s >= least_s]


def _merged(phones: Sequence[Phone]) -> list[Phone]:
    """Phones with pauses that touch made one."""
    merged: list[Phone] = []
    for p in phones:
        if merged and is_pause(p.symbol) and is_pause(merged[-1].symbol):
            merged[-1] = Phone(p.symbol, merged[-1].start_s, p.end_s)
        else:
            merged.append(p)
    return merged


def closing_frames(gap: np.ndarray, pause: Phone) -> float:
    """Frames from the pause's start until the lips are closed and stay so until 0.12 s before its
    end; 0 and up, lower is better. Infinite where they never come to rest."""
    part = gap[_rest(pause, len(gap))]
    late = np.flatnonzero(~(part < CLOSED))
    if not len(late):
        return 0.0
    return float(late[-1] + 1) if late[-1] + 1 < len(part) else float("inf")


def stillness(gap: np.ndarray, pause: Phone, settled: int = 3) -> float:
    """Mean absolute second difference of the gap in a pause, from `settled` frames after its start
    to 0.12 s before its end; 0 is motionless, the tracker's own noise is about 0.002."""
    part = gap[_rest(pause, len(gap))][settled:]
    return float(np.nanmean(np.abs(np.diff(part, 2)))) if len(part) >= 3 else float("nan")


def _rest(pause: Phone, count: int) -> slice:
    first = int(np.ceil(pause.start_s * FPS - 1e-6))
    last = int(np.floor((pause.end_s - OPENS_BEFORE_S) * FPS + 1e-6))
    return slice(min(first, count), min(max(last, first + 1), count))
