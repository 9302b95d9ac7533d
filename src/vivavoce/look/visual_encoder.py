"""The visual encoder E_v: a picture becomes a code, and the feature maps that a generator warps.

LIA's residual encoder (Wang et al., "Latent image animator", ICLR 2022, appendix A): a 1 x 1
convolution, a residual block for every halving down to 4 px, and a convolution over what is left.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor, nn

from vivavoce.nn.equalised import GAIN, EqualConv2d, halve, leaky


class VisualEncoder(nn.Module):
    """Pictures [B, 3, S, S] in -1..1 → codes [B, D] and feature maps from 8 px up to S."""

    def __init__(self, size: int, channels: Mapping[int, int], code: int) -> None:
        """`channels` of the maps by resolution, from 4 to `size`."""
        super().__init__()
        self.first = EqualConv2d(3, channels[size], 1, gain=GAIN)
        sides = [size >> i for i in range(int(math.log2(size)) - 2)]  # size .. 8
        self.blocks = nn.ModuleList(_Halving(channels[s], channels[s // 2]) for s in sides)
        self.last = EqualConv2d(channels[4], code, 4, pad=0, bias=False)

    def forward(self, pictures: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Codes [B, D]; feature maps [B, C, s, s] for s = 8, 16 .. S."""
        x = leaky(self.first(pictures))
        maps = [x]
        for block in self.blocks[:-1]:
            x = block(x)
            maps.append(x)
        # Every filter takes detail away: of a young encoder hardly anything arrives at 8 px. The
        # code is made of what does, brought to size.
        code = self.last(_unit(self.blocks[-1](_unit(x))))
        return code.flatten(1), maps[::-1]


class _Halving(nn.Module):
    """StyleGAN2's residual block: half the resolution, another number of channels."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.one = EqualConv2d(inputs, inputs, 3, gain=GAIN)
        self.two = EqualConv2d(inputs, outputs, 3, gain=GAIN)
        self.skip = EqualConv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        inner: Tensor = leaky(self.two(halve(leaky(self.one(x)))))
        return (inner + self.skip(halve(x))) / math.sqrt(2)


def _unit(x: Tensor) -> Tensor:
    """Each of [B, C, H, W] with a mean square of 1."""
    return x * (x.square().mean((1, 2, 3), keepdim=True) + 1e-8).rsqrt()
