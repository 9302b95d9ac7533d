"""Motion at another frame rate: every frame is a moment of its own, none is shown twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from vivavoce.types import FPS, Motion

_BEHIND, _AHEAD = 1, 2  # rows before and after a moment that its curve is drawn through


def at_rate(motions: Iterable[Motion], fps: int) -> Iterator[Motion]:
    """The same movement at `fps` frames a second; frame k is the face at k / fps seconds.

    Between two rows the curve is the monotone cubic of Fritsch and Butland (SIAM J. Sci. Stat.
    Comput. 5, 1984): it passes through every row and never beyond its neighbours, so closed lips
    stay closed and no coefficient leaves [0, 1]. The last frame is the last that begins before the
    movement ends. Pieces may have any length; memory does not grow.
    """
    if fps == FPS:
        yield from motions
        return
    held, first, made = np.zeros((0, 0), np.float32), 0, 0
    last: Motion | None = None
    for last in motions:
        rows = np.concatenate([last.expression, last.pose, last.gaze], 1)
        held = np.concatenate([held, rows]) if held.size else np.concatenate([rows[:1], rows])
        ready = first + len(held) - _BEHIND - _AHEAD  # rows whose whole neighbourhood is there
        upto = max(made, -(-ready * fps // FPS))
        if upto > made:
            yield _shown(held, first, range(made, upto), last, fps)
        made, start = upto, upto * FPS // fps
        held, first = held[start - first :], start
    if last is not None:
        rest = np.concatenate([held, np.repeat(held[-1:], _AHEAD, 0)])
        count = first + len(held) - _BEHIND
        yield _shown(rest, first, range(made, -(-count * fps // FPS)), last, fps)


def _shown(held: np.ndarray, first: int, frames: range, like: Motion, fps: int) -> Motion:
    """The frames `frames` of rows `held`, whose second is row `first` of the movement."""
    k = np.arange(frames.start, frames.stop)
    row, past = k * FPS // fps - first, (k * FPS % fps) / fps
    before, here, there, after = (held[row + step] for step in range(4))
    x = past[:, None].astype(np.float32)
    step = there - here
    left, right = _slope(here - before, step), _slope(step, after - there)
    bend = x * (1 - x) * ((1 - x) * (left - step) - x * (right - step))
    rows = (here + x * step + bend).astype(np.float32)
    width = like.expression.shape[1]
    return Motion(rows[:, :width], rows[:, width:-2], rows[:, -2:], like.space, fps)


def _slope(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Slope at a row between two steps: their harmonic mean, 0 where the curve turns."""
    same = before * after > 0
    total = np.where(same, before + after, 1)
    return np.where(same, 2 * before * after / total, 0)
