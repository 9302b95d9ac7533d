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
from vivavoce.media.soundtrack import SoundCodec, open_track
from vivavoce.types import FPS, Bytes, Chunk, check_loudness

__all__ = ["VIDEO_SUFFIXES", "VideoWriter", "check_output"]

VIDEO_SUFFIXES = (".mp4",)

QUALITY = {"preset": "veryfast", "crf": "18"}
"""x264: visually lossless for faces. At 512x512 on two cores, with the colour conversion:
superfast 1.9 ms a frame and 82 kB/s, veryfast 2.3 ms and 40 kB/s, faster 3.1 ms, fast 4.0 ms."""

AAC = SoundCodec(
    "aac",
    (48_000, 32_000, 44_100, 64_000, 88_200, 96_000),
    frozenset({"aac", "mp3", "ac3", "eac3", "alac", "flac", "opus"}),
)
"""Sound of an mp4. AAC's first frame is 1024 samples of run-in that careless players play: 21 ms at
48 kHz, but 64 ms at 16 kHz, more than sound and picture may be apart; so no rate under 32 kHz."""
SOUND_BITS = 96_000
"""Bit rate of the clip's own sound, in bits a second."""
KEY_S = 2
"""Seconds between two key frames: players jump to one at once, and streams can be cut there."""

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
        recording: PathLike | None = None,
    ) -> None:
        """`size`: width and height of the frames that will be added. `threads` of the encoder: 0 as
        many as the machine likes; 1 gives the same bytes whatever its number of cores. `recording`:
        the file whose sound is heard, as `open_track` says, instead of that of the chunks."""
        self.target = check_output(path, force, VIDEO_SUFFIXES)
        self.force = force
        self.size = size
        self.provenance = provenance
        self.threads = threads
        self.recording = recording
        self.frames = 0
        """Frames added so far."""
        self.sound = ""
        """What the sound track is, in words, once it was opened."""
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
                self._open(stack)
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
            self._track.add(chunk.samples, (first_frame + len(chunk.frames)) / FPS)

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

    def _open(self, stack: ExitStack) -> None:
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
        video.codec_context.gop_size = KEY_S * FPS
        self._video = video
        self._track = open_track(stack, self._container, AAC, self.recording, SOUND_BITS)
        self.sound = self._track.about

    def _add_picture(self, picture: Bytes, number: int) -> None:
        height, width = picture.shape[:2]
        if height % 2 or width % 2:
            picture = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        frame = rgb.reformat(format="yuv420p", **BT709)
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        self._container.mux(self._video.encode(frame))

    def _finish(self) -> None:
        if not self.frames:
            raise CannotWrite(f"The clip has no frames: {self.target} was not written.")
        with writing(self.target):
            self._container.mux(self._video.encode(None))
            self._track.finish(self.seconds)
            self._container.close()
        self._encoder.shutdown()

    def _abandon(self) -> None:
        """Let the encoder go; the part goes first, so that closing does not rewrite a long file."""
        self._encoder.shutdown()
        with suppress(OSError):
            self._part.unlink(missing_ok=True)
        with suppress(av.FFmpegError, OSError, ValueError):
            self._container.close()
