"""A bench from shards to page: baselines are rows, the truth is first, the system runs apart."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vivavoce.errors import RequestError, UnknownName, VivavoceError
from vivavoce.measure.bench import suite
from vivavoce.measure.bench.baselines import FULL_DB, WIDEST, jaw
from vivavoce.measure.bench.bench import run_bench
from vivavoce.measure.bench.contender import film_system, stand_in
from vivavoce.measure.bench.result import Bench
from vivavoce.measure.bench.suite import open_suite

METRICS = ("SSIM", "LMD", "LSE-D", "sync score", "offset", "head motion")


def test_wrong_requests(strangers: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no suite"):
        run_bench([], "nowhere", tmp_path)
    with pytest.raises(RequestError, match="--count"):
        run_bench([], str(strangers), tmp_path, 1)
    with pytest.raises(UnknownName, match="SSIM"):
        run_bench([], str(strangers), tmp_path, 3, metrics=["SIM"])


@pytest.fixture(scope="module")
def done(strangers: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Bench, Path]:
    """The default system and the baselines over three clips of 1.6 seconds."""
    out = tmp_path_factory.mktemp("bench")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(suite, "LONGEST_S", 1.6)
        return run_bench(["portrait"], str(strangers), out, 3, 1, METRICS), out


def test_the_truth_leads_and_shuffled_sound_is_heard(done: tuple[Bench, Path]) -> None:
    bench, _ = done
    rows = {row.name: row for row in bench.rows}
    assert list(rows) == ["truth", "shuffled", "still", "loudness", "portrait"]
    assert rows["truth"].mean("SSIM") == pytest.approx(1, abs=1e-6)
    assert rows["truth"].mean("LMD") == 0
    assert rows["truth"].mean("sync score") > rows["shuffled"].mean("sync score")
    assert rows["still"].mean("head motion") < 0.3
    assert abs(rows["truth"].mean("offset")) <= 1
    assert "SSIM" not in bench.unfit


def test_the_system_made_every_case_as_long_as_the_truth(done: tuple[Bench, Path]) -> None:
    from vivavoce.media.read import read_clip_info

    bench, _ = done
    assert not bench.failed["portrait"]
    for case in bench.suite.cases:
        made, true = (read_clip_info(bench.clip(n, case.key)) for n in ("portrait", "truth"))
        assert made.seconds == pytest.approx(true.seconds, abs=0.04)
        assert made.size == true.size
    assert bench.filmed["portrait"].pace > 0
    assert 0.1 < bench.filmed["portrait"].peak_gb < 4


def test_the_report_has_tables_judges_pictures_and_plain_json(done: tuple[Bench, Path]) -> None:
    _, out = done
    words = (out / "bench.md").read_text("utf-8")
    assert "### SDM, table 1" in words
    assert "corpus-sync (crop: points)" in words
    held = json.loads((out / "bench.json").read_text("utf-8"))
    assert held["rows"]["portrait"]["LMD"]["clips"] == 3
    assert held["speed"]["portrait"]["pace"] > 0
    page = (out / "bench.html").read_text("utf-8")
    assert page.count("data:image/jpeg") == 3
    assert page.count("data:image/png") == 2


def test_a_folder_of_clips_is_a_suite(done: tuple[Bench, Path], tmp_path: Path) -> None:
    bench, _ = done
    opened = open_suite(str(bench.work / "truth" / "0"), tmp_path, 2)
    assert [case.text for case in opened.cases] == [None, None]
    assert stand_in(0, 6) != stand_in(1, 6)
    assert len(stand_in(0, 6).split()) > len(stand_in(0, 1).split()) >= 4
    assert len(opened.cases) == 2
    assert all(case.portrait.shape == (256, 256, 3) for case in opened.cases)
    assert all(case.truth.is_file() for case in opened.cases)


def test_a_system_that_does_not_exist_says_so(strangers: Path, tmp_path: Path) -> None:
    cases = open_suite(str(strangers), tmp_path, 3).cases
    with pytest.raises(VivavoceError, match="potrait"):
        film_system("potrait", cases, tmp_path / "x", 1)


def test_the_jaw_follows_loudness_alone() -> None:
    quiet, loud = np.zeros(6400, np.float32), np.full(6400, 10 ** (FULL_DB / 20), np.float32)
    opening = jaw(np.concatenate([quiet, loud]))
    assert opening[:8].max() == 0
    assert opening[12:].min() == pytest.approx(WIDEST, rel=1e-3)
