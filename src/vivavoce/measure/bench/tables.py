"""Tables: rows of systems with the columns that the papers print, and all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vivavoce.measure.figures import bootstrap
from vivavoce.measure.metrics.lipsync import AT_BEST_OFFSET
from vivavoce.measure.metrics.measured import Measured, number
from vivavoce.measure.metrics.metric import OF_CLIPS, Metric, find_metric

PAPER_TABLES: dict[str, tuple[str, ...]] = {
    "SDM, table 1": ("FID", "SSIM", "CSIM", "LMD"),
    "TTSF, tables 1 and 2": ("FID", "CSIM", "LSE-C", "head diversity"),
    "TTSF, table 3: speech": ("WER", "MCD", "C-SIM", "F0 RMSE"),
    "S2TF, table 4.3: lips": ("LMD", "LSE-C"),
    "ImagineID, table 1": ("shape", "age", "gender", "emotion", "FID"),
    "ImagineID, table 2": ("EACC", "LMD", "LSE-C", "FID", "PSNR", "SSIM"),
    "AVI-Talking, table 5.1": ("FID", "KID", "LSE-D", "EVE"),
    "STFM, table 1": ("FID", "FVD", "FVMD"),
    "STFM, table 2": ("FAD", "MCD", "STOI"),
    "STFM, table 3": ("LSE-C", "LSE-D"),
}
"""Columns of each paper's tables, by our names; not every paper prints all of ours."""
REST = "everything else"


@dataclass(frozen=True)
class Row:
    """One system, or one baseline: what its seeds gave."""

    name: str
    seeds: tuple[Measured, ...]

    def mean(self, metric: str) -> float:
        """Mean over seeds (of means over clips)."""
        found = [m.mean(metric) for m in self.seeds]
        kept = [v for v in found if not np.isnan(v)]
        return float(np.mean(kept)) if kept else float("nan")

    def interval(self, metric: str) -> tuple[float, float] | None:
        """95 % bootstrap interval over clips; all seeds of a clip are drawn together."""
        clips: dict[str, list[float]] = {}
        for measured in self.seeds:
            for key, value in measured.values.get(metric, {}).items():
                clips.setdefault(key, []).append(value)
        return bootstrap([np.array(v) for v in clips.values()], lambda v: float(np.mean(v)))

    def spread(self, metric: str) -> float | None:
        """Standard deviation between seeds; None for one seed."""
        found = [m.mean(metric) for m in self.seeds]
        return float(np.std(found, ddof=1)) if len(found) > 1 else None

    def offset(self) -> float:
        """Mean offset in frames at which LSE was found."""
        return float(np.mean([m.offset() for m in self.seeds]))

    def missing(self, metric: str) -> str | None:
        """The reason why the row has no figure of this metric; None if it has one."""
        return next((m.missing[metric] for m in self.seeds if metric in m.missing), None)


@dataclass(frozen=True)
class Table:
    """Rows and columns of one page; all its judges are of one kind."""

    title: str
    columns: tuple[Metric, ...]


def arranged(rows: Sequence[Row], official: Mapping[str, str]) -> list[Table]:
    """The papers' tables with the columns that were measured, then a table of the rest.

    Columns whose judge is official (`official`: kind → source) stand in tables of their own, so
    that figures of the two families never share one.
    """
    measured = {m.name for m in OF_CLIPS if any(not np.isnan(r.mean(m.name)) for r in rows)}
    shown: set[str] = set()
    tables = []
    for title, names in PAPER_TABLES.items():
        tables += _split(title, [n for n in names if n in measured], official)
        shown |= set(names)
    rest = [m.name for m in OF_CLIPS if m.name in measured - shown]
    return tables + _split(REST, rest, official)


def _split(title: str, names: Sequence[str], official: Mapping[str, str]) -> list[Table]:
    columns = [find_metric(name) for name in names]
    ours = tuple(c for c in columns if c.judge not in official)
    theirs = tuple(c for c in columns if c.judge in official)
    found = [Table(title, ours)] if ours else []
    return found + ([Table(f"{title} (official judges)", theirs)] if theirs else [])


def markdown(
    table: Table, rows: Sequence[Row], unfit: Mapping[str, str], judges: Mapping[str, str]
) -> str:
    """A table in Markdown: unfit metrics carry an asterisk, judged ones their judge."""
    heads = [f"{head(c, unfit)} {judges.get(c.name, '')}".strip() for c in table.columns]
    lines = [f"### {table.title}", "", line(["", *heads])]
    lines.append(line(["---"] * (len(table.columns) + 1)))
    for row in rows:
        lines.append(line([row.name, *(cell(row, c.name) for c in table.columns)]))
    return "\n".join(lines) + "\n"


def head(metric: Metric, unfit: Mapping[str, str]) -> str:
    """A column's head: name, which way is better, unit, an asterisk if it is unfit."""
    arrow = {"higher": "↑", "lower": "↓", "truth": "→ truth"}[metric.better]
    unit = f" [{metric.unit}]" if metric.unit else ""
    return f"{metric.name}{'*' if metric.name in unfit else ''} {arrow}{unit}"


def cell(row: Row, metric: str) -> str:
    """Mean, interval, and spread between seeds."""
    words = number(row.mean(metric))
    interval = row.interval(metric)
    if interval is not None:
        words += f" ({number(interval[0])} to {number(interval[1])})"
    spread = row.spread(metric)
    words += "" if spread is None else f" ±{number(spread)}"
    if metric not in AT_BEST_OFFSET or np.isnan(row.offset()):
        return words
    return f"{words} at {row.offset():+.1f} frames"


def line(cells: Sequence[str]) -> str:
    """One row of a table in Markdown."""
    return "| " + " | ".join(cells) + " |"
