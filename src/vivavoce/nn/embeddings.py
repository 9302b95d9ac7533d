"""Numbers as waves: positions, times, diffusion steps."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def waves(position: Tensor, width: int, longest: float = 10_000.0) -> Tensor:
    """Sines, then cosines [..., width] of `position` [...] (Vaswani et al. 2017, sec. 3.5)."""
    half = width // 2
    rates = torch.exp(
        -math.log(longest) * torch.arange(half, device=position.device) / max(half - 1, 1)
    )
    angle = position[..., None].float() * rates
    return torch.cat([angle.sin(), angle.cos()], -1)
