"""Numbers that are alike on every machine: inputs, weights, short descriptions of outputs."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import torch
from torch import nn

Net = TypeVar("Net", bound=nn.Module)


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    """Draws from N(0, 1) of this shape, float32."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def tensor(*shape: int, seed: int = 0) -> torch.Tensor:
    """`numbers` for a network."""
    return torch.from_numpy(numbers(*shape, seed=seed))


def filled(net: Net, seed: int = 0) -> Net:
    """The network, in use, with weights that are known: every block of it gets a part to play."""
    with torch.no_grad():
        for i, weight in enumerate(net.parameters()):
            drawn = tensor(*weight.shape, seed=seed + i + 1)
            fan = weight[0].numel() if weight.dim() > 1 else 25
            scales = weight.dim() < 2 and bool((weight == 1).all())  # a norm's begin at 1
            weight.copy_(drawn / fan**0.5 + float(scales))
        for i, held in enumerate(net.buffers()):
            if held.is_floating_point():
                held.add_(0.1 * tensor(*held.shape, seed=seed + 1000 + i).abs().to(held.dtype))
    return net.eval()


def brief(found: object) -> np.ndarray:
    """An array of any size in 14 numbers: size, spread, single values, and sums with drawn signs.

    Whatever changes in the array changes some of them; rounding hardly does.
    """
    if isinstance(found, torch.Tensor):
        found = found.detach().float().numpy()
    flat = np.asarray(found, np.float64).ravel()
    signs = np.random.default_rng(7).choice([-1.0, 1.0], (5, len(flat)))
    spots = flat[np.linspace(0, len(flat) - 1, 6).astype(int)]
    return np.concatenate(
        [[len(flat), flat.mean(), flat.std()], spots, signs @ flat / max(len(flat), 1) ** 0.5]
    )


def overall(picture: np.ndarray) -> np.ndarray:
    """`brief` of a picture without its single values: at an edge that moves, one pixel can differ
    from processor to processor by more than the picture does."""
    return np.delete(brief(picture), range(3, 9))
