"""The import rule of the house (docs/contributing.md), and what importing costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import vivavoce

SRC = Path(vivavoce.__file__).parent
STAGES = {"speak", "look", "listen", "move", "render", "media"}
SHARED = {"types", "errors", "nn", ""}
MAY_IMPORT = {room: {room} | SHARED for room in STAGES} | {
    "types": SHARED,
    "errors": SHARED,
    "nn": SHARED,
    "systems": STAGES | SHARED | {"systems"},
    "data": STAGES | SHARED | {"data", "systems"},
    "train": STAGES | SHARED | {"train", "systems", "data", "measure"},
    "measure": STAGES | SHARED | {"measure", "systems", "data"},
    "__init__": SHARED | {"systems"},
    "cli": STAGES | SHARED | {"systems", "train", "measure", "data"},
}


def room_of(path: Path) -> str:
    return path.relative_to(SRC).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    """The rooms that the file imports, anywhere in it; "" is the package itself."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
            if node.module == "vivavoce":
                names = [f"vivavoce.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "vivavoce":
                room = parts[1] if len(parts) > 1 else ""
                known = (SRC / room).is_dir() or (SRC / f"{room}.py").exists()
                found.add(room if known else "")
    return found


@pytest.mark.parametrize("path", sorted(SRC.rglob("*.py")), ids=lambda p: str(p.relative_to(SRC)))
def test_a_room_imports_only_what_it_may(path: Path) -> None:
    extra = imported_rooms(path) - MAY_IMPORT[room_of(path)]
    assert not extra, f"{path.relative_to(SRC)} imports {sorted(extra)}"


def test_the_rule_catches_a_breach(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("def f():\n    from vivavoce.render import mesh\n")
    assert imported_rooms(bad) - MAY_IMPORT["look"] == {"render"}


HEAVY = ("torch", "numba", "mediapipe", "cv2", "av", "scipy", "transformers")


@pytest.mark.parametrize("module", ["vivavoce", "vivavoce.cli"])
def test_importing_loads_nothing_heavy(module: str) -> None:
    code = f"import {module}, sys; print([m for m in {HEAVY} if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert loaded.stdout.strip() == "[]", loaded.stdout + loaded.stderr


def test_no_file_is_over_20_mb() -> None:
    big = [p for p in SRC.rglob("*") if p.is_file() and p.stat().st_size > 20e6]
    assert not big
