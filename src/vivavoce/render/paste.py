"""Put a rendered square back into the whole picture."""

from __future__ import annotations

import cv2
import numpy as np

from vivavoce.types import Bytes, Float

FEATHER = 0.06
"""Width of the edge that blends into the picture, as a share of the square's side."""


def paste(picture: Bytes, square: Float, made: Bytes) -> Bytes:
    """`picture` [H, W, 3] with `made` [S, S, 3] in its `square` (left, top, side in px), the edge
    blended in."""
    left, top, side = (float(v) for v in square)
    small = len(made)
    scale = side / small
    matrix = np.array([[scale, 0, left], [0, scale, top]])
    height, width = picture.shape[:2]
    edge = np.minimum(np.arange(small), np.arange(small)[::-1]) / (FEATHER * small)
    weight = np.clip(np.minimum(edge[:, None], edge), 0, 1).astype(np.float32)
    there = cv2.warpAffine(made, matrix, (width, height), flags=cv2.INTER_CUBIC)
    share = cv2.warpAffine(weight, matrix, (width, height))[..., None]
    mixed = there * share + picture * (1 - share)
    return np.asarray(np.clip(mixed + 0.5, 0, 255), np.uint8)
