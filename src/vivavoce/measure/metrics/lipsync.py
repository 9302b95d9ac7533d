"""Metrics of lip sync, from mean distances of lips and sound at each offset of -15..15 frames.

A constant delay is free in LSE: scores take the best offset. So the offset is a figure of its own,
and our own score falls with it.
"""

from __future__ import annotations

import numpy as np

from vivavoce.types import Float

MOST = 15
AT_BEST_OFFSET = ("LSE-D", "LSE-C")
"""Metrics that take the best offset: they are never printed without it."""


def offset(curve: Float) -> int:
    """Frames by which the sound comes later than the lips at the best offset; 0 is right."""
    return int(curve.argmin()) - MOST


def lse_d(curve: Float) -> float:
    """LSE-D (Prajwal et al., ACM MM 2020, sec. 4.1): the least distance over offsets, lower is
    better; its scale is the judge's."""
    return float(curve.min())


def lse_c(curve: Float) -> float:
    """LSE-C (the same; SyncNet's confidence, Chung & Zisserman 2016): median minus least distance
    over offsets, 0 and up, higher is better."""
    return float(np.median(curve) - curve.min())


def sync_score(curve: Float) -> float:
    """Ours: median distance minus the distance *at offset 0*, with a frame of tolerance at half
    price; higher is better, and a constant delay costs what it should."""
    near = min(curve[MOST], 0.5 * (curve[MOST] + min(curve[MOST - 1], curve[MOST + 1])))
    return float(np.median(curve) - near)
