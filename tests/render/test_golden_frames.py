"""Frames of a known face under known motions, and what draws them: the numbers held so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from known import brief, filled, numbers, overall, tensor
from vivavoce.data.corpus.draw import Painter
from vivavoce.data.corpus.people import draw_person
from vivavoce.look.boxes import face_box
from vivavoce.look.face478 import fit, load
from vivavoce.look.landmarks68 import ALL_68
from vivavoce.render.flow_generator import FlowGenerator, fuse, slots_of
from vivavoce.render.from_landmarks import GRID, GUIDES, LandmarkRenderer, enlarged, field, guides
from vivavoce.render.landmark_drawing import draw_landmarks, face_mask
from vivavoce.render.light import measure
from vivavoce.render.lipline import snap
from vivavoce.render.paste import paste
from vivavoce.render.repair import REGIONS, RepairNet, stack
from vivavoce.render.warp import Renderer
from vivavoce.types import (
    ARKIT,
    ARKIT_INDEX,
    INNER_LOWER_LIP,
    INNER_UPPER_LIP,
    Face,
    Motion,
    lip_gap,
)

Golden = Callable[..., None]
SIDE = 192
NEAR_EYES = {"right": (33, 133), "left": (263, 362)}


def drawn(**doing: float) -> Face:
    """A corpus person, as a tracker that makes no mistakes would see them."""
    row = np.zeros(52, np.float32)
    for name, value in doing.items():
        row[ARKIT_INDEX[name]] = value
    still = np.zeros(6, np.float32)
    made = Painter(draw_person(3, 5), 256).frame(row, still, still[:2])
    points = made.landmarks
    if not doing.get("jawOpen"):  # corpus people at rest hold their lips a little apart
        upper, lower = list(INNER_UPPER_LIP), list(INNER_LOWER_LIP)
        points[upper] = points[lower] = (points[upper] + points[lower]) / 2
    found = fit(points[None])
    return Face(
        made.picture, points, found.identity, found.expression[0], found.pose[0],
        (made.labels > 0).astype(np.float32), (20, 10, 244, 234),
    )  # fmt: skip


@pytest.fixture(scope="module")
def closed() -> Face:
    return drawn()


@pytest.fixture(scope="module")
def opened() -> Face:
    return drawn(jawOpen=0.35)


@pytest.fixture(scope="module")
def renderer(closed: Face) -> Renderer:
    return Renderer(closed, load(), SIDE)


def motion(
    pose: tuple[float, ...] = (), gaze: tuple[float, float] = (0, 0), **doing: float
) -> Motion:
    row = np.zeros((1, len(ARKIT)), np.float32)
    for name, value in doing.items():
        row[0, ARKIT_INDEX[name]] = value
    turn = np.zeros((1, 6), np.float32)
    turn[0, : len(pose)] = pose
    return Motion(row, turn, np.array([gaze], np.float32))


MOTIONS = {
    "rest": motion(),
    "turned": motion((0.2, 0.1, -0.1)),
    "moved": motion((0, 0, 0, 0.1, -0.05, 0.1)),
    "speaks": motion(jawOpen=0.4, mouthFunnel=0.3),
    "speaks and turns": motion((-0.15, 0.05, 0.1), jawOpen=0.5, mouthSmileLeft=0.5),
    "blinks": motion(eyeBlinkLeft=0.8, eyeBlinkRight=1.0),
    "looks up and right": motion(gaze=(0.3, 0.2)),
    "looks down and left": motion((0.1,), gaze=(-0.25, -0.3), eyeBlinkLeft=0.2),
}


def around(renderer: Renderer, which: tuple[int, ...], reach: float) -> tuple[slice, slice]:
    """Rows and columns of the frame around these points, `reach` eye distances wide."""
    x, y = (renderer.scene.landmarks[list(which), :2] - renderer.origin).mean(0)
    r = reach * renderer.shape.unit
    return slice(int(y - r), int(y + r)), slice(int(x - r), int(x + r))


@pytest.mark.parametrize("name", MOTIONS)
@pytest.mark.parametrize("mouth", ["closed", "opened"])
def test_frames(
    name: str, mouth: str, closed: Face, opened: Face, renderer: Renderer, golden: Golden
) -> None:
    if mouth == "opened":
        renderer = Renderer(opened, load(), SIDE)
    frame = renderer.render(MOTIONS[name])[0].astype(float)
    change = frame - renderer.scene.still
    golden(f"{mouth}, {name}, change", overall(cv2.resize(change, (24, 24), interpolation=3)), 0.4)
    for part, at in (("mouth", (13, 14)), ("eyes", (133, 362)), ("right eye", (33, 133))):
        rows, columns = around(renderer, at, 0.5 if part == "mouth" else 0.25)
        golden(f"{mouth}, {name}, {part}", overall(frame[rows, columns]), 1.0)


@pytest.mark.parametrize("mouth", ["closed", "opened"])
def test_what_a_renderer_is_made_of(mouth: str, closed: Face, opened: Face, golden: Golden) -> None:
    renderer = Renderer(closed if mouth == "closed" else opened, load(), SIDE)
    light, shape, rig = renderer.light, renderer.shape, renderer.rig
    golden(f"{mouth}, light", [*light.teeth, *light.flesh, *light.cavity, light.blur], 0.01)
    for name in ("unit", "pivot", "rotation", "source", "own", "relaxed", "at_rest"):
        golden(f"{mouth}, {name}", brief(getattr(shape, name)), 2e-3)
    golden(f"{mouth}, lip gaps", shape.lip_gaps(MOTIONS["speaks"].expression), 2e-3)
    for name, moving in MOTIONS.items():
        points = shape.moved(moving)
        golden(f"{mouth}, points, {name}", brief(points - shape.source), 2e-3)
        golden(f"{mouth}, placed, {name}", brief(shape.place(points, moving.pose)), 0.1)
        golden(f"{mouth}, lips, {name}", lip_gap(points), 2e-3)
    golden(f"{mouth}, sheet", brief(rig.points), 0.1)
    golden(f"{mouth}, follow", brief(rig.follow_map), 5e-3)
    golden(f"{mouth}, skin", brief(rig.skin), 5e-3)
    golden(f"{mouth}, deformed", brief(rig.deform(points, MOTIONS["turned"].pose)), 2.0)


def test_who_sleeps_in_the_picture_goes_on_sleeping(golden: Golden) -> None:
    sleeping = drawn(eyeBlinkLeft=1.0, eyeBlinkRight=1.0)
    renderer = Renderer(sleeping, load(), SIDE)
    assert all(eye.asleep for eye in renderer.eyes)
    rest = renderer.shape.moved(motion())
    blink = renderer.shape.moved(motion(eyeBlinkLeft=1.0, eyeBlinkRight=1.0))
    assert np.abs(blink - rest)[0, [159, 386]].max() < 0.02
    golden("sleeping", overall(renderer.render(MOTIONS["speaks and turns"])[0]), 1.0)


def test_the_whole_picture_and_what_lies_beyond_its_edge(closed: Face, golden: Golden) -> None:
    whole = Renderer(closed, load(), None)
    golden("whole", overall(whole.render(MOTIONS["turned"])[0]), 1.0)
    beyond = Renderer(replace(closed, box=(60, -40, 300, 200)), load(), SIDE)
    golden("beyond", overall(beyond.render(MOTIONS["speaks"])[0]), 1.0)
    golden("beyond, landmarks", brief(beyond.scene.landmarks), 0.05)


def centre_of_dark(frame: np.ndarray, window: tuple[slice, slice]) -> np.ndarray:
    """Centre of the darkest tenth [2]: x, y; the iris."""
    grey = frame[window].astype(float).mean(-1)
    rows, columns = np.nonzero(grey <= np.quantile(grey, 0.1))
    return np.array([columns.mean(), rows.mean()])


@pytest.mark.parametrize("which", NEAR_EYES)
def test_gaze_moves_the_iris_where_its_signs_say(which: str, renderer: Renderer) -> None:
    unit, eye = renderer.shape.unit, renderer.eyes[0 if which == "right" else 1]
    assert eye._look(np.array([0.3, 0.0]))[0] == pytest.approx(0.135 * unit * np.sin(0.3), rel=0.01)
    assert eye._look(np.array([0.0, 0.3]))[1] == pytest.approx(
        -0.135 * unit * np.sin(0.3), rel=0.01
    )
    middle = renderer.scene.landmarks[list(NEAR_EYES[which]), :2].mean(0) - renderer.origin
    x, y = middle
    window = (
        slice(int(y - 0.06 * unit), int(y + 0.07 * unit)),
        slice(int(x - 0.13 * unit), int(x + 0.14 * unit)),
    )
    rest = centre_of_dark(renderer.render(motion())[0], window)
    right = centre_of_dark(renderer.render(motion(gaze=(0.35, 0)))[0], window)
    left = centre_of_dark(renderer.render(motion(gaze=(-0.35, 0)))[0], window)
    assert right[0] > rest[0] + 0.5 > left[0] + 1


def test_lids_go_with_the_gaze(renderer: Renderer) -> None:
    shape = renderer.shape
    rest, up, down = (shape.moved(motion(gaze=(0, g)))[0] for g in (0.0, 0.15, -0.3))
    for lid in (159, 386):
        assert up[lid, 1] > rest[lid, 1] > down[lid, 1]


def test_each_eye_blinks_alone_and_each_corner_smiles_alone(renderer: Renderer) -> None:
    shape = renderer.shape
    rest = shape.moved(motion())[0]
    for name, own, other in (("Left", (386, 374), (159, 145)), ("Right", (159, 145), (386, 374))):
        blink = shape.moved(motion(**{f"eyeBlink{name}": 1.0}))[0]
        height = rest[own[0], 1] - rest[own[1], 1]
        assert blink[own[0], 1] - blink[own[1], 1] < 0.1 * height
        assert np.abs(blink[list(other)] - rest[list(other)]).max() < 1e-3
        # the upper lid comes down, the lower one hardly goes up
        assert rest[own[0], 1] - blink[own[0], 1] > 3 * abs(blink[own[1], 1] - rest[own[1], 1])
        smile = shape.moved(motion(**{f"mouthSmile{name}": 1.0}))[0] - rest
        near, far = (291, 61) if name == "Left" else (61, 291)
        assert smile[near, 1] > 0.02 > abs(smile[far, 1])


def test_lips_are_as_far_apart_as_the_model_says(renderer: Renderer) -> None:
    shape = renderer.shape
    for jaw in (0.0, 0.3, 0.6):
        moving = motion(jawOpen=jaw)
        points = shape.moved(moving)
        assert shape._gaps(points) == pytest.approx(shape.lip_gaps(moving.expression), abs=5e-3)
    lower, upper = (np.abs(shape.moved(motion(jawOpen=0.5))[0, i, 1] - shape.source[i, 1])
                    for i in (14, 13))  # fmt: skip
    assert lower > 1.5 * upper


def test_placing_points(renderer: Renderer) -> None:
    shape, still = renderer.shape, np.zeros((1, 6), np.float32)
    rest = shape.place(shape.source[None], still)[0]
    for axis, sign in ((3, (1, 0)), (4, (0, -1))):
        pose = still.copy()
        pose[0, axis] = 0.2
        moved = shape.place(shape.source[None], pose)[0] - rest
        assert moved[:, :2] == pytest.approx(
            np.tile(0.2 * shape.unit * np.array(sign), (478, 1)), abs=1e-2
        )
    seen = np.linalg.norm(rest[:, :2] - renderer.scene.landmarks[:, :2], axis=1)
    assert np.median(seen) < 0.5


def test_the_line_of_closed_lips_is_found(closed: Face, golden: Golden) -> None:
    points = closed.landmarks.copy()
    grey = np.full((256, 256, 3), 180, np.uint8)
    unit = float(np.linalg.norm(points[33] - points[263]))
    line = (points[[78, 13, 308], :2] + [0, 0.03 * unit]).astype(np.int32)
    cv2.polylines(grey, [line[[0, 2]]], False, (20, 20, 20), 2, cv2.LINE_AA)
    moved = snap(grey, points)
    down = (moved - points)[[13, 14, 0, 17, 152], 1] / unit
    assert 0.012 < down[0] < 0.045
    assert down[0] == pytest.approx(down[1], abs=0.01)
    assert 0 < down[2] < down[0]
    assert down[4] == 0
    golden("lip line", brief(moved - points), 0.02)


def test_drawings(closed: Face, opened: Face, golden: Golden) -> None:
    for name, face in (("closed", closed), ("opened", opened)):
        picture = draw_landmarks(face.landmarks / 2, 128)
        for channel in range(3):
            golden(f"drawing, {name}, {channel}", brief(picture[..., channel]), 0.5)
        golden(f"face mask, {name}", brief(face_mask(face.landmarks / 2, 128)), 5e-3)
    shut, wide = (draw_landmarks(f.landmarks / 2, 128)[..., 1] for f in (closed, opened))
    assert (wide == 255).sum() > (shut == 255).sum() + 20
    x, y = (closed.landmarks[468, :2] / 2).round().astype(int)
    assert draw_landmarks(closed.landmarks / 2, 128)[y, x].tolist()[2] == 255
    mask = face_mask(closed.landmarks / 2, 128)
    x, y = (closed.landmarks[1, :2] / 2).astype(int)
    assert mask[y, x] == 1
    assert mask[2, 2] == 0


def test_paste(golden: Golden) -> None:
    picture = np.full((100, 120, 3), 50, np.uint8)
    made = np.zeros((32, 32, 3), np.uint8)
    made[:16], made[16:] = (200, 0, 0), (0, 0, 200)
    out = paste(picture, np.array([20.0, 30.0, 64.0]), made)
    assert (out[:29] == 50).all()
    assert (out[:, :19] == 50).all()
    assert (out[95:] == 50).all()
    assert (out[:, 85:] == 50).all()
    assert out[45, 52].tolist() == [200, 0, 0]
    assert out[80, 52].tolist() == [0, 0, 200]
    golden("paste", brief(out), 0.5)


def test_the_field_goes_from_the_target_to_the_reference(golden: Golden) -> None:
    before, after = tensor(1, 5, 2).clamp(-1, 1) / 2, tensor(1, 5, 2, seed=1).clamp(-1, 1) / 2
    found = field(before, after)
    golden("field", brief(found), 1e-3)
    line = np.linspace(-1, 1, GRID)
    for source, target in zip(before[0].numpy(), after[0].numpy(), strict=True):
        column, row = (int(np.abs(line - v).argmin()) for v in target)
        assert found[0, row, column].numpy() == pytest.approx(source, abs=0.25)
    corner = found[0, 0, 0].numpy()
    assert corner == pytest.approx([-1, -1], abs=0.05)
    same = field(before, before)
    assert same[0, 3, 40].numpy() == pytest.approx([line[40], line[3]], abs=1e-3)


def test_guides_are_places_in_the_square(closed: Face) -> None:
    found = guides(closed.landmarks[None], 256)[0]
    assert found.shape == (len(GUIDES), 2)
    wanted = closed.landmarks[list(GUIDES), :2] / 128 - 1
    assert found.numpy() == pytest.approx(wanted, abs=1e-5)
    assert found[0, 0] < 0 < found[16, 0]  # the ends of the jaw: left, right
    assert len(set(GUIDES)) == len(GUIDES)
    assert GUIDES[:68] == ALL_68
    assert sum(GUIDES[68:]) == 3_312


def test_light_of_a_large_picture(closed: Face, golden: Golden) -> None:
    large = cv2.resize(closed.picture, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    found = measure(large, closed.landmarks * 4, 4 * 71.87)
    golden("light, large", [*found.teeth, *found.flesh, *found.cavity, found.blur], 0.01)


def test_pictures_from_landmarks(golden: Golden) -> None:
    net = filled(LandmarkRenderer((8, 16)))
    reference = tensor(1, 3, 32, 32).tanh()
    drawings = [tensor(1, 3, 32, 32, seed=s).sigmoid() for s in (1, 2)]
    before, after = (tensor(1, 6, 2, seed=s).clamp(-1, 1) / 2 for s in (3, 4))
    with torch.no_grad():
        layers = net.layers(reference, before, after, tuple(drawings))
        golden("from landmarks", brief(net(reference, before, after, tuple(drawings))), 1e-3)
        torch.testing.assert_close(
            net(reference, before, after, tuple(drawings)),
            layers.warped + layers.part * (layers.paint - layers.warped), atol=1e-5, rtol=1e-4,
        )  # fmt: skip
    for name in ("warped", "paint", "part"):
        golden(f"from landmarks, {name}", brief(getattr(layers, name)), 1e-3)
    sharp = np.clip(128 + 60 * numbers(64, 64, 3, seed=5), 0, 255).astype(np.uint8)
    golden("enlarged", brief(enlarged(sharp, layers, 0)), 1.0)
    bare = replace(layers, part=torch.zeros_like(layers.part))
    golden("enlarged, unpainted", brief(enlarged(sharp, bare, 0)), 1.0)
    still = replace(bare, places=field(before, before))
    assert np.abs(enlarged(sharp, still, 0).astype(int) - sharp).max() <= 1


def test_the_flow_generator(golden: Golden) -> None:
    channels = {4: 8, 8: 7, 16: 6}
    net = filled(FlowGenerator(16, channels, 5))
    styles = tensor(2, slots_of(16), 5, seed=50)
    maps = [tensor(1, channels[s], s, s, seed=s) for s in (8, 16)]
    with torch.no_grad():
        made, flows = net.with_flow(styles, maps)
        golden("generator", brief(made))
        for i, flow in enumerate(flows):
            golden(f"generator, flow {i}", brief(flow))
        for slot in range(slots_of(16)):  # every slot is read
            other = styles.clone()
            other[:, slot] += 1
            assert not torch.allclose(net(other, maps), made, atol=1e-4)
        for i in range(len(maps)):  # and every map
            others = [m + 1.0 * (i == j) for j, m in enumerate(maps)]
            assert not torch.allclose(net(styles, others), made, atol=1e-4)


def test_fused_codes() -> None:
    f_id, f_m, f_lip = (tensor(2, 3, seed=s) for s in range(3))
    fused = fuse(f_id, f_m, f_lip, 6, (1, 2, 4), (4, 5))
    wanted = [f_id, f_id + f_m, f_id + f_m, f_id, f_id + f_lip, f_id + f_lip]
    torch.testing.assert_close(fused, torch.stack(wanted, 1))


@pytest.mark.parametrize("number", [0, 1, 2])
def test_regions_that_are_repaired(number: int, closed: Face, opened: Face, golden: Golden) -> None:
    region, name = REGIONS[number], f"region {number}"
    rest, wide = closed.landmarks[:, :2], opened.landmarks[:, :2]
    unit = float(np.linalg.norm(rest[33] - rest[263]))
    matrix = region.matrix(rest, unit)
    golden(f"{name}, matrix", matrix, 0.02)
    golden(f"{name}, crop", brief(region.crop(closed.picture, matrix)), 1.0)
    golden(f"{name}, mask of an open mouth", brief(region.mask(wide, rest, matrix, unit)), 5e-3)
    shut = drawn(eyeBlinkLeft=0.6, eyeBlinkRight=0.9).landmarks[:, :2]
    golden(f"{name}, mask of a blink", brief(region.mask(shut, rest, matrix, unit)), 5e-3)
    assert not region.mask(rest, rest, matrix, unit).any()


def test_repairs(closed: Face, golden: Golden) -> None:
    net = filled(RepairNet())
    asked = stack(
        np.clip(128 + 50 * numbers(2, 64, 64, 3), 0, 255).astype(np.uint8),
        np.clip(128 + 50 * numbers(2, 64, 64, 3, seed=1), 0, 255).astype(np.uint8),
        np.abs(numbers(2, 64, 64, seed=2)).clip(0, 1), True,
    )  # fmt: skip
    golden("repair, asked", brief(asked))
    with torch.no_grad():
        golden("repair, answer", brief(net(asked)), 1e-3)
    repaired = Renderer(closed, load(), SIDE, net)
    bare = Renderer(closed, load(), SIDE)
    moving = motion((0.1,), jawOpen=0.5, eyeBlinkLeft=0.9)
    change = repaired.render(moving)[0].astype(float) - bare.render(moving)[0]
    golden("repair, change", brief(change), 0.3)
    left, top, right, bottom = face_box(repaired.scene.landmarks[None])[0] - np.tile(
        repaired.origin, 2
    )
    outside = np.abs(change).sum(-1)
    outside[int(top) : int(bottom) + 30, int(left) : int(right)] = 0
    assert not outside.any()
