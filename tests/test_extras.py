"""Without the modules of an extra every command works, or says in a sentence which it needs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

import without
from vivavoce.look.example import ASTRONAUT

PREPARE = ("data", "prepare", "clips", "--root", "clips", "-q")
CORPUS = ("corpus", "make", "--people", 1, "--clips", 1, "-q")
COMMANDS: dict[str, tuple[Sequence[object], ...]] = {
    "c2pa": (("speak", ASTRONAUT, "--text", "Hi.", "--sign", "local", "-q"),),
    "heif": (("look", "iphone.heic"),),
    "piper": (("speak", ASTRONAUT, "--text", "Hi.", "--voice", "voice.onnx", "-q"),),
    "data": (
        (*CORPUS, "-o", "corpus"),
        (*PREPARE, "-o", "set"),
        ("data", "prepare", "--list"),
        ("data", "join", "clips", "clips", "-o", "both"),
        ("data", "look", "clips"),
        ("measure", "clips/a.mp4", "--reference", "clips/a.mp4", "-m", "MCD"),
        ("bench", "portrait", "--count", 3, "-q"),
        ("train", "sdm", "--data", "clips", "-o", "run"),
    ),
    "cluster": (
        (*CORPUS, "-o", "corpus", "--workers", "ray"),
        (*PREPARE, "-o", "set", "--workers", "ray"),
    ),
    "train": (
        ("train", "portrait", "--dry-run"),
        ("train", "ttsf", "--data", "clips", "-o", "run"),
        ("train", "judges", "--dry-run"),
        ("measure", "clips/a.mp4", "--reference", "clips/a.mp4", "--judge", "words=folder"),
    ),
    "measure": (
        ("measure", "--list"),
        ("measure", "clips/a.mp4", "--reference", "clips/a.mp4", "-m", "MCD", "-m", "WER"),
        ("bench", "portrait", "--suite", "clips", "--count", 3, "--seeds", 1, "-q", "-m", "WER"),
        ("study", "make", "clips", "-o", "study", "-q"),
    ),
}
"""Extra → the commands that use its modules."""


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three talking clips."""
    folder = tmp_path_factory.mktemp("talking")
    import vivavoce

    portrait = vivavoce.load("portrait")
    person = portrait.look(ASTRONAUT)
    for seed, name in enumerate("abc"):
        clip = portrait(person, "My mum bakes bread every day.", size=128, seed=seed)
        clip.save(folder / f"{name}.mp4")
    return folder


def test_every_extra_is_tried() -> None:
    # Without "judges" pocketsphinx hears the words: tests/measure/test_measure_judges.py.
    assert {*COMMANDS, "dev", "judges"} == set(without.EXTRAS)


SLOW = pytest.mark.slow(reason="many commands, each in a process of its own")


@pytest.mark.parametrize(
    "extra", [pytest.param(e, marks=SLOW) if e == "measure" else e for e in COMMANDS]
)
def test_without_an_extra_it_works_or_names_one(extra: str, clips: Path, tmp_path: Path) -> None:
    blocked = without.modules_beyond_the_base(without.projects(without.EXTRAS[extra]))
    work, site = tmp_path / "work", tmp_path / "site"
    work.mkdir()
    site.mkdir()
    (work / "clips").symlink_to(clips)
    (work / "iphone.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(99))
    (work / "voice.onnx").write_bytes(b"a voice")
    (work / "voice.onnx.json").write_text("{}")
    _, ended = without.run(COMMANDS[extra], without.environment(site, blocked), work)
    named = 0
    for words, one in zip(COMMANDS[extra], ended, strict=True):
        told = f"{' '.join(map(str, words))}: {one.code}\n{one.err[-1500:]}"
        assert one.code in (0, 2), told
        assert "Traceback" not in one.err, told
        if "needs" in one.err:
            named += 1
            assert one.err.count("\n") == 1, told
            assert "Run: pip install 'vivavoce[" in one.err, told
        else:
            assert "Error" not in one.err, told
    assert named, "nothing needed this extra: is it blocked?"


def test_the_portrait_needs_no_diffusers(tmp_path: Path) -> None:
    variables = without.environment(tmp_path, ["diffusers", "huggingface_hub", "transformers"])
    asked = ("speak", ASTRONAUT, "--text", "Hi.", "--size", 64, "-q")
    _, (ended,) = without.run([asked], variables, tmp_path)
    assert ended == (0, "", "")
