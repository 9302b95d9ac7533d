"""Corpus voices: the person's, with the feeling's colour, and times that stay exact."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vivavoce.data.corpus.people import draw_person
from vivavoce.data.corpus.sentences import SENTENCES, WORDS, balance
from vivavoce.data.corpus.voice import COLOURS, _world, say, stretched
from vivavoce.types import RATE, Emotion

TEXT = "Maybe my mother would prefer a warm room above the bakery."


def person(**voice: float):
    adult = next(p for i in range(50) if 25 < (p := draw_person(1, i)).age < 50 and p.sex == "male")
    return replace(adult, voice=replace(adult.voice, **voice))


def spoken(who, emotion: str = "neutral", level: float = 1.0):
    return say(who, TEXT, Emotion(emotion, level), np.random.default_rng(0))


def pitch(samples: np.ndarray) -> np.ndarray:
    f0, _ = _world().harvest(samples.astype(np.float64), RATE)
    return f0[f0 > 0]


def test_the_same_seed_gives_the_same_samples() -> None:
    who = person()
    first, second = spoken(who), spoken(who)
    assert np.array_equal(first.speech.samples, second.speech.samples)
    assert first.words == second.words


def test_pitch_and_range_are_the_persons() -> None:
    for hz in (95.0, 140.0):
        heard = pitch(spoken(person(pitch_hz=hz, range_st=2.5)).speech.samples)
        assert abs(12 * np.log2(np.median(heard) / hz)) < 1.2
    narrow, wide = (pitch(spoken(person(range_st=r)).speech.samples) for r in (1.2, 4.0))
    assert np.std(np.log2(wide)) > 1.6 * np.std(np.log2(narrow))


@pytest.mark.parametrize("emotion", ["happy", "sad", "angry", "fearful", "surprised"])
def test_feelings_change_what_the_table_says(emotion: str) -> None:
    who, colour = person(pitch_hz=120.0, range_st=2.4), COLOURS[emotion]
    calm, felt = spoken(who), spoken(who, emotion)
    heights = [np.median(pitch(s.speech.samples)) for s in (calm, felt)]
    assert np.sign(12 * np.log2(heights[1] / heights[0])) == np.sign(colour.pitch_st)
    loud = [np.sqrt(np.mean(s.speech.samples**2)) for s in (calm, felt)]
    if abs(colour.loud_db) > 1.5:
        assert np.sign(np.log(loud[1] / loud[0])) == np.sign(colour.loud_db)
    if abs(colour.rate - 1) > 0.05:
        longer = felt.speech.phones[-1].start_s / calm.speech.phones[-1].start_s
        assert np.sign(longer - 1) == -np.sign(colour.rate - 1)


def test_a_longer_tract_lowers_the_formants_by_its_ratio() -> None:
    rows = np.exp(-((np.arange(513)[None] - np.array([[120.0]])) ** 2) / 200) + 1e-9
    assert stretched(rows, 1.25)[0].argmax() == 150
    assert stretched(rows, 0.8)[0].argmax() == 96

    def envelope(cm: float) -> np.ndarray:
        who = person(tract_cm=cm, breathiness=0.05)
        world, x = _world(), spoken(who).speech.samples.astype(np.float64)
        f0, t = world.dio(x, RATE)
        rows = np.log(world.cheaptrick(x, world.stonemask(x, f0, t, RATE), t, RATE)[f0 > 0])
        return rows.mean(0)

    long, short = envelope(19.0), envelope(15.5)
    hz = np.linspace(0, RATE / 2, len(long))
    band = (hz > 500) & (hz < 4500)
    ratios = np.linspace(0.6, 1.4, 161)
    fits = [np.corrcoef(long[band], np.interp(hz[band] / r, hz, short))[0, 1] for r in ratios]
    assert abs(ratios[int(np.argmax(fits))] / (15.5 / 19.0) - 1) < 0.06


def test_closures_are_where_the_phones_say() -> None:
    said = spoken(person())
    x, dips = said.speech.samples, 0
    open_phones = [p for p in said.speech.phones or () if p.symbol.strip("ˈˌ")[:1] in "aeiouæɐəɛɪʊ"]
    vowels = [
        np.sqrt(np.mean(x[int(p.start_s * RATE) : int(p.end_s * RATE)] ** 2)) for p in open_phones
    ]
    stops = [p for p in said.speech.phones or () if p.symbol in ("p", "b", "k", "t")]
    for stop in stops:
        part = x[int(stop.start_s * RATE) : int(stop.end_s * RATE)]
        quiet = min(np.sqrt(np.mean(b**2)) for b in np.array_split(part, max(1, len(part) // 160)))
        dips += quiet < 0.35 * np.median(vowels)
    assert stops
    assert dips >= 0.7 * len(stops)


def test_words_cover_the_text_in_order() -> None:
    said = spoken(person())
    assert [w for w, _, _ in said.words] == TEXT.lower().strip(".").split()
    times = [t for _, a, b in said.words for t in (a, b)]
    assert times == sorted(times)


def test_sentences_are_many_and_differ() -> None:
    assert len(SENTENCES) >= 1500
    assert len(set(SENTENCES)) == len(SENTENCES)
    assert len(set(WORDS)) == len(WORDS) >= 500
    assert all(5 <= len(w) <= 12 for w in WORDS)
    split = [s.lower().strip(".!?").replace(",", "").split() for s in SENTENCES]
    assert all(4 <= len(words) <= 14 for words in split)
    rng = np.random.default_rng(0)
    for a, b in rng.integers(0, len(split), (4000, 2)):
        if a != b:
            assert _in_order(split[a], split[b]) <= 0.6 * min(len(split[a]), len(split[b]))


def _in_order(a: list[str], b: list[str]) -> int:
    """Length of the longest common subsequence of words."""
    row = [0] * (len(b) + 1)
    for x in a:
        new = [0]
        for j, y in enumerate(b):
            new.append(row[j] + 1 if x == y else max(row[j + 1], new[-1]))
        row = new
    return row[-1]


def test_sentences_hold_every_sound_of_english() -> None:
    found = balance(SENTENCES[:400])
    for phone in (
        "p",
        "b",
        "m",
        "f",
        "v",
        "θ",
        "ð",
        "ʃ",
        "ʒ",
        "tʃ",
        "dʒ",
        "ŋ",
        "w",
        "j",
        "ɔɪ",
        "aʊ",
    ):
        assert found[phone] >= 3, phone
