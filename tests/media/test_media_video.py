from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import vivavoce
from vivavoce.errors import BadMedia, CannotWrite, OutputRefused, RequestError, ShapeError
from vivavoce.media.clip import Clip
from vivavoce.media.provenance import Provenance, read_provenance
from vivavoce.media.read import read_clip_info, read_speech, read_video
from vivavoce.media.write import VideoWriter, check_output
from vivavoce.types import RATE, SAMPLES_PER_FRAME, Chunk

MADE = Provenance("portrait", seed=7)


def chunks(count: int, length: int = 10, size: tuple[int, int] = (48, 32)) -> Iterator[Chunk]:
    """Chunks whose middle frame is white and clicks; the others are dark grey and silent."""
    for _ in range(count):
        frames = np.full((length, size[1], size[0], 3), 40, np.uint8)
        frames[length // 2] = 240
        samples = np.zeros(length * SAMPLES_PER_FRAME, np.float32)
        samples[length // 2 * SAMPLES_PER_FRAME] = 0.9
        yield Chunk(frames, samples)


def flat(colour: tuple[int, int, int], size: tuple[int, int] = (64, 48), frames: int = 5) -> Chunk:
    pictures = np.empty((frames, size[1], size[0], 3), np.uint8)
    pictures[:] = colour
    return Chunk(pictures, np.zeros(frames * SAMPLES_PER_FRAME, np.float32))


def clip(count: int = 3) -> Clip:
    return Clip(chunks(count), (48, 32), MADE, seconds=count * 0.4)


def sound(path: Path) -> np.ndarray:
    return np.concatenate([piece.samples for piece in read_speech(path)])


def test_sound_and_picture_are_equally_long_and_together(tmp_path: Path) -> None:
    """Over 40 s: flash and click of every chunk meet, the last as the first."""
    saved = clip(100).save(tmp_path / "a.mp4")
    assert (saved.frames, saved.seconds) == (1000, 40.0)
    info = read_clip_info(saved.path)
    assert info.seconds == pytest.approx(40.0, abs=1e-6)
    assert info.sound_seconds == pytest.approx(40.0, abs=0.04)
    light = np.array([frame.mean() for frame in read_video(saved.path)])
    assert len(light) == 1000
    assert np.flatnonzero(light > 140).tolist() == list(range(5, 1000, 10))
    heard = np.abs(sound(saved.path)[: 1000 * SAMPLES_PER_FRAME]).reshape(100, -1).argmax(1)
    assert np.abs(heard - 5 * SAMPLES_PER_FRAME).max() <= 4


def test_time_stamps_count_frames_and_samples(tmp_path: Path) -> None:
    saved = clip(20).save(tmp_path / "a.mp4")
    with av.open(str(saved.path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, audio.codec_context.name) == ("h264", "aac")
        assert video.codec_context.pix_fmt == "yuv420p"
        times = [p.pts * p.time_base for p in container.demux(video) if p.pts is not None]
    assert sorted(times) == [Fraction(k, 25) for k in range(200)]


def test_index_comes_before_the_data(tmp_path: Path) -> None:
    data = clip().save(tmp_path / "a.mp4").path.read_bytes()
    assert 0 < data.find(b"moov") < data.find(b"mdat")


@pytest.mark.parametrize("colour", [(200, 150, 120), (255, 0, 0), (20, 60, 200), (128, 128, 128)])
def test_colours_come_back(tmp_path: Path, colour: tuple[int, int, int]) -> None:
    Clip([flat(colour)], (64, 48), MADE).save(tmp_path / "a.mp4")
    for frame in read_video(tmp_path / "a.mp4"):
        assert np.abs(frame.astype(int) - colour).max() <= 3
    with av.open(str(tmp_path / "a.mp4")) as container:
        context = container.streams.video[0].codec_context
        tags = (context.colorspace, context.color_primaries, context.color_trc, context.color_range)
        assert tags == (1, 1, 1, 1)  # bt709 three times, limited range


def test_odd_sizes_are_padded_to_even(tmp_path: Path) -> None:
    Clip([flat((200, 150, 120), (33, 21))], (33, 21), MADE).save(tmp_path / "a.mp4")
    frame = next(read_video(tmp_path / "a.mp4"))
    assert frame.shape == (22, 34, 3)
    assert np.abs(frame.astype(int) - (200, 150, 120)).max() <= 3


def test_the_file_says_that_it_is_synthetic(tmp_path: Path) -> None:
    found = read_provenance(clip().save(tmp_path / "a.mp4").path)
    assert found["synthetic-media"] == "yes"
    assert found["vivavoce-model"] == "portrait"
    assert found["vivavoce-seed"] == "7"
    assert found["vivavoce-version"] == vivavoce.__version__
    assert "Synthetic media" in found["comment"]
    assert "seed 7" in found["comment"]
    with pytest.raises(BadMedia, match="There is no video"):
        read_provenance(tmp_path / "none.mp4")


def test_a_clip_is_consumed_once(tmp_path: Path) -> None:
    once = clip(2)
    assert sum(len(chunk.frames) for chunk in once) == 20
    with pytest.raises(RequestError, match="consumed already"):
        next(iter(once))
    with pytest.raises(RequestError, match="consumed already"):
        once.save(tmp_path / "a.mp4")
    assert list(tmp_path.iterdir()) == []


def test_progress_and_suffix_in_capitals(tmp_path: Path) -> None:
    seen: list[tuple[float, str]] = []
    clip(3).save(tmp_path / "A.MP4", progress=lambda *step: seen.append(step))
    assert seen == [(0.4, "write"), (0.8, "write"), (1.2, "write")]


def test_wrong_frames_and_no_frames(tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match=r"Chunk.frames"):
        Clip(chunks(1), (50, 32), MADE).save(tmp_path / "a.mp4")
    with pytest.raises(CannotWrite, match="no frames"):
        Clip([], (50, 32), MADE).save(tmp_path / "a.mp4")
    assert list(tmp_path.iterdir()) == []


def failing(error: BaseException) -> Iterator[Chunk]:
    yield from chunks(3)
    raise error


@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt(), SystemExit(1)])
def test_nothing_is_left_after_a_failure(tmp_path: Path, error: BaseException) -> None:
    (tmp_path / "old.mp4").write_bytes(b"old")
    for name in ("new.mp4", "old.mp4"):
        with pytest.raises(type(error)):
            Clip(failing(error), (48, 32), MADE).save(tmp_path / name, force=True)
    assert [p.name for p in tmp_path.iterdir()] == ["old.mp4"]
    assert (tmp_path / "old.mp4").read_bytes() == b"old"


ENDLESS = """
import signal, sys, numpy as np
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background shell ignores it
from vivavoce.media.clip import Clip
from vivavoce.media.provenance import Provenance
from vivavoce.types import Chunk
def chunks():
    rng = np.random.default_rng(0)
    while True:
        pictures = rng.integers(0, 255, (5, 64, 64, 3), np.uint8)
        yield Chunk(pictures, np.zeros(3200, np.float32))
Clip(chunks(), (64, 64), Provenance("portrait")).save(sys.argv[1], force=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_killed_while_writing(tmp_path: Path, number: signal.Signals) -> None:
    target = tmp_path / "a.mp4"
    target.write_bytes(b"old")
    work = subprocess.Popen([sys.executable, "-c", ENDLESS, str(target)], stderr=subprocess.PIPE)
    parts: list[Path] = []
    while work.poll() is None and not (parts and parts[0].stat().st_size > 50_000):
        parts = list(tmp_path.glob(".a.mp4.*.part"))
        time.sleep(0.02)
    work.send_signal(number)
    work.communicate(timeout=20)
    assert work.returncode != 0
    assert target.read_bytes() == b"old"
    left = [p for p in tmp_path.iterdir() if p != target]
    assert left == (parts if number == signal.SIGKILL else [])
    assert len(parts) == 1


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting needs root")
@pytest.mark.parametrize("kilobytes", [40, 400])
def test_a_full_disk(tmp_path: Path, kilobytes: int) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", str(tmp_path)], check=False
    )
    if mounted.returncode:
        pytest.skip("no file system may be mounted here")
    try:
        rng = np.random.default_rng(0)
        noisy = (
            Chunk(rng.integers(0, 255, (5, 64, 64, 3), np.uint8), np.zeros(3200, np.float32))
            for _ in range(200)
        )
        with pytest.raises(CannotWrite, match="The disk is full"):
            Clip(noisy, (64, 64), MADE).save(tmp_path / "a.mp4")
        assert list(tmp_path.iterdir()) == []
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.mark.parametrize("when", ["mux", "close", "replace"])
def test_a_disk_that_fills_at_any_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if when == "replace":
        for name in ("link", "replace"):
            monkeypatch.setattr(os, name, full)

    def write() -> None:
        with VideoWriter(tmp_path / "a.mp4", (48, 32), MADE) as video:
            if when != "replace":
                video._film.container = Failing(video._film.container)  # type: ignore
            for chunk in chunks(3):
                video.add(chunk)

    class Failing:
        def __init__(self, container: Any) -> None:
            self.container = container

        def __getattr__(self, name: str) -> Any:
            return full if name == when else getattr(self.container, name)

    with pytest.raises(CannotWrite, match="The disk is full"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_outputs_that_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"old")
    for path, words in (
        (tmp_path / "a.mp4", "exists. Use --force to replace it."),
        (tmp_path / "none" / "a.mp4", "There is no folder"),
        (tmp_path / "b.avi", "must end with .mp4, .mov, .webm, .gif or .png, for example"),
        (tmp_path / "b", "must end with .mp4"),
        (Path("/dev/full.mp4/x.mp4"), "There is no folder"),
    ):
        with pytest.raises(OutputRefused, match=words):
            clip().save(path)
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(OutputRefused, match="is a folder"):
        clip().save(tmp_path / "folder.mp4", force=True)
    with pytest.raises(OutputRefused, match="not an ordinary file"):
        check_output("/dev/null", force=True)
    assert (tmp_path / "a.mp4").read_bytes() == b"old"
    clip().save(tmp_path / "a.mp4", force=True)
    assert read_clip_info(tmp_path / "a.mp4").size == (48, 32)


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    with pytest.raises(CannotWrite, match="cannot be written to"):
        clip().save(tmp_path / "a.mp4")


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link.mp4").symlink_to(tmp_path / "real.mp4")
    clip().save(tmp_path / "link.mp4")
    assert (tmp_path / "link.mp4").is_symlink()
    assert read_clip_info(tmp_path / "real.mp4").size == (48, 32)


def video_at(path: Path, fps: Fraction, seconds: float, start: float = 0.0) -> Path:
    """A video whose brightness is its time: 0 to 200 over `seconds`."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=fps, options={"crf": "10"})
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for k in range(round(seconds * fps)):
            grey = np.full((32, 32, 3), 20 + 200 * k / float(fps) / seconds, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
            frame.pts, frame.time_base = k, 1 / fps
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30), Fraction(30000, 1001), Fraction(10)])
def test_any_rate_becomes_25(tmp_path: Path, fps: Fraction) -> None:
    """The picture at k / 25 s is the source's nearest: no shift, early or late."""
    light = np.array([frame.mean() for frame in read_video(video_at(tmp_path / "a.mp4", fps, 2.0))])
    assert len(light) == pytest.approx(50, abs=1)
    times = (light - 20) / 100
    assert abs((times - np.arange(len(times)) / 25)[2:-2].mean()) < 0.012
    assert np.abs(times - np.arange(len(times)) / 25)[:-2].max() <= 0.5 / float(fps) + 0.02


