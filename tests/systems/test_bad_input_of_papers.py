"""What a person can get wrong with ttsf and sdm, from the command line: an exit code, one sentence
that says what to do, nothing left behind."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from PIL import Image
from small_ttsf import write_small

from vivavoce.media.provenance import Provenance
from vivavoce.media.read import read_video
from vivavoce.media.write import VideoWriter
from vivavoce.nn.weights import SHIPPED
from vivavoce.types import SAMPLES_PER_FRAME, Chunk

Run = Callable[..., Any]
"""The fixture `run`."""
TTSF = "speak {me} --size 64 --system {ttsf} "
SDM = "speak {me} --size 64 --system sdm "


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, astronaut: Path) -> dict[str, Path]:
    """Pictures, recordings and videos, right and wrong; a small ttsf."""
    home = tmp_path_factory.mktemp("files")
    me = Image.open(astronaut).convert("RGB")
    me.save(home / "me.png")
    Image.new("RGB", (300, 300), (90, 90, 90)).save(home / "wall.png")
    two = Image.new("RGB", (2 * me.width, me.height))
    two.paste(me, (0, 0))
    two.paste(me.transpose(Image.Transpose.FLIP_LEFT_RIGHT), (me.width, 0))
    two.save(home / "two.png")
    soundfile.write(home / "silence.wav", np.zeros(16_000), 16_000)
    soundfile.write(home / "short.wav", np.zeros(800), 16_000)
    (home / "words.txt").write_text("Hello.")
    empty_room = np.full((3, 200, 200, 3), 90, np.uint8)
    with VideoWriter(home / "nobody.mp4", (200, 200), Provenance("test")) as video:
        video.add(Chunk(empty_room, np.zeros(3 * SAMPLES_PER_FRAME, np.float32)))
    write_small(home / "ttsf")
    return {path.stem: path for path in home.iterdir()}


# The line, the exit code, and what must be said. {} are of `files` above.
BAD = [
    (TTSF + "--text=", 2, "nothing to say"),
    (TTSF + "--text=...!?,—", 2, "nothing to say"),
    (TTSF + "--text=🎉👋🏽", 2, "nothing to say"),
    (TTSF + "--text=世界你好", 2, "English"),
    (TTSF + "--text=Hello.世界。", 2, "English"),
    (TTSF, 2, "Give a text"),
    (TTSF + "--speech {silence}", 2, "follows no recording"),
    (TTSF + "--text hi --speech {silence}", 2, "follows no recording"),
    (TTSF + "--text hi --voice en-gb", 2, "leave out --voice"),
    (TTSF + "--text hi --emotion happy", 2, "cannot use an emotion (--emotion)"),
    (TTSF + "--text hi --steps 0", 2, "steps of ttsf cannot be 0"),
    (TTSF + "--text hi --voice-from wit-motion", 2, "Did you mean 'with-motion'"),
    (TTSF + "--text hi --motion-from none.mp4", 2, "none.mp4"),
    (TTSF + "--text hi --motion-from {words}", 2, "words.txt"),
    (TTSF + "--text hi --motion-from {silence}", 2, "silence.wav"),
    (TTSF + "--text hi --motion-from {nobody}", 2, "No face was found in {nobody}"),
    (TTSF + "--text hi --k 3", 2, "no option of ttsf 'k'"),
    (TTSF + "--text hi --sampler full", 2, "no option of ttsf 'sampler'"),
    ("speak {wall} --system {ttsf} --text hi", 2, "No face was found in {wall}"),
    ("speak {two} --system {ttsf} --text hi --face 3", 2, "{two} shows 2 faces"),
    ("motion --system {ttsf} --text hi", 2, "ttsf gives a video"),
    (SDM + "--text=", 2, "nothing to say"),
    (SDM + "--text=🎉👋🏽", 2, "nothing to say"),
    (SDM, 2, "Give either a text"),
    (SDM + "--text hi --speech {silence}", 2, "Give either a text"),
    (SDM + "--speech none.wav", 2, "none.wav"),
    (SDM + "--speech {short}", 2, "0.1"),
    (SDM + "--speech {words}", 2, "words.txt"),
    (SDM + "--text hi --k -1", 2, "k of sdm is a step from 0 to 100, not -1"),
    (SDM + "--text hi --k 101", 2, "from 0 to 100, not 101"),
    (SDM + "--text hi --sampler shalow", 2, "Did you mean 'shallow'"),
    (SDM + "--text hi --without poses", 2, "Did you mean 'pose'"),
    (SDM + "--text hi --render mesh", 2, "Known: own, portrait"),
    (SDM + "--text hi --steps 3", 2, "no option of sdm 'steps'"),
    (SDM + "--text hi --motion-from {nobody}", 2, "cannot use a picture or video to take"),
    (SDM + "--text hi --speech-only -o a.wav", 2, "sdm gives a video"),
    ("speak {wall} --system sdm --text hi", 2, "No face was found in {wall}"),
    ("speak {two} --system sdm --text hi --face 3", 2, "{two} shows 2 faces"),
]  # fmt: skip


def told(run: Run, line: str, code: int, words: str) -> None:
    """The command ends so, saying `words` in one sentence or two, and leaves nothing behind."""
    ran = run(*line.split())
    assert ran.code == code, ran
    assert words in ran.err
    assert ran.err.startswith("vivavoce: ")
    assert ran.err.count("\n") == 1
    assert not list(Path().iterdir()), "something was left behind"


@pytest.mark.parametrize(("line", "code", "words"), BAD)
def test_a_wrong_request_is_told(
    run: Run, files: dict[str, Path], line: str, code: int, words: str
) -> None:
    told(run, line.format(**files), code, words.format(**files))


@pytest.mark.parametrize(
    "text", ["Hello 👋🏽 world 🎉", "Room 101, 50% off: $3.50!", "Café, naïve"]
)
@pytest.mark.parametrize("line", [TTSF + "--steps 1", SDM + "--sampler auxiliary"])
def test_symbols_within_words_are_spoken(
    run: Run, files: dict[str, Path], line: str, text: str
) -> None:
    ran = run(*line.format(**files).split(), "--text", text, "-q")
    assert ran[:2] == (0, "")
    assert ("Emoji and drawn signs are not spoken: 3" in ran.err) == ("🎉" in text)
    assert len(list(read_video(Path("out.mp4")))) > 10


@pytest.mark.parametrize("line", [TTSF + "--steps 1", SDM + "--sampler auxiliary"])
def test_of_two_faces_one_is_taken(run: Run, files: dict[str, Path], line: str) -> None:
    of_two = line.replace("{me}", "{two}").format(**files).split()
    assert run(*of_two, "--face", 2, "--text", "hi", "-q") == (0, "", "")
    assert Path("out.mp4").is_file()


def test_silence_gives_sdm_a_calm_face(run: Run, files: dict[str, Path]) -> None:
    line = SDM + "--speech {silence} --sampler auxiliary -q"
    ran = run(*line.format(**files).split())
    assert ran[:2] == (0, "")
    assert ran.err.count("\n") == 1
    assert "silent" in ran.err
    with av.open("out.mp4") as video:
        assert sum(1 for _ in video.decode(video=0)) == 25


@pytest.fixture(params=["ttsf", "sdm"])
def copied(
    request: pytest.FixtureRequest, files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A checkpoint of each system that may be broken."""
    folder = tmp_path_factory.mktemp("copied") / "it"
    source = files["ttsf"] if request.param == "ttsf" else SHIPPED / "sdm-tiny"
    return Path(shutil.copytree(source, folder))


