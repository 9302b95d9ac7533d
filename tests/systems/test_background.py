"""Another background than that of the picture: nothing, a colour, a picture; in every file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

import vivavoce
from vivavoce.errors import RequestError
from vivavoce.look.cutout import cut_out
from vivavoce.media.clip import Clip
from vivavoce.media.mark import find_mark
from vivavoce.render.background import Background
from vivavoce.systems.given import settled
from vivavoce.systems.talker import Talker
from vivavoce.types import RATE, Face, Speech, eye_distance

SPEECH = Speech((0.2 * np.sin(np.arange(RATE // 4) / 9)).astype(np.float32))


@pytest.fixture(scope="module")
def portrait() -> Talker:
    return vivavoce.load("portrait")


@pytest.fixture(scope="module")
def person(portrait: Talker, astronaut: Path) -> Face:
    return portrait.look(astronaut)


def clip(portrait: Talker, person: Face, background: Any, size: int | None = 256) -> Clip:
    return portrait(person, speech=SPEECH, size=size, background=background)


def test_the_person_is_cut_out_and_keeps_its_colours(person: Face) -> None:
    cut = cut_out(person)
    assert cut.matte.min() == 0
    assert cut.matte.max() == 1
    middle = person.landmarks[1, :2].astype(int)
    eye = int(eye_distance(person.landmarks))
    inside = np.s_[
        middle[1] - eye // 2 : middle[1] + eye // 2, middle[0] - eye // 2 : middle[0] + eye // 2
    ]
    assert (cut.matte[inside] == 1).all()
    assert np.abs(cut.picture[inside].astype(int) - person.picture[inside]).max() <= 1
    mixed = (cut.matte > 0.05) & (cut.matte < 0.95)
    assert 0.001 < mixed.mean() < 0.1  # it has an edge, and this is thin


def test_old_background_leaves_the_edge() -> None:
    """A grey person with a soft edge before pure green: in the edge green goes down."""
    from vivavoce.look.cutout import _person_alone

    share = np.clip((np.hypot(*(np.mgrid[:200, :200] - 100)) - 50) / -20 + 0.5, 0, 1)
    share = share.astype(np.float32)
    colours = np.array([120, 120, 120]) * share[..., None] + [0, 255, 0] * (1 - share[..., None])
    picture = colours.astype(np.uint8)
    found = picture.astype(np.float32)
    for size in (81, 21):
        found = _person_alone(picture, share, found, size)
    edge = (share > 0.2) & (share < 0.8)
    before, after = (np.abs(x[edge].astype(float) - 120).mean() for x in (picture, found))
    assert after < 0.3 * before


def test_a_colour_and_a_picture(portrait: Talker, person: Face) -> None:
    (chunk, *_) = clip(portrait, person, "#00ff00")
    assert chunk.alpha is None
    assert (chunk.frames[:, 5, 5] == (0, 255, 0)).all()
    far = np.zeros((100, 400, 3), np.uint8)
    far[:, 200:] = 255
    (chunk, *_) = clip(portrait, person, far)
    assert (chunk.frames[0, 5, 5] == 0).all()
    assert (chunk.frames[0, 5, -5] == 255).all()


def test_the_alpha_moves_with_the_head(portrait: Talker, person: Face) -> None:
    moved = portrait(person, text="Good morning, everyone.", size=128, background="none", lively=2)
    alphas = np.concatenate([chunk.alpha for chunk in moved])
    assert alphas.shape[1:] == (128, 128)
    assert (alphas[:, 64, 64] == 255).all()
    assert (alphas[:, 3, 3] == 0).all()
    assert np.abs(alphas[-1].astype(int) - alphas[0]).max() > 60


@pytest.mark.parametrize("name", ["a.webm", "a.mov", "a%02d.png"])
def test_transparent_files(portrait: Talker, person: Face, tmp_path: Path, name: str) -> None:
    made = clip(portrait, person, "none", None)
    made.save(tmp_path / name)
    if name.endswith("png"):
        rgba = np.asarray(Image.open(tmp_path / "a03.png"))
    else:
        rgba = decoded(tmp_path / name)
    assert rgba.shape == (512, 512, 4)
    assert rgba[5, 300, 3] < 8
    y, x = person.landmarks[1, 1::-1].astype(int)
    assert rgba[y, x, 3] > 247
    near = np.s_[y - 20 : y + 20, x - 20 : x + 20]
    seen, was = (part[near][..., :3].mean((0, 1)) for part in (rgba, person.picture))
    assert np.abs(seen - was).max() < 15
    grey = (rgba[..., :3] @ [0.2126, 0.7152, 0.0722]).astype(np.uint8)
    assert find_mark([grey]) is not None


def decoded(path: Path) -> np.ndarray:
    """The third picture with its alpha, which FFmpeg's own VP9 decoder leaves out."""
    with av.open(str(path)) as file:
        stream: Any = file.streams.video[0]
        name = "libvpx-vp9" if path.suffix == ".webm" else "prores"
        assert stream.codec_context.codec.canonical_name in name
        decoder: Any = av.CodecContext.create(name, "r")
        decoder.width, decoder.height = stream.width, stream.height
        decoder.codec_tag = stream.codec_context.codec_tag
        frames = [f for packet in file.demux(stream) for f in decoder.decode(packet)]
        return frames[2].to_ndarray(format="rgba")


@pytest.mark.parametrize("name", ["a.mp4", "a.gif"])
def test_what_cannot_be_transparent_is_told(
    portrait: Talker, person: Face, tmp_path: Path, name: str
) -> None:
    with pytest.raises(RequestError, match=r"no transparency\. Give -o x\.webm"):
        clip(portrait, person, "none", 64).save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_what_a_background_can_be(astronaut: Path) -> None:
    def read(value: object) -> Background:
        return settled({"background": value})["background"]

    assert read("None").picture is None
    assert read("white").picture.tolist() == [[[255, 255, 255]]]  # type: ignore[union-attr]
    assert read(str(astronaut)).picture.shape == (512, 512, 3)  # type: ignore[union-attr]
    with pytest.raises(RequestError, match="a colour such as #00ff00 or white, or a picture"):
        read("nix")
    with pytest.raises(RequestError, match=r"There is no picture none\.png"):
        read("none.png")


def test_other_systems_refuse_it(astronaut: Path) -> None:
    with pytest.raises(RequestError, match=r"cannot use another background \(--background\)"):
        vivavoce.load("sdm")(astronaut, speech=SPEECH, background="none")
