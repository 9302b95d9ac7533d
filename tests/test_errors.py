"""Errors survive the way between processes, and what an extra lacks is said in one sentence."""

from __future__ import annotations

import ast
import pickle
import re
import tomllib
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from pkgutil import walk_packages

import pytest

import vivavoce
from vivavoce.errors import EXTRAS, RequestError, ShapeError, UnknownName, VivavoceError, needs

ARGUMENTS = {
    UnknownName: ("voice", "ex", ("en", "fr"), "See `vivavoce voices`."),
    ShapeError: ("Motion.pose", "[T, 6]", (3, 5)),
}


def every_error() -> list[type[VivavoceError]]:
    """All classes of ours, found by importing the whole package."""
    for module in walk_packages(vivavoce.__path__, "vivavoce."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    found, ahead = [], [VivavoceError]
    while ahead:
        kind = ahead.pop()
        if kind not in found:
            found.append(kind)
            ahead += kind.__subclasses__()
    return found


def test_every_error_survives_pickle() -> None:
    kinds = every_error()
    assert len(kinds) > 8
    for kind in kinds:
        error = kind(*ARGUMENTS.get(kind, ("It went wrong at å.",)))
        error.where = ("a.wav", 3)  # type: ignore[attr-defined]
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            again = pickle.loads(pickle.dumps(error, protocol))
            assert type(again) is kind
            assert str(again) == str(error)
            assert again.__dict__ == error.__dict__
            assert again.exit_code == kind.exit_code


def refuse(name: str) -> None:
    raise UnknownName("voice", name, ["en"])


def test_a_pool_hands_on_the_sentence() -> None:
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        asked = pool.submit(refuse, "em")
        with pytest.raises(UnknownName, match=r"There is no voice 'em'. Did you mean 'en'\?"):
            asked.result(timeout=60)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "webdataset", None)
    with pytest.raises(RequestError, match=r"needs webdataset.* pip install 'vivavoce\[data\]'$"):
        needs("webdataset")


def extras() -> dict[str, set[str]]:
    """Each extra of pyproject.toml and the projects it installs, with those of extras in it."""
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8")
    listed = tomllib.loads(text)["project"]["optional-dependencies"]

    def projects(extra: str) -> set[str]:
        found = set()
        for line in listed[extra]:
            if inner := re.match(r"vivavoce\[(.*)\]", line):
                found |= {p for name in inner[1].split(",") for p in projects(name)}
            else:
                found.add(re.match(r"[\w-]+", line)[0].lower())  # type: ignore[index]
        return found

    return {name: projects(name) for name in listed}


def test_the_extra_that_is_named_installs_the_module() -> None:
    installs = extras()
    for module, extra in EXTRAS.items():
        project = {"c2pa": "c2pa-python", "piper": "piper-tts"}.get(
            module, module.replace("_", "-")
        )
        assert project in installs[extra], f"{module} is not in the extra {extra}"


def bare_imports(tree: ast.AST) -> set[str]:
    """The packages that a file imports, but for what only a type checker sees."""
    found = set()
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
        found |= bare_imports(node)
    return found


def test_modules_of_extras_are_imported_by_needs() -> None:
    source = Path(vivavoce.__file__).parent
    found = {
        (str(path.relative_to(source)), package)
        for path in source.rglob("*.py")
        for package in bare_imports(ast.parse(path.read_text("utf-8"))) & set(EXTRAS)
    }
    engine = {path for path, package in found if package == "lightning_fabric"}
    assert all(path.startswith("train/engine/") for path in engine)  # `train_system` asked before
    assert {one for one in found if one[0] not in engine} == set()
