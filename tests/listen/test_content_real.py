"""The content network that ships, on real recordings and on sounds that are no speech."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vivavoce.listen.listener import Listener
from vivavoce.listen.sounds import CLOSED, SILENCE, VOWELS, content_from_phones
from vivavoce.media.read import read_speech
from vivavoce.speak.voices import find_voice
from vivavoce.types import Emotion, Float, Phone, Speech


def hear(sound: Float) -> Float:
    return np.concatenate([c.content for c, _ in Listener()([Speech(sound.astype(np.float32))])])


def recording(path: Path) -> Float:
    return np.concatenate([piece.samples for piece in read_speech(path)])


@pytest.mark.parametrize("kind", ["digital silence", "faint hiss", "hiss", "hum"])
def test_what_is_no_voice_is_silence(kind: str) -> None:
    time = np.arange(48_000) / 16_000
    noise = np.random.default_rng(0).normal(0, 1, 48_000)
    sounds = {
        "digital silence": time * 0,
        "faint hiss": noise * 0.001,
        "hiss": noise * 0.02,
        "hum": 0.02 * np.sin(2 * np.pi * 50 * time) + 0.0005 * noise,
    }
    assert hear(sounds[kind])[5:, SILENCE].mean() > 0.8


def test_a_voice_without_its_phones() -> None:
    """The network alone hears what the phones say in most frames, closures above all."""
    pieces = list(
        find_voice("en-gb").speak("My baby bumped a big map. Papa may mop up.", Emotion())
    )
    at, phones = 0.0, []
    for piece in pieces:
        phones += [Phone(p.symbol, p.start_s + at, p.end_s + at) for p in piece.phones or ()]
        at += piece.seconds
    heard = hear(np.concatenate([p.samples for p in pieces]))
    true = content_from_phones(phones, len(heard))
    assert (heard.argmax(1) == true.argmax(1)).mean() > 0.6
    assert heard[true[:, CLOSED] > 0.9, CLOSED].mean() > 0.7
    assert heard[true[:, CLOSED] < 0.1, CLOSED].mean() < 0.12


@pytest.mark.parametrize("gain", [1.0, 0.03])
def test_closures_of_a_real_voice(real: Path, gain: float) -> None:
    """GRID: "bin blue": lips close at the beginning of both words; before it there is silence."""
    clip = real / "grid_s1" / "bbaf2n.mp4"
    lines = [line.split() for line in clip.with_suffix(".align").read_text().splitlines()]
    starts = {word: int(start) / 1000 for start, _, word in lines}
    heard = hear(recording(clip) * gain)
    for word in ("bin", "blue"):
        frame = int(starts[word])
        assert heard[frame - 3 : frame + 4, CLOSED].max() > 0.5
    assert heard[3 : int(starts["bin"]) - 4, SILENCE].mean() > 0.65  # he breathes
    said = heard[int(starts["bin"]) : int(starts["now"])]
    assert said[:, list(VOWELS)].sum(1).mean() > 0.3


@pytest.mark.parametrize(
    "name", ["dreamtalk_french1.wav", "dreamtalk_korean2.wav", "dreamtalk_japan1.wav"]
)
def test_other_languages_move_the_lips(real: Path, name: str) -> None:
    """Never trained on: vowels are heard in the loud frames, silence in the quiet ones."""
    sound = recording(real / "audio" / name)
    heard = hear(sound)
    frames = sound[: len(sound) // 640 * 640].reshape(-1, 640)
    level = 10 * np.log10((frames**2).mean(1) + 1e-9)
    loud = level > np.percentile(level, 75)
    quiet = level < min(np.percentile(level, 8), level.max() - 35)
    heard = heard[: len(level)]
    assert heard[loud][:, list(VOWELS)].sum(1).mean() > 0.5
    if quiet.any():
        assert heard[quiet, SILENCE].mean() > 0.5
    assert 0.02 < heard[:, CLOSED].mean() < 0.25
