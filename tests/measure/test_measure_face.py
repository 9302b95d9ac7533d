"""Metrics of faces: by hand, on faces whose movement is known."""

from __future__ import annotations

import numpy as np
import pytest

from vivavoce.look import face478, landmarks68
from vivavoce.measure.metrics import face
from vivavoce.types import ARKIT_INDEX, OUTER_EYES, SAMPLES_PER_FRAME, Float, lip_gap


def still(frames: int = 6) -> Float:
    """The mean head in a picture of 256 px [T, 478, 3], y down."""
    model = face478.load()
    points = model.vertices(np.zeros(len(model.identity)), np.zeros(52))
    eyes = np.linalg.norm(points[OUTER_EYES[0], :2] - points[OUTER_EYES[1], :2])
    points = points * (80 / eyes) * np.array([1, -1, 1])  # the model's y goes up
    points[:, :2] += 128 - points[:, :2].mean(0)
    return points[None].repeat(frames, 0).astype(np.float32)


def opened(gaps: np.ndarray) -> Float:
    """The mean head whose lower lip hangs `gaps` px lower in each frame."""
    points = still(len(gaps))
    lower = [14, 87, 317, 178, 402, 88, 318, 95, 324]
    points[:, lower, 1] += gaps[:, None]
    return points


def test_the_68_points_are_68_different_ones() -> None:
    assert len(landmarks68.FACE_68) == 48
    assert len(landmarks68.MOUTH_68) == 20
    assert len(set(landmarks68.FACE_68 + landmarks68.MOUTH_68)) == 68
    assert len(set(face.UPPER)) == len(face.UPPER)


def test_the_68_points_lie_as_in_ibug() -> None:
    """Jaw from one side to the other, brows above eyes above nose above mouth above chin."""
    p = still(1)[0, [*landmarks68.FACE_68, *landmarks68.MOUTH_68], :2]
    assert (np.diff(p[:17, 0]) > 0).all() or (np.diff(p[:17, 0]) < 0).all()
    assert p[:17, 1].argmax() == 8
    heights = [p[a:b, 1].mean() for a, b in ((17, 27), (36, 48), (31, 36), (48, 68), (7, 10))]
    assert heights == sorted(heights)
    side = np.sign(p[16, 0] - p[0, 0])
    for a, b in ((48, 54), (60, 64), (36, 39), (42, 45), (17, 21), (22, 26), (31, 35)):
        assert side * (p[b, 0] - p[a, 0]) > 0
    for upper, lower in ((51, 57), (62, 66), (50, 58), (52, 56), (61, 67), (63, 65), (37, 41)):
        assert p[upper, 1] < p[lower, 1]
        assert abs(p[upper, 0] - p[lower, 0]) < 12


def test_lmd_does_not_mind_where_the_mouth_is() -> None:
    true = opened(np.arange(6.0))
    assert face.lmd(true + np.array([7, -3, 0]), true, 256) == pytest.approx(0, abs=1e-4)
    assert face.lmd(true + np.array([3, -4, 0]), true, 256, mouth=False) == pytest.approx(5)
    assert face.lmd(2 * true, 2 * opened(np.zeros(6)), 512) == pytest.approx(
        face.lmd(true, opened(np.zeros(6)), 256), rel=1e-5
    )


def test_lmd_by_hand() -> None:
    true, made = still(2), still(3)  # the third frame has no partner
    made[:, landmarks68.MOUTH_68[0], 0] += 20
    expected = (19 * 1 + 19) / 20  # the centroid goes 1 px along; the point itself is 19 px off
    assert face.lmd(made, true, 256) == pytest.approx(expected, abs=1e-4)
    assert face.lmd(made, true, 256, mouth=False) == pytest.approx(20 / 68, abs=1e-4)


def test_emotional_vertex_error_by_hand() -> None:
    true, made = np.zeros((4, 52), np.float32), np.zeros((5, 52), np.float32)
    brow = ARKIT_INDEX["browInnerUp"]
    made[:2, brow] = 0.5
    moves = 0.5 * face478.load().expression[brow][list(face.UPPER)]
    expected = 0.5 * (moves**2).sum(1).max()  # in two of four frames
    assert expected > 1e-5
    assert face.emotional_vertex_error(made, true) == pytest.approx(expected, rel=1e-3)
    jaw = np.zeros((4, 52), np.float32)
    jaw[:, ARKIT_INDEX["jawOpen"]] = 1
    lips = (face478.load().expression[ARKIT_INDEX["jawOpen"]] ** 2).sum(1).max()
    assert face.emotional_vertex_error(jaw, true) < 0.01 * lips  # not what this is about


