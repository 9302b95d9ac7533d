from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from vivavoce.errors import BadCheckpoint, RequestError
from vivavoce.look import face478, look
from vivavoce.look.track import find_faces
from vivavoce.render.repair import RepairNet
from vivavoce.render.scene import LONGEST_SIDE, sample
from vivavoce.render.warp import Renderer, _finely
from vivavoce.types import ARKIT, ARKIT_INDEX, Face, Motion, lip_gap

JAW_GAP = 0.36
"""Inner-lip gap that jawOpen = 1 makes, in outer-eye distances."""


def motion(frames: int = 1, pose: tuple = (), gaze: tuple = (0, 0), **actions: float) -> Motion:
    expression = np.zeros((frames, len(ARKIT)), np.float32)
    for name, value in actions.items():
        for side in ("", "Left", "Right"):
            if name + side in ARKIT_INDEX:
                expression[:, ARKIT_INDEX[name + side]] = value
    turn = np.zeros((frames, 6), np.float32)
    turn[:, : len(pose)] = pose
    return Motion(expression, turn, np.tile(np.float32(gaze), (frames, 1)))


@pytest.fixture(scope="module")
def smiling(astronaut: Path) -> Face:
    return look(np.asarray(Image.open(astronaut).convert("RGB")))


@pytest.fixture(scope="module")
def renderer(smiling: Face) -> Renderer:
    return Renderer(smiling, face478.load(), 512)


@pytest.fixture(scope="module")
def closed(real: Path) -> Face:
    """A painting with closed lips."""
    picture = Image.open(real / "portrait/anitalker_monalisa_monalisa.jpg").convert("RGB")
    return look(np.asarray(picture))


def tracked(frame: np.ndarray) -> np.ndarray:
    return find_faces(frame)[0].landmarks


def test_reading_the_enlarged_picture_is_as_good_as_cubic_interpolation(renderer: Renderer) -> None:
    image = renderer.scene.image
    rows, columns = np.mgrid[40:400, 40:400].astype(np.float32)
    places = np.stack([columns + 0.37 + 0.02 * rows, rows - 0.21 + 0.01 * columns], -1)
    exact = sample(image, places, kind=cv2.INTER_CUBIC).astype(float)
    fine = sample(renderer.fine, _finely(places)).astype(float)
    plain = sample(image, places).astype(float)
    assert np.mean((fine - exact) ** 2) < 0.2  # over 55 dB
    assert np.mean((fine - exact) ** 2) < np.mean((plain - exact) ** 2) / 5
    assert np.array_equal(renderer.fine[1::3, 1::3], image)


def test_no_motion_returns_the_picture(closed: Face) -> None:
    renderer = Renderer(replace(closed, expression=np.zeros(52, np.float32)), face478.load(), 512)
    frame = renderer.render(motion())[0]
    assert np.abs(frame.astype(int) - renderer.scene.still).max() <= 1


def test_the_pictures_own_open_mouth_returns_the_picture(renderer: Renderer) -> None:
    still = np.zeros((1, 6), np.float32)
    frame = renderer.draw(renderer.shape.source[None], still, still[:, :2])[0]
    assert np.abs(frame.astype(int) - renderer.scene.still).max() <= 1


def test_lips_close_and_open_as_wanted_measured_on_the_frames(renderer: Renderer) -> None:
    jaw = [0, 0.12 / JAW_GAP, 0.2 / JAW_GAP]
    frames = [renderer.render(motion(jawOpen=value))[0] for value in jaw]
    gaps = [float(lip_gap(tracked(frame))) for frame in frames]
    assert gaps[0] < 0.03
    assert gaps[1] > 0.10
    assert gaps[2] > gaps[1] + 0.04


def test_a_blink_closes_the_eyes(renderer: Renderer) -> None:
    def height(frame: np.ndarray) -> float:
        points = tracked(frame)
        return float(np.linalg.norm(points[159, :2] - points[145, :2]))

    def dark(frame: np.ndarray) -> float:
        eye = renderer.scene.landmarks[[33, 133, 159, 145], :2] - renderer.origin
        (left, top), (right, bottom) = eye.min(0).astype(int), eye.max(0).astype(int)
        return float((cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)[top:bottom, left:right] < 60).mean())

    open_eyes, shut = renderer.render(motion())[0], renderer.render(motion(eyeBlink=1))[0]
    assert height(shut) < 0.6 * height(open_eyes)
    assert dark(shut) < 0.6 * dark(open_eyes)


