"""Talking clips of your own: a plain folder, nothing else is asked for.

A folder below the root is a person; a video at the root's own level is a person of its own. Words
may stand beside a video in a file of the same name. Long videos are cut into pieces, one after the
other, so that none of them is lost. One person in ten is for testing, one for validation, by their
name, so that the split does not change when more people come.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from pathlib import Path

from vivavoce.data.layouts.base import Found, Layout, held_out, lot, need, plain
from vivavoce.errors import BadMedia, RequestError
from vivavoce.media.read import read_clip_info

TREE = """  anna/one.mp4     (a folder a person; one.txt beside it, what is said in it)
  anna/two.mov
  bob.mp4          (or a file a person)"""
KINDS = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg")
PIECE_S = 10.0
EVERY = 10


def find(root: Path) -> Iterator[Found]:
    """Every video below `root`, in pieces of at most `PIECE_S`."""
    need(root, TREE)
    videos = sorted(p for p in root.rglob("*") if p.suffix.lower() in KINDS)
    if not videos:
        raise RequestError(f"{root} has no video ({', '.join(KINDS)}). Expected:\n{TREE}")
    for video in videos:
        yield from _pieces(root, video)


def _pieces(root: Path, video: Path) -> Iterator[Found]:
    place = video.relative_to(root)
    person = plain(place.parts[0] if len(place.parts) > 1 else place.stem)
    name, split = plain(*place.parts), split_of(person)
    try:
        seconds, words = read_clip_info(video).seconds, _words(video)
    except (BadMedia, UnicodeDecodeError) as error:
        flaw = "unreadable video" if isinstance(error, BadMedia) else "words are not UTF-8"
        yield Found(name, split, person, name, video, flaw=flaw)
        return
    pieces = ceil(seconds / PIECE_S)
    if pieces <= 1:
        yield Found(name, split, person, name, video, text=words)
        return
    for number in range(pieces):
        key = f"{name}_{number:03d}"
        start, end = (seconds * n / pieces for n in (number, number + 1))
        yield Found(key, split, person, key, video, start_s=start, end_s=end)


def _words(video: Path) -> str | None:
    """What the file beside it says, if there is one."""
    file = video.with_suffix(".txt")
    return " ".join(file.read_text("utf-8").split()) or None if file.is_file() else None


def split_of(person: str) -> str:
    """The split of a person, by their name."""
    if held_out(lot(person), EVERY):
        return "test"
    return "val" if held_out(lot(person) + EVERY // 2, EVERY) else "train"


LAYOUT = Layout(
    "clips", "Your own clips", "a plain folder of videos of people who talk", TREE, "yours", find
)
