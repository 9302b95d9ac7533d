"""The sound beneath a video: the clip's own speech, or the recording that it follows, as it is."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

import av
import numpy as np

from vivavoce.media.files import PathLike
from vivavoce.media.read import placed, sound_track
from vivavoce.types import LOUDEST, RATE, Float

CHANNEL_BITS, MOST_BITS = 128_000, 512_000
"""Bit rate for each channel of a recording that is encoded anew, and for all together."""
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
"""Channels that a recording keeps by their number; others become stereo."""


@dataclass(frozen=True)
class SoundCodec:
    """How a kind of file holds sound."""

    name: str
    """The encoder, as FFmpeg calls it."""
    rates: tuple[int, ...]
    """Sampling rates that it keeps, the usual one first; others become that one."""
    copies: frozenset[str]
    """Codecs that the file takes as they are, "pcm" for all of PCM's."""


class Track(Protocol):
    """A sound track that is written beside the pictures."""

    about: str
    """What the track is, in words, e.g. "aac, 44100 Hz, 2 channels, copied"."""

    def add(self, samples: Float, until_s: float) -> None:
        """Write the sound that belongs to pictures up to `until_s` seconds; `samples` [n] are what
        the clip itself has for them, mono at 16 kHz."""

    def finish(self, seconds: float) -> None:
        """Write what is left; the pictures last `seconds`."""


class SpokenTrack:
    """The clip's own sound, mono."""

    def __init__(self, container: Any, codec: SoundCodec, bits: int) -> None:
        self._container, self._count = container, 0
        self._stream = container.add_stream(codec.name, rate=codec.rates[0], layout="mono")
        self._stream.bit_rate = bits
        self.about = _about(self._stream.codec_context)

    def add(self, samples: Float, until_s: float) -> None:
        """Write the next samples [n]."""
        if not samples.size:
            return
        mono = np.clip(samples, -1.0, 1.0).astype(np.float32)[None]
        frame = _frame(mono, RATE, "mono", self._count)
        self._count += samples.size
        self._container.mux(self._stream.encode(frame))

    def finish(self, seconds: float) -> None:
        """Write what the encoder still holds."""
        self._container.mux(self._stream.encode(None))


class CopiedTrack:
    """A recording whose packets are written as they are; those that cannot be decoded are left
    out."""

    def __init__(self, container: Any, source: Any, stream: Any, zero: float) -> None:
        """`zero` is the time stamp in seconds of the source at which the clip begins."""
        self._container, self._source, self._stream = container, source, stream
        self._out = container.add_stream_from_template(stream)
        self._packets = self._whole()
        self._shift = round(zero / stream.time_base)
        self._next: Any = None
        context = stream.codec_context
        self.about = f"{_about(context)}, copied"

    def add(self, samples: Float, until_s: float) -> None:
        """Write the packets that begin before `until_s`."""
        while True:
            packet = self._next or next(self._packets, None)
            self._next = packet
            if packet is None or packet.pts * packet.time_base >= until_s:
                return
            packet.stream = self._out
            self._container.mux(packet)
            self._next = None

    def finish(self, seconds: float) -> None:
        """Write the last packets that begin before the pictures end."""
        self.add(np.zeros(0, np.float32), seconds)

    def _whole(self) -> Any:
        """Packets that can be decoded, in order, on the clip's clock."""
        last = None
        packets = self._source.demux(self._stream)
        while (packet := _next(packets)) is not None:
            try:
                packet.decode()
            except (av.FFmpegError, OSError, ValueError):
                continue
            if packet.pts is None or packet.is_corrupt or packet.size == 0:
                continue
            packet.pts -= self._shift
            packet.dts = packet.pts if packet.dts is None else packet.dts - self._shift
            if last is None or packet.dts > last:
                last = packet.dts
                yield packet


