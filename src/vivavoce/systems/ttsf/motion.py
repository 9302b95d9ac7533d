"""TTSF's codes as ARKit motion: what the `tiny` network says of head, eyes and lips, in numbers.

Its first 14 motion amounts are taught to be the head's turn, its place and size in the square,
gaze, lids and brows (docs/systems/ttsf.md), and a small decoder reads the mouth's coefficients out
of f_lip. So the same motion can be shown by another renderer, or leave as a file.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn

from vivavoce.nn.equalised import GAIN, EqualLinear, leaky
from vivavoce.types import ARKIT, ARKIT_INDEX, Float, Motion

TYPICAL = 0.1
"""Of a mouth coefficient: what it is divided by, so that lip codes are as large as motion codes."""
MOUTH = tuple(i for i, n in enumerate(ARKIT) if n.startswith(("jaw", "mouth", "tongue")))
"""The 28 coefficients that move the mouth."""
GUIDES = 14
"""Motion amounts that are taught to tell how a head is held."""
REACH = 4.0
"""What a motion code's amount is when what it tells is one standard deviation from rest: as
large as the rest of f, so that the generator cannot overlook it."""
TURN_SD, PLACE_SD, SIZE_SD, GAZE_SD = (0.1, 0.07, 0.05), (0.07, 0.055), 0.025, (0.07, 0.05)
"""Standard deviations on talking faces: of yaw, pitch, roll in radians; of the place in the
square, in half sides; of the logarithm of the size; of the gaze in radians."""
UPPER = (
    (("eyeBlinkLeft",), 0.18),
    (("eyeBlinkRight",), 0.18),
    (("browDownLeft", "browDownRight"), 0.14),
    (("browInnerUp",), 0.2),
    (("browOuterUpLeft", "browOuterUpRight"), 0.15),
    (("eyeWideLeft", "eyeWideRight"), 0.15),
)
"""Coefficients that share an amount, the last six of the 14, and their standard deviation."""


class LipDecoder(nn.Module):
    """f_lip [..., D] → the mouth's coefficients [..., 28], in 0..1."""

    def __init__(self, code: int, width: int = 128) -> None:
        super().__init__()
        self.one = EqualLinear(code, width, gain=GAIN)
        self.two = EqualLinear(width, len(MOUTH))

    def forward(self, f_lip: Tensor) -> Tensor:
        """Coefficients of `MOUTH`."""
        out: Tensor = self.two(leaky(self.one(f_lip)))
        return (TYPICAL * out).clamp(0, 1) if not self.training else TYPICAL * out


def motion_of(amounts: Float, rest: Float, mouths: Float) -> Motion:
    """ARKit motion of a person whose portrait is at rest.

    Args:
        amounts: Motion amounts of E_m [T, M].
        rest: Those of the portrait [M]: head and eyes move away from there.
        mouths: Coefficients of `MOUTH` [T, 28].
    """
    moved = (amounts[:, :GUIDES] - rest[:GUIDES]) / REACH
    expression = np.zeros((len(moved), len(ARKIT)), np.float32)
    expression[:, list(MOUTH)] = mouths
    for column, (names, deviation) in enumerate(UPPER, GUIDES - len(UPPER)):
        for name in names:
            expression[:, ARKIT_INDEX[name]] = np.clip(deviation * moved[:, column], 0, 1)
    pose = np.zeros((len(moved), 6), np.float32)
    pose[:, :3] = moved[:, :3] * TURN_SD
    gaze = moved[:, 6:8] * np.array(GAZE_SD)
    return Motion(expression, pose, gaze.astype(np.float32))
