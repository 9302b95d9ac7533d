"""Video out: files that are whole or not there at all, and streams, by the suffix of the path."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol

import numpy as np

from vivavoce.errors import CannotWrite, OutputRefused, RequestError, ShapeError
from vivavoce.media.files import PathLike, beside, check_output, suffix_of, writing
from vivavoce.media.film import KINDS, SEE_THROUGH, STREAM, Film
from vivavoce.media.provenance import Provenance
from vivavoce.media.signature import check_signed, sign
from vivavoce.media.stills import FASTEST_GIF, Gif, check_frames, check_pattern, png_files
from vivavoce.types import FPS, Bytes, Chunk, Float, check_loudness

__all__ = ["VIDEO_SUFFIXES", "VideoWriter", "check_output", "check_video"]

VIDEO_SUFFIXES = (*KINDS, ".gif", ".png")
"""Suffixes that a video may have; they choose its format. PNG is a sequence: x%04d.png."""


class Output(Protocol):
    """A video of any format that is being written."""

    sound: str
    """What the sound track is, in words."""

    def add_picture(self, picture: Bytes, number: int) -> None:
        """Write picture `number` of the clip, RGB uint8 [H, W, 3]."""

    def add_sound(self, samples: Float, until_s: float) -> None:
        """Write the sound up to `until_s` seconds; `samples` [n] are the clip's own."""

    def finish(self, seconds: float) -> None:
        """Write what is left of a clip of `seconds`."""

    def abandon(self) -> None:
        """Let it go: what was written goes, too."""


def check_kind(path: PathLike, fps: int = FPS) -> str:
    """The kind of video that a path names by its suffix, wherever it lies.

    Raises: OutputRefused: none, or a sequence without a place for the number. RequestError: a gif
    cannot have that many frames a second.
    """
    kind = suffix_of(Path(path), VIDEO_SUFFIXES)
    if not kind:
        raise OutputRefused(f"{path} must end with {', '.join(VIDEO_SUFFIXES)}.")
    if kind == ".gif" and fps > FASTEST_GIF:
        raise RequestError(f"A gif has at most {FASTEST_GIF} frames a second. Give --fps 50.")
    if kind == ".png":
        check_pattern(path)
    return kind


def check_see_through(kind: str) -> None:
    """Refuse a kind of video (its suffix; "" is a stream) that cannot be transparent.

    Raises: RequestError: it cannot.
    """
    if kind not in (*SEE_THROUGH, ".png"):
        raise RequestError(
            f"A {kind or 'stream'} has no transparency. Give -o x.webm, x.mov or x%04d.png, or a "
            "--background that is a colour or a picture."
        )


def check_video(path: PathLike, force: bool = False, fps: int = FPS) -> Path:
    """The file, or the pattern of files, that will be written; call this before any work.

    Raises: OutputRefused, CannotWrite: see `check_output` and `check_frames`. RequestError: a gif
    cannot have that many frames a second.
    """
    if suffix_of(Path(path), VIDEO_SUFFIXES) and check_kind(path, fps) == ".png":
        return check_frames(path, force)
    return check_output(path, force, VIDEO_SUFFIXES)


