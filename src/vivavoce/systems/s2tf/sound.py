"""Sound as S2TF hears it: log-mel with windows of 1280 samples, 100 rows a second.

How loud a recording is says nothing of who speaks: rows are counted from the level of its loud
moments, in both encoders, in training and in use.
"""

from __future__ import annotations

import numpy as np

from vivavoce.types import Float

WINDOW = 1280
"""Samples of a window of the spectrogram (section 4.3.1); it steps by 160."""
IDENTITY_S = 3.2
"""Seconds of speech that tell who speaks (section 4.3.1)."""
IDENTITY_ROWS, IDENTITY_FRAMES = 320, 80
"""The same in rows of the spectrogram and in video frames."""
LOUD = 0.9
"""Quantile of the rows' mean log-energies that counts as the recording's level."""
SPREAD = 4.0
"""About the standard deviation of log-mel values of speech, in nats."""
LOWEST, HIGHEST = -3.0, 2.0
"""Bounds of the scaled values: what lies lower is the room, not the voice."""


def level_of(rows: Float) -> float:
    """Level of log-mel `rows` [T, 80] in nats: the mean log-energy of its loud moments."""
    return float(np.quantile(rows.mean(1), LOUD))


def scaled(rows: Float, level: float) -> Float:
    """Log-mel rows [T, 80] counted from `level`, in about -3..2."""
    return ((rows - level) / SPREAD).clip(LOWEST, HIGHEST).astype(np.float32)


def looped(rows: Float, count: int = IDENTITY_ROWS) -> Float:
    """`count` rows from the middle of `rows` [T, 80]; of fewer, they begin again."""
    if len(rows) >= count:
        start = (len(rows) - count) // 2
        return rows[start : start + count]
    return np.take(rows, np.arange(count), 0, mode="wrap")


def span(start: int, frames: int, whole: int) -> tuple[int, int]:
    """First and last video frame (excluded) of the 3.2 s around `frames` frames from `start` on, in
    a clip of `whole` frames; all of it where it is shorter."""
    middle = start + frames // 2
    first = max(0, min(middle - IDENTITY_FRAMES // 2, whole - IDENTITY_FRAMES))
    first = min(first, start)
    return first, min(whole, max(first + IDENTITY_FRAMES, start + frames))
