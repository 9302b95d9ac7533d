"""The three adapters of Controllable Coherent Frame generation (3.2): TIA, SCA, MBA.

They are all that learns; the latent diffusion model that they steer is frozen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.errors import needs


class TextualInversion(nn.Module):
    """F_TI: theta_id and theta_e become N pseudo-words in the space of token embeddings."""

    size: Tensor

    def __init__(self, inside: int, hidden: int, words: int, width: int) -> None:
        """`inside` is the width of theta_id and theta_e together, `width` a token embedding's."""
        super().__init__()
        self.words, self.width = words, width
        self.layers = nn.Sequential(
            nn.Linear(inside, hidden), nn.GELU(), nn.Linear(hidden, words * width)
        )
        self.norm = nn.LayerNorm(width)
        self.register_buffer("size", torch.ones(()))

    def fit(self, embeddings: Tensor) -> None:
        """Give pseudo-words the mean length of token embeddings [V, d]."""
        self.size.copy_(embeddings.detach().norm(dim=1).mean())

    def forward(self, semantics: Tensor, feeling: Tensor) -> Tensor:
        """Pseudo-words [B, N, d] of theta_id [B, D] and theta_e [B, D]."""
        rows = self.layers(torch.cat([semantics, feeling], 1)).unflatten(1, (self.words, -1))
        return self.norm(rows) * self.size / self.width**0.5


class SpatialAdapter(nn.Module):
    """F_SC: latents of mesh, identity and neighbour become the U-Net's residuals (Eq. 9).

    diffusers' T2IAdapter (Mou et al., "T2I-Adapter", AAAI 2024) over latents instead of pixels.
    """

    def __init__(
        self, latents: int, channels: tuple[int, ...], blocks: int,
        joined: Literal["sum", "concat"],
    ) -> None:  # fmt: skip
        """`latents` are the channels of one latent, `channels` those of the U-Net's levels."""
        super().__init__()
        self.joined = joined
        self.net: nn.Module = needs("diffusers").T2IAdapter(
            latents * (3 if joined == "concat" else 1), list(channels), blocks, 1, "full_adapter"
        )

    def forward(
        self, mesh: Tensor, identity: Tensor | None = None, adjacent: Tensor | None = None
    ) -> list[Tensor]:
        """Residuals, a level each, for E(I_rd), E(I_id), E(I_ad) [B, C, h, w]; None is not seen,
        which is another thing than a black picture."""
        nothing = torch.zeros_like(mesh)
        parts = [mesh, *(nothing if z is None else z for z in (identity, adjacent))]
        joined = torch.cat(parts, 1) if self.joined == "concat" else torch.stack(parts).sum(0)
        found: list[Tensor] = self.net(joined)
        return found


class MaskBlend(nn.Module):
    """F_MB: one convolution that carries the background's features into the decoder (Eq. 10)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.dirac_(self.conv.weight)
        nn.init.constant_(self.conv.bias, 0)  # type: ignore[arg-type]

    def forward(self, features: Tensor, background: Tensor, mask: Tensor) -> Tensor:
        """F^_vd = F_vd m + Conv(F_ve) (1 - m) for features [B, F, H, W] and a mask [B, 1, H, W]
        that is 1 where the person is; every place of the features that the person touches is the
        person's."""
        mask = F.adaptive_max_pool2d(mask, features.shape[-2:])
        return features * mask + self.conv(background) * (1 - mask)

    def over(self, background: Tensor, mask: Tensor) -> Callable[[Tensor], Tensor]:
        """What a decoder is given to blend one background in; see `LatentBase.decode`."""
        return lambda features: self(features, background, mask)
