"""Pictures of another-looking person in the same pose: what E_ir^v sees in training.

Section 4.2.2: colours and shape of a target frame are changed, pose and expression stay, so that it
cannot be copied. All frames of a clip share one draw.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vivavoce.types import Bytes, Float

JITTER = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1}
"""Greatest change of each, as torchvision's ColorJitter counts them: factors about 1, and turns."""
_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])


@dataclass(frozen=True)
class Augmentation:
    """One draw."""

    colours: Float
    """Matrix [3, 3] that colours are multiplied by."""
    offset: Float
    """What is added to them then [3], in levels of 0 to 255."""
    corners: Float
    """Where the corners of the unit square go [4, 2], in sides."""

    @classmethod
    def drawn(cls, rng: np.random.Generator, corner: float, axis: float) -> Augmentation:
        """Colours, and a perspective that shifts each corner by up to `corner` sides and makes
        width and height up to `axis` larger or smaller."""
        bright, contrast, saturation = (
            1 + rng.uniform(-JITTER[k], JITTER[k]) for k in ("brightness", "contrast", "saturation")
        )
        angle = 2 * np.pi * rng.uniform(-JITTER["hue"], JITTER["hue"])
        turn = saturation * np.array(
            [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        )
        inner = np.eye(3)
        inner[1:, 1:] = turn  # brightness stays, colours are turned and stretched
        colours = bright * contrast * (np.linalg.inv(_YIQ) @ inner @ _YIQ)
        offset = np.full(3, 127.5 * bright * (1 - contrast))
        square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) - 0.5
        scales = 1 + rng.uniform(-axis, axis, 2)
        corners = square * scales + 0.5 + rng.uniform(-corner, corner, (4, 2))
        return cls(*(x.astype(np.float32) for x in (colours, offset, corners)))

    def of(self, pictures: Bytes) -> Bytes:
        """The pictures RGB [K, S, S, 3] so changed; what lies beyond them repeats their edge."""
        side = pictures.shape[1]
        before = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32) * side
        after = np.asarray(self.corners * side, np.float32)
        matrix = cv2.getPerspectiveTransform(before, after)
        found = []
        for picture in pictures:
            warped = cv2.warpPerspective(
                picture, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE
            )
            levels = warped.astype(np.float32) @ self.colours.T + self.offset
            found.append(levels.clip(0, 255).round().astype(np.uint8))
        return np.stack(found)
