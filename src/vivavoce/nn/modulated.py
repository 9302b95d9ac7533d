"""StyleGAN2's modulated convolution (Karras et al., CVPR 2020, section 2.2)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.nn.equalised import GAIN, EqualLinear


class ModulatedConv(nn.Module):
    """A convolution whose input channels are scaled by a modulation vector (StyleGAN2, sec. 2.2).

    Scaling the input and rescaling the output is the same as scaling the weights, and lets a batch
    of styles share one convolution.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, up: bool = False, demodulate: bool = True
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.up, self.demodulate = up, demodulate
        self._scale = 1 / math.sqrt(inputs * kernel**2)

    def forward(self, x: Tensor, s: Tensor, bias: Tensor | None = None) -> Tensor:
        """Maps [B, outputs, H, W] (twice as large with `up`) of [B, inputs, H, W] and modulation
        vectors `s` [B, inputs]; `bias` [outputs, 1, 1] is added in the same pass over the maps."""
        weight = self.weight * self._scale
        x = x * s[:, :, None, None].to(x.dtype)
        if self.up:
            x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
            x = _smooth(x)
        else:
            x = F.conv2d(x, weight, padding=weight.shape[-1] // 2)
        if not self.demodulate:
            return x if bias is None else x + bias
        energy = s.square() @ weight.square().sum((2, 3)).T
        gain = (GAIN * (energy + 1e-8).rsqrt())[:, :, None, None].to(x.dtype)
        return x * gain if bias is None else torch.addcmul(bias.to(x.dtype), x, gain)


class Modulated(ModulatedConv):
    """A `ModulatedConv` that makes its modulation vector of a style by a linear layer."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        style: int,
        up: bool = False,
        demodulate: bool = True,
    ) -> None:
        super().__init__(inputs, outputs, kernel, up, demodulate)
        self.modulation = EqualLinear(style, inputs, start=1.0)

    def forward(self, x: Tensor, style: Tensor, bias: Tensor | None = None) -> Tensor:
        """As `ModulatedConv`, of styles [B, D]."""
        return super().forward(x, self.modulation(style), bias)


def _smooth(x: Tensor) -> Tensor:
    """The filter [1, 3, 3, 1] after a transposed convolution: [B, C, 2 n + 1, ...] → 2 n."""
    channels = x.shape[1]
    row = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=x.dtype, device=x.device) / 4
    kernel = (row[:, None] * row).expand(channels, 1, 4, 4)
    return F.conv2d(x, kernel, padding=1, groups=channels)
