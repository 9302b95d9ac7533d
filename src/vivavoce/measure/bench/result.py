"""The result of a bench: rows, tables, and what is known about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vivavoce.measure.bench.contender import Filmed
from vivavoce.measure.bench.suite import Suite
from vivavoce.measure.bench.tables import Row, Table


@dataclass(frozen=True)
class Bench:
    """Everything that a bench found out."""

    suite: Suite
    rows: tuple[Row, ...]
    """The baselines, then the systems."""
    tables: tuple[Table, ...]
    """The papers' tables with what was measured, then the rest."""
    unfit: Mapping[str, str]
    """Name of an unfit metric → the error it made on these rows."""
    filmed: Mapping[str, Filmed]
    """Name of a system → its time, memory and failures."""
    failed: Mapping[str, Mapping[str, str]]
    """Name of a row → case → the reason why there is no clip."""
    judges: Mapping[str, str]
    """Name of a metric → name of its judge."""
    work: Path
    """Folder of the clips, `ROW/SEED/KEY.mp4`."""
    about: dict[str, str] = field(default_factory=dict)
    """Version, suite, machine, seeds, intervals: the head of the report."""

    def clip(self, row: str, key: str) -> Path:
        """The file of a row's clip of the case `key`, made with the first seed."""
        return self.work / row / "0" / f"{key}.mp4"
