"""The built wheel, away from the repository, with nothing but its base dependencies."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import without

REPOSITORY = without.REPOSITORY
WORKS = (
    ("--version",), ("voices",), ("systems",), ("systems", "sdm"), ("measure", "--list"),
    ("look", "me.jpg", "-o", "marked.png"), ("bounds", "--help"), ("study", "make", "--help"),
    ("speak", "me.jpg", "--text", "My mum bakes bread every day.", "--size", 64, "-q"),
    ("speak", "me.jpg", "--text", "Hi.", "--size", 64, "-q", "--system", "sdm", "-o", "sdm.mp4"),
    ("speak", "me.jpg", "--text", "Hi.", "--size", 64, "-q", "--system", "ttsf", "-o", "t.mp4"),
    ("voice", "me.jpg", "--text", "Hi.", "--system", "ttsf", "-o", "voice.wav", "-q"),
    ("motion", "--text", "Hi.", "-o", "motion.csv", "-q"), ("sheet", "out.mp4", "-o", "sheet.png"),
    ("measure", "out.mp4"), ("corpus", "sheet", "-o", "people.png"), ("data", "prepare", "--list"),
)  # fmt: skip
NAMES_AN_EXTRA = (
    ("corpus", "make", "--people", 1, "--clips", 1, "-o", "corpus", "-q"),
    ("data", "prepare", "clips", "--root", ".", "-o", "set", "-q"),
    ("measure", "out.mp4", "--reference", "out.mp4"), ("bench", "portrait", "-q"),
    ("train", "portrait", "--dry-run"), ("train", "sdm", "--data", ".", "-o", "run"),
)  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as `pip wheel` builds it, without the network."""
    pytest.importorskip("hatchling", reason="the build backend is not here: pip install hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    _pip("wheel", "--no-build-isolation", "-w", folder, REPOSITORY)
    (file,) = folder.glob("*.whl")
    return file


def _pip(command: str, *words: object) -> None:
    told = [sys.executable, "-m", "pip", command, "-q", "--no-deps", "--no-index"]
    ran = subprocess.run(
        [*told, *map(str, words)], capture_output=True, text=True, timeout=200, check=False
    )
    assert ran.returncode == 0, ran.stderr


def test_every_file_of_the_package_is_in_the_wheel(wheel: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "src/vivavoce"],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    ).stdout.split()  # fmt: skip
    if not listed:
        pytest.skip("this is no git checkout")
    wanted = {name.removeprefix("src/") for name in listed if (REPOSITORY / name).is_file()}
    names = zipfile.ZipFile(wheel).namelist()
    assert wanted - set(names) == set()
    assert not [name for name in names if "__pycache__" in name or "tests/" in name]
    assert {"LICENSE", "NOTICE"} <= {Path(name).name for name in names}


@pytest.mark.slow("it starts every system and command from the installed wheel: half a minute")
def test_the_wheel_alone_works_or_names_the_extra(wheel: Path, tmp_path: Path) -> None:
    site, work = tmp_path / "site", tmp_path / "work"
    work.mkdir()
    _pip("install", "--target", site, wheel)
    (work / "me.jpg").write_bytes((site / "vivavoce/look/astronaut.jpg").read_bytes())
    blocked = without.modules_beyond_the_base()
    assert {"pyworld", "skimage", "webdataset", "pytest"} <= set(blocked)
    variables = without.environment(site, blocked, str(REPOSITORY / "src"))
    file, ended = without.run((*WORKS, *NAMES_AN_EXTRA, ("doctor",)), variables, work)
    assert file.is_relative_to(site)
    told = {
        " ".join(map(str, w)): e for w, e in zip((*WORKS, *NAMES_AN_EXTRA), ended, strict=False)
    }
    assert {k: e for k, e in list(told.items())[: len(WORKS)] if e.code != 0} == {}
    for words, one in list(told.items())[len(WORKS) :]:
        assert one.code == 2, (words, one)
        assert "Run: pip install 'vivavoce[" in one.err, (words, one)
        assert one.err.count("\n") == 1, (words, one)
    doctor = ended[-1].out.splitlines()
    assert [line for line in doctor if line.startswith("NO") and "timing" not in line] == []
    made = {path.name for path in work.iterdir()}
    assert {"out.mp4", "sdm.mp4", "t.mp4", "voice.wav", "motion.csv", "sheet.png"} <= made
