"""The benchmark from end to end, on the one real portrait that every environment has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vivavoce.errors import BadMedia, CannotWrite
from vivavoce.measure.bounds.bounds import run_bounds


def test_quick_bounds_writes_figures_and_pictures(tmp_path: Path) -> None:
    result = run_bounds(None, tmp_path / "out", quick=True)
    assert not result.failures
    saved = json.loads((tmp_path / "out" / "bounds.json").read_text("utf-8"))
    by_name = {f["name"]: f for f in saved["figures"]}
    assert abs(by_name["lag of the picture, spoken text"]["value"]) <= 40
    assert by_name["lips closed on p b m, spoken text"]["value"] >= 0.9
    assert by_name["background change, before encoding"]["value"] == 0
    assert by_name["lips closed on p b m, recordings"]["verdict"] == "unmeasured"
    assert "astronaut" in saved["about"]["data"]
    page = (tmp_path / "out" / "bounds.html").read_text("utf-8")
    assert page.count("data:image/jpeg;base64,") == len(result.takes)
    assert list((tmp_path / "out" / "bounds" / "sheets").glob("*.png"))


def test_a_folder_without_pictures_is_refused_before_any_work(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(BadMedia, match="no pictures"):
        run_bounds(empty, tmp_path / "out", quick=True)


def test_a_report_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotWrite, match="cannot be made"):
        run_bounds(None, tmp_path / "file" / "out", quick=True)
