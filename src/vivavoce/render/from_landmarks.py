"""Pictures from landmarks: a reference picture, warped by its points and repaired by a U-Net.

SDM's paper describes no renderer. This one keeps the picture's own pixels where it can: a smooth
field carries the reference to the target's points, and the network, told both drawings, paints what
a warp cannot show: mouths that open, eyes that close, what the head uncovers.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.nn.unet import UNet

GRID = 48
"""Side of the grid on which the field is computed; between its points it is bilinear."""
NEAR = 0.04
"""Distance, in half sides of the picture, within which a point's word is final."""
EDGE = 4
"""Points a side of the picture's edge that stand still."""


def field(before: Tensor, after: Tensor) -> Tensor:
    """Where each place of the target lies in the reference [B, GRID, GRID, 2], -1..1, as
    `grid_sample` takes it, for points [B, P, 2] before and after: inverse-distance weights."""
    line = torch.linspace(-1, 1, GRID, device=after.device)
    here = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1).view(1, -1, 1, 2)
    edge = _edge(after)
    there = torch.cat([after, edge], 1)
    shift = torch.cat([before - after, torch.zeros_like(edge)], 1)
    weight = ((here - there[:, None]).square().sum(-1) + NEAR**2) ** -2
    moved = (weight @ shift) / weight.sum(2, keepdim=True)
    return (here[:, :, 0] + moved).view(-1, GRID, GRID, 2)


def _edge(like: Tensor) -> Tensor:
    """Points along the picture's edge [B, N, 2]."""
    line = torch.linspace(-1, 1, EDGE, device=like.device)
    ends = torch.tensor([-1.0, 1.0], device=like.device)
    sides = torch.cat([torch.cartesian_prod(line, ends), torch.cartesian_prod(ends, line)])
    return sides.to(like.dtype).expand(len(like), -1, -1)


class LandmarkRenderer(nn.Module):
    """Reference pictures and drawings → pictures."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.net = UNet(12, 4, widths)

    def forward(
        self, reference: Tensor, before: Tensor, after: Tensor, drawn: tuple[Tensor, Tensor]
    ) -> Tensor:
        """Pictures [B, 3, S, S] in -1..1.

        Args:
            reference: Picture of the person [B, 3, S, S] in -1..1.
            before: Its guides [B, P, 2], -1..1 over the picture.
            after: Where they are wanted.
            drawn: Drawings of the reference's and the target's landmarks [B, 3, S, S] in 0..1.
        """
        size = reference.shape[2:]
        grid = field(before, after).permute(0, 3, 1, 2)
        grid = F.interpolate(grid, size, mode="bilinear", align_corners=True).permute(0, 2, 3, 1)
        warped = F.grid_sample(reference, grid, padding_mode="border", align_corners=True)
        out = self.net(torch.cat([warped, reference, *drawn], 1))
        part = out[:, 3:].sigmoid()
        return warped * (1 - part) + out[:, :3].tanh() * 1.05 * part
