"""Pictures as people keep them (uint8 RGB) and as networks want them ([-1, 1], channels first)."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.types import Bytes

Numbers = TypeVar("Numbers", Tensor, np.ndarray)


def centred(levels: Numbers) -> Numbers:
    """Levels of 0 to 255 as numbers in [-1, 1], of any shape."""
    return levels / 127.5 - 1


def levels_of(numbers: Numbers) -> Numbers:
    """Numbers in [-1, 1] as levels of 0 to 255, not rounded, of any shape."""
    return (numbers + 1) * 127.5


def as_tensor(pictures: Bytes, like: Tensor | nn.Module | None = None) -> Tensor:
    """Pictures [..., H, W, 3] uint8 RGB as a tensor [..., 3, H, W] in [-1, 1].

    Args:
        pictures: One picture or any number of them.
        like: A tensor or a network on whose device the result lies; None: the CPU.
    """
    found = torch.from_numpy(np.ascontiguousarray(pictures))
    if isinstance(like, nn.Module):
        like = next(like.parameters())
    if like is not None:
        found = found.to(like.device)
    return centred(found.movedim(-1, -3).contiguous().float())


def as_pictures(pictures: Tensor) -> Bytes:
    """Pictures [..., 3, H, W] in [-1, 1], on any device, as [..., H, W, 3] uint8 RGB; values
    outside of the range are cut off."""
    numbers = levels_of(pictures.detach().float().clamp(-1, 1))
    return np.ascontiguousarray(numbers.round().byte().movedim(-3, -1).cpu().numpy())


def crop(pictures: Tensor, boxes: Tensor, side: int) -> Tensor:
    """Rectangles of pictures, resampled bilinearly to one size; gradients flow to the pictures.

    Args:
        pictures: Pictures [B, C, H, W] of any range.
        boxes: One rectangle a picture [B, 4]: left, top, right, bottom in px of it.
        side: Side of the result in px.

    Returns: Pictures [B, C, side, side]; what lies outside of a picture repeats its edge.
    """
    height, width = pictures.shape[-2:]
    boxes = boxes.to(pictures)
    steps = (torch.arange(side, device=pictures.device) + 0.5) / side
    x = boxes[:, :1] + steps * (boxes[:, 2:3] - boxes[:, :1])
    y = boxes[:, 1:2] + steps * (boxes[:, 3:] - boxes[:, 1:2])
    grid = torch.stack([
        (2 * x / width - 1)[:, None].expand(-1, side, -1),
        (2 * y / height - 1)[:, :, None].expand(-1, -1, side),
    ], -1)  # fmt: skip
    return F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
