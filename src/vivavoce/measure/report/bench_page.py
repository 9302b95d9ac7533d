"""What a bench found, as Markdown, JSON, and a page with pictures and plots."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vivavoce.measure.bench.result import Bench
from vivavoce.measure.bench.suite import Case
from vivavoce.measure.bench.tables import Row, Table, cell, head, line, markdown
from vivavoce.measure.metrics.measured import number, plain
from vivavoce.measure.metrics.metric import METRICS, find_metric
from vivavoce.measure.report.page import Cell, Picture, Section, as_html

SHOWN = 6
"""Cases of which the page has pictures."""
COLUMNS = 7
"""Frames of a clip on a strip."""
TILE = 144
"""Side of a picture on a strip, in pixels."""
SPEED_HEADS = (
    "system", "s of work / s of video", "first frames, median s", "peak memory GB",
    "stages, s / s of video",
)  # fmt: skip
"""Columns of the table of work, delay and memory."""
PLOTTED: tuple[str, ...] = (
    "SSIM",
    "LMD",
    "CSIM",
    "FID",
    "LSE-C",
    "sync score",
    "head motion",
    "silent lips",
)


def write_bench(bench: Bench, out: Path) -> None:
    """Write `bench.md`, `bench.json`, `bench.html` into `out`."""
    from vivavoce.measure.metrics.measured import write_json
    from vivavoce.media.files import write_text

    write_text(out / "bench.md", as_markdown(bench))
    write_json(as_dict(bench), out / "bench.json")
    write_text(out / "bench.html", as_page(bench))


def as_markdown(bench: Bench) -> str:
    """All tables, which measures are unfit, who judged, how fast."""
    parts = ["# vivavoce bench", "", *(f"- {k}: {v}" for k, v in bench.about.items()), ""]
    parts += [markdown(table, bench.rows, bench.unfit, bench.judges) for table in bench.tables]
    parts += ["### Unfit measures", ""]
    parts += [f"- {name}: {why}" for name, why in bench.unfit.items()] or ["none"]
    parts += ["", "### Judges", "", *(f"- {k}: {v}" for k, v in bench.judges.items()), ""]
    parts += ["### Speed", "", line(SPEED_HEADS), line(["---"] * len(SPEED_HEADS))]
    parts += [line(cells) for cells in _speed(bench)]
    lost = [f"- {row}, {key}: {why}" for row, keys in bench.failed.items()
            for key, why in keys.items()]  # fmt: skip
    parts += ["", "### Not made", "", *lost] if lost else []
    return "\n".join(parts) + "\n"


def _speed(bench: Bench) -> Iterator[list[str]]:
    """The cells of a table of work, delay and memory, a row a system."""
    for name, filmed in bench.filmed.items():
        first = float(np.median(filmed.first_frame_s)) if filmed.first_frame_s else float("nan")
        stages = ", ".join(
            f"{k} {number(v / max(filmed.seconds_made, 1e-9))}" for k, v in filmed.stages_s.items()
        )
        yield [name, number(filmed.pace), number(first), number(filmed.peak_gb), stages]


def as_dict(bench: Bench) -> dict[str, Any]:
    """Everything that the bench found, as plain values for JSON."""
    return {
        "about": bench.about,
        "rows": {row.name: _row_dict(row) for row in bench.rows},
        "tables": {t.title: [c.name for c in t.columns] for t in bench.tables},
        "unfit": dict(bench.unfit),
        "judges": dict(bench.judges),
        "speed": {name: _plain_dict(vars(f)) | {"pace": plain(f.pace)}
                  for name, f in bench.filmed.items()},
        "failed": {k: dict(v) for k, v in bench.failed.items() if v},
    }  # fmt: skip


def _row_dict(row: Row) -> dict[str, Any]:
    names = [m.name for m in METRICS if any(m.name in s.values or m.name in s.set_values
                                            for s in row.seeds)]  # fmt: skip
    return {
        name: {
            "mean": plain(row.mean(name)), "interval": plain(row.interval(name)),
            "between_seeds": plain(row.spread(name)), "seeds": len(row.seeds),
            "clips": max(s.count(name) for s in row.seeds), "unit": find_metric(name).unit,
            "better": find_metric(name).better,
        }
        for name in names
    }  # fmt: skip


def _plain_dict(values: dict[str, Any]) -> dict[str, Any]:
    return {k: [plain(x) for x in v] if isinstance(v, list) else plain(v)
            for k, v in values.items()}  # fmt: skip


def as_page(bench: Bench) -> str:
    """One HTML file with everything in it."""
    unfit = [f"{name}*: {why}" for name, why in bench.unfit.items()] or ["none"]
    lost = [f"{row}, {key}: {why}" for row, keys in bench.failed.items()
            for key, why in keys.items()]  # fmt: skip
    sections = [
        *(_table(table, bench) for table in bench.tables),
        Section("Unfit measures (*)", items=unfit),
        Section("Plots", pictures=[Picture(_bars(bench), "png", "means with 95 % intervals"),
                                   Picture(_offsets(bench), "png", "offsets")]),
        Section("Pictures", "Frames at equal times; the first picture of each clip is what every "
                "system is given.",
                pictures=[_strip_of(bench, c) for c in bench.suite.cases[:SHOWN]]),
        Section("Speed", heads=[Cell(h) for h in SPEED_HEADS],
                rows=[[Cell(c) for c in cells] for cells in _speed(bench)]),
        *([Section("Not made", items=lost)] if lost else []),
    ]  # fmt: skip
    return as_html("vivavoce bench", bench.about, sections)


def _table(table: Table, bench: Bench) -> Section:
    heads = [Cell(head(c, bench.unfit), small=bench.judges.get(c.name, "")) for c in table.columns]
    rows = [
        [Cell(row.name), *(Cell(cell(row, c.name)) for c in table.columns)] for row in bench.rows
    ]
    return Section(table.title, heads=[Cell(""), *heads], rows=rows)


def _strip_of(bench: Bench, case: Case) -> Picture:
    return Picture(_jpeg(strip(bench, case.key)), "jpeg", case.key, case.text or "")


def strip(bench: Bench, key: str) -> Image.Image:
    """Frames of one case, a line for each row of the bench."""
    from vivavoce.media.read import read_video

    wide, tall = 110 + COLUMNS * (TILE + 2), TILE + 2
    names = [r.name for r in bench.rows if bench.clip(r.name, key).is_file()]
    sheet = Image.new("RGB", (wide, tall * len(names)), (250, 250, 248))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for j, name in enumerate(names):
        frames = list(read_video(bench.clip(name, key), (TILE, TILE)))
        draw.text((6, j * tall + TILE // 2 - 8), name[:16], (40, 40, 40), font)
        for i in range(COLUMNS):
            frame = frames[int((i + 0.5) * len(frames) / COLUMNS)]
            sheet.paste(Image.fromarray(frame), (110 + i * (TILE + 2), j * tall))
    return sheet


def _bars(bench: Bench) -> bytes:
    """Means with intervals, a small plot for each of the main metrics."""
    wanted = [n for n in PLOTTED if any(np.isfinite(r.mean(n)) for r in bench.rows)]
    figure, axes = _plots(max(1, len(wanted)))
    for axis, name in zip(axes, wanted, strict=False):
        for i, row in enumerate(bench.rows):
            value, interval = row.mean(name), row.interval(name)
            if np.isfinite(value):
                axis.barh(i, value, color="#5b7fa6" if row.name in bench.filmed else "#bbb")
            if interval is not None and np.isfinite(interval).all():
                axis.plot(interval, [i, i], color="#222", lw=1.2)
        axis.set_yticks(range(len(bench.rows)), [r.name for r in bench.rows])
        axis.invert_yaxis()
        axis.set_title(head(find_metric(name), bench.unfit), fontsize=10)
    for axis in axes[len(wanted) :]:
        axis.axis("off")
    return _png(figure)


def _offsets(bench: Bench) -> bytes:
    """Distance of lips and sound over the offset between them, mean over clips."""
    figure, axes = _plots(1)
    for row in bench.rows:
        curves = [c for m in row.seeds for c in m.curves.values()]
        if curves:
            mean = np.mean(curves, axis=0)
            reach = len(mean) // 2
            axes[0].plot(range(-reach, reach + 1), mean, label=row.name)
    axes[0].set_xlabel("sound later by, frames")
    axes[0].set_ylabel("distance")
    axes[0].set_title(f"offset curves, {bench.judges.get('LSE-D', 'sync judge')}", fontsize=10)
    if axes[0].lines:
        axes[0].legend(fontsize=8)
    return _png(figure)


def _plots(count: int) -> tuple[Any, list[Any]]:
    from matplotlib.figure import Figure

    columns = min(4, count)
    lines = -(-count // columns)
    figure = Figure(figsize=(3.6 * columns if count > 1 else 7, 2.6 * lines + 0.4))
    axes = np.atleast_1d(figure.subplots(lines, columns)).ravel().tolist()
    return figure, axes


def _png(figure: Any) -> bytes:
    figure.set_layout_engine("tight")
    held = BytesIO()
    figure.savefig(held, format="png", dpi=110)
    return held.getvalue()


def _jpeg(picture: Image.Image) -> bytes:
    held = BytesIO()
    picture.save(held, "JPEG", quality=85)
    return held.getvalue()
