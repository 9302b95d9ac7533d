"""Is a metric fit to rank systems? The truth comes first in it, and wrong sound is heard."""

from __future__ import annotations

import math
from collections.abc import Mapping

from vivavoce.measure.metrics.metric import Metric

TRUTH, SHUFFLED = "truth", "shuffled"
LIPLESS = ("still",)
"""Rows whose lips do not move: no measure of sync can place them."""


def fit_or_unfit(metric: Metric, rows: Mapping[str, float]) -> str | None:
    """None if the metric is fit on these rows, otherwise what it got wrong.

    Args:
        metric: The metric.
        rows: Row → mean; the rows of `baselines.BASELINES` and of systems. NaN: not measured.

    The truth must not be beaten by any row; of a metric that hears (`Metric.hears`), the truth's
    pictures with another clip's sound must come last among rows whose lips move.
    """
    found = {k: distance_from_best(metric, v, rows.get(TRUTH, math.nan)) for k, v in rows.items()}
    found = {k: v for k, v in found.items() if not math.isnan(v)}
    if TRUTH not in found:
        return "the truth could not be measured"
    better = [k for k, v in found.items() if v < found[TRUTH]]
    if better:
        return f"puts {', '.join(better)} before the truth"
    if metric.hears and SHUFFLED in found:
        moving = {k: v for k, v in found.items() if k not in LIPLESS}
        worse = [k for k, v in moving.items() if v > found[SHUFFLED]]
        if worse:
            return f"puts {', '.join(worse)} behind shuffled sound"
        if found[SHUFFLED] <= found[TRUTH]:
            return "cannot tell shuffled sound from the right one"
    return None


def distance_from_best(metric: Metric, value: float, truth: float) -> float:
    """How far a value is from the good end, so that less is better whatever the direction."""
    if metric.better == "truth":
        return abs(value - truth)
    return -value if metric.better == "higher" else value
