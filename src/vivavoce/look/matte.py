"""Which pixels belong to the person: mediapipe's selfie segmentation, model in the wheel."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from vivavoce.look.graphs import Graph
from vivavoce.types import OUTER_EYES, Bytes, Float

REACH = 5.0
"""Half the side of the window that is matted, in outer-eye distances: head, shoulders, chest."""


def _selfie() -> Any:
    from mediapipe.python.solutions.selfie_segmentation import SelfieSegmentation

    return SelfieSegmentation(model_selection=0)


_SEGMENTER = Graph(_selfie)


def matte(picture: Bytes, landmarks: Float) -> Float:
    """How much each pixel belongs to the person with these landmarks [H, W] in [0, 1]."""
    height, width = picture.shape[:2]
    eye = float(np.linalg.norm(np.subtract(*landmarks[list(OUTER_EYES), :2])))
    middle = landmarks[:, :2].mean(0)
    left, top = np.maximum(middle - REACH * eye, 0).astype(int)
    right, bottom = np.minimum(middle + REACH * eye, [width, height]).astype(int)
    window = np.ascontiguousarray(picture[top:bottom, left:right])
    shrink = min(1.0, 1024 / max(window.shape[:2]))
    small = cv2.resize(window, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    mask = np.clip(_SEGMENTER.process(np.asarray(small, np.uint8)).segmentation_mask, 0, 1)
    whole = np.zeros((height, width), np.float32)
    whole[top:bottom, left:right] = cv2.resize(mask, (window.shape[1], window.shape[0]))
    return whole
