"""Every example of the documentation runs, and every page shows examples that exist."""

from __future__ import annotations

import re
import runpy
import shutil
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("name", sorted(p.name for p in (DOCS / "examples").glob("*.py")))
def test_example_runs(
    name: str,
    tmp_path: Path,
    astronaut: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copy(astronaut, tmp_path / "me.png")
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(DOCS / "examples" / name))
    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize("page", sorted(DOCS.glob("**/*.md")), ids=lambda p: p.name)
def test_links_and_examples_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    for example in re.findall(r'--8<-- "(.+?)"', text):
        assert (DOCS.parent / example).is_file(), example
    for link in re.findall(r"\]\((?!http)([^)#]+)", text):
        assert (page.parent / link).exists(), link
