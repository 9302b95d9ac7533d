"""What S2TF hears while the sound arrives: a window of 0.2 s around each video frame."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import numpy as np

from vivavoce.listen.mel import MELS, MelStream
from vivavoce.systems.s2tf.sound import WINDOW, scaled
from vivavoce.types import MELS_PER_FRAME, RATE, Float, Speech

SIDE = 8
"""Rows of a window before and after the four of its own video frame."""
ROWS = 2 * SIDE + MELS_PER_FRAME
"""Rows of a window, 0.2 s."""


class Hearing:
    """Windows of scaled log-mel, the same that `move.pose_rhythm.mel_windows` cuts out of the
    whole; beyond the ends the edge is repeated."""

    def __init__(self, level: float) -> None:
        """`level` of the recording in nats, see `sound.level_of`."""
        self._mel, self._level = MelStream(WINDOW), level
        self._rows = np.zeros((0, MELS), np.float32)
        self._begun = False

    def push(self, samples: Float) -> Float:
        """The windows [n, 80, 20] that samples [m] complete."""
        self._add(scaled(self._mel.push(samples), self._level))
        return self._complete()

    def finish(self) -> Float:
        """The windows [n, 80, 20] that still wait."""
        self._add(scaled(self._mel.finish(), self._level))
        self._add(np.repeat(self._rows[-1:], SIDE, 0))
        return self._complete()

    def _add(self, rows: Float) -> None:
        if len(rows) and not self._begun:
            rows, self._begun = np.concatenate([np.repeat(rows[:1], SIDE, 0), rows]), True
        self._rows = np.concatenate([self._rows, rows])

    def _complete(self) -> Float:
        count = max((len(self._rows) - ROWS) // MELS_PER_FRAME + 1, 0)
        if not count:
            return np.zeros((0, MELS, ROWS), np.float32)
        view = np.lib.stride_tricks.sliding_window_view(self._rows, ROWS, 0)
        windows = view[: count * MELS_PER_FRAME : MELS_PER_FRAME].copy()
        self._rows = self._rows[count * MELS_PER_FRAME :].copy()
        return windows


def opened(pieces: Iterator[Speech], seconds: float) -> tuple[Float, Iterator[Speech]]:
    """The first `seconds` of the sound of pieces, or all of it [n], and all the pieces again."""
    read: list[Speech] = []
    count = 0
    for piece in pieces:
        read.append(piece)
        count += len(piece.samples)
        if count >= seconds * RATE:
            break
    sound = np.concatenate([np.zeros(0, np.float32), *(piece.samples for piece in read)])
    return sound[: round(seconds * RATE)], chain(read, pieces)
