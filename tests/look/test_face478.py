"""The face model and its fitting."""

from __future__ import annotations

import numpy as np
import pytest

from vivavoce.look import face478
from vivavoce.types import ARKIT, ARKIT_INDEX, lip_gap, rotation_angles, rotation_matrix


def made(expression: np.ndarray, pose: np.ndarray, identity: np.ndarray) -> np.ndarray:
    """Landmarks [T, 478, 3] in picture pixels of a face that the model itself makes."""
    model = face478.load()
    shape = model.vertices(identity, expression)
    turned = np.einsum("tij,tvj->tvi", rotation_matrix(pose[:, :3]), shape)
    return (200 * turned * [1, -1, -1] + [320, 240, 0]).astype(np.float32)


def test_the_model_has_the_shapes_it_promises() -> None:
    model = face478.load()
    assert model.neutral.shape == (478, 3)
    assert model.expression.shape == (52, 478, 3)
    assert model.identity.shape[1:] == (478, 3)
    assert model.expression_names == ARKIT
    assert np.linalg.norm(model.neutral[33] - model.neutral[263]) == pytest.approx(1, abs=0.01)
    assert not model.expression[ARKIT_INDEX["tongueOut"]].any()


def test_left_is_the_persons_left() -> None:
    model = face478.load()
    blink = np.linalg.norm(model.expression[ARKIT_INDEX["eyeBlinkLeft"]], axis=1)
    assert model.neutral[blink > blink.max() / 2, 0].min() > 0  # the picture's right


def test_mirror_is_an_involution_that_keeps_the_middle() -> None:
    model = face478.load()
    twin = model.mirror
    assert (twin[twin] == np.arange(478)).all()
    assert np.allclose(model.neutral[twin] * [-1, 1, 1], model.neutral, atol=1e-5)


def test_triangles_face_the_viewer() -> None:
    model = face478.load()
    a, b, c = (model.neutral[model.triangles[:, k]] for k in range(3))
    assert (np.cross(b - a, c - a)[:, 2] > 0).mean() > 0.9


def test_rotation_signs_and_round_trip() -> None:
    nose = np.array([0.0, 0, 1])
    assert (rotation_matrix(np.array([0.3, 0, 0])) @ nose)[0] > 0  # yaw: to the picture's right
    assert (rotation_matrix(np.array([0, 0.3, 0])) @ nose)[1] > 0  # pitch: up
    assert (rotation_matrix(np.array([0, 0, 0.3])) @ [0, 1, 0])[0] > 0  # roll: clockwise
    angles = np.random.default_rng(0).uniform(-0.7, 0.7, (50, 3))
    assert np.allclose(rotation_angles(rotation_matrix(angles)), angles)


def test_fit_finds_what_made_the_landmarks() -> None:
    rng = np.random.default_rng(1)
    expression = np.zeros((6, 52), np.float32)
    expression[:, ARKIT_INDEX["jawOpen"]] = np.linspace(0, 0.6, 6)
    expression[:, ARKIT_INDEX["mouthSmileLeft"]] = 0.5
    pose = np.column_stack([rng.uniform(-0.25, 0.25, (6, 3)), np.zeros((6, 3))])
    identity = rng.normal(0, 0.6, len(face478.load().identity)).astype(np.float32)
    found = face478.fit(made(expression, pose, identity), rounds=8)
    assert np.abs(found.pose[:, :3] - pose[:, :3]).max() < np.radians(2.5)
    assert np.abs(found.expression[:, ARKIT_INDEX["jawOpen"]] - expression[:, 17]).max() < 0.12
    assert np.abs(found.expression[:, ARKIT_INDEX["mouthSmileLeft"]] - 0.5).max() < 0.15
    assert found.residual.max() < 0.01


def test_lip_gap_opens_with_the_jaw_and_ignores_scale() -> None:
    model = face478.load()
    opened = model.neutral + 0.5 * model.expression[ARKIT_INDEX["jawOpen"]]
    assert lip_gap(model.neutral) < 0.03
    assert lip_gap(opened) > 0.15
    assert lip_gap(opened * 40) == pytest.approx(lip_gap(opened), rel=1e-4)
