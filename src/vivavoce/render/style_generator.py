"""A generator that knows nothing but a feature: every block of convolutions is modulated by it.

S2TF (section 4.2.2, Eq. 4.1), after StyleGAN2 (Karras et al., CVPR 2020): a learned constant, six
blocks of two modulated convolutions, each block twice the size of the one before, whose colours are
added up; nothing comes from an encoder but the feature.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vivavoce.nn.equalised import GAIN, EqualLinear, double, leaky
from vivavoce.nn.modulated import ModulatedConv


class StyledBlock(nn.Module):
    """Two 3 x 3 convolutions whose modulation vectors one multi-layer perceptron makes of the
    feature, and the colours of what they give."""

    def __init__(
        self, inputs: int, outputs: int, feature: int, hidden: int, up: bool, placed: int = 1
    ) -> None:
        """`placed`: side of the first bias in px, 1 or that of the maps."""
        super().__init__()
        self.channels = (inputs, outputs, outputs)
        self.into = EqualLinear(feature, hidden, gain=GAIN)
        self.modulation = EqualLinear(hidden, sum(self.channels), start=1.0)
        self.one = ModulatedConv(inputs, outputs, 3, up)
        self.two = ModulatedConv(outputs, outputs, 3)
        self.rgb = ModulatedConv(outputs, 3, 1, demodulate=False)
        self.bias_one = nn.Parameter(torch.zeros(outputs, placed, placed))
        self.bias_two = nn.Parameter(torch.zeros(outputs, 1, 1))

    def modulations(self, feature: Tensor) -> tuple[Tensor, ...]:
        """M for both convolutions and for the colours, each [B, channels that go in]."""
        out: Tensor = self.modulation(leaky(self.into(feature)))
        return out.split(self.channels, 1)

    def forward(self, x: Tensor, feature: Tensor) -> tuple[Tensor, Tensor]:
        """Maps [B, outputs, h, w] and colours [B, 3, h, w]."""
        one, two, rgb = self.modulations(feature)
        x = leaky(self.one(x, one, self.bias_one))
        x = leaky(self.two(x, two, self.bias_two))
        return x, self.rgb(x, rgb)


class StyleGenerator(nn.Module):
    """Features [B, F] → pictures [B, 3, S, S] in -1..1, S = `start` x 2^(blocks - 1)."""

    def __init__(
        self, start: int, channels: Sequence[int], feature: int, hidden: int, placed: bool = False
    ) -> None:
        """
        Args:
            start: Side of the learned constant in px: 7 makes 224 px with six blocks, 4 makes 128.
            channels: Of each block's maps, the smallest first; the constant has those of the first.
            feature: Length F of the feature.
            hidden: Width of the perceptrons.
            placed: If true, each block learns a bias for every place of its maps, so that details
                need not grow out of the constant; if false, one for all places.
        """
        super().__init__()
        self.constant = nn.Parameter(torch.randn(1, channels[0], start, start))
        inputs = (channels[0], *channels)
        self.blocks = nn.ModuleList(
            StyledBlock(inputs[n], outputs, feature, hidden, n > 0, start << n if placed else 1)
            for n, outputs in enumerate(channels)
        )

    def forward(self, feature: Tensor, blocks: int | None = None) -> Tensor:
        """Pictures [B, 3, S, S]; after the first `blocks` blocks alone they are smaller."""
        x = self.constant.expand(len(feature), -1, -1, -1)
        picture: Tensor | None = None
        for block in self.blocks[:blocks]:
            x, part = block(x, feature)
            picture = part if picture is None else double(picture) + part
        assert picture is not None
        return picture.tanh()
