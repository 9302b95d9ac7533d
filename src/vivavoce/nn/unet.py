"""A plain U-Net of pictures (Ronneberger et al., MICCAI 2015) with an optional condition."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class _Block(nn.Module):
    """Two convolutions beside a shortcut; a condition scales and shifts (FiLM: Perez et al.)."""

    def __init__(self, inputs: int, outputs: int, condition: int) -> None:
        super().__init__()
        self.one = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.two = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.norm = nn.GroupNorm(8 if outputs % 8 == 0 else 1, outputs)
        self.past = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        self.film = nn.Linear(condition, 2 * outputs) if condition else None

    def forward(self, x: Tensor, condition: Tensor | None) -> Tensor:
        y = self.norm(self.one(x))
        if self.film is not None:
            scale, shift = self.film(condition)[..., None, None].chunk(2, 1)
            y = y * (1 + scale) + shift
        out: Tensor = self.past(x) + self.two(F.silu(y))
        return F.silu(out)


class UNet(nn.Module):
    """U-Net from pictures [B, inputs, H, W] to [B, outputs, H, W]; H and W divide by
    2^(levels - 1)."""

    def __init__(
        self, inputs: int, outputs: int, widths: tuple[int, ...] = (32, 64, 128), condition: int = 0
    ) -> None:
        """`widths` from the full resolution down; `condition`: length of a condition vector."""
        super().__init__()
        self.down = nn.ModuleList(_Block(i, o, condition) for i, o in pairwise((inputs, *widths)))
        self.up = nn.ModuleList(_Block(i + o, o, condition) for i, o in pairwise(reversed(widths)))
        self.last = nn.Conv2d(widths[0], outputs, 3, padding=1)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Pictures [B, outputs, H, W] of x [B, inputs, H, W] under a `condition` [B, K]; None:
        without."""
        skips = []
        for i, block in enumerate(self.down):
            x = block(x if i == 0 else F.avg_pool2d(x, 2), condition)
            skips.append(x)
        skips.pop()
        for block in self.up:
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = block(torch.cat([x, skips.pop()], 1), condition)
        out: Tensor = self.last(x)
        return out
