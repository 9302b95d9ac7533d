"""InstructAvatar (Wang et al., 2024): MEAD's clips described by GPT-4V from action units.

Format of the authors' code (github.com/wangyuchi369/InstructAvatar, preprocess/MEAD_utils):
`au_detect/M003/angry_level_3_001/intersection.json`, {"PLACE": ["brow_lowerer", ...]}, the units
seen in all of three frames, and `au_detect/au_paraphrase.json` (or `au_paraphrase_v.json`),
{"M003_angry_level_3_001": "1. ...\\n2. ...\\n3. ..."}, up to three sentences that name them. The
annotations themselves are not released at this writing. The coarse phrase is the emotion's name, as
there; the fine one is the first sentence, the others are kept as `variants`. `level_` may be absent.
"""  # noqa: E501

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from vivavoce.data.layouts import mead
from vivavoce.data.layouts.base import Found, Layout, need
from vivavoce.errors import RequestError

FILES = ("au_paraphrase_v.json", "au_paraphrase.json")
TREE = f"""{mead.TREE}
  au_detect/au_paraphrase.json                           {{"M003_angry_level_3_001": "1. ...", ...}}
  au_detect/M003/angry_level_3_001/intersection.json     {{"...": ["brow_lowerer", ...]}}"""
_NAME = re.compile(r"([MW]\d+)_(?:front_)?([a-z]+)_(?:level_)?(\d)_(\d+)")
_NUMBER = re.compile(r"^\s*(?:\d+[.):]|[-*])\s*")


def find(root: Path) -> Iterator[Found]:
    """MEAD's clips that have a description; those without are counted."""
    (folder,) = need(root, TREE, "au_detect")
    file = next((folder / name for name in FILES if (folder / name).is_file()), None)
    if file is None:
        raise RequestError(f"{folder} has no {FILES[1]}. Expected below {root}:\n{TREE}")
    described = _read(file)
    units = {
        _place(p.parent.parent.name, p.parent.name): p for p in folder.glob("*/*/intersection.json")
    }
    for clip in mead.find(root):
        place = _place(clip.person, clip.clip.replace("/", "_"))
        sentences = described.get(place)
        if sentences:
            yield replace(clip, instruction=_words(clip, sentences, units.get(place)))
        else:
            yield replace(clip, flaw=clip.flaw or "no description")


def _place(person: str, clip: str) -> str | None:
    """One spelling for a clip's name; None: it is no name of a clip."""
    found = _NAME.fullmatch(f"{person}_{clip}")
    return "_".join(found.groups()) if found else None


def _read(file: Path) -> dict[str | None, list[str]]:
    """Sentences of the annotations, by the place of their clip."""
    try:
        described = json.loads(file.read_text("utf-8"))
        lines = {
            k: [_NUMBER.sub("", x).strip() for x in v.splitlines()] for k, v in described.items()
        }
    except (ValueError, AttributeError, TypeError) as error:
        raise RequestError(f"{file} cannot be read ({error}). Expected:\n{TREE}") from None
    return {_place(*k.split("_", 1)): [x for x in v if x] for k, v in lines.items() if "_" in k}


def _words(clip: Found, sentences: list[str], file: Path | None) -> dict[str, Any]:
    try:
        seen = next(iter(json.loads(file.read_text("utf-8")).values())) if file else []
    except (OSError, ValueError, StopIteration):
        seen = []
    return {
        "coarse": clip.emotion,
        "fine": sentences[0],
        "variants": sentences[1:],
        "units": {str(unit): 1.0 for unit in seen},
    }


LAYOUT = Layout(
    "instructavatar", "InstructAvatar's annotations", "MEAD described in free sentences", TREE,
    "research only (MEAD)", find,
)  # fmt: skip
