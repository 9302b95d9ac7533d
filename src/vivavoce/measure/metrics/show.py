"""What was measured, on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vivavoce.measure.bench.opinion import Opinion
from vivavoce.measure.judges import KINDS
from vivavoce.measure.metrics.lipsync import AT_BEST_OFFSET
from vivavoce.measure.metrics.measured import Measured, number
from vivavoce.measure.metrics.metric import METRICS, find_metric

if TYPE_CHECKING:
    from rich.console import Console


OF_VECTORS_AND_TEXTS = (
    ("cosine, L1", "matching.cosine_similarity, .l1_distance", "S2TF table 4.1"),
    ("R@1, R@5, R@10", "matching.retrieval", "S2TF table 4.1, %, higher is better"),
    ("AUC any, G, N, A, GNA", "matching.verification", "S2TF table 4.2, %, higher is better"),
    ("BLEU-1, BLEU-4", "words.bleu", "Papineni et al. 2002; 0..100, higher is better"),
    ("METEOR, exact and stem", "words.meteor_exact_stem", "Banerjee & Lavie 2005; 0..100, higher"),
    ("ROUGE-L", "words.rouge_l", "Lin 2004; 0..100, higher is better"),
    ("CIDEr", "words.cider", "Vedantam et al. 2015; 0.., higher is better"),
    ("SPICE's F over tuples", "words.spice_tuples", "Anderson et al. 2016; 0..100, higher"),
    ("MOS", "opinion.read_study", "1..5, mean with 95 % by raters; vivavoce study"),
)
"""Metrics that compare no clips: name, function of `vivavoce.measure`, where it is from."""


def list_metrics() -> None:
    """Every metric with its range, direction, judge, and where it comes from; then the judges."""
    from rich.table import Table

    table = Table("metric", "unit", "better", "range", "over", "needs", "judge", "from")
    for m in METRICS:
        needs = "true clips" if m.reference else ""
        table.add_row(m.name, m.unit, m.better, m.range, m.over, needs, m.judge or "", m.paper)
    kinds = Table("judge", "tells", "official, with --judge KIND=FILE")
    for kind, (tells, official) in KINDS.items():
        kinds.add_row(kind, tells, official)
    console = _console()
    others = Table("of vectors, texts, raters", "function in vivavoce.measure", "from")
    for row in OF_VECTORS_AND_TEXTS:
        others.add_row(*row)
    console.print(table)
    console.print(others)
    console.print(kinds)


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
