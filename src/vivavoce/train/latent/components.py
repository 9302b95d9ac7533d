"""An autoencoder that begins as the principal components of its pictures' squares.

A small autoencoder of one level (`LatentSettings.patch`) spends most of its training on finding out
that pictures have colours: its norms divide every picture by its own size, and its non-linear layers
bend what should be kept. Here its weights are chosen so that it begins as the best linear code there
is, and training only has to be better than that.

- Residual blocks add nothing yet.
- Each component goes through as a pair of channels of opposite sign, because SiLU(x) - SiLU(-x) = x.
- Two channels of each group of a norm hold large constants of opposite sign, so that the norm
  divides by nearly the same number whatever the picture is.
"""  # noqa: E501

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor

from vivavoce.nn.latent import LatentBase

CONSTANT = 8.0
"""Size of the constants, in standard deviations of a component."""
QUIET = -7.0
"""Logarithm of the variance of the code at first."""
LEVELLED = 0.5
"""Power of a component's deviation by which it is divided in the code; 1 would make all equal."""


@torch.no_grad()
def begin_as_components(base: LatentBase, pictures: Tensor) -> None:
    """Let the autoencoder of a base with one level code `pictures` [N, 3, S, S] linearly."""
    vae, count = base.vae, base.settings.latent_channels
    middle, basis, spread = _components(pictures, base.settings.patch, count)
    for module in vae.modules():
        if isinstance(module, ResnetBlock2D):
            module.conv2.weight.zero_()
            module.conv2.bias.zero_()  # type: ignore[union-attr]
    size = spread**LEVELLED
    unit = spread / size  # deviation of a component in the code
    pairs = Pairs(base.settings.vae_channels[0], base.settings.groups, count)
    pairs.enter(vae.encoder.conv_in, basis / spread[:, None], -(basis @ middle) / spread)
    pairs.leave(vae.encoder.conv_norm_out, vae.encoder.conv_out, torch.diag(unit))
    pairs.enter(vae.decoder.conv_in, torch.diag(1 / unit), torch.zeros_like(unit))
    pairs.leave(vae.decoder.conv_norm_out, vae.decoder.conv_out, basis.T * spread)
    vae.decoder.conv_out.bias.copy_(middle)
    _pass_on(vae.quant_conv, count)
    vae.quant_conv.bias[count:] = QUIET
    _pass_on(vae.post_quant_conv, count)


class Pairs:
    """Which channels hold the components, spread evenly over the groups of the norms."""

    def __init__(self, channels: int, groups: int, count: int) -> None:
        wide = channels // groups
        each = -(-count // groups)
        self.groups, self.each = groups, each
        starts = [(k % groups) * wide + 2 + 2 * (k // groups) for k in range(count)]
        self.plus = torch.tensor(starts)
        self.constants = torch.arange(groups) * wide
        self.size = ((2 * CONSTANT**2 + 2 * each) / wide) ** 0.5
        """What a norm divides by."""

    def enter(self, conv: Any, rows: Tensor, offsets: Tensor) -> None:
        """Let a 3x3 convolution put rows [K, in] of its input, and offsets [K], into the pairs."""
        for sign, at in ((1, self.plus), (-1, self.plus + 1)):
            conv.weight[at] = 0
            conv.weight[at, :, 1, 1] = sign * rows[:, : conv.in_channels]
            conv.bias[at] = sign * offsets
        for sign, at in ((1, self.constants), (-1, self.constants + 1)):
            conv.weight[at] = 0
            conv.bias[at] = sign * CONSTANT

    def leave(self, norm: Any, conv: Any, rows: Tensor) -> None:
        """Undo the norm's division, and let a 3x3 convolution take rows [out, K] of the pairs."""
        norm.weight.fill_(self.size)
        norm.bias.zero_()
        conv.weight.zero_()
        conv.bias.zero_()
        out = len(rows)
        for sign, at in ((1, self.plus), (-1, self.plus + 1)):
            conv.weight[:out, at, 1, 1] = sign * rows


def _components(pictures: Tensor, patch: int, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Mean [D], first components [K, D] and their deviations [K] of the squares of pictures."""
    squares = F.pixel_unshuffle(pictures, patch).movedim(1, -1).flatten(0, 2).double()
    middle = squares.mean(0)
    values, vectors = torch.linalg.eigh(torch.cov((squares - middle).T))
    order = torch.arange(len(values) - 1, len(values) - 1 - count, -1)
    return middle.float(), vectors[:, order].T.float(), values[order].sqrt().float()


def _pass_on(conv: Any, count: int) -> None:
    """Let a 1x1 convolution pass on its first channels; the others give nothing."""
    conv.weight.zero_()
    conv.bias.zero_()
    conv.weight[:count, :count, 0, 0] = torch.eye(count, device=conv.weight.device)
