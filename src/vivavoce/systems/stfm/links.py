"""What ties both diffusions to the entangled space and to each other: EC and DC (Sec. 3.2).

EC, embedding cross-attention, brings E_v into every step of the denoiser. DC, diffusion
cross-attention, lets the denoiser ask GPT-2's latents of its moment, and these ask the middle of
the U-Net before they are voiced; what GPT-2 writes next never depends on that, so it stays causal
(O6). All begin shut, with gates at 0: then the U-Net is Hallo's own.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vivavoce.render.hallo import Link
from vivavoce.render.hallo_modules import attention
from vivavoce.systems.stfm.settings import StfmSettings
from vivavoce.types import FPS

NEAR = 2
"""Latents of GPT-2 on each side of a frame's moment that the frame sees."""


class Gated(nn.Module):
    """Attention of rows to keys whose answer is added through a gate, tanh of a number from 0."""

    def __init__(self, width: int, heads: int, keys: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.ask = attention(width, heads, keys)
        self.gate = nn.Parameter(torch.zeros(1))

    def forward(self, rows: Tensor, keys: Tensor) -> Tensor:
        """Rows [B, N, W] that have asked keys [B, M, K]."""
        found = self.ask(self.norm(rows), encoder_hidden_states=keys)
        out: Tensor = rows + self.gate.tanh() * found
        return out


class Links(nn.Module):
    """EC and DC for every layer of the denoiser, and DC's way back."""

    def __init__(self, settings: StfmSettings) -> None:
        super().__init__()
        s, h = settings, settings.hallo
        self.embedding, self.exchange = nn.ModuleList(), nn.ModuleList()
        self.to_embedding: nn.Module | None = None
        self.to_exchange: nn.Module | None = None
        self.voiced: Gated | None = None
        if s.embedding_attention:
            self.embedding.extend(Gated(w, h.heads, h.context) for w in h.slots)
            self.to_embedding = nn.Linear(s.width, h.context)
        if s.exchange:
            self.exchange.extend(Gated(w, h.heads, h.context) for w in h.slots)
            self.to_exchange = nn.Linear(s.gpt.width, h.context)
            self.voiced = Gated(s.gpt.width, h.heads, h.channels[-1])

    def link(self, e_v: Tensor, near: Tensor) -> Link:
        """What each layer attends to: E_v [B, N, D] (EC), and latents near each frame
        [B, F, K, W] (DC)."""
        frames = near.shape[1]
        entangled = None if self.to_embedding is None else self.to_embedding(e_v)
        latents = None if self.to_exchange is None else self.to_exchange(near).flatten(0, 1)

        def of_layer(number: int, rows: Tensor) -> Tensor:
            if entangled is not None:
                keys = entangled.repeat_interleave(frames, 0)
                rows = self.embedding[number](rows, keys)
            return rows if latents is None else self.exchange[number](rows, latents)

        return of_layer

    def refine(self, latents: Tensor, middle: Tensor, rate: float) -> Tensor:
        """Latents [B, L, W], `rate` a second, that have asked the U-Net's middle [B, F, C, h, w] at
        the frame of their moment; frame 0 and latent 0 begin together."""
        if self.voiced is None:
            return latents
        at = ((torch.arange(latents.shape[1]) + 0.5) / rate * FPS).long()
        at = at.clamp(max=middle.shape[1] - 1).to(middle.device)
        rows = middle[:, at].flatten(3).transpose(2, 3)
        found = self.voiced(latents.flatten(0, 1)[:, None], rows.flatten(0, 1))
        out: Tensor = found.view_as(latents)
        return out


def nearby(latents: Tensor, rate: float, first: int, frames: int) -> Tensor:
    """Latents [B, F, 2 NEAR + 1, W] about the moments of `frames` frames from `first` on, of
    latents [B, L, W] that begin with frame 0."""
    moments = (first + torch.arange(frames) + 0.5) / FPS
    middle = (moments * rate).long()
    at = middle[:, None] + torch.arange(-NEAR, NEAR + 1)
    return latents[:, at.clamp(0, latents.shape[1] - 1).to(latents.device)]
