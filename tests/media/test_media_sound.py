"""Sound files that we write."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from vivavoce.errors import OutputRefused
from vivavoce.media.provenance import Provenance, read_provenance
from vivavoce.media.sound import write_sound
from vivavoce.types import Speech


def tone(seconds: float) -> np.ndarray:
    return (0.5 * np.sin(np.arange(int(16_000 * seconds)) * 0.1)).astype(np.float32)


def test_what_is_written_is_what_was_said_and_says_that_nobody_said_it(tmp_path: Path) -> None:
    samples = tone(0.7)
    pieces = [Speech(part) for part in np.split(samples, [100, 5000])]
    seconds = write_sound(tmp_path / "a.wav", pieces, Provenance("ttsf", None))
    assert seconds == 0.7
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        read = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32767
    assert np.allclose(read, samples, atol=1 / 32767)
    assert "It is not a recording" in read_provenance(tmp_path / "a.wav")["comment"]


def test_nothing_half_written_is_left(tmp_path: Path) -> None:
    def broken() -> Iterator[Speech]:
        yield Speech(tone(0.1))
        raise KeyError("gone")

    with pytest.raises(KeyError):
        write_sound(tmp_path / "a.wav", broken(), Provenance("ttsf"))
    assert not list(tmp_path.iterdir())
    with pytest.raises(OutputRefused, match=r"\.wav"):
        write_sound(tmp_path / "a.mp3", [], Provenance("ttsf"))
