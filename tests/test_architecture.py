"""The import rule of the house (docs/contributing.md), and what importing costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
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
    "systems": STAGES | SHARED | {"systems", "data"},
    "data": STAGES | SHARED | {"data"},
    "train": STAGES | SHARED | {"train", "systems", "data", "measure"},
    "measure": STAGES | SHARED | {"measure", "systems", "data"},
    "batch": STAGES | SHARED | {"batch", "systems", "data"},
    "__init__": SHARED | {"systems"},
    "cli": STAGES | SHARED | {"cli", "systems", "train", "measure", "data", "batch"},
}
"""Room (a package or a file of `vivavoce`) → rooms that it may import; "" is the package itself."""


def module_of(path: Path, source: Path = SRC) -> str:
    """The dotted name of a file below `source`: "vivavoce.look.face"; a package has its own."""
    parts = path.relative_to(source).with_suffix("").parts
    return ".".join(("vivavoce", *(p for p in parts if p != "__init__")))


def imported(path: Path, known: set[str]) -> set[str]:
    """The modules of `known` that a file imports anywhere in it, inside functions too; what only a
    type checker sees does not count."""
    found = set()
    for node in _nodes(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (names & known) or {node.module}
    return found & known


def _nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those below `if TYPE_CHECKING`."""
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)):
            yield node
            yield from _nodes(node)


def graph(source: Path = SRC) -> dict[str, set[str]]:
    """Module → the modules of the package that it imports."""
    paths = {module_of(path, source): path for path in source.rglob("*.py")}
    return {name: imported(path, set(paths)) for name, path in paths.items()}


def room_of(module: str) -> str:
    """The room of a module: "look" of "vivavoce.look.face"; of the package itself ""."""
    return module.split(".")[1] if "." in module else ""


def breaches(imports: Mapping[str, set[str]]) -> list[str]:
    """What imports what it may not, a line each."""
    found = []
    for module, others in sorted(imports.items()):
        may = MAY_IMPORT[room_of(module) or "__init__"]
        found += [f"{module} imports {o}" for o in sorted(others) if room_of(o) not in may]
    return found


def circles(imports: Mapping[str, set[str]]) -> list[list[str]]:
    """Modules that import each other, directly or round a corner: Tarjan's strong components."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for other in sorted(imports[module]):
            if other not in index:
                visit(other)
            if other in stack:
                low[module] = min(low[module], low[other])
        if low[module] == index[module]:
            circle = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(circle) > 1:
                found.append(sorted(circle))

    for module in sorted(imports):
        if module not in index:
            visit(module)
    return found


def test_a_room_imports_only_what_it_may() -> None:
    assert breaches(graph()) == []


def test_no_files_import_each_other_in_a_circle() -> None:
    assert circles(graph()) == []


def test_every_room_is_known() -> None:
    rooms = {room_of(module) for module in graph()} - {""}
    assert rooms <= set(MAY_IMPORT)


def test_the_rules_catch_breaches(tmp_path: Path) -> None:
    for name, text in {
        "look/bad.py": "def f():\n    from vivavoce.render import mesh\n",
        "look/a.py": "from vivavoce.look import b\n",
        "look/b.py": "def f():\n    from vivavoce.look.c import x\n",
        "look/c.py": "import vivavoce.look.a\n",
        "look/free.py": "if TYPE_CHECKING:\n    from vivavoce.look.user import y\n",
        "look/user.py": "from vivavoce.look.free import y\n",
        "render/mesh.py": "",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    imports = graph(tmp_path)
    assert breaches(imports) == ["vivavoce.look.bad imports vivavoce.render.mesh"]
    assert circles(imports) == [["vivavoce.look.a", "vivavoce.look.b", "vivavoce.look.c"]]


HEAVY = ("torch", "numba", "mediapipe", "cv2", "av", "scipy", "transformers")


@pytest.mark.parametrize("module", ["vivavoce", "vivavoce.cli"])
def test_importing_loads_nothing_heavy(module: str) -> None:
    code = f"import {module}, sys; print([m for m in {HEAVY} if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert loaded.stdout.strip() == "[]", loaded.stdout + loaded.stderr


def test_no_file_is_over_20_mb() -> None:
    big = [p for p in SRC.rglob("*") if p.is_file() and p.stat().st_size > 20e6]
    assert not big
