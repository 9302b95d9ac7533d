"""What a layout is, and what they share."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zlib import crc32

from vivavoce.errors import RequestError
from vivavoce.look.crop import CropRule

Words = tuple[tuple[str, float, float], ...]
"""Words of a clip, each with its start and end in seconds."""


@dataclass(frozen=True)
class Found:
    """A clip of a data set as it lies on disk, before it is opened."""

    key: str
    """Name of the clip that is unique in the set; no dots, no slashes."""
    split: str
    """Split that the clip belongs to, one of `shards.SPLITS`."""
    person: str
    """Name of the person (or of what stands for one), unique in the set."""
    clip: str
    """Name of the clip among those of the person."""
    video: Path
    """Video file that holds the pictures, and the sound unless it is kept apart."""
    audio: Path | None = None
    """File that holds the sound; None: the video does."""
    start_s: float = 0.0
    """Beginning of the cut in seconds of the video."""
    end_s: float | None = None
    """End of the cut in seconds of the video; None: its end."""
    text: str | None = None
    """Words that are said, as the set gives them; None: not known."""
    words: Words = ()
    """Words with their times; empty: not known."""
    emotion: str | None = None
    """One of `types.EMOTIONS`; None: not labelled."""
    intensity: int | None = None
    """Strength of the emotion from 1 to 3, as in MEAD; None: not labelled."""
    instruction: dict[str, Any] | None = None
    """Description of the face in words: coarse and fine phrases, units; None: there is none."""
    attributes: dict[str, Any] = field(default_factory=dict)
    """Other labels of the clip or the person, by name."""
    box: tuple[float, float, float, float] | None = None
    """Where the speaker is (left, top, right, bottom as shares of the picture), if annotated."""
    flaw: str | None = None
    """Why it cannot be used, known from its files alone, e.g. "no transcript"."""


@dataclass(frozen=True)
class Layout:
    """Description of a data set as it lies on disk."""

    name: str
    """Name that `vivavoce data prepare` takes."""
    title: str
    """Name of the set for people."""
    holds: str
    """What the set holds, in a few words."""
    tree: str
    """Drawing of the files that must lie below --root, for people and error messages."""
    licence: str
    """Licence of the set, as every sample repeats it."""
    find: Callable[[Path], Iterator[Found]]
    """Function that lists the clips below a root, in a fixed order."""
    crop: CropRule = "portrait"
    """Rule of the square that is kept, see `look.crop`."""


def need(root: Path, tree: str, *places: str) -> list[Path]:
    """Paths of these places below `root`, all of which exist.

    Raises: RequestError: one is missing; the tree that is expected is shown.
    """
    if not root.is_dir():
        raise RequestError(f"There is no folder {root}. Expected there:\n{tree}")
    found = [root / place for place in places]
    for path in found:
        if not path.exists():
            raise RequestError(f"{path} is missing. Expected below {root}:\n{tree}")
    return found


def rows(file: Path, separator: str = ",") -> Iterator[dict[str, str]]:
    """The rows of a table with a header, names and values stripped."""
    with file.open(encoding="utf-8-sig", newline="") as lines:
        for row in csv.DictReader(lines, delimiter=separator, skipinitialspace=True):
            yield {(k or "").strip(): (v or "").strip() for k, v in row.items() if k}


def plain(*parts: str) -> str:
    """Key of a sample, made of parts of a path: no dots, slashes or spaces."""
    return "_".join(p.replace(".", "-").replace("/", "_").replace(" ", "-") for p in parts)


def held_out(number: int, every: int) -> bool:
    """Whether the item with this number is among the one in `every` that are held out."""
    return number % every == every - 1


def lot(name: str) -> int:
    """A number that belongs to a name, so that a split does not depend on what else is on disk."""
    return crc32(name.encode())
