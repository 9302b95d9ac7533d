"""A figure: what was measured, on how much, against which bound; and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Interval = tuple[float, float]
"""Lower and upper end of a 95 % interval."""
Verdict = Literal["pass", "FAIL", "unmeasured", "info"]


@dataclass(frozen=True)
class Figure:
    """One row of the report of `vivavoce bounds`."""

    name: str
    """The thing that is measured, in words."""
    value: float
    """The figure, in `unit`; NaN where nothing could be measured."""
    unit: str
    """The unit of `value`; "" for a ratio or a share in [0, 1]."""
    bound: str
    """The requirement in words; "" where the figure only informs."""
    passed: bool | None
    """True if the bound is met; None where there is no bound, or nothing to measure it on."""
    n: int
    """Number of things (clips, phones, pauses) that it was measured on."""
    includes: str
    """A description of what the figure is made of: definition, data, direction."""
    interval: Interval | None = None
    """The 95 % bootstrap interval of `value`; None for fewer than three clips."""
    real: float | None = None
    """The same figure on real clips of people; None where there are none."""
    fit: bool | None = None
    """False where the real clips themselves do not come out as sensible: then the measure, not
    only the system, is in doubt."""

    @property
    def outcome(self) -> Verdict:
        """Whether the bound is met: "pass" or "FAIL"; "unmeasured" where there was nothing to
        measure it on, "info" where there is no bound."""
        if self.passed is None:
            return "unmeasured" if self.bound else "info"
        return "pass" if self.passed else "FAIL"

    @property
    def verdict(self) -> str:
        """The outcome in words; " (measure unfit)" stands behind it where the real clips fail."""
        doubt = self.passed is not None and self.fit is False
        return self.outcome + (" (measure unfit)" if doubt else "")


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
    """A `Figure` whose value must not be over `limit`."""
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
    """A `Figure` whose value must not be under `limit`."""
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
    """A `Figure` whose value must lie in `limits`, ends included."""
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
    """A `Figure` without a bound: it informs, and nothing fails by it."""
    return Figure(name, value, unit, "", None, n, includes, interval, real)


def pooled(clips: Sequence[np.ndarray]) -> np.ndarray:
    """The finite values of all clips [N], one clip after the other."""
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
    """95 % interval of `statistic` of the pooled values, by drawing whole clips with replacement
    (the percentile method of `scipy.stats.bootstrap`).

    Values of one clip are alike; drawing clips, not values, keeps the interval honest (Davison and
    Hinkley, "Bootstrap Methods and their Application", 1997, 3.8). None for fewer than 3 clips.
    """
    from scipy.stats import bootstrap as resampled

    full = [np.asarray(c, float).ravel() for c in clips if np.isfinite(c).any()]
    if len(full) < 3:
        return None
    found = resampled(
        (np.arange(len(full)),), lambda chosen: statistic(pooled([full[i] for i in chosen])),
        n_resamples=rounds, method="percentile", vectorized=False,
        random_state=np.random.default_rng(seed),
    ).confidence_interval  # fmt: skip
    return float(found.low), float(found.high)
