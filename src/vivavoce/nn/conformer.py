"""Conformer: attention with relative positions, and convolution, between two half feed-forwards.

Gulati et al., "Conformer: convolution-augmented transformer for speech recognition", Interspeech
2020; relative positions as in Transformer-XL (Dai et al., ACL 2019, sec. 3.3).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.nn.embeddings import waves


class RelativeAttention(nn.Module):
    """Self-attention that knows how far apart two frames are, not where they stand."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.ask = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.distance = nn.Linear(width, width, bias=False)
        self.content_bias = nn.Parameter(torch.zeros(heads, width // heads))
        self.distance_bias = nn.Parameter(torch.zeros(heads, width // heads))
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Features [B, T, D] of x [B, T, D]; frames where `mask` [B, T] is false are not listened
        to."""
        batch, frames, width = x.shape
        split = (batch, frames, self.heads, -1)
        q, k, v = (f(x).view(split).transpose(1, 2) for f in (self.ask, self.key, self.value))
        apart = torch.arange(frames - 1, -frames, -1, device=x.device)
        far = self.distance(waves(apart, width).to(x.dtype)).view(2 * frames - 1, self.heads, -1)
        by_content = (q + self.content_bias[:, None]) @ k.transpose(2, 3)
        by_distance = (q + self.distance_bias[:, None]) @ far.permute(1, 2, 0)
        scores = (by_content + _shifted(by_distance)) / (width // self.heads) ** 0.5
        if mask is not None:
            scores = scores.masked_fill(~mask[:, None, None], torch.finfo(scores.dtype).min)
        heard = (scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, frames, width)
        out: Tensor = self.out(heard)
        return out


def _shifted(x: Tensor) -> Tensor:
    """Scores by distance [B, H, T, 2 T - 1] (column c: distance T - 1 - c) as scores by frame
    [B, H, T, T]: row i, column j is distance i - j."""
    frames = x.shape[2]
    row = torch.arange(frames, device=x.device)
    column = frames - 1 - (row[:, None] - row[None])
    return x.gather(3, column.expand(*x.shape[:2], -1, -1))


class _Convolution(nn.Module):
    """Pointwise, gate, depthwise, norm, swish, pointwise (fig. 2)."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.before = nn.Linear(width, 2 * width)
        self.along = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        # over channels of one frame: clips of other lengths in a batch change nothing
        self.norm = nn.LayerNorm(width)
        self.after = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        x = F.glu(self.before(x), -1)
        if mask is not None:
            x = x * mask[..., None]
        x = self.along(x.transpose(1, 2)).transpose(1, 2)
        out: Tensor = self.after(F.silu(self.norm(x)))
        return out


def _feed_forward(width: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.LayerNorm(width),
        nn.Linear(width, 4 * width),
        nn.SiLU(),
        nn.Dropout(dropout),
        nn.Linear(4 * width, width),
        nn.Dropout(dropout),
    )


class ConformerBlock(nn.Module):
    """x + ½ FFN, + attention, + convolution, + ½ FFN, norm (eq. 1)."""

    def __init__(self, width: int, heads: int, kernel: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.first = _feed_forward(width, dropout)
        self.attention_norm = nn.LayerNorm(width)
        self.attention = RelativeAttention(width, heads)
        self.convolution_norm = nn.LayerNorm(width)
        self.convolution = _Convolution(width, kernel)
        self.second = _feed_forward(width, dropout)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Features [B, T, D] of x [B, T, D]; `mask` [B, T] is false where a clip has ended; None:
        nowhere."""
        x = x + 0.5 * self.first(x)
        x = x + self.dropout(self.attention(self.attention_norm(x), mask))
        x = x + self.dropout(self.convolution(self.convolution_norm(x), mask))
        x = x + 0.5 * self.second(x)
        out: Tensor = self.norm(x)
        return out


class Conformer(nn.Module):
    """A stack of blocks: [B, T, D] → [B, T, D], any length T."""

    def __init__(
        self, width: int, layers: int, heads: int, kernel: int, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            ConformerBlock(width, heads, kernel, dropout) for _ in range(layers)
        )

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Features [B, T, D] of x [B, T, D]; `mask` [B, T] is false where a clip has ended; None:
        nowhere."""
        for block in self.blocks:
            x = block(x, mask)
        return x
