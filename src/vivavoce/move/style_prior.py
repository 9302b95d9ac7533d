"""From an instruction's embedding to a style: an aligner, and a diffusion prior behind it.

AVI-Talking, sec. 5.2.4: contrast aligns directions only and leaves a gap between text and style;
the prior (after DALL-E 2's) closes it. It predicts the clean style, not the noise (Eq. 5.3).
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.nn.embeddings import waves

Sampler = Literal["ddim", "ddpm"]
"""Way back from noise: DDIM in few steps, or DDPM's chain with noise in every step."""


class Aligner(nn.Sequential):
    """Embedding of an instruction [B, L] → aligned instruction c [B, C]."""

    def __init__(self, text: int, hidden: int, aligned: int) -> None:
        super().__init__(
            nn.Linear(text, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(),
            nn.Linear(hidden, aligned),
        )  # fmt: skip


class Prior(nn.Module):
    """F_theta: a decoder-only transformer over the tokens c, t, z_t and a query."""

    def __init__(self, aligned: int, style: int, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.width = width
        self.of_c, self.of_z = nn.Linear(aligned, width), nn.Linear(style, width)
        self.of_t = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
        self.query = nn.Parameter(torch.randn(width) * 0.02)
        self.nothing = nn.Parameter(torch.zeros(aligned))
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(
            layer, layers, nn.LayerNorm(width), enable_nested_tensor=False
        )
        self.out = nn.Linear(width, style)

    def forward(self, z: Tensor, t: Tensor, c: Tensor) -> Tensor:
        """Clean style [B, D] of the noised `z` [B, D] at steps `t` [B] (0..T-1) given c [B, C]."""
        time = self.of_t(waves(t, self.width))
        query = self.query.expand(len(z), -1)
        x = torch.stack([self.of_c(c), time, self.of_z(z), query], 1)  # [B, 4, W]
        causal = nn.Transformer.generate_square_subsequent_mask(4, device=z.device)
        return self.out(self.layers(x, mask=causal, is_causal=True)[:, 3])


class StylePath(nn.Module):
    """The way from an embedding of what is asked to a style: aligner, projection and prior."""

    def __init__(
        self, text: int, hidden: int, aligned: int, style: int, width: int, layers: int,
        heads: int, steps: int = 1000,
    ) -> None:  # fmt: skip
        super().__init__()
        self.style, self.steps = style, steps
        self.aligner = Aligner(text, hidden, aligned)
        self.projection = nn.Linear(aligned, style)
        self.prior = Prior(aligned, style, width, layers, heads)
        kept = np.linspace(0, 1, steps + 1)
        kept = np.cos((kept + 0.008) / 1.008 * np.pi / 2) ** 2
        betas = np.minimum(1 - kept[1:] / kept[:-1], 0.999)  # Nichol & Dhariwal 2021, Eq. 17
        self.betas: list[float] = betas.tolist()
        self._kept = np.cumprod(1 - betas).astype(np.float32)

    def directed(self, embedding: Tensor) -> Tensor:
        """F_ci^i [B, D]: the embedding's own unit style, used directly by path P6."""
        return F.normalize(self.projection(self.aligner(embedding)), dim=1)

    def noised(self, z: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """z^t of styles `z` [B, D] (scaled, see `scaled`) at steps t [B], 0..T-1."""
        kept = torch.from_numpy(self._kept).to(z.device)[t][:, None]
        return kept.sqrt() * z + (1 - kept).sqrt() * noise

    def scaled(self, style: Tensor) -> Tensor:
        """Unit styles [B, D] as they are diffused: every number about 1."""
        return style * math.sqrt(self.style)

    def diffusion_loss(
        self, style: Tensor, embedding: Tensor, noise: Tensor, t: Tensor, dropped: Tensor
    ) -> Tensor:
        """L_diff (Eq. 5.3) [B]: squared error of the clean style, for unit styles [B, D].

        Args:
            style: The true styles [B, D] of unit length.
            embedding: Of the instructions [B, L].
            noise: [B, D].
            t: Steps [B], 0..T-1.
            dropped: Bool [B]: whose condition is left out.
        """
        clean = self.scaled(style)
        c = torch.where(dropped[:, None], self.prior.nothing, self.aligner(embedding))
        made = self.prior(self.noised(clean, noise, t), t, c)
        return (clean - made).square().mean(1)

    @torch.no_grad()
    def sample(
        self, embedding: Tensor, noise: Tensor, steps: int = 64, sampler: Sampler = "ddim",
        guidance: float = 1.0, generator: torch.Generator | None = None,
    ) -> Tensor:  # fmt: skip
        """Unit styles [B, D] drawn from `noise` [B, D] given embeddings [B, L].

        Args:
            embedding: Of the instructions.
            noise: Where the way begins, N(0, 1).
            steps: Calls of F_theta.
            sampler: "ddim" adds no noise on the way, "ddpm" does.
            guidance: 1 is the condition's own answer; more goes beyond it.
            generator: Draws DDPM's noise.
        """
        c = self.aligner(embedding)
        scheduler = _scheduler(self.betas, sampler)
        scheduler.set_timesteps(steps)
        x = noise
        for at in scheduler.timesteps.tolist():
            t = torch.full((len(x),), at, device=x.device)
            clean = self.prior(x, t, c)
            if guidance != 1:
                free = self.prior(x, t, self.prior.nothing.expand_as(c))
                clean = free + guidance * (clean - free)
            how = {"generator": generator} if sampler == "ddpm" else {}
            x = scheduler.step(clean, at, x, **how).prev_sample
        return F.normalize(clean, dim=1)  # the last step takes all noise away


def _scheduler(betas: list[float], sampler: Sampler) -> Any:
    """Diffusers' scheduler that takes the clean style, with nothing clipped."""
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler
    from diffusers.schedulers.scheduling_ddpm import DDPMScheduler

    made = DDIMScheduler if sampler == "ddim" else DDPMScheduler
    return made(
        len(betas), trained_betas=betas, clip_sample=False, prediction_type="sample",
        timestep_spacing="trailing",
    )  # fmt: skip
