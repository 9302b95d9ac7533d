"""`vivavoce data look`: what is in a set of shards, as figures and as a contact sheet."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from vivavoce.data.schema import Sample
from vivavoce.data.shards import SPLITS, ShardSet
from vivavoce.errors import RequestError
from vivavoce.media.files import beside, check_output, writing
from vivavoce.types import Bytes

TILE = 128
"""Side of a picture on the sheet, in px."""
DRAWN = (61, 291, 0, 17, 13, 14, 33, 133, 362, 263, 468, 473, 1, 152, 10, 234, 454)
"""Tracker points that are marked on the sheet: mouth, eyes, irises and rim of the face."""


@dataclass
class Figures:
    """Counts of what a set of shards holds."""

    clips: Counter[str] = field(default_factory=Counter)
    """Number of clips of each split."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Seconds of video of each split."""
    people: dict[str, set[str]] = field(default_factory=dict)
    """Names of the people of each split."""
    emotions: Counter[str] = field(default_factory=Counter)
    """Clips of each emotion; "-": not labelled."""
    sexes: Counter[str] = field(default_factory=Counter)
    """Clips of people of each sex; "-": not labelled."""
    keys: Counter[str] = field(default_factory=Counter)
    """Number of clips that have each key of `schema.TABLE`."""
    lengths: list[float] = field(default_factory=list)
    """Length of each clip in seconds."""
    seen: list[float] = field(default_factory=list)
    """Share of each clip's frames in which the tracker saw the face."""

    def add(self, split: str, sample: Sample) -> None:
        """Count one more clip of a split."""
        self.clips[split] += 1
        self.seconds[split] = self.seconds.get(split, 0.0) + sample.seconds
        self.people.setdefault(split, set()).add(str(sample.about.get("person")))
        self.emotions[str(sample.about.get("emotion", "-"))] += 1
        self.sexes[str(sample.about.get("attributes", {}).get("sex", "-"))] += 1
        self.keys.update([*sample.about, *sample.tracks])
        self.lengths.append(sample.seconds)
        if "seen" in sample.tracks:
            self.seen.append(float(np.mean(sample.tracks["seen"])))

    def rows(self) -> list[tuple[str, str]]:
        """Lines of a table: a name and what is to be said of it."""
        found = []
        for split in SPLITS:
            if self.clips[split]:
                many = f"{self.clips[split]} clips, {self.seconds[split] / 60:.1f} minutes"
                found.append((split, f"{many}, {len(self.people[split])} people"))
        total = sum(self.clips.values())
        low, middle, high = np.percentile(self.lengths, [5, 50, 95])
        found.append(("length", f"{middle:.2f} s (5 to 95 %: {low:.2f} to {high:.2f})"))
        found.append(("emotion", _counted(self.emotions)))
        found.append(("sex", _counted(self.sexes)))
        if self.seen:
            found.append(("face seen", f"{100 * np.mean(self.seen):.1f} % of the frames"))
        partly = [f"{k} {n}" for k, n in sorted(self.keys.items()) if n < total]
        found.append(("not in every clip", ", ".join(partly) or "-"))
        return found


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{k} {n}" for k, n in counts.most_common())


def look(
    shards: ShardSet,
    sheet: Path | None = None,
    count: int = 48,
    force: bool = False,
    points: bool = False,
) -> Figures:
    """Read a whole set: its figures, and a contact sheet of `count` clips of different people.

    Raises: BadMedia: a shard is damaged. OutputRefused, CannotWrite: the sheet cannot be written.
    RequestError: the set is empty.
    """
    target = check_output(sheet, force, (".png",)) if sheet else None
    figures = Figures()
    tiles: dict[str, Bytes] = {}
    for split in shards.splits:
        for sample in shards.samples(split, ("frames", "tracks")):
            figures.add(split, sample)
            person = str(sample.about.get("person"))
            if sample.frames is not None and len(tiles) < 4 * count and person not in tiles:
                tiles[person] = _tile(sample, points)
    if not figures.lengths:
        raise RequestError(f"{shards.folder} holds no clip.")
    if target:
        some = np.unique(np.linspace(0, len(tiles) - 1, min(count, len(tiles))).astype(int))
        chosen = [list(tiles.values())[i] for i in some]
        columns = int(np.ceil(np.sqrt(len(chosen) * 1.5)))
        rows = -(-len(chosen) // columns)
        page = np.full((rows * TILE, columns * TILE, 3), 250, np.uint8)
        for i, tile in enumerate(chosen):
            top, left = i // columns * TILE, i % columns * TILE
            page[top : top + TILE, left : left + TILE] = tile
        with beside(target, force) as part, writing(target):
            Image.fromarray(page).save(part, "PNG")
    return figures


def _tile(sample: Sample, points: bool) -> Bytes:
    """The middle frame, with its main points if wanted."""
    assert sample.frames is not None
    at = len(sample) // 2
    frame = sample.frames[at]
    picture = Image.fromarray(frame).resize((TILE, TILE), Image.Resampling.LANCZOS)
    if points and "landmarks" in sample.tracks:
        draw = ImageDraw.Draw(picture)
        for x, y in sample.tracks["landmarks"][at][list(DRAWN), :2] * TILE / frame.shape[0]:
            draw.ellipse((x - 1, y - 1, x + 1, y + 1), fill=(90, 255, 120))
    return np.asarray(picture)
