"""Write docs/benchmark.md from the results of `vivavoce bench`.

vivavoce bench portrait sdm ttsf --suite corpus --seeds 2 -o C
vivavoce bench portrait sdm ttsf --suite CLIPS --seeds 2 -o R
python scripts/write_benchmark.py C/bench.json R/bench.json docs/benchmark.md
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from vivavoce.measure.metrics.measured import number

COLUMNS = (
    "FID", "SSIM", "CSIM", "LMD", "LSE-D", "LSE-C", "offset", "sync score", "FVD", "head motion",
    "silent lips",
)  # fmt: skip
ARROWS = {"higher": "↑", "lower": "↓", "truth": "→ truth"}
INTRO = """# Systems side by side

What `vivavoce bench` says of the systems that ship, beside the truth and rows that cost nothing:
`shuffled` (the truth's pictures with another clip's sound), `still` (one picture), `loudness` (a
jaw that opens with loudness alone). Means with 95 % intervals over clips;
[what the metrics are, and what makes one unfit](measuring.md). All judges are the corpus judges:
corpus-face for FID, CSIM and FVD, corpus-sync (crop: points) for LSE and offset, face478 for the
head. The scales of these judges are their own: compare rows, not papers. `ttsf` speaks the clip's
words in a voice and a time of its own, so its frames do not lie beside the truth's: LMD, SSIM and
FVD say less of it than of the others. Of most real clips the words are not known; there it says
corpus sentences of about the clip's length, and figures of its speech against the clip's mean
nothing. Work and delay are fair if nothing else ran beside;
[speed](speed.md) has the stages.
"""


def table(bench: dict[str, Any]) -> Iterator[str]:
    """Rows and columns."""
    rows, unfit = bench["rows"], bench["unfit"]
    columns = [c for c in COLUMNS if any(c in row for row in rows.values())]
    heads = []
    for column in columns:
        better = next(row[column]["better"] for row in rows.values() if column in row)
        heads.append(f"{column}{'*' if column in unfit else ''} {ARROWS[better]}")
    yield "| | " + " | ".join(heads) + " |"
    yield "|---|" + "---|" * len(columns)
    for name, row in rows.items():
        yield f"| {name} | " + " | ".join(cell(row.get(c)) for c in columns) + " |"


def cell(found: dict[str, Any] | None) -> str:
    """The mean and its interval."""
    if not found or found["mean"] is None:
        return "-"
    low, high = found["interval"] or (None, None)
    return number(found["mean"]) + (
        f" ({number(low)} to {number(high)})" if low is not None else ""
    )


def speed(bench: dict[str, Any]) -> Iterator[str]:
    """Work, delay, memory."""
    yield "| system | s of work a second of video | first frames, s | peak memory, GB | not made |"
    yield "|---|---|---|---|---|"
    for name, found in bench["speed"].items():
        first = [s for s in found["first_frame_s"] if s]
        yield (f"| {name} | {number(found['pace'])} | {number(median(first)) if first else '-'} "
               f"| {number(found['peak_gb'])} | {len(found['failed'] or {})} |")  # fmt: skip


def part(title: str, suite: str, bench: dict[str, Any]) -> str:
    """A suite's section."""
    systems = " ".join(bench["speed"])
    seeds = bench["about"]["seeds"].removeprefix("systems: ")
    lines = [f"## {title}", "", f"`vivavoce bench {systems} --suite {suite} --seeds {seeds}`", ""]
    lines += [*(f"- {k}: {v}" for k, v in bench["about"].items()), "", *table(bench), ""]
    lines += ["Unfit on these rows (*, and among the columns that are not shown):", ""]
    lines += [*(f"- {k}: {v}" for k, v in bench["unfit"].items()), "", *speed(bench), ""]
    return "\n".join(lines)


def main() -> None:
    """The command."""
    corpus, real = (json.loads(Path(p).read_text("utf-8")) for p in sys.argv[1:3])
    parts = [
        INTRO,
        part("On corpus people that nobody was trained on", "corpus", corpus),
        part("On real talking clips", "CLIPS", real),
    ]
    Path(sys.argv[3]).write_text("\n".join(parts), "utf-8")


if __name__ == "__main__":
    main()
