"""ResNetSE34: a residual network with squeeze and excitation that hears who speaks, or what.

He et al., CVPR 2016 (34 layers); Hu et al., "Squeeze-and-excitation networks", CVPR 2018; pooled by
attentive statistics (Okabe et al., Interspeech 2018), as speaker recognition uses it (Chung et al.,
"In defence of metric learning for speaker recognition", Interspeech 2020; Heo et al., 2020).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.listen.mel import MELS

REDUCED = 8
"""Channels over those of the squeezed layer, at most."""
ATTENTION = 128
"""Width of the attention over time, at most."""

Stride = tuple[int, int]
"""Of a convolution along the mel bands and along time."""


class _Excited(nn.Module):
    """Channels, each scaled by what all of them say of the whole."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(channels // REDUCED, 4)
        self.squeeze, self.excite = nn.Linear(channels, inner), nn.Linear(inner, channels)

    def forward(self, x: Tensor) -> Tensor:
        scale = self.excite(F.relu(self.squeeze(x.mean((2, 3))))).sigmoid()
        return x * scale[:, :, None, None]


class _Block(nn.Module):
    """Two 3 x 3 convolutions, squeeze and excitation, beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: Stride) -> None:
        super().__init__()
        self.one = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm_one = nn.BatchNorm2d(outputs)
        self.two = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm_two = nn.BatchNorm2d(outputs)
        self.excited = _Excited(outputs)
        same = inputs == outputs and stride == (1, 1)
        self.past = nn.Identity() if same else nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm_two(self.two(F.relu(self.norm_one(self.one(x)))))
        return F.relu(self.excited(y) + self.past(x))


class ResNetSE(nn.Module):
    """Log-mel [B, 80, T] of any length → codes [B, D]."""

    def __init__(
        self, layers: Sequence[int], filters: Sequence[int], code: int, strides: Sequence[Stride]
    ) -> None:
        """
        Args:
            layers: Blocks of the four stages; 34 layers are (3, 4, 6, 3).
            filters: Channels of the stages.
            code: Length D of the code.
            strides: Of the first convolution and of each stage, along mel bands and time.
        """
        super().__init__()
        first = nn.Conv2d(1, filters[0], 3, strides[0], 1, bias=False)
        self.stem = nn.Sequential(first, nn.BatchNorm2d(filters[0]), nn.ReLU())
        blocks: list[nn.Module] = []
        inputs = filters[0]
        for count, outputs, stride in zip(layers, filters, strides[1:], strict=True):
            for number in range(count):
                blocks.append(_Block(inputs, outputs, stride if not number else (1, 1)))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        bands = MELS
        for stride in strides:
            bands = -(-bands // stride[0])
        heard = bands * inputs
        self.attention = nn.Sequential(
            nn.Conv1d(heard, min(ATTENTION, heard), 1), nn.ReLU(),
            nn.Conv1d(min(ATTENTION, heard), heard, 1),
        )  # fmt: skip
        self.last = nn.Linear(2 * heard, code)

    def forward(self, mel: Tensor) -> Tensor:
        """Codes [B, D]."""
        x = self.blocks(self.stem(mel[:, None])).flatten(1, 2)  # [B, C F, T]
        weight = self.attention(x).softmax(2)
        mean = (weight * x).sum(2)
        spread = ((weight * x.square()).sum(2) - mean.square()).clamp(min=1e-5).sqrt()
        out: Tensor = self.last(torch.cat([mean, spread], 1))
        return out
