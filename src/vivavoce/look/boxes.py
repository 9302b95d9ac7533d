"""Boxes around a face and its mouth, from the tracker's points: one rule for every set."""

from __future__ import annotations

import numpy as np

from vivavoce.types import OUTER_EYES, Float

MOUTH_SIDE = 1.0
"""Side of the mouth's square in outer-eye distances: lips, chin and the base of the nose."""
TALL_FACE = 1.55
"""Top of the forehead to the chin in outer-eye distances, of an average face."""
_LIPS = (61, 291, 0, 17)
_TOP, _CHIN = 10, 152


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
    eyes = np.linalg.norm(flat[:, OUTER_EYES[0]] - flat[:, OUTER_EYES[1]], axis=1)
    tall = np.linalg.norm(flat[:, _TOP] - flat[:, _CHIN], axis=1) / TALL_FACE
    half = MOUTH_SIDE / 2 * np.maximum(eyes, tall)[:, None]  # a turned head's eyes are near
    return np.concatenate([middle - half, middle + half], 1).astype(np.float32)
