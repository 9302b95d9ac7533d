"""`vivavoce imagine`, as people type it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vivavoce.cli import app
from vivavoce.errors import OutputRefused, RequestError
from vivavoce.media.provenance import read_provenance


def run(*arguments: object) -> str:
    done = CliRunner().invoke(app, ["imagine", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_text_becomes_a_face_that_says_it(tmp_path: Path) -> None:
    out, her = tmp_path / "face.mp4", tmp_path / "her"
    said = json.loads(
        run("--text", "Hello.", "--voice", "emma", "-o", out, "--size", 64, "--keep", her, "--json",
            "--prompt", "round glasses")
    )  # fmt: skip
    assert said["system"] == "drawn-tiny"
    assert (said["width"], said["height"]) == (64, 64)
    assert said["words"]["person"].startswith("sounds like a woman")
    assert said["words"]["prompt"] == "round glasses"
    assert "The person does not exist" in read_provenance(out)["comment"]
    assert (her / "face.png").is_file()
    assert json.loads((her / "person.json").read_text())["prompt"] == "round glasses"


@pytest.mark.parametrize("name", ["face.png", "face.jpg"])
def test_the_face_alone(tmp_path: Path, name: str) -> None:
    from PIL import Image

    line = run("--text", "Hello.", "--voice", "emma", "-o", tmp_path / name, "--size", 96)
    assert "96x96" in line
    assert Image.open(tmp_path / name).size == (96, 96)
    with pytest.raises(OutputRefused, match="--force"):
        run("--text", "Hello.", "-o", tmp_path / name)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--system", "s2tf", "--render", "drawn"), "leave out --system"),
        (("--render", "own"), "name it by --system"),
        (("--system", "portrait"), "Give a portrait|gives a video"),
        ((), "Give either a text"),
    ],
)
def test_what_cannot_be_imagined_is_refused_in_words(
    given: tuple[str, ...], told: str, tmp_path: Path
) -> None:
    said = ("--text", "Hello.") if given else ()
    with pytest.raises(RequestError, match=told):
        run(*said, *given, "-o", tmp_path / "x.mp4")
    assert not list(tmp_path.iterdir())
