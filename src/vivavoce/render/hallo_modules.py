"""The parts that Hallo adds to Stable Diffusion's U-Net, by the names of its `net.pth`.

Xu et al., "Hallo: hierarchical audio-driven visual synthesis for portrait image animation", 2024,
arXiv 2406.08801: a motion module after each layer (Guo et al., "AnimateDiff", ICLR 2024), audio
attention that is weighed apart for lips, face and the rest, a face locator, and projections of the
face embedding and of the sound. Attention and feed-forward layers are diffusers'.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Masks = tuple[Tensor, Tensor, Tensor]
"""Of the rest, the face, the lips [B, 1, S, S] in 0..1."""


def attention(width: int, heads: int, keys: int | None = None) -> Any:
    """Diffusers' attention of rows of `width` to rows of `keys`, or to themselves."""
    from diffusers.models.attention_processor import Attention

    return Attention(width, cross_attention_dim=keys, heads=heads, dim_head=width // heads)


def feed_forward(width: int) -> Any:
    """Diffusers' two layers with GEGLU between."""
    from diffusers.models.attention import FeedForward

    return FeedForward(width, activation_fn="geglu")


def zeroed(layer: nn.Module) -> Any:
    """The layer with all weights zero, so that it says nothing at first."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


class _Places(nn.Module):
    """Sines and cosines of the number of a frame."""

    pe: Tensor

    def __init__(self, width: int, length: int) -> None:
        super().__init__()
        at = torch.arange(length)[:, None]
        turns = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
        pe = torch.zeros(1, length, width)
        pe[0, :, 0::2], pe[0, :, 1::2] = torch.sin(at * turns), torch.cos(at * turns)
        self.register_buffer("pe", pe)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.pe[:, : x.shape[1]]


class _MotionBlock(nn.Module):
    """Two attentions along time, and a feed-forward layer."""

    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.attention_blocks = nn.ModuleList(attention(width, heads) for _ in range(2))
        for block in self.attention_blocks:
            block.pos_encoder = _Places(width, length)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.ff, self.ff_norm = feed_forward(width), nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        for block, norm in zip(self.attention_blocks, self.norms, strict=True):
            x = block(block.pos_encoder(norm(x))) + x  # type: ignore[operator]
        out: Tensor = self.ff(self.ff_norm(x)) + x
        return out


class _MotionTransformer(nn.Module):
    """Each place of the frames along time."""

    def __init__(self, width: int, heads: int, length: int, groups: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(groups, width, 1e-6)
        self.proj_in, self.proj_out = nn.Linear(width, width), zeroed(nn.Linear(width, width))
        self.transformer_blocks = nn.ModuleList([_MotionBlock(width, heads, length)])

    def forward(self, x: Tensor, frames: int) -> Tensor:
        rows = self.norm(x).flatten(2).transpose(1, 2)  # [B F, h w, C]
        rows = self.proj_in(rows).unflatten(0, (-1, frames)).transpose(1, 2)  # [B, h w, F, C]
        for block in self.transformer_blocks:
            rows = block(rows.flatten(0, 1)).unflatten(0, rows.shape[:2])
        rows = self.proj_out(rows.transpose(1, 2).flatten(0, 1))  # [B F, h w, C]
        return x + rows.transpose(1, 2).reshape(x.shape)


class MotionModule(nn.Module):
    """Frames [B F, C, h, w] that look at one another, and at the motion frames before them."""

    def __init__(self, width: int, heads: int, length: int, groups: int) -> None:
        super().__init__()
        self.temporal_transformer = _MotionTransformer(width, heads, length, groups)

    def forward(self, x: Tensor, frames: int, before: Tensor | None = None) -> Tensor:
        """The frames, `frames` of each clip, with what lies `before` them [B, M, C, h, w]."""
        if before is None:
            out: Tensor = self.temporal_transformer(x, frames)
            return out
        both = torch.cat([before, x.unflatten(0, (-1, frames))], 1)
        out = self.temporal_transformer(both.flatten(0, 1), both.shape[1])
        return out.unflatten(0, both.shape[:2])[:, before.shape[1] :].flatten(0, 1)


class _AudioBlock(nn.Module):
    """Self-attention, three attentions to the sound, each in its own region, feed-forward."""

    def __init__(self, width: int, heads: int, sound: int) -> None:
        super().__init__()
        self.attn1, self.norm1 = attention(width, heads), nn.LayerNorm(width)
        self.attn2_0, self.attn2_1, self.attn2_2 = (
            attention(width, heads, sound) for _ in range(3)
        )
        self.norm2, self.norm3 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.zero_conv_full, self.zero_conv_face, self.zero_conv_lip = (
            zeroed(nn.Conv2d(width, width, 1)) for _ in range(3)
        )
        self.ff = feed_forward(width)

    def forward(self, x: Tensor, sound: Tensor, masks: Masks) -> Tensor:
        x = self.attn1(self.norm1(x)) + x
        asked, shape = self.norm2(x), masks[0].shape[-2:]
        regions = (
            (self.attn2_0, self.zero_conv_full), (self.attn2_1, self.zero_conv_face),
            (self.attn2_2, self.zero_conv_lip),
        )  # fmt: skip
        for (ask, weigh), mask in zip(regions, masks, strict=True):
            found = ask(asked, encoder_hidden_states=sound).transpose(1, 2)  # [B F, C, h w]
            x = x + weigh(found.unflatten(-1, shape) * mask).flatten(2).transpose(1, 2)
        out: Tensor = self.ff(self.norm3(x)) + x
        return out


class AudioModule(nn.Module):
    """Frames [B F, C, h, w] that hear the sound of their moment [B F, M, S]."""

    def __init__(self, width: int, inner: int, heads: int, sound: int, groups: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(groups, width, 1e-6)
        self.proj_in, self.proj_out = nn.Conv2d(width, inner, 1), nn.Conv2d(inner, width, 1)
        self.transformer_blocks = nn.ModuleList([_AudioBlock(inner, heads, sound)])

    def forward(self, x: Tensor, sound: Tensor, masks: Masks) -> Tensor:
        """The frames; `masks` [B F, 1, S, S] of any size say which region hears for itself."""
        height, width = x.shape[-2:]
        small = tuple(F.adaptive_avg_pool2d(mask, (height, width)) for mask in masks)
        rows = self.proj_in(self.norm(x)).flatten(2).transpose(1, 2)
        for block in self.transformer_blocks:
            rows = block(rows, sound, small)
        out: Tensor = self.proj_out(rows.transpose(1, 2).unflatten(-1, x.shape[-2:])) + x
        return out


class FaceLocator(nn.Module):
    """A picture of where the face is [B, 3, S, S] → what is added to the noisy latents
    [B, C, S / 8, S / 8]."""

    def __init__(self, channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(3, widths[0], 3, 1, 1)
        self.blocks = nn.ModuleList()
        for a, b in pairwise(widths):
            self.blocks += [nn.Conv2d(a, a, 3, 1, 1), nn.Conv2d(a, b, 3, 2, 1)]
        self.conv_out = zeroed(nn.Conv2d(widths[-1], channels, 3, 1, 1))

    def forward(self, mask: Tensor) -> Tensor:
        """What is added."""
        x = F.silu(self.conv_in(mask))
        for block in self.blocks:
            x = F.silu(block(x))
        out: Tensor = self.conv_out(x)
        return out


class ImageProjection(nn.Module):
    """A face embedding [B, E] → tokens [B, 4, C] in the place of a prompt."""

    def __init__(self, face: int, tokens: int, context: int) -> None:
        super().__init__()
        self.tokens = tokens
        self.proj, self.norm = nn.Linear(face, tokens * context), nn.LayerNorm(context)

    def forward(self, embedding: Tensor) -> Tensor:
        """The tokens."""
        out: Tensor = self.norm(self.proj(embedding).unflatten(-1, (self.tokens, -1)))
        return out


class AudioProjection(nn.Module):
    """Layers of what is heard about each frame [B, F, 5, L, C] → tokens [B, F, M, S]."""

    def __init__(self, heard: int, hidden: int, tokens: int, context: int) -> None:
        super().__init__()
        self.tokens = tokens
        self.proj1, self.proj2 = nn.Linear(heard, hidden), nn.Linear(hidden, hidden)
        self.proj3, self.norm = nn.Linear(hidden, tokens * context), nn.LayerNorm(context)

    def forward(self, heard: Tensor) -> Tensor:
        """The tokens."""
        x = self.proj1(heard.flatten(2)).relu()
        x = self.proj2(x).relu()
        out: Tensor = self.norm(self.proj3(x).unflatten(-1, (self.tokens, -1)))
        return out
