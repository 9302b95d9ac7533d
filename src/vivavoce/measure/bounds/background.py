"""What must not move: the pixels around the person."""

from __future__ import annotations

import numpy as np

from vivavoce.types import OUTER_EYES

MARGIN = 0.75
"""How far around the person pixels may change, in outer-eye distances."""
PERSON = 0.1
"""From this matte value on a pixel belongs to the person."""
LEAST_SHARE = 0.01
"""Where less of the picture than this is background, nothing can be said."""


def background_mask(frame: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """The pixels [H, W] (bool) of `frame` outside a soft margin of the person with `landmarks`.

    The person is mediapipe's matte and the hull of the face, grown by `MARGIN` outer-eye distances:
    the strip that gives way when the head moves.
    """
    import cv2

    from vivavoce.look.matte import matte

    eye = float(np.linalg.norm(np.subtract(*landmarks[list(OUTER_EYES), :2])))
    person = (matte(frame, landmarks.astype(np.float32)) > PERSON).astype(np.uint8)
    cv2.fillConvexPoly(person, cv2.convexHull(landmarks[:, :2].astype(np.int32)), (1,))
    away = cv2.distanceTransform(1 - person, cv2.DIST_L2, 5)
    return away > MARGIN * eye


class BackgroundChange:
    """How much the background differs from the first frame; grey levels of 255, lower is better."""

    def __init__(self, first: np.ndarray, mask: np.ndarray) -> None:
        """`first` [H, W, 3] is the reference; `mask` [H, W] bool says where to look."""
        self._mask = mask
        self._first = first[mask].astype(np.int16)  # [N, 3]
        self._sum = 0.0
        self._frames = 0
        self.largest = 0
        """Largest difference of any pixel in any frame."""

    @property
    def share(self) -> float:
        """How much of the picture is background, in [0, 1]."""
        return float(self._mask.mean())

    def add(self, frames: np.ndarray) -> None:
        """Look at more frames [T, H, W, 3]."""
        if not len(self._first):
            return
        for frame in frames:
            change = np.abs(frame[self._mask].astype(np.int16) - self._first)
            self._sum += float(change.mean())
            self._frames += 1
            self.largest = max(self.largest, int(change.max()))

    @property
    def mean(self) -> float:
        """Mean absolute difference over all frames seen; NaN where there is no background."""
        if not self._frames or self.share < LEAST_SHARE:
            return float("nan")
        return self._sum / self._frames
