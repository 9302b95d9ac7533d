"""What stands behind a person who was cut out: nothing, a colour, or a picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vivavoce.types import Bytes


@dataclass(frozen=True)
class Background:
    """What is seen where the person is not."""

    picture: Bytes | None
    """RGB uint8 [H, W, 3], of any size: it fills the frame, its middle kept; None: nothing."""

    def behind(self, frames: Bytes, alphas: Bytes) -> Bytes:
        """The frames [T, H, W, 3] before this background; `alphas` [T, H, W] say how much of each
        pixel is the person, 0 to 255. Without a background the frames stay."""
        if self.picture is None:
            return frames
        height, width = frames.shape[1:3]
        far = _filling(self.picture, width, height).astype(np.float32)
        out = np.empty_like(frames)
        for frame, alpha, made in zip(frames, alphas, out, strict=True):
            share = alpha[..., None].astype(np.float32) / 255
            made[:] = np.rint(far + share * (frame - far))
        return out


def _filling(picture: Bytes, width: int, height: int) -> Bytes:
    zoom = max(width / picture.shape[1], height / picture.shape[0])
    size = (max(width, round(picture.shape[1] * zoom)), max(height, round(picture.shape[0] * zoom)))
    kind = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
    large = cv2.resize(picture, size, interpolation=kind)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return np.asarray(large[top : top + height, left : left + width], np.uint8)
