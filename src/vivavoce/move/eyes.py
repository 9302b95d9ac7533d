"""Blinks and gaze: processes whose rates, shapes and targets are measured on real clips."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vivavoce.errors import BadCheckpoint
from vivavoce.nn.weights import read_weights
from vivavoce.types import ARKIT_INDEX, FPS, Float

SINCE_S = (0.5, 1.0, 2.0, 3.0, 4.5, 6.0)
"""Borders of the bins of time since the last blink."""
REFRACTORY_S, LONGEST_S = 0.8, 7.0
"""Shortest and longest time between the beginnings of two blinks, in seconds."""
PEAK = 4
"""Column of the blink's shape at which the eye is shut."""
OWED_PULL = 2.0
"""Log-odds of a blink's beginning for each blink that is owed to the rate; chosen, not measured."""
LOOK_RAD = 0.55
"""Turn of an eye in radians for which an eyeLook coefficient is 1."""
VESTIBULO_OCULAR = 0.6
"""Part of the head's turn that the eyes take back to stay with the viewer."""
GAZE_LIMIT = 0.24
"""Furthest turn of the eyes in radians (14 degrees) to each side, up and down; chosen, not
measured."""
_SACCADE = np.array([0.35, 0.85, 1.0])  # of the way, frame by frame: about 80 ms for 5 degrees
_LOUD, _PAUSE_S = 0.3, 0.1  # energy above which somebody speaks; longest closure of a stop


def since_bin(seconds: float) -> int:
    """Index of the bin of `SINCE_S` that a time since the last blink falls into, 0 to 6."""
    return int(np.searchsorted(SINCE_S, seconds, side="right"))


@dataclass(frozen=True)
class EyeHabits:
    """Statistics of blinks and glances, measured on real clips (or invented for corpus people)."""

    hazard: Float
    """Log-odds of a blink's beginning in a frame [7 bins of time since the last, 2]; the column
    says whether it is in a pause."""
    shape: Float
    """Mean course of a blink [12] at 25 a second, in [0, 1], 1 at column 4."""
    targets: Float
    """Where people look between two saccades [N, 2]: yaw, pitch in radians from the viewer."""
    stays: Float
    """How long the eyes stay at each of `targets` [N], in seconds."""

    @classmethod
    def load(cls, file: Path) -> EyeHabits:
        """Habits that are stored in the head's checkpoint `file` (safetensors).

        Raises: BadCheckpoint: the file is missing, damaged, or of another part or version.
        """
        tensors, _ = read_weights(file, "head")
        try:
            return cls(*(tensors[f"eyes.{n}"].numpy() for n in cls.__dataclass_fields__))
        except KeyError as error:
            raise BadCheckpoint(f"{file} does not fit this version (no {error}).") from None


class BlinkStream:
    """When the eyes blink: a hazard that depends on the time since the last blink and on pauses.

    With a rate, blinks that are owed make the next one likelier and blinks too many put it off; so
    every clip comes to about that rate, and yet no two blinks are equally far apart.
    """

    def __init__(
        self, habits: EyeHabits, rng: np.random.Generator, a_minute: float | None = None
    ) -> None:
        self._habits, self._rng = habits, rng
        self._since = float(rng.uniform(0.5, 2.5))
        self._a_frame = None if a_minute is None else a_minute / (60 * FPS)
        self._owed = 0.0
        self._coming = np.zeros(0, np.float32)  # the rest of a blink that has begun
        self._quiet = 1.0  # seconds since the last loud frame

    def push(self, prosody: Float) -> Float:
        """Closure of both lids [n] in [0, 1] for prosody [n, 3]."""
        return np.array([self._frame(float(row[0])) for row in prosody], np.float32)

    def _frame(self, energy: float) -> float:
        self._hear(energy)
        chance = self._rng.random()
        if not len(self._coming) and self._begins(chance):
            self._coming = stretched(self._habits.shape, float(self._rng.uniform(0.9, 1.25)))
            self._since = 0.0
            self._owed -= 1
        self._since += 1 / FPS
        self._owed += self._a_frame or 0.0
        if not len(self._coming):
            return 0.0
        value, self._coming = float(self._coming[0]), self._coming[1:]
        return value

    def _hear(self, energy: float) -> None:
        self._quiet = 0.0 if energy > _LOUD else self._quiet + 1 / FPS

    def _begins(self, chance: float) -> bool:
        if self._since < REFRACTORY_S:
            return False
        pausing = self._quiet > _PAUSE_S
        odds = self._habits.hazard[since_bin(self._since), int(pausing)]
        if self._a_frame is not None:
            odds = odds + OWED_PULL * self._owed
        return self._since > LONGEST_S or chance < 1 / (1 + np.exp(-odds))


