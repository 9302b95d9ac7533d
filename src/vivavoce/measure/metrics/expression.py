"""How near the expression of a face is to the true one, and how much expressions differ."""

from __future__ import annotations

from functools import cache
from itertools import combinations

import numpy as np

from vivavoce.look import face478
from vivavoce.types import METRES, Float

LOWEST = -0.12
"""Height over the eyes' middle, in outer-eye distances, above which a point is an upper one."""


@cache
def upper() -> tuple[int, ...]:
    """Points of the eyes, the brows and the forehead among the tracker's 478."""
    return tuple(int(i) for i in np.flatnonzero(face478.load().neutral[:, 1] > LOWEST))


def eve(made: Float, true: Float) -> float:
    """EVE (after EmoTalk; Peng et al. 2023): the largest squared error over the vertices of eyes
    and forehead, mean over frames, in m^2; lower is better.

    Args:
        made: ARKit coefficients [T, 52].
        true: The true ones [T', 52]; the longer is cut.
    """
    count = min(len(made), len(true))
    difference = made[:count] - true[:count]
    directions = face478.load().expression[:, upper()] * METRES
    moved = np.tensordot(difference, directions, 1)  # [T, V, 3]
    return float((moved**2).sum(-1).max(-1).mean())


def diversity(styles: Float) -> float:
    """Mean distance of every two of some unit styles [N, D], 0 to 2; higher is more diverse."""
    pairs = [np.linalg.norm(a - b) for a, b in combinations(styles, 2)]
    return float(np.mean(pairs)) if pairs else 0.0
