"""Python processes in which chosen packages cannot be imported, as if they were not installed."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement

REPOSITORY = Path(__file__).parents[1]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]

SITE = """
import sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        hidden = name.partition(".")[0] in {blocked!r}
        return None if hidden else super().find_spec(name, path, target)

sys.meta_path[:] = [Without if f is PathFinder else f for f in sys.meta_path]
sys.path[:] = [p for p in sys.path if not p.startswith({hidden!r})]
"""
RUN = """
import contextlib, io, json, sys, traceback
from vivavoce import cli

answer, ended = sys.argv[1], []
for words in json.load(sys.stdin):
    sys.argv = ["vivavoce", *words]
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            cli.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        except BaseException:
            code = 99
            traceback.print_exc()
    ended.append((code, out.getvalue(), err.getvalue()))
with open(answer, "w") as file:
    json.dump([cli.__file__, ended], file)
"""


class Ended(NamedTuple):
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


def projects(wanted: Iterable[str]) -> set[str]:
    """The installed projects that these requirements need, and those that they need in turn."""
    ahead, seen = list(wanted), set()
    found = set()
    while ahead:
        asked = Requirement(ahead.pop())
        name = re.sub(r"[-_.]+", "-", asked.name).lower()
        if (name, *sorted(asked.extras)) in seen:
            continue
        seen.add((name, *sorted(asked.extras)))
        if name == PROJECT["name"]:
            ahead += [line for extra in asked.extras for line in EXTRAS[extra]]
            continue
        try:
            needed = importlib.metadata.distribution(name).requires or []
        except importlib.metadata.PackageNotFoundError:
            continue
        found.add(name)
        for line in needed:
            marker = Requirement(line).marker
            extras = asked.extras or {""}
            if marker is None or any(marker.evaluate({"extra": e}) for e in extras):
                ahead.append(line)
    return found


def modules_beyond_the_base(of: set[str] | None = None) -> list[str]:
    """The modules of these projects, or of all installed ones, that no base dependency needs."""
    base = projects(PROJECT["dependencies"]) | {PROJECT["name"]}
    found = []
    for module, owners in importlib.metadata.packages_distributions().items():
        names = {re.sub(r"[-_.]+", "-", owner).lower() for owner in owners}
        if not names & base and (of is None or names & of):
            found.append(module)
    return sorted(found)


def environment(folder: Path, blocked: Sequence[str], hidden: str = "\0") -> dict[str, str]:
    """The variables of a process that finds modules in `folder` first and never these ones.

    Args:
        folder: Gets a `sitecustomize.py`, which child processes obey too.
        blocked: Modules that cannot be imported.
        hidden: Entries of `sys.path` that begin so are taken out.
    """
    site = SITE.format(blocked=set(blocked), hidden=hidden)
    (folder / "sitecustomize.py").write_text(site, "utf-8")
    return {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}


def run(
    commands: Sequence[Sequence[object]], variables: dict[str, str], where: Path
) -> tuple[Path, list[Ended]]:
    """The file of the command line that ran, and how each of the commands ended, one after the
    other in one process."""
    answer = where / "answer.json"
    asked = json.dumps([[str(word) for word in words] for words in commands])
    ran = subprocess.run(
        [sys.executable, "-c", RUN, answer], input=asked, env=variables, cwd=where,
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, (ran.stdout[-2000:], ran.stderr[-4000:])
    file, ended = json.loads(answer.read_text("utf-8"))
    return Path(file), [Ended(*one) for one in ended]
