"""Discriminators of pictures: whole (StyleGAN2), in patches, and in patches at several sizes."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.nn.equalised import GAIN, EqualConv2d, EqualLinear, halve, leaky

GROUP = 4
"""Number of pictures over which `batch_deviation` is taken."""


class _Block(nn.Module):
    """Two convolutions and half the resolution, beside a shortcut (StyleGAN2, fig. 7)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.one = EqualConv2d(inputs, inputs, 3, gain=GAIN)
        self.two = EqualConv2d(inputs, outputs, 3, gain=GAIN)
        self.past = EqualConv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = halve(leaky(self.two(leaky(self.one(x)))))
        return (y + self.past(halve(x))) / math.sqrt(2)


class PictureCritic(nn.Module):
    """One logit for a picture (Karras et al., "Analyzing and improving the image quality of
    StyleGAN", CVPR 2020): pictures [B, 3, S, S] → [B]."""

    def __init__(self, size: int, channels: Mapping[int, int]) -> None:
        """`channels` by resolution, from 4 to `size`."""
        super().__init__()
        sides = [size >> i for i in range(int(math.log2(size)) - 1)]  # size .. 4
        self.first = EqualConv2d(3, channels[size], 1, gain=GAIN)
        self.blocks = nn.Sequential(*(_Block(channels[s], channels[s // 2]) for s in sides[:-1]))
        self.last = EqualConv2d(channels[4] + 1, channels[4], 3, gain=GAIN)
        self.whole = EqualLinear(16 * channels[4], channels[4], gain=GAIN)
        self.logit = EqualLinear(channels[4], 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits [B] of pictures [B, 3, S, S]; positive: believed to be true."""
        x = self.blocks(leaky(self.first(pictures)))
        x = leaky(self.last(torch.cat([x, batch_deviation(x)], 1)))
        out: Tensor = self.logit(leaky(self.whole(x.flatten(1))))
        return out[:, 0]


def batch_deviation(x: Tensor) -> Tensor:
    """How much pictures of a group differ, as one map more [B, 1, H, W] (Karras et al. 2018, sec.
    3): a generator that makes one picture only is found out."""
    batch, channels, height, width = x.shape
    group = math.gcd(batch, GROUP)
    split = x.view(group, -1, channels, height, width)
    spread = (split.var(0, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))
    return spread.repeat(group)[:, None, None, None].expand(-1, 1, height, width)


class PatchCritic(nn.Module):
    """A logit for each patch (Isola et al., "pix2pix", CVPR 2017): [B, C, H, W] → the feature maps
    of all layers, the last one the logits [B, 1, h, w]. With three strides a logit sees 70 px."""

    def __init__(self, inputs: int = 3, width: int = 64, strides: int = 3) -> None:
        super().__init__()
        widths = [width * min(2**i, 8) for i in range(strides + 1)]
        layers = [nn.Sequential(nn.Conv2d(inputs, widths[0], 4, 2, 1), nn.LeakyReLU(0.2))]
        for i in range(1, strides + 1):
            stride = 2 if i < strides else 1
            layers.append(
                nn.Sequential(
                    nn.Conv2d(widths[i - 1], widths[i], 4, stride, 1),
                    nn.InstanceNorm2d(widths[i]),
                    nn.LeakyReLU(0.2),
                )
            )
        layers.append(nn.Sequential(nn.Conv2d(widths[-1], 1, 4, 1, 1)))
        self.layers = nn.ModuleList(layers)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Feature maps of all layers for pictures [B, C, H, W]; the last are the logits [B, 1, h,
        w]."""
        found, x = [], pictures
        for layer in self.layers:
            x = layer(x)
            found.append(x)
        return found


class MultiScaleCritic(nn.Module):
    """Patch critics on the picture and on smaller copies of it (Wang et al., "pix2pixHD", CVPR
    2018, sec. 3.2)."""

    def __init__(self, inputs: int = 3, width: int = 64, scales: int = 2, strides: int = 3) -> None:
        super().__init__()
        self.critics = nn.ModuleList(PatchCritic(inputs, width, strides) for _ in range(scales))

    def forward(self, pictures: Tensor) -> list[list[Tensor]]:
        """Feature maps of the critic of each scale, the full size first."""
        found, x = [], pictures
        for critic in self.critics:
            found.append(critic(x))
            x = F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
        return found
