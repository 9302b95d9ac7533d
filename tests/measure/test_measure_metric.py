"""Every metric over clips and sets, on people nobody was trained on: perfect on the truth itself,
worse on another clip of the same people, worse still where everything is wrong."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from vivavoce.data.schema import Sample
from vivavoce.data.shards import open_set
from vivavoce.measure.bench.fitness import distance_from_best
from vivavoce.measure.metrics.measured import Measured, measure_views
from vivavoce.measure.metrics.metric import OF_CLIPS, Metric, find_metric
from vivavoce.measure.metrics.view import View

SHARED = [m for m in OF_CLIPS if m.over != "seeds"]
FRAMES = 105
"""Frames of a clip: 4.2 s, enough for every metric."""
PERFECT = {
    "PSNR": np.inf, "SSIM": 1, "LPIPS": 0, "FID": 0, "FVD": 0, "FVMD": 0, "LMD": 0, "LMD face": 0,
    "CSIM": 1, "shape": 1, "age": 1, "gender": 1, "emotion": 1, "EACC": 0, "EVE": 0, "MCD": 0,
    "F0 RMSE": 0, "STOI": 1, "C-SIM": 1, "FAD": 0, "offset": 0, "sound and picture apart": 0,
}  # fmt: skip
UNSURE = ("VFS", "WER", "CER", "emotion accuracy", "age", "gender", "KID", "silent lips")
"""On six clips of two people these say too little for an order to be certain."""


@pytest.fixture(scope="module")
def samples(strangers: Path) -> list[Sample]:
    """Six clips of two people, three each."""
    return list(open_set(strangers).samples("test", ("wav", "frames", "tracks")))


def views(samples: list[Sample], keys: list[str]) -> dict[str, View]:
    """The first 4.2 s of the clips, under other names."""
    return {k: cut(k, s) for k, s in zip(keys, samples, strict=True)}


def cut(key: str, sample: Sample) -> View:
    """A view of a clip's first 105 frames."""
    view = View(key, about=sample.about)
    assert sample.frames is not None
    assert sample.samples is not None
    view.__dict__ |= {
        "frames": sample.frames[:FRAMES], "samples": sample.samples[: 640 * FRAMES],
        "landmarks": sample.tracks["landmarks"][:FRAMES],
    }  # fmt: skip
    return view


Rows = Callable[[str], dict[str, Measured]]


@pytest.fixture(scope="module")
def rows(samples: list[Sample]) -> Rows:
    """A metric on the truth; on other clips of the same people; on the second person's alone. What
    was seen in a clip is shared by all metrics."""
    keys = [s.key for s in samples]
    true = views(samples, keys)
    own = views([samples[i] for i in (1, 2, 0)], keys[:3])
    wrong = views([samples[i] for i in (3, 4, 5, 4, 5, 3)], keys)

    @cache
    def measured(name: str) -> dict[str, Measured]:
        metric = find_metric(name)
        found = {"truth": measure_views(true, true, [name])}
        if metric.over == "clip" and metric.judge != "words":
            found["own"] = measure_views(own, true, [name])
        if metric.judge != "words":
            found["wrong"] = measure_views(wrong, true, [name])
        return found

    return measured


@pytest.mark.parametrize("metric", SHARED, ids=lambda m: m.name)
def test_it_is_measured_and_in_its_range(metric: Metric, rows: Rows) -> None:
    found = rows(metric.name)
    assert metric.name not in found["truth"].missing
    for measured in found.values():
        value = measured.mean(metric.name)
        low, _, high = metric.range.partition("..")
        if low and not low.startswith("~"):
            assert value >= float(low) - 1e-6
        if high and high != "inf":
            assert value <= float(high) + 1e-6
        assert (metric.name in measured.judges) == (metric.judge is not None)


@pytest.mark.parametrize("name", PERFECT)
def test_the_truth_is_perfect(name: str, rows: Rows) -> None:
    assert rows(name)["truth"].mean(name) == pytest.approx(PERFECT[name], abs=2e-3)


COMPARED = [m for m in SHARED if m.reference and m.name not in UNSURE]


@pytest.mark.parametrize("metric", COMPARED, ids=lambda m: m.name)
def test_what_is_wrong_is_worse(metric: Metric, rows: Rows) -> None:
    found = rows(metric.name)
    truth = found["truth"].mean(metric.name)
    far = {k: distance_from_best(metric, m.mean(metric.name), truth) for k, m in found.items()}
    assert far["truth"] < far["wrong"]
    if metric.over == "clip":
        assert far["truth"] < far["own"]
    if metric.name in ("CSIM", "shape", "C-SIM", "LPIPS", "PSNR"):  # who it is
        assert far["own"] < far["wrong"]
