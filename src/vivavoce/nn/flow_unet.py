"""A U-Net along time for vector fields, as Matcha-TTS's decoder (Mehta et al., ICASSP 2024).

Residual convolutions and a transformer layer at each of a few resolutions. Norms are over channels
of one frame, not over time: a clip comes out the same whatever it is batched with.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.nn.embeddings import waves

TIME_SCALE = 1000.0
"""Times in 0..1 are spread over as many positions, so that the waves tell them apart."""


class _Norm(nn.LayerNorm):
    """Over the channels of [B, C, T]."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class _Residual(nn.Module):
    """Two convolutions; the time is added between them."""

    def __init__(self, inputs: int, outputs: int, time: int) -> None:
        super().__init__()
        self.one = nn.Conv1d(inputs, outputs, 3, padding=1)
        self.norm_one = _Norm(outputs)
        self.time = nn.Linear(time, outputs)
        self.two = nn.Conv1d(outputs, outputs, 3, padding=1)
        self.norm_two = _Norm(outputs)
        self.past = nn.Conv1d(inputs, outputs, 1)

    def forward(self, x: Tensor, time: Tensor, mask: Tensor) -> Tensor:
        y = F.mish(self.norm_one(self.one(x * mask)))
        y = (y + self.time(F.mish(time))[..., None]) * mask
        y = F.mish(self.norm_two(self.two(y)))
        return (y + self.past(x)) * mask


class _Level(nn.Module):
    """A residual block and a transformer layer at one resolution."""

    def __init__(self, inputs: int, width: int, heads: int, time: int) -> None:
        super().__init__()
        self.residual = _Residual(inputs, width, time)
        self.attention = nn.TransformerEncoderLayer(
            width, heads, 4 * width, 0.05, F.gelu, batch_first=True, norm_first=True
        )

    def forward(self, x: Tensor, time: Tensor, mask: Tensor) -> Tensor:
        x = self.residual(x, time, mask).transpose(1, 2)
        gone = mask[:, 0] < 0.5
        x = self.attention(x, src_key_padding_mask=gone).transpose(1, 2)
        return x * mask


class FlowUNet(nn.Module):
    """[B, T, inputs] and times [B] → [B, T, outputs], any length T."""

    def __init__(
        self, inputs: int, outputs: int, width: int = 256, levels: int = 2, heads: int = 2,
        middle: int = 2,
    ) -> None:  # fmt: skip
        super().__init__()
        time = 4 * width
        self.width, self.levels = width, levels
        self.time = nn.Sequential(nn.Linear(width, time), nn.SiLU(), nn.Linear(time, time))
        self.down = nn.ModuleList(
            _Level(inputs if i == 0 else width, width, heads, time) for i in range(levels)
        )
        self.shrink = nn.ModuleList(
            nn.Conv1d(width, width, 3, 2, 1) for _ in range(levels - 1)
        )  # fmt: skip
        self.middle = nn.ModuleList(_Level(width, width, heads, time) for _ in range(middle))
        self.up = nn.ModuleList(_Level(2 * width, width, heads, time) for _ in range(levels))
        self.grow = nn.ModuleList(
            nn.ConvTranspose1d(width, width, 4, 2, 1) for _ in range(levels - 1)
        )
        self.last = nn.Sequential(
            nn.Conv1d(width, width, 3, padding=1), _Norm(width),
            nn.Mish(), nn.Conv1d(width, outputs, 1),
        )  # fmt: skip

    def forward(self, x: Tensor, t: Tensor, mask: Tensor | None = None) -> Tensor:
        """`mask` [B, T] is false where a clip has ended."""
        frames = x.shape[1]
        step = 2 ** (self.levels - 1)
        if mask is None:
            mask = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
        more = -frames % step
        x = F.pad(x.transpose(1, 2), (0, more))
        kept = F.pad(mask.to(x.dtype), (0, more))[:, None]
        time = self.time(waves(TIME_SCALE * t, self.width).to(x.dtype))
        masks, skips = [kept], []
        for i, level in enumerate(self.down):
            x = level(x, time, masks[-1])
            skips.append(x)
            if i < self.levels - 1:
                x = self.shrink[i](x)
                masks.append(masks[-1][..., ::2])
        for level in self.middle:
            x = level(x, time, masks[-1])
        for i, level in enumerate(self.up):
            x = level(torch.cat([x, skips.pop()], 1), time, masks[-1])
            if i < self.levels - 1:
                masks.pop()
                x = self.grow[i](x) * masks[-1]
        out: Tensor = self.last(x) * kept
        return out[..., :frames].transpose(1, 2)