def test_the_head_turns_the_way_the_signs_say(renderer: Renderer) -> None:
    rest = tracked(renderer.render(motion())[0])
    right = tracked(renderer.render(motion(pose=(0.12,)))[0])
    up = tracked(renderer.render(motion(pose=(0, 0.1)))[0])
    rolled = tracked(renderer.render(motion(pose=(0, 0, 0.08)))[0])
    assert (right - rest)[1, 0] > 5
    assert (up - rest)[1, 1] < -5
    assert (rolled - rest)[10, 0] > 5


def test_gaze_moves_the_irises_and_not_the_lids(renderer: Renderer) -> None:
    rest = tracked(renderer.render(motion())[0])
    right = tracked(renderer.render(motion(gaze=(0.3, 0)))[0])
    moved = (right - rest)[:, 0]
    corners = abs(moved[[33, 133, 362, 263]]).mean()
    assert moved[[468, 473]].min() > 1.5 + corners


def test_the_background_does_not_change_at_all(renderer: Renderer) -> None:
    still = renderer.rig.follow_map == 0
    still = cv2.resize(still.astype(np.uint8), renderer.size, interpolation=cv2.INTER_NEAREST)
    still = cv2.erode(still, np.ones((75, 75)))  # a triangle of the sheet may reach this far
    frame = renderer.render(motion(pose=(0.2, -0.15, 0.1), jawOpen=0.7))[0]
    assert still.mean() > 0.01
    assert (frame[still > 0] == renderer.scene.still[still > 0]).all()


def test_the_same_motion_makes_the_same_frames_in_any_chunks(renderer: Renderer) -> None:
    whole = motion(4, pose=(0.05, 0.02, 0.01), jawOpen=0.3, eyeBlink=0.4)
    frames = renderer.render(whole)
    assert (renderer.render(whole) == frames).all()
    parts = np.concatenate([renderer.render(whole[:1]), renderer.render(whole[1:])])
    assert (parts != frames).mean() < 1e-3  # sums of another length round differently


def test_the_whole_picture_has_no_seam_around_the_window(smiling: Face) -> None:
    renderer = Renderer(smiling, face478.load(), None)
    frame = renderer.render(motion(pose=(0.15, 0.1, 0.08), jawOpen=0.5))[0]
    left, top, right, bottom = renderer.scene.window
    changed = (frame != renderer.scene.still).any(-1)
    height, width = changed.shape
    assert height % 2 == width % 2 == 0
    assert changed.any()
    outside = changed.copy()
    outside[top:bottom, left:right] = False
    assert not outside.any()
    if left > 0:
        assert not changed[:, left].any()
    if right < width:
        assert not changed[:, right - 1].any()
    if bottom < height:
        assert not changed[bottom - 1].any()


def test_a_huge_picture_is_rendered_within_the_limit(smiling: Face) -> None:
    zoom = 8
    picture = cv2.resize(smiling.picture, None, fx=zoom, fy=zoom)
    huge = replace(
        smiling,
        picture=picture,
        landmarks=smiling.landmarks * zoom,
        matte=cv2.resize(smiling.matte, None, fx=zoom, fy=zoom),
        box=tuple(edge * zoom for edge in smiling.box),
    )
    frame = Renderer(huge, face478.load(), None).render(motion(jawOpen=0.3))[0]
    assert max(frame.shape[:2]) == LONGEST_SIDE


def test_foreign_motion_is_refused(renderer: Renderer) -> None:
    foreign = Motion(np.zeros((1, 53)), np.zeros((1, 6)), np.zeros((1, 2)), space="flame53")
    with pytest.raises(RequestError, match="'flame53'"):
        renderer.render(foreign)


def test_an_untrained_repair_network_changes_nothing(smiling: Face, renderer: Renderer) -> None:
    repaired = Renderer(smiling, face478.load(), 512, RepairNet())
    speech = motion(jawOpen=0.4, eyeBlink=1)
    assert (repaired.render(speech) == renderer.render(speech)).all()


def test_a_damaged_repair_network_is_named(tmp_path: Path) -> None:
    (tmp_path / "repair.safetensors").write_bytes(b"nothing")
    with pytest.raises(BadCheckpoint, match=r"repair\.safetensors is damaged"):
        RepairNet.load(tmp_path / "repair.safetensors")
