"""Pictures without a video's codec: a gif, and a sequence of PNG files."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from vivavoce.errors import OutputRefused
from vivavoce.media.files import PathLike, check_output, part_of, signals_raise
from vivavoce.media.mark import Mark
from vivavoce.media.provenance import Provenance
from vivavoce.media.sound import sound_file
from vivavoce.types import Bytes, Float

NUMBER = re.compile(r"%0?(\d*)d")
"""Where the number of a frame stands in the name of a PNG sequence, e.g. %04d."""
LEARNT_BYTES = 200_000_000
"""A gif learns its colours of its first second, or of so many bytes of pictures if these are
less."""
FASTEST_GIF = 50
"""Most frames a second of a gif, which counts time in hundredths: at more, browsers slow down."""


class Gif:
    """A gif that is being written: 256 colours for all frames, only what changes in each, no
    sound."""

    sound = ""

    def __init__(self, part: Path, size: tuple[int, int], fps: int, made_by: Provenance) -> None:
        """Begin it in the file `part`."""
        self.part, self.fps, self._made_by = part, fps, made_by
        self.container: Any = av.open(str(part), "w", format="gif")
        self._stream: Any = self.container.add_stream("gif", rate=fps)
        self._stream.width, self._stream.height = size
        self._stream.pix_fmt = "pal8"
        self._stream.codec_context.time_base = Fraction(1, 100)
        self._waiting: list[Any] = []
        self._graph: Any = None

    def add_picture(self, picture: Bytes, number: int) -> None:
        """Write picture `number` of the clip, RGB uint8 [H, W, 3]."""
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        frame.pts, frame.time_base = round(number * 100 / self.fps), Fraction(1, 100)
        if self._graph is None:
            self._waiting.append(frame)
            if len(self._waiting) >= min(self.fps, LEARNT_BYTES // picture.nbytes):
                self._learn()
        else:
            self._paint(frame)

    def add_sound(self, samples: Float, until_s: float) -> None:
        """Nothing: a gif is silent."""

    def finish(self, seconds: float) -> None:
        """Write what waits, and who made it, into the file's comment."""
        if self._graph is None and self._waiting:
            self._learn()
        self.container.mux(self._stream.encode(None))
        self.container.close()
        words = self._made_by.tags()["comment"].encode("ascii", "replace")[:255]
        with self.part.open("r+b") as file:
            file.seek(-1, os.SEEK_END)  # before the byte that ends the file
            file.write(b"\x21\xfe" + bytes([len(words)]) + words + b"\x00\x3b")

    def abandon(self) -> None:
        """Let it go."""
        with suppress(OSError):
            self.part.unlink(missing_ok=True)
        with suppress(av.FFmpegError, OSError, ValueError):
            self.container.close()

    def _learn(self) -> None:
        """Choose the colours by the frames that wait, and paint these."""
        graph = av.filter.Graph()
        source = self._source(graph)
        chain = [source, graph.add("palettegen"), graph.add("buffersink")]
        graph.link_nodes(*chain).configure()
        for frame in self._waiting:
            source.push(frame)
        source.push(None)
        palette = chain[-1].pull()
        self._graph = self._painter(palette)
        waiting, self._waiting = self._waiting, []
        for frame in waiting:
            self._paint(frame)

    def _source(self, graph: Any) -> Any:
        width, height = self._stream.width, self._stream.height
        return graph.add_buffer(
            width=width, height=height, format="rgb24", time_base=Fraction(1, 100)
        )

    def _painter(self, palette: Any) -> Any:
        """A graph that paints frames with `palette`; the pattern of dots stays where it is, so what
        is still does not shimmer."""
        graph = av.filter.Graph()
        colours = graph.add_buffer(
            width=palette.width, height=palette.height, format=palette.format.name,
            time_base=Fraction(1, 100),
        )  # fmt: skip
        paint = graph.add("paletteuse", "dither=bayer:bayer_scale=4:diff_mode=rectangle")
        self._into, self._out = self._source(graph), graph.add("buffersink")
        self._into.link_to(paint, 0, 0)
        colours.link_to(paint, 0, 1)
        paint.link_to(self._out)
        graph.configure()
        palette.pts = 0
        colours.push(palette)
        colours.push(None)
        return graph

    def _paint(self, frame: Any) -> None:
        self._into.push(frame)
        with suppress(av.BlockingIOError, av.EOFError):
            while True:
                self.container.mux(self._stream.encode(self._out.pull()))


