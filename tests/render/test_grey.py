"""The grey mesh: it moves as the motion says, and its openings are seen."""

from __future__ import annotations

import numpy as np

from vivavoce.look import face478
from vivavoce.render.grey import BACK, HOLES, GreyMesh
from vivavoce.types import ARKIT_INDEX, Motion


def motion(yaw: float = 0.0, **shown: float) -> Motion:
    expression = np.zeros((1, 52), np.float32)
    for name, value in shown.items():
        expression[:, ARKIT_INDEX[name]] = value
    pose = np.zeros((1, 6), np.float32)
    pose[:, 0] = yaw
    return Motion(expression, pose, np.zeros((1, 2), np.float32))


def test_a_jaw_opens_a_dark_mouth() -> None:
    mesh = GreyMesh(face478.load(), 128)
    shut, wide = (mesh.draw(motion(jawOpen=jaw))[0, ..., 0] for jaw in (0.0, 0.5))
    assert shut[0, 0] == BACK
    assert 30 < (shut == HOLES).sum() < (wide == HOLES).sum() - 50  # two eyes; and a mouth
    assert (mesh.draw(motion(eyeBlinkLeft=1.0))[0, ..., 0] == HOLES).sum() < (shut == HOLES).sum()


def test_the_head_turns_to_the_side_of_its_yaw() -> None:
    mesh = GreyMesh(face478.load(), 128)
    middle = [
        np.nonzero(mesh.draw(motion(yaw))[0, ..., 0] == HOLES)[1].mean() for yaw in (-0.3, 0.3)
    ]
    assert middle[0] < 64 < middle[1]


def test_no_frames_are_no_pictures() -> None:
    nothing = np.zeros((0, 52), np.float32)
    empty = Motion(nothing, nothing[:, :6], nothing[:, :2])
    assert GreyMesh(face478.load(), 64).draw(empty).shape == (0, 64, 64, 3)
