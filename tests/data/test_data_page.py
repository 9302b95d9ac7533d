"""The page on data says what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from vivavoce.data.layouts import LAYOUTS, find_layout
from vivavoce.data.schema import TABLE

PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text("utf-8")


def test_the_table_is_the_schema() -> None:
    rows = []
    for e in TABLE:
        kind = f"`{e.dtype}`" if e.dtype else ""
        cells = (f"`{e.member}`", f"`{e.key}`", e.shape, kind, e.unit, e.meaning, e.sets)
        rows.append("| " + " | ".join(cells) + " |")
    rest = PAGE.partition("## What a sample holds")[2]
    assert [line for line in rest.splitlines() if line.startswith("| `")] == rows


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_set_is_described(name: str) -> None:
    layout = find_layout(name)
    assert f"### `{name}`: {layout.title}" in PAGE
    assert layout.tree in PAGE
    assert f"Crop: {layout.crop}." in PAGE
