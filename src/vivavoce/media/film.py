"""Videos with sound: what each kind of file holds, and how it is written (PyAV)."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation

from vivavoce.media.files import PathLike
from vivavoce.media.mark import Mark
from vivavoce.media.provenance import Provenance
from vivavoce.media.soundtrack import SoundCodec, open_track
from vivavoce.types import Bytes, Float

QUALITY = {"preset": "veryfast", "crf": "18", "sc_threshold": "0"}
"""x264: visually lossless for faces; no key frames but those asked for, for a clip has no cuts. At
512x512 on two cores, with the colour conversion: superfast 1.9 ms a frame and 82 kB/s, veryfast 2.3
ms and 40 kB/s, faster 3.1 ms, fast 4.0 ms."""
VP9_QUALITY = {
    "deadline": "realtime", "cpu-used": "7", "row-mt": "1", "crf": "24", "b": "0",
}  # fmt: skip
"""libvpx: as good as the H.264 above (PSNR 39.7 and 39.6 dB at 512x512) for as much work (6.9 and
6.2 ms a frame) and a quarter more bytes. AV1 would need two thirds of these, but fewer play it."""
SOUND_BITS = 96_000
"""Bit rate of the clip's own sound, in bits a second."""
KEY_S = 2
"""Seconds between two key frames: players jump to one at once, and streams can be cut there."""

_MP4_COPIES = frozenset({"aac", "mp3", "ac3", "eac3", "alac", "flac", "opus"})
_AAC_RATES = (48_000, 32_000, 44_100, 64_000, 88_200, 96_000)
AAC = SoundCodec("aac", _AAC_RATES, _MP4_COPIES)
"""Sound of an mp4. AAC's first frame is 1024 samples of run-in that careless players play: 21 ms at
48 kHz, but 64 ms at 16 kHz, more than sound and picture may be apart; so no rate under 32 kHz."""
MOV_SOUND = SoundCodec("aac", _AAC_RATES, frozenset({"aac", "mp3", "ac3", "alac", "pcm"}))
OPUS = SoundCodec("libopus", (48_000,), frozenset({"opus", "vorbis"}))

BT709: dict[str, Any] = {
    "dst_colorspace": Colorspace.ITU709,
    "dst_color_range": ColorRange.MPEG,
    "dst_color_primaries": ColorPrimaries.BT709,
    "dst_color_trc": ColorTrc.BT709,
    "interpolation": Interpolation.BILINEAR | Interpolation.ACCURATE_RND,
}
"""How RGB becomes YCbCr; the file's tags say the same, so that players turn it back exactly."""


@dataclass(frozen=True)
class FilmKind:
    """What a kind of video file holds."""

    container: str
    """Its name in FFmpeg."""
    options: dict[str, str]
    """Settings of the container."""
    encoder: str
    """Encoder of the pictures."""
    quality: dict[str, str]
    """Settings of the encoder."""
    sound: SoundCodec
    """Its sound."""
    pixels: str = "yuv420p"
    """Format of its pictures, as FFmpeg calls it."""


KINDS = {
    ".mp4": FilmKind("mp4", {"movflags": "+faststart+use_metadata_tags"}, "libx264", QUALITY, AAC),
    ".mov": FilmKind(
        "mov", {"movflags": "+faststart+use_metadata_tags"}, "libx264", QUALITY, MOV_SOUND
    ),
    # bitexact: the numbers by which the file calls its parts are drawn anew otherwise
    ".webm": FilmKind("webm", {"fflags": "+bitexact"}, "libvpx-vp9", VP9_QUALITY, OPUS),
}
"""Kinds of files by their suffix."""
SEE_THROUGH = {
    ".webm": replace(
        KINDS[".webm"], quality=VP9_QUALITY | {"auto-alt-ref": "0"}, pixels="yuva420p"
    ),
    ".mov": replace(
        KINDS[".mov"], encoder="prores_ks", quality={"profile": "4444", "vendor": "apl0"},
        pixels="yuva444p10le",
    ),
}  # fmt: skip
"""Kinds of files that can be transparent: VP9 with alpha, and ProRes 4444."""
STREAM = FilmKind(
    "mp4",
    {
        # The index is written with the first fragment, so that it can tell what the sound's run-in
        # is; frag_every_frame would lose a frame.
        "movflags": "+delay_moov+default_base_moof+use_metadata_tags",
        "frag_duration": "40000",
        "flush_packets": "1",
    },
    "libx264",
    QUALITY | {"tune": "zerolatency"},
    AAC,
)
"""A fragmented mp4 that can be played while it is made: a fragment is sent every 40 ms."""


