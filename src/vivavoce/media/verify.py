"""What a file says of being synthetic, layer by layer: metadata, signature, mark in the picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vivavoce.errors import BadMedia, RequestError
from vivavoce.media.files import PathLike, existing
from vivavoce.media.mark import FOUND, LEAST_SIDE, Found, find_mark
from vivavoce.media.provenance import (
    COMPOSED,
    LAYOUT,
    MADE,
    SOURCE_TYPES,
    mark_fits,
    read_provenance,
)
from vivavoce.media.signature import Credentials, read_credentials
from vivavoce.types import Bytes

SYNTHETIC = frozenset(
    {MADE, COMPOSED, "algorithmicMedia", "compositeSynthetic", "virtualRecording"}
)
"""IPTC's digital source types of media that are synthetic, wholly or in part."""
UNKNOWN = (
    "What cannot be known: whether a file without any of these is real. Metadata and signatures "
    "are lost when a file is sent by a messenger or copied from a screen, and most programs write "
    "none; the mark is vivavoce's alone, needs some 360 pixels, and does not outlive everything. "
    "Nor does any of them tell who made the file: anybody can write metadata, and put this mark "
    "into a real video."
)
"""What no layer can tell, in words."""


@dataclass(frozen=True)
class Layer:
    """What one layer of a file says."""

    name: str
    """Name of the layer: "metadata", "signature" or "mark"."""
    synthetic: bool
    """Whether it says that the file is synthetic."""
    words: str
    """What was found in it, in a sentence."""


@dataclass(frozen=True)
class Verdict:
    """What all layers of a file say."""

    path: Path
    layers: tuple[Layer, ...]

    @property
    def synthetic(self) -> bool:
        """Whether any layer says that the file is synthetic; if not, nothing is known."""
        return any(layer.synthetic for layer in self.layers)

    def __str__(self) -> str:
        found = "marked as synthetic" if self.synthetic else "no mark of synthetic media was found"
        lines = [f"  {layer.name}: {layer.words}" for layer in self.layers]
        return "\n".join([f"{self.path}: {found}", *lines, UNKNOWN])

    def as_dict(self) -> dict[str, Any]:
        """The same for machines."""
        layers = {layer.name: {"synthetic": layer.synthetic, "words": layer.words}
                  for layer in self.layers}  # fmt: skip
        return {
            "file": str(self.path), "synthetic": self.synthetic, "layers": layers,
            "unknown": UNKNOWN,
        }  # fmt: skip


def verify(path: PathLike) -> Verdict:
    """Look for every layer of a video, a picture, or a recording.

    Raises: BadMedia: no such file, or none that can be read.
    """
    file = existing(path, "video, picture or recording")
    tags, size = _tags(file), None
    found: Found | None = None
    lumas = _lumas(file)
    first = next(lumas, None)
    if first is not None:
        size = first.shape[::-1]
        found = find_mark(_again(first, lumas))
    return Verdict(Path(path), (_of_tags(tags), _of_signature(file), _of_mark(found, size, tags)))


def _of_tags(tags: Mapping[str, str]) -> Layer:
    if tags.get("synthetic-media") == "yes":
        seed = f", seed {tags['vivavoce-seed']}" if "vivavoce-seed" in tags else ""
        model = tags.get("vivavoce-model", "a model it does not name")
        version = tags.get("vivavoce-version", "")
        return Layer("metadata", True, f"synthetic, made by vivavoce {version} with {model}{seed}.")
    for words in tags.values():
        kind = words.partition(SOURCE_TYPES)[2]
        named = next((name for name in SYNTHETIC if kind.startswith(name)), None)
        if named is not None:
            return Layer("metadata", True, f"synthetic, IPTC's digital source type {named}.")
        if words.startswith("Synthetic media"):
            return Layer("metadata", True, f'synthetic, in words: "{words[:120]}"')
    return Layer("metadata", False, "nothing about synthetic media.")


def _of_signature(file: Path) -> Layer:
    try:
        said = read_credentials(file)
    except RequestError as error:
        return Layer("signature", False, f"was not looked for. {error}")
    if said is None:
        return Layer("signature", False, "none (C2PA).")
    kinds = [kind for kind in said.source_types if kind in SYNTHETIC]
    return Layer("signature", bool(kinds), _told(said, kinds))


def _told(said: Credentials, kinds: list[str]) -> str:
    what = f"synthetic, {', '.join(kinds)}" if kinds else "nothing about synthetic media"
    state = "the file is as it was signed" if said.whole else "THE FILE WAS CHANGED after it was"
    trust = "" if said.trusted else "; no authority vouches for this name"
    return f"{what}; by {said.generator}, signed by {said.signer}: {state}{trust}."


def _of_mark(
    found: Found | None, size: tuple[int, ...] | None, tags: Mapping[str, str]
) -> Layer:  # fmt: skip
    if size is None:
        return Layer("mark", False, "there is no picture to look for it.")
    if min(size) < LEAST_SIDE:
        return Layer("mark", False, f"not looked for: under {LEAST_SIDE} pixels none can be.")
    if found is None:
        return Layer("mark", False, "none of vivavoce's.")
    words = (
        f"vivavoce's, number {found.message:08x}, peak {found.strength:g} (found from {FOUND:g})"
    )
    if found.message >> 28 != LAYOUT:
        words += "; of another version"
    elif found.message >> 27 & 1:
        words += "; the person does not exist"
    if "vivavoce-model" in tags:
        fits = mark_fits(found.message, tags)
        words += "; it fits the metadata" if fits else "; it is NOT that of the metadata"
    return Layer("mark", True, words + ".")


def _tags(file: Path) -> dict[str, str]:
    """The metadata of a film, a sound or a picture, names in small letters."""
    from PIL import Image

    with suppress(OSError, ValueError, SyntaxError), Image.open(file) as image:
        texts = {str(k).lower(): v for k, v in image.info.items() if isinstance(v, str)}
        for name in ("comment", "xmp"):
            if isinstance(words := image.info.get(name), bytes):
                texts[name] = words.decode("utf-8", "replace")
        texts |= _gif_comment(file) if image.format == "GIF" else {}
        return texts | {f"exif {k}": v for k, v in image.getexif().items() if isinstance(v, str)}
    return read_provenance(file)


def _gif_comment(file: Path) -> dict[str, str]:
    """The last comment of a gif, which Pillow does not read behind the pictures."""
    data = file.read_bytes()
    start = data.rfind(b"\x21\xfe")
    return {"comment": data[start + 3 : start + 3 + data[start + 2]].decode("ascii", "replace")}


def _lumas(file: Path) -> Iterator[Bytes]:
    """The luma [H, W] of each picture, those of one size."""
    import av

    try:
        with av.open(str(file.absolute()), metadata_errors="ignore") as container:
            if not container.streams.video:
                return
            shape = None
            for frame in container.decode(video=0):
                luma = _luma(frame)
                shape = shape or luma.shape
                if luma.shape == shape:
                    yield luma
    except (av.FFmpegError, OSError) as error:
        raise BadMedia(f"{file} cannot be read ({error.strerror}).") from None


def _luma(frame: Any) -> Bytes:
    if frame.format.name.startswith("yuv") and frame.format.name.endswith("p"):
        plane = frame.planes[0]
        rows = np.frombuffer(plane, np.uint8).reshape(frame.height, plane.line_size)
        return rows[:, : frame.width]
    return np.asarray(frame.to_ndarray(format="gray"), np.uint8)


def _again(first: Bytes, rest: Iterator[Bytes]) -> Iterator[Bytes]:
    yield first
    yield from rest
