from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from vivavoce.listen.sounds import MEMBERS, classes_of, phones_from_content
from vivavoce.listen.visemes import VISEMES, VRM_OF, mouth_shapes, visemes, vrm_weights
from vivavoce.look import face478
from vivavoce.media.gltf import MIXED
from vivavoce.types import ARKIT_INDEX, Phone, lip_gap


def said(*symbols: str) -> list[Phone]:
    return [Phone(s, 0.1 * i, 0.1 * (i + 1)) for i, s in enumerate(symbols)]


def test_a_word_in_visemes_and_shapes() -> None:
    """Boat, then thief; a diphthong is two halves, a stop before a sibilant is one sound."""
    assert [v.symbol for v in visemes(said("_", "b", "oʊ", "t", "_"))] == [
        "sil", "PP", "O", "U", "DD", "sil",
    ]  # fmt: skip
    assert [v.symbol for v in visemes(said("θ", "iː", "f"))] == ["TH", "I", "FF"]
    assert [v.symbol for v in visemes(said("tʃ", "ɹ", "n", "l", "k"))] == [
        "CH", "RR", "nn", "kk",
    ]  # fmt: skip
    assert [v.symbol for v in mouth_shapes(said("_", "m", "ɑː", "l", "v", "w", "ɛ", "s"))] == [
        "X", "A", "D", "H", "G", "F", "C", "B",
    ]  # fmt: skip


@pytest.mark.parametrize("told", [visemes, mouth_shapes])
def test_every_moment_has_one_and_neighbours_differ(told: object) -> None:
    phones = said("_", "m", "m", "aɪ", "p", "_", "_", "x", "?", "ǃ", "")
    found = told(phones)  # type: ignore[operator]
    assert (found[0].start_s, found[-1].end_s) == (0, pytest.approx(1.1))
    for before, after in pairwise(found):
        assert before.end_s == pytest.approx(after.start_s)
        assert before.symbol != after.symbol


def test_every_known_sound_has_a_viseme_and_a_shape() -> None:
    """No letter that the lips know is taken for an unknown one, and every viseme is used."""
    every = [said(letter) for letters in MEMBERS.values() for letter in letters]
    found = {v.symbol for phones in every for v in visemes(phones)}
    assert found == set(VISEMES)
    assert {f"viseme_{v}" for v in VISEMES} <= set(MIXED)
    shapes = {s.symbol for phones in every for s in mouth_shapes(phones)}
    assert shapes == set("ABCDEFGHX")
    for letter in MEMBERS["pbm"]:
        assert [v.symbol for v in visemes(said(letter))] == ["PP"]
        assert [s.symbol for s in mouth_shapes(said(letter))] == ["A"]


def test_the_targets_of_a_glb_look_like_their_visemes() -> None:
    """On our own head, as real clips have it: lips touch on p and are open on a."""
    head = face478.load()
    gap = {}
    for name, mix in MIXED.items():
        row = np.zeros(52, np.float32)
        for arkit, part in mix.items():
            row[ARKIT_INDEX[arkit]] = part
        gap[name] = float(lip_gap(head.vertices(np.zeros(len(head.identity), np.float32), row)))
    assert max(gap["viseme_sil"], gap["viseme_PP"]) < 0.03
    assert gap["viseme_aa"] > 0.1
    spoken = {k: v for k, v in gap.items() if k.startswith("viseme_")}
    assert max(spoken, key=spoken.__getitem__) == "viseme_aa"


def test_vrm_mouths_open_and_close_softly() -> None:
    events = visemes(said("_", "ɑ", "p", "u", "_"))
    at = np.arange(0, 0.5, 0.01)
    weights = vrm_weights(events, at)
    assert set(weights) == {"aa", "ih", "ou", "ee", "oh"}
    assert weights["aa"][15] == pytest.approx(1, abs=1e-6)
    assert weights["ou"][35] == pytest.approx(1, abs=1e-6)
    assert sum(float(w[25]) for w in weights.values()) == pytest.approx(0, abs=1e-6)  # p closes
    assert 0 < weights["aa"][10] < 1  # half way at the border
    assert max(np.abs(np.diff(w)).max() for w in weights.values()) < 0.2
    assert set(VRM_OF) <= set(VISEMES)


def test_phones_of_a_recording_are_the_likeliest_classes() -> None:
    content = np.zeros((6, len(MEMBERS)), np.float32)
    for row, name in enumerate(("sil", "pbm", "pbm", "a", "a", "tdnl")):
        content[row, list(MEMBERS).index(name)] = 0.6
        content[row, 5] += 0.4
    assert phones_from_content(content, 25) == [
        Phone("_", 1.0, 1.04), Phone("p", 1.04, 1.12), Phone("a", 1.12, 1.2), Phone("t", 1.2, 1.24),
    ]  # fmt: skip
    for name, letters in MEMBERS.items():
        assert classes_of(letters[0]) == ((list(MEMBERS).index(name), 1.0),)
