"""Peak memory of every system, each clip in a process of its own: a table in Markdown.

    python scripts/measure_memory.py [SYSTEM ...] [--seconds 10 --seconds 600] [--clips 3]

Rows: the built-in portrait at 512 px for 10 s and for 10 minutes, and the first clips of the corpus
suite. A system that takes recordings follows one of the default voice; one that speaks itself says
the text, and its clip is as long as it makes it. The figure is the process's own high-water mark
(VmHWM). Ends with 1 if a clip took over 1.5 GB. Run it on a machine with 2 GB free.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from vivavoce.look.example import astronaut
from vivavoce.measure.bench.contender import film_system
from vivavoce.measure.bench.suite import open_suite
from vivavoce.measure.bounds.bounds import said, write_wav
from vivavoce.measure.bounds.speed import peak_memory
from vivavoce.systems import SYSTEMS, talker_of
from vivavoce.types import RATE

MOST_GB = 1.5
WORDS_A_MINUTE = 220
"""How fast the default voice says this text."""
TEXT = (
    "The old harbour lies quiet at this hour. A few boats come in with the tide, and the women on "
    "the quay call their prices to nobody in particular. By noon all of it will be sold. "
)


def given(system: str, seconds: float, folder: Path) -> Path:
    """A recording, or a text for a system that follows none, of about so many seconds."""
    if "speech" in talker_of(system).inputs():
        path = folder / f"{seconds:.0f}.wav"
        write_wav(path, np.resize(said(TEXT).samples, round(seconds * RATE)))
        return path
    path = folder / f"{seconds:.0f}.txt"
    path.write_text(TEXT * max(1, round(seconds / 60 * WORDS_A_MINUTE / len(TEXT.split()))))
    return path


def rows(
    system: str, lengths: list[float], clips: int, folder: Path
) -> Iterator[tuple[str, float]]:
    """What was made, and the GB that it took."""
    picture = folder / "portrait.png"
    Image.fromarray(astronaut()).save(picture)
    for seconds in lengths:
        peak = peak_memory(picture, given(system, seconds, folder), folder / "it.mp4", system)
        yield f"{peak.seconds:.0f} s, 512 px", peak.memory_gb
    if clips:
        cases = open_suite("corpus", folder / "suite", clips).cases
        filmed = film_system(system, cases, folder / system, 1)
        yield f"{len(cases)} clips of the corpus suite", filmed.peak_gb


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("systems", nargs="*", default=list(SYSTEMS))
    parser.add_argument("--seconds", type=float, action="append")
    parser.add_argument("--clips", type=int, default=3)
    options = parser.parse_args()
    print("| system | video | peak memory, GB |\n|---|---|---|")
    most = 0.0
    with tempfile.TemporaryDirectory() as made:
        for system in options.systems:
            lengths = options.seconds or [10.0, 600.0]
            for what, peak in rows(system, lengths, options.clips, Path(made)):
                print(f"| {system} | {what} | {peak:.3f} |", flush=True)
                most = max(most, peak)
    sys.exit(most > MOST_GB)


if __name__ == "__main__":
    main()
