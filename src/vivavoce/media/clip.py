"""A finished clip that is made while it is read: frames and sound, to save or to stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from typing import IO

from vivavoce.errors import RequestError
from vivavoce.media.clock import Clock
from vivavoce.media.files import PathLike, check_open_output, writing
from vivavoce.media.held import is_path
from vivavoce.media.provenance import Provenance
from vivavoce.media.write import VideoWriter
from vivavoce.types import FPS, Chunk, Progress


@dataclass(frozen=True)
class Saved:
    """Facts about a clip that was written to a file."""

    path: Path | None
    """Where it lies; None: it was written into an open file."""
    seconds: float
    """Length in seconds; sound and picture are equally long."""
    frames: int


class Clip:
    """An iterator of `Chunk`s; it can be consumed once, as a stream or by `save`.

    Nothing is computed before it is asked for, and memory does not grow with the length.
    """

    fps = FPS

    def __init__(
        self,
        chunks: Iterable[Chunk],
        size: tuple[int, int],
        provenance: Provenance,
        seconds: float | None = None,
        clock: Clock | None = None,
        words: Mapping[str, str] | None = None,
    ) -> None:
        self._chunks: Iterator[Chunk] | None = iter(chunks)
        self.size = size
        """Width and height of the frames in pixels."""
        self.provenance = provenance
        """How it was made; `save` writes it into the file."""
        self.seconds = seconds
        """Length in seconds, where it is known beforehand."""
        self.clock = clock or Clock()
        """Seconds of work by stage, of this clip alone; they grow while it is consumed."""
        self.words = dict(words or {})
        """Texts about the clip that were written while it was made, by name: the `voice` that was
        chosen and why, the `instruction` that a language model gave the face."""

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
    ) -> Saved:
        """Write the clip as mp4 (H.264, AAC), whole or not at all; see `VideoWriter`.

        Args:
            path: Where it is written: a path, or an open binary file, which gets the mp4 in one go
                when it is whole and stays open.
            force: Replace a file that exists.
            progress: Called after every chunk.

        Raises: RequestError: consumed before. OutputRefused, CannotWrite: see `VideoWriter`, and
        a file that takes no bytes.
        """
        if not is_path(path):
            return self._save_into(path, progress)  # type: ignore[arg-type]
        with VideoWriter(path, self.size, self.provenance, force) as video:
            for chunk in self:
                video.add(chunk)
                if progress is not None:
                    progress(video.seconds, "write")
        return Saved(Path(path), video.seconds, video.frames)

    def _save_into(self, file: IO[bytes], progress: Progress | None) -> Saved:
        """Write the clip to a file of ours first: an mp4 is written with steps back, and a failure
        shall leave `file` as it was."""
        check_open_output(file)
        with TemporaryDirectory(prefix="vivavoce-") as folder:
            path = Path(folder, "clip.mp4")
            saved = self.save(path, progress=progress)
            with path.open("rb") as made, writing("The output"):
                copyfileobj(made, file)
        return replace(saved, path=None)


def _given(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """The same chunks; a generator behind them is closed when the reader stops early."""
    try:
        yield from chunks
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
