"""Who lives in the corpus, and how much their voices tell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vivavoce.data.corpus import people
from vivavoce.data.corpus.ceiling import ceiling, match_scores
from vivavoce.data.corpus.people import (
    TIMBRE_BY,
    TIMBRE_TIE,
    along,
    draw_person,
    mean_shape,
    shape_axes,
)
from vivavoce.data.matching import auc, recall
from vivavoce.look.face478 import load


@pytest.fixture(scope="module")
def crowd() -> list:
    return [draw_person(0, i) for i in range(300)]


def test_a_person_depends_on_seed_and_number_alone() -> None:
    one, same, other = draw_person(1, 4), draw_person(1, 4), draw_person(2, 4)
    assert np.array_equal(one.looks.identity, same.looks.identity)
    assert one.voice == same.voice
    assert one.voice != other.voice
    assert one.name == "p00004"


def test_ages_sexes_and_bodies_are_plausible(crowd: list) -> None:
    ages = np.array([p.age for p in crowd])
    assert ages.min() >= 16
    assert ages.max() <= 90
    assert 0.4 < np.mean([p.sex == "female" for p in crowd]) < 0.6
    for p in crowd:
        assert 130 < p.height_cm < 215
        assert 0.85 < p.voice.tract < 1.15
        assert 60 < p.voice.pitch_hz < 300
        assert p.looks.beard == "none" or (p.sex == "male" and p.age >= 17)
        values = [p.looks.skin, p.looks.freckles, p.looks.wrinkles, p.looks.lips, p.looks.brows]
        assert all(0 <= v <= 1 for v in values)


def test_voices_follow_the_rules(crowd: list) -> None:
    def median(what: str, sex: str, low: float, high: float) -> float:
        rows = [getattr(p.voice, what) for p in crowd if p.sex == sex and low <= p.age < high]
        return float(np.median(rows))

    men, women = median("pitch_hz", "male", 20, 60), median("pitch_hz", "female", 20, 60)
    assert men < 0.7 * women
    assert median("pitch_hz", "female", 70, 90) < 0.95 * median("pitch_hz", "female", 16, 40)
    assert median("speed", "male", 70, 90) < 0.95 * median("speed", "male", 20, 40)


def test_timbre_and_tract_follow_the_face(crowd: list) -> None:
    for k, name in enumerate(TIMBRE_BY):
        face = [along(name, p.sex, p.looks.identity) for p in crowd]
        timbre = [p.voice.timbre[k] for p in crowd]
        assert np.corrcoef(face, timbre)[0, 1] == pytest.approx(TIMBRE_TIE, abs=0.12)
        assert np.std(timbre) == pytest.approx(1, abs=0.12)
    long = [along("length", p.sex, p.looks.identity) for p in crowd]
    assert np.corrcoef(long, [p.voice.tract for p in crowd])[0, 1] > 0.5


def test_the_axes_do_what_they_are_called() -> None:
    model, axes = load(), shape_axes()

    def size(shape: np.ndarray, a: int, b: int) -> float:
        return float(np.linalg.norm(shape[a] - shape[b]))

    for name, pair, against in (
        ("length", (10, 152), (234, 454)), ("jaw", (172, 397), (234, 454)),
        ("chin", (17, 152), (10, 152)), ("nose", (168, 2), (10, 152)),
        ("mouth", (129, 358), (33, 263)),
    ):  # fmt: skip
        rest = model.vertices(np.zeros(40, np.float32), np.zeros(52, np.float32))
        more = model.vertices(2 * axes[name], np.zeros(52, np.float32))
        assert size(more, *pair) / size(more, *against) > size(rest, *pair) / size(rest, *against)
    man, woman = mean_shape("male"), mean_shape("female")
    assert (man - woman) @ axes["jaw"] > 0.5


def test_the_ceiling_beats_chance_and_any_single_sign() -> None:
    found = ceiling(0, 120)
    assert 15 <= found.recall["R@1"] <= 40  # of 100 faces, chance is 1
    assert found.auc["any"] > found.auc["G"] > found.auc["GNA"] > 60
    crowd = [draw_person(0, i) for i in range(120)]
    pitch = np.array([np.log(p.voice.pitch_hz) for p in crowd])
    female = np.array([p.sex == "female" for p in crowd])
    by_pitch = -np.abs(pitch[:, None] - np.where(female, 5.28, 4.75)[None])
    assert auc(by_pitch, np.ones((120, 120), bool)) < found.auc["any"] - 10


def test_shuffled_voices_give_chance() -> None:
    scores = match_scores([draw_person(0, i) for i in range(120)])
    shuffled = scores[np.random.default_rng(0).permutation(120)]
    assert 40 < auc(shuffled, np.ones((120, 120), bool)) < 60
    assert recall(shuffled, np.random.default_rng(0))["R@1"] < 6


def test_auc_and_recall_against_known_answers() -> None:
    perfect = np.eye(40)
    every = np.ones((40, 40), bool)
    assert auc(perfect, every) == 100
    assert auc(np.zeros((40, 40)), every) == 50
    assert set(recall(perfect, np.random.default_rng(0)).values()) == {100}
    assert recall(1 - perfect, np.random.default_rng(0))["R@10"] == 0


def test_the_page_shows_the_rules_as_they_are() -> None:
    page = (Path(__file__).parents[2] / "docs" / "corpus.md").read_text("utf-8").splitlines()
    assert people.__doc__ is not None
    rules = [line for line in people.__doc__.splitlines() if line.startswith("| ")]
    assert len(rules) > 5
    assert set(rules) <= set(page)