def test_a_turned_telephone_video_is_upright(tmp_path: Path) -> None:
    """The display matrix of a portrait recording (a quarter turn clockwise) is applied."""
    picture = np.zeros((1, 32, 64, 3), np.uint8)
    picture[:, :16, :32] = 255  # white in the top left corner
    samples = np.zeros(SAMPLES_PER_FRAME, np.float32)
    path = Clip([Chunk(picture, samples)], (64, 32), MADE).save(tmp_path / "a.mp4").path
    one = 1 << 16

    def matrix(a: int, b: int, c: int, d: int) -> bytes:
        values = (a, b, 0, c, d, 0, 0, 0, 1 << 30)
        return b"".join(v.to_bytes(4, "big", signed=True) for v in values)

    data = path.read_bytes()
    track = data.index(matrix(one, 0, 0, one), data.index(b"tkhd"))
    turned = data[:track] + matrix(0, one, -one, 0) + data[track + 36 :]
    path.write_bytes(turned)
    assert read_clip_info(path).size == (32, 64)
    frame = next(read_video(path))
    assert frame.shape == (64, 32, 3)
    assert frame[:32, 16:].mean() > 240
    assert frame[:, :14].mean() < 10
    assert next(read_video(path, size=(16, 32))).shape == (32, 16, 3)