class Film:
    """A video that is being written."""

    def __init__(
        self,
        part: Path | IO[bytes],
        kind: FilmKind,
        size: tuple[int, int],
        fps: int,
        provenance: Provenance,
        threads: int,
        stack: ExitStack,
        recording: PathLike | None,
        marked: bool,
    ) -> None:
        """Begin it in the file `part`, or on a stream; see `VideoWriter` for the others."""
        self.part, self.fps = part, fps
        file = str(part) if isinstance(part, Path) else _Outward(part)
        self.container: Any = av.open(file, "w", format=kind.container, options=dict(kind.options))
        self.container.metadata.update(provenance.tags())
        self._pixels = kind.pixels
        self._video = self._picture_track(kind, size, threads)
        even = self._video.width, self._video.height
        self._mark = Mark(provenance.message, even) if marked else None
        self._track = open_track(stack, self.container, kind.sound, recording, SOUND_BITS)
        self.sound = self._track.about

    def _picture_track(self, kind: FilmKind, size: tuple[int, int], threads: int) -> Any:
        video = self.container.add_stream(kind.encoder, rate=self.fps, options=dict(kind.quality))
        context = video.codec_context
        context.thread_count = threads
        video.width, video.height = (side + side % 2 for side in size)
        video.pix_fmt = kind.pixels
        context.colorspace = Colorspace.ITU709
        context.color_range = ColorRange.MPEG
        context.color_primaries = ColorPrimaries.BT709
        context.color_trc = ColorTrc.BT709
        context.gop_size = KEY_S * self.fps
        return video

    def add_picture(self, picture: Bytes, number: int) -> None:
        """Write picture `number` of the clip, RGB or RGBA uint8 [H, W, C]."""
        height, width, colours = picture.shape
        if height % 2 or width % 2:
            picture = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        deep = self._pixels.endswith("10le")
        if self._mark is not None and deep:
            picture = np.dstack([self._mark.added(picture[..., :3]), picture[..., 3:]])
        kept = "rgb24" if colours == 3 else "rgba"
        rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=kept)
        frame = rgb.reformat(format=self._pixels, **BT709)
        if self._mark is not None and not deep:
            self._mark.add(_luma(frame))
        frame.pts, frame.time_base = number, Fraction(1, self.fps)
        self.container.mux(self._video.encode(frame))

    def add_sound(self, samples: Float, until_s: float) -> None:
        """Write the sound up to `until_s` seconds; `samples` [n] are the clip's own."""
        self._track.add(samples, until_s)

    def finish(self, seconds: float) -> None:
        """Write what is left of a clip of `seconds`."""
        self.container.mux(self._video.encode(None))
        self._track.finish(seconds)
        self.container.close()

    def abandon(self) -> None:
        """Let it go; the part goes first, so that closing does not rewrite a long file."""
        if isinstance(self.part, Path):
            with suppress(OSError):
                self.part.unlink(missing_ok=True)
        with suppress(av.FFmpegError, OSError, ValueError):
            self.container.close()


def _luma(frame: Any) -> Bytes:
    """The luma [H, W] of a frame, to be changed in place."""
    plane = frame.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(frame.height, plane.line_size)
    return rows[:, : frame.width]


class _Outward:
    """A stream that can be written to and not be turned back, as PyAV takes it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def write(self, data: bytes) -> int:
        """Write all of `data`, and give it away at once."""
        count = self._stream.write(data)
        self._stream.flush()
        return count
