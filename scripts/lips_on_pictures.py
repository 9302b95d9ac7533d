"""How far lips open and close on pictures of a folder, whoever and whatever is in them.

    python scripts/lips_on_pictures.py FOLDER SYSTEM [SYSTEM ...]

Each picture says one sentence, seed 0; a tracker reads the inner lips' gap off the made frames, in
distances of the outer eye corners. "travel" is the 95th less the 5th percentile of the gap within a
clip; "closed" the share of p, b and m on which the gap is under 0.03, "open vowels" the median of
the widest gap on each, both where the voice knows its phones: that of the system, or hibari.
Prints Markdown: over pictures, quartiles of the travel, on how many lips hardly move or never
close, and the two of the phones. A name such as ttsf:render=own sets an option.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import vivavoce
from vivavoce.errors import VivavoceError
from vivavoce.look.track import track_video
from vivavoce.measure.metrics import lips
from vivavoce.speak.voices import find_voice
from vivavoce.types import Emotion, Float, Phone, lip_gap

SENTENCE = "Good morning, everyone. Please move the boat by Monday."
HARDLY = 0.03
CLOSED = 0.05


def seen(system: Any, picture: Path, options: dict[str, str]) -> tuple[Float, list[Phone]] | None:
    """The lips' gap of each frame and the phones; None where no face is found in most."""
    person = system.look(picture)
    if "speech" in system.gives:
        said = list(system.voice(person, SENTENCE, **options))
        parts = list(system(person, text=SENTENCE, size=256, seed=0, **options))
    else:
        said = list(find_voice("hibari").speak(SENTENCE, Emotion()))
        parts = list(system(person, speech=said, size=256, seed=0, **options))
    phones, start = [], 0.0
    for piece in said:
        phones += [Phone(p.symbol, start + p.start_s, start + p.end_s) for p in piece.phones or ()]
        start += piece.seconds
    found = list(track_video(np.concatenate([p.frames for p in parts])))
    points = [p for p in found if p is not None]
    if len(points) < len(found):
        return (lip_gap(np.array(points)), []) if len(points) > len(found) / 2 else None
    return lip_gap(np.array(points)), phones


def all_seen(
    system: Any, pictures: list[Path], options: dict[str, str]
) -> list[tuple[Float, list[Phone]]]:
    """Of the pictures that a system takes."""
    found = []
    for picture in pictures:
        try:
            one = seen(system, picture, options)
        except VivavoceError:
            continue
        if one is not None:
            found.append(one)
    return found


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("systems", nargs="+")
    parser.add_argument("--every", type=int, default=1, help="every nth picture alone")
    asked = parser.parse_args()
    pictures = sorted(p for p in asked.folder.iterdir() if p.is_file())[:: asked.every]
    print(
        "| | pictures | travel, quartiles | hardly move | never close | closed on p, b, m, % "
        "| open vowels |\n|---|---|---|---|---|---|---|"
    )
    for name in asked.systems:
        system, *settings = name.split(":")
        options = dict(setting.split("=", 1) for setting in settings)
        found = all_seen(vivavoce.load(system), pictures, options)
        spread = np.array([np.subtract(*np.percentile(g, [95, 5])) for g, _ in found])
        low, middle, high = np.percentile(spread, [25, 50, 75])
        still = int((spread < HARDLY).sum())
        open_ = sum(bool(np.percentile(g, 5) > CLOSED) for g, _ in found)
        closed, vowels = (
            np.concatenate([gaps(g, tuple(phones)) for g, phones in found if phones])
            for gaps in (lips.closure_gaps, lips.vowel_gaps)
        )
        print(
            f"| {name} | {len(found)} | {low:.3f}, {middle:.3f}, {high:.3f} | {still} | {open_} "
            f"| {100 * (closed < lips.CLOSED).mean():.0f} (n {len(closed)}) "
            f"| {np.median(vowels):.3f} (n {len(vowels)}) |",
            flush=True,
        )


if __name__ == "__main__":
    main()
