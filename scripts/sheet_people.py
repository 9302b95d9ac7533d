"""A contact sheet of people whom a system makes speak, for the documentation.

    python scripts/sheet_people.py --system sdm --out docs/sdm-people.jpg [--suite corpus]

One row a person: the portrait that the system was given, then frames evenly spread over the
sentence that it made of it; nothing is picked, and all have one seed. Systems that speak themselves
get the sentence as text, the others its recording.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

import vivavoce
from vivavoce.measure.bench.contender import request
from vivavoce.measure.bench.suite import CLIPS_EACH, Case, open_suite
from vivavoce.media.files import beside, check_output, writing
from vivavoce.types import Bytes

FRAMES = 5
TILE, GAP = 208, 8
"""Side of a picture, and what parts the portrait from what was made of it, px."""
PAPER = (250, 250, 248)
QUALITY = 82
MOST_CLIPS = 8
"""Clips of one person in a folder that is looked through."""


def people(suite: str, count: int) -> list[Case]:
    """The first clip of `count` people.

    Raises: RequestError: see `open_suite`.
    """
    each = CLIPS_EACH if suite == "corpus" else MOST_CLIPS
    with TemporaryDirectory() as work:
        cases = open_suite(suite, Path(work), count * each).cases
    found: dict[str, Case] = {}
    for case in cases:
        found.setdefault(case.person, case)
    return list(found.values())[:count]


def row(system: Any, case: Case, seed: int) -> Bytes:
    """The portrait and frames of the clip [TILE, W, 3]."""
    asked = request(system, case.portrait, case.samples, case.text)
    frames = np.concatenate([chunk.frames for chunk in system(**asked, seed=seed, size=None)])
    chosen = ((np.arange(FRAMES) + 0.5) * len(frames) / FRAMES).astype(int)
    gap = np.full((TILE, GAP, 3), PAPER, np.uint8)
    return np.hstack([tile(case.portrait), gap, *(tile(frames[i]) for i in chosen)])


def tile(picture: Bytes) -> Bytes:
    """A picture [S, S, 3] as large as the sheet shows it."""
    scaled = Image.fromarray(picture).resize((TILE, TILE), Image.Resampling.LANCZOS)
    return np.asarray(scaled)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--system", required=True, help="portrait, sdm, ttsf, or a checkpoint")
    parser.add_argument("--suite", default="corpus", help="corpus, or a folder of shards")
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0, help="of every clip")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--force", action="store_true", help="replace a sheet that is there")
    asked = parser.parse_args()
    target = check_output(asked.out, asked.force, (".jpg", ".jpeg"))
    system = vivavoce.load(asked.system)
    rows = [row(system, case, asked.seed) for case in people(asked.suite, asked.people)]
    with beside(target) as part, writing(target):
        Image.fromarray(np.vstack(rows)).save(part, "JPEG", quality=QUALITY)


if __name__ == "__main__":
    main()
