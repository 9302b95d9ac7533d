"""The user's own recording beneath the video: as it is, and aligned to a sample."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from vivavoce.errors import BadMedia, UnknownName
from vivavoce.media.clip import Clip
from vivavoce.media.provenance import Provenance
from vivavoce.media.read import read_clip_info, read_speech
from vivavoce.types import RATE, SAMPLES_PER_FRAME, Chunk

LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 6: "5.1"}


def noise(channels: int, rate: int, seconds: float) -> np.ndarray:
    """Speech-like bursts of noise under 3 kHz [C, n], each channel its own."""
    rng = np.random.default_rng(channels)
    count = round(seconds * rate)
    at = np.arange(0, seconds, 1 / 6000)
    loud = 0.2 * (1 + np.sin(np.arange(count) / rate * 9))
    own = [
        np.interp(np.arange(count) / rate, at, rng.normal(0, 1, len(at))) for _ in range(channels)
    ]
    return (loud * np.stack(own)).clip(-0.95, 0.95).astype(np.float32)


def recorded(path: Path, codec: str, rate: int, channels: int, seconds: float = 2.013) -> Path:
    """A recording of `noise` that begins with silence of a tenth of a second."""
    samples = noise(channels, rate, seconds)
    samples[:, : rate // 10] = 0
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=rate, layout=LAYOUTS[channels])
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=LAYOUTS[channels])
        frame.sample_rate, frame.pts = rate, 0
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def sounds(path: Path, track: int = 0) -> tuple[np.ndarray, int]:
    """What a player hears from the beginning of the file: samples [C, n] with time stamps obeyed,
    and the rate."""
    with av.open(str(path)) as file:
        parts, rate, start = [], 0, None
        for frame in file.decode(audio=track):
            array = frame.to_ndarray()
            if not frame.format.is_planar:
                array = array.reshape(-1, len(frame.layout.channels)).T
            if array.dtype.kind != "f":
                half = np.float32(2 ** (8 * array.itemsize - 1))
                array = (array - half * (array.dtype.kind == "u")) / half
            start = frame.time if start is None else start
            rate = frame.sample_rate
            parts.append(array.astype(np.float32))
    whole = np.concatenate(parts, 1)
    return np.pad(whole, ((0, 0), (round((start or 0) * rate), 0))), rate


def clip_of(recording: Path) -> Clip:
    """A clip as long as the recording, whose own sound is what `read_speech` hears."""

    def chunks() -> Iterator[Chunk]:
        heard = np.concatenate([piece.samples for piece in read_speech(recording)])
        heard = np.pad(heard, (0, -len(heard) % SAMPLES_PER_FRAME))
        for start in range(0, len(heard), 5 * SAMPLES_PER_FRAME):
            part = heard[start : start + 5 * SAMPLES_PER_FRAME]
            yield Chunk(np.full((len(part) // SAMPLES_PER_FRAME, 32, 48, 3), 90, np.uint8), part)

    clip = Clip(chunks(), (48, 32), Provenance("portrait", 1))
    clip.recording = recording
    return clip


def lag(heard: np.ndarray, wanted: np.ndarray) -> int:
    """Samples by which `heard` [n] comes later than `wanted` [m]."""
    size = 1 << (len(heard) + len(wanted)).bit_length()
    product = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(wanted, size))
    peak = int(np.fft.irfft(product, size).argmax())
    return peak - size if peak > size // 2 else peak


COPIED = [
    ("a.m4a", "aac", 44_100, 2), ("a.aac", "aac", 48_000, 1), ("a.mp3", "libmp3lame", 44_100, 2),
    ("a.mp3", "libmp3lame", 22_050, 1), ("a.opus", "libopus", 48_000, 2),
    ("a.flac", "flac", 44_100, 2), ("a.flac", "flac", 96_000, 1), ("b.m4a", "alac", 44_100, 2),
    ("a.ac3", "ac3", 48_000, 6), ("a.mkv", "aac", 48_000, 2), ("a.ts", "aac", 48_000, 2),
]  # fmt: skip


@pytest.mark.parametrize(("name", "codec", "rate", "channels"), COPIED)
def test_a_recording_is_copied_to_the_sample(
    tmp_path: Path, name: str, codec: str, rate: int, channels: int
) -> None:
    """The same packets: decoded, every sample is that of the recording, at the same time."""
    recording = recorded(tmp_path / name, codec, rate, channels)
    saved = clip_of(recording).save(tmp_path / "out.mp4")
    assert "copied" in saved.sound
    with av.open(str(recording)) as file:
        origin = (file.start_time or 0) / av.time_base
        first = next(file.decode(audio=0)).time - origin
    wanted, _ = sounds(recording)
    wanted = wanted[:, wanted.shape[1] - played(recording) :]
    heard, heard_rate = sounds(saved.path)
    assert first < 0.05  # all of these begin at once
    assert heard_rate == rate
    assert len(heard) == channels
    count = min(heard.shape[1], wanted.shape[1])
    assert count >= 0.97 * wanted.shape[1]
    assert abs(lag(heard[0], wanted[0])) == 0
    exact = np.abs(heard[:, :count] - wanted[:, :count]).max(0)
    assert np.median(exact) < 1e-4
    info = read_clip_info(saved.path)
    assert info.sound_seconds == pytest.approx(info.seconds, abs=0.05)


def played(path: Path) -> int:
    with av.open(str(path)) as file:
        return sum(frame.samples for frame in file.decode(audio=0))


ENCODED = [
    ("a.wav", "pcm_s16le", 44_100, 2), ("a.wav", "pcm_f32le", 96_000, 1),
    ("a.wav", "pcm_s16le", 16_000, 1), ("a.wav", "pcm_u8", 8_000, 1),
    ("a.wav", "pcm_s24le", 48_000, 6), ("a.wav", "pcm_s16le", 48_000, 3),
]  # fmt: skip


@pytest.mark.parametrize(("name", "codec", "rate", "channels"), ENCODED)
def test_pcm_is_encoded_with_its_rate_channels_and_loudness(
    tmp_path: Path, name: str, codec: str, rate: int, channels: int
) -> None:
    recording = recorded(tmp_path / name, codec, rate, channels)
    saved = clip_of(recording).save(tmp_path / "out.mp4")
    heard, heard_rate = sounds(saved.path)
    assert heard_rate == (rate if rate >= 32_000 else 48_000)
    assert len(heard) == (channels if channels != 3 else 2)
    wanted, _ = sounds(recording)
    if channels != 3:
        for k, (one, other) in enumerate(zip(heard, wanted, strict=True)):
            if k == 3:
                continue  # the bass channel of 5.1, which AAC keeps to the bass
            wished = resampled(other, rate, heard_rate)
            assert lag(one, wished) == 0
            assert loudness(one) == pytest.approx(loudness(wished), rel=0.12)
    info = read_clip_info(saved.path)
    assert info.sound_seconds == pytest.approx(info.seconds, abs=0.003)


def resampled(samples: np.ndarray, rate: int, to: int) -> np.ndarray:
    from scipy.signal import resample

    return samples if rate == to else resample(samples, round(len(samples) * to / rate))


def loudness(samples: np.ndarray) -> float:
    return float(np.sqrt(np.square(samples, dtype=np.float64).mean()))


def test_the_speech_alone_is_as_before(tmp_path: Path) -> None:
    recording = recorded(tmp_path / "a.m4a", "aac", 44_100, 2)
    clip_of(recording).save(tmp_path / "speech.mp4", sound="speech")
    plain = clip_of(recording)
    plain.recording = None
    plain.save(tmp_path / "plain.mp4")
    assert (tmp_path / "speech.mp4").read_bytes() == (tmp_path / "plain.mp4").read_bytes()
    heard, rate = sounds(tmp_path / "speech.mp4")
    assert (len(heard), rate) == (1, 48_000)
    with pytest.raises(UnknownName, match="no sound 'loud'"):
        clip_of(recording).save(tmp_path / "x.mp4", sound="loud")


@pytest.mark.parametrize(("codec", "name"), [("aac", "late.mkv"), ("pcm_s16le", "late.mov")])
@pytest.mark.parametrize("late_s", [0.03, 0.5])
def test_a_track_that_begins_late_stays_where_the_lips_have_it(
    tmp_path: Path, codec: str, name: str, late_s: float
) -> None:
    """The recording and what `read_speech` hears of it are the same sound at the same time."""
    path = tmp_path / name
    samples = noise(1, 48_000, 1.5)
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=25)
        video.width = video.height = 32
        video.pix_fmt = "yuv420p"
        stream = out.add_stream(codec, rate=48_000, layout="mono")
        for _ in range(50):
            out.mux(video.encode(av.VideoFrame(32, 32, "yuv420p")))
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 48_000, round(late_s * 48_000)
        out.mux(stream.encode(frame))
        for each in (video, stream):
            out.mux(each.encode(None))
    clip_of(path).save(tmp_path / "own.mp4")
    clip_of(path).save(tmp_path / "speech.mp4", sound="speech")
    own, speech = (sounds(tmp_path / f"{n}.mp4")[0][0] for n in ("own", "speech"))
    assert abs(lag(own, speech)) <= (24 if name.endswith("mkv") else 2)  # it counts milliseconds


def test_packets_that_are_damaged_are_left_out(tmp_path: Path) -> None:
    recording = recorded(tmp_path / "a.mp3", "libmp3lame", 44_100, 2, 4.0)
    data = bytearray(recording.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = np.random.default_rng(0).bytes(3000)
    recording.write_bytes(bytes(data))
    with pytest.warns(match="mp3"):
        saved = clip_of(recording).save(tmp_path / "out.mp4")
    heard, _ = sounds(saved.path)
    assert heard.shape[1] / 44_100 == pytest.approx(4.0, abs=0.3)
    assert np.isfinite(heard).all()


def test_real_recordings(tmp_path: Path, real: Path) -> None:
    """A real mp3, and the sound of a real video."""
    for name in ("audio/anitalker_english_male.mp3", "grid_s1/bbaf2n.mpg"):
        recording = real / name
        if not recording.exists():
            continue
        saved = clip_of(recording).save(tmp_path / "own.mp4", force=True)
        clip_of(recording).save(tmp_path / "speech.mp4", force=True, sound="speech")
        (own, rate), (speech, _) = sounds(saved.path), sounds(tmp_path / "speech.mp4")
        mono = resampled(own.mean(0), rate, 48_000)
        assert abs(lag(mono, speech[0])) <= 3, name


def test_a_recording_that_is_gone_is_told(tmp_path: Path) -> None:
    recording = recorded(tmp_path / "a.wav", "pcm_s16le", RATE, 1)
    clip = clip_of(recording)
    clip.recording = tmp_path / "none.wav"
    with pytest.raises(BadMedia, match="There is no recording"):
        clip.save(tmp_path / "out.mp4")
    assert [p.name for p in tmp_path.iterdir()] == ["a.wav"]


def test_memory_does_not_grow(tmp_path: Path) -> None:
    """Of a long recording only what belongs to the pictures so far is read."""
    from vivavoce.media.soundtrack import EncodedTrack

    recording = recorded(tmp_path / "a.wav", "pcm_s16le", 48_000, 2, 30.0)
    most = 0
    real = EncodedTrack._encode

    def watch(self: Any, samples: np.ndarray) -> None:
        nonlocal most
        most = max(most, self._held.shape[1])
        real(self, samples)

    EncodedTrack._encode = watch  # type: ignore[method-assign]
    try:
        clip_of(recording).save(tmp_path / "out.mp4")
    finally:
        EncodedTrack._encode = real  # type: ignore[method-assign]
    assert most < 48_000
