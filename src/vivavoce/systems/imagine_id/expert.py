"""The lip-reading expert of PAD-2: a mouth is drawn from coefficients, and its speech is read.

AV-HuBERT, which the paper uses, reads words off real faces and cannot ship; this expert reads which
sounds (`listen.sounds.CLASSES`) a drawn mouth speaks, and is trained on the meshes of the data
before PAD-2, where it is frozen. The drawing is differentiable, so that what it reads badly moves
the coefficients.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.listen.sounds import CLASSES

HEIGHT, WIDTH = 12, 20
"""Pixels of a drawn mouth."""
REACH = 0.42
"""Half the width of what is drawn, in outer-eye distances."""
LOWER = 0.06
"""How far the middle of the picture lies below the lips at rest, in outer-eye distances."""
SOFT = 0.5
"""Softness of the edges, in pixels."""


def soft_polygon(rim: Tensor) -> Tensor:
    """How much of each pixel lies inside closed polygons [B, HEIGHT, WIDTH], 0..1, for rims
    [B, K, 2] in outer-eye distances (x right, y up); differentiable (Liu et al., "Soft rasterizer",
    ICCV 2019): a sigmoid of the signed distance to the rim."""
    step = 2 * REACH / WIDTH
    x = (torch.arange(WIDTH, device=rim.device) + 0.5) * step - REACH
    y = (HEIGHT / 2 - torch.arange(HEIGHT, device=rim.device) - 0.5) * step - LOWER
    pixels = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1).reshape(1, 1, -1, 2)
    a = rim[:, :, None]  # [B, K, 1, 2]
    b = rim.roll(-1, 1)[:, :, None]
    along, to = b - a, pixels - a
    share = ((to * along).sum(-1) / (along.square().sum(-1) + 1e-9)).clamp(0, 1)
    far = (to - share[..., None] * along).square().sum(-1).amin(1)  # [B, P]
    with torch.no_grad():  # an odd number of edges to the right: inside
        spans = (a[..., 1] > pixels[..., 1]) != (b[..., 1] > pixels[..., 1])
        slope = (pixels[..., 1] - a[..., 1]) / (b[..., 1] - a[..., 1] + 1e-12)
        inside = ((pixels[..., 0] < a[..., 0] + slope * along[..., 0]) & spans).sum(1) % 2
        sign = 2.0 * inside - 1
    signed = sign * (far + 1e-10).sqrt() / (SOFT * step)
    return torch.sigmoid(signed).reshape(-1, HEIGHT, WIDTH)


def drawn_mouth(inner: Tensor, outer: Tensor) -> Tensor:
    """Grey pictures [B, T, 1, HEIGHT, WIDTH] of mouths with rims [B, T, K, 2] and [B, T, R, 2]:
    bright skin, grey lips, dark inside."""
    batch, frames = inner.shape[:2]
    lips = soft_polygon(outer.flatten(0, 1))
    hole = soft_polygon(inner.flatten(0, 1))
    grey = 1 - 0.5 * lips
    grey = grey * (1 - hole)
    return grey.reshape(batch, frames, 1, HEIGHT, WIDTH)


class LipExpert(nn.Module):
    """Drawn mouths [B, T, 1, H, W] → logits of the sounds that they speak [B, T, C]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.look = nn.Sequential(
            nn.Conv2d(1, width // 4, 3, 2, 1), nn.GELU(),
            nn.Conv2d(width // 4, width // 2, 3, 2, 1), nn.GELU(),
            nn.Flatten(), nn.Linear(width // 2 * (HEIGHT // 4) * (WIDTH // 4), width),
        )  # fmt: skip
        self.along = nn.Sequential(
            nn.Conv1d(width, width, 5, padding=2), nn.GELU(),
            nn.Conv1d(width, width, 5, padding=2), nn.GELU(),
            nn.Conv1d(width, len(CLASSES), 1),
        )  # fmt: skip

    def forward(self, mouths: Tensor) -> Tensor:
        """Logits of the sound classes."""
        seen = self.look(2 * mouths.flatten(0, 1) - 1).reshape(*mouths.shape[:2], -1)
        found: Tensor = self.along(seen.transpose(1, 2)).transpose(1, 2)
        return found


def lip_loss(logits: Tensor, said: Tensor) -> Tensor:
    """L_lip = -X log P(X^ | V): cross-entropy of what is read [B, T, C] and how much of each frame
    every sound fills [B, T, C]."""
    return -(said * F.log_softmax(logits, -1)).sum(-1).mean()