class VideoWriter:
    """Writes chunks of a clip to a file or a stream; use it in a `with` block.

    The suffix chooses the format: .mp4 and .mov (H.264, AAC), .webm (VP9, Opus), .gif, .png for a
    sequence of pictures (x%04d.png, from 1, with the clip's own sound as x.wav). A stream, anything
    that bytes can be written to, gets a fragmented mp4.

    The file appears when the block ends well; on any exception, Ctrl-C or ending signal nothing is
    left, and after SIGKILL only a hidden `.part` file, which the next run removes. In films an odd
    width or height gets one more column or row (the edge's own pixels), for 4:2:0 colour needs even
    sides.
    Time stamps are counts of frames and samples, so nothing drifts. A thread of the writer's own
    encodes, while the next frames are made: an error of a chunk may be raised one chunk later.

    Raises: OutputRefused, CannotWrite: see `check_output`, and a full disk at any time.
    """

    def __init__(
        self,
        path: PathLike | IO[bytes],
        size: tuple[int, int],
        provenance: Provenance,
        force: bool = False,
        threads: int = 0,
        recording: PathLike | None = None,
        fps: int = FPS,
        marked: bool = True,
        signer: str | None = None,
        transparent: bool = False,
    ) -> None:
        """`size`: width and height of the frames that will be added. `threads` of the encoder: 0 as
        many as the machine likes; 1 gives the same bytes whatever its number of cores. `recording`:
        the file whose sound is heard, as `open_track` says, instead of that of the chunks. `fps` of
        the chunks. `marked`: whether the pictures get the mark of `media.mark`; what is written to
        be measured or learnt from does not. `signer`: who signs the file, as `find_signer` says.
        `transparent`: whether the chunks have an alpha.

        Raises: RequestError: it cannot be signed by that one, or cannot be transparent."""
        self.stream: IO[bytes] | None = None
        if isinstance(path, str | os.PathLike):
            self.target = check_video(path, force, fps)
        else:
            self.stream, self.target = path, Path(str(getattr(path, "name", "The stream")))
        self.force = force
        self.size = size
        self.provenance = provenance
        self.threads = threads
        self.recording = recording
        self.fps = fps
        self.marked = marked
        kind = "" if self.stream is not None else suffix_of(self.target, VIDEO_SUFFIXES)
        if signer is not None and "%" in self.target.name:
            raise RequestError("A sequence of pictures is not signed: leave out --sign.")
        self.transparent = transparent
        if transparent:
            check_see_through(kind)
        self._signer = check_signed(signer, kind) if signer is not None else None
        self.frames = 0
        """Frames added so far."""
        self.sound = ""
        """What the sound track is, in words, once it was opened."""
        self._encoder = ThreadPoolExecutor(1, "encoder")
        self._encoding: Future[None] | None = None

    @property
    def seconds(self) -> float:
        """Length of what was added so far."""
        return self.frames / self.fps

    def __enter__(self) -> VideoWriter:
        with ExitStack() as stack:
            with writing(self.target):
                self._film = self._open(stack)
            self.sound = self._film.sound
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
        if chunk.fps != self.fps:
            raise ShapeError("Chunk.fps", str(self.fps), (chunk.fps,))
        check_loudness("Chunk.samples", chunk.samples, start_s=self.seconds)
        self._wait()
        self._encoding = self._encoder.submit(self._encode, chunk, self.frames)
        self.frames += len(chunk.frames)

    def _encode(self, chunk: Chunk, first_frame: int) -> None:
        with writing(self.target):
            for number, picture in enumerate(chunk.frames, first_frame):
                if chunk.alpha is not None:
                    picture = np.dstack([picture, chunk.alpha[number - first_frame]])
                self._film.add_picture(picture, number)
            self._film.add_sound(chunk.samples, (first_frame + len(chunk.frames)) / self.fps)

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

    def _open(self, stack: ExitStack) -> Output:
        kind = suffix_of(self.target, VIDEO_SUFFIXES)
        if self.stream is None and kind == ".png":
            own = self.recording is None
            return stack.enter_context(
                png_files(self.target, self.provenance, own, self.force, self.marked)
            )
        settings = self.size, self.fps, self.provenance
        if self.stream is not None:
            return Film(
                self.stream, STREAM, *settings, self.threads, stack, self.recording, self.marked
            )
        part = self._part = stack.enter_context(beside(self.target, self.force))
        if kind == ".gif":
            return Gif(part, *settings)
        films = SEE_THROUGH if self.transparent else KINDS
        return Film(part, films[kind], *settings, self.threads, stack, self.recording, self.marked)

    def _finish(self) -> None:
        if not self.frames:
            raise CannotWrite(f"The clip has no frames: {self.target} was not written.")
        with writing(self.target):
            self._film.finish(self.seconds)
        if self._signer is not None:
            sign(self._part, self.target.suffix, self.provenance, self._signer)
        self._encoder.shutdown()

    def _abandon(self) -> None:
        self._encoder.shutdown()
        self._film.abandon()
