"""Sound as numbers: a spectrogram becomes a few codes a second, and is rebuilt from them.

Two forms of one network. The published one is XTTS's discrete VAE (`dvae.pth`; van den Oord et al.,
"Neural discrete representation learning", NeurIPS 2017), whose codes GPT-2 of XTTS writes. The
small one rounds a few bounded numbers instead of searching a code book (Mentzer et al., "Finite
scalar quantization: VQ-VAE made simple", ICLR 2024), so that no code is ever unused.
"""

from __future__ import annotations

from itertools import pairwise
from math import prod

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

STRIDE = 4
"""Frames of the spectrogram that become one code."""


class MelCodecSettings(BaseModel):
    """What the codec is made of; the defaults are XTTS's."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    mels: int = 80
    """Rows of what is coded: mel bands and, where the system wants it, pitch and voicing."""
    width: int = 512
    """Channels of the first convolution; the second has twice as many."""
    blocks: int = 3
    """Residual blocks on each side."""
    dim: int = 512
    """Numbers that are quantised together."""
    ids: int = 8192
    """Number of different codes."""
    levels: tuple[int, ...] = ()
    """Values that each of the `dim` numbers is rounded to; empty: a code book is searched."""


class _Block(nn.Module):
    """Two convolutions and a mixing one, beside a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(width, width, 3, padding=1), nn.ReLU(),
            nn.Conv1d(width, width, 3, padding=1), nn.ReLU(), nn.Conv1d(width, width, 1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.net(x) + x
        return out


class CodeBook(nn.Module):
    """The nearest of N vectors; its buffers are named as XTTS names them."""

    embed: Tensor

    def __init__(self, dim: int, ids: int) -> None:
        super().__init__()
        self.register_buffer("embed", torch.randn(dim, ids))

    def ids(self, x: Tensor) -> Tensor:
        """Numbers [B, L] of the vectors that are nearest to x [B, L, dim]."""
        apart = self.embed.square().sum(0) - 2 * x @ self.embed
        return apart.argmin(-1)

    def vectors(self, ids: Tensor) -> Tensor:
        """The vectors [B, L, dim] with these numbers [B, L]."""
        return self.embed.T[ids]

    def forward(self, x: Tensor) -> Tensor:
        """x [B, L, dim], rounded; gradients pass as if it were not."""
        return x + (self.vectors(self.ids(x)) - x).detach()


class Levels(nn.Module):
    """Finite scalar quantisation: each number is bounded and rounded to one of a few levels."""

    sizes: Tensor
    places: Tensor

    def __init__(self, levels: tuple[int, ...]) -> None:
        super().__init__()
        places = [prod(levels[:n]) for n in range(len(levels))]
        self.register_buffer("sizes", torch.tensor(levels), persistent=False)
        self.register_buffer("places", torch.tensor(places), persistent=False)

    def _steps(self, x: Tensor) -> Tensor:
        """Levels [B, L, dim] from 0, not rounded."""
        return (self.sizes - 1) * (x.tanh() + 1) / 2

    def ids(self, x: Tensor) -> Tensor:
        """Numbers [B, L] of the rounded x [B, L, dim]."""
        return (self._steps(x).round().long() * self.places).sum(-1)

    def vectors(self, ids: Tensor) -> Tensor:
        """The rounded numbers [B, L, dim] in -1..1 with these codes [B, L]."""
        steps = ids[..., None].div(self.places, rounding_mode="floor") % self.sizes
        return 2 * steps / (self.sizes - 1) - 1

    def forward(self, x: Tensor) -> Tensor:
        """x [B, L, dim], bounded and rounded to -1..1; gradients pass the rounding."""
        steps = self._steps(x)
        return 2 * (steps + (steps.round() - steps).detach()) / (self.sizes - 1) - 1


class MelCodec(nn.Module):
    """Spectrogram [B, T, mels] ↔ codes [B, ceil(T / 4)]."""

    def __init__(self, settings: MelCodecSettings) -> None:
        super().__init__()
        s = self.settings = settings
        widths = [s.mels, s.width, 2 * s.width]
        down = [
            nn.Sequential(nn.Conv1d(a, b, 3, 2, 1), nn.ReLU()) for a, b in pairwise(widths)
        ]  # fmt: skip
        blocks = [_Block(widths[-1]) for _ in range(s.blocks)]
        self.encoder = nn.Sequential(*down, *blocks, nn.Conv1d(widths[-1], s.dim, 1))
        self.codebook = Levels(s.levels) if s.levels else CodeBook(s.dim, s.ids)
        up = [
            nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv1d(a, b, 3, 1, 1), nn.ReLU())
            for a, b in ((widths[-1], widths[-1]), (widths[-1], s.width))
        ]
        self.decoder = nn.Sequential(
            nn.Conv1d(s.dim, widths[-1], 1), *[_Block(widths[-1]) for _ in range(s.blocks)], *up,
            nn.Conv1d(s.width, s.mels, 1),
        )  # fmt: skip

    def encode(self, mel: Tensor) -> Tensor:
        """Codes [B, ceil(T / 4)] of a spectrogram [B, T, mels] that is about standard normal."""
        ids: Tensor = self.codebook.ids(self._coded(mel))
        return ids

    def _coded(self, mel: Tensor) -> Tensor:
        out: Tensor = self.encoder(mel.transpose(1, 2)).transpose(1, 2)
        return out

    def decode(self, codes: Tensor) -> Tensor:
        """The rows [B, 4 L, mels] that codes [B, L] stand for."""
        return self._decoded(self.codebook.vectors(codes))

    def _decoded(self, vectors: Tensor) -> Tensor:
        out: Tensor = self.decoder(vectors.transpose(1, 2)).transpose(1, 2)
        return out

    def forward(self, mel: Tensor) -> Tensor:
        """The copy of a spectrogram [B, T, mels], T a multiple of 4, that its codes keep."""
        return self._decoded(self.codebook(self._coded(mel)))