class EncodedTrack:
    """A recording that is encoded anew, with its channels and, where the encoder has it, its
    rate."""

    def __init__(self, container: Any, source: Any, stream: Any, codec: SoundCodec) -> None:
        context = stream.codec_context
        self._container, self._frames = container, placed(source, stream)
        self._rate = context.rate if context.rate in codec.rates else codec.rates[0]
        self._layout = LAYOUTS.get(context.channels, "stereo")
        self._out = container.add_stream(codec.name, rate=self._rate, layout=self._layout)
        channels = self._out.codec_context.channels
        self._out.bit_rate = min(CHANNEL_BITS * channels, MOST_BITS)
        self._held = np.zeros((channels, 0), np.float32)
        self._count = 0
        self._kind: tuple[int, str, str] | None = None
        self._resampler: Any = None
        self.about = f"{_about(self._out.codec_context)}, from {_about(context)}"

    def add(self, samples: Float, until_s: float) -> None:
        """Write the recording up to `until_s`."""
        self._write(round(until_s * self._rate) - self._count)

    def finish(self, seconds: float) -> None:
        """Write the rest of the recording, and silence to the end of the pictures."""
        wanted = round(seconds * self._rate) - self._count
        self._write(wanted)
        missing = round(seconds * self._rate) - self._count
        if missing > 0:
            self._encode(np.zeros((len(self._held), missing), np.float32))
        self._container.mux(self._out.encode(None))

    def _write(self, wanted: int) -> None:
        """Encode at most `wanted` samples more."""
        while self._held.shape[1] < wanted and (part := self._part()) is not None:
            self._held = np.concatenate([self._held, part], 1)
        if wanted > 0 and self._held.size:
            self._encode(self._held[:, :wanted])
            self._held = self._held[:, wanted:]

    def _encode(self, samples: Float) -> None:
        frame = _frame(samples, self._rate, self._layout, self._count)
        self._count += samples.shape[1]
        self._container.mux(self._out.encode(frame))

    def _part(self) -> Float | None:
        """The next samples [C, n] at the track's own rate; None: the recording has ended."""
        frame, _, gap = next(self._frames, (None, 0.0, 0.0))
        kind = None if frame is None else (frame.sample_rate, frame.layout.name, frame.format.name)
        parts = []
        if self._resampler is not None and (gap or kind != self._kind):
            parts.append(self._resampled(None))  # what it holds belongs before what comes now
            self._resampler = None
        self._kind = kind
        if frame is None:
            return parts[0] if parts else None
        if self._resampler is None:
            self._resampler = av.AudioResampler("fltp", self._layout, self._rate)
        silence = np.zeros((len(self._held), round(gap * self._rate)), np.float32)
        return np.concatenate([*parts, silence, self._resampled(_sounding(frame))], 1)

    def _resampled(self, frame: Any) -> Float:
        none = np.zeros((len(self._held), 0), np.float32)
        found = [out.to_ndarray() for out in self._resampler.resample(frame) if out is not None]
        return np.concatenate([none, *found], 1)


def open_track(
    stack: ExitStack, container: Any, codec: SoundCodec, recording: PathLike | None, bits: int
) -> Track:
    """The sound track of the video `container`: `recording` as it is, copied where the container
    holds its codec, else encoded anew; without one, the clip's own sound at `bits` a second.

    The first sample of the recording that is heard lies at time 0, as `read_speech` has it. `stack`
    closes the recording.

    Raises: BadMedia: the recording cannot be read.
    """
    if recording is None:
        return SpokenTrack(container, codec, bits)
    source, stream, zero = stack.enter_context(sound_track(recording))
    name = stream.codec_context.codec.canonical_name
    if ("pcm" if name.startswith("pcm_") else name) in codec.copies:
        return CopiedTrack(container, source, stream, zero)
    return EncodedTrack(container, source, stream, codec)


def _sounding(frame: Any) -> Any:
    """A decoded frame without its time, and with 0 for numbers that cannot be sound."""
    array = frame.to_ndarray()
    if array.dtype.kind == "f" and not (fine := np.abs(array) <= LOUDEST).all():
        kept = np.where(fine, array, array.dtype.type(0))
        found = av.AudioFrame.from_ndarray(kept, frame.format.name, frame.layout.name)
        found.sample_rate = frame.sample_rate
        return found
    frame.pts = None
    return frame


def _next(packets: Any) -> Any:
    """The next packet; None at the end, or where the file ends in damage."""
    try:
        return next(packets, None)
    except (av.FFmpegError, OSError):
        return None


def _frame(samples: Float, rate: int, layout: str, pts: int | None) -> Any:
    planar = np.ascontiguousarray(samples, np.float32)
    frame = av.AudioFrame.from_ndarray(planar, format="fltp", layout=layout)
    frame.sample_rate = rate
    if pts is not None:
        frame.pts, frame.time_base = pts, Fraction(1, rate)
    return frame


def _about(context: Any) -> str:
    count = context.channels
    name = context.codec.canonical_name
    return f"{name}, {context.rate} Hz, {count} channel{'s' * (count != 1)}"
