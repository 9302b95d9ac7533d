"""From pictures to faces: who is found, who is refused, and with which words."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import process_time

import cv2
import numpy as np
import pytest
from PIL import Image

from known import brief
from vivavoce.errors import NoFace, RequestError
from vivavoce.look import look
from vivavoce.look.face import frame
from vivavoce.look.face478 import fit
from vivavoce.look.human import doubt, signs
from vivavoce.look.report import report
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


@pytest.mark.parametrize(
    ("width", "height", "place"),
    [(6000, 4000, (37, 41)), (4000, 3000, (3870, 2803)), (8000, 6000, (4111, 3333)),
     (6000, 512, (5013, 300)), (512, 5000, (211, 2517)), (1920, 1080, (977, 13))],
)  # fmt: skip
def test_the_smallest_face_is_found_anywhere(
    picture: np.ndarray, width: int, height: int, place: tuple[int, int]
) -> None:
    """26 pixels between the outer eye corners, in camera-size photographs and strips."""
    face = cv2.resize(picture[0:260, 90:370], None, fx=0.44, fy=0.44, interpolation=cv2.INTER_AREA)
    rng = np.random.default_rng(0)
    clouds = cv2.resize(rng.uniform(40, 200, (12, 16, 3)).astype(np.float32), (width, height))
    photo = clouds.astype(np.uint8)
    left, top = place
    photo[top : top + len(face), left : left + len(face[0])] = face
    start = process_time()
    (found,) = find_faces(photo)
    seconds = process_time() - start
    assert 24 < found.eye_px < 30
    middle = found.landmarks[:, :2].mean(0) - place
    assert np.all((middle > 0) & (middle < [len(face[0]), len(face)]))
    assert np.all((found.tile[:2] < middle + place) & (middle + place < found.tile[2:]))
    assert seconds < 2.0 * max(1, width * height / 24e6) * 2  # on a busy machine it takes twice


def test_small_faces_are_numbered_too(picture: np.ndarray) -> None:
    wall = np.full((2000, 6000, 3), 128, np.uint8)
    for scale, left in ((0.5, 4500), (0.6, 700)):
        face = cv2.resize(picture[0:260, 90:370], None, fx=scale, fy=scale)
        wall[900 : 900 + len(face), left : left + len(face[0])] = face
    assert [face.landmarks[:, 0].mean() > 4000 for face in find_faces(wall)] == [False, True]


def test_a_dog_does_not_hide_the_person_behind_it(picture: np.ndarray, real: Path) -> None:
    scene = np.full((2400, 3200, 3), 128, np.uint8)
    dog = read(real / "portrait_hard" / "liveportrait_animal_shiba_s25.jpg")
    dog = cv2.resize(dog, (900, round(900 * dog.shape[0] / dog.shape[1])))
    scene[-len(dog) :, :900] = dog
    face = cv2.resize(picture[0:260, 90:370], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    scene[300 : 300 + len(face), 2500 : 2500 + len(face[0])] = face
    assert look(scene).landmarks[:, 0].min() > 2500


def test_the_report_says_where_it_was_found(picture: np.ndarray) -> None:
    assert "found in the whole picture" in str(report(picture, None, "me.png"))
    face = cv2.resize(picture[0:260, 90:370], None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA)
    wall = np.full((3000, 4000, 3), 128, np.uint8)
    wall[2000 : 2000 + len(face), 2900 : 2900 + len(face[0])] = face
    seen = report(wall, None, "wall.png")
    assert re.search(r"2[45] px between .* found in the tile \d+x\d+ at \d+, \d+\n", str(seen))
    left, top, right, bottom = seen.as_dict()["faces"][0]["tile"]
    assert left < 2950 < right
    assert top < 2050 < bottom


def test_two_faces_largest_first_and_by_number(picture: np.ndarray) -> None:
    small = cv2.resize(picture, (256, 256), interpolation=cv2.INTER_AREA)
    both = np.full((512, 800, 3), 128, np.uint8)
    both[:, :512], both[100:356, 530:786] = picture, small
    assert len(find_faces(both)) == 2
    assert look(both).landmarks[:, 0].mean() < 512 < look(both, 2).landmarks[:, 0].mean()
    with pytest.raises(RequestError, match=r"--face 7 .* shows 2 faces"):
        look(both, 7)


def test_nobody_there() -> None:
    with pytest.raises(NoFace, match=r"in wall\.png \(300 x 300 pixels\).*24 pixels.*crop"):
        look(np.full((300, 300, 3), 90, np.uint8), name="wall.png")


def test_too_small_says_how_much(picture: np.ndarray) -> None:
    tiny = cv2.resize(picture, (120, 120), interpolation=cv2.INTER_AREA)
    with pytest.raises(NoFace, match=r"too small: \d+ pixels .* at least 24"):
        look(tiny)


@pytest.mark.parametrize("name", ["shiba_s25", "cat_s39", "alpaca_small_s36", "monkey_s22"])
def test_an_animal_is_refused(real: Path, name: str) -> None:
    with pytest.raises(NoFace, match=r"No face was found|not a human face"):
        look(read(real / "portrait_hard" / f"liveportrait_animal_{name}.jpg"))


def turned(picture: np.ndarray, degrees: float) -> np.ndarray:
    height, width = picture.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    made = cv2.warpAffine(picture, turn, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(made, np.uint8)


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mirrored": lambda a: a[:, ::-1],
    "smaller": lambda a: cv2.resize(a, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA),
    "turned": lambda a: turned(a, 10),
    "turned back": lambda a: turned(a, -10),
    "darker": lambda a: (255 * (a / 255) ** 1.6).astype(np.uint8),
    "grey": lambda a: a.mean(-1, keepdims=True).repeat(3, -1).astype(np.uint8),
}
"""Small changes that change no verdict."""


@pytest.mark.parametrize("change", CHANGES)
def test_an_animal_stays_one(real: Path, change: str) -> None:
    for name in ("monkey_s22", "shiba_s25"):
        picture = read(real / "portrait_hard" / f"liveportrait_animal_{name}.jpg")
        with pytest.raises(NoFace, match=r"No face was found|not a human face|too small"):
            look(CHANGES[change](picture))


@pytest.mark.parametrize("change", CHANGES)
def test_a_person_stays_one(picture: np.ndarray, change: str) -> None:
    (found,) = find_faces(CHANGES[change](picture))
    assert doubt(found, fit(found.landmarks[None])) < -2


def test_a_verdict_is_the_same_in_the_mirror(real: Path) -> None:
    for name in ("sadtalker_happy_woman_a_happy.png", "eamm_monalisa_crop_mona.png"):
        whole = read(real / "portrait" / name)
        as_it_is, mirrored = (find_faces(view)[0] for view in (whole, whole[:, ::-1]))
        assert as_it_is.certainty == pytest.approx(mirrored.certainty, abs=0.05)
        assert as_it_is.dispute == pytest.approx(mirrored.dispute, abs=0.02)


def test_each_sign_of_an_animal_counts(picture: np.ndarray) -> None:
    (found,) = find_faces(picture)
    held = fit(found.landmarks[None])
    plain = doubt(found, held)
    for worse in (
        replace(found, steadiness=3 * found.steadiness),
        replace(found, dispute=3 * found.dispute),
        replace(found, certainty=found.certainty - 0.4),
    ):
        assert doubt(worse, held) > plain + 0.3
    assert doubt(found, replace(held, residual=2 * held.residual)) > plain
    assert len(signs(found, held)) == 4 + len(held.identity)


@pytest.mark.parametrize("degrees", [135, 180, 225])
def test_a_face_that_is_upside_down_is_called_so(picture: np.ndarray, degrees: int) -> None:
    with pytest.raises(NoFace, match=r"in me\.png is upside down\. Turn the picture by 180"):
        look(turned(picture, degrees), name="me.png")


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
    golden("certainty", [tracked.certainty], 0.02)
    golden("doubt", [doubt(tracked, fit(tracked.landmarks[None]))], 0.3)
