"""A U-Net along time for vector fields, as Matcha-TTS's decoder (Mehta et al., ICASSP 2024).

Residual convolutions and a transformer layer at each of a few resolutions. Norms are over channels
of one frame, not over time: a clip comes out the same whatever it is batched with.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.nn.along import ConvAlong
from vivavoce.nn.embeddings import waves

TIME_SCALE = 1000.0
"""Times in 0..1 are spread over as many positions, so that the waves tell them apart."""


@dataclass(frozen=True)
class _Ends:
    """Where the clips of a batch end: all of them after `frames`, or as a `mask` [B, T, 1] says."""

    frames: int
    """Number of frames of the longest clip."""
    mask: Tensor | None
    """Mask [B, T, 1], 0 where a clip has ended; None: all clips are `frames` long."""

    def kept(self, x: Tensor) -> Tensor:
        """Features [B, T, C] with zeros beyond the ends of the clips."""
        if self.mask is not None:
            return x * self.mask
        more = x.shape[1] - self.frames
        return F.pad(x[:, : self.frames], (0, 0, 0, more)) if more else x

    def halved(self) -> _Ends:
        """Ends of the same clips at half the resolution in time."""
        mask = None if self.mask is None else self.mask[:, ::2]
        return _Ends(-(-self.frames // 2), mask)


class _Residual(nn.Module):
    """Two convolutions; the time is added between them."""

    def __init__(self, inputs: int, outputs: int, time: int) -> None:
        super().__init__()
        self.one = ConvAlong(inputs, outputs, 3, padding=1)
        self.norm_one = nn.LayerNorm(outputs)
        self.time = nn.Linear(time, outputs)
        self.two = ConvAlong(outputs, outputs, 3, padding=1)
        self.norm_two = nn.LayerNorm(outputs)
        self.past = ConvAlong(inputs, outputs, 1)

    def forward(self, x: Tensor, time: Tensor, ends: _Ends) -> Tensor:
        y = F.mish(self.norm_one(self.one(ends.kept(x))))
        y = ends.kept(y + self.time(time)[:, None])
        y = F.mish(self.norm_two(self.two(y)))
        return ends.kept(y + self.past(x))


class _Level(nn.Module):
    """A residual block and a transformer layer at one resolution."""

    def __init__(self, inputs: int, width: int, heads: int, time: int) -> None:
        super().__init__()
        self.residual = _Residual(inputs, width, time)
        self.attention = nn.TransformerEncoderLayer(
            width, heads, 4 * width, 0.05, F.gelu, batch_first=True, norm_first=True
        )

    def forward(self, x: Tensor, time: Tensor, ends: _Ends) -> Tensor:
        x = self.residual(x, time, ends)
        if ends.mask is not None:
            return ends.kept(self.attention(x, src_key_padding_mask=ends.mask[..., 0] < 0.5))
        more = x.shape[1] - ends.frames
        return F.pad(self.attention(x[:, : ends.frames]), (0, 0, 0, more))


class FlowUNet(nn.Module):
    """[B, T, inputs] and times [B] → [B, T, outputs], any length T."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        width: int = 256,
        levels: int = 2,
        heads: int = 2,
        middle: int = 2,
    ) -> None:
        super().__init__()
        time = 4 * width
        self.width, self.levels = width, levels
        self.time = nn.Sequential(nn.Linear(width, time), nn.SiLU(), nn.Linear(time, time))
        self.down = nn.ModuleList(
            _Level(inputs if i == 0 else width, width, heads, time) for i in range(levels)
        )
        self.shrink = nn.ModuleList(ConvAlong(width, width, 3, 2, 1) for _ in range(levels - 1))
        self.middle = nn.ModuleList(_Level(width, width, heads, time) for _ in range(middle))
        self.up = nn.ModuleList(_Level(2 * width, width, heads, time) for _ in range(levels))
        self.grow = nn.ModuleList(
            nn.ConvTranspose1d(width, width, 4, 2, 1) for _ in range(levels - 1)
        )
        self.last = nn.Sequential(
            ConvAlong(width, width, 3, padding=1),
            nn.LayerNorm(width),
            nn.Mish(),
            ConvAlong(width, outputs, 1),
        )

    def forward(self, x: Tensor, t: Tensor, mask: Tensor | None = None) -> Tensor:
        """Outputs [B, T, outputs] of x [B, T, inputs] at times t [B] in 0..1; `mask` [B, T] is
        false where a clip has ended; None: nowhere."""
        frames = x.shape[1]
        more = -frames % 2 ** (self.levels - 1)
        x = F.pad(x, (0, 0, 0, more))
        if mask is not None:
            mask = F.pad(mask.to(x.dtype), (0, more))[..., None]
        time = F.mish(self.time(waves(TIME_SCALE * t, self.width).to(x.dtype)))
        ends, skips = [_Ends(frames, mask)], []
        for i, level in enumerate(self.down):
            x = level(x, time, ends[-1])
            skips.append(x)
            if i < self.levels - 1:
                x = self.shrink[i](x)
                ends.append(ends[-1].halved())
        for level in self.middle:
            x = level(x, time, ends[-1])
        for i, level in enumerate(self.up):
            x = level(torch.cat([x, skips.pop()], -1), time, ends[-1])
            if i < self.levels - 1:
                ends.pop()
                x = ends[-1].kept(self.grow[i](x.transpose(1, 2)).transpose(1, 2))
        out: Tensor = self.last(x)
        return (out if mask is None else out * mask)[:, :frames]
