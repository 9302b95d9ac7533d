"""Boxes around a face and its mouth, from the tracker's points: one rule for every set."""

from __future__ import annotations

import numpy as np

from vivavoce.types import CHIN, FOREHEAD, TALL_FACE, Float, eye_distance

MOUTH_SIDE = 1.0
"""Side of the mouth's square in outer-eye distances: lips, chin and the base of the nose."""
_LIPS = (61, 291, 0, 17)


def face_box(landmarks: Float) -> Float:
    """The smallest box around all points [T, 4]: left, top, right, bottom px, for [T, 478, 3]."""
    flat = landmarks[..., :2]
    return np.concatenate([flat.min(1), flat.max(1)], 1).astype(np.float32)


def mouth_box(landmarks: Float) -> Float:
    """A square around the lips [T, 4] px, of one size as long as the face is; for [T, 478, 3].

    It does not follow the opening of the lips, so that the box itself tells nothing of the speech.
    """
    flat = landmarks[..., :2]
    middle = flat[:, _LIPS].mean(1)
    tall = np.linalg.norm(flat[:, FOREHEAD] - flat[:, CHIN], axis=1) / TALL_FACE
    half = MOUTH_SIDE / 2 * np.maximum(eye_distance(landmarks), tall)[:, None]
    return np.concatenate([middle - half, middle + half], 1).astype(np.float32)
