"""Landmarks as a picture: what a landmark-conditioned renderer is told about a face."""

from __future__ import annotations

import cv2
import numpy as np
from torch import Tensor, nn

from vivavoce.nn.pictures import as_tensor
from vivavoce.types import (
    EYE_CORNERS,
    INNER_LOWER_LIP,
    INNER_UPPER_LIP,
    IRISES,
    LIP_CORNERS,
    OVAL,
    Bytes,
    Float,
)

OUTER_LIPS = (
    61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146,
)  # fmt: skip
INNER_LIPS = (LIP_CORNERS[0], *INNER_UPPER_LIP, LIP_CORNERS[1], *reversed(INNER_LOWER_LIP))
EYES = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7),
    (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249),
)
BROWS = ((70, 63, 105, 66, 107), (336, 296, 334, 293, 300))
NOSE = ((168, 6, 197, 195, 5, 4), (98, 97, 2, 326, 327))


def draw_landmarks(points: Float, side: int) -> Bytes:
    """Landmarks [478, 3], px of a square picture `side` wide → [side, side, 3]: lines of the face
    in the first channel, lips and the open mouth in the second, eyes and irises in the third."""
    at = np.round(points[:, :2] * 4).astype(np.int32)  # quarter pixels: small movements show
    lines, mouth, eyes = (np.zeros((side, side), np.uint8) for _ in range(3))
    paths: list[tuple[int, ...]] = [(*OVAL, OVAL[0]), *BROWS, *NOSE]
    for path in paths:
        cv2.polylines(lines, [at[list(path)]], False, (255,), 1, cv2.LINE_AA, 2)
    for lips, shade in ((OUTER_LIPS, 110), (INNER_LIPS, 255)):
        cv2.fillPoly(mouth, [at[list(lips)]], (shade,), cv2.LINE_AA, 2)
    outer, inner = EYE_CORNERS[0]
    radius = 0.12 * float(np.linalg.norm(points[outer, :2] - points[inner, :2]))
    for eye, iris in zip(EYES, IRISES, strict=True):
        cv2.fillPoly(eyes, [at[list(eye)]], (110,), cv2.LINE_AA, 2)
        x, y = at[iris[0]].tolist()
        cv2.circle(eyes, (x, y), max(4, round(4 * radius)), (255,), -1, cv2.LINE_AA, 2)
    return np.stack([lines, mouth, eyes], -1)


def drawing_of(points: Float, side: int, like: Tensor | nn.Module | None = None) -> Tensor:
    """The drawing of `draw_landmarks` as a network reads it [3, side, side], in 0..1, on the device
    of `like`."""
    return (as_tensor(draw_landmarks(points, side), like) + 1) / 2


def face_mask(points: Float, side: int) -> Float:
    """1 within the face's rim, 0 outside, soft between [side, side], of `points` [478, 3] px."""
    mask = np.zeros((side, side), np.float32)
    cv2.fillPoly(mask, [np.round(points[list(OVAL), :2]).astype(np.int32)], (1.0,))
    inner = cv2.erode(mask, np.ones((3, 3), np.uint8), iterations=max(1, round(side / 64)))
    return np.asarray(cv2.GaussianBlur(inner, (0, 0), side / 100), np.float32)
