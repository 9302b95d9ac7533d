"""Blinks, turns and shake of a face model that is moved by a known amount."""

from __future__ import annotations

import numpy as np
import pytest

from vivavoce.look.face478 import load
from vivavoce.measure.metrics import motion
from vivavoce.types import ARKIT, ARKIT_INDEX, FPS, rotation_matrix


def landmarks(yaw: np.ndarray, blink: np.ndarray | float = 0.0) -> np.ndarray:
    """Picture points [T, 478, 3] of the mean face turned by `yaw` [T] degrees."""
    expression = np.zeros((len(yaw), len(ARKIT)), np.float32)
    for side in ("Left", "Right"):
        expression[:, ARKIT_INDEX["eyeBlink" + side]] = blink
    shape = load().vertices(np.zeros(len(load().identity), np.float32), expression)
    angles = np.radians(np.stack([yaw, 0 * yaw, 0 * yaw], -1))
    turned = np.einsum("tij,tvj->tvi", rotation_matrix(angles), shape)
    return turned * np.array([120, -120, -120]) + np.array([256, 256, 0])


def test_blinks_are_counted_once_each_and_long_closures_not_at_all() -> None:
    open_eyes = np.full(10 * FPS, 0.3)
    open_eyes += 0.01 * np.random.default_rng(0).normal(size=len(open_eyes))
    for at in (30, 31, 32, 100, 101, 180, 181, 182, 183):
        open_eyes[at] = 0.08
    open_eyes[205:230] = 0.05  # a second: closed, not a blink
    found = motion.blinks(open_eyes)
    assert len(found) == 3
    assert 30 <= found[0] <= 32
    assert found[1] in (100, 101)


def test_blinks_are_seen_in_landmarks() -> None:
    blink = np.zeros(50)
    blink[20:24] = (0.5, 1, 1, 0.5)
    points = landmarks(np.zeros(50), blink)
    assert len(motion.blinks(motion.eye_opening(points))) == 1


def test_head_turn_is_the_pooled_deviation_in_degrees() -> None:
    yaw = 4 * np.sin(np.arange(100) * 0.04)
    found = motion.head_turn(motion.head_pose(landmarks(yaw)))
    assert found == pytest.approx(np.sqrt(yaw.var() / 2), rel=0.05)
    assert motion.head_turn(motion.head_pose(landmarks(np.zeros(30)))) < 0.01


def test_head_turn_does_not_count_what_shakes_from_frame_to_frame() -> None:
    jitter = np.random.default_rng(0).normal(size=(200, 3))
    assert motion.head_turn(jitter) < 0.4


def test_same_movement_is_not_apart_and_another_is() -> None:
    yaw = 4 * np.sin(np.arange(100) * 0.2)
    a, b = (motion.head_pose(landmarks(y)) for y in (yaw, -yaw))
    assert motion.apart(a, a) == 0
    assert motion.apart(a, b) == pytest.approx(np.sqrt((4 * yaw**2).mean() / 2), rel=0.08)


def test_shake_is_the_second_difference_over_the_eye_distance() -> None:
    still = landmarks(np.zeros(20))
    assert motion.shake(still) == 0
    still[::2, :, 0] += 1.2  # to and fro by 0.01 of the eye distance of 120 px
    assert motion.shake(still) == pytest.approx(0.02, rel=0.01)
    steady = landmarks(np.zeros(20))
    steady[:, :, 0] += 3.0 * np.arange(20)[:, None]  # even movement is not shake
    assert motion.shake(steady) == pytest.approx(0, abs=1e-9)


def test_frames_without_a_face_are_left_out() -> None:
    points = landmarks(np.linspace(-3, 3, 40))
    points[10:12] = np.nan
    assert motion.seen(points).sum() == 38
    assert np.isfinite(motion.head_turn(motion.head_pose(points)))
    assert np.isfinite(motion.shake(points))
