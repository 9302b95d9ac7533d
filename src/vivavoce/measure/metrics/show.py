"""What was measured, on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vivavoce.measure.bench.opinion import Opinion
from vivavoce.measure.judges import KINDS
from vivavoce.measure.metrics.lipsync import AT_BEST_OFFSET
from vivavoce.measure.metrics.measured import Measured, number
from vivavoce.measure.metrics.metric import METRICS, Over, find_metric

if TYPE_CHECKING:
    from rich.console import Console


NEEDS: dict[Over, str] = {
    "texts": "texts: .txt or .json", "vectors": "vectors: .npy or .npz", "seeds": "several seeds",
}  # fmt: skip
"""What metrics need that are not of single clips or sets of clips."""


def list_metrics() -> None:
    """Every metric with its range, direction, judge, and where it comes from; then the judges."""
    from rich.table import Table

    table = Table("metric", "unit", "better", "range", "over", "needs", "judge", "from")
    for m in METRICS:
        needs = NEEDS.get(m.over, "true clips" if m.reference else "")
        table.add_row(m.name, m.unit, m.better, m.range, m.over, needs, m.judge or "", m.paper)
    kinds = Table("judge", "tells", "official, with --judge KIND=FILE")
    for kind, (tells, official) in KINDS.items():
        kinds.add_row(kind, tells, official)
    console = _console()
    console.print(table)
    console.print(kinds)
    console.print("Opinion scores (MOS, 1 to 5): vivavoce study.", style="dim")


def show_measured(found: Measured) -> None:
    """One line a metric: mean, 95 % interval, on how many clips, by which judge."""
    from rich.table import Table

    table = Table("metric", "mean", "95 %", "unit", "better", "n", "judge")
    for name in [m.name for m in METRICS if m.name in found.values or m.name in found.set_values]:
        metric, interval = find_metric(name), found.interval(name)
        words = f"{number(interval[0])} to {number(interval[1])}" if interval else ""
        mean = number(found.mean(name))
        if name in AT_BEST_OFFSET:
            mean += f" at {found.offset():+.1f} frames"
        n = str(found.count(name)) if name in found.values else "set"
        table.add_row(name, mean, words, metric.unit, metric.better, n,
                      found.judges.get(name, ""))  # fmt: skip
    console = _console()
    console.print(table)
    for name, lack in found.missing.items():
        console.print(f"{name}: not measured, needs {lack}", style="dim", highlight=False)
    for key, why in found.failed.items():
        console.print(f"{key}: {why}", style="red", markup=False)


def show_opinion(found: Opinion) -> None:
    """One line a question and system: mean, 95 % interval, raters, ratings."""
    from rich.table import Table

    table = Table("question", "system", "mean, 1 to 5", "95 %", "raters", "ratings")
    for s in found.scores:
        words = f"{s.interval[0]:.2f} to {s.interval[1]:.2f}" if s.interval else ""
        table.add_row(s.question, s.system, f"{s.mean:.2f}", words, str(s.raters), str(s.ratings))
    console = _console()
    console.print(table)
    for name, lacks in found.unfinished.items():
        console.print(f"{name} left {lacks} clips without an answer", style="dim", markup=False)


def _console() -> Console:
    """Wide enough for one line a row, also in a file."""
    from rich.console import Console

    return Console(width=max(Console().width, 150))
