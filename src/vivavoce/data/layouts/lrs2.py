"""LRS2-BBC (Afouras et al., PAMI 2018): sentences from British television.

Layout as released (robots.ox.ac.uk/~vgg/data/lip_reading/lrs2.html): `main` and `pretrain` trees,
the four lists beside them. Programmes, not people, are known; a programme stands for a person.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vivavoce.data.layouts.base import Found, Layout, need, plain
from vivavoce.data.layouts.lrs import transcript

TREE = """  mvlrs_v1/main/5535415699068794046/00001.mp4 (.txt beside it)
  mvlrs_v1/pretrain/5535415699068794046/00001.mp4 (.txt)
  train.txt  val.txt  test.txt  pretrain.txt   ("5535415699068794046/00001" a line)"""
LISTS = {"train": "train", "val": "val", "test": "test", "pretrain": "train"}
"""List → split; pretrain's longer pieces are for training."""


def find(root: Path) -> Iterator[Found]:
    """The clips of the official lists."""
    files = need(root, TREE, *(f"{name}.txt" for name in LISTS))
    need(root, TREE, "mvlrs_v1/main")
    for (name, split), file in zip(LISTS.items(), files, strict=True):
        tree = root / "mvlrs_v1" / ("pretrain" if name == "pretrain" else "main")
        for line in file.read_text("utf-8").splitlines():
            if not line.strip():
                continue
            place = line.split()[0]  # the test list has a flag behind it
            video = tree / f"{place}.mp4"
            text, words, flaw = transcript(video)
            programme, _, clip = place.partition("/")
            yield Found(
                plain(name, programme, clip),
                split,
                programme,
                place,
                video,
                text=text,
                words=words,
                flaw=flaw,
            )


LAYOUT = Layout(
    "lrs2", "LRS2-BBC", "144,482 sentences of British television with text", TREE,
    "research, by agreement with BBC R&D", find, "lrs",
)  # fmt: skip
