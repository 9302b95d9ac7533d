"""Geometry that checkpoints and sets depend on: squares, boxes, drawings, fits, codes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from known import brief, filled, numbers, tensor
from vivavoce.errors import UnknownName
from vivavoce.look import face478
from vivavoce.look.boxes import face_box, mouth_box
from vivavoce.look.crop import RULES, cropped, moved, squares
from vivavoce.look.face import frame
from vivavoce.look.follow import filled as without_holes
from vivavoce.look.follow import frontal, gaze
from vivavoce.look.landmark_motion import LandmarkMotion
from vivavoce.look.landmarks68 import ALL_68, MOUTH_68
from vivavoce.look.motion_codes import MotionCodes, hidden_mouth, within
from vivavoce.look.visual_encoder import VisualEncoder
from vivavoce.types import ARKIT_INDEX, NECK, rotation_matrix

Golden = Callable[..., None]


def points(frames: int = 20, pose: np.ndarray | None = None, **doing: float) -> np.ndarray:
    """Landmarks [T, 478, 3] px of the mean face in a picture of 640x480, 100 px between the eyes.

    It wanders to the right and down, and grows.
    """
    model = face478.load()
    expression = np.zeros((frames, 52), np.float32)
    for name, amount in doing.items():
        expression[:, ARKIT_INDEX[name]] = amount
    shape = model.vertices(np.zeros(len(model.identity), np.float32), expression)
    if pose is not None:
        shape = np.einsum("tij,tvj->tvi", rotation_matrix(pose[:, :3]), shape)
    t = np.linspace(0, 1, frames)[:, None]
    size = 100 * (1 + 0.2 * t[..., None])
    middle = np.stack([300 + 40 * t, 220 + 20 * t, 0 * t], -1)
    return (size * shape * [1, -1, -1] + middle).astype(np.float32)


@pytest.mark.parametrize("rule", RULES)
def test_squares(rule: str, golden: Golden) -> None:
    golden(f"squares, {rule}", squares(points(), 640, 480, rule)[[0, 7, -1]], atol=0.05)
    golden(f"squares of few frames, {rule}", squares(points(5), 640, 480, rule)[[0, -1]], atol=0.05)


def test_squares_hold_the_face_where_their_rule_says() -> None:
    seen = points()
    for rule, height in (("portrait", 0.44), ("close", 0.42)):
        left, top, side = squares(seen, 640, 480, rule)[0]
        eyes = np.median(seen[:, [33, 263], :2].mean(1), 0)
        assert (eyes[1] - top) / side == pytest.approx(height, abs=1e-3)
        assert (eyes[0] - left) / side == pytest.approx(0.5, abs=0.02)
    tracked = squares(seen, 640, 480, "tracked")
    assert tracked[-1, 0] > tracked[0, 0] + 10
    assert squares(seen, 640, 480, "lrs")[0].tolist() == [80, 0, 480]
    assert squares(10 * seen, 640, 480, "portrait")[0, 2] == pytest.approx(1.25 * 640)
    with pytest.raises(UnknownName, match="crop rule"):
        squares(seen, 640, 480, "portrate")


@pytest.mark.parametrize("size", [16, 60, 200])
def test_a_crop_and_its_points_lie_on_each_other(size: int) -> None:
    picture = np.zeros((120, 160, 3), np.uint8)
    picture[50:62, 80:92] = (255, 100, 10)
    places = np.array([[60.0, 20.0, 80.0]])
    (crop,) = cropped([picture], places, size)
    assert crop.shape == (size, size, 3)
    spot = np.tile(np.array([85.5, 55.5, 7.0], np.float32), (1, 478, 1))
    x, y, z = moved(spot, places, size)[0, 0]
    assert (x, y, z) == pytest.approx((25.5 * size / 80, 35.5 * size / 80, 7 * size / 80))
    rows, columns = np.nonzero(crop[..., 0] > 127)
    assert columns.mean() == pytest.approx(x, abs=0.7)
    assert rows.mean() == pytest.approx(y, abs=0.7)
    middle = crop[round(float(y)), round(float(x))]
    assert middle.tolist() == pytest.approx([255, 100, 10], abs=3)
    inside = crop[..., 0] > 127
    assert inside.sum() == pytest.approx((12 * size / 80) ** 2, rel=0.6)


def test_beyond_the_picture_a_crop_repeats_its_edge() -> None:
    picture = np.zeros((40, 40, 3), np.uint8)
    picture[:, 39] = 200
    (crop,) = cropped([picture], np.array([[30.0, -10.0, 40.0]]), 40)
    assert (crop[:, 9:] > 190).all()
    assert (crop[:, :8] < 10).all()


def test_boxes(golden: Golden) -> None:
    seen = points(3)
    golden("face boxes", face_box(seen), atol=0.05)
    golden("mouth boxes", mouth_box(seen), atol=0.05)
    left, top, right, bottom = mouth_box(seen)[0]
    assert right - left == pytest.approx(bottom - top, abs=0.01)
    for i in MOUTH_68:
        assert left < seen[0, i, 0] < right
        assert top < seen[0, i, 1] < bottom
    assert seen[0, 33, 1] < top
    opened = mouth_box(points(3, jawOpen=0.5))[0]
    assert opened[3] - opened[1] == pytest.approx(bottom - top, rel=0.12)
    turned = mouth_box(points(3, np.tile(np.array([0.9, 0, 0, 0, 0, 0]), (3, 1))))[0]
    assert turned[2] - turned[0] == pytest.approx(right - left, rel=0.2)
    assert right - left == pytest.approx(100, rel=0.2)  # an outer-eye distance


def test_the_animated_square(golden: Golden) -> None:
    for height, width in ((480, 640), (1000, 2000), (150, 150)):
        golden(f"animated square in {width}x{height}", frame(points(1)[0], height, width), atol=1)


def test_fit_says_where_the_head_is(golden: Golden) -> None:
    pose = np.zeros((2, 6))
    pose[:, :3] = [[0.2, 0.1, -0.15], [-0.1, -0.2, 0.1]]
    seen = points(2, pose, jawOpen=0.4, eyeBlinkLeft=0.5, mouthSmileRight=0.6)
    found = face478.fit(seen)
    assert np.abs(found.pose[:, :3] - pose[:, :3]).max() < np.radians(4)
    for name, values in vars(found).items():
        golden(f"fit, {name}", values.ravel()[:30], atol=2e-3)
    neck = rotation_matrix(found.pose[:, :3]) @ np.array(NECK)
    middle = seen[:, [33, 263]].mean(1) * [1, -1, -1] / found.scale[:, None]
    assert np.abs(found.pose[:, 3:5] - (middle + neck)[:, :2]).max() < 0.1
    large, low = face478.fit(2 * seen), face478.fit(seen + np.float32([0, 50, 0]))
    assert large.scale == pytest.approx(2 * found.scale, rel=1e-3)
    assert np.allclose(large.pose, found.pose, atol=0.01)  # in eye distances, whatever the size
    assert (low.pose[:, 4] < found.pose[:, 4] - 0.3).all()  # y is up
    scale, rotation, shift = face478.place(seen)
    golden("place", np.concatenate([scale, rotation.ravel(), shift.ravel()]), atol=2e-3)
    on = scale[:, None, None] * np.einsum("tij,vj->tvi", rotation, face478.load().neutral)
    apart = (on + shift[:, None]) * [1, -1, -1] - seen
    assert np.abs(apart[:, list(face478.STABLE)]).max() < 6


def test_the_model_itself(golden: Golden) -> None:
    model = face478.load()
    for name in ("neutral", "expression", "identity", "triangles", "mirror"):
        golden(f"model, {name}", brief(getattr(model, name)))
    numbers_of = numbers(2, len(model.identity), seed=3)
    expression = np.abs(0.3 * numbers(2, 52, seed=4))
    golden("model, vertices", brief(model.vertices(numbers_of[0], expression)))


def test_holes_are_filled_with_straight_lines() -> None:
    frames: list = [np.full((478, 3), v, np.float32) for v in (0, 3, 12)]
    found = [None, frames[0], None, None, frames[1], frames[2], None]
    seen = np.array([f is not None for f in found])
    assert without_holes(found, seen)[:, 5, 1].tolist() == pytest.approx([0, 0, 1, 2, 3, 12, 12])


def test_frontal_undoes_turn_place_and_size() -> None:
    pose = np.tile(np.array([0.3, -0.2, 0.25, 0, 0, 0]), (4, 1))
    front, straight = frontal(points(4, pose), pose), frontal(points(4), np.zeros((4, 6)))
    assert np.abs(front - straight).max() < 1e-3
    assert front[0, 33, 0] == pytest.approx(-0.5, abs=1e-3)  # the person's right, x to the right
    assert front[0, 10, 1] > 0 > front[0, 152, 1]  # y up


def test_gaze_follows_the_irises() -> None:
    seen = points(9)
    still = np.zeros((9, 6))
    seen[3, 468:478, 0] += 5  # both irises to the picture's right
    seen[6, 468:478, 1] -= 5  # up
    found = gaze(seen, still)
    scale = np.linalg.norm(seen[:, 33] - seen[:, 263], axis=1)
    assert found[3, 0] == pytest.approx(np.arcsin(5 / scale[3] / 0.135), abs=0.01)
    assert found[6, 1] == pytest.approx(np.arcsin(5 / scale[6] / 0.135), abs=0.01)
    assert np.abs(found[[0, 1, 4, 8]]).max() < 0.01
    one_eye = points(9)
    one_eye[3, 468:473, 0] += 5
    assert gaze(one_eye, still)[3, 0] == pytest.approx(found[3, 0] / 2, rel=0.1)


def test_the_68_points(golden: Golden) -> None:
    assert len(set(ALL_68)) == 68
    golden("68 points", points(1)[0, list(ALL_68), :2], atol=0.05)
    chain = points(1)[0, list(ALL_68), :2]
    assert (np.diff(chain[:17, 0]) > -1).all()  # the jaw from the picture's left to its right
    assert (np.diff(chain[17:27, 0]) > 0).all()  # brows
    assert (np.diff(chain[27:31, 1]) > 0).all()  # the bridge of the nose, downwards
    assert chain[36, 0] < chain[39, 0] < chain[42, 0] < chain[45, 0]  # corners of the eyes
    assert chain[51, 1] < chain[62, 1] <= chain[66, 1] < chain[57, 1]  # lips, from above


@pytest.mark.parametrize(("axes", "size"), [(2, None), (3, None), (2, 4), (3, 5)])
def test_landmark_motion(axes: int, size: int | None, golden: Golden) -> None:
    space = LandmarkMotion((3, 50, 200, 400), axes, size)
    sizes = np.linspace(0.5, 2, 4 * axes, dtype=np.float32).reshape(4, axes)
    moves = numbers(60, 4, axes, seed=1) * sizes + np.float32(0.3)
    space.fit(moves)
    code = space.code(torch.from_numpy(moves))
    assert code.shape == (60, size or 4 * axes)
    assert code.mean(0).numpy() == pytest.approx(np.zeros(code.shape[1]), abs=1e-4)
    assert code.std(0, unbiased=False).numpy() == pytest.approx(np.ones(code.shape[1]), abs=1e-3)
    golden(f"code, {axes} axes, size {size}", brief(np.abs(code.numpy())), atol=1e-3)
    back = space.movements(code)
    golden(f"movements, {axes} axes, size {size}", brief(back), atol=1e-3)
    if size is None:
        torch.testing.assert_close(back, torch.from_numpy(moves), atol=1e-3, rtol=1e-3)
    else:
        torch.testing.assert_close(space.code(back), code, atol=1e-3, rtol=1e-3)
        assert float((back - torch.from_numpy(moves)).square().mean()) < moves.var()


def test_movements_are_against_the_reference_in_half_pictures() -> None:
    space = LandmarkMotion((33, 263, 13), 2, None)
    reference = points(1)[0]
    later = reference + np.float32([16, -8, 5])
    found = space.of(later[None], reference, 128)
    assert found.shape == (1, 3, 2)
    assert found[0, 0].tolist() == pytest.approx([0.25, -0.125])
    everywhere = space.everywhere(found, reference, 128)
    assert np.abs(everywhere[0] - reference - [16, -8, 0]).max() < 1e-3


def test_points_without_a_movement_go_along_with_their_neighbours(golden: Golden) -> None:
    space = LandmarkMotion((33, 263, 13), 2, None)
    reference = points(1)[0]
    moves = np.zeros((1, 3, 2), np.float32)
    moves[0, 2] = (0.1, 0.3)  # the lips alone
    found = space.everywhere(moves, reference, 640) - reference
    assert found[0, 13, :2].tolist() == pytest.approx([32, 96], abs=0.5)
    assert np.abs(found[0, [33, 263]]).max() < 0.5
    assert found[0, 14, 1] > found[0, 4, 1] > found[0, 168, 1]
    golden("everywhere", brief(found), atol=0.01)
    code = torch.from_numpy(numbers(4, 6, seed=3))
    torch.testing.assert_close(
        torch.from_numpy(space.landmarks(code, reference, 640)),
        torch.from_numpy(space.everywhere(space.movements(code).numpy(), reference, 640)),
    )
    whole = LandmarkMotion(tuple(range(478)), 2, 20)
    moves = numbers(1, 478, 2, seed=2)
    apart = whole.everywhere(moves, reference, 640)[..., :2] - reference[:, :2]
    assert apart == pytest.approx(320 * moves, abs=0.01)


def test_motion_codes(golden: Golden) -> None:
    net = filled(MotionCodes(12, 4))
    f = tensor(3, 12, seed=50)
    with torch.no_grad():
        golden("motion, directions", net.directions())
        golden("motion, amounts", net.amounts(f))
        golden("motion, f_m", net(f))
        still, motion = net.split(f)
        torch.testing.assert_close(still + motion, f)
        torch.testing.assert_close(motion, net.amounts(f) @ net.directions().T)
        torch.testing.assert_close(
            net.directions().T @ net.directions(), torch.eye(4), atol=1e-5, rtol=0
        )


def test_the_hidden_mouth() -> None:
    boxes = torch.tensor([[10.0, 12.0, 20.0, 22.0]])
    inside = within(boxes, 32, 0.2)[0, 0]  # 2 px more at the sides and below, none above
    rows, columns = torch.nonzero(inside, as_tuple=True)
    assert (int(columns.min()), int(columns.max())) == (8, 21)
    assert (int(rows.min()), int(rows.max())) == (12, 23)
    pictures = torch.ones(1, 3, 32, 32)
    hidden = hidden_mouth(pictures, boxes)
    assert not hidden[0, :, 12:22, 10:20].any()
    assert hidden[0, :, :12].all()
    assert int(hidden[0, 0, 15].sum()) == 32 - 12  # 1.5 px more at either side: pixels 9 to 20


def test_the_visual_encoder(golden: Golden) -> None:
    net = filled(VisualEncoder(32, {32: 4, 16: 5, 8: 6, 4: 7}, 9))
    pictures = tensor(2, 3, 32, 32, seed=50)
    with torch.no_grad():
        code, maps = net(pictures)
        assert [m.shape[-1] for m in maps] == [8, 16, 32]
        golden("encoder, code", code)
        for i, found in enumerate(maps):
            golden(f"encoder, maps {i}", brief(found))
