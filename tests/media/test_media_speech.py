from __future__ import annotations

import os
import wave
from pathlib import Path

import av
import numpy as np
import pytest

from vivavoce.errors import BadMedia, MediaWarning
from vivavoce.media.read import SpeechLimits, probe_speech, read_speech, speech_from_array
from vivavoce.types import RATE


def tone(seconds: float, rate: int, hertz: float = 300.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype("f4")


def encode(
    path: Path, codec: str, channels: np.ndarray, rate: int, layout: str, video: bool = False
) -> Path:
    """Write float sound [C, n] with any codec; the container follows from the suffix."""
    with av.open(str(path), "w") as out:
        if video:
            picture = out.add_stream("libx264", rate=25)
            picture.width = picture.height = 32
            picture.pix_fmt = "yuv420p"
        stream = out.add_stream(codec, rate=rate, layout=layout)
        if video:
            for _ in range(round(channels.shape[1] / rate * 25)):
                rgb = np.zeros((32, 32, 3), np.uint8)
                out.mux(picture.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
            out.mux(picture.encode(None))
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(channels, np.float32), format="fltp", layout=layout
        )
        frame.sample_rate = rate
        frame.pts = 0
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def whole(path: Path, **keys: float) -> np.ndarray:
    return np.concatenate([piece.samples for piece in read_speech(path, **keys)])


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        ("wav", "pcm_u8"), ("wav", "pcm_s16le"), ("wav", "pcm_s24le"), ("wav", "pcm_f32le"),
        ("wav", "pcm_f64le"), ("wav", "pcm_mulaw"), ("flac", "flac"), ("aiff", "pcm_s16be"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
def test_lossless_sound_at_any_rate(tmp_path: Path, suffix: str, codec: str, rate: int) -> None:
    path = encode(tmp_path / f"a.{suffix}", codec, tone(0.731, rate)[None], rate, "mono")
    samples = whole(path)
    assert samples.dtype == np.float32
    assert len(samples) == round(round(0.731 * rate) * RATE / rate)
    middle = slice(1000, -1000)
    assert np.abs(samples - tone(0.731, RATE)[: len(samples)])[middle].max() < 0.03


@pytest.mark.parametrize(
    ("suffix", "codec", "rate"),
    [
        ("mp3", "libmp3lame", 44_100), ("m4a", "aac", 44_100), ("ogg", "libopus", 48_000),
        ("opus", "libopus", 48_000), ("mp4", "aac", 48_000), ("mov", "aac", 32_000),
        ("mkv", "libopus", 48_000), ("webm", "libopus", 24_000),
    ],
)  # fmt: skip
def test_lossy_sound_is_as_long_and_in_place(
    tmp_path: Path, suffix: str, codec: str, rate: int
) -> None:
    if codec not in av.codecs_available:
        pytest.skip(f"this PyAV has no {codec}")
    sound = np.zeros(2 * rate, np.float32)
    sound[rate // 2 : rate] = tone(0.5, rate)
    samples = whole(encode(tmp_path / f"a.{suffix}", codec, sound[None], rate, "mono"))
    assert abs(len(samples) / RATE - 2.0) < 0.04
    loud = np.flatnonzero(np.abs(samples) > 0.2) / RATE
    assert loud[0] == pytest.approx(0.5, abs=0.02)
    assert loud[-1] == pytest.approx(1.0, abs=0.02)


def test_pieces_have_the_length_asked_for(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.wav", "pcm_s16le", tone(2.3, 44_100)[None], 44_100, "mono")
    lengths = [len(piece.samples) for piece in read_speech(path, chunk_s=0.5)]
    assert lengths == [8000] * 4 + [4800]


def test_no_drift_over_an_hour(tmp_path: Path) -> None:
    """An odd rate, 11,127 Hz: clicks every ten minutes come out where they went in."""
    rate, seconds = 11_127, 3600
    path = tmp_path / "long.wav"
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, rate, 0, "NONE", ""))
        for _ in range(6):
            minute = np.zeros(rate * 600, np.int16)
            minute[rate * 300 - 2 : rate * 300 + 3] = 20_000
            out.writeframes(minute.tobytes())
    peaks, count = [], 0
    for piece in read_speech(path, chunk_s=600.0):
        peaks.append((count + int(np.abs(piece.samples).argmax())) / RATE)
        count += len(piece.samples)
    assert count == seconds * RATE
    assert np.abs(np.array(peaks) - (300 + 600 * np.arange(6))).max() < 2e-4


@pytest.mark.filterwarnings("ignore::vivavoce.errors.MediaWarning")
def test_memory_does_not_grow(tmp_path: Path) -> None:
    import psutil

    path = tmp_path / "long.wav"
    with wave.open(str(path), "wb") as out:
        out.setparams((2, 2, 44_100, 0, "NONE", ""))
        for _ in range(20):
            out.writeframes(np.zeros(44_100 * 60, np.int16).tobytes())
    pieces = read_speech(path)
    next(pieces)
    before = psutil.Process().memory_info().rss
    assert sum(1 for _ in pieces) > 1000
    assert psutil.Process().memory_info().rss - before < 30e6


def test_stereo_is_mixed_and_opposite_phases_do_not_vanish(tmp_path: Path) -> None:
    left, silent = tone(1, RATE), np.zeros(RATE, np.float32)
    for name, right, gain in (("same", left, 1), ("one", silent, 1), ("opposite", -left, 1)):
        path = encode(
            tmp_path / f"{name}.wav", "pcm_f32le", np.stack([left, right]), RATE, "stereo"
        )
        assert np.allclose(whole(path), gain * left, atol=1e-4), name


@pytest.mark.parametrize("speakers", [["FC"], ["FL"], ["FR"], ["FL", "FR"], ["BL", "FC", "FR"]])
def test_surround_keeps_the_level_of_speech(tmp_path: Path, speakers: list[str]) -> None:
    order = ["FL", "FR", "FC", "LFE", "BL", "BR"]
    six = np.zeros((6, RATE), np.float32)
    six[[order.index(name) for name in speakers]] = tone(1, RATE)
    six[3] = 0.5 * tone(1, RATE, 40.0)  # what a bass channel holds is no speech
    path = encode(tmp_path / "a.wav", "pcm_f32le", six, RATE, "5.1")
    assert np.allclose(whole(path), tone(1, RATE), atol=1e-4)


def test_two_people_in_two_channels_are_both_heard_without_a_click(tmp_path: Path) -> None:
    """An interview, the one on the left, then the other on the right, above a quiet hiss."""
    rate = 48_000
    hiss = 0.001 * np.random.default_rng(0).normal(size=(2, 2 * rate)).astype("f4")
    both = hiss.copy()
    both[0, : rate // 2] += tone(0.5, rate)
    both[1, rate:-1] += tone(1, rate)[:-1]
    path = encode(tmp_path / "a.wav", "pcm_s16le", both, rate, "stereo")
    samples = whole(path)
    for start, end in ((0.1, 0.4), (1.2, 1.9)):
        assert np.abs(samples[int(start * RATE) : int(end * RATE)]).max() == pytest.approx(
            0.5, abs=0.02
        )
    largest = 0.5 * 2 * np.pi * 300 / RATE  # the tone's own steepest step
    assert np.abs(np.diff(samples[: RATE // 2 - 500])).max() < 1.05 * largest + 0.01
    array = speech_from_array(both, rate).samples
    assert np.abs(array - samples)[round(1.05 * RATE) :].max() < 0.01


@pytest.mark.filterwarnings("ignore::vivavoce.errors.MediaWarning")
def test_sound_of_a_video_and_silence(tmp_path: Path) -> None:
    silence = np.zeros((1, 48_000), np.float32)
    path = encode(tmp_path / "a.mp4", "aac", silence, 48_000, "mono", video=True)
    assert np.abs(whole(path)).max() < 1e-3
    assert len(whole(path)) == pytest.approx(RATE, abs=640)


def test_probe_knows_the_length(tmp_path: Path) -> None:
    for name, codec in (("a.wav", "pcm_s16le"), ("a.mp3", "libmp3lame"), ("a.aac", "aac")):
        path = encode(tmp_path / name, codec, tone(3, 44_100)[None], 44_100, "mono")
        assert probe_speech(path) == pytest.approx(3.0, abs=0.08), name


def refused(path: Path, *words: str, limits: SpeechLimits | None = None) -> None:
    """Both the probe and the reader refuse at the call, before any piece is asked for."""
    for call in (probe_speech, read_speech):
        with pytest.raises(BadMedia) as caught:
            call(path, limits=limits or SpeechLimits())
        for word in (path.name, *words):
            assert word in str(caught.value)


def test_missing_folder_empty_corrupt(tmp_path: Path) -> None:
    refused(tmp_path / "none.wav", "There is no recording")
    refused(tmp_path, "is a folder")
    (tmp_path / "empty.wav").touch()
    refused(tmp_path / "empty.wav", "is empty")
    (tmp_path / "bad.wav").write_bytes(np.random.default_rng(0).bytes(5000))
    refused(tmp_path / "bad.wav", "damaged")
    path = encode(tmp_path / "a.mp4", "aac", tone(1, 48_000)[None], 48_000, "mono")
    (tmp_path / "cut.mp4").write_bytes(path.read_bytes()[:2000])
    refused(tmp_path / "cut.mp4", "damaged")


def test_a_pipe_is_refused_and_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "is not an ordinary file")


def test_video_without_sound(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mp4"), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        rgb = np.zeros((32, 32, 3), np.uint8)
        out.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        out.mux(stream.encode(None))
    refused(tmp_path / "a.mp4", "has no sound track. Give a file with sound, or use --text.")


def test_too_short_and_too_long(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.wav", "pcm_s16le", tone(0.05, RATE)[None], RATE, "mono")
    refused(path, "0.050 s", "at least 0.1 s")
    path = encode(tmp_path / "c.wav", "pcm_s16le", tone(0.09996, 44_100)[None], 44_100, "mono")
    refused(path, "only 0.099 s")
    path = encode(tmp_path / "b.wav", "pcm_s16le", tone(2, RATE)[None], RATE, "mono")
    refused(path, "2 s long", "the limit is 1.5 s", limits=SpeechLimits(max_seconds=1.5))


def test_thirteen_hours_are_refused_before_any_work(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 1, 8000, 0, "NONE", ""))
        out.setnframes(13 * 3600 * 8000)
        out.writeframesraw(b"\x80")
        path_size = 44 + 13 * 3600 * 8000
    header = bytearray(path.read_bytes()[:44])
    header[40:44] = (13 * 3600 * 8000).to_bytes(4, "little")
    with path.open("wb") as file:  # a sparse file: it takes no room
        file.write(header)
        file.truncate(path_size)
    refused(path, "13 h 00 min", "the limit is 12 h 00 min")


def test_playlists_cannot_reach_the_network(tmp_path: Path) -> None:
    lines = (
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n"
    )
    (tmp_path / "a.m3u8").write_text(lines)
    refused(tmp_path / "a.m3u8")


def test_lost_packets_leave_the_rest_in_place(tmp_path: Path) -> None:
    """Half a second of packets is missing; what follows is still heard at its own time."""
    sound = np.zeros((1, 4 * 48_000), np.float32)
    sound[0, -48_000:] = tone(1, 48_000)
    path = encode(tmp_path / "a.mkv", "libopus", sound, 48_000, "mono")
    with av.open(str(path)) as source, av.open(str(tmp_path / "b.mkv"), "w") as out:
        stream = out.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.pts is not None and not 1.0 <= packet.pts * packet.time_base < 1.5:
                packet.stream = stream
                out.mux(packet)
    with pytest.warns(MediaWarning, match=r"0\.50 s of its sound are missing .*1\.0. to 1\.5. s"):
        samples = whole(tmp_path / "b.mkv")
    assert len(samples) / RATE == pytest.approx(4.0, abs=0.04)
    assert np.flatnonzero(np.abs(samples) > 0.2)[0] / RATE == pytest.approx(3.0, abs=0.02)


def test_damaged_packets_do_not_stop_the_reading(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp3", "libmp3lame", tone(4, 44_100)[None], 44_100, "mono")
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : len(data) // 3 + 2000] = bytes(2000)
    path.write_bytes(data)
    with pytest.warns(MediaWarning, match=r"states 4\.00 s"):
        assert len(whole(path)) / RATE == pytest.approx(4.0, abs=0.5)


@pytest.mark.parametrize("kind", [np.int16, np.int32, np.uint8, np.float32, np.float64])
def test_arrays_of_any_type(kind: type) -> None:
    wave_ = tone(0.5, 48_000)
    if np.issubdtype(kind, np.integer):
        info = np.iinfo(kind)
        half = (int(info.max) - int(info.min)) / 2
        array = (wave_ * half + (half if info.min == 0 else 0)).astype(kind)
    else:
        array = wave_.astype(kind)
    for shaped in (array, np.stack([array, array]), np.stack([array, array], 1)):
        speech = speech_from_array(shaped, 48_000, text="a")
        assert speech.text == "a"
        assert len(speech.samples) == 8000
        assert np.abs(speech.samples - tone(0.5, RATE))[500:-500].max() < 0.02


def test_bad_arrays() -> None:
    good = tone(0.5, RATE)
    for array, rate, word in (
        (good * 30_000, RATE, "goes up to 15000 .*Divide 16-bit values by 32768"),
        (np.where(np.arange(8000) == 4000, np.nan, good), RATE, r"no number at 0\.250 s"),
        (np.where(np.arange(8000) == 4000, 1e300, good.astype("f8")), RATE, r"no number at 0\.250"),
        (good[:100], RATE, "at least 0.1 s"),
        (good, 0, "rate"),
        (good.astype(complex), RATE, "numbers"),
        (good.reshape(2, 2, -1), RATE, "numbers"),
    ):
        with pytest.raises(BadMedia, match=word):
            speech_from_array(array, rate)


def test_real_recordings(real: Path) -> None:
    for path in sorted((real / "audio").iterdir())[::10]:
        seconds = probe_speech(path)
        assert len(whole(path)) == pytest.approx(seconds * RATE, abs=0.05 * RATE)
