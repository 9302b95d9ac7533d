"""LRW (Chung & Zisserman, ACCV 2016): single words, 29 frames, the word in the middle.

Layout as released (robots.ox.ac.uk/~vgg/data/lip_reading/lrw1.html). People are not known, so every
clip stands for itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from vivavoce.data.layouts.base import Found, Layout, need, plain
from vivavoce.errors import RequestError

FRAMES = 29
TREE = """  lipread_mp4/ABOUT/train/ABOUT_00001.mp4 (.txt beside it, with "Duration: 0.53 seconds")
  lipread_mp4/ABOUT/val/...
  lipread_mp4/ABOUT/test/..."""


def find(root: Path) -> Iterator[Found]:
    """Every clip of every word, of all splits."""
    folder = root / "lipread_mp4" if (root / "lipread_mp4").is_dir() else root
    words = sorted(p for p in folder.glob("*") if (p / "train").is_dir() or (p / "test").is_dir())
    if not words:
        need(root, TREE)
        raise RequestError(f"{root} has no folder of a word. Expected below it:\n{TREE}")
    for word in words:
        for split in ("train", "val", "test"):
            for video in sorted((word / split).glob("*.mp4")):
                yield _found(word.name, split, video)


def _found(word: str, split: str, video: Path) -> Found:
    text = word.lower()
    try:
        said = re.search(r"Duration:\s*([\d.]+)", video.with_suffix(".txt").read_text("utf-8"))
    except OSError:
        said = None
    key = plain(split, video.stem)
    if said is None:
        return Found(key, split, key, video.stem, video, text=text, flaw="no transcript")
    length, whole = float(said.group(1)), FRAMES / 25
    middle = whole / 2
    words = ((text, max(0.0, middle - length / 2), min(whole, middle + length / 2)),)
    return Found(key, split, key, video.stem, video, end_s=whole, text=text, words=words)


LAYOUT = Layout(
    "lrw", "LRW", "500 words, up to 1,000 clips each, 1.16 s", TREE,
    "research, by agreement with BBC R&D", find, "lrs",
)  # fmt: skip
