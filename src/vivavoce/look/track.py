"""Find faces and follow their 478 points (mediapipe's face mesh with irises).

Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs", 2019;
Grishchenko et al., "Attention Mesh", 2020. The models come inside the mediapipe wheel.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from vivavoce.types import Bytes, Float

CROP_PX = 384
"""Side in pixels of the square crop in which a face is measured."""
CROP_SCALE = 1.9
"""Side of that crop over the detector's face size."""
MIN_SCORE = 0.5
"""Detections under this score are not looked at."""


@dataclass(frozen=True)
class Tracked:
    """One face that was found in a picture."""

    landmarks: Float
    """[478, 3] in picture pixels: x right, y down, z away from the viewer."""
    steadiness: float
    """How well the tracker agrees with itself when the crop is moved, turned and mirrored: root
    mean square distance over the outer-eye distance; a human face gives a few hundredths."""
    score: float
    """The detector's confidence in [0, 1]."""

    @property
    def eye_px(self) -> float:
        """Distance of the outer eye corners in pixels."""
        return float(np.linalg.norm(self.landmarks[33, :2] - self.landmarks[263, :2]))


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what mediapipe's native code prints on standard error while a graph starts."""
    saved = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)


def _face_mesh(static: bool) -> Any:
    from mediapipe.python.solutions.face_mesh import FaceMesh

    with _quiet():
        mesh = FaceMesh(
            static_image_mode=static,
            max_num_faces=1,
            refine_landmarks=True,
            min_detection_confidence=0.3,
            min_tracking_confidence=0.5,
        )
        mesh.process(np.zeros((64, 64, 3), np.uint8))
    return mesh


@lru_cache(1)
def _still_mesh() -> Any:
    return _face_mesh(static=True)


@lru_cache(2)
def _detector(full_range: int) -> Any:
    from mediapipe.python.solutions.face_detection import FaceDetection

    with _quiet():
        finder = FaceDetection(model_selection=full_range, min_detection_confidence=MIN_SCORE)
        finder.process(np.zeros((64, 64, 3), np.uint8))
    return finder


def _run_mesh(mesh: Any, picture: Bytes) -> Float | None:
    """The points in `picture` [478, 3] px, or None."""
    found = mesh.process(picture).multi_face_landmarks
    if not found:
        return None
    height, width = picture.shape[:2]
    points = np.array([(p.x, p.y, p.z) for p in found[0].landmark], np.float32)
    return points * np.float32([width, height, width])


def _crop(picture: Bytes, centre: Float, side: float, turn: float, mirror: bool) -> np.ndarray:
    """The 2x3 map from picture pixels to a `CROP_PX` square around `centre`, turned by `turn`."""
    scale = CROP_PX / side
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    linear = np.array([[cos, sin], [-sin, cos]])
    if mirror:
        linear[0] *= -1
    offset = CROP_PX / 2 - linear @ centre
    return np.column_stack([linear, offset])


MIRROR = None


def _mesh_in_crop(
    picture: Bytes, centre: Float, side: float, turn: float = 0.0, mirror: bool = False
) -> Float | None:
    """The points [478, 3] in picture pixels, measured in a crop that is small, upright and sharp."""
    to_crop = _crop(picture, centre, side, turn, mirror)
    area = cv2.INTER_AREA if side > CROP_PX else cv2.INTER_LINEAR
    crop = cv2.warpAffine(
        picture, to_crop, (CROP_PX, CROP_PX), flags=area, borderMode=cv2.BORDER_REPLICATE
    )
    points = _run_mesh(_still_mesh(), crop)
    if points is None:
        return None
    back = cv2.invertAffineTransform(to_crop)
    flat = points[:, :2] @ back[:, :2].T + back[:, 2]
    return np.column_stack([flat, points[:, 2] * side / CROP_PX]).astype(np.float32)
