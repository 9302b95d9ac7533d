"""Style of a face's movement: read from frames, told by labels, and given back as motion.

AVI-Talking, sec. 5.2.2: content (what the lips say) and what is not content (how) are apart. The
generator follows EMOTE (Danecek et al. 2023): content and style → transformer → latents of 8 frames
(the sequence prior) → temporal decoder.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.nn.along import ConvAlong
from vivavoce.nn.embeddings import waves

BLOCK = 8
"""Frames of one latent of the sequence prior."""


class StyleEncoder(nn.Module):
    """Frames of one video [B, S, E], in any order → its style [B, D] of unit length (E_sty)."""

    def __init__(self, values: int, style: int, width: int, layers: int, heads: int) -> None:
        """As StyleTalk's: a transformer without positions, then self-attention pooling."""
        super().__init__()
        self.into = nn.Linear(values, width)
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, 0.1, "gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.weigh = nn.Linear(width, 1)
        self.out = nn.Linear(width, style)

    def forward(self, frames: Tensor) -> Tensor:
        """Style [B, D] of standardised frames [B, S, E]."""
        x = self.layers(self.into(frames))
        pooled = (self.weigh(x).softmax(1) * x).sum(1)  # [B, S, W] -> [B, W]
        return F.normalize(self.out(pooled), dim=1)


class Teacher(nn.Module):
    """Labels → style: EMOTE's linear styling network, from which E_sty is distilled."""

    def __init__(self, feelings: int, levels: int, subjects: int, style: int) -> None:
        super().__init__()
        self.sizes = (feelings, levels, subjects)
        self.line = nn.Linear(feelings + levels + subjects, style)

    def forward(self, feeling: Tensor, level: Tensor, subject: Tensor) -> Tensor:
        """Unit style [B, D] of numbers of feeling, level and subject [B] each; a subject of -1 is
        nobody."""
        feelings, levels, subjects = self.sizes
        who = F.one_hot(subject.clamp(min=0), subjects) * (subject >= 0)[:, None]
        labels = [F.one_hot(feeling, feelings), F.one_hot(level, levels), who]
        return F.normalize(self.line(torch.cat(labels, 1).float()), dim=1)


class ContentCompressor(nn.Module):
    """Features of the frozen speech network [B, T, F] → content [B, T, C], a row a video frame."""

    def __init__(self, features: int, content: int) -> None:
        super().__init__()
        self.first = ConvAlong(features, content, 5, padding=2)
        self.second = ConvAlong(content, content, 5, padding=2)

    def forward(self, features: Tensor) -> Tensor:
        """Content of every frame."""
        return self.second(F.gelu(self.first(features)))


class MotionGenerator(nn.Module):
    """Content [B, T, C] and style [B, D] → motion [B, T, E], T a multiple of `BLOCK`."""

    def __init__(
        self, values: int, content: int, style: int, width: int, layers: int, heads: int
    ) -> None:
        super().__init__()
        self.width = width
        self.into = nn.Linear(content + style, width)
        self.encoder = _transformer(width, layers, heads)
        self.squeeze = nn.Linear(BLOCK * width, 2 * width)  # mean and spread of a latent
        self.spread = nn.Linear(width, BLOCK * width)
        self.decoder = _transformer(width, max(layers - 1, 1), heads)
        self.out = nn.Linear(width, values)
        self.hold = nn.Linear(style, values)  # what a style holds through a clip, such as a gaze
        nn.init.zeros_(self.hold.weight)
        nn.init.zeros_(self.hold.bias)

    def forward(
        self, content: Tensor, style: Tensor, noise: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Standardised motion [B, T, E], and the latents' divergence from N(0, 1), mean over
        numbers.

        Args:
            content: [B, T, C].
            style: [B, D].
            noise: [B, T / 8, W] that draws the latents in training; without it they are their mean.
        """
        batch, frames, _ = content.shape
        both = torch.cat([content, style[:, None].expand(-1, frames, -1)], 2)
        at = waves(torch.arange(frames, device=content.device), self.width)
        x = self.encoder(self.into(both) + at)
        mean, log_var = self.squeeze(x.reshape(batch, frames // BLOCK, -1)).chunk(2, 2)
        log_var = log_var.clamp(-8, 4)
        latent = mean if noise is None else mean + (0.5 * log_var).exp() * noise
        divergence = (mean.square() + log_var.exp() - 1 - log_var).mean() / 2
        y = self.spread(latent).reshape(batch, frames, -1) + at
        return self.out(self.decoder(y)) + self.hold(style)[:, None], divergence


def _transformer(width: int, layers: int, heads: int) -> nn.TransformerEncoder:
    layer = nn.TransformerEncoderLayer(
        width, heads, 2 * width, 0.0, "gelu", batch_first=True, norm_first=True
    )
    return nn.TransformerEncoder(layer, layers, nn.LayerNorm(width), enable_nested_tensor=False)
