"""Nods: the head goes down with stressed words, which are heard as peaks of loudness and pitch.

Speakers' heads mark prominent words (Hadar et al., "Head movement correlates of juncture and stress
at sentence level", Language and Speech 26, 1983; Munhall et al., "Visual prosody and speech
intelligibility", Psychological Science 15, 2004). What is a peak can be said two frames later; the
way down begins three frames before it.
"""

from __future__ import annotations

import numpy as np

from vivavoce.types import FPS, Float

LOOK_AHEAD = 5
"""Frames by which nods stay behind the prosody."""
SIZE_RAD = 0.042
"""Way down (2.4 degrees) of a usual nod; chosen by eye."""
CHANCE = 0.8
"""Share of the peaks that get a nod."""
APART_S = 0.55
"""Shortest time between two nods, in seconds."""
_DOWN, _UP = 5, 9  # frames
_AFTER = 2  # frames from which a peak is known to be one
_MEAN_S = 0.8  # time over which the usual prominence is taken
_LOUD = 0.3  # energy above which somebody speaks
_HEIGHT = 0.8  # weight of an octave of pitch against all of the loudness
_STANDS_OUT = 0.12  # over the usual prominence


def _course() -> Float:
    """A nod of size 1: down within 0.2 s, up again within 0.36 s, its speed 0 at both ends."""
    down = 0.5 - 0.5 * np.cos(np.pi * np.arange(_DOWN + 1) / _DOWN)
    up = 0.5 + 0.5 * np.cos(np.pi * np.arange(1, _UP + 1) / _UP)
    return np.concatenate([down, up]).astype(np.float32)


COURSE = _course()
"""Course of a nod [15] at 25 a second, 1 at its lowest."""


class NodStream:
    """One clip's nods, piece by piece: the pitch of the head that comes on top of its motion."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._recent = np.zeros(2 * _AFTER + 1)  # prominence of the last frames
        self._usual, self._since = 0.5, 1.0
        self._coming = np.zeros(LOOK_AHEAD + 1 + len(COURSE), np.float32)
        self._missing = LOOK_AHEAD  # frames that are heard before the first is given

    def push(self, prosody: Float) -> Float:
        """Take prosody [n, 3]; give the pitch [m] in radians, 0 and below, that is decided."""
        given = [self._frame(*row) for row in prosody.astype(np.float64)]
        early, self._missing = min(self._missing, len(given)), max(self._missing - len(given), 0)
        return np.array(given[early:], np.float32)

    def finish(self, frames: int) -> Float:
        """The pitch [frames] of the last `frames` frames, as if silence followed."""
        return self.push(np.zeros((frames + self._missing, 3), np.float32))[:frames]

    def _frame(self, energy: float, octaves: float, voicing: float) -> float:
        """Hear one frame; the pitch of the frame `LOOK_AHEAD` before it."""
        prominence = energy + _HEIGHT * octaves * voicing if energy > _LOUD else 0.0
        self._recent = np.append(self._recent[1:], prominence)
        if energy > _LOUD:
            self._usual += (prominence - self._usual) / (_MEAN_S * FPS)
        self._since += 1 / FPS
        draw, size = self._rng.random(), self._rng.lognormal(0, 0.3)
        if self._since > APART_S and self._is_peak():
            self._since = 0.0
            if draw < CHANCE:
                self._begin(float(np.clip(size, 0.5, 1.8)))
        pitch = float(self._coming[0])
        self._coming = np.append(self._coming[1:], np.float32(0))
        return pitch

    def _is_peak(self) -> bool:
        """Whether the frame `_AFTER` before the last one stands out."""
        middle = self._recent[_AFTER]
        return bool(middle >= self._recent.max() and middle - self._usual > _STANDS_OUT)

    def _begin(self, size: float) -> None:
        """Add a nod that begins with the next frame that is given."""
        self._coming[: len(COURSE)] -= np.float32(SIZE_RAD * size) * COURSE
