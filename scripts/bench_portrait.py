"""Time portrait as a whole: where a second of 512 px video goes, beside one plain cubic remap.

    python scripts/bench_portrait.py [--picture FILE] [--voice NAME] [--docs]

A face says a text three times; the fastest is told, by the wall and by the stages' clock. "Plain"
is one `cv2.remap` of the square by cubic interpolation for each frame, in one thread, in the same
run: what moving every pixel once costs by the library alone. --docs writes the table into
docs/speed.md.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from time import perf_counter

import cv2
import numpy as np

import vivavoce
from vivavoce.look.example import ASTRONAUT
from vivavoce.media.picture import read_picture
from vivavoce.types import FPS

PAGE = Path(__file__).parents[1] / "docs" / "speed.md"
BEGIN, END = "<!-- made by `make bench-portrait` -->", "<!-- end of portrait -->"
TEXT = (
    "The old harbour lies quiet at this hour. A few boats come in with the tide, and the women on "
    "the quay call their prices to nobody in particular. By noon all of it will be sold."
)
SIDE, ROUNDS = 512, 3


def plain_remap_s() -> float:
    """Seconds of one thread for a cubic remap of the square, for each second of video."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    places = np.stack([columns + 0.4, rows - 0.3], -1)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    spent = []
    for _ in range(40):
        begun = perf_counter()
        cv2.remap(image, places, np.empty(0), cv2.INTER_CUBIC)
        spent.append(perf_counter() - begun)
    cv2.setNumThreads(threads)
    return FPS * float(np.median(spent))


def cpu_s() -> float:
    """CPU seconds of this process so far."""
    used = getrusage(RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measured(picture: Path, voice: str) -> dict[str, float]:
    """Seconds a second of video: by the wall, of the processor, and of each stage."""
    portrait, face = vivavoce.load("portrait"), read_picture(picture)
    best: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(ROUNDS + 1):  # the first one warms up
            begun, before = perf_counter(), cpu_s()
            clip = portrait(face, TEXT, voice=voice, seed=seed)
            saved = clip.save(Path(folder) / "clip.mp4", force=True)
            wall = (perf_counter() - begun) / saved.seconds
            if seed and (not best or wall < best["whole clip, by the wall"]):
                stages = {k: v / saved.seconds for k, v in clip.clock.seconds.items()}
                best = {
                    "whole clip, by the wall": wall,
                    "processor": (cpu_s() - before) / saved.seconds,
                    **stages,
                    "encode, beyond what renders meanwhile": wall - sum(stages.values()),
                }
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--picture", type=Path, default=ASTRONAUT)
    parser.add_argument("--voice", default="auto")
    parser.add_argument("--docs", action="store_true", help="write the table into docs/speed.md")
    asked = parser.parse_args()
    rows = measured(asked.picture, asked.voice)
    rows["plain cubic remap of the square, one thread"] = plain_remap_s()
    table = "| of a second of video | s |\n|---|---|\n" + "".join(
        f"| {name} | {seconds:.3f} |\n" for name, seconds in rows.items()
    )
    print(table)
    if asked.docs:
        page = PAGE.read_text("utf-8")
        between = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
        PAGE.write_text(between.sub(lambda _: f"{BEGIN}\n\n{table}\n{END}", page), "utf-8")


if __name__ == "__main__":
    main()
