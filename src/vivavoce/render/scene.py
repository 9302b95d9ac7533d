"""The picture as the renderer works on it: what is shown, and the window that moves."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vivavoce.types import Bytes, Face, Float

LONGEST_SIDE = 2160
"""Whole pictures are rendered at no more than this: H.264 players give up beyond it."""
BLURS = (0.012, 0.035, 0.08)
"""How far the picture is blurred beyond its edge, ever further out, as shares of the square."""
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
    """The face's box at `size` x `size`; past its edge the picture goes on mirrored and blurred."""
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
    """`box` of `image`; beyond its edge it goes on mirrored, the blurrier the further out."""
    height, width = image.shape[:2]
    left, top, right, bottom = box
    inner = image[max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)]
    sides = (max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0))
    if not any(sides):
        return inner
    full = cv2.copyMakeBorder(inner, *sides, cv2.BORDER_REFLECT_101)
    outside = np.ones(full.shape[:2], np.uint8)
    rows, columns = inner.shape[:2]
    outside[sides[0] : sides[0] + rows, sides[2] : sides[2] + columns] = 0
    away = cv2.distanceTransform(outside, cv2.DIST_L2, 3) / (right - left)
    made = full.astype(np.float32)
    for sigma in BLURS:  # each takes over from the last one where it would still be seen
        soft = _blurred(full, sigma * (right - left))
        mix = np.clip(away / sigma, 0, 1)
        made += (mix if image.ndim == 2 else mix[..., None]) * (soft - made)
    return made.astype(image.dtype)


def _blurred(image: np.ndarray, sigma: float) -> Float:
    """`image` [H, W, ...] under a Gaussian of `sigma` pixels; a wide one at a smaller size."""
    shrink = min(1.0, 4 / sigma)
    small = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small.astype(np.float32), (0, 0), sigma * shrink)
    size = (image.shape[1], image.shape[0])
    return np.asarray(cv2.resize(soft, size, interpolation=cv2.INTER_CUBIC), np.float32)


def _resize(image: np.ndarray, side: int) -> np.ndarray:
    """`image` at `side` x `side` without aliasing."""
    kind = cv2.INTER_AREA if side < image.shape[0] else cv2.INTER_CUBIC
    return cv2.resize(image, (side, side), interpolation=kind)
