"""How far lips open and close on pictures of a folder, whoever and whatever is in them.

    python scripts/lips_on_pictures.py FOLDER SYSTEM [SYSTEM ...]

Each picture says one sentence, seed 0; a tracker reads the inner lips' gap off the made frames.
"travel" is the 95th less the 5th percentile of the gap within a clip, in distances of the outer eye
corners. Prints Markdown: over pictures, quartiles of the travel, and on how many lips hardly move
or never close.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import vivavoce
from vivavoce.errors import VivavoceError
from vivavoce.look.track import track_video
from vivavoce.types import Float, lip_gap

SENTENCE = "Good morning, everyone. Please move the boat by Monday."
HARDLY = 0.03
CLOSED = 0.05


def gap(system: Any, picture: Path) -> Float | None:
    """The lips' gap of each frame; None where no face is found in most."""
    parts = list(system(picture, text=SENTENCE, size=256, seed=0))
    found = list(track_video(np.concatenate([p.frames for p in parts])))
    points = [p for p in found if p is not None]
    return lip_gap(np.array(points)) if len(points) > len(found) / 2 else None


def gaps(system: Any, pictures: list[Path]) -> list[Float]:
    """Of the pictures that a system takes."""
    found = []
    for picture in pictures:
        try:
            seen = gap(system, picture)
        except VivavoceError:
            continue
        if seen is not None:
            found.append(seen)
    return found


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("systems", nargs="+")
    asked = parser.parse_args()
    pictures = sorted(p for p in asked.folder.iterdir() if p.is_file())
    print("| | pictures | travel, quartiles | hardly move | never close |\n|---|---|---|---|---|")
    for name in asked.systems:
        found = gaps(vivavoce.load(name), pictures)
        spread = np.array([np.subtract(*np.percentile(g, [95, 5])) for g in found])
        low, middle, high = np.percentile(spread, [25, 50, 75])
        still = int((spread < HARDLY).sum())
        open_ = sum(bool(np.percentile(g, 5) > CLOSED) for g in found)
        quartiles = f"{low:.3f}, {middle:.3f}, {high:.3f}"
        print(f"| {name} | {len(found)} | {quartiles} | {still} | {open_} |", flush=True)


if __name__ == "__main__":
    main()
