"""From pictures to faces: who is found, who is refused, and with which words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from known import brief
from vivavoce.errors import NoFace, RequestError
from vivavoce.look import look
from vivavoce.look.face import frame
from vivavoce.look.track import find_faces


def read(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


@pytest.fixture(scope="module")
def picture(astronaut: Path) -> np.ndarray:
    return read(astronaut)


def test_the_astronaut(picture: np.ndarray) -> None:
    face = look(picture)
    assert 60 < np.linalg.norm(face.landmarks[33] - face.landmarks[263]) < 110
    assert abs(np.degrees(face.pose[0])) < 25
    left, top, right, bottom = face.box
    assert right - left == bottom - top
    assert 0 <= left < face.landmarks[:, 0].min() < face.landmarks[:, 0].max() < right <= 512
    inside = face.matte[int(face.landmarks[4, 1]), int(face.landmarks[4, 0])]
    assert inside > 0.9


def test_the_same_picture_gives_the_same_face(picture: np.ndarray) -> None:
    assert np.array_equal(look(picture).landmarks, look(picture).landmarks)


def test_a_small_face_in_a_big_picture_is_found(picture: np.ndarray) -> None:
    wall = np.full((3000, 4000, 3), 128, np.uint8)
    wall[2000:2512, 2900:3412] = picture
    apart = look(wall).landmarks[:, :2] - [2900, 2000] - look(picture).landmarks[:, :2]
    assert np.abs(apart).mean() < 4


def test_two_faces_largest_first_and_by_number(picture: np.ndarray) -> None:
    small = cv2.resize(picture, (256, 256), interpolation=cv2.INTER_AREA)
    both = np.full((512, 800, 3), 128, np.uint8)
    both[:, :512], both[100:356, 530:786] = picture, small
    assert len(find_faces(both)) == 2
    assert look(both).landmarks[:, 0].mean() < 512 < look(both, 2).landmarks[:, 0].mean()
    with pytest.raises(RequestError, match=r"--face 7 .* shows 2 faces"):
        look(both, 7)


def test_nobody_there() -> None:
    with pytest.raises(NoFace, match=r"No face was found in wall\.png"):
        look(np.full((300, 300, 3), 90, np.uint8), name="wall.png")


def test_too_small_says_how_much(picture: np.ndarray) -> None:
    tiny = cv2.resize(picture, (120, 120), interpolation=cv2.INTER_AREA)
    with pytest.raises(NoFace, match=r"too small: \d+ pixels .* at least 24"):
        look(tiny)


@pytest.mark.parametrize("name", ["shiba_s25", "cat_s39", "alpaca_small_s36", "monkey_s22"])
def test_an_animal_is_refused(real: Path, name: str) -> None:
    with pytest.raises(NoFace, match=r"No face was found|not a human face"):
        look(read(real / "portrait_hard" / f"liveportrait_animal_{name}.jpg"))


@pytest.mark.parametrize(
    "every", [5, pytest.param(1, marks=pytest.mark.slow(reason="all portraits take 15 s"))]
)
def test_portraits_are_tracked(real: Path, every: int) -> None:
    lost = []
    for path in sorted((real / "portrait").iterdir())[::every]:
        try:
            look(read(path))
        except NoFace as refusal:
            lost.append(str(refusal))
    assert not lost


def test_frame_stays_inside_where_it_can() -> None:
    points = np.zeros((478, 3), np.float32)
    points[33, :2], points[263, :2] = (900, 300), (1000, 300)
    points[10, :2], points[152, :2] = (950, 230), (950, 390)
    left, top, right, bottom = frame(points, 800, 1000)
    assert right - left == bottom - top == round(4.2 * 160 / 1.55)
    assert right == 1000  # moved in from the edge
    assert top < 230 < 390 < bottom


def test_a_giant_face_is_worked_on_at_a_size_that_a_video_can_show(picture: np.ndarray) -> None:
    giant = cv2.resize(picture[60:300, 110:350], None, fx=14, fy=14)
    face = look(giant)
    eyes = np.linalg.norm(face.landmarks[33, :2] - face.landmarks[263, :2])
    assert eyes == pytest.approx(700, rel=0.01)
    assert face.picture.shape[0] < giant.shape[0]
    assert face.matte.shape == face.picture.shape[:2]


def test_what_is_seen_of_a_known_picture(picture: np.ndarray, golden: Callable[..., None]) -> None:
    """Golden numbers of the whole way: detection, mesh in several crops, fit, matte."""
    face = look(picture)
    tall = np.ptp(face.landmarks[:, 1])
    golden("landmarks", brief(face.landmarks), 0.003 * tall)
    golden("pose", face.pose, 0.02)
    golden("expression", face.expression, 0.05)
    golden("identity", face.identity[:8], 0.1)
    golden("matte", brief(cv2.resize(face.matte, (24, 24), interpolation=cv2.INTER_AREA)), 0.05)
    golden("box", face.box, 2)
    (tracked,) = find_faces(picture)
    golden("steadiness and dispute", [tracked.steadiness, tracked.dispute], 2e-3)