def test_size_and_beginning(tmp_path: Path) -> None:
    path = video_at(tmp_path / "a.mp4", Fraction(25), 2.0)
    frames = list(read_video(path, size=(48, 20), max_seconds=0.4))
    assert [f.shape for f in frames] == [(20, 48, 3)] * 10


def test_videos_that_cannot_be_read(tmp_path: Path) -> None:
    for call in (read_video, read_clip_info):
        with pytest.raises(BadMedia, match="There is no video"):
            call(tmp_path / "none.mp4")
        (tmp_path / "bad.mp4").write_bytes(np.random.default_rng(0).bytes(5000))
        with pytest.raises(BadMedia, match="damaged"):
            call(tmp_path / "bad.mp4")
    import wave

    with wave.open(str(tmp_path / "a.wav"), "wb") as out:
        out.setparams((1, 2, RATE, 0, "NONE", ""))
        out.writeframes(bytes(RATE))
    with pytest.raises(BadMedia, match="has no picture track"):
        read_video(tmp_path / "a.wav")


def test_real_videos(real: Path) -> None:
    for path in sorted((real / "video").glob("*.mp4"))[::20]:
        info = read_clip_info(path)
        shapes = {frame.shape for frame in read_video(path, max_seconds=1.0)}
        assert shapes == {(info.size[1], info.size[0], 3)}