class PngFiles:
    """A sequence of PNG files that is being written, with the clip's own sound as a wav beside."""

    def __init__(
        self, folder: Path, target: Path, provenance: Provenance, sound: Any, about: str,
        marked: bool,
    ) -> None:  # fmt: skip
        """Begin it in `folder`; `sound` takes the samples, None: there is none to write."""
        self._message = provenance.message if marked else None
        self._mark: Mark | None = None
        self.folder, self._name, self._sound, self.sound = folder, target.name, sound, about
        self._tags = PngInfo()
        for key, words in provenance.tags().items():
            self._tags.add_text(key, words)

    def add_picture(self, picture: Bytes, number: int) -> None:
        """Write picture `number` of the clip, RGB or RGBA uint8 [H, W, C]; files count from 1."""
        path = self.folder / numbered(self._name, number + 1)
        if self._message is not None:
            height, width = picture.shape[:2]
            self._mark = self._mark or Mark(self._message, (width, height))
            picture = np.dstack([self._mark.added(picture[..., :3]), picture[..., 3:]])
        # Little compression: four times as fast as the usual, for a tenth more.
        Image.fromarray(picture).save(path, "PNG", pnginfo=self._tags, compress_level=1)

    def add_sound(self, samples: Float, until_s: float) -> None:
        """Write the clip's own samples [n]."""
        if self._sound is not None:
            self._sound(samples)

    def finish(self, seconds: float) -> None:
        """Nothing is left to write."""

    def abandon(self) -> None:
        """Nothing is open."""


def numbered(name: str, number: int) -> str:
    """The name of frame `number` for a pattern such as "x%04d.png"."""
    return NUMBER.sub(lambda found: f"{number:0{found[1] or 1}d}", name, count=1)


def check_pattern(path: PathLike) -> Path:
    """The pattern of a PNG sequence.

    Raises: OutputRefused: it has no place for the number.
    """
    pattern = Path(path)
    if len(NUMBER.findall(pattern.name)) != 1:
        better = pattern.with_name(f"{pattern.stem.replace('%', '')}%04d.png")
        raise OutputRefused(f"A sequence of pictures needs a number in its name, e.g. {better}.")
    return pattern


def check_frames(path: PathLike, force: bool = False) -> Path:
    """The pattern of a PNG sequence that will be written; call this before any work.

    Raises: OutputRefused: no place for the number, no such folder, or frames exist and not `force`.
    CannotWrite: no permission.
    """
    pattern = check_pattern(path)
    first = check_output(pattern.with_name(numbered(pattern.name, 1)), True, (".png",))
    if not force and (there := next(frames_of(first.parent, pattern.name), None)) is not None:
        raise OutputRefused(f"{there} exists. Use --force to replace it.")
    return first.with_name(pattern.name)


def sound_beside(pattern: Path) -> Path:
    """Where the sound of a PNG sequence goes: its name without the number, or "sound.wav"."""
    stem = NUMBER.sub("", pattern.stem, count=1).strip("-_. ")
    return pattern.with_name(f"{stem or 'sound'}.wav")


@contextmanager
def png_files(
    target: Path, provenance: Provenance, with_sound: bool, force: bool, marked: bool
) -> Iterator[PngFiles]:
    """A PNG sequence that is whole or not there at all; with `force` it replaces another one.

    Raises: OutputRefused, CannotWrite: as `check_output`.
    """
    with signals_raise(), ExitStack() as stack:
        add, about = None, ""
        if with_sound:
            wav = sound_beside(target)
            add = stack.enter_context(sound_file(wav, provenance, force))
            about = f"{wav.name}, 16000 Hz, 1 channel"
        folder = part_of(target)
        folder.mkdir()
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        yield PngFiles(folder, target, provenance, add, about, marked)
        for old in frames_of(target.parent, target.name):
            old.unlink()
        for frame in sorted(folder.iterdir()):
            os.replace(frame, target.with_name(frame.name))


def frames_of(folder: Path, pattern: str) -> Iterator[Path]:
    """The files in `folder` that belong to the sequence `pattern`, in no order."""
    before, _, after = NUMBER.split(pattern, maxsplit=1)
    name = re.compile(re.escape(before) + r"\d+" + re.escape(after))
    with os.scandir(folder) as entries:
        yield from (Path(e.path) for e in entries if name.fullmatch(e.name))