def stretched(shape: Float, factor: float) -> Float:
    """A blink's course `factor` times as long, still 1 at its peak."""
    before, after = round(PEAK * factor), round((len(shape) - 1 - PEAK) * factor)
    at = np.arange(-before, after + 1) / factor
    return np.interp(at, np.arange(len(shape)) - PEAK, shape, 0, 0).astype(np.float32)


class GazeStream:
    """Where the eyes look: they stay with the viewer, glance away, and come back; they turn against
    the head (vestibulo-ocular reflex)."""

    def __init__(self, habits: EyeHabits, rng: np.random.Generator) -> None:
        self._habits, self._rng = habits, rng
        self._from = self._to = np.zeros(2)
        self._frame, self._stay = len(_SACCADE), round(float(rng.uniform(0.8, 2.5)) * FPS)
        self._away = False

    def push(self, head: Float) -> Float:
        """Gaze [n, 2] relative to heads with yaw and pitch [n, 2], in radians."""
        rows = [self._fixation() - VESTIBULO_OCULAR * turn for turn in head[:, :2]]
        gaze = np.array(rows, np.float32).reshape(-1, 2)
        return np.clip(gaze, -GAZE_LIMIT, GAZE_LIMIT)

    def _fixation(self) -> np.ndarray:
        if self._frame >= self._stay:
            self._look_elsewhere()
        part = _SACCADE[min(self._frame, len(_SACCADE) - 1)]
        self._frame += 1
        return self._from + part * (self._to - self._from)

    def _look_elsewhere(self) -> None:
        """Choose the next target and how long to stay; every second one is the viewer."""
        pick, stay, wander = self._rng.integers(len(self._habits.stays), size=2), 1.0, 0.006
        self._from = self._to
        self._away = not self._away and bool(self._rng.random() < 0.6)
        self._to = self._rng.normal(0, wander, 2)
        if self._away:
            self._to = self._to + self._habits.targets[pick[0]]
        else:
            stay = 1.6  # the viewer is looked at for longer
        seconds = stay * float(self._habits.stays[pick[1]])
        self._frame, self._stay = 0, max(len(_SACCADE) + 2, round(seconds * FPS))


def show_eyes(expression: Float, closure: Float, gaze: Float) -> None:
    """Write blinks [T] and gaze [T, 2] into coefficients [T, 52], in place.

    The lids follow the gaze: that is what eyeLookUp and eyeLookDown do to a face.
    """
    for side, outward in (("Left", 1.0), ("Right", -1.0)):
        expression[:, ARKIT_INDEX[f"eyeBlink{side}"]] = closure
        # The person's left eye is on the picture's right, where yaw > 0 looks.
        aside, up = outward * gaze[:, 0] / LOOK_RAD, gaze[:, 1] / LOOK_RAD
        for name, value in (("Out", aside), ("In", -aside), ("Up", up), ("Down", -up)):
            open_eye = np.clip(value, 0, 1) * (1 - closure)
            expression[:, ARKIT_INDEX[f"eyeLook{name}{side}"]] = open_eye
