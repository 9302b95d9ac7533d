"""TTSF's codes as ARKit motion: what the `tiny` network says of head, eyes and lips, in numbers.

Its first 14 motion amounts are taught to be the head's turn, its place and size in the square,
gaze, lids and brows (docs/systems/ttsf.md), and a small decoder reads the mouth's coefficients out
of f_lip. So the same motion can be shown by another renderer, or leave as a file.
"""

from __future__ import annotations

import numpy as np
import torch
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


RESTING_CLOSE = 0.035
"""Mean mouthClose that corpus people need for their lips to touch at rest (`relaxed_close`); the
lips of a portrait lie at rest as they are in the picture."""
MOST_GAIN = 1.6
"""Most that a coefficient of the mouth is scaled by; a rarer one is not known well enough."""


class LipDecoder(nn.Module):
    """f_lip [..., D] → the mouth's coefficients [..., 28], in 0..1.

    What a network guesses varies less than the truth, and lips would mumble. So each coefficient's
    distance from its mean is scaled to vary as the truth does, which is measured when the stage
    ends (as the global variance of Toda & Tokuda, IEICE Trans. E90-D, 2007).
    """

    middle: Tensor
    gain: Tensor

    def __init__(self, code: int, width: int = 128) -> None:
        super().__init__()
        self.one = EqualLinear(code, width, gain=GAIN)
        self.two = EqualLinear(width, len(MOUTH))
        self.register_buffer("middle", torch.zeros(len(MOUTH)))
        self.register_buffer("gain", torch.ones(len(MOUTH)))

    def forward(self, f_lip: Tensor) -> Tensor:
        """Coefficients of `MOUTH`."""
        return (self.middle + self.gain * (self.guess(f_lip) - self.middle)).clamp(0, 1)

    def guess(self, f_lip: Tensor) -> Tensor:
        """The coefficients as they are learnt, neither scaled nor cut to 0..1."""
        return TYPICAL * self.two(leaky(self.one(f_lip)))

    @torch.no_grad()
    def vary_like(self, guessed: Tensor, true: Tensor) -> None:
        """Scale from now on so that `guessed` [n, 28] would vary as `true` [n, 28] does, at most
        `MOST_GAIN` times as much as guessed."""
        self.middle.copy_(guessed.mean(0))
        self.gain.copy_((true.std(0) / guessed.std(0).clamp(min=1e-4)).clamp(1, MOST_GAIN))


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
    close = ARKIT_INDEX["mouthClose"]
    expression[:, close] = np.maximum(expression[:, close] - RESTING_CLOSE, 0)
    for column, (names, deviation) in enumerate(UPPER, GUIDES - len(UPPER)):
        for name in names:
            expression[:, ARKIT_INDEX[name]] = np.clip(deviation * moved[:, column], 0, 1)
    pose = np.zeros((len(moved), 6), np.float32)
    pose[:, :3] = moved[:, :3] * TURN_SD
    gaze = moved[:, 6:8] * np.array(GAZE_SD)
    return Motion(expression, pose, gaze.astype(np.float32))
