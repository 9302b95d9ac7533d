"""MeadText (AVI-Talking, sec. 2.1.1): MEAD's clips with a coarse and a fine description of the face.

The set is not published, nor is its file format; what is read here is ours: `meadtext.jsonl` in
MEAD's folder, a line a clip: {"clip": "M003/front/angry/level_3/001", "coarse": "...", "fine":
"...", "units": {"browDown": 0.7}} ("units" may be missing).
"""  # noqa: E501

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from vivavoce.data.layouts import mead
from vivavoce.data.layouts.base import Found, Layout, need
from vivavoce.errors import RequestError

FILE = "meadtext.jsonl"
TREE = f"""{mead.TREE}
  {FILE}   {{"clip": "M003/front/angry/level_1/001", "coarse": "...", "fine": "..."}} a line"""


def find(root: Path) -> Iterator[Found]:
    """MEAD's clips that have a description; those without are counted."""
    (file,) = need(root, TREE, FILE)
    described = _read(file)
    for clip in mead.find(root):
        words = described.get(f"{clip.person}/front/{clip.clip}")
        if words is None:
            yield replace(clip, flaw=clip.flaw or "no description")
        else:
            yield replace(clip, instruction=words)


def _read(file: Path) -> dict[str, dict[str, Any]]:
    described = {}
    for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            described[row["clip"].removesuffix(".mp4")] = {
                "coarse": str(row["coarse"]),
                "fine": str(row["fine"]),
                "units": dict(row.get("units", {})),
            }
        except (ValueError, KeyError, AttributeError, TypeError):
            raise RequestError(
                f"{file}, line {number}, is not a description: it needs clip, coarse and fine."
            ) from None
    return described


LAYOUT = Layout(
    "meadtext", "MeadText", "MEAD with coarse and fine descriptions of the face", TREE,
    "research only (MEAD)", find,
)  # fmt: skip
