"""Colours in linear light, and smooth noise."""

from __future__ import annotations

import numpy as np


def linear(srgb: np.ndarray | tuple[float, ...]) -> np.ndarray:
    """sRGB in 0..1 as linear light (IEC 61966-2-1)."""
    c = np.asarray(srgb, np.float32)
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4).astype(np.float32)


def waves(points: np.ndarray, rng: np.random.Generator, frequency: float) -> np.ndarray:
    """Smooth noise at `points` [V, 3], about unit variance; `frequency` in radians a cm."""
    total = np.zeros(len(points), np.float32)
    for _ in range(8):
        direction = rng.normal(size=3) * frequency
        total += np.sin(points @ direction.astype(np.float32) + rng.uniform(0, 2 * np.pi))
    return total / 2
