"""What Python programs give a system: usual kinds are taken, all others are refused in words."""

from __future__ import annotations

from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vivavoce
from vivavoce.errors import NoFace, OutputRefused, RequestError
from vivavoce.media.clip import Clip
from vivavoce.media.held import HeldFile
from vivavoce.media.read import read_clip_info
from vivavoce.speak.voices import find_voice
from vivavoce.systems.given import settled
from vivavoce.systems.talker import Talker
from vivavoce.types import Emotion, Face


@pytest.fixture(scope="module")
def portrait() -> Talker:
    return vivavoce.load("portrait")


@pytest.fixture(scope="module")
def person(portrait: Talker, astronaut: Path) -> Face:
    return portrait.look(astronaut)


def test_one_person_in_whatever_way_the_picture_is_held(
    portrait: Talker, person: Face, astronaut: Path
) -> None:
    picture = Image.open(astronaut)
    array = np.asarray(picture)
    for given in (picture, astronaut.read_bytes(), array.transpose(2, 0, 1) / 255, str(astronaut)):
        assert np.array_equal(portrait.look(given).landmarks, person.landmarks)
    with pytest.raises(NoFace, match=r"in the picture"):
        portrait.look(np.full((99, 99), 0.5))


GOOD: list[tuple[str, Any, Any]] = [
    ("size", np.int64(64), 64),
    ("size", 512.0, 512),
    ("size", None, None),
    ("seed", np.uint8(7), 7),
    ("face", np.int32(2), 2),
    ("face", None, None),
    ("still", np.bool_(True), True),
    ("rate", 1, 1.0),
    ("rate", np.float32(1.5), 1.5),
    ("emotion", None, Emotion()),
    ("emotion", "happy:0.5", Emotion("happy", 0.5)),
    ("emotion", Emotion("sad"), Emotion("sad")),
    ("voice", Path("voices/amy.onnx"), "voices/amy.onnx"),
    ("voice", None, None),
    ("text", "Hi.", "Hi."),
    ("pose", "nod.mp4", "nod.mp4"),
]
BAD: list[tuple[str, Any, str]] = [
    ("size", "512", r"The size is a whole number, not '512' \(str\)"),
    ("size", 512.5, "not 512.5"),
    ("size", True, "not True"),
    ("seed", None, "The seed is a whole number, not None"),
    ("seed", "7", "not '7'"),
    ("seed", float("nan"), "not nan"),
    ("seed", float("inf"), "not inf"),
    ("face", "1", "The face is a whole number, not '1'"),
    ("still", "no", "still is True or False, not 'no'"),
    ("still", 1, "still is True or False, not 1"),
    ("rate", "1", "The rate is a number, not '1'"),
    ("rate", None, "The rate is a number, not None"),
    ("emotion", 5, "The emotion is written as"),
    ("emotion", ("happy", 0.5), "not a tuple of str, float"),
    ("voice", 5, "The voice cannot be 5"),
    ("voice", ["emma"], "The voice cannot be a list of str"),
    ("text", 5, "The text is written as words"),
    ("text", b"Hi.", "not as a bytes"),
    ("text", ["Hi."], "not as a list of str"),
    ("instruction", 5, "The instruction is written as words"),
    ("pose", 5, r"A picture cannot be 5"),
]


@pytest.mark.parametrize(("name", "value", "wanted"), GOOD)
def test_usual_kinds_are_taken(name: str, value: Any, wanted: Any) -> None:
    found = settled({name: value})
    assert found == {name: wanted}
    assert type(found[name]) is type(wanted)


@pytest.mark.parametrize(("name", "value", "words"), BAD)
def test_other_kinds_are_refused(portrait: Talker, name: str, value: Any, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        settled({name: value})
    with pytest.raises(RequestError, match=words):
        portrait(**{"portrait": "me.png", "text": "Hi.", name: value})
    with pytest.raises(RequestError, match=words):
        portrait.motion(**{"text": "Hi.", name: value})


def test_a_picture_for_the_pose_may_be_held_too() -> None:
    array = np.zeros((64, 64), np.float32)
    assert settled({"pose": array})["pose"].shape == (64, 64, 3)
    assert isinstance(settled({"pose": b"an mp4"})["pose"], HeldFile)


def test_speech_with_its_rate_moves_the_face(portrait: Talker) -> None:
    tone = np.sin(np.arange(24_000) * 0.05) * 0.3
    assert sum(map(len, portrait.motion(speech=(24_000, tone)))) == 25
    with pytest.raises(RequestError, match="rate is not known"):
        portrait.motion(speech=tone)


def test_a_voice_itself_speaks(portrait: Talker) -> None:
    named = sum(map(len, portrait.motion(text="Hi.", voice="en-gb")))
    assert sum(map(len, portrait.motion(text="Hi.", voice=find_voice("en-gb")))) == named


def clip(portrait: Talker, person: Face) -> Clip:
    return portrait(person, "Hi.", size=64, voice="en-gb")


def test_a_clip_is_saved_into_an_open_file(
    portrait: Talker, person: Face, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    memory = BytesIO()
    memory.write(b"head")
    saved = clip(portrait, person).save(memory)
    assert saved.path == Path("The stream")
    (tmp_path / "a.mp4").write_bytes(memory.getvalue()[4:])
    assert read_clip_info(tmp_path / "a.mp4").seconds == saved.seconds == saved.frames / 25
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize("output", [5, None, b"a.mp4", StringIO(), object()])
def test_other_outputs_are_refused(portrait: Talker, person: Face, output: Any) -> None:
    made = clip(portrait, person)
    with pytest.raises(
        OutputRefused, match=r"The output (is a path or an open|was opened as text)"
    ):
        made.save(output)
    assert next(iter(made)).frames.size  # it was not consumed


def test_a_file_that_takes_no_bytes_is_told(
    portrait: Talker, person: Face, astronaut: Path
) -> None:
    with astronaut.open("rb") as reading, pytest.raises(OutputRefused, match="takes no bytes"):
        clip(portrait, person).save(reading)
