"""Tables have the papers' columns, and never mix two families of judges."""

from __future__ import annotations

import numpy as np
import pytest

from vivavoce.measure.bench.tables import Row, arranged, cell, markdown
from vivavoce.measure.metrics.measured import Measured


def row(name: str, *seeds: float) -> Row:
    """A row whose SSIM is the seed's value plus 0, 1, 2, 3 by clip, and whose FID is 5."""
    made = [
        Measured({"SSIM": {k: v + i for i, k in enumerate("abcd")}}, {"FID": 5.0}) for v in seeds
    ]
    return Row(name, tuple(made))


def test_a_mean_is_over_clips_and_seeds() -> None:
    assert row("ours", 1.0, 2.0).mean("SSIM") == pytest.approx(3.0)
    assert row("ours", 1.0, 2.0).spread("SSIM") == pytest.approx(np.std([2.5, 3.5], ddof=1))
    assert row("ours", 1.0).spread("SSIM") is None


def test_intervals_hold_the_mean_and_come_from_clips() -> None:
    low, high = row("ours", 0.0, 0.0).interval("SSIM") or (0, 0)
    assert low < 1.5 < high
    assert row("ours", 0.0).interval("FID") is None


def test_papers_have_their_columns() -> None:
    tables = {t.title: [c.name for c in t.columns] for t in arranged([row("ours", 1.0)], {})}
    assert tables["SDM, table 1"] == ["FID", "SSIM"]
    assert "TTSF, table 3: speech" not in tables


def test_official_judges_stand_in_tables_of_their_own() -> None:
    tables = {
        t.title: [c.name for c in t.columns]
        for t in arranged([row("ours", 1.0)], {"picture": "inception.pth"})
    }
    assert tables["SDM, table 1"] == ["SSIM"]
    assert tables["SDM, table 1 (official judges)"] == ["FID"]


def test_markdown_marks_the_unfit() -> None:
    table = arranged([row("ours", 1.0)], {})[0]
    unfit, judges = {"SSIM": "puts ours before the truth"}, {"FID": "corpus-face"}
    lines = markdown(table, [row("ours", 1.0)], unfit, judges).splitlines()
    assert lines[2] == "|  | FID ↓ corpus-face | SSIM* ↑ |"
    assert lines[4].startswith("| ours | 5 | 2.5 (")


def test_lse_is_never_without_its_offset() -> None:
    curve = np.ones(31, np.float32)
    curve[18] = 0.2  # the sound comes three frames late
    measured = Measured({"LSE-D": {"a": 0.2}}, curves={"a": curve})
    assert cell(Row("ours", (measured,)), "LSE-D") == "0.2 at +3.0 frames"


def test_what_was_not_measured_is_a_dash() -> None:
    assert cell(row("ours", 1.0), "LMD") == "-"
