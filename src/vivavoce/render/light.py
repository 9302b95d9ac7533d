"""What a picture tells about its light, its colours and its sharpness: what we draw must match."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vivavoce.render.shape import LOWER_LIDS, UPPER_LIDS
from vivavoce.types import EYE_CORNERS, IRISES, Bytes, Float

LUMA = np.asarray([0.299, 0.587, 0.114], np.float32)
"""Weights of red, green and blue in brightness (ITU-R BT.601)."""
CHEEKS = (50, 280, 101, 330, 205, 425, 36, 266)
"""Points on the cheeks where the skin's colour is read."""
LIPS = (15, 16, 85, 315, 86, 316, 11, 12, 72, 302)
"""Points on both lips where their colour is read."""


@dataclass(frozen=True)
class Light:
    """The person's colours, RGB in [0, 1], and the picture's blur."""

    teeth: Float
    """Colour of teeth in the light that falls on this face [3]."""
    flesh: Float
    """Colour of gums and tongue [3], derived from the lips."""
    cavity: Float
    """Colour of the dark behind the teeth [3]."""
    blur: float
    """Standard deviation of the picture's own blur in scene pixels."""


def measure(image: Bytes, landmarks: Float, unit: float) -> Light:
    """Read the light off `image` [H, W, 3] with the points [478, 3] px."""
    skin = _around(image, landmarks[list(CHEEKS)], 0.05 * unit)
    lips = _around(image, landmarks[list(LIPS)], 0.012 * unit)
    level = 1.15 * float(skin @ LUMA)
    sclera = _sclera(image, landmarks)
    if sclera is not None:
        level = 0.5 * level + 0.5 * float(sclera @ LUMA)
    level = float(np.clip(level, 0.06, min(0.9, 1.5 * float(skin @ LUMA) + 0.1)))
    tone = skin / max(float(skin @ LUMA), 0.02)
    warm = 0.55 + 0.45 * np.clip(tone, 0.4, 1.8)  # ivory in this picture's palette
    grey = float(lips @ LUMA)
    redder = np.clip(grey + 1.5 * (lips - grey), 0, 1)  # wet skin is more saturated
    redder *= min(1.0, 0.85 * level / max(grey, 0.02))
    return Light(
        teeth=np.clip(level * warm / float(warm @ LUMA), 0, 1).astype(np.float32),
        flesh=redder.astype(np.float32),
        cavity=(0.2 * redder).astype(np.float32),
        blur=_blur(image, landmarks, unit),
    )


def _around(image: Bytes, points: Float, radius: float) -> Float:
    """Median colour [3] of small squares around `points`."""
    height, width = image.shape[:2]
    reach = max(1, round(radius))
    patches = []
    for x, y in np.asarray(np.round(points[:, :2]), np.int32):
        top, left = np.clip(y - reach, 0, height - 1), np.clip(x - reach, 0, width - 1)
        patches.append(image[top : y + reach + 1, left : x + reach + 1].reshape(-1, 3))
    return np.median(np.concatenate(patches), 0).astype(np.float32) / 255


def eye_outline(points: Float, side: int) -> Float:
    """The rim of an eye's opening [16, 2] from `points` [478, D]."""
    first, last = EYE_CORNERS[side]
    order = [first, *UPPER_LIDS[side][0], last, *LOWER_LIDS[side][0][::-1]]
    return points[order, :2]


def _sclera(image: Bytes, landmarks: Float) -> Float | None:
    """Colour [3] of the white of the eyes, None if hardly any is seen."""
    mask = np.zeros(image.shape[:2], np.uint8)
    for side in (0, 1):
        cv2.fillPoly(mask, [np.asarray(np.round(eye_outline(landmarks, side)), np.int32)], (1,))
    for iris in IRISES:
        centre, rim = landmarks[iris[0], :2], landmarks[list(iris[1:]), :2]
        radius = float(np.linalg.norm(rim - centre, axis=1).mean()) * 1.2
        cv2.circle(mask, tuple(int(v) for v in np.round(centre)), round(radius), (0,), -1)
    pixels = image[mask > 0].astype(np.float32) / 255
    if len(pixels) < 12:
        return None
    brightness = pixels @ LUMA
    return pixels[brightness >= np.percentile(brightness, 65)].mean(0)


def _blur(image: Bytes, landmarks: Float, unit: float) -> float:
    """Blur of the sharpest edges of eyes and mouth: an edge of height A blurred by s has the
    steepest slope A / (s sqrt(2 pi))."""
    low = landmarks[:, :2].min(0).clip(0).astype(int)
    high = landmarks[:, :2].max(0).astype(int)
    grey = cv2.cvtColor(image[low[1] : high[1], low[0] : high[0]], cv2.COLOR_RGB2GRAY)
    grey = grey.astype(np.float32)
    slope = np.hypot(cv2.Sobel(grey, -1, 1, 0, ksize=3), cv2.Sobel(grey, -1, 0, 1, ksize=3)) / 8
    height = float(np.percentile(grey, 99) - np.percentile(grey, 1))
    steepest = float(np.percentile(slope, 99.7)) + 1e-3
    return float(np.clip(height / (steepest * 2.5), 0.6, 0.05 * unit))
