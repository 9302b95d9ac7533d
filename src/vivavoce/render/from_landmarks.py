"""Pictures from landmarks: a reference picture, warped by its points and repaired by a U-Net.

SDM's paper describes no renderer. This one keeps the picture's own pixels where it can: a smooth
field carries the reference to the target's points, and the network, told both drawings, paints what
a warp cannot show: mouths that open, eyes that close, what the head uncovers.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.nn.unet import UNet
from vivavoce.render.scene import sample
from vivavoce.types import Bytes, Float

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


@dataclass(frozen=True)
class Layers:
    """What a picture is put together from."""

    places: Tensor
    """Where each place of the target lies in the reference [B, GRID, GRID, 2], -1..1."""
    warped: Tensor
    """The reference, carried there [B, 3, S, S] in -1..1."""
    paint: Tensor
    """What the network paints over it [B, 3, S, S]."""
    part: Tensor
    """How much it covers [B, 1, S, S] in 0..1."""


class LandmarkRenderer(nn.Module):
    """Reference pictures and drawings → pictures."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.net = UNet(12, 4, widths)

    def forward(
        self, reference: Tensor, before: Tensor, after: Tensor, drawn: tuple[Tensor, Tensor]
    ) -> Tensor:
        """Pictures [B, 3, S, S] in -1..1; see `layers`."""
        of = self.layers(reference, before, after, drawn)
        return of.warped * (1 - of.part) + of.paint * of.part

    def layers(
        self, reference: Tensor, before: Tensor, after: Tensor, drawn: tuple[Tensor, Tensor]
    ) -> Layers:
        """The warped picture and what is painted over it.

        Args:
            reference: Picture of the person [B, 3, S, S] in -1..1.
            before: Its guides [B, P, 2], -1..1 over the picture.
            after: Where they are wanted.
            drawn: Drawings of the reference's and the target's landmarks [B, 3, S, S] in 0..1.
        """
        places = field(before, after)
        grid = F.interpolate(
            places.permute(0, 3, 1, 2), reference.shape[2:], mode="bilinear", align_corners=True
        ).permute(0, 2, 3, 1)
        warped = F.grid_sample(reference, grid, padding_mode="border", align_corners=True)
        out = self.net(torch.cat([warped, reference, *drawn], 1))
        return Layers(places, warped, out[:, :3].tanh() * 1.05, out[:, 3:].sigmoid())


def enlarged(sharp: Bytes, layers: Layers, at: int) -> Bytes:
    """Frame `at` of `layers` as large as `sharp` [N, N, 3], the same square as the reference but
    with all the detail that the picture has: the warp carries its pixels, so only what is painted
    is as coarse as the network."""
    size, small = len(sharp), layers.part.shape[-1]
    zoom = size / small
    line = np.linspace(-1, 1, GRID, dtype=np.float32)
    still = np.stack(np.meshgrid(line, line), -1)
    shift = (layers.places[at].numpy() - still) * ((small - 1) / 2 * zoom)
    moved = _stretched(shift, (small - 1) / (GRID - 1) * zoom, size, cv2.INTER_LINEAR)
    here = np.stack(np.meshgrid(*2 * [np.arange(size, dtype=np.float32)]), -1)
    warped = sample(sharp, here + moved, kind=cv2.INTER_CUBIC)
    paint = (layers.paint[at].permute(1, 2, 0).numpy() + 1) * 127.5
    part = _stretched(layers.part[at, 0].numpy(), zoom, size, cv2.INTER_LINEAR)[..., None]
    mixed = warped + part * (_stretched(paint, zoom, size, cv2.INTER_CUBIC) - warped)
    return np.asarray(np.clip(mixed + 0.5, 0, 255), np.uint8)


def _stretched(values: Float, zoom: float, size: int, how: int) -> Float:
    """`values` [h, w, ...] at `zoom` times their size [size, size, ...], corners on corners."""
    matrix = np.array([[zoom, 0, 0], [0, zoom, 0]])
    large = cv2.warpAffine(values, matrix, (size, size), flags=how, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(large, np.float32)