def configured(folder: Path, **changes: object) -> None:
    """Change config.json; `settings` are added to those that are there."""
    about = json.loads((folder / "config.json").read_text())
    settings = about["settings"] | changes.pop("settings", {})  # type: ignore[operator]
    (folder / "config.json").write_text(json.dumps(about | {"settings": settings} | changes))


def refused(run: Run, files: dict[str, Path], folder: Path, words: str) -> None:
    told(run, f"speak {files['me']} --text hi --system {folder}", 1, words)


def test_weights_of_another_preset(run: Run, files: dict[str, Path], copied: Path) -> None:
    key = "code" if "motions" in (copied / "config.json").read_text() else "width"
    configured(copied, settings={key: 40})
    refused(run, files, copied, "another preset")


def test_a_config_that_does_not_fit(run: Run, files: dict[str, Path], copied: Path) -> None:
    system = json.loads((copied / "config.json").read_text())["system"]
    words = f"config.json does not describe a network of {system} "
    configured(copied, settings={"emotions": 3})
    refused(run, files, copied, words + "(emotions: ")
    (copied / "config.json").write_text(json.dumps({"system": system}))
    refused(run, files, copied, words + "(it has no 'settings')")


def test_a_checkpoint_that_says_it_is_another_system(
    run: Run, files: dict[str, Path], copied: Path
) -> None:
    other = {"sdm": "ttsf", "ttsf": "sdm"}
    system = other[json.loads((copied / "config.json").read_text())["system"]]
    configured(copied, system=system)
    refused(run, files, copied, f"config.json does not describe a network of {system}")


def test_sdm_gives_curves(run: Run, files: dict[str, Path]) -> None:
    ran = run("motion", "--system", "sdm", "--text", "hi", "-o", "it.glb", "-q")
    assert ran == (0, "", "")
    assert Path("it.glb").stat().st_size > 10_000


def test_weights_of_another_system(run: Run, files: dict[str, Path], copied: Path) -> None:
    mine = min(copied.glob("*.safetensors"))
    other = SHIPPED / "portrait-tiny" / "repair.safetensors"
    shutil.copy(other, mine)
    refused(run, files, copied, f"{mine.name} does not hold")


@pytest.mark.parametrize("damage", ["cut", "noise", "empty", "missing"])
def test_damaged_weights(run: Run, files: dict[str, Path], copied: Path, damage: str) -> None:
    file = min(copied.glob("*.safetensors"))
    whole = file.read_bytes()
    noise = np.random.default_rng(0).bytes(5000)
    file.write_bytes({"cut": whole[: len(whole) // 2], "noise": noise}.get(damage, b""))
    if damage == "missing":
        file.unlink()
    words = "is missing" if damage == "missing" else "is damaged"
    refused(run, files, copied, f"{file.name} {words}")
