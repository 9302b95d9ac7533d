"""Metrics are only trusted where they put the truth first."""

from __future__ import annotations

import pytest

from vivavoce.measure.bench.fitness import fit_or_unfit
from vivavoce.measure.metrics.metric import find_metric

RIGHT = {"truth": 7.0, "shuffled": 2.0, "still": 1.0, "loudness": 4.0, "ours": 6.0}


def test_a_measure_that_ranks_all_as_it_must_is_fit() -> None:
    assert fit_or_unfit(find_metric("LSE-C"), RIGHT) is None


def test_a_system_before_the_truth_makes_it_unfit() -> None:
    assert fit_or_unfit(find_metric("LSE-C"), RIGHT | {"ours": 7.5}) == "puts ours before the truth"


def test_lower_is_better_is_turned_round() -> None:
    values = {k: -v for k, v in RIGHT.items()}
    assert fit_or_unfit(find_metric("LSE-D"), values) is None
    assert "ours" in (fit_or_unfit(find_metric("LSE-D"), values | {"ours": -8.0}) or "")


def test_shuffled_sound_must_come_last_where_sound_is_heard() -> None:
    wrong = fit_or_unfit(find_metric("sync score"), RIGHT | {"loudness": 1.5})
    assert wrong == "puts loudness behind shuffled sound"
    same = fit_or_unfit(find_metric("sync score"), {"truth": 3.0, "shuffled": 3.0})
    assert same == "cannot tell shuffled sound from the right one"


def test_pictures_do_not_hear() -> None:
    assert fit_or_unfit(find_metric("SSIM"), {"truth": 1.0, "shuffled": 1.0, "still": 0.6}) is None


def test_nearness_to_the_truth_counts_where_more_is_not_better() -> None:
    rows = {"truth": 3.0, "still": 0.0, "ours": 9.0}
    assert fit_or_unfit(find_metric("head motion"), rows) is None


@pytest.mark.parametrize("rows", [{"still": 1.0}, {"truth": float("nan"), "still": 1.0}])
def test_nothing_is_said_without_the_truth(rows: dict[str, float]) -> None:
    assert fit_or_unfit(find_metric("SSIM"), rows) == "the truth could not be measured"
