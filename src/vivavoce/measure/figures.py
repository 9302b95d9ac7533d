"""A figure: what was measured, on how much, against which bound; and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Interval = tuple[float, float]


@dataclass(frozen=True)
class Figure:
    """One row of the benchmark."""

    name: str
    """What is measured, in words."""
    value: float
    """The figure, in `unit`; NaN where nothing could be measured."""
    unit: str
    """Its unit; "" for a ratio or a share in [0, 1]."""
    bound: str
    """What is required, in words; "" where the figure only informs."""
    passed: bool | None
    """Whether the bound is met; None where there is none, or nothing to measure it on."""
    n: int
    """On how many things (clips, phones, pauses) it was measured."""
    includes: str
    """What the figure is made of: definition, data, direction."""
    interval: Interval | None = None
    """95 % bootstrap interval."""
    real: float | None = None
    """The same measured on real clips of people, where that is possible."""
    fit: bool | None = None
    """False where the real clips themselves do not come out as sensible: then the measure, not
    only the system, is in doubt."""

    @property
    def verdict(self) -> str:
        """ "pass", "FAIL", "unmeasured" or "info"; " (measure unfit)" behind it where the real
        clips fail."""
        if self.passed is None:
            return "unmeasured" if self.bound else "info"
        word = "pass" if self.passed else "FAIL"
        return word + (" (measure unfit)" if self.fit is False else "")


def upto(
    name: str,
    value: float,
    limit: float,
    unit: str,
    n: int,
    includes: str,
    interval: Interval | None = None,
    real: float | None = None,
    fit: bool | None = None,
) -> Figure:
    """A figure that must not be over `limit`."""
    bound = f"at most {limit:g} {unit}".rstrip()
    passed = math.isfinite(value) and bool(value <= limit) if n else None
    return Figure(name, value, unit, bound, passed, n, includes, interval, real, fit)


def atleast(
    name: str,
    value: float,
    limit: float,
    unit: str,
    n: int,
    includes: str,
    interval: Interval | None = None,
    real: float | None = None,
    fit: bool | None = None,
) -> Figure:
    """A figure that must not be under `limit`."""
    bound = f"at least {limit:g} {unit}".rstrip()
    passed = math.isfinite(value) and bool(value >= limit) if n else None
    return Figure(name, value, unit, bound, passed, n, includes, interval, real, fit)


def within(
    name: str,
    value: float,
    limits: tuple[float, float],
    unit: str,
    n: int,
    includes: str,
    interval: Interval | None = None,
    real: float | None = None,
    fit: bool | None = None,
) -> Figure:
    """A figure that must lie in `limits`, ends included."""
    bound = f"{limits[0]:g} to {limits[1]:g} {unit}".rstrip()
    passed = bool(limits[0] <= value <= limits[1]) if n else None
    return Figure(name, value, unit, bound, passed, n, includes, interval, real, fit)


def info(
    name: str,
    value: float,
    unit: str,
    n: int,
    includes: str,
    interval: Interval | None = None,
    real: float | None = None,
) -> Figure:
    """A figure without a bound."""
    return Figure(name, value, unit, "", None, n, includes, interval, real)


def pooled(clips: Sequence[np.ndarray]) -> np.ndarray:
    """All values of all clips [N], those that are not numbers left out."""
    if not clips:
        return np.zeros(0)
    every = np.concatenate([np.asarray(c, float).ravel() for c in clips])
    return every[np.isfinite(every)]


def bootstrap(
    clips: Sequence[np.ndarray],
    statistic: Callable[[np.ndarray], float],
    rounds: int = 1000,
    seed: int = 0,
) -> Interval | None:
    """95 % interval of `statistic` of the pooled values, by drawing whole clips with replacement.

    Values of one clip are alike; drawing clips, not values, keeps the interval honest (Davison and
    Hinkley, "Bootstrap Methods and their Application", 1997, 3.8). None for fewer than 3 clips.
    """
    full = [np.asarray(c, float).ravel() for c in clips if np.isfinite(c).any()]
    if len(full) < 3:
        return None
    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(rounds):
        values = pooled([full[i] for i in rng.integers(len(full), size=len(full))])
        draws.append(statistic(values))
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(low), float(high)
