"""Flow matching with optimal-transport paths: noise is carried to data along straight lines.

Lipman et al., "Flow matching for generative modeling", ICLR 2023, sec. 4.1, example II; as in
Matcha-TTS (Mehta et al., ICASSP 2024) and TTSF (Jang et al., CVPR 2024, Eq. 6).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

SIGMA_MIN = 1e-4
"""How much of the noise is left at the end of a path."""

Field = Callable[[Tensor, Tensor], Tensor]
"""Function that gives the velocity [B, ...] at points x_t [B, ...] and times t [B] in 0..1."""


def path(x0: Tensor, x1: Tensor, t: Tensor, sigma: float = SIGMA_MIN) -> Tensor:
    """phi_t = (1 - (1 - sigma) t) x0 + t x1, for times `t` [B]."""
    t = _like(t, x0)
    return (1 - (1 - sigma) * t) * x0 + t * x1


def velocity(x0: Tensor, x1: Tensor, sigma: float = SIGMA_MIN) -> Tensor:
    """The path's velocity x1 - (1 - sigma) x0: the same at every time."""
    return x1 - (1 - sigma) * x0


def flow_loss(
    field: Field, x1: Tensor, x0: Tensor, t: Tensor, mask: Tensor | None = None
) -> Tensor:
    """Mean squared error of the field on the paths from noise to data (Eq. 6).

    Args:
        field: The vector field that is trained.
        x1: Data [B, T, C].
        x0: Noise of the same shape, N(0, I).
        t: Times [B], uniform in 0..1.
        mask: [B, T], true where a clip has not ended; the mean is over those frames.
    """
    error = (field(path(x0, x1, t), t) - velocity(x0, x1)).square()
    if mask is None:
        return error.mean()
    kept = mask.to(error.dtype)[..., None]
    return (error * kept).sum() / (kept.sum() * error.shape[-1]).clamp(min=1)


def solve(field: Field, x0: Tensor, steps: int) -> Tensor:
    """Carry noise `x0` [B, ...] from time 0 to 1 by `steps` equal Euler steps."""
    x = x0
    for k in range(steps):
        t = torch.full((len(x),), k / steps, dtype=x.dtype, device=x.device)
        x = x + field(x, t) / steps
    return x


def _like(t: Tensor, x: Tensor) -> Tensor:
    """Times [B] with as many axes as `x`."""
    return t.view(-1, *(1,) * (x.dim() - 1))
