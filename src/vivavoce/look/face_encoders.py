"""The two encoders of pictures that S2TF takes a talking face apart with: who it is, and how it is
held.

`ResNeXt`: Xie et al., "Aggregated residual transformations for deep neural networks", CVPR 2017,
table 1 (50 layers, 32 x 4d). `FrameEncoder`: a stack after VGG-M (Chatfield et al., BMVC 2014), as
encoders of talking faces use it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

EXPANSION = 2
"""Channels that leave a ResNeXt block over those of its grouped convolution."""
KERNELS = (7, 5, 3, 3, 3, 3, 3)
STRIDES = (2, 2, 2, 2, 2, 1, 1)
"""Of the seven stages of a `FrameEncoder`: 224 px become 7, 128 px 4."""


def _norm(
    inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs))


class _Block(nn.Module):
    """1 x 1, grouped 3 x 3, 1 x 1, beside a shortcut (fig. 3c)."""

    def __init__(self, inputs: int, outputs: int, groups: int, stride: int) -> None:
        super().__init__()
        inner = outputs // EXPANSION
        self.one = _norm(inputs, inner, 1)
        self.two = _norm(inner, inner, 3, stride, groups)
        self.three = _norm(inner, outputs, 1)
        same = inputs == outputs and stride == 1
        self.past = nn.Identity() if same else _norm(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.two(F.relu(self.one(x))))
        return F.relu(self.three(y) + self.past(x))


class ResNeXt(nn.Module):
    """Pictures [B, 3, S, S] in -1..1 → features [B, 8 W], the mean of the last maps; there is no
    classifier."""

    def __init__(
        self, layers: Sequence[int], width: int, groups: int, centred: bool = False
    ) -> None:
        """`layers` of the four stages; `width` W of the first stage's blocks; `groups` of their
        convolutions: (3, 4, 6, 3), 256 and 32 make ResNeXt50 32 x 4d, whose features are 2048. If
        `centred`, features have a mean of 0 and a variance of 1 over those of training: as means of
        ReLUs they would all lie in one corner, hardly apart."""
        super().__init__()
        begin = width // 4
        self.stem = nn.Sequential(_norm(3, begin, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        blocks: list[nn.Module] = []
        inputs = begin
        for stage, count in enumerate(layers):
            for number in range(count):
                stride = 2 if stage and not number else 1
                blocks.append(_Block(inputs, width << stage, groups, stride))
                inputs = width << stage
        self.blocks = nn.Sequential(*blocks)
        self.centre = nn.BatchNorm1d(inputs, affine=False) if centred else nn.Identity()

    def forward(self, pictures: Tensor) -> Tensor:
        """Features [B, 8 W]."""
        out: Tensor = self.centre(self.blocks(self.stem(pictures)).mean((2, 3)))
        return out


class FrameEncoder(nn.Module):
    """Single pictures [B, 3, S, S] in -1..1 → codes [B, D]: seven stages of convolution, norm and
    ReLU, a pool, a linear layer."""

    def __init__(
        self,
        size: int,
        channels: Sequence[int],
        code: int,
        pool: Literal["mean", "whole"] = "mean",
        centred: bool = False,
    ) -> None:
        """
        Args:
            size: Side of the pictures in px.
            channels: Widths of the seven stages.
            code: Length D of the code.
            pool: "mean" averages the last maps over the picture; "whole" keeps them as they lie, so
                that a small encoder sees where the head is.
            centred: If true, codes have a mean of 0 and a variance of 1 over those of training, so
                that a code of zeros is the average one.
        """
        super().__init__()
        widths = [3, *channels]
        self.stages = nn.Sequential(*(
            nn.Sequential(_norm(widths[i], widths[i + 1], KERNELS[i], STRIDES[i]), nn.ReLU())
            for i in range(len(KERNELS))
        ))  # fmt: skip
        side = size
        for stride in STRIDES:
            side = -(-side // stride)
        self.whole = pool == "whole"
        self.last = nn.Linear(channels[-1] * (side**2 if self.whole else 1), code)
        self.centre = nn.BatchNorm1d(code, affine=False) if centred else nn.Identity()

    def forward(self, pictures: Tensor) -> Tensor:
        """Codes [B, D]."""
        x = self.stages(pictures)
        x = x.flatten(1) if self.whole else x.mean((2, 3))
        out: Tensor = self.centre(self.last(x))
        return out