def test_cosine_and_ages() -> None:
    assert face.cosine(np.array([3.0, 4]), np.array([4.0, 3])) == pytest.approx(0.96)
    assert face.cosine(np.array([1.0, 0]), np.array([-2.0, 0])) == pytest.approx(-1)
    near, far = (
        face.cosine(face.age_profile(np.array([30.0])), face.age_profile(np.array([a])))
        for a in (33.0, 60.0)
    )
    assert 0.9 < near <= 1
    assert far < 0.2
    assert face.age_profile(np.array([25.0])).argmax() == 2


def test_head_diversity_by_hand() -> None:
    poses = np.array([[0, 0, 0], [10, 4, 0], [0, 0, 0], [10, 4, 0]], np.float32)
    assert face.head_diversity(poses) == pytest.approx((5 + 2 + 0) / 3)
    assert face.head_diversity(poses[:1]) == 0


def test_head_motion_knows_stillness_and_a_slow_turn() -> None:
    t = np.arange(100) / 25
    turn = np.zeros((100, 3))
    assert face.head_motion(turn) == 0
    turn[:, 0] = 6 * np.sin(2 * np.pi * t / 4)  # a turn in 4 s: half-second means keep it
    assert face.head_motion(turn) == pytest.approx(6 / np.sqrt(2) / np.sqrt(2), rel=0.06)


def speech_with_silence(frames: int, silent: slice) -> Float:
    rng = np.random.default_rng(0)
    samples = 0.2 * rng.standard_normal(frames * SAMPLES_PER_FRAME)
    samples[silent.start * SAMPLES_PER_FRAME : silent.stop * SAMPLES_PER_FRAME] = 0
    return samples.astype(np.float32)


def test_silent_lips_are_judged_in_silence_alone() -> None:
    samples = speech_with_silence(50, slice(20, 40))
    talking = np.where((np.arange(50) < 18) | (np.arange(50) >= 42), 8.0 * (np.arange(50) % 2), 2.0)
    assert face.silent_lips(opened(talking), samples) == pytest.approx(0, abs=1e-6)
    trembling = talking + np.where(np.arange(50) % 2, 1.0, 0.0)
    found = face.silent_lips(opened(trembling), samples)
    gap = lip_gap(opened(trembling))[22:38]
    assert found == pytest.approx(np.std(gap), rel=0.05)
    assert found > 0.003


def test_speech_without_silence_and_silence_without_speech() -> None:
    lips = opened(4.0 * (np.arange(50) % 2))
    assert np.isnan(face.silent_lips(lips, speech_with_silence(50, slice(0, 0))))
    nothing = np.zeros(50 * SAMPLES_PER_FRAME, np.float32)
    assert face.silent_lips(lips, nothing) == pytest.approx(np.std(lip_gap(lips)), rel=0.05)
    assert np.isnan(face.silent_lips(lips, np.zeros(100, np.float32)))


def test_style_diversity_is_the_mean_distance_of_pairs() -> None:
    features = np.array([[0.0, 0], [3, 4], [0, 8]])
    assert face.style_diversity(features) == pytest.approx((5 + 8 + 5) / 3)
    assert face.style_diversity(features[:1].repeat(3, 0)) == 0
    assert face.style_diversity(features[:1]) == 0


def test_velocities_of_a_known_motion() -> None:
    """All points go 2 px a frame, 22.5 degrees below the right: middle of the fifth direction."""
    step = 2 * np.array([np.cos(np.pi / 8), np.sin(np.pi / 8)])
    moving = still(33)
    moving[:, :, :2] += np.arange(33)[:, None, None] * step
    speed, change = face.velocities(moving)
    assert speed.shape == (3, 68 * 8)  # 32 velocities: windows at 0, 8, 16
    expected = np.zeros((3, 68, 8))
    expected[..., 4] = 16 * np.log1p(2 * 256 / 80)
    assert speed.reshape(3, 68, 8) == pytest.approx(expected, rel=1e-3)
    assert np.abs(change).max() < 0.1  # nothing is accelerated
    back, _ = face.velocities(moving[::-1])
    assert back.reshape(3, 68, 8).argmax(2).tolist() == np.full((3, 68), 0).tolist()


def test_velocities_do_not_depend_on_the_picture_size() -> None:
    moving = still(20) + np.random.default_rng(0).standard_normal((20, 1, 3)).cumsum(0)
    one, two = face.velocities(moving)[0], face.velocities(3 * moving)[0]
    assert one == pytest.approx(two, rel=1e-3, abs=1e-3)
    short, _ = face.velocities(moving[:5])
    assert short.shape == (1, 68 * 8)
    assert short.sum() > 0
