from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.listen.sounds import (
    CLASSES,
    CLOSED,
    INDEX,
    OPEN,
    SILENCE,
    classes_of,
    content_from_phones,
)
from vivavoce.speak.voices import find_voice, list_voices
from vivavoce.types import Emotion, Phone


def names(symbol: str) -> list[str]:
    return [CLASSES[c] for c, _ in classes_of(symbol)]


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        ("p", ["pbm"]), ("pʰ", ["pbm"]), ("mʲ", ["pbm"]), ("m̩", ["pbm"]), ("ʘ", ["pbm"]),
        ("ˈaɪ", ["a", "e"]), ("oʊ", ["o", "u"]), ("ˌɔː", ["aw"]), ("ɑ̃", ["a"]), ("ɔ̃ː", ["aw"]),
        ("tʃ", ["sh"]), ("dʒ", ["sh"]), ("t͡s", ["sz"]), ("tɕʰ", ["sh"]), ("t", ["tdnl"]),
        ("n̪", ["tdnl"]), ("ç", ["j"]), ("ç".encode().decode(), ["j"]), ("ɑːɹ", ["a", "r"]),
        ("_", ["sil"]), ("", ["sil"]), ("ː", ["sil"]), ("ʔ", ["h"]), ("S", ["sh"]),
        ("Ж", ["schwa"]), ("œ̃", ["y"]), ("ɯᵝ", ["i"]),
    ],
)  # fmt: skip
def test_symbols(symbol: str, expected: list[str]) -> None:
    assert names(symbol) == expected


def test_long_part_of_a_diphthong_lasts_longer() -> None:
    assert [share for _, share in classes_of("ɑːɹ")] == pytest.approx([2 / 3, 1 / 3])


@given(st.text(max_size=8))
def test_any_symbol_is_understood(symbol: str) -> None:
    parts = classes_of(symbol)
    assert sum(share for _, share in parts) == pytest.approx(1)
    assert all(0 <= c < len(CLASSES) for c, _ in parts)


def test_every_sound_of_every_voice_has_a_class_of_its_own() -> None:
    """No voice's ordinary text falls back on the rule for unknown letters."""
    unknown = set()
    for voice in list_voices():
        if voice.kind == "language":
            for piece in find_voice(voice.name).speak("0 1 2 3 4 5 6 7 8 9 a b", Emotion()):
                for phone in piece.phones or ():
                    schwas = {c for c in phone.symbol if c in "əɤ"}
                    if INDEX["schwa"] in dict(classes_of(phone.symbol)) and not schwas:
                        unknown.add((voice.name, phone.symbol))
    assert not unknown


def test_coverage_of_a_frame_is_exact() -> None:
    phones = [Phone("p", 0.0, 0.05), Phone("a", 0.05, 0.10)]
    content = content_from_phones(phones, 4)
    assert content[0, CLOSED] == pytest.approx(1)
    assert content[1, CLOSED] == pytest.approx(0.25)
    assert content[1, OPEN[0]] == pytest.approx(0.75)
    assert content[2, OPEN[0]] == pytest.approx(0.5)
    assert content[2, SILENCE] == pytest.approx(0.5)
    assert content[3, SILENCE] == pytest.approx(1)


@given(st.lists(st.tuples(st.sampled_from("pbaouʃ_"), st.floats(0.001, 0.4)), max_size=20))
def test_rows_sum_to_one_and_time_is_kept(parts: list[tuple[str, float]]) -> None:
    at, phones = 0.0, []
    for symbol, length in parts:
        phones.append(Phone(symbol, at, at + length))
        at += length
    content = content_from_phones(phones, int(at * 25) + 2)
    assert np.allclose(content.sum(1), 1, atol=1e-5)
    closed = sum(length for symbol, length in parts if symbol in "pb")
    assert content[:, CLOSED].sum() / 25 == pytest.approx(closed, abs=1e-4)
