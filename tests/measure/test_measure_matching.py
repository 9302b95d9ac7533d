"""Metrics of matching against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from vivavoce.data.matching import alike, auc, recall
from vivavoce.measure.metrics import matching


def drawn(people: int, dim: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((people, dim)).astype(np.float32)


def test_perfect_copies_of_the_truth() -> None:
    true = drawn(30, 16)
    assert matching.cosine_similarity(true, true) == pytest.approx(1)
    assert matching.l1_distance(true, true) == 0
    assert set(matching.retrieval(true, true).values()) == {100.0}


def test_cosine_and_l1_by_hand() -> None:
    made = np.array([[3.0, 4.0], [1.0, 0.0]], np.float32)
    true = np.array([[4.0, 3.0], [0.0, 2.0]], np.float32)
    assert matching.cosine_similarity(made, true) == pytest.approx((24 / 25 + 0) / 2)
    assert matching.l1_distance(made, true) == pytest.approx((2 + 3) / 2)
    assert matching.l1_distance(matching.unit(made), matching.unit(true)) == pytest.approx(
        (0.4 + 2) / 2
    )


def test_random_embeddings_give_chance() -> None:
    found = matching.retrieval(drawn(400, 32), drawn(400, 32, 1))
    for k in (1, 2, 5, 10):  # binomial, four standard deviations
        p = k / 100
        assert abs(found[f"R@{k}"] / 100 - p) < 4 * np.sqrt(p * (1 - p) / 400)
    nobody = [None] * 400
    areas = matching.verification(drawn(400, 32), drawn(400, 32, 1), nobody, nobody, nobody)
    assert areas["any"] == pytest.approx(50, abs=6)
    assert np.isnan(areas["G"])  # of nobody the gender is known


def test_ranks_count_who_is_nearer() -> None:
    scores = np.zeros((20, 20))
    for i in range(20):
        scores[i] = 0.1
        scores[i, i] = 0.5
        nearer = [j for j in range(20) if j != i][:4]
        scores[i, nearer] = 0.9  # four others are nearer: fifth
    found = recall(scores, np.random.default_rng(0))
    assert found == {"R@1": 0, "R@2": 0, "R@5": 100, "R@10": 100}


def test_a_tie_is_a_miss() -> None:
    assert recall(np.ones((20, 20)), np.random.default_rng(0))["R@10"] == 0


def test_auc_is_the_share_of_pairs_in_order() -> None:
    scores = drawn(25, 25)
    own = np.diag(scores)
    mask = np.random.default_rng(1).random((25, 25)) < 0.4
    other = scores[mask & ~np.eye(25, dtype=bool)]
    wins = [(o > x) + 0.5 * (o == x) for o in own for x in other]
    assert auc(scores, mask) == pytest.approx(100 * np.mean(wins))


def test_auc_of_shifted_gaussians() -> None:
    """Scores N(d, 1) against N(0, 1) have AUC Phi(d / sqrt 2)."""
    from scipy.stats import norm

    scores = drawn(1500, 1500) + 1.2 * np.eye(1500)
    expected = 100 * norm.cdf(1.2 / np.sqrt(2))
    assert auc(scores, np.ones((1500, 1500), bool)) == pytest.approx(expected, abs=2)


def test_what_is_held_is_shared() -> None:
    gender = ["f", "f", "m", None]
    nationality = ["x", "y", "x", "x"]
    age = [20, 24.9, 40, None]
    assert alike("any", gender, nationality, age).all()
    expected = {
        "G": {(0, 0), (0, 1), (1, 0), (1, 1), (2, 2)},
        "N": {(i, j) for i in (0, 2, 3) for j in (0, 2, 3)} | {(1, 1)},
        "A": {(0, 0), (0, 1), (1, 0), (1, 1), (2, 2)},
        "GNA": {(0, 0), (1, 1), (2, 2)},
    }
    for held, pairs in expected.items():
        found = alike(held, gender, nationality, age)
        assert {(int(i), int(j)) for i, j in np.argwhere(found)} == pairs, held


def test_holding_what_the_voice_tells_makes_it_harder() -> None:
    gender = ["f", "m"] * 60
    sign = np.array([1.0 if g == "f" else -1.0 for g in gender])[:, None]
    one, two = (drawn(120, 4, s) + np.c_[3 * sign, np.zeros((120, 3))] for s in (0, 1))
    same = ["x"] * 120
    found = matching.verification(one, two, gender, same, [30.0] * 120)
    assert found["any"] > 65  # the half of the others that is of the other gender is told
    assert found["G"] == pytest.approx(50, abs=6)
    assert found["G"] == found["GNA"]
    assert found["N"] == found["A"] == found["any"]


def test_unequal_sets_are_refused() -> None:
    with pytest.raises(ValueError, match="pairs"):
        matching.cosine_similarity(drawn(3, 4), drawn(4, 4))
