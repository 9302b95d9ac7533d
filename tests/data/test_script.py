"""What people say and how the recordings are cut: whole frames, times that stay on the sound."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np

from vivavoce.data.corpus.people import draw_person
from vivavoce.data.corpus.script import WORD_FRAMES, frame_sentence, frame_word, lines
from vivavoce.data.corpus.splits import split_of
from vivavoce.types import EMOTIONS, RATE, SAMPLES_PER_FRAME, Phone, Speech


def beep(start_s: float, end_s: float, seconds: float) -> Speech:
    """A tone with one phone on it."""
    samples = np.zeros(round(seconds * RATE), np.float32)
    samples[round(start_s * RATE) : round(end_s * RATE)] = 0.5
    phones = (Phone("_", 0.0, start_s), Phone("a", start_s, end_s), Phone("_", end_s, seconds))
    return Speech(samples, "ah", phones)


def test_times_stay_on_the_sound_whatever_is_cut() -> None:
    for start, end, seconds in ((0.0, 0.5, 0.5), (0.9, 1.5, 3.0), (0.02, 1.0, 1.1)):
        rng = np.random.default_rng(0)
        takes = [
            frame_sentence(beep(start, end, seconds), (("ah", start, end),), rng),
            frame_word(beep(start, end, seconds), (("ah", start, end),)),
        ]
        for take in takes:
            loud = np.flatnonzero(take.speech.samples)
            ((_, first, last),) = take.words
            (phone,) = (p for p in take.speech.phones or () if p.symbol == "a")
            assert (phone.start_s, phone.end_s) == (first, last)
            assert abs(loud[0] - first * RATE) <= 1
            assert abs(loud[-1] + 1 - last * RATE) <= 1
            assert len(take.speech.samples) % SAMPLES_PER_FRAME == 0


def test_phones_cover_the_clip() -> None:
    take = frame_sentence(beep(0.0, 0.5, 0.5), (("ah", 0.0, 0.5),), np.random.default_rng(1))
    phones = take.speech.phones or ()
    assert phones[0].start_s == 0
    assert phones[-1].end_s == take.speech.seconds
    assert all(a.end_s == b.start_s for a, b in pairwise(phones))
    assert [p.symbol for p in phones] == ["_", "a", "_"]


def test_a_single_word_is_in_the_middle_of_29_frames() -> None:
    take = frame_word(beep(0.3, 0.7, 1.0), (("ah", 0.3, 0.7),))
    assert len(take.speech.samples) == WORD_FRAMES * SAMPLES_PER_FRAME
    ((_, start, end),) = take.words
    assert abs((start + end) / 2 - take.speech.seconds / 2) < 1e-3


def test_more_clips_begin_with_the_same_ones() -> None:
    person = draw_person(3, 1)
    assert lines(person, 12, 0.2)[:5] == lines(person, 5, 0.2)


def test_feelings_levels_and_sentences_are_spread() -> None:
    said = [line for i in range(40) for line in lines(draw_person(3, i), 10, 0.25)]
    feelings = Counter(line.feeling.name for line in said)
    assert set(feelings) == set(EMOTIONS)
    assert min(feelings.values()) > 20
    assert 0.15 < np.mean([line.single for line in said]) < 0.35
    assert {line.level for line in said} == {1, 2, 3}
    splits = Counter(line.split for line in said)
    assert 0.7 < splits["train"] / len(said) < 0.9
    assert len({line.text for line in said if not line.single}) > 200


def test_splits_are_a_tenth_each_and_even_a_small_corpus_has_them() -> None:
    assert Counter(map(split_of, range(1000))) == {"train": 800, "val": 100, "test": 100}
    assert {split_of(i) for i in range(8)} == {"train", "val", "test"}
