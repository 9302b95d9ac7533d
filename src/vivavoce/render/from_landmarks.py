"""Pictures from landmarks: a reference picture, warped by its points and repaired by a U-Net.

SDM's paper describes no renderer. This one keeps the picture's own pixels where it can: a smooth
field carries the reference to the target's points, and the network, told both drawings, paints what
a warp cannot show: mouths that open, eyes that close, what the head uncovers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.nn.pictures import levels_of
from vivavoce.nn.unet import UNet
from vivavoce.render.scene import sample
from vivavoce.types import ALL_68, Bytes, Float

GRID = 48
"""Side of the grid on which the field is computed; between its points it is bilinear."""
NEAR = 0.04
"""Distance from a guide, in half sides of the picture, within which the field is the guide's own
shift."""
EDGE = 4
"""Points a side of the picture's edge that stand still."""
GUIDES = (*ALL_68, 10, 151, 9, 50, 280, 205, 425, 187, 411, 109, 338, 67, 297, 103, 332, 54, 284)
"""Landmarks that guide the warp: the 68, forehead and cheeks."""


def guides(landmarks: Float, side: float) -> Tensor:
    """The guides [T, P, 2], -1..1 over a picture `side` px wide, of landmarks [T, 478, 3] in px."""
    points = 2 * landmarks[..., GUIDES, :2] / side - 1
    return torch.from_numpy(points.astype(np.float32))


def field(before: Tensor, after: Tensor) -> Tensor:
    """Where each place of the target lies in the reference [B, GRID, GRID, 2], -1..1, as
    `grid_sample` takes it, for points [B, P, 2] before and after.

    A place moves with the points near it, weighed by inverse distance; the edge stands still.
    """
    line = torch.linspace(-1, 1, GRID, device=after.device)
    here = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1).view(1, -1, 2)
    edge = _edge(after)
    there = torch.cat([after, edge], 1)
    shift = torch.cat([before - after, torch.zeros_like(edge)], 1)
    apart = here.square().sum(-1)[..., None] + there.square().sum(-1)[:, None]
    apart = torch.baddbmm(apart, here.expand(len(there), -1, -1), there.transpose(1, 2), alpha=-2)
    weight = (apart.clamp(min=0) + NEAR**2) ** -2
    moved = (weight @ shift) / weight.sum(2, keepdim=True)
    return (here + moved).view(-1, GRID, GRID, 2)


def _edge(like: Tensor) -> Tensor:
    """Points along the picture's edge [B, N, 2]."""
    line = torch.linspace(-1, 1, EDGE, device=like.device)
    ends = torch.tensor([-1.0, 1.0], device=like.device)
    sides = torch.cat([torch.cartesian_prod(line, ends), torch.cartesian_prod(ends, line)])
    return sides.to(like.dtype).expand(len(like), -1, -1)


@dataclass(frozen=True)
class Layers:
    """Layers that pictures are put together from: a warped reference and paint over it."""

    places: Tensor
    """Where each place of the target lies in the reference [B, GRID, GRID, 2], -1..1."""
    warped: Tensor
    """The reference, carried there [B, 3, S, S] in -1..1."""
    paint: Tensor
    """What the network paints over it [B, 3, S, S] in about -1..1."""
    part: Tensor
    """Share of the paint at every place [B, 1, S, S]: 1 hides the warped picture, 0 shows it."""

    def cpu(self) -> Layers:
        """The same layers on the CPU."""
        return Layers(*(value.cpu() for value in vars(self).values()))


class LandmarkRenderer(nn.Module):
    """Pictures from a reference picture and drawings of two sets of landmarks."""

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
    shift = (layers.places[at].numpy() - _places(GRID)) * ((small - 1) / 2 * zoom)
    moved = _stretched(shift, (small - 1) / (GRID - 1) * zoom, (0, 0, size, size))
    made = sample(sharp, _pixels(size) + moved, kind=cv2.INTER_CUBIC)
    part = layers.part[at, 0].numpy()
    box = _painted(part, zoom, size)
    left, top, right, bottom = box
    under = made[top:bottom, left:right]
    paint = levels_of(layers.paint[at].permute(1, 2, 0).numpy())
    over = _stretched(paint, zoom, box, cv2.INTER_CUBIC) - under
    mixed = under + _stretched(part, zoom, box)[..., None] * over
    made[top:bottom, left:right] = np.clip(mixed + 0.5, 0, 255)
    return np.asarray(made, np.uint8)


@lru_cache(2)
def _places(count: int) -> Float:
    """Where each place of a grid lies [count, count, 2], -1..1."""
    line = np.linspace(-1, 1, count, dtype=np.float32)
    return np.stack(np.meshgrid(line, line), -1)


@lru_cache(2)
def _pixels(size: int) -> Float:
    """The place of each pixel [size, size, 2]."""
    return np.stack(np.meshgrid(*2 * [np.arange(size, dtype=np.float32)]), -1)


def _painted(part: Float, zoom: float, size: int) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what is painted, `part` [S, S] above a grey level, at `zoom`."""
    shown = part > 1 / 255
    if not shown.any():
        return 0, 0, 1, 1
    (top, bottom), (left, right) = (np.flatnonzero(shown.any(i))[[0, -1]] for i in (1, 0))
    low = (int(max(0, (v - 1) * zoom)) for v in (left, top))
    high = (min(size, int((v + 2) * zoom) + 1) for v in (right, bottom))
    return (*low, *high)  # type: ignore[return-value]


def _stretched(
    values: Float, zoom: float, box: tuple[int, int, int, int], how: int = cv2.INTER_LINEAR
) -> Float:
    """The `box` (left, top, right, bottom) of `values` [h, w, ...] at `zoom` times their size,
    corners on corners."""
    left, top, right, bottom = box
    matrix = np.array([[zoom, 0, -left], [0, zoom, -top]], float)
    shape = right - left, bottom - top
    large = cv2.warpAffine(values, matrix, shape, flags=how, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(large, np.float32)
