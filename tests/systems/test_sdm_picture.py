"""SDM's pictures: as sharp as the portrait, and with a mouth that opens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from vivavoce.data.shards import open_set
from vivavoce.look.face import look
from vivavoce.render.from_landmarks import GRID, Layers, enlarged
from vivavoce.render.shape import LOWER, UPPER
from vivavoce.systems.sdm.net import SdmNet
from vivavoce.systems.sdm.person import Person, crop_person
from vivavoce.systems.sdm.renderers import CompositeRenderer, WarpRenderer, renderer_of
from vivavoce.systems.sdm.settings import SdmSettings
from vivavoce.types import LIP_CORNERS


@pytest.fixture(scope="module")
def person(corpus_256: Path) -> Person:
    """A corpus person at rest, 256 px, in a square of 64."""
    sample = next(iter(open_set(corpus_256).samples("train", ("frames",))))
    assert sample.frames is not None
    return crop_person(look(sample.frames[0]), 64)


@pytest.fixture
def net() -> SdmNet:
    """A network whose renderer paints nothing: what is seen is the warp and the mouth."""
    torch.manual_seed(0)
    net = SdmNet(SdmSettings(size=64, width=16, layers=1, renderer=(8, 8), composite=True)).eval()
    torch.nn.init.zeros_(net.renderer.net.last.weight)
    with torch.no_grad():
        net.renderer.net.last.bias.fill_(-30.0)  # the part that is painted is sigmoid(-30)
    return net


def still() -> torch.Tensor:
    line = torch.linspace(-1, 1, GRID)
    return torch.stack(torch.meshgrid(line, line, indexing="xy"), -1)[None]


def test_what_does_not_move_stays_as_sharp_as_it_is() -> None:
    sharp = np.random.default_rng(0).integers(0, 255, (96, 96, 3), np.uint8)
    nothing = torch.zeros(1, 1, 32, 32)
    layers = Layers(still(), torch.zeros(1, 3, 32, 32), torch.ones(1, 3, 32, 32), nothing)
    assert np.abs(enlarged(sharp, layers, 0).astype(int) - sharp).max() <= 1


def test_the_large_picture_is_the_small_one_enlarged() -> None:
    """The warp of the large picture goes where the network's own goes, and paint lies where it is
    painted."""
    rows, columns = np.mgrid[:128, :128]
    sharp = np.stack([rows, columns, 0 * rows], -1).astype(np.uint8)
    part = torch.zeros(1, 1, 32, 32)
    part[:, :, 20:, 20:] = 1
    moved = Layers(still() - 8 / 31, torch.zeros(1, 3, 32, 32), torch.ones(1, 3, 32, 32), part)
    made = enlarged(sharp, moved, 0).astype(int)
    # 8 / 31 of half sides are 4 pixels of the small picture, 16 of the large
    assert np.abs(made[40:60, 40:60] - (sharp[40:60, 40:60] - [16, 16, 0])).max() <= 1
    assert (made[100:, 100:] == 255).all()


def drawn(net: SdmNet, person: Person, size: int | None, marks: np.ndarray) -> np.ndarray:
    return np.concatenate(list(renderer_of("own", net, person, size).draw(marks)))


def test_only_an_opened_mouth_shows_what_is_behind_the_lips(person: Person, net: SdmNet) -> None:
    marks = np.repeat(person.landmarks[None], 2, 0)
    marks[1, LOWER, 1] += 3
    plain = [np.full((256, 256, 3), 128, np.uint8) for _ in marks]
    CompositeRenderer(net, person, 256).mouth.paint(plain, marks)
    assert (plain[0] == 128).all()
    upper, lower = (4 * marks[1, ring[4], :2] for ring in (UPPER, LOWER))
    column = plain[1][int(upper[1]) + 2 : int(lower[1]) - 1, int(upper[0])]
    assert np.abs(column.astype(int) - 128).mean() > 20
    outside = np.ones((256, 256), bool)
    lips = 4 * marks[1, [*UPPER, *LOWER, *LIP_CORNERS], :2]
    (left, top), (right, bottom) = lips.min(0).astype(int) - 3, lips.max(0).astype(int) + 4
    outside[top:bottom, left:right] = False
    assert (plain[1][outside] == 128).all()


def test_lips_at_rest_are_the_pictures_own(person: Person, net: SdmNet) -> None:
    made = drawn(net, person, 256, person.landmarks[None])
    sharp = WarpRenderer(net, person, 256).sharp
    assert np.abs(made[0].astype(int) - sharp).max() <= 2


def test_a_whole_picture_keeps_its_size(person: Person, net: SdmNet) -> None:
    made = drawn(net, person, None, person.landmarks[None])
    assert made.shape[1:] == person.face.picture.shape
    assert np.abs(made[0].astype(int) - person.face.picture).mean() < 3


def test_a_small_renderer_paints_the_face_alone(person: Person, net: SdmNet) -> None:
    """In a composite, its paint stays off the background; else it is shown wherever it lies."""
    with torch.no_grad():
        net.renderer.net.last.bias.fill_(30.0)  # white, everywhere
    marks = person.landmarks[None]
    composite = drawn(net, person, 256, marks)[0]
    x, y = (4 * person.landmarks[1, :2]).astype(int)  # the nose
    assert composite[y, x].min() > 250
    whole = WarpRenderer(net, person, 256).sharp
    assert np.abs(composite[:16].astype(int) - whole[:16]).max() <= 2
    bare = SdmNet(net.settings.model_copy(update={"composite": False}))
    bare.load_state_dict(net.state_dict())
    assert drawn(bare.eval(), person, 256, marks).min() > 250
