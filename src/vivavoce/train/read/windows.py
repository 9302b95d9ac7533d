"""Windows of clips from shards: what most systems learn from.

Any clip can be read at any time (tar headers are scanned once, then bytes are read where they lie),
so a window is a pure function of the generator that draws it: the trainer's numbering of samples
makes the stream endless, shuffled, shared out over processes and resumable.
"""

from __future__ import annotations

import json
import tarfile
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from vivavoce.data.schema import VERSION, Sample, from_members
from vivavoce.data.shards import ShardSet, damaged, open_set
from vivavoce.errors import BadMedia, RequestError
from vivavoce.listen.mel import log_mel
from vivavoce.listen.prosody import prosody
from vivavoce.types import FPS, MELS_PER_FRAME, SAMPLES_PER_FRAME, Bytes, Float

CACHE = 1_000_000_000
"""Bytes of clips that are kept in memory."""


@dataclass(frozen=True)
class _Place:
    """Where the members of a clip lie in its shard."""

    shard: Path
    key: str
    parts: dict[str, tuple[int, int]]
    """Suffix → offset and size in bytes."""


class Clip:
    """A clip in memory; its pictures are decoded when a window asks for them."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample

    @cached_property
    def mel(self) -> Float:
        """Log-mel [4 T, 80] of the whole clip."""
        if self.sample.samples is None:
            raise RequestError(f"The clip {self.sample.key} has no sound; a stage needs it.")
        return log_mel(self.sample.samples)

    @cached_property
    def prosody(self) -> Float:
        """`Cues.prosody` [T, 3] of the whole clip."""
        if self.sample.samples is None:
            raise RequestError(f"The clip {self.sample.key} has no sound; a stage needs it.")
        return prosody(self.sample.samples)

    @cached_property
    def size(self) -> int:
        """Number of bytes that the clip takes in memory, about."""
        sample = self.sample
        packs = [p.data.nbytes for p in (sample.frames, sample.masks, sample.depth) if p]
        sound = 0 if sample.samples is None else sample.samples.nbytes * 3 // 2  # and its mel
        return sum(packs) + sound + sum(t.nbytes for t in sample.tracks.values())


@dataclass(frozen=True)
class Window:
    """T frames of a clip from frame `start` on."""

    clip: Clip
    start: int
    frames: int

    @property
    def about(self) -> dict[str, Any]:
        """The clip's `json` member: person, text, emotion, ..."""
        return self.clip.sample.about

    @property
    def span(self) -> slice:
        """The window's frames, as a slice of the clip's."""
        return slice(self.start, self.start + self.frames)

    @property
    def samples(self) -> Float:
        """Sound [640 T] in [-1, 1] at 16 kHz."""
        assert self.clip.sample.samples is not None
        return self.clip.sample.samples[
            self.start * SAMPLES_PER_FRAME : (self.start + self.frames) * SAMPLES_PER_FRAME
        ]

    @property
    def mel(self) -> Float:
        """Log-mel [4 T, 80] at 100 a second; its edges hear what lies beside the window."""
        return self.clip.mel[
            self.start * MELS_PER_FRAME : (self.start + self.frames) * MELS_PER_FRAME
        ]

    @property
    def pictures(self) -> Bytes:
        """RGB [T, H, W, 3], decoded now."""
        if self.clip.sample.frames is None:
            raise RequestError(
                f"The clip {self.clip.sample.key} has no pictures; a stage needs them."
            )
        return self.clip.sample.frames[self.span]

    def track(self, name: str) -> np.ndarray:
        """A track [T, ...] of `data.schema.TABLE`; `identity` is one for the clip."""
        track = self.clip.sample.tracks.get(name)
        if track is None:
            have = ", ".join(sorted(self.clip.sample.tracks)) or "none"
            raise RequestError(
                f"The clip {self.clip.sample.key} has no track {name!r}, which a stage needs; it "
                f"has: {have}."
            )
        return track if name == "identity" else track[self.span]


class Windows:
    """The clips of a split, to draw windows from.

    Args:
        shards: A prepared data set or a corpus.
        split: "train", "val", "test" or "all".
        frames: Shorter clips are left out.
        members: What is read of a clip, see `data.shards.MEMBERS`.
        cache: Bytes of clips kept in memory; those used longest ago go first.

    Raises: BadMedia: a shard is damaged or of another version. RequestError: no clip is long
    enough, or there is no such split.
    """

    def __init__(
        self,
        shards: ShardSet,
        split: str,
        frames: int,
        members: Collection[str] = ("wav", "frames", "tracks"),
        cache: int = CACHE,
    ) -> None:
        self.frames = frames
        wanted = {m if m in ("wav", "mp4") else f"{m}.npz" for m in members} | {"json"}
        places = [p for path in shards.shards(split) for p in _scan(path, wanted)]
        self.about: list[dict[str, Any]] = []
        """The `json` member of every clip that is kept."""
        self._places: list[_Place] = []
        for place in places:
            about = _about(place)
            if about["frames"] >= frames:
                self.about.append(about)
                self._places.append(place)
        if not self._places:
            raise RequestError(
                f"{shards.folder} has no clip of {frames} frames ({frames / FPS:g} s) or more in "
                f"split {split!r}. Use longer clips or a shorter window (--set window=...)."
            )
        self._ends = np.cumsum([a["frames"] - frames + 1 for a in self.about])
        self._cache: OrderedDict[int, Clip] = OrderedDict()
        self._room = cache  # bytes left in it
        self.people: dict[str, list[int]] = {}
        """Person → numbers of their clips."""
        for number, about in enumerate(self.about):
            self.people.setdefault(str(about["person"]), []).append(number)

    def __len__(self) -> int:
        """Number of clips that windows are cut from."""
        return len(self._places)

    def draw(self, rng: np.random.Generator) -> Window:
        """A window; every one of the split is as likely as any other."""
        number = int(rng.integers(self._ends[-1]))
        clip = int(np.searchsorted(self._ends, number, "right"))
        return Window(self.clip(clip), int(self._ends[clip]) - 1 - number, self.frames)

    def of_person(self, person: str, rng: np.random.Generator) -> Window:
        """A window of one person, each of their clips as likely as any other."""
        own = self.people[person]
        number = own[int(rng.integers(len(own)))]
        start = int(rng.integers(self.about[number]["frames"] - self.frames + 1))
        return Window(self.clip(number), start, self.frames)

    def clip(self, number: int) -> Clip:
        """A clip, from memory or from disk."""
        if number in self._cache:
            self._cache.move_to_end(number)
            return self._cache[number]
        clip = Clip(_read(self._places[number]))
        self._cache[number] = clip
        self._room -= clip.size
        while len(self._cache) > 1 and self._room < 0:
            self._room += self._cache.popitem(last=False)[1].size
        return clip


def _scan(shard: Path, wanted: set[str]) -> list[_Place]:
    """Where the wanted members of each clip of a shard lie."""
    found: dict[str, _Place] = {}
    try:
        with tarfile.open(shard, "r:") as tar:
            for member in tar:
                key, _, suffix = member.name.partition(".")
                place = found.setdefault(key, _Place(shard, key, {}))
                if suffix in wanted:
                    place.parts[suffix] = (member.offset_data, member.size)
    except (tarfile.TarError, OSError) as error:
        raise damaged(shard, error) from None
    return list(found.values())


def _bytes(place: _Place, only: str = "") -> dict[str, bytes]:
    members = {}
    with place.shard.open("rb") as file:
        for suffix, (offset, size) in place.parts.items():
            if only in ("", suffix):
                file.seek(offset)
                members[suffix] = file.read(size)
                if len(members[suffix]) != size:
                    raise EOFError(f"{place.key}.{suffix} is cut off")
    return members


def _about(place: _Place) -> dict[str, Any]:
    try:
        about: dict[str, Any] = json.loads(_bytes(place, "json")["json"])
        about["frames"], about["person"]
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise damaged(place.shard, error) from None
    if about.get("version") != VERSION:
        raise BadMedia(
            f"The shard {place.shard} is of version {about.get('version')}; this vivavoce reads "
            f"{VERSION}. Make it again with this version."
        )
    return about


def _read(place: _Place) -> Sample:
    try:
        sample = from_members(place.key, _bytes(place))
        sample.check()
    except Exception as error:  # whatever zip, json and wave say of damaged bytes
        raise damaged(place.shard, error) from None
    return sample


def held_out(data: Path | None, frames: int, members: Collection[str]) -> Windows | None:
    """The clips of the test split of a set, or of its validation split, that have at least so many
    frames; None: there is none."""
    shards = None if data is None else open_set(data)
    for split in ("test", "val"):
        if shards is not None and split in shards.splits:
            try:
                return Windows(shards, split, frames, members)
            except RequestError:  # no clip of the split is long enough
                continue
    return None
