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
def test_pages_show_examples_that_are_tested_and_links_that_lead_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    examples = {path.read_text("utf-8") for path in (DOCS / "examples").glob("*.py")}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        assert block in examples, f"not a file of docs/examples:\n{block}"
    for link in re.findall(r"\]\((?!http)([^)#]+)", text):
        assert (page.parent / link).exists(), link
