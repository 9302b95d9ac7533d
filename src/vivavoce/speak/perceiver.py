"""A few learned latents that ask any number of rows: XTTS's Perceiver resampler, by its names.

Jaegle et al., "Perceiver: general perception with iterative attention", ICML 2021; Alayrac et al.,
"Flamingo", NeurIPS 2022, whose latents ask the rows and themselves.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class _Attention(nn.Module):
    """Latents ask rows and latents; no norm before, as in XTTS."""

    def __init__(self, width: int, heads: int, head: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(width, heads * head, bias=False)
        self.to_kv = nn.Linear(width, 2 * heads * head, bias=False)
        self.to_out = nn.Linear(heads * head, width, bias=False)

    def forward(self, latents: Tensor, rows: Tensor) -> Tensor:
        key, value = self.to_kv(torch.cat([latents, rows], 1)).chunk(2, -1)
        q, k, v = (
            x.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for x in (self.to_q(latents), key, value)
        )
        found = F.scaled_dot_product_attention(q, k, v)
        out: Tensor = self.to_out(found.transpose(1, 2).flatten(2))
        return out


class _Gated(nn.Module):
    """GELU of the second half of the channels, times the first."""

    def forward(self, x: Tensor) -> Tensor:
        value, gate = x.chunk(2, -1)
        return F.gelu(gate) * value


class _Norm(nn.Module):
    """Rows scaled to one length, and a learned gain."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = width**0.5
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(x, dim=-1) * self.scale * self.gamma


class Perceiver(nn.Module):
    """Rows [B, N, W] → latents [B, K, W]."""

    def __init__(self, width: int, latents: int, depth: int, heads: int, head: int) -> None:
        super().__init__()
        self.latents = nn.Parameter(0.02 * torch.randn(latents, width))
        inner = int(width * 4 * 2 / 3)
        self.layers = nn.ModuleList(
            nn.ModuleList([
                _Attention(width, heads, head),
                nn.Sequential(nn.Linear(width, 2 * inner), _Gated(), nn.Linear(inner, width)),
            ])
            for _ in range(depth)
        )  # fmt: skip
        self.norm = _Norm(width)

    def forward(self, rows: Tensor) -> Tensor:
        """What the latents found in the rows."""
        x = self.latents.expand(len(rows), -1, -1)
        layer: Any
        for layer in self.layers:
            x = layer[0](x, rows) + x
            x = layer[1](x) + x
        out: Tensor = self.norm(x)
        return out
