"""The three files of Rhubarb Lip Sync, which 2D games and animation programs read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from vivavoce.types import Phone


def write_tsv(shapes: Sequence[Phone], part: Path) -> None:
    """Write a line with the start and the letter of each mouth shape, and X at the end."""
    cues = _cues(shapes)
    lines = [f"{start}\t{shape}\n" for start, _, shape in cues]
    part.write_text("".join([*lines, f"{_end(cues)}\tX\n"]), encoding="utf-8")


def write_json(shapes: Sequence[Phone], part: Path, sound: str = "") -> None:
    """Write the mouth shapes as Rhubarb's JSON; `sound` is the recording's path that it states."""
    cues = _cues(shapes)
    rows = ",\n".join(
        f'    {{ "start": {start}, "end": {end}, "value": "{shape}" }}'
        for start, end, shape in cues
    )
    part.write_text(
        f'{{\n  "metadata": {{\n    "soundFile": {json.dumps(sound, ensure_ascii=False)},\n'
        f'    "duration": {_end(cues)}\n  }},\n  "mouthCues": [\n{rows}\n  ]\n}}\n',
        encoding="utf-8",
    )


def write_xml(shapes: Sequence[Phone], part: Path, sound: str = "") -> None:
    """Write the mouth shapes as Rhubarb's XML; `sound` is the recording's path that it states."""
    cues = _cues(shapes)
    rows = "".join(
        f'    <mouthCue start="{start}" end="{end}">{shape}</mouthCue>\n'
        for start, end, shape in cues
    )
    part.write_text(
        '<?xml version="1.0" encoding="utf-8"?>\n<rhubarbResult>\n  <metadata>\n'
        f"    <soundFile>{escape(sound)}</soundFile>\n    <duration>{_end(cues)}</duration>\n"
        f"  </metadata>\n  <mouthCues>\n{rows}  </mouthCues>\n</rhubarbResult>\n",
        encoding="utf-8",
    )


def _cues(shapes: Sequence[Phone]) -> list[tuple[str, str, str]]:
    """Start, end and letter of each shape, in hundredths of a second as Rhubarb counts; a shape
    that is shorter than one is left out."""
    times = [(f"{s.start_s:.2f}", f"{s.end_s:.2f}", s.symbol) for s in shapes]
    return [cue for cue in times if cue[0] != cue[1]]


def _end(cues: list[tuple[str, str, str]]) -> str:
    return cues[-1][1] if cues else "0.00"
