"""Video out: H.264 and AAC in an mp4 that is whole or not there at all (PyAV)."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation

from vivavoce.errors import CannotWrite, ShapeError
from vivavoce.media.files import PathLike, beside, check_output, writing
from vivavoce.media.provenance import Provenance
from vivavoce.types import FPS, RATE, Bytes, Chunk, check_loudness

__all__ = ["VIDEO_SUFFIXES", "VideoWriter", "check_output"]

VIDEO_SUFFIXES = (".mp4",)

QUALITY = {"preset": "veryfast", "crf": "18"}
"""x264: visually lossless for faces. At 512x512 on two cores, with the colour conversion:
superfast 1.9 ms a frame and 82 kB/s, veryfast 2.3 ms and 40 kB/s, faster 3.1 ms, fast 4.0 ms."""

SOUND_RATE = 48_000
"""AAC's first frame is 1024 samples of run-in that careless players play: 21 ms here, but 64 ms at
16 kHz, more than sound and picture may be apart."""
SOUND_BITS = 96_000
"""Bit rate of the AAC track, in bits a second."""

BT709: dict[str, Any] = {
    "dst_colorspace": Colorspace.ITU709,
    "dst_color_range": ColorRange.MPEG,
    "dst_color_primaries": ColorPrimaries.BT709,
    "dst_color_trc": ColorTrc.BT709,
    "interpolation": Interpolation.BILINEAR | Interpolation.ACCURATE_RND,
}
"""How RGB becomes YCbCr; the file's tags say the same, so that players turn it back exactly."""


class VideoWriter:
    """Writes chunks of a clip to an mp4; use it in a `with` block.

    The file appears when the block ends well; on any exception, Ctrl-C or ending signal nothing is
    left, and after SIGKILL only a hidden `.part` file, which the next run removes. An odd width or
    height gets one more column or row (the edge's own pixels), for 4:2:0 colour needs even sides.
    Time stamps are counts of frames and samples, so nothing drifts. A thread of the writer's own
    encodes, while the next frames are made: an error of a chunk may be raised one chunk later.

    Raises: OutputRefused, CannotWrite: see `check_output`, and a full disk at any time.
    """

    def __init__(
        self,
        path: PathLike,
        size: tuple[int, int],
        provenance: Provenance,
        force: bool = False,
        threads: int = 0,
    ) -> None:
        """`size`: width and height of the frames that will be added. `threads` of the encoder: 0 as
        many as the machine likes; 1 gives the same bytes whatever its number of cores."""
        self.target = check_output(path, force, VIDEO_SUFFIXES)
        self.force = force
        self.size = size
        self.provenance = provenance
        self.threads = threads
        self.frames = 0
        """Frames added so far."""
        self._encoder = ThreadPoolExecutor(1, "encoder")
        self._encoding: Future[None] | None = None

    @property
    def seconds(self) -> float:
        """Length of what was added so far."""
        return self.frames / FPS

    def __enter__(self) -> VideoWriter:
        with ExitStack() as stack:
            self._part: Path = stack.enter_context(beside(self.target, self.force))
            with writing(self.target):
                self._open()
            self._stack = stack.pop_all()
        return self

    def add(self, chunk: Chunk) -> None:
        """Write the next pictures and their sound; the chunk must not be changed afterwards.

        Raises: ShapeError: the frames have another size. BadMedia: the sound holds what is no
        number. CannotWrite: the disk is full or gone.
        """
        width, height = self.size
        if chunk.frames.shape[1:3] != (height, width):
            raise ShapeError("Chunk.frames", f"[*, {height}, {width}, 3]", chunk.frames.shape)
        check_loudness("Chunk.samples", chunk.samples, start_s=self.seconds)
        self._wait()
        self._encoding = self._encoder.submit(self._encode, chunk, self.frames)
        self.frames += len(chunk.frames)

    def _encode(self, chunk: Chunk, first_frame: int) -> None:
        with writing(self.target):
            for number, picture in enumerate(chunk.frames, first_frame):
                self._add_picture(picture, number)
            self._add_sound(chunk.samples, first_frame)

    def _wait(self) -> None:
        """Wait until the last chunk is encoded, and raise what went wrong with it."""
        encoding, self._encoding = self._encoding, None
        if encoding is not None:
            encoding.result()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._wait()
                self._finish()
        except BaseException as failure:
            self._abandon()
            self._stack.__exit__(type(failure), failure, failure.__traceback__)
            raise
        if kind is not None:
            self._abandon()
        self._stack.__exit__(kind, error, trace)

    def _open(self) -> None:
        width, height = (side + side % 2 for side in self.size)
        self._container = av.open(
            str(self._part), "w", format="mp4", options={"movflags": "+faststart+use_metadata_tags"}
        )
        self._container.metadata.update(self.provenance.tags())
        video = self._container.add_stream("libx264", rate=FPS, options=QUALITY)
        video.codec_context.thread_count = self.threads
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.codec_context.colorspace = Colorspace.ITU709
        video.codec_context.color_range = ColorRange.MPEG
        video.codec_context.color_primaries = ColorPrimaries.BT709
        video.codec_context.color_trc = ColorTrc.BT709
        sound = self._container.add_stream("aac", rate=SOUND_RATE, layout="mono")
        sound.bit_rate = SOUND_BITS
        self._video, self._sound = video, sound

    def _add_picture(self, picture: Bytes, number: int) -> None:
        height, width = picture.shape[:2]
        if height % 2 or width % 2:
            picture = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        frame = rgb.reformat(format="yuv420p", **BT709)
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        self._container.mux(self._video.encode(frame))

    def _add_sound(self, samples: np.ndarray, first_frame: int) -> None:
        if not samples.size:
            return
        mono = np.clip(samples, -1.0, 1.0).astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(mono, format="flt", layout="mono")
        frame.sample_rate = RATE
        frame.pts, frame.time_base = first_frame * (RATE // FPS), Fraction(1, RATE)
        self._container.mux(self._sound.encode(frame))

    def _finish(self) -> None:
        if not self.frames:
            raise CannotWrite(f"The clip has no frames: {self.target} was not written.")
        with writing(self.target):
            self._container.mux(self._video.encode(None))
            self._container.mux(self._sound.encode(None))
            self._container.close()
        self._encoder.shutdown()

    def _abandon(self) -> None:
        """Let the encoder go; the part goes first, so that closing does not rewrite a long file."""
        self._encoder.shutdown()
        with suppress(OSError):
            self._part.unlink(missing_ok=True)
        with suppress(av.FFmpegError, OSError, ValueError):
            self._container.close()
