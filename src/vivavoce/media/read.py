"""Speech and video in (PyAV), decoded safely and within stated limits; pictures: `picture.py`.

One clock: time 0 of a recording is the container's own start, for sound and for picture alike, so
that a sound track that begins late stays late.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from numpy.typing import ArrayLike

from vivavoce.errors import BadMedia, MediaWarning
from vivavoce.media.damage import QUIET, Damage, Recording, breaks_off, promised, tell
from vivavoce.media.files import PathLike, existing
from vivavoce.media.held import Data, HeldFile, is_path
from vivavoce.media.mix import Mixer, to_float
from vivavoce.media.picture import PictureLimits, read_picture
from vivavoce.types import FPS, RATE, Bytes, Float, Speech, check_loudness

__all__ = [
    "ClipInfo", "PictureLimits", "SpeechLimits", "check_whole", "file_of", "probe_speech",
    "read_clip_info", "read_picture", "read_speech", "read_video", "speech_from_array",
]  # fmt: skip

MIN_SPEECH_S = 0.1
"""Less sound than this is refused, in seconds."""
GAP_S = 0.05
"""A jump in a sound track's time stamps longer than this is filled with silence, in seconds."""
MAX_GAP_S = 60.0
"""A longer jump is taken for a damaged time stamp and ignored."""
SHORT_READS = ("caf", "w64")
"""Containers, as FFmpeg names them, whose last packet is marked as corrupt where they are cut."""


@dataclass(frozen=True)
class SpeechLimits:
    """Limits of a recording that is accepted; checked before any work."""

    max_seconds: float = 12 * 3600.0
    """Greatest length of the recording in seconds."""
    min_seconds: float = MIN_SPEECH_S
    """Least length of the recording in seconds."""


@dataclass(frozen=True)
class ClipInfo:
    """Facts that a video file states about itself."""

    size: tuple[int, int]
    """Width and height in pixels, upright."""
    fps: float
    """Frames a second of the file itself."""
    seconds: float
    """Length of the picture track in seconds."""
    sound_seconds: float | None
    """Length of the sound track in seconds; None: there is none."""


def file_of(given: PathLike | Data, kind: str) -> Recording:
    """What the readers of this module take, from a path, the bytes of a file or an open file;
    `kind` names it in messages.

    Raises: BadMedia: no such file, empty, or no bytes.
    """
    if isinstance(given, HeldFile):
        return given
    return existing(given, kind) if is_path(given) else HeldFile(given, f"The {kind}")  # type: ignore[arg-type]


# ---------------------------------------------------------------- speech


def probe_speech(given: PathLike | Data, limits: SpeechLimits = SpeechLimits()) -> float:
    """Seconds of sound in a file, quickly: from its header, or by counting packets.

    Raises: BadMedia: not a file with sound, or its length is outside `limits`.
    """
    file = file_of(given, "recording")
    seconds = _seconds(file, _sounding_track(file)[0])
    _check_length(file, seconds, limits)
    return seconds


def read_speech(
    given: PathLike | Data, chunk_s: float = 0.4, limits: SpeechLimits = SpeechLimits()
) -> Iterator[Speech]:
    """The sound of any file that FFmpeg reads, mono at 16 kHz, in pieces of `chunk_s` seconds.

    The file is given by its path, its bytes, or as an open file, which is read from its beginning.

    All pieces are `round(chunk_s * 16000)` samples long except the last. Together they have as many
    samples as the sound is long, silence at either end included, however long it is; memory does
    not grow with the length. The file is checked at the call, before the first piece is asked for.
    Of several sound tracks the first that is not silent is read, and several channels become one,
    each with the weight of its energy (see `Mixer`).

    What can be read of a damaged file is given, silence where something is missing. A
    `MediaWarning` says with seconds what was lost, or that the sound is silent or very quiet.

    Raises: BadMedia: no such file, no sound track, nothing that can be decoded, samples far over 1,
    or outside `limits`.
    """
    file = file_of(given, "recording")
    track, count = _sounding_track(file)
    _check_length(file, _seconds(file, track), limits)
    if track:
        tell(f"{file} has {count} sound tracks: number 1 is silent, so number {track + 1} is used.")
    return _pieces(file, track, max(1, round(chunk_s * RATE)), limits)


