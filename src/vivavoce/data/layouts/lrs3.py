"""LRS3-TED (Afouras, Chung & Zisserman, arXiv:1809.00496): sentences from TED and TEDx talks.

Layout as released (robots.ox.ac.uk/~vgg/data/lip_reading/lrs3.html): three trees by talk. A talk
has one speaker; about one talk in fifty (by its name) is held out for validation, since the set has
no validation part.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vivavoce.data.layouts.base import Found, Layout, held_out, lot, need, plain
from vivavoce.data.layouts.lrs import transcript

VALIDATION = 50
TREE = """  pretrain/00j9bKdiOjk/00001.mp4 (.txt beside it: Text:, Conf:, Ref:, FRAME ..., WORD ...)
  trainval/00j9bKdiOjk/50001.mp4 (.txt)
  test/0Fi83BHQsMA/00002.mp4 (.txt)"""


def find(root: Path) -> Iterator[Found]:
    """All clips; talks of `test` are the official test set."""
    need(root, TREE, "trainval", "test")
    for part in ("pretrain", "trainval", "test"):
        for talk in sorted(p for p in (root / part).glob("*") if p.is_dir()):
            split = "test"
            if part != "test":
                split = "val" if held_out(lot(talk.name), VALIDATION) else "train"
            for video in sorted(talk.glob("*.mp4")):
                text, words, flaw = transcript(video)
                yield Found(
                    plain(part, talk.name, video.stem),
                    split,
                    talk.name,
                    f"{talk.name}/{video.stem}",
                    video,
                    text=text,
                    words=words,
                    flaw=flaw,
                )


LAYOUT = Layout(
    "lrs3", "LRS3-TED", "over 400 hours of TED talks with text and word times", TREE,
    "CC BY-NC-ND 4.0 (TED)", find, "lrs",
)  # fmt: skip
