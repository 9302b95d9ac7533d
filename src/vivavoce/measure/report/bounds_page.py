"""The bounds as a table on the terminal, as JSON, and as a page with pictures."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from vivavoce.measure.bounds.result import BoundsResult
from vivavoce.measure.bounds.take import Take
from vivavoce.measure.figures import Figure, Verdict
from vivavoce.measure.metrics import lips, motion
from vivavoce.measure.report.page import Cell, Picture, Section, as_html
from vivavoce.media.files import beside, write_text, writing
from vivavoce.types import Phone

TILE = 512
"""Side of a frame on a contact sheet, in pixels; sheets in the page are a third of that."""
COLOURS: Mapping[Verdict, str] = {
    "pass": "green",
    "FAIL": "red",
    "info": "dim",
    "unmeasured": "yellow",
}


def write_report(result: BoundsResult, out: Path) -> None:
    """Write `bounds.json`, `bounds.html`, `bounds/sheets/*.png` into `out`; print the table."""
    sheets = out / "bounds" / "sheets"
    sheets.mkdir(parents=True, exist_ok=True)
    pictures = {}
    for take in result.takes:
        if take.kind != "real":
            sheet = contact_sheet(take)
            path = sheets / f"{take.path.stem}.png"
            with beside(path) as part, writing(path):
                sheet.save(part, "PNG")
            pictures[take.path.stem] = _small(sheet)
    write_text(out / "bounds.json", json.dumps(as_dict(result), indent=1))
    write_text(out / "bounds.html", as_page(result, pictures))
    print_table(result)


def as_dict(result: BoundsResult) -> dict[str, Any]:
    """Everything that was found, as plain values; NaN and infinity become null."""
    return {
        "passed": result.passed,
        "about": result.about,
        "figures": [_figure_dict(f) for f in result.figures],
        "failures": [{"what": a, "why": b} for a, b in result.failures],
        "untracked": [{"what": a, "why": b} for a, b in result.untracked],
        "clips": [_take_dict(t) for t in result.takes],
    }


def _figure_dict(figure: Figure) -> dict[str, Any]:
    row = {k: _plain(v) for k, v in vars(figure).items()}
    return row | {"verdict": figure.verdict}


def _take_dict(take: Take) -> dict[str, Any]:
    return {
        "name": take.name,
        "kind": take.kind,
        "file": take.path.name,
        "seconds": _plain(take.seconds),
        "work_s": _plain(take.work_s),
        "stages": {k: _plain(v) for k, v in take.stages.items()},
        "closures": _plain(list(lips.closure_gaps(take.gap, take.phones))),
        "open_vowels": _plain(list(lips.vowel_gaps(take.gap, take.phones))),
        "tracked": _plain(float(motion.seen(take.landmarks).mean())),
        "background": _plain(take.change),
    }


def _plain(value: Any) -> Any:
    """A value that JSON can hold: numbers of six digits, None for what is not finite."""
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float | np.floating):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def print_table(result: BoundsResult) -> None:
    """Print the figures with bounds and verdicts on the terminal."""
    from rich.console import Console
    from rich.table import Table

    table = Table("figure", "value", "bound", "", "real clips", "n", title="vivavoce bounds")
    for f in result.figures:
        colour = COLOURS[f.outcome]
        verdict = f"[{colour}]{f.verdict}[/]"
        table.add_row(f.name, value_words(f), f.bound, verdict, _number(f.real), str(f.n))
    wide = Console().width
    console = Console(width=max(wide, 150))  # in a file or a pipe: one line a figure
    console.print(table)
    for what, why in result.failures:
        console.print(f"failed: {what}: {why}", style="red", markup=False)
    for key, value in result.about.items():
        console.print(f"{key}: {value}", style="dim", markup=False, highlight=False)
    console.print("What each figure is made of: bounds.html and bounds.json.", style="dim")


def value_words(figure: Figure) -> str:
    """A value with its unit and interval, e.g. "0.93 (0.90 to 0.96)"."""
    words = f"{_number(figure.value)} {figure.unit}".strip()
    if figure.interval is None:
        return words
    return f"{words} ({_number(figure.interval[0])} to {_number(figure.interval[1])})"


def _number(value: float | None) -> str:
    if value is None or math.isnan(value):
        return "-"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def moments(take: Take) -> list[tuple[int, str]]:
    """Eight frames of a take that show most: (frame, what it shows)."""
    gap, count = take.gap, len(take.gap)
    eyes = motion.eye_opening(take.landmarks)
    yaw = motion.head_pose(take.landmarks)[:, 0]
    closures = [p for p in take.phones if lips.is_closure(p.symbol)]
    middle = closures[len(closures) // 2] if closures else None
    at = _least(gap, middle) if middle else count // 3
    return [
        (0, "first"),
        (_where(gap, np.nanargmax), "widest"),
        (at, f"on {middle.symbol}" if middle else "a third"),
        (count // 2, "half"),
        (_where(eyes, np.nanargmin), "lids lowest"),
        (_where(yaw, np.nanargmin), "most left"),
        (_where(yaw, np.nanargmax), "most right"),
        (count - 1, "last"),
    ]


def _least(gap: np.ndarray, phone: Phone) -> int:
    """The frame of the smallest gap during `phone`."""
    part = lips.frames_during(phone.start_s, phone.end_s, len(gap))
    return min(part.start + _where(gap[part], np.nanargmin), len(gap) - 1)


def _where(values: np.ndarray, which: Any) -> int:
    return int(which(values)) if np.isfinite(values).any() else 0


def contact_sheet(take: Take) -> Any:
    """The `moments` of a take in two rows of four, full size, each with its time: a PIL image."""
    from PIL import Image, ImageDraw, ImageFont

    from vivavoce.media.read import read_video

    chosen = moments(take)
    wanted = {k for k, _ in chosen}
    frames = {k: f for k, f in enumerate(read_video(take.path)) if k in wanted}
    sheet = Image.new("RGB", (4 * TILE, 2 * TILE), "black")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(20)
    for i, (k, words) in enumerate(chosen):
        x, y = i % 4 * TILE, i // 4 * TILE
        if k in frames:
            sheet.paste(Image.fromarray(frames[k]).resize((TILE, TILE)), (x, y))
        label = f"{k / 25:.2f} s {words}, gap {take.gap[k]:.3f}"
        draw.text((x + 8, y + 6), label, "white", font, stroke_width=2, stroke_fill="black")
    return sheet


def _small(sheet: Any) -> bytes:
    """The sheet at two thirds of its size, as a JPEG file."""
    small = sheet.resize((sheet.width // 3 * 2, sheet.height // 3 * 2))
    held = BytesIO()
    small.save(held, "JPEG", quality=80)
    return held.getvalue()


HEADS = ("figure", "value", "bound", "verdict", "real clips", "n", "what it includes")


def as_page(result: BoundsResult, sheets: Mapping[str, bytes]) -> str:
    """One self-contained page; `sheets` are JPEG contact sheets by the stem of the clip's file."""
    clips = [
        Picture(sheets[t.path.stem], "jpeg", f"{t.name}, {t.kind}, {t.seconds:.1f} s")
        for t in result.takes
        if t.path.stem in sheets
    ]
    sections = [
        Section("Figures", heads=[Cell(h) for h in HEADS], rows=[_row(f) for f in result.figures]),
        *_listed("Failed", result.failures),
        *_listed("Refused by look", result.untracked),
        Section("Clips", "Synthetic media, made by vivavoce.", pictures=clips),
    ]
    return as_html("vivavoce bounds", result.about, sections)


def _row(figure: Figure) -> list[Cell]:
    return [
        Cell(figure.name), Cell(value_words(figure)), Cell(figure.bound),
        Cell(figure.verdict, figure.outcome), Cell(_number(figure.real)), Cell(str(figure.n)),
        Cell(figure.includes, "note"),
    ]  # fmt: skip


def _listed(title: str, rows: Sequence[tuple[str, str]]) -> list[Section]:
    return [Section(title, items=[f"{what}: {why}" for what, why in rows])] if rows else []
