"""Whether a recording holds one person's voice."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from vivavoce.errors import BadMedia, MediaWarning
from vivavoce.listen.heard_voice import HeardVoice, check_voice
from vivavoce.types import RATE, Float


def tone(hz: Float, harmonics: int = 6) -> Float:
    """A sound whose pitch follows `hz` [n], with overtones."""
    phase = 2 * np.pi * np.cumsum(hz) / RATE
    return np.float32(sum(0.1 * np.sin(k * phase) / k for k in range(1, harmonics)))


def glide(low: float, high: float, seconds: float) -> Float:
    """A pitch that rises and falls between two, as in speech."""
    at = np.arange(int(seconds * RATE)) / RATE
    return low * (high / low) ** (0.5 - 0.5 * np.cos(2 * np.pi * 0.7 * at))


@pytest.mark.parametrize("hz", [90, 140, 220, 310])
def test_the_pitch_is_that_of_the_sound(hz: float) -> None:
    found = HeardVoice(tone(np.full(RATE, hz)))
    assert found.median_hz == pytest.approx(hz, rel=0.03)
    assert found.voiced_s > 0.8


def test_a_gliding_pitch_is_speech_and_a_held_one_is_music() -> None:
    speech = tone(glide(110, 160, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check_voice(speech).held < 0.3
    notes = np.repeat([262.0, 294, 330, 349, 392, 330], RATE // 2)
    with pytest.warns(MediaWarning, match="music or held tones"):
        check_voice(tone(notes))


@pytest.mark.parametrize("sound", [np.zeros(RATE), np.random.default_rng(0).normal(0, 0.1, RATE)])
def test_what_holds_no_voice_is_refused(sound: Float) -> None:
    with pytest.raises(BadMedia, match=r"^here\.wav holds no voice"):
        check_voice(sound.astype(np.float32), "here.wav")
    with pytest.raises(BadMedia, match="no voice"):
        check_voice(sound[:0].astype(np.float32))


def test_too_little_of_a_voice_is_refused_and_little_is_told() -> None:
    with pytest.raises(BadMedia, match=r"only 0\.2 s of a voice"):
        check_voice(np.pad(tone(glide(110, 160, 0.2)), RATE))
    with pytest.warns(MediaWarning, match=r"only 0\.[67] s of a voice"):
        check_voice(np.pad(tone(glide(110, 160, 0.7)), RATE))


def test_loudness_changes_nothing() -> None:
    speech = tone(glide(110, 160, 2))
    quiet, loud = HeardVoice(0.05 * speech), HeardVoice(speech)
    assert np.array_equal(quiet.voiced, loud.voiced)
    assert quiet.median_hz == loud.median_hz
