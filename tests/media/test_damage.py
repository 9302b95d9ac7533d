"""Recordings that are damaged, cut short, silent or no sound: what is said, and what is read."""

from __future__ import annotations

import warnings
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from test_media_speech import encode, tone, whole

from vivavoce.errors import BadMedia, MediaWarning
from vivavoce.media.export import read_csv, read_npz, write_motion
from vivavoce.media.provenance import Provenance
from vivavoce.media.read import probe_speech, read_speech
from vivavoce.media.write import VideoWriter
from vivavoce.types import ARKIT, RATE, Chunk, Motion, Speech

SECONDS = 4.0


SILENCED = pytest.mark.filterwarnings("ignore::vivavoce.errors.MediaWarning")


def said(path: Path) -> str:
    """All warnings of reading a recording, in one text."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        whole(path)
    assert {w.category for w in caught} <= {MediaWarning}
    return "\n".join(str(w.message) for w in caught)


def noise(seconds: float, rate: int) -> np.ndarray:
    """Sound that no codec makes small, so bytes and seconds go together."""
    return 0.2 * np.random.default_rng(0).normal(size=(1, round(seconds * rate))).astype("f4")


def sound(tmp_path: Path, name: str, codec: str) -> Path:
    path = tmp_path / name
    if codec == "vorbis":
        soundfile.write(path, noise(SECONDS, 48_000)[0], 48_000, format="OGG", subtype="VORBIS")
        return path
    return encode(path, codec, noise(SECONDS, 48_000), 48_000, "mono")


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.opus", "libopus"), ("a.ogg", "vorbis"), ("a.webm", "libopus"), ("a.mka", "libopus"),
        ("a.flac", "flac"), ("a.m4a", "aac"), ("a.aac", "aac"), ("a.mp3", "libmp3lame"),
        ("a.ts", "aac"),
    ],
)  # fmt: skip
def test_damage_in_the_middle_is_told_with_its_time(tmp_path: Path, name: str, codec: str) -> None:
    path = sound(tmp_path, name, codec)
    assert said(path) == ""
    data = path.read_bytes()
    half, many = len(data) // 2, max(3000, len(data) // 20)
    path.write_bytes(data[:half] + b"\x55" * many + data[half + many :])
    told = said(path)
    assert f"{path} is damaged or cut short: " in told
    start = told.split("(")[1].split(" to ")[0] if " to " in told else told.split("after ")[1][:4]
    assert 0.2 * SECONDS < float(start) < 0.7 * SECONDS


@SILENCED
@pytest.mark.parametrize(
    ("name", "codec", "states"),
    [
        ("a.wav", "pcm_s16le", True), ("a.aiff", "pcm_s16be", True), ("a.flac", "flac", True),
        ("a.mp3", "libmp3lame", True), ("a.mka", "libopus", True), ("a.webm", "libopus", True),
        ("a.opus", "libopus", False), ("a.ogg", "vorbis", False), ("a.aac", "aac", False),
        ("a.caf", "pcm_s16le", False), ("a.avi", "libmp3lame", False),
    ],
)  # fmt: skip
def test_a_cut_recording_says_where_and_what_is_lost(
    tmp_path: Path, name: str, codec: str, states: bool
) -> None:
    path = sound(tmp_path, name, codec)
    assert said(path) == ""
    data = path.read_bytes()
    path.write_bytes(data[: int(0.6 * len(data)) + 1])
    there = len(whole(path)) / RATE
    assert 0.4 * SECONDS < there < 0.7 * SECONDS
    told = said(path)
    if states:
        lost = float(told.split("(")[1].split(" s")[0])
        assert "it states 4.0" in told
        assert lost == pytest.approx(SECONDS - there, abs=0.05)
    else:
        at = float(told.split("breaks off after ")[1].split(" s")[0])
        assert at == pytest.approx(there, abs=0.05)


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_wav_whose_writer_did_not_know_its_length_is_whole(tmp_path: Path, size: int) -> None:
    path = sound(tmp_path, "a.wav", "pcm_s16le")
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = size.to_bytes(4, "little")
    path.write_bytes(data)
    assert said(path) == ""
    assert len(whole(path)) == SECONDS * RATE


def test_warnings_as_errors_refuse(tmp_path: Path) -> None:
    path = sound(tmp_path, "a.wav", "pcm_s16le")
    path.write_bytes(path.read_bytes()[:-90_000])
    with warnings.catch_warnings():
        warnings.simplefilter("error", MediaWarning)
        with pytest.raises(BadMedia, match="damaged or cut short"):
            whole(path)


@pytest.mark.parametrize(
    ("level", "words"), [(0.0, "is silent"), (1e-4, "is silent"), (1e-3, "-60 dB"), (0.01, "")]
)
def test_silent_and_quiet_recordings_are_told(tmp_path: Path, level: float, words: str) -> None:
    path = encode(tmp_path / "a.wav", "pcm_f32le", 2 * level * tone(1, RATE)[None], RATE, "mono")
    told = said(path)
    assert words in told
    assert bool(told) == bool(words)


def tracks(path: Path, *levels: float) -> Path:
    """A file with a sound track a level, each with another length."""
    with av.open(str(path), "w") as out:
        streams = [out.add_stream("pcm_s16le", rate=RATE, layout="mono") for _ in levels]
        for k, (stream, level) in enumerate(zip(streams, levels, strict=True)):
            frame = av.AudioFrame.from_ndarray(level * tone(1 + k, RATE)[None], "flt", "mono")
            frame.sample_rate, frame.pts = RATE, 0
            resampled = av.AudioResampler("s16", "mono", RATE).resample(frame)
            for part in resampled:
                out.mux(stream.encode(part))
            out.mux(stream.encode(None))
    return path


@SILENCED
def test_of_several_tracks_the_first_with_sound_is_taken(tmp_path: Path) -> None:
    path = tracks(tmp_path / "a.mkv", 0.0, 0.0, 1.0, 1.0)
    assert "has 4 sound tracks: number 1 is silent, so number 3 is used" in said(path)
    assert len(whole(path)) == 3 * RATE
    assert probe_speech(path) == pytest.approx(3.0, abs=1.1)
    path = tracks(tmp_path / "b.mkv", 1.0, 1.0)
    assert said(path) == ""
    assert len(whole(path)) == RATE
    assert "is silent" in said(tracks(tmp_path / "c.mkv", 0.0, 0.0))


@SILENCED
@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("suffix", ["wav", "aiff", "mkv", "au", "caf"])
def test_what_is_no_number_becomes_silence_and_is_told(
    tmp_path: Path, odd: float, suffix: str
) -> None:
    for bits in ("32", "64"):
        codec = f"pcm_f{bits}" + ("be" if suffix in ("aiff", "au") else "le")
        samples = np.stack([tone(3, RATE), tone(3, RATE)])
        samples[0, 20_000:20_003] = odd
        path = encode(tmp_path / f"{bits}.{suffix}", codec, samples, RATE, "stereo")
        assert "3 samples that are no sound (the first at 1.250 s)" in said(path)
        read = np.concatenate([piece.samples for piece in read_speech(path)])
        assert np.abs(read - tone(3, RATE))[20_500:-500].max() < 0.01
        assert np.isfinite(read).all()


@pytest.mark.parametrize("scale", [32_767, 2**31 - 1])
def test_sound_of_another_scale_is_refused(tmp_path: Path, scale: int) -> None:
    path = encode(tmp_path / "a.wav", "pcm_f32le", scale * tone(1, RATE)[None], RATE, "mono")
    with pytest.raises(BadMedia, match=r"a\.wav must be in \[-1, 1\].*Divide 16-bit"):
        whole(path)
    for samples in (scale * tone(1, RATE), (32_767 * tone(1, RATE)).astype(np.int16)):
        with pytest.raises(BadMedia, match=r"Speech\.samples must be in \[-1, 1\]"):
            Speech(samples)  # type: ignore[arg-type]


def test_speech_of_what_is_no_number_is_refused() -> None:
    for odd in (np.nan, np.inf):
        samples = tone(1, RATE)
        samples[4000] = odd
        with pytest.raises(BadMedia, match=r"Speech\.samples has a sample .* at 0\.250 s"):
            Speech(samples)
    Speech(np.zeros(0, np.float32))


@pytest.mark.parametrize("suffix", ["csv", "npz", "glb"])
@pytest.mark.parametrize("field", ["expression", "pose", "gaze"])
def test_motion_of_what_is_no_number_is_not_written(
    tmp_path: Path, suffix: str, field: str
) -> None:
    from vivavoce.look import face478

    parts = {"expression": (30, 52), "pose": (30, 6), "gaze": (30, 2)}
    values = {name: np.zeros(shape, np.float32) for name, shape in parts.items()}
    values[field][25, 1] = np.nan
    good, bad = Motion(*(np.zeros_like(v) for v in values.values())), Motion(*values.values())
    with pytest.raises(BadMedia, match=r"no number at 2\.20 s"):
        write_motion([good, bad], tmp_path / f"a.{suffix}", face478.load())
    assert list(tmp_path.iterdir()) == []


def test_motion_and_clips_of_what_is_no_number_are_refused(tmp_path: Path) -> None:
    zeros = np.zeros((3, 6), np.float32)
    write_motion(
        [Motion(np.zeros((3, len(ARKIT)), np.float32), zeros, zeros[:, :2])], tmp_path / "a.csv"
    )
    lines = (tmp_path / "a.csv").read_text().splitlines()
    lines[2] = lines[2].replace("0.000000", "nan", 1)
    (tmp_path / "a.csv").write_text("\n".join(lines))
    with pytest.raises(BadMedia, match="no number in frame 2"):
        read_csv(tmp_path / "a.csv")
    expression = np.zeros((3, len(ARKIT)), np.float32)
    expression[1] = np.inf
    np.savez(
        tmp_path / "a.npz", expression=expression, pose=zeros, gaze=zeros[:, :2], space="arkit52"
    )
    with pytest.raises(BadMedia, match="no number in frame 2"):
        read_npz(tmp_path / "a.npz")
    samples = np.zeros(640, np.float32)
    samples[320] = np.nan
    video = VideoWriter(tmp_path / "a.mp4", (64, 64), Provenance("portrait"))
    with pytest.raises(BadMedia, match=r"no number at 0\.020 s"), video:
        video.add(Chunk(np.zeros((1, 64, 64, 3), np.uint8), samples))
    assert not (tmp_path / "a.mp4").exists()