def check_whole(given: PathLike | Data) -> None:
    """Read a recording once.

    Raises: BadMedia: something in it is missing, wrong or hardly heard.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", MediaWarning)
        for _ in read_speech(given):
            pass


def speech_from_array(samples: ArrayLike, rate: float, text: str | None = None) -> Speech:
    """Speech from an array: mono [n] or stereo [n, C] or [C, n], of any number type and rate.

    Integers are scaled by their type's range, and by 2^15 if they are 16-bit values of a wider
    type; floats must be in about [-1, 1].

    Raises: BadMedia: wrong shape, rate or values, or less than 0.1 s of sound.
    """
    array = np.asarray(samples)
    while array.ndim > 2 and array.shape[0] == 1:
        array = array[0]
    if array.ndim == 2 and array.shape[1] <= 8 < array.shape[0]:
        array = array.T
    if array.ndim not in (1, 2) or array.dtype.kind not in "iuf":
        raise BadMedia(f"Speech must be numbers [n] or [n, channels], not {array.shape}.")
    if not 1_000 <= rate <= 1_000_000:
        raise BadMedia(f"A sampling rate of {rate} Hz is not speech. Give the rate in hertz.")
    channels = to_float(_narrowed(np.atleast_2d(array)))
    check_loudness("The speech", channels, rate)
    mono = Mixer(int(rate), ("",) * len(channels)).mix(channels)
    if mono.size < MIN_SPEECH_S * rate:
        raise BadMedia(_too_short("The speech", mono.size / rate, MIN_SPEECH_S))
    parts = list(_resampled(iter([(mono, int(rate))])))
    return Speech(np.concatenate(parts), text=text)


def _narrowed(array: np.ndarray) -> np.ndarray:
    """Integers of 32 or 64 bits as 16-bit ones if all are in that range, 64-bit ones as 32-bit:
    lists and sums of 16-bit sound come so, and no sound of full width is so quiet."""
    for kind in (np.int16, np.int32):
        range_ = np.iinfo(kind)
        wider = array.dtype.kind == "i" and array.dtype.itemsize > np.dtype(kind).itemsize
        if wider and array.size and range_.min <= array.min() and array.max() <= range_.max:
            return array.astype(kind)
    return array


def _pieces(file: Recording, track: int, size: int, limits: SpeechLimits) -> Iterator[Speech]:
    held: list[Float] = []
    count = total = 0
    with _opened(file) as container:
        stream = container.streams.audio[track]
        numbers = stream.codec_context.name.startswith("pcm_f")
        damage = Damage(file, promised(file, container, stream), numbers)
        damage.cut = breaks_off(file, container)
        for part in _resampled(_heard(container, stream, damage)):
            held.append(part)
            count += part.size
            total += part.size
            if total > limits.max_seconds * RATE:  # the header may have been wrong
                _check_length(file, total / RATE, limits)
            if count >= size:
                whole = np.concatenate(held)
                full = count - count % size
                for start in range(0, full, size):
                    yield Speech(whole[start : start + size])
                held, count = [whole[full:]], count - full
    if total == 0:
        raise BadMedia(f"{file} has a sound track that cannot be decoded. Save it again.")
    _check_length(file, total / RATE, limits)
    damage.tell()
    if count:
        yield Speech(np.concatenate(held))


def _heard(container: Any, stream: Any, damage: Damage) -> Iterator[tuple[Float, int]]:
    """The sound as mono pieces [n] with their rates, gaps in the time stamps filled with silence.

    Packets that cannot be decoded are skipped: the next good one's time stamp fills their place.
    """
    mixer = None
    for frame, start, gap in placed(container, stream, damage):
        rate = frame.sample_rate
        if gap:
            if damage.begin is not None:
                damage.add(start - gap, start)
            yield np.zeros(round(gap * rate), np.float32), rate
        names = tuple(c.name for c in frame.layout.channels)
        if mixer is None or (mixer.rate, mixer.names) != (rate, names):
            mixer = Mixer(rate, names)
        yield mixer.mix(damage.heard(_channels(frame), rate, start)), rate
        if frame.time is None and stream.codec_context.name == "flac":
            end = start + frame.samples / rate
            damage.add(start, end)  # its parser found the frame by guessing


def placed(
    container: Any, stream: Any, damage: Damage | None = None
) -> Iterator[tuple[Any, float, float]]:
    """The frames of a sound track, each with its start in seconds and the seconds of silence that
    belong before it. All follow each other: a smaller jump in the time stamps is none."""
    origin, end = _origin(container), 0.0
    for frame in _decoded(container, stream, damage):
        if frame.samples == 0 or not frame.sample_rate:
            continue
        start = end if frame.time is None else frame.time - origin
        gap = start - end
        yield frame, start, gap if GAP_S < gap < MAX_GAP_S else 0.0
        end = start + frame.samples / frame.sample_rate


@contextmanager
def sound_track(path: PathLike) -> Iterator[tuple[Any, Any, float]]:
    """The container and the sound track of a file that `read_speech` reads, and the time stamp in
    seconds at which time 0 of the recording lies.

    Raises: BadMedia: no such file, no sound track, or nothing that can be decoded.
    """
    file = existing(path, "recording")
    track, _ = _sounding_track(file)
    with _opened(file) as container:
        first = next(placed(container, container.streams.audio[track]), None)
        if first is None:
            raise BadMedia(f"{file} has a sound track that cannot be decoded. Save it again.")
        _, start, gap = first
        zero = _origin(container) + (0.0 if gap else start)
    with _opened(file) as container:
        yield container, container.streams.audio[track], zero


def _channels(frame: Any) -> Float:
    """Samples of a decoded frame as float32 [C, n]."""
    array = frame.to_ndarray()
    if not frame.format.is_planar:
        array = array.reshape(-1, len(frame.layout.channels)).T
    return to_float(array)


def _resampled(parts: Iterator[tuple[Float, int]]) -> Iterator[Float]:
    """Mono pieces at 16 kHz; all together exactly `round(seconds * 16000)` samples.

    The resampler is rebuilt where a file changes its rate on the way.
    """
    resampler = None
    rate = given = taken = 0
    for mono, rate_now in parts:
        if rate_now != rate:
            yield from _rest(resampler, given, taken, rate)
            rate, given, taken = rate_now, 0, 0
            resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        assert resampler is not None
        given += mono.size
        for out in resampler.resample(_frame(mono, rate)):
            samples = out.to_ndarray()[0].astype(np.float32)
            taken += samples.size
            yield np.clip(samples, -1.0, 1.0)
    yield from _rest(resampler, given, taken, rate)


def _rest(resampler: Any, given: int, taken: int, rate: int) -> Iterator[Float]:
    """What the resampler still holds, cut or padded so that the count is exact."""
    if resampler is None:
        return
    missing = round(given * RATE / rate) - taken
    held = [out.to_ndarray()[0] for out in resampler.resample(None) if out is not None]
    rest = np.concatenate([*held, np.zeros(max(0, missing), np.float32)])[: max(0, missing)]
    if rest.size:
        yield np.clip(rest, -1.0, 1.0).astype(np.float32)


def _frame(mono: Float, rate: int) -> Any:
    frame = av.AudioFrame.from_ndarray(mono[None], format="flt", layout="mono")
    frame.sample_rate = rate
    return frame


# ---------------------------------------------------------------- video


def read_clip_info(path: PathLike) -> ClipInfo:
    """Size, rate and length of a video file.

    Raises: BadMedia: not a file with a picture track.
    """
    file = existing(path, "video")
    with _opened(file) as container:
        stream = _picture_stream(container, file)
        frame = next(iter(_decoded(container, stream)), None)
        if frame is None:
            raise BadMedia(f"{file} has no picture that can be decoded. Save it again.")
        size = (frame.width, frame.height)
        if abs(frame.rotation) % 180 == 90:
            size = size[::-1]
        fps = float(stream.average_rate or stream.base_rate or FPS)
        seconds = _duration(container, stream)
    with _opened(file) as container:
        sound = container.streams.audio
        sound_seconds = _duration(container, sound[0]) if sound else None
    return ClipInfo(size, fps, seconds, sound_seconds)


def read_video(
    given: PathLike | Data, size: tuple[int, int] | None = None, max_seconds: float | None = None
) -> Iterator[Bytes]:
    """The frames of a video, RGB uint8 [H, W, 3], upright, at exactly 25 a second.

    Frame k is the source's frame whose time stamp is nearest to k / 25 s, so that no file's rate,
    even or uneven, shifts the picture against its sound. `size` (width, height) scales; with
    `max_seconds` only the beginning is given. The file is opened at the call.

    Raises: BadMedia: no such file, or no picture track.
    """
    file = file_of(given, "video")
    with _opened(file) as container:
        _picture_stream(container, file)
    return _frames(file, size, max_seconds)


def _frames(
    file: Recording, size: tuple[int, int] | None, max_seconds: float | None
) -> Iterator[Bytes]:
    last = float("inf") if max_seconds is None else round(max_seconds * FPS)
    k = 0
    for frame, until in _shown(file):
        picture = None
        while k < last and k / FPS < until - 1e-6:
            if picture is None:
                picture = _picture(frame, size)
            yield picture
            k += 1
        if k >= last:
            return
    if k == 0:
        raise BadMedia(f"{file} has no picture that can be decoded. Save it again.")


def _shown(file: Recording) -> Iterator[tuple[Any, float]]:
    """Frames, each with the time in seconds up to which it is the nearest one."""
    with _opened(file) as container:
        stream = _picture_stream(container, file)
        origin = _origin(container)
        step = 1 / float(stream.average_rate or FPS)
        before, at = None, 0.0
        for frame in _decoded(container, stream):
            now = frame.time - origin if frame.time is not None else at + step
            if before is not None:
                yield before, (at + now) / 2
            before, at = frame, now
        if before is not None:
            # half a step of slack: 25 frames of 1/25 s give 25 frames, not 26
            yield before, at + step - 0.5 / FPS


def _picture(frame: Any, size: tuple[int, int] | None) -> Bytes:
    turns = round(frame.rotation / 90) % 4
    width, height = size or (None, None)
    if turns % 2:
        width, height = height, width
    rgb = frame.reformat(width=width, height=height, format="rgb24").to_ndarray()
    return np.ascontiguousarray(np.rot90(rgb, turns))


# ---------------------------------------------------------------- files


@contextmanager
def _opened(file: Recording) -> Iterator[Any]:
    """The file as a PyAV container; play lists inside it may name files only, never the network."""
    try:
        container = av.open(
            os.path.abspath(file),
            metadata_errors="ignore",
            container_options={"protocol_whitelist": "file"},
        )
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadMedia(
            f"{file} is not sound or video that can be read, or is damaged ({reason})."
        ) from None
    with container:
        yield container


def _sounding_track(file: Recording) -> tuple[int, int]:
    """Number, from 0, of the first sound track that is not silent, and how many tracks there are;
    the first track if all are silent."""
    with _opened(file) as container:
        count = len(container.streams.audio)
    if not count:
        raise BadMedia(f"{file} has no sound track. Give a file with sound, or use --text.")
    for track in range(count if count > 1 else 0):
        with _opened(file) as container:
            frames = _decoded(container, container.streams.audio[track])
            if any(bool((np.abs(_channels(frame)) >= QUIET).any()) for frame in frames):
                return track, count
    return 0, count


def _seconds(file: Recording, track: int) -> float:
    with _opened(file) as container:
        return _duration(container, container.streams.audio[track])


def _picture_stream(container: Any, file: Recording) -> Any:
    if not container.streams.video:
        raise BadMedia(f"{file} has no picture track. Give a video file.")
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    return stream


def _decoded(container: Any, stream: Any, damage: Damage | None = None) -> Iterator[Any]:
    """Frames of one stream; packets that cannot be decoded are left out, and `damage` notes it."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except (av.FFmpegError, OSError):
            if damage is not None:
                damage.cut = True
            return  # the file ends in damage: what came before is kept
        try:
            frames = packet.decode()
        except (av.FFmpegError, OSError, ValueError):
            if damage is not None:
                _note(damage, container, packet)
            continue
        if damage is not None and packet.is_corrupt and container.format.name in SHORT_READS:
            damage.cut = True
        yield from frames


