"""Layers with an equalised learning rate, and StyleGAN2's filter between resolutions.

Karras et al. 2018 ("Progressive growing"), section 4.1: weights are drawn from N(0, 1) and scaled
by He's constant at run time, so that one rate suits layers of every width. LIA (Wang et al., ICLR
2022) and StyleGAN2 (Karras et al., CVPR 2020) use them throughout.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOPE = 0.2
"""Slope of the activation `leaky` for numbers below 0."""
GAIN = math.sqrt(2)
"""Gain of a layer whose output goes through `leaky`."""


def leaky(x: Tensor) -> Tensor:
    """Leaky ReLU of slope 0.2. What it takes from the variance is in the weights (`GAIN`): for a
    function that scales with its input that is the same, and saves a pass over the maps."""
    return F.leaky_relu(x, SLOPE)


class EqualLinear(nn.Linear):
    """Linear layer with an equalised learning rate; `start` is what its bias begins with."""

    def __init__(self, inputs: int, outputs: int, start: float = 0.0, gain: float = 1.0) -> None:
        super().__init__(inputs, outputs)
        nn.init.normal_(self.weight)
        nn.init.constant_(self.bias, start)
        self._scale = gain / math.sqrt(inputs)

    def forward(self, x: Tensor) -> Tensor:
        """Outputs [..., outputs] of x [..., inputs]."""
        return F.linear(x, self.weight * self._scale, self.bias)


class EqualConv2d(nn.Conv2d):
    """Convolution with an equalised learning rate; as wide a picture comes out as goes in, over
    the stride (or, with `pad` 0, without the border)."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        pad: int | None = None,
        bias: bool = True,
        gain: float = 1.0,
    ) -> None:
        around = kernel // 2 if pad is None else pad
        super().__init__(inputs, outputs, kernel, stride, around, bias=bias)
        nn.init.normal_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)
        self._scale = gain / math.sqrt(inputs * kernel**2)

    def forward(self, x: Tensor) -> Tensor:
        """Maps [B, outputs, h, w] of x [B, inputs, H, W]."""
        return F.conv2d(x, self.weight * self._scale, self.bias, self.stride, self.padding)


def halve(x: Tensor) -> Tensor:
    """Maps at half the resolution [B, C, H / 2, W / 2], by the filter [1, 3, 3, 1]."""
    channels = x.shape[1]
    row = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=x.dtype, device=x.device) / 8
    kernel = (row[:, None] * row).expand(channels, 1, 4, 4)
    return F.conv2d(x, kernel, stride=2, padding=1, groups=channels)


def double(x: Tensor) -> Tensor:
    """Maps at twice the resolution [B, C, 2 H, 2 W]; bilinear is the filter [1, 3, 3, 1]."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
