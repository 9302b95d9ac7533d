"""Verdicts, intervals, cases, report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vivavoce.errors import BadMedia
from vivavoce.measure import figures
from vivavoce.measure.bounds.cases import find_cases, spread
from vivavoce.measure.bounds.result import BoundsResult
from vivavoce.measure.report.bounds_page import as_dict, as_page, value_words


def test_verdicts() -> None:
    assert figures.upto("x", 0.5, 0.5, "s", 1, "").verdict == "pass"
    assert figures.upto("x", 0.51, 0.5, "s", 1, "").verdict == "FAIL"
    assert figures.atleast("x", 0.9, 0.9, "", 1, "").verdict == "pass"
    assert figures.within("x", 31, (8, 30), "a minute", 1, "").verdict == "FAIL"
    assert figures.info("x", 1, "s", 1, "").verdict == "info"
    assert figures.atleast("x", 1, 0.9, "", 1, "", fit=False).verdict == "pass (measure unfit)"


@pytest.mark.parametrize("make", [figures.upto, figures.atleast])
def test_what_could_not_be_measured_does_not_pass(make) -> None:
    assert make("x", float("nan"), 0.5, "", 3, "").passed is False
    assert make("x", 0.5, 0.5, "", 0, "").verdict == "unmeasured"


def test_bootstrap_holds_the_truth_and_needs_three_clips() -> None:
    rng = np.random.default_rng(0)
    clips = [rng.normal(5, 1, 20) for _ in range(12)]
    low, high = figures.bootstrap(clips, np.mean) or (0, 0)
    assert low < 5 < high
    assert high - low < 1
    assert figures.bootstrap(clips[:2], np.mean) is None


def test_bootstrap_draws_clips_not_values() -> None:
    alike = [np.full(100, v) for v in (0.0, 1.0, 0.0, 1.0)]
    low, high = figures.bootstrap(alike, np.mean) or (0, 0)
    assert high - low > 0.5  # 400 independent values would give 0.1


def test_pooled_leaves_out_what_is_not_a_number() -> None:
    assert figures.pooled([np.array([1, np.nan]), np.array([2.0])]).tolist() == [1, 2]


def test_spread_is_even_and_fixed() -> None:
    assert spread(tuple(range(10)), 5) == (1, 3, 5, 7, 9)
    assert spread((1, 2), 5) == (1, 2)


def test_a_folder_without_a_manifest_gives_all_files(tmp_path: Path) -> None:
    for name in ("b.jpg", "a.PNG", "deep/c.wav", "d.mp4", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    found = find_cases(tmp_path)
    assert [p.name for p in found.portraits] == ["a.PNG", "b.jpg"]
    assert [r.path.name for r in found.english] == ["c.wav"]
    assert [r.path.name for r in found.clips] == ["d.mp4"]


def test_folders_without_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadMedia, match="no pictures"):
        find_cases(tmp_path)
    with pytest.raises(BadMedia, match="There is no folder"):
        find_cases(tmp_path / "missing")


def test_the_shared_folder_has_enough_of_everything(real: Path) -> None:
    found = find_cases(real)
    assert len(found.portraits) >= 20
    assert len(found.english) >= 10
    assert len({r.language for r in found.other[:3]}) == 3
    assert len(found.clips) >= 10
    assert all(r.text for r in found.known)


def test_report_says_figure_bound_and_verdict() -> None:
    good = figures.upto("lag <ours>", 12.345, 40, "ms", 3, "what it includes", (10.0, 15.0), 11.0)
    bad = figures.atleast("closed", float("nan"), 0.9, "", 2, "")
    result = BoundsResult((good, bad), (), (("cat.jpg", "no face"),), (), {"judge": "me"})
    assert not result.passed
    assert value_words(good) == "12.3 ms (10 to 15)"
    page = as_page(result, {})
    assert "lag &lt;ours&gt;" in page
    assert "at most 40 ms" in page
    assert "cat.jpg" in page
    saved = json.loads(json.dumps(as_dict(result)))
    assert saved["figures"][1]["value"] is None
    assert saved["figures"][0]["verdict"] == "pass"
