"""Feelings vary from clip to clip, and words say exactly what the face shows."""

from __future__ import annotations

import numpy as np
import pytest

from vivavoce.data.corpus.describe import (
    ACTIONS,
    COARSE,
    FEELINGS,
    FINE,
    describe,
    units_named,
)
from vivavoce.data.corpus.feeling import SHOWN, base, draw_look, units
from vivavoce.move.emotion import look_of
from vivavoce.types import ARKIT, EMOTIONS, Emotion


@pytest.mark.parametrize("emotion", EMOTIONS)
@pytest.mark.parametrize("level", [1, 2, 3])
def test_the_fine_phrase_names_exactly_the_units_that_are_shown(emotion: str, level: int) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        row = draw_look(Emotion(emotion, level / 3), rng)
        told = describe(emotion, level, units(row), rng)
        assert units_named(told["fine"]) == set(told["units"])
        strong = {base(n) for n, v in zip(ARKIT, row, strict=False) if v >= SHOWN}
        assert strong == set(told["units"])


def test_every_unit_of_every_feeling_has_words() -> None:
    for emotion in EMOTIONS:
        assert set(units(look_of(Emotion(emotion)))) <= set(ACTIONS)


def test_no_way_of_saying_a_unit_is_part_of_another() -> None:
    ways = [(unit, way) for unit, found in ACTIONS.items() for way in found]
    for unit, way in ways:
        assert not any(way in other for name, other in ways if name != unit)


def test_phrases_are_english_and_varied() -> None:
    said = set()
    for seed in range(200):
        rng = np.random.default_rng(seed)
        emotion = EMOTIONS[seed % 8]
        row = draw_look(Emotion(emotion), rng)
        told = describe(emotion, 3, units(row), rng)
        assert any(word in told["coarse"] for word in FEELINGS[emotion])
        for text in (told["coarse"], told["fine"]):
            assert text[0].isupper()
            assert text.endswith(".")
            assert "  " not in text
            assert "{" not in text
            assert " a a" not in text
            assert " a e" not in text
        said.add(told["fine"])
    assert len(said) > 150
    assert len(COARSE) + len(FINE) >= 12


def test_the_same_feeling_looks_otherwise_in_another_clip() -> None:
    rows = np.stack([draw_look(Emotion("happy"), np.random.default_rng(s)) for s in range(30)])
    smile = rows[:, ARKIT.index("mouthSmileLeft")]
    assert smile.std() > 0.1
    assert (smile == 0).mean() > 0.05
    assert np.all(rows[:, :52] <= 1)
    assert not draw_look(Emotion("neutral"), np.random.default_rng(0))[:52].any()
