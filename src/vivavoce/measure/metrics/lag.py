"""Whether the picture moves when the sound is heard.

The gap of the lips is compared with the opening that the sounds lead one to expect; where the two
agree best, there is the lag. A frame stands for the middle of the time it is shown. Positive: the
picture is late.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import gaussian_filter1d

from vivavoce.measure.metrics.lips import bare, is_closure, is_open_vowel, is_pause, known_share
from vivavoce.types import FPS, RATE, SAMPLES_PER_FRAME, Phone

STEP_S = 0.005
"""Resolution of the expected opening, before the peak is refined."""
REACH_S = 0.3
"""Lags up to this are looked for."""
SMOOTH_S = 0.035
"""Standard deviation of the lips' inertia."""
LEAST_LIKENESS = 0.3
"""Least correlation of gap and expected opening at which a lag is a finding."""
LEAST_SECONDS = 4.0
"""Least length of a clip in which a lag can be found: in shorter ones several fit about as well."""
KNOWN = 0.6
"""Least share of the spoken time whose phones must be known for the expected opening."""
CLOSE_VOWELS = ("i", "ɪ", "y", "u", "ʊ", "ɨ", "ɯ", "IY", "IH", "UW", "UH")
MID_VOWELS = ("e", "ɛ", "ə", "ɜ", "ɔ", "o", "ɐ", "ɚ", "ɝ", "ø", "œ", "EH", "ER", "AO", "OW", "EY",
              "AH", "OY")  # fmt: skip
LIP_TEETH = ("f", "v", "F", "V")


def opening(symbol: str) -> float:
    """How far people open their lips on a sound, open vowels = 1, closures and pauses = 0."""
    sound = bare(symbol)
    if is_pause(symbol) or is_closure(symbol):
        return 0.0
    if is_open_vowel(symbol):
        return 1.0
    if sound.startswith(MID_VOWELS):
        return 0.7
    if sound.startswith(CLOSE_VOWELS):
        return 0.5
    return 0.2 if sound in LIP_TEETH else 0.4


def expected_opening(phones: Sequence[Phone], seconds: float) -> np.ndarray:
    """The opening that the phones lead one to expect [N], every 5 ms (middles), in [0, 1]."""
    trace = np.zeros(round(seconds / STEP_S))
    for p in phones:
        trace[round(p.start_s / STEP_S) : round(p.end_s / STEP_S)] = opening(p.symbol)
    return gaussian_filter1d(trace, SMOOTH_S / STEP_S)


def expected(phones: Sequence[Phone], samples: np.ndarray) -> np.ndarray:
    """The opening that the sound [n] leads one to expect of the lips [N], every 5 ms, in [0, 1]: by
    the phones where most of them are known, else by the loudness."""
    if known_share(phones) >= KNOWN:
        return expected_opening(phones, len(samples) / RATE)
    return loudness(samples)


def loudness(samples: np.ndarray) -> np.ndarray:
    """Loudness of the vowels (300 to 3,000 Hz) [N], every 5 ms (middles), in [0, 1].

    Stands in for the expected opening where the phones are not known; coarser, because sounds are
    loudest at their beginning: expect some 20 ms of bias.
    """
    from scipy.signal import butter, sosfiltfilt

    voice = sosfiltfilt(butter(4, [300, 3000], "bandpass", fs=RATE, output="sos"), samples)
    size = round(STEP_S * RATE)
    power = np.square(voice[: len(voice) // size * size]).reshape(-1, size).mean(1)
    level = 10 * np.log10(power + 1e-10)
    top = np.percentile(level, 95)
    return gaussian_filter1d(np.clip(1 + (level - top) / 35, 0, 1), SMOOTH_S / STEP_S)


def lag_ms(gap: np.ndarray, expected: np.ndarray) -> tuple[float, float]:
    """Milliseconds by which the lips come after the sound, and the correlation there.

    Args:
        gap: Inner-lip gap [T], a value a frame; NaN where the face was lost.
        expected: `expected_opening` or `loudness` of the same stretch [N], every 5 ms.

    Returns:
        Lag in [-300, 300] ms (positive: picture late; 0 is best) and Pearson's r in [-1, 1]; NaN
        and 0 where either does not move.
    """
    seen = np.isfinite(gap)
    when = (np.flatnonzero(seen) + 0.5) / FPS
    shifts = np.arange(-round(REACH_S / STEP_S), round(REACH_S / STEP_S) + 1) * STEP_S
    grid = (np.arange(len(expected)) + 0.5) * STEP_S
    score = np.array([_pearson(gap[seen], np.interp(when - s, grid, expected)) for s in shifts])
    if not np.isfinite(score).all():
        return float("nan"), 0.0
    best = int(score.argmax())
    return 1000 * (shifts[best] + STEP_S * _vertex(score, best)), float(score[best])


def _pearson(a: np.ndarray, b: np.ndarray) -> float:
    if len(a) < 3 or np.ptp(a) < 1e-9 or np.ptp(b) < 1e-9:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def _vertex(score: np.ndarray, best: int) -> float:
    """Where between its neighbours the peak lies, in steps, by a parabola through three points."""
    if not 0 < best < len(score) - 1:
        return 0.0
    left, middle, right = score[best - 1 : best + 2]
    bend = left - 2 * middle + right
    return 0.0 if abs(bend) < 1e-12 else float(0.5 * (left - right) / bend)


def frames_for(samples: int) -> int:
    """How many frames a sound of that many samples needs: the last one may be partly silent."""
    return -(-samples // SAMPLES_PER_FRAME)
