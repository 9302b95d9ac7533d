"""Time the open corpus: drawing alone, and making it whole, on one and on two processes.

    python scripts/bench_corpus.py [--people 8] [--clips 4] [--out out/bench-corpus.json]

Writes the JSON and a Markdown page beside it. Both say the machine and how busy it was.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from vivavoce.data.corpus.draw import Painter
from vivavoce.data.corpus.make import SIZES, make_corpus
from vivavoce.data.corpus.people import draw_person
from vivavoce.data.spread import spread
from vivavoce.types import ARKIT, ARKIT_INDEX

SEED, FRAMES = 1, 100


def drawn(size: int, frames: int, index: int) -> tuple[float, float]:
    """Seconds by the clock and of the processor for `frames` frames of a person, once the painter
    is made and what is compiled is loaded."""
    painter, rng = Painter(draw_person(SEED, index), size), np.random.default_rng(index)
    expression = np.zeros((frames, len(ARKIT)), np.float32)
    expression[:, ARKIT_INDEX["jawOpen"]] = rng.uniform(0, 0.5, frames)
    expression[:, :8] = rng.uniform(0, 0.3, (frames, 8))
    pose = rng.normal(0, 0.08, (frames, 6)).astype(np.float32)
    gaze = rng.normal(0, 0.1, (frames, 2)).astype(np.float32)
    painter.frame(expression[0], pose[0], gaze[0])
    clock, processor = time.perf_counter(), time.process_time()
    for row in zip(expression, pose, gaze, strict=True):
        painter.frame(*row)
    return time.perf_counter() - clock, time.process_time() - processor


def drawing(size: int, people: int, workers: int) -> dict[str, float]:
    """Drawing alone: processor time of a frame, and frames a second of all processes together."""
    done = list(spread(partial(drawn, size, FRAMES), range(people), workers))
    clock, processor = np.mean([d.result for d in done if d.result], 0)
    return {
        "cpu_ms_per_frame": round(1000 * processor / FRAMES, 2),
        "frames_per_s": round(workers * FRAMES / clock, 1),
    }


def making(size: int, people: int, clips: int, workers: int) -> dict[str, Any]:
    """`report.json` of a corpus made whole, start of the processes included, with the minutes that
    an hour of it would take: by the clock, and if each process had had a core to itself."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as folder:
        make_corpus(Path(folder), people, clips, SEED, size, workers)
        report: dict[str, Any] = json.loads((Path(folder) / "report.json").read_text())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    hours = report["seconds_of_video"] / 3600
    return {
        **report,
        "cpu_s": round(spent, 1),
        "minutes_for_an_hour": round(report["wall_s"] / hours / 60, 1),
        "minutes_for_an_hour_by_cpu": round(spent / workers / hours / 60, 1),
    }


def machine() -> dict[str, Any]:
    """What was measured on, and beside how much other work."""
    info = Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in info.read_text().splitlines()
             if line.startswith("model name")] if info.exists() else []  # fmt: skip
    name = names[0] if names else platform.processor()
    return {"processor": name, "cores": os.cpu_count(), "load_before": os.getloadavg()[0]}


def page(found: dict[str, Any]) -> str:
    """The figures as Markdown."""
    about = found["machine"]
    lines = [
        f"{about['processor']}, {about['cores']} cores; load before: {about['load_before']:.1f}",
        "", "| drawing alone | CPU ms a frame | 1 process, frames/s | 2 processes, frames/s |",
        "|---|---|---|---|",
    ]  # fmt: skip
    for size in SIZES:
        one, two = (found["drawing"][f"{size}x{workers}"] for workers in (1, 2))
        lines.append(f"| {size} | {one['cpu_ms_per_frame']} | {one['frames_per_s']} | "
                     f"{two['frames_per_s']} |")  # fmt: skip
    stages = list(found["making"][f"{SIZES[0]}x2"]["ms_per_frame"])
    lines += [
        "",
        "| made whole, 2 processes | frames/s | minutes for an hour | by CPU time | "
        + f"{' | '.join(stages)} |",
        "|---" * (4 + len(stages)) + "|",
    ]
    for size in SIZES[:2]:
        made = found["making"][f"{size}x2"]
        spent = " | ".join(f"{made['ms_per_frame'][k]:.1f}" for k in stages)
        lines.append(f"| {size} | {made['frames_per_s']} | {made['minutes_for_an_hour']} | "
                     f"{made['minutes_for_an_hour_by_cpu']} | {spent} |")  # fmt: skip
    return "\n".join([*lines, "", "Stages: ms a frame by the clock, of each process."]) + "\n"


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--clips", type=int, default=4)
    parser.add_argument("--out", type=Path, default=Path("out/bench-corpus.json"))
    options = parser.parse_args()
    found: dict[str, Any] = {"machine": machine(), "drawing": {}, "making": {}}
    for size in SIZES:
        for workers in (1, 2):
            found["drawing"][f"{size}x{workers}"] = drawing(size, options.people, workers)
    for size in SIZES[:2]:
        found["making"][f"{size}x2"] = making(size, options.people, options.clips, 2)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    text = page(found)
    options.out.with_suffix(".md").write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
