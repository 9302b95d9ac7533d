"""Every format of video: what is in it, and that it is whole or not there at all."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from vivavoce.errors import CannotWrite, OutputRefused, RequestError
from vivavoce.media.clip import Clip
from vivavoce.media.provenance import Provenance, read_provenance
from vivavoce.media.read import read_speech, read_video
from vivavoce.media.stills import numbered
from vivavoce.types import RATE, Chunk

MADE = Provenance("portrait", seed=7)
SIZE = (64, 48)


def chunks(fps: int, seconds: int) -> Iterator[Chunk]:
    """A grey film whose middle frame of each second is white and clicks; a square walks."""
    for second in range(seconds):
        frames = np.full((fps, SIZE[1], SIZE[0], 3), 60, np.uint8)
        for k in range(fps):
            frames[k, 10:20, (second * fps + k) % 50 : (second * fps + k) % 50 + 10] = (200, 60, 30)
        frames[fps // 2] = 240
        samples = np.zeros(RATE, np.float32)
        samples[fps // 2 * RATE // fps] = 0.9
        yield Chunk(frames, samples, fps)


def clip(seconds: int = 5, fps: int = 25) -> Clip:
    return Clip(chunks(fps, seconds), SIZE, MADE, fps=fps)


def flashes(path: Path, fps: int = 25) -> list[float]:
    with av.open(str(path)) as file:
        frames = [(f.time, f.to_ndarray(format="gray").mean()) for f in file.decode(video=0)]
    return [round(time, 3) for time, light in frames if light > 150]


@pytest.mark.parametrize(
    ("suffix", "picture", "sound"),
    [("mp4", "h264", "aac"), ("mov", "h264", "aac"), ("webm", "vp9", "opus")],
)
@pytest.mark.parametrize("fps", [25, 60])
def test_films(tmp_path: Path, suffix: str, picture: str, sound: str, fps: int) -> None:
    saved = clip(5, fps).save(tmp_path / f"a.{suffix}")
    assert (saved.frames, saved.seconds) == (5 * fps, 5.0)
    with av.open(str(saved.path)) as file:
        video, audio = file.streams.video[0], file.streams.audio[0]
        names = [s.codec_context.codec.canonical_name for s in (video, audio)]
        assert names == [picture, sound]
        assert video.average_rate == fps
        assert video.codec_context.colorspace == 1  # BT.709
        keys = [float(p.pts * p.time_base) for p in file.demux(video) if p.is_keyframe]
    assert [round(key, 2) for key in keys if round(key, 2) % 2 == 0] == [0, 2, 4]
    light = flashes(saved.path)
    assert np.allclose(light, np.arange(5) + fps // 2 / fps, atol=0.0011)
    heard = np.concatenate([piece.samples for piece in read_speech(saved.path)])[: 5 * RATE]
    clicks = np.abs(heard).reshape(5, -1).argmax(1) / RATE
    assert np.abs(clicks - fps // 2 / fps).max() < 0.001
    tags = read_provenance(saved.path)
    assert tags["synthetic-media"] == "yes"
    assert tags["vivavoce-seed"] == "7"
    assert "Synthetic media" in tags["comment"]
    frame = next(read_video(saved.path))
    assert np.abs(frame[15, 5].astype(int) - (200, 60, 30)).max() < 40
    assert np.abs(frame[40, 50].astype(int) - 60).max() <= 3


def write_wav(path: Path, codec: str = "pcm_s16le", container: str | None = None) -> Path:
    samples = np.random.default_rng(0).normal(0, 0.1, (2, 88_200)).astype(np.float32)
    with av.open(str(path), "w", format=container) as out:
        stream = out.add_stream(codec, rate=44_100 if "opus" not in codec else 48_000)
        stream.layout = "stereo"
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = 44_100, 0
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("suffix", "codec", "about"),
    [
        ("mov", "pcm_s16le", "pcm_s16le, 44100 Hz, 2 channels, copied"),
        ("mp4", "pcm_s16le", "aac, 44100 Hz, 2 channels, from pcm_s16le, 44100 Hz, 2 channels"),
        ("webm", "pcm_s16le", "opus, 48000 Hz, 2 channels, from pcm_s16le, 44100 Hz, 2 channels"),
    ],
)
def test_each_kind_takes_the_recording_in_its_way(
    tmp_path: Path, suffix: str, codec: str, about: str
) -> None:
    film = clip(2)
    film.recording = write_wav(tmp_path / "me.wav", codec)
    saved = film.save(tmp_path / f"a.{suffix}")
    assert saved.sound == about
    if suffix == "mov":
        wanted, heard = (decoded(p) for p in (tmp_path / "me.wav", saved.path))
        assert np.array_equal(wanted, heard)  # bit for bit


def test_opus_is_copied_into_webm(tmp_path: Path) -> None:
    film = clip(2)
    film.recording = write_wav(tmp_path / "me.opus", "libopus")
    saved = film.save(tmp_path / "a.webm")
    assert saved.sound == "opus, 48000 Hz, 2 channels, copied"
    wanted, heard = (decoded(p) for p in (film.recording, saved.path))
    count = min(wanted.shape[1], heard.shape[1])
    assert count > 90_000
    assert np.abs(wanted[:, :count] - heard[:, :count]).max() < 1e-5


def decoded(path: Path | None) -> np.ndarray:
    with av.open(str(path)) as file:
        return np.concatenate([f.to_ndarray() for f in file.decode(audio=0)], 1)


@pytest.mark.parametrize("fps", [24, 25, 30, 50])
def test_a_gif(tmp_path: Path, fps: int) -> None:
    saved = clip(2, fps).save(tmp_path / "a.gif")
    assert saved.sound == ""
    assert b"Synthetic media: made by vivavoce" in saved.path.read_bytes()[-300:]
    with Image.open(saved.path) as picture:
        assert picture.info["loop"] == 0
        shown, elapsed = [], 0
        for k in range(picture.n_frames):
            picture.seek(k)
            shown.append((elapsed, np.asarray(picture.convert("RGB"))))
            elapsed += picture.info["duration"]
    assert elapsed == pytest.approx(2000, abs=40)
    light = [at for at, frame in shown if frame.mean() > 150]
    assert np.allclose(light, [1000 * (s + fps // 2 / fps) for s in range(2)], atol=6)
    first = shown[0][1].astype(int)
    assert first.shape == (48, 64, 3)
    assert np.abs(first[40:, 20:] - 60).mean() < 12
    assert np.abs(first[15, 5] - (200, 60, 30)).max() < 40


def test_a_gif_of_few_frames_and_of_too_many(tmp_path: Path) -> None:
    few = Chunk(np.full((3, 32, 48, 3), 90, np.uint8), np.zeros(1920, np.float32))
    assert Clip([few], (48, 32), MADE).save(tmp_path / "few.gif").frames == 3
    assert Image.open(tmp_path / "few.gif").size == (48, 32)
    with pytest.raises(RequestError, match="at most 50 frames a second"):
        clip(1, 60).save(tmp_path / "fast.gif")
    assert [p.name for p in tmp_path.iterdir()] == ["few.gif"]


def test_a_sequence_of_pictures_with_its_sound(tmp_path: Path) -> None:
    saved = clip(1, 30).save(tmp_path / "f_%04d.png")
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["f.wav", *(f"f_{k:04d}.png" for k in range(1, 31))]
    assert saved.sound == "f.wav, 16000 Hz, 1 channel"
    frames = next(chunks(30, 1)).frames
    for k in (0, 15, 29):
        with Image.open(tmp_path / numbered("f_%04d.png", k + 1)) as picture:
            assert np.array_equal(np.asarray(picture), frames[k])  # without loss
            assert picture.text["synthetic-media"] == "yes"
    heard = np.concatenate([p.samples for p in read_speech(tmp_path / "f.wav")])
    assert np.abs(heard - next(chunks(30, 1)).samples).max() < 1e-4


def test_sequences_are_whole_and_replaced_whole(tmp_path: Path) -> None:
    (tmp_path / "f_0007.png").write_bytes(b"old")
    (tmp_path / "f_x.png").write_bytes(b"another's")
    with pytest.raises(OutputRefused, match=r"f_0007.png exists. Use --force"):
        clip(1).save(tmp_path / "f_%04d.png")

    def broken() -> Iterator[Chunk]:
        yield from chunks(25, 1)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        Clip(broken(), SIZE, MADE).save(tmp_path / "f_%04d.png", force=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["f_0007.png", "f_x.png"]
    assert (tmp_path / "f_0007.png").read_bytes() == b"old"
    few = Chunk(next(chunks(25, 1)).frames[:3], np.zeros(1920, np.float32))
    Clip([few], SIZE, MADE).save(tmp_path / "f_%04d.png", force=True)
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["f.wav", "f_0001.png", "f_0002.png", "f_0003.png", "f_x.png"]
    with pytest.raises(OutputRefused, match=r"needs a number in its name, e.g. .*a%04d.png"):
        clip(1).save(tmp_path / "a.png")
    with pytest.raises(OutputRefused, match="There is no folder"):
        clip(1).save(tmp_path / "none" / "a%d.png")


def test_a_stream_is_playable_from_its_beginning(tmp_path: Path) -> None:
    """Whatever was sent so far is a file that plays; every frame leaves at once."""
    sizes: list[int] = []

    class Wire(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: int) -> int:
            raise OSError("a pipe cannot be turned back")

    wire = Wire()

    def watched() -> Iterator[Chunk]:
        for chunk in chunks(25, 4):
            yield chunk
            sizes.append(wire.getbuffer().nbytes)

    saved = Clip(watched(), SIZE, MADE).save(wire)
    assert saved.frames == 100
    assert sizes[1] > 2000  # the first second is out before the third is made
    data = wire.getvalue()
    assert atoms(data)[:2] == ["ftyp", "moov"]
    assert atoms(data).count("moof") >= 99
    for name, count in (("whole", len(data)), ("half", sizes[2])):
        (tmp_path / f"{name}.mp4").write_bytes(data[:count])
    assert flashes(tmp_path / "whole.mp4") == [0.48, 1.48, 2.48, 3.48]
    assert flashes(tmp_path / "half.mp4")[:1] == [0.48]
    heard = np.concatenate([p.samples for p in read_speech(tmp_path / "whole.mp4")])[: 4 * RATE]
    clicks = np.abs(heard).reshape(4, -1).argmax(1) / RATE
    assert np.abs(clicks - 0.48).max() < 0.001
    assert read_provenance(tmp_path / "whole.mp4")["synthetic-media"] == "yes"


def atoms(data: bytes) -> list[str]:
    found, at = [], 0
    while at + 8 <= len(data):
        size, name = struct.unpack_from("!I4s", data, at)
        found.append(name.decode("latin-1"))
        at += size
    return found


def test_a_stream_keeps_a_copied_recording_in_time(tmp_path: Path) -> None:
    film = clip(2)
    film.recording = write_wav(tmp_path / "me.m4a", "aac")
    with (tmp_path / "a.mp4").open("wb") as out:
        film.save(out)
    wanted, heard = decoded(film.recording), decoded(tmp_path / "a.mp4")
    with av.open(str(tmp_path / "a.mp4")) as file:
        first = next(file.decode(audio=0)).time
    late = round(first * 44_100)
    size = 1 << 19
    product = np.fft.rfft(heard[0], size) * np.conj(np.fft.rfft(wanted[0], size))
    lag = int(np.fft.irfft(product, size).argmax())
    assert abs((lag if lag < size // 2 else lag - size) + late) <= 1
    assert flashes(tmp_path / "a.mp4") == [0.48, 1.48]


def test_a_reader_that_goes_away_is_told(tmp_path: Path) -> None:
    class Gone(io.RawIOBase):
        def write(self, data: object) -> int:
            raise BrokenPipeError(32, "Broken pipe")

    with pytest.raises(CannotWrite, match="Broken pipe"):
        clip(3).save(Gone())  # type: ignore[arg-type]


def test_the_command_streams_to_a_pipe(tmp_path: Path, astronaut: Path) -> None:
    made = subprocess.run(
        [sys.executable, "-m", "vivavoce.cli", "speak", str(astronaut), "--text", "Hi.",
         "--size", "64", "-o", "-"],
        capture_output=True, cwd=tmp_path, env=os.environ, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    (tmp_path / "a.mp4").write_bytes(made.stdout)
    assert next(read_video(tmp_path / "a.mp4")).shape == (64, 64, 3)


def test_nothing_is_left_of_any_kind_after_a_failure(tmp_path: Path) -> None:
    def broken() -> Iterator[Chunk]:
        yield from chunks(25, 2)
        raise ValueError("broken")

    for name in ("a.mov", "a.webm", "a.gif", "a%03d.png"):
        with pytest.raises(ValueError, match="broken"):
            Clip(broken(), SIZE, MADE).save(tmp_path / name)
        with pytest.raises(CannotWrite, match="no frames"):
            Clip([], SIZE, MADE).save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []
