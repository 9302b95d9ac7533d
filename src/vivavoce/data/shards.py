"""Sets of samples on disk: `SET/set.json` and `SET/<split>/*.tar`, WebDataset shards.

A set may also be made of other sets; then its `set.json` says where they lie (`join_sets`).

A shard is written beside its place and renamed when it is whole, so that one that exists is
complete and an interrupted run goes on after the last. The same samples give the same bytes.
"""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vivavoce.data.folder import write_json
from vivavoce.data.schema import VERSION, Sample, from_members, to_members
from vivavoce.errors import BadMedia, CannotWrite, OutputRefused, RequestError, UnknownName, needs

SPLITS = ("train", "val", "test")
"""Splits that a set may have."""
MEMBERS = ("wav", "frames", "tracks", "masks", "depth", "mp4")
"""Members of a sample that may be left unread; `json` is always read."""


def write_shard(path: Path, samples: Iterable[Sample]) -> int:
    """Write a whole shard, or nothing; the result is the number of samples in it.

    Raises: CannotWrite: no space, no permission.
    """
    webdataset = needs("webdataset")

    part = path.with_name(f".{path.name}.part-{os.getpid()}")
    count = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            part.open("wb") as file,
            webdataset.TarWriter(file, user="", group="", mtime=0, encoder=False) as tar,
        ):
            for sample in samples:
                _check_key(sample.key)
                tar.write({"__key__": sample.key, **dict(to_members(sample))})
                count += 1
        part.replace(path)
    except OSError as error:
        raise CannotWrite(
            f"{path} cannot be written: {error.strerror or error}. What was finished before is "
            "whole; free space or choose another folder, and run the same command again."
        ) from None
    finally:
        part.unlink(missing_ok=True)
    return count


def read_shard(path: Path, members: Collection[str] = MEMBERS) -> Iterator[Sample]:
    """The samples of one shard, with these members only.

    Raises: BadMedia: the shard is damaged, or of another version of the table.
    """
    webdataset = needs("webdataset")

    wanted = {"json", *(m if m in ("wav", "mp4") else f"{m}.npz" for m in members)}
    raw = webdataset.WebDataset(
        str(path),
        shardshuffle=False,
        empty_check=False,
        select_files=lambda name: name.partition(".")[2] in wanted,
    )
    try:
        for files in raw:
            parts = {k: v for k, v in files.items() if not k.startswith("__")}
            sample = from_members(files["__key__"], parts)
            _check_version(path, sample)
            yield sample
    except BadMedia:
        raise
    except Exception as error:  # whatever tar, zip, json and wave say of damaged bytes
        raise damaged(path, error) from None


@dataclass(frozen=True)
class ShardSet:
    """Set of samples on disk: a prepared data set, a corpus, or several of them joined."""

    folder: Path
    """Folder that holds `set.json` and the shards."""
    about: dict[str, Any]
    """Contents of `set.json`: name, size, seed or source, and what else its maker says."""

    @property
    def name(self) -> str:
        """Name of the set, as figures and cards give it."""
        return str(self.about["name"])

    def shards(self, split: str) -> list[Path]:
        """Paths of the shards of a split, in order; "all" gives those of every split.

        Raises: UnknownName: no such split. RequestError: it has no shards.
        """
        if split not in (*SPLITS, "all"):
            raise UnknownName("split", split, (*SPLITS, "all"))
        names = SPLITS if split == "all" else (split,)
        found = [p for name in names for p in self._of(name)]
        if not found:
            have = ", ".join(self.splits) or "none at all"
            raise RequestError(f"{self.folder} has no {split} shards; it has {have}.")
        return found

    @property
    def splits(self) -> list[str]:
        """Splits that have shards, in the order of `SPLITS`."""
        return [name for name in SPLITS if self._of(name)]

    def _of(self, split: str) -> list[Path]:
        if "sets" not in self.about:
            return sorted((self.folder / split).glob("*.tar"))
        parts = [open_set((self.folder / part).resolve()) for part in self.about["sets"]]
        return [p for part in parts for p in part._of(split)]

    def samples(self, split: str = "all", members: Collection[str] = MEMBERS) -> Iterator[Sample]:
        """Samples of a split, in order, with these members only; see `read_shard`."""
        for path in self.shards(split):
            yield from read_shard(path, members)


def open_set(folder: Path | str) -> ShardSet:
    """The set of shards that lies in `folder`.

    Raises: RequestError: there is no set, or its `set.json` is not one.
    """
    file = Path(folder) / "set.json"
    if not file.is_file():
        raise RequestError(
            f"{folder} is no set of shards: it has no set.json. Make one with `vivavoce corpus "
            "make` or `vivavoce data prepare` (an interrupted run writes it when it is finished)."
        )
    try:
        about = json.loads(file.read_text("utf-8"))
        about["name"]
    except (ValueError, KeyError, TypeError) as error:
        raise RequestError(f"{file} cannot be read ({error}). Make the set again.") from None
    return ShardSet(Path(folder), about)


def write_set(folder: Path, about: dict[str, Any]) -> ShardSet:
    """Say that the set in `folder` is complete. `about` needs a `name`."""
    write_json(folder / "set.json", {"version": VERSION} | about)
    return open_set(folder)


def join_sets(sets: Sequence[Path], folder: Path) -> ShardSet:
    """Make a set in `folder` of others, which stay where they are. A set that is named twice is
    drawn from twice as often.

    Raises: RequestError: one of them is no set, or two of them give the same name to people, who
    would be taken for one. BadMedia: a shard is damaged. OutputRefused: `folder` holds something.
    CannotWrite.
    """
    owner: dict[str, Path] = {}
    for part in dict.fromkeys(path.resolve() for path in sets):
        for person in _people(open_set(part)):
            if owner.setdefault(person, part) != part:
                raise RequestError(
                    f"{owner[person]} and {part} both have somebody called {person!r}; joined, "
                    "they would be taken for one person. Make one of the sets with other names."
                )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputRefused(f"{folder} is there already. Give a new or an empty folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(f"{folder} cannot be written: {error.strerror or error}.") from None
    places = [os.path.relpath(part.resolve(), folder.resolve()) for part in sets]
    return write_set(folder, {"name": folder.name, "sets": places})


def _people(shards: ShardSet) -> list[str]:
    """Everybody in a set; nothing but the `json` members is read."""
    found = set()
    for path in [p for split in shards.splits for p in shards.shards(split)]:
        try:
            with tarfile.open(path, "r:") as tar:
                for member in tar:
                    file = tar.extractfile(member) if member.name.endswith(".json") else None
                    if file is not None:
                        found.add(str(json.load(file)["person"]))
        except (tarfile.TarError, OSError, ValueError, KeyError) as error:
            raise damaged(path, error) from None
    return sorted(found)


def damaged(path: Path, error: Exception) -> BadMedia:
    """Error that says that the shard at `path` cannot be read, and what to do."""
    return BadMedia(
        f"The shard {path} is damaged ({error}). Delete it and run the command that made it "
        "again: it makes only what is missing."
    )


def _check_key(key: str) -> None:
    if not key or "." in key or "/" in key:
        raise ValueError(f"The key {key!r} of a sample may not hold dots or slashes.")


def _check_version(path: Path, sample: Sample) -> None:
    version = sample.about.get("version")
    if version != VERSION:
        raise BadMedia(
            f"The shard {path} is of version {version}; this vivavoce reads {VERSION}. Make it "
            "again with this version."
        )
