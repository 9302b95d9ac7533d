"""Metrics of written instructions and of expressions against values by hand (spec items 18, 19)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vivavoce.measure.metrics.captions import bleu, cider, meteor, rouge_l, same_acts
from vivavoce.measure.metrics.expression import diversity, eve, upper
from vivavoce.types import ARKIT

MADE = ("the man smiles", "she looks very sad", "the face is at rest")
TRUE = ("the man smiles broadly", "she seems very sad", "no muscle moves")


def test_18_bleu_by_hand() -> None:
    # 12 words made, 11 wanted, so there is no brevity penalty; single words: 3 + 3 + 0 of 12.
    assert bleu(MADE, TRUE, 1) == pytest.approx(6 / 12)
    # pairs: "the man", "man smiles", "very sad" of 2 + 3 + 4.
    assert bleu(MADE, TRUE, 2) == pytest.approx(math.sqrt(6 / 12 * 3 / 9))
    # a text that is too short: p_1 = 1, BP = exp(1 - 4 / 3).
    assert bleu(MADE[:1], TRUE[:1], 1) == pytest.approx(math.exp(1 - 4 / 3))
    assert bleu(TRUE[:2], TRUE[:2], 4) == pytest.approx(1.0)


def test_18_rouge_and_meteor_by_hand() -> None:
    assert [rouge_l(a, b) for a, b in zip(MADE, TRUE, strict=True)] == [3 / 4, 3 / 4, 0]
    precision, recall = 1.0, 3 / 4
    wanted = precision * recall / (0.9 * precision + 0.1 * recall)
    assert meteor(MADE[0], TRUE[0]) == pytest.approx(wanted)
    assert meteor(MADE[1], TRUE[1]) == pytest.approx(3 / 4)
    assert meteor(MADE[2], TRUE[2]) == 0


def test_cider_is_one_for_the_same_texts_and_none_for_others() -> None:
    texts = ["she smiles broadly and looks down", "he frowns and lowers the brows very hard"]
    assert cider(texts, texts) == pytest.approx(1.0)
    assert cider(texts[::-1], texts) < 0.1


def test_acts_are_compared_by_what_they_mean() -> None:
    assert same_acts("She is very angry. She smiles.", "He is extremely furious. He smiles.") == 1
    assert same_acts("She smiles.", "She frowns.") == 0


def test_19_eve_of_the_same_faces_is_nothing() -> None:
    rng = np.random.default_rng(0)
    face = rng.random((10, len(ARKIT))).astype(np.float32)
    assert eve(face, face) == 0
    brow, jaw = face.copy(), face.copy()
    brow[:, ARKIT.index("browInnerUp")] += 0.3
    jaw[:, ARKIT.index("jawOpen")] += 0.3
    assert eve(brow, face) > 10 * eve(jaw, face)
    assert 100 < len(upper()) < 300


def test_diversity_is_the_mean_distance() -> None:
    styles = np.eye(3, dtype=np.float32)
    assert diversity(styles) == pytest.approx(math.sqrt(2))
    assert diversity(styles[[0, 0, 0]]) == 0
