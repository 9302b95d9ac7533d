"""Numbers to where a judge's network is, and its answers back."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from vivavoce.types import Float


def beside(net: nn.Module, values: np.ndarray | Tensor) -> Tensor:
    """The values as a tensor on the device of `net`."""
    tensor = torch.from_numpy(values) if isinstance(values, np.ndarray) else values
    return tensor.to(next(net.parameters()).device)


def answer(found: Tensor) -> Float:
    """A network's answer as float32 numbers on the CPU, from whatever device it is on."""
    return np.asarray(found.cpu().numpy(), np.float32)
