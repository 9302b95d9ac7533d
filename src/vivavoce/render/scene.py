"""The picture as the renderer works on it: what is shown, and the window that moves."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vivavoce.types import Bytes, Face, Float

LONGEST_SIDE = 2160
"""Whole pictures are rendered at no more than this: H.264 players give up beyond it."""
RIM = 8
"""A square render may sample this fraction (one eighth) of its side beyond its edge."""


@dataclass(frozen=True)
class Scene:
    """Pixels that may be shown, and where the moving window lies in them."""

    image: Bytes
    """RGB [H, W, 3]; for a square render it reaches beyond the frame on all sides."""
    matte: Float
    """How much each pixel of `image` belongs to the person [H, W] in [0, 1]."""
    landmarks: Float
    """The tracker's points [478, 3] in pixels of `image`."""
    window: tuple[int, int, int, int]
    """Left, top, right, bottom of what moves, in pixels of `image`."""
    view: tuple[int, int, int, int]
    """Left, top, right, bottom of what is shown."""
    joins: bool
    """Whether unmoved pixels of the same picture surround the window."""

    @property
    def still(self) -> Bytes:
        """The frame [h, w, 3] in which nothing moves."""
        left, top, right, bottom = self.view
        return self.image[top:bottom, left:right]


def square(face: Face, size: int) -> Scene:
    """The face's box at `size` x `size`; past the picture's edge its last pixels go on, blurred."""
    left, top, right, bottom = face.box
    rim = round((right - left) / RIM)
    zoom = size / (right - left)
    side = round((right - left + 2 * rim) * zoom)
    box = (left - rim, top - rim, right + rim, bottom + rim)
    image = _resize(_cut(face.picture, box), side)
    matte = _resize(_cut(face.matte, box), side)
    exact = np.asarray([side / (right - left + 2 * rim)] * 2 + [zoom], np.float32)
    landmarks = (face.landmarks - [box[0] - 0.5, box[1] - 0.5, 0]) * exact - [0.5, 0.5, 0]
    edge = round(rim * zoom)
    window = (edge, edge, edge + size, edge + size)
    return Scene(image, matte, landmarks.astype(np.float32), window, window, False)


def whole(face: Face) -> Scene:
    """The whole picture, even-sized and at most `LONGEST_SIDE` long; the face's box moves."""
    height, width = face.picture.shape[:2]
    zoom = min(1.0, LONGEST_SIDE / max(height, width))
    image: np.ndarray = face.picture
    matte: np.ndarray = face.matte
    landmarks = face.landmarks
    if zoom < 1:
        shape = (round(width * zoom), round(height * zoom))
        image = cv2.resize(image, shape, interpolation=cv2.INTER_AREA)
        matte = cv2.resize(matte, shape, interpolation=cv2.INTER_AREA)
        half = np.array([0.5, 0.5, 0], np.float32)  # pixel centres are whole numbers
        landmarks = (landmarks + half) * zoom - half
    height, width = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
    left, top, right, bottom = (round(edge * zoom) for edge in face.box)
    window = (max(left, 0), max(top, 0), min(right, width), min(bottom, height))
    view = (0, 0, width, height)
    return Scene(image, matte, landmarks.astype(np.float32), window, view, True)


def sample(
    image: np.ndarray,
    places: Float,
    border: int = cv2.BORDER_REPLICATE,
    kind: int = cv2.INTER_LINEAR,
) -> np.ndarray:
    """`image` [H, W, ...] at the `places` [h, w, 2] (x, y in pixels)."""
    return cv2.remap(image, places, None, kind, borderMode=border)  # type: ignore[call-overload]


def _cut(image: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """`box` of `image`, going on beyond its edge: edge pixels outward, blurred along the edge."""
    height, width = image.shape[:2]
    left, top, right, bottom = box
    inner = image[max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)]
    sides = (max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0))
    if not any(sides):
        return inner
    full = cv2.copyMakeBorder(inner, *sides, cv2.BORDER_REPLICATE)
    soft = cv2.GaussianBlur(full, (0, 0), max(right - left, 50) / 50)
    inside = np.zeros(full.shape[:2], np.uint8)
    rows, columns = inner.shape[:2]
    inside[sides[0] : sides[0] + rows, sides[2] : sides[2] + columns] = 1
    away = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 3) * 25 / max(right - left, 50)
    mix = np.clip(away, 0, 1) if image.ndim == 2 else np.clip(away, 0, 1)[..., None]
    return (full + mix * (soft.astype(np.float32) - full)).astype(image.dtype)


def _resize(image: np.ndarray, side: int) -> np.ndarray:
    """`image` at `side` x `side` without aliasing."""
    kind = cv2.INTER_AREA if side < image.shape[0] else cv2.INTER_CUBIC
    return cv2.resize(image, (side, side), interpolation=kind)
