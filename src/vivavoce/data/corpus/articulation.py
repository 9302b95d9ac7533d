"""The articulatory teacher: how lips move for phones whose times are known.

Each sound class has target values for the lip controls and a dominance for each articulator; a
control at time t is the mean of the targets, weighted by dominances that fall off exponentially
with the distance from each phone (Cohen & Massaro, "Modeling coarticulation in synthetic visual
speech", Models and Techniques in Computer Animation, 1993, eqs. 1-4). Closures and rests are given
apart, because a weighted mean never reaches them. Amplitudes are set so that open vowels open the
lips by what the tracked clips show (0.125 outer-eye distances on the median).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vivavoce.listen.sounds import CLASSES, CLOSED, INDEX, SILENCE, VOWELS, spans
from vivavoce.move.lips import CONTROL_INDEX, CONTROLS
from vivavoce.types import FPS, Float, Phone

TARGETS: dict[str, dict[str, float]] = {
    "sil": {},
    "pbm": {"jaw": 0.07},
    "fv": {"jaw": 0.04, "roll_lower": 0.45, "upper_up": 0.22, "shrug_lower": 0.12},
    "th": {"jaw": 0.10, "lower_down": 0.14, "upper_up": 0.10},
    "tdnl": {"jaw": 0.09, "lower_down": 0.15, "upper_up": 0.08},
    "sz": {"jaw": 0.02, "stretch": 0.18, "lower_down": 0.24, "upper_up": 0.12},
    "sh": {"jaw": 0.04, "funnel": 0.32, "pucker": 0.30, "lower_down": 0.14, "upper_up": 0.08},
    "kg": {"jaw": 0.13, "lower_down": 0.10, "upper_up": 0.05},
    "h": {"jaw": 0.15, "lower_down": 0.08},
    "r": {"jaw": 0.08, "funnel": 0.20, "pucker": 0.25, "lower_down": 0.06},
    "w": {"jaw": 0.04, "funnel": 0.10, "pucker": 0.70, "thrust": 0.10},
    "j": {"jaw": 0.07, "stretch": 0.22, "smile": 0.14, "lower_down": 0.14, "upper_up": 0.06},
    "a": {"jaw": 0.42, "lower_down": 0.20, "upper_up": 0.12},
    "ae": {"jaw": 0.36, "stretch": 0.22, "smile": 0.12, "lower_down": 0.24, "upper_up": 0.16},
    "uh": {"jaw": 0.33, "lower_down": 0.16, "upper_up": 0.09},
    "eh": {"jaw": 0.25, "stretch": 0.18, "smile": 0.12, "lower_down": 0.20, "upper_up": 0.12},
    "e": {"jaw": 0.15, "stretch": 0.24, "smile": 0.17, "lower_down": 0.18, "upper_up": 0.10},
    "i": {"jaw": 0.08, "stretch": 0.32, "smile": 0.22, "lower_down": 0.18, "upper_up": 0.10},
    "schwa": {"jaw": 0.15, "lower_down": 0.12, "upper_up": 0.06},
    "aw": {"jaw": 0.36, "funnel": 0.20, "pucker": 0.22, "lower_down": 0.06},
    "o": {"jaw": 0.18, "funnel": 0.30, "pucker": 0.42, "thrust": 0.06},
    "u": {"jaw": 0.07, "funnel": 0.24, "pucker": 0.65, "thrust": 0.10},
    "y": {"jaw": 0.08, "funnel": 0.24, "pucker": 0.55, "thrust": 0.08},
}
"""Control values at the middle of a long, clear sound; what is not named is 0."""

ARTICULATORS: dict[str, tuple[str, ...]] = {
    "jaw": ("jaw",),
    "round": ("funnel", "pucker", "thrust"),
    "spread": ("stretch", "smile", "dimple"),
    "lower": ("roll_lower", "shrug_lower", "lower_down"),
    "upper": ("upper_up", "shrug_upper", "roll_upper", "press"),
}
"""Groups of controls of the lips and jaw that move together; `DOMINANCE` has a column for each."""

DOMINANCE: dict[str, tuple[float, float, float, float, float]] = {
    "sil": (0.8, 0.6, 0.8, 0.8, 0.8),
    "pbm": (1.0, 0.15, 0.2, 0.6, 0.6),
    "fv": (1.6, 0.5, 0.3, 3.0, 2.0),
    "th": (0.8, 0.3, 0.4, 0.6, 0.6),
    "tdnl": (0.6, 0.15, 0.3, 0.5, 0.5),
    "sz": (1.6, 0.4, 0.6, 1.0, 0.8),
    "sh": (1.5, 1.4, 0.8, 0.8, 0.8),
    "kg": (0.4, 0.10, 0.2, 0.3, 0.3),
    "h": (0.1, 0.05, 0.1, 0.1, 0.1),
    "r": (0.6, 0.9, 0.5, 0.5, 0.5),
    "w": (1.0, 2.0, 1.0, 0.8, 0.8),
    "j": (0.8, 0.7, 0.8, 0.6, 0.6),
    "a": (1.5, 0.8, 0.8, 0.9, 0.9),
    "ae": (1.4, 0.8, 1.0, 0.9, 0.9),
    "uh": (1.2, 0.6, 0.6, 0.8, 0.8),
    "eh": (1.2, 0.8, 0.9, 0.8, 0.8),
    "e": (1.0, 0.9, 1.0, 0.8, 0.8),
    "i": (1.0, 1.0, 1.2, 0.8, 0.8),
    "schwa": (0.6, 0.3, 0.4, 0.5, 0.5),
    "aw": (1.3, 1.2, 0.8, 0.8, 0.8),
    "o": (1.2, 1.5, 1.0, 0.8, 0.8),
    "u": (1.0, 1.8, 1.0, 0.8, 0.8),
    "y": (1.0, 1.5, 0.8, 0.8, 0.8),
}
"""Class → dominance for jaw, round, spread, lower, upper: how much it insists on its targets."""

REACH_S = {"jaw": 0.035, "round": 0.070, "spread": 0.050, "lower": 0.030, "upper": 0.035}
"""Time in which a dominance falls to 1/e; rounding starts early (Cohen & Massaro's theta)."""
SEALED_SHARE = 0.35
"""A frame of which p, b, m fill this much is sealed; each p, b, m seals one frame at least."""
SHORTEST_REST_S = 0.20
_REST_AFTER_S, _REST_BEFORE_S = 0.07, 0.12  # the mouth settles after, opens before


@dataclass(frozen=True)
class LipTargets:
    """What the lips should do, T frames at 25 a second."""

    free: Float
    """Controls [T, 14] in [0, 1] as if nothing sealed the lips."""
    closed: Float
    """Sealed by p, b, m [T] in {0, 1}."""
    rest: Float
    """At rest in a pause [T] in [0, 1]."""


def articulate(phones: Sequence[Phone], frames: int, energy: Float) -> LipTargets:
    """The teacher's lips for `phones` that start at 0 s.

    Args:
        phones: Sorted by time.
        frames: T.
        energy: How loud each frame is [T] in [0, 1] (`Cues.prosody`); louder speech opens wider.
    """
    parts = list(spans(phones))
    starts = np.array([p[0] for p in parts])
    ends = np.array([p[1] for p in parts])
    kinds = np.array([p[2] for p in parts])
    at = (np.arange(frames) + 0.5) / FPS
    free = _blend(starts, ends, kinds, at) * _loudness(energy)[:, None]
    return LipTargets(
        free.astype(np.float32), _closures(starts, ends, kinds, frames), _rests(parts, frames)
    )


def _blend(starts: np.ndarray, ends: np.ndarray, kinds: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Dominance-weighted means of the targets [T, 14]."""
    free = np.zeros((len(at), len(CONTROLS)))
    length = ends - starts
    plateau = np.maximum(length / 2 - 0.05, 0)
    distance = np.abs(at[:, None] - (starts + ends) / 2) - plateau
    for column, (articulator, controls) in enumerate(ARTICULATORS.items()):
        reach = REACH_S[articulator] + 0.25 * np.minimum(length, 0.2)
        strength = np.array([DOMINANCE[CLASSES[k]][column] for k in kinds])
        weight = strength * np.exp(-np.maximum(distance, 0) / reach)
        weight /= weight.sum(1, keepdims=True) + 1e-6
        for control in controls:
            goal = np.array([TARGETS[CLASSES[k]].get(control, 0.0) for k in kinds])
            if control == "jaw":
                goal = goal * np.where(np.isin(kinds, VOWELS), _clarity(length), 1)
            free[:, CONTROL_INDEX[control]] = weight @ goal
    return np.clip(free, 0, 1)


def _clarity(length: np.ndarray) -> np.ndarray:
    """How fully a vowel of `length` s is articulated: hurried ones open less (undershoot; Lindblom,
    "Spectrographic study of vowel reduction", 1963)."""
    return np.clip(0.70 + 0.30 * length / 0.12, 0.75, 1.1)


def _loudness(energy: Float) -> np.ndarray:
    """Scale of the openings; a middling loud vowel has energy 0.8."""
    smooth = np.convolve(np.pad(energy, 2, mode="edge"), np.ones(5) / 5, mode="valid")
    return np.clip(0.6 + 0.5 * smooth, 0.6, 1.15)


def _closures(starts: np.ndarray, ends: np.ndarray, kinds: np.ndarray, frames: int) -> Float:
    """1 in frames that p, b, m fill enough, and in each one's best frame [T]."""
    closed = np.zeros(frames, np.float32)
    for start, end in zip(starts[kinds == CLOSED] * FPS, ends[kinds == CLOSED] * FPS, strict=True):
        rows = np.arange(max(int(start), 0), min(int(np.ceil(end)), frames))
        if not len(rows):
            continue
        share = np.minimum(rows + 1, end) - np.maximum(rows, start)
        closed[rows[share >= SEALED_SHARE]] = 1
        closed[rows[share.argmax()]] = 1
    return closed


def _rests(parts: Sequence[tuple[float, float, int]], frames: int) -> Float:
    """How much of each frame is deep inside a pause [T]."""
    rest = np.zeros(frames + 1)
    end_of_all = frames / FPS
    for start, end, kind in _joined(parts, end_of_all):
        if kind != SILENCE or end - start < SHORTEST_REST_S:
            continue
        first = start * FPS + (_REST_AFTER_S * FPS if start > 0 else 0)
        last = end * FPS - (_REST_BEFORE_S * FPS if end < end_of_all - 1e-3 else 0)
        rows = np.arange(frames)
        rest[:frames] += np.clip(np.minimum(rows + 1, last) - np.maximum(rows, first), 0, 1)
    return np.clip(rest[:frames], 0, 1).astype(np.float32)


def _joined(
    parts: Sequence[tuple[float, float, int]], end_of_all: float
) -> list[tuple[float, float, int]]:
    """Parts with silences that touch made one, and silence up to the end."""
    whole: list[tuple[float, float, int]] = []
    for start, end, kind in [*parts, (parts[-1][1] if parts else 0.0, end_of_all, SILENCE)]:
        if whole and kind == SILENCE and whole[-1][2] == SILENCE:
            whole[-1] = (whole[-1][0], max(end, whole[-1][1]), SILENCE)
        else:
            whole.append((start, end, kind))
    return whole


assert set(TARGETS) == set(DOMINANCE) == set(INDEX)
