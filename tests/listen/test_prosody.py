from __future__ import annotations

import numpy as np
import pytest

from vivavoce.listen.prosody import ProsodyStream
from vivavoce.speak.voices import find_voice
from vivavoce.types import Emotion


def prosody(sound: np.ndarray, part: int = 0) -> np.ndarray:
    stream, part = ProsodyStream(), part or max(len(sound), 1)
    parts = [sound[i : i + part].astype(np.float32) for i in range(0, len(sound), part)]
    return np.concatenate([*[stream.push(p) for p in parts], stream.finish()])


def hum(hertz: np.ndarray, loud: float = 0.2) -> np.ndarray:
    """A voice-like pulse train of the given height at every sample."""
    phase = 2 * np.pi * np.cumsum(hertz) / 16_000
    return loud * sum(np.sin(k * phase) / k for k in range(1, 12)) / 2


def test_height_in_octaves_of_a_gliding_voice() -> None:
    glide = 120 * 2 ** np.linspace(0, 1, 64_000)
    rows = prosody(hum(np.concatenate([np.full(64_000, 120.0), glide])))
    assert rows[20:90, 2].min() > 0.8
    assert rows[20:90, 1] == pytest.approx(0, abs=0.03)
    assert rows[195, 1] - rows[100, 1] == pytest.approx(1, abs=0.35)  # the median moves too
    assert (np.diff(rows[100:195, 1]) > -0.1).all()


def test_noise_and_silence_have_no_voice() -> None:
    rng = np.random.default_rng(0)
    assert prosody(rng.normal(0, 0.1, 32_000))[:, 2].mean() < 0.2
    rows = prosody(np.zeros(16_000))
    assert rows.shape == (25, 3)
    assert not rows.any()


@pytest.mark.parametrize("gain", [0.02, 1.0])
def test_level_does_not_matter(gain: float) -> None:
    sound = np.concatenate(
        [s.samples for s in find_voice("en-us").speak("My mother. Made tea.", Emotion())]
    )
    reference, rows = prosody(sound), prosody(sound * gain)
    assert np.abs(rows[10:, 0] - reference[10:, 0]).mean() < 0.12
    assert reference[:, 0].max() > 0.9
    assert (rows[-4:, 0] < 0.1).all()


@pytest.mark.parametrize("part", [77, 640, 5000])
def test_in_parts_equals_whole(part: int) -> None:
    rng = np.random.default_rng(1)
    sound = hum(150 + 30 * np.sin(np.arange(30_001) / 3000)) + rng.normal(0, 0.01, 30_001)
    assert np.allclose(prosody(sound, part), prosody(sound), atol=1e-4)
    assert len(prosody(sound)) == 47
