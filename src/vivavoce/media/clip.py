"""A finished clip that is made while it is read: frames and sound, to save or to stream."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from typing import IO

from vivavoce.errors import RequestError, UnknownName
from vivavoce.media.clock import Clock
from vivavoce.media.files import PathLike, check_open_output, writing
from vivavoce.media.held import is_path
from vivavoce.media.provenance import Provenance
from vivavoce.media.write import VideoWriter
from vivavoce.types import FPS, Chunk, Progress

SOUNDS = ("recording", "speech")
"""What can be heard in a video that follows a recording: itself as it is, or its speech, mono."""


@dataclass(frozen=True)
class Saved:
    """Facts about a clip that was written to a file."""

    path: Path
    """The file, as it was asked for; the pattern of a sequence; the name of a stream."""
    seconds: float
    """Length in seconds; sound and picture are equally long."""
    frames: int
    sound: str = ""
    """What the sound track is, in words, e.g. "aac, 44100 Hz, 2 channels, copied"."""


class Clip:
    """An iterator of `Chunk`s; it can be consumed once, as a stream or by `save`.

    Nothing is computed before it is asked for, and memory does not grow with the length.
    """

    def __init__(
        self,
        chunks: Iterable[Chunk],
        size: tuple[int, int],
        provenance: Provenance,
        seconds: float | None = None,
        clock: Clock | None = None,
        words: Mapping[str, str] | None = None,
        fps: int = FPS,
    ) -> None:
        self._chunks: Iterator[Chunk] | None = iter(chunks)
        self.size = size
        """Width and height of the frames in pixels."""
        self.fps = fps
        """Pictures a second."""
        self.provenance = provenance
        """How it was made; `save` writes it into the file."""
        self.seconds = seconds
        """Length in seconds, where it is known beforehand."""
        self.clock = clock or Clock()
        """Seconds of work by stage, of this clip alone; they grow while it is consumed."""
        self.words = dict(words or {})
        """Texts about the clip that were written while it was made, by name: the `voice` that was
        chosen and why, the `instruction` that a language model gave the face."""
        self.recording: PathLike | None = None
        """The file that the clip follows; `save` takes its sound as it is. None: there is none."""
        self.transparent = False
        """Whether nothing is behind the person: its chunks have an `alpha`."""

    def __iter__(self) -> Iterator[Chunk]:
        """Iterate over the chunks of the clip, in order and once.

        Raises: RequestError: the clip was consumed before.
        """
        if self._chunks is None:
            raise RequestError(
                "This clip was consumed already: a clip can be read once. Make it again."
            )
        chunks, self._chunks = self._chunks, None
        return _given(chunks)

    def save(
        self,
        path: PathLike | IO[bytes],
        force: bool = False,
        progress: Progress | None = None,
        sound: str = "recording",
        threads: int = 0,
        marked: bool = True,
        sign: str | None = None,
    ) -> Saved:
        """Write the clip to a file (.mp4, .mov, .webm, .gif, x%04d.png), whole or not at all, or
        into an open file; see `VideoWriter`.

        Args:
            path: Where it is written: a path, or an open binary file. One that can seek gets a
                whole mp4 in one go; a pipe or socket gets a fragmented mp4 as it is made. It stays
                open.
            force: Replace a file that exists.
            progress: Called after every chunk.
            sound: The `recording` that the clip follows, as it is, where it follows one; or the
                `speech` that was heard in it, mono.
            threads: Of the encoder; 0 as many as the machine likes, 1 gives the same bytes on every
                number of cores.
            marked: Whether the pictures get the invisible mark that tells what they are; without
                it, only for what is measured.
            sign: Who signs the file with C2PA metadata: "local", a certificate that is made here at
                first use, or a PEM file with certificates and key; None: nobody.

        Raises: RequestError: consumed before, or it cannot be signed. UnknownName: no such `sound`.
        OutputRefused, CannotWrite: see `VideoWriter`, and a file that takes no bytes.
        """
        check_sound(sound)
        if not is_path(path):
            check_open_output(path)  # type: ignore[arg-type]
            if path.seekable():  # type: ignore[union-attr]
                return self._save_into(path, progress, sound, threads, marked, sign)  # type: ignore[arg-type]
        own = self.recording if sound == "recording" else None
        with VideoWriter(
            path,
            self.size,
            self.provenance,
            force,
            threads,
            recording=own,
            fps=self.fps,
            marked=marked,
            signer=sign,
            transparent=self.transparent,
        ) as video:
            for chunk in self:
                video.add(chunk)
                if progress is not None:
                    progress(video.seconds, "write")
        given = Path(path) if isinstance(path, str | os.PathLike) else video.target
        return Saved(given, video.seconds, video.frames, video.sound)

    def _save_into(
        self, file: IO[bytes], progress: Progress | None, sound: str, threads: int,
        marked: bool, sign: str | None,
    ) -> Saved:  # fmt: skip
        """Write the clip to a file of ours first: an mp4 is written with steps back, and a failure
        shall leave `file` as it was."""
        with TemporaryDirectory(prefix="vivavoce-") as folder:
            path = Path(folder, "clip.mp4")
            saved = self.save(
                path, progress=progress, sound=sound, threads=threads, marked=marked, sign=sign
            )
            with path.open("rb") as made, writing("The output"):
                copyfileobj(made, file)
        return replace(saved, path=Path(str(getattr(file, "name", "The stream"))))


def check_sound(name: str) -> None:
    """Refuse a sound that is none of `SOUNDS`.

    Raises: UnknownName: it is not.
    """
    if name not in SOUNDS:
        raise UnknownName("sound", name, SOUNDS)


def _given(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """The same chunks; a generator behind them is closed when the reader stops early."""
    try:
        yield from chunks
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