def _note(damage: Damage, container: Any, packet: Any) -> None:
    """Note a packet that could not be decoded, unless it is the first: streams may begin so."""
    if packet.pts is None or not packet.time_base or damage.begin is None:
        return
    start = float(packet.pts * packet.time_base) - _origin(container)
    seconds = float((packet.duration or 0) * packet.time_base)
    if container.format.name == "aac" and packet.pos:  # its parser puts all damage in one packet
        seconds = max(seconds, packet.size * damage.end / packet.pos)
    damage.add(start, start + seconds)


def _origin(container: Any) -> float:
    return (container.start_time or 0) / av.time_base


def _duration(container: Any, stream: Any) -> float:
    """Length of a stream in seconds from the header, or by reading its packets.

    Raw AAC is always counted: FFmpeg guesses its length from a bit rate, and can be far off.
    """
    if container.format.name != "aac":
        if stream.duration:
            return float(stream.duration * stream.time_base)
        if container.duration:
            return container.duration / av.time_base
    seconds, end = 0.0, 0.0
    try:
        for packet in container.demux(stream):
            length = float((packet.duration or 0) * packet.time_base) if packet.time_base else 0.0
            seconds += length
            if packet.pts is not None:
                end = max(end, float(packet.pts * packet.time_base) - _origin(container) + length)
    except (av.FFmpegError, OSError):
        pass  # damage at the end: what can be read counts
    return max(seconds, end)


def _check_length(file: Recording, seconds: float, limits: SpeechLimits) -> None:
    if seconds > limits.max_seconds:
        raise BadMedia(
            f"{file} is {_clock(seconds)} long: the limit is {_clock(limits.max_seconds)}. "
            "Cut it into parts."
        )
    if seconds < limits.min_seconds:
        raise BadMedia(_too_short(str(file), seconds, limits.min_seconds))


def _too_short(what: str, seconds: float, least: float) -> str:
    there = math.floor(seconds * 1000 + 1e-6) / 1000  # never rounded up to what is needed
    return f"{what} has only {there:.3f} s of sound: at least {least:g} s are needed."


def _clock(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:g} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02} min"
