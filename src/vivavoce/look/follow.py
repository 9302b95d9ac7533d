"""Points of a whole clip: holes filled, turned to the front, and where the eyes look."""

from __future__ import annotations

import numpy as np

from vivavoce.types import EYE_CORNERS, EYEBALL, IRISES, OUTER_EYES, Float, rotation_matrix


def filled(found: list[Float | None], seen: np.ndarray) -> Float:
    """Landmarks [T, 478, 3] with straight lines over the frames in which nothing was seen."""
    good = np.stack([points for points in found if points is not None])
    at = np.flatnonzero(seen)
    t = np.arange(len(found))
    place = np.interp(t, at, np.arange(len(at)))
    low = np.floor(place).astype(int)
    high = np.minimum(low + 1, len(good) - 1)
    part = (place - low)[:, None, None]
    return ((1 - part) * good[low] + part * good[high]).astype(np.float32)


def frontal(landmarks: Float, pose: Float) -> Float:
    """Points [T, 478, 3] as if seen from the front: x right, y up, in outer-eye distances."""
    local = (landmarks * np.array([1, -1, -1], np.float32)) @ rotation_matrix(pose[:, :3])
    right, left = local[:, OUTER_EYES[0]], local[:, OUTER_EYES[1]]
    unit = np.linalg.norm(left - right, axis=-1)[:, None, None]
    return ((local - (left + right)[:, None] / 2) / unit).astype(np.float32)


def gaze(landmarks: Float, pose: Float) -> Float:
    """Gaze [T, 2] from where the irises stand between the eye corners, around its median."""
    local = frontal(landmarks, pose)
    offsets = [
        local[:, iris[0]] - (local[:, outer] + local[:, inner]) / 2
        for iris, (outer, inner) in zip(IRISES, EYE_CORNERS, strict=True)
    ]
    middle = np.mean(offsets, axis=0)[:, :2]
    angles = np.arcsin(np.clip((middle - np.median(middle, 0)) / EYEBALL, -0.9, 0.9))
    return angles.astype(np.float32)
