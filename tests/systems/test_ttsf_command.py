"""What `vivavoce speak --system ttsf` takes, on a small network and a real picture."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from small_ttsf import write_small
from typer.testing import CliRunner

from vivavoce.cli import app
from vivavoce.errors import NoFace, OutputRefused, RequestError
from vivavoce.media.provenance import Provenance
from vivavoce.media.read import read_picture, read_video
from vivavoce.media.write import VideoWriter
from vivavoce.types import SAMPLES_PER_FRAME, Chunk


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small(tmp_path_factory.mktemp("command") / "small")


def speak(*words: object) -> None:
    ran = CliRunner().invoke(app, ["speak", *map(str, words)], catch_exceptions=True)
    if ran.exception is not None:
        raise ran.exception


def film(path: Path, frames: list[np.ndarray]) -> Path:
    height, width = frames[0].shape[:2]
    with VideoWriter(path, (width, height), Provenance("test")) as video:
        video.add(Chunk(np.stack(frames), np.zeros(len(frames) * SAMPLES_PER_FRAME, np.float32)))
    return path


def test_a_picture_and_a_text_become_a_video(folder: Path, astronaut: Path, tmp_path: Path) -> None:
    out = tmp_path / "it.mp4"
    speak(astronaut, "--text", "Hi there.", "--system", folder, "--steps", 2, "--size", 96,
          "-o", out, "-q")  # fmt: skip
    assert next(iter(read_video(out))).shape == (96, 96, 3)


def test_the_voice_alone_is_a_wav(folder: Path, astronaut: Path, tmp_path: Path) -> None:
    out = tmp_path / "it.wav"
    speak(astronaut, "--text", "Hi there.", "--system", folder, "--speech-only", "--voice-from",
          "with-motion", "-o", out)  # fmt: skip
    with wave.open(str(out)) as file:
        assert file.getnframes() > 1000
    with pytest.raises(OutputRefused, match=r"\.wav"):
        speak(astronaut, "--text", "Hi.", "--system", folder, "--speech-only", "-o", "it.mp4")


def test_the_head_can_follow_a_video(folder: Path, astronaut: Path, tmp_path: Path) -> None:
    picture = read_picture(astronaut)
    shifted = [np.roll(picture, 6 * i, 1) for i in range(3)]
    moving, nobody = film(tmp_path / "moving.mp4", shifted), tmp_path / "nobody.mp4"
    film(nobody, [np.zeros_like(picture)] * 2)
    told = (astronaut, "--text", "Hi.", "--system", folder, "--size", 96, "-q", "--motion-from")
    speak(*told, moving, "-o", tmp_path / "a.mp4")
    assert len(list(read_video(tmp_path / "a.mp4"))) > 3  # to and fro, longer than its motion
    with pytest.raises(NoFace, match=r"nobody\.mp4"):
        speak(*told, nobody, "-o", tmp_path / "b.mp4")
    assert not (tmp_path / "b.mp4").exists()


def test_options_of_another_system_are_refused(folder: Path, astronaut: Path) -> None:
    with pytest.raises(RequestError, match="portrait has no options of its own, so no 'steps'"):
        speak(astronaut, "--text", "Hi.", "--steps", 3, "-o", "x.mp4")
    with pytest.raises(RequestError, match="portrait gives a video"):
        speak(astronaut, "--text", "Hi.", "--speech-only")
    with pytest.raises(RequestError, match="head's pose"):
        speak(astronaut, "--text", "Hi.", "--speech-only", "--motion-from", "a.mp4",
              "--system", folder, "-o", "x.wav")  # fmt: skip
