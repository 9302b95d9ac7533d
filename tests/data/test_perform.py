"""Corpus people's movement: closures close, eyes blink, heads sway and nod, nothing jitters."""

from __future__ import annotations

import numpy as np
import pytest

from vivavoce.data.corpus.carriage import LIMITS, MODE_HZ, accents, carry, draw_modes
from vivavoce.data.corpus.people import draw_person
from vivavoce.data.corpus.perform import course, perform, seals
from vivavoce.look.face478 import load
from vivavoce.measure.metrics.lips import closure_gaps, vowel_gaps
from vivavoce.move.emotion import look_of
from vivavoce.speak.voices import find_voice
from vivavoce.types import (
    ARKIT_INDEX,
    EMOTIONS,
    FPS,
    SAMPLES_PER_FRAME,
    Emotion,
    Phone,
    Speech,
    lip_gap,
)

TEXT = (
    "Maybe the big boat has already left the harbour, but Paul and Bob have five more papers from "
    "Mother, and a rather large box of apples."
)


@pytest.fixture(scope="module")
def speech() -> Speech:
    """A sentence of 7 s with phones, by a voice that is always there."""
    (spoken,) = find_voice("en-us+m3").speak(TEXT, Emotion())
    samples = np.pad(spoken.samples, (0, -len(spoken.samples) % SAMPLES_PER_FRAME))
    return Speech(samples, phones=spoken.phones)


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_closures_close_and_vowels_open_in_every_feeling(speech: Speech, emotion: str) -> None:
    closures, vowels = [], []
    for index in range(4):
        person = draw_person(5, index)
        acted = perform(person, speech, look_of(Emotion(emotion)), np.random.default_rng(index))
        gap = lip_gap(load().vertices(person.looks.identity, acted.motion.expression))
        closures.extend(closure_gaps(gap, speech.phones or ()))
        vowels.extend(vowel_gaps(gap, speech.phones or ()))
    # Medians of real clips: 0.020 on p, b, m; 0.125 on open vowels.
    assert np.median(closures) < 0.03
    assert np.quantile(closures, 0.9) < 0.045
    assert 0.06 < np.median(vowels) < 0.23


def test_the_same_draws_give_the_same_bits_and_others_do_not(speech: Speech) -> None:
    person = draw_person(5, 0)
    first, again, other = (
        perform(person, speech, look_of(Emotion("happy")), np.random.default_rng(seed)).motion
        for seed in (1, 1, 2)
    )
    for name in ("expression", "pose", "gaze"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
    assert np.abs(first.pose - other.pose).max() > 0.02


def test_pose_is_modes_and_rhythm(speech: Speech) -> None:
    acted = perform(draw_person(5, 1), speech, look_of(Emotion()), np.random.default_rng(0))
    assert np.array_equal(acted.motion.pose, acted.pose_modes + acted.rhythm)
    assert np.degrees(acted.rhythm[:, 1].std()) > 0.2
    assert (np.abs(acted.pose_modes) <= LIMITS).all()


def test_modes_are_slow_and_as_large_as_heads_turn() -> None:
    clips = [draw_modes(1500, np.random.default_rng(seed))[:, 0] for seed in range(40)]
    spectrum = np.mean([np.abs(np.fft.rfft(c * np.hanning(len(c)))) ** 2 for c in clips], 0)
    hertz = np.fft.rfftfreq(1500, 1 / FPS)
    outside = (hertz > MODE_HZ[1] + 0.1) | (hertz < MODE_HZ[0] - 0.08)
    assert spectrum[outside].sum() < 0.01 * spectrum.sum()
    assert np.degrees(np.std(clips)) == pytest.approx(5.2, rel=0.25)


def test_rhythm_follows_prosody_and_is_still_in_silence() -> None:
    person = draw_person(5, 2)
    prosody = np.zeros((100, 3), np.float32)
    prosody[40:46] = (0.9, 0.3, 1.0)
    still, moved = (
        carry(person, p, np.zeros(6), 1.0, np.random.default_rng(0))
        for p in (np.zeros_like(prosody), prosody)
    )
    assert not still.rhythm.any()
    assert 36 <= np.abs(moved.rhythm[:, 1]).argmax() <= 50
    assert np.array_equal(still.pose_modes, moved.pose_modes)


def test_accents_come_later_by_the_lag() -> None:
    prosody = np.zeros((80, 3), np.float32)
    prosody[30:34, 0] = 0.9
    early, late = (accents(prosody, lag)[0].argmax() for lag in (0.0, 0.12))
    assert late - early == 3


def test_the_face_moves_without_jitter(speech: Speech) -> None:
    acted = perform(
        draw_person(5, 3), speech, look_of(Emotion("angry")), np.random.default_rng(3)
    ).motion
    assert np.abs(np.diff(acted.pose[:, :3], 2, axis=0)).mean() < 0.004
    brows = acted.expression[:, ARKIT_INDEX["browInnerUp"]]
    assert np.abs(np.diff(brows, 2)).max() < 0.1


def test_people_blink_as_often_as_people() -> None:
    minute = np.random.default_rng(0).normal(0, 1e-3, 60 * 16000).astype(np.float32)
    silence = Speech(minute, phones=(Phone("_", 0.0, 60.0),))
    counts, lengths = [], []
    for index in range(6):
        acted = perform(
            draw_person(5, index), silence, look_of(Emotion()), np.random.default_rng(index)
        )
        lid = acted.motion.expression[:, ARKIT_INDEX["eyeBlinkLeft"]]
        shut = np.diff(np.r_[False, lid > 0.05, False].astype(int))
        counts.append((shut == 1).sum())
        lengths.extend(np.flatnonzero(shut == -1) - np.flatnonzero(shut == 1))
        assert (lid.max(), lid.min()) == (1, 0)
        lips = acted.motion.expression[:, ARKIT_INDEX["jawOpen"]]
        assert not lips.any()  # nothing is said
    assert 17 < np.mean(counts) < 35  # in silence a little more often than in speech
    assert 0.16 <= np.median(lengths) / FPS <= 0.32


def test_a_closure_between_two_frames_is_seen_on_both() -> None:
    sealed = seals((Phone("p", 0.19, 0.21),), 10)
    assert sealed[4] > 0.8
    assert sealed[5] > 0.8
    assert sealed[[2, 7]].max() == 0


def test_a_feeling_rises_holds_and_falls() -> None:
    shown = np.array([course(75, np.random.default_rng(seed)) for seed in range(20)])
    assert (shown.max(1) > 1.04 * shown[:, 0]).all()
    assert (shown.max(1) > 1.02 * shown[:, -1]).all()
    assert np.abs(np.diff(shown, 2)).max() < 0.05
    assert shown.max() <= 1
    assert shown.min() > 0.2


def test_stronger_feelings_show_more(speech: Speech) -> None:
    person = draw_person(5, 4)
    mild, strong = (
        perform(person, speech, look_of(Emotion("happy", level)), np.random.default_rng(0)).motion
        for level in (1 / 3, 1.0)
    )
    smile = ARKIT_INDEX["mouthSmileLeft"]
    assert strong.expression[:, smile].mean() > 1.5 * mild.expression[:, smile].mean()


def test_people_articulate_differently(speech: Speech) -> None:
    jaws = [
        perform(draw_person(5, i), speech, look_of(Emotion()), np.random.default_rng(0))
        .motion.expression[:, ARKIT_INDEX["jawOpen"]]
        .max()
        for i in range(8)
    ]
    assert np.std(jaws) > 0.02
