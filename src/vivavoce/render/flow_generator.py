"""Generator G: learned flow warps the source's feature maps, and a StyleGAN2 body fills the rest.

LIA's generator (Wang et al., ICLR 2022, appendix A) with the layer-wise motion fusion of TTSF
(Jang et al., CVPR 2024, Eq. 1): every style slot gets f_id, some also f_m, some f_lip.

The paper's flow heads read the features of the picture that is being made, into which the source's
appearance was blended. They can be made to read a drawing of the source's landmarks instead, which
looks alike for a photograph, a painting and a drawn face.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.nn.equalised import EqualConv2d, double, leaky
from vivavoce.nn.modulated import Modulated

READ = 32
"""Most channels of the stream that reads a drawing of landmarks."""


def slots_of(size: int) -> int:
    """Style slots of a generator: 14 at 256 px.

    Slot 0 is the 4 px convolution; each resolution from 8 px on has two, and its flow head reads
    the slot after them, which is the next resolution's first.
    """
    return 2 * int(math.log2(size)) - 2


def fuse(
    f_id: Tensor, f_m: Tensor, f_lip: Tensor, slots: int, manipulated: Sequence[int],
    lip: Sequence[int],
) -> Tensor:  # fmt: skip
    """Eq. 1: styles [B, slots, D]; f_id + f_lip in `lip`, f_id + f_m in the other `manipulated`
    slots, f_id alone elsewhere. Codes are [B, D]."""
    motion = f_id + f_m
    mouth = f_id + f_lip
    return torch.stack(
        [
            mouth if n in lip else motion if n in manipulated else f_id
            for n in range(slots)
        ],
        1,
    )  # fmt: skip


class _Styled(nn.Module):
    """A modulated convolution with a bias and a leaky ReLU behind it."""

    def __init__(self, inputs: int, outputs: int, style: int, up: bool = False) -> None:
        super().__init__()
        self.conv = Modulated(inputs, outputs, 3, style, up)
        self.bias = nn.Parameter(torch.zeros(outputs, 1, 1))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        return leaky(self.conv(x, style, self.bias))


class _Flow(nn.Module):
    """Where each place looks in the source's feature map, and how far to believe it."""

    def __init__(self, channels: int, style: int) -> None:
        super().__init__()
        self.conv = Modulated(channels, 3, 1, style, demodulate=False)
        nn.init.zeros_(self.conv.weight)  # begins with the source as it is
        self.bias = nn.Parameter(torch.zeros(3, 1, 1))

    def forward(
        self, x: Tensor, read: Tensor, style: Tensor, source: Tensor, before: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """The source's warped map over `x` by the mask [B, C, s, s], flow and mask being read from
        `read`; both before their squashing [B, 3, s, s], which the next resolution adds to."""
        raw = self.conv(read, style, self.bias).float()
        if before is not None:
            raw = raw + double(before)
        side = x.shape[-1]
        line = torch.linspace(-1, 1, side, device=x.device)
        here = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1)
        there = here + raw[:, :2].tanh().permute(0, 2, 3, 1)
        mask = raw[:, 2:].sigmoid().to(x.dtype)
        seen = F.grid_sample(source, there.to(source.dtype), padding_mode="border",
                             align_corners=True)  # fmt: skip
        return torch.lerp(x, seen, mask), raw


class _Doubling(nn.Module):
    """One resolution: two styled convolutions, a flow head, and its part of the picture."""

    def __init__(self, inputs: int, channels: int, style: int, read: int | None) -> None:
        """`read` channels of another stream tell the flow; None: the features themselves."""
        super().__init__()
        self.one = _Styled(inputs, channels, style, up=True)
        self.two = _Styled(channels, channels, style)
        self.flow = _Flow(channels if read is None else read, style)
        self.rgb = EqualConv2d(channels, 3, 1)


class _Reading(nn.Module):
    """One resolution of the stream that reads a drawing of the source's landmarks."""

    def __init__(self, inputs: int, channels: int, style: int) -> None:
        super().__init__()
        self.one = _Styled(inputs, channels, style, up=True)
        self.two = _Styled(channels + 3, channels, style)

    def forward(self, x: Tensor, drawing: Tensor, one: Tensor, two: Tensor) -> Tensor:
        """Features [B, C, s, s] of the resolution before [B, C', s/2, s/2], the drawing [B, 3, S,
        S], and the body's two styles."""
        x = self.one(x, one)
        small = F.adaptive_avg_pool2d(drawing, x.shape[-1]).to(x.dtype)
        out: Tensor = self.two(torch.cat([x, small.expand(len(x), -1, -1, -1)], 1), two)
        return out


class FlowGenerator(nn.Module):
    """Styles and a source's feature maps become pictures."""

    def __init__(
        self,
        size: int,
        channels: Mapping[int, int],
        style: int,
        flow_reads: Literal["features", "landmarks"] = "features",
    ) -> None:
        """`channels` by resolution from 4 to `size`, as in the encoder that made the maps."""
        super().__init__()
        self.slots = slots_of(size)
        self.constant = nn.Parameter(torch.randn(1, channels[4], 4, 4))
        self.first = _Styled(channels[4], channels[4], style)
        sides = [8 << i for i in range(int(math.log2(size)) - 2)]
        read = {s: min(channels[s], READ) for s in (4, *sides)}
        drawn = flow_reads == "landmarks"
        self.blocks = nn.ModuleList(
            _Doubling(channels[s // 2], channels[s], style, read[s] if drawn else None)
            for s in sides
        )
        self.read = nn.Parameter(torch.randn(1, read[4], 4, 4)) if drawn else None
        self.reading = nn.ModuleList(
            _Reading(read[s // 2], read[s], style) for s in sides if drawn
        )  # fmt: skip

    def forward(
        self, styles: Tensor, maps: Sequence[Tensor], drawing: Tensor | None = None
    ) -> Tensor:
        """Pictures [B, 3, S, S], about -1..1.

        Args:
            styles: [B, slots, D], see `fuse`.
            maps: The source's, [B, C, s, s] for s = 8 .. S (B 1 serves a whole batch).
            drawing: Of the source's landmarks, [B, 3, S, S] in 0..1, if the flow reads it.
        """
        picture, _ = self.with_flow(styles, maps, drawing)
        return picture

    def with_flow(
        self, styles: Tensor, maps: Sequence[Tensor], drawing: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """The pictures, and each resolution's flow and mask before their squashing [B, 3, s, s]."""
        read = None if self.read is None else self.read.expand(len(styles), -1, -1, -1)
        x = self.constant.expand(len(styles), -1, -1, -1)
        x = self.first(x, styles[:, 0])
        picture: Tensor | None = None
        raws: list[Tensor] = []
        for i, (block, source) in enumerate(zip(self.blocks, maps, strict=True)):
            assert isinstance(block, _Doubling)
            x = block.one(x, styles[:, 2 * i + 1])
            x = block.two(x, styles[:, 2 * i + 2])
            source = source.expand(len(x), -1, -1, -1)
            if read is not None:
                assert drawing is not None, "the flow reads a drawing of the source's landmarks"
                read = self.reading[i](read, drawing, styles[:, 2 * i + 1], styles[:, 2 * i + 2])
            seen = x if read is None else read
            x, raw = block.flow(x, seen, styles[:, 2 * i + 3], source, raws[-1] if raws else None)
            raws.append(raw)
            part = block.rgb(x)
            picture = part if picture is None else part + double(picture)
        assert picture is not None
        return picture, raws
