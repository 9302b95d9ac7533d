"""Which square of a picture a sample shows: four rules, each the same for every set.

| rule | square | for |
|---|---|---|
| portrait | still; head and shoulders, the face about half its height | most systems |
| close | still; the face is most of it | ttsf, whose small pictures would show lips of a few pixels |
| tracked | follows the face's box, smoothed over half a second and widened as syncnet_python does | lip sync |
| lrs | the whole picture: the clips are crops already | LRS2, LRS3, LRW |
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, get_args

import cv2
import numpy as np
from scipy.signal import medfilt

from vivavoce.errors import UnknownName
from vivavoce.look.boxes import face_box
from vivavoce.types import OUTER_EYES, Bytes, Float

CropRule = Literal["portrait", "close", "tracked", "lrs"]
"""Name of a crop rule; the table above says what each keeps."""
RULES: tuple[CropRule, ...] = get_args(CropRule)
"""Names of all crop rules."""
STILL = {"portrait": (2.05, 0.44), "close": (1.45, 0.42)}
"""Side of the still squares over the face box's larger side; height of the eyes in them, from the
top."""
TRACKED_MARGIN = 0.4
"""How far the square reaches beyond the face's box, as a share of it, at the sides and twice below
(run_pipeline.py of joonson/syncnet_python)."""
SMOOTHED = 13
"""Length in frames of the median filter over tracked boxes, as in syncnet_python."""


def squares(landmarks: Float, width: int, height: int, rule: str) -> Float:
    """The square of each frame [T, 3]: left, top, side in px, for points [T, 478, 3].

    Raises: UnknownName: no such rule.
    """
    frames = len(landmarks)
    if rule == "lrs":
        side = min(width, height)
        return np.tile([(width - side) / 2, (height - side) / 2, side], (frames, 1))
    boxes = face_box(landmarks)
    if rule in STILL:
        wide, height_of_eyes = STILL[rule]
        left, top, right, bottom = np.median(boxes, 0)
        side = wide * max(right - left, bottom - top)
        side = min(side, 1.25 * max(width, height))
        eyes = np.median(landmarks[:, list(OUTER_EYES), :2].mean(1), 0)
        return np.tile(
            [(left + right) / 2 - side / 2, eyes[1] - height_of_eyes * side, side], (frames, 1)
        )
    if rule == "tracked":
        half = (boxes[:, 2:] - boxes[:, :2]).max(1) / 2
        middle = (boxes[:, :2] + boxes[:, 2:]) / 2
        size = SMOOTHED if frames >= SMOOTHED else 1
        x, y, half = (medfilt(v, size) if size > 1 else v for v in (*middle.T, half))
        side = 2 * half * (1 + TRACKED_MARGIN)
        return np.stack([x - side / 2, y - half, side], 1)
    raise UnknownName("crop rule", rule, RULES)


def cropped(frames: Iterable[Bytes], places: Float, size: int) -> Iterator[Bytes]:
    """Each frame's square [size, size, 3]; what lies beyond the picture repeats its edge."""
    for frame, (left, top, side) in zip(frames, places, strict=False):
        scale = size / side
        matrix = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]])
        shrink = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        if scale < 0.5:  # warpAffine samples points: shrink the whole first, so nothing flickers
            half = 2 * scale
            small = cv2.resize(frame, None, fx=half, fy=half, interpolation=cv2.INTER_AREA)
            frame = np.asarray(small, np.uint8)
            matrix[:, :2] /= half
        flags = cv2.INTER_LINEAR if shrink == cv2.INTER_AREA else cv2.INTER_CUBIC
        yield np.asarray(
            cv2.warpAffine(
                frame, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE
            ),
            np.uint8,
        )


def moved(landmarks: Float, places: Float, size: int) -> Float:
    """Points [T, 478, 3] in the pixels of their squares `places` [T, 3], which are `size` px
    wide."""
    scale = (size / places[:, 2])[:, None]
    out = landmarks.astype(np.float32).copy()
    out[..., 0] = (landmarks[..., 0] - places[:, :1]) * scale
    out[..., 1] = (landmarks[..., 1] - places[:, 1:2]) * scale
    out[..., 2] = landmarks[..., 2] * scale
    return out
