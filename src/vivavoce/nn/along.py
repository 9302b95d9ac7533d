"""Convolutions along the time of [B, T, C], the layout of everything else that runs along time.

A few hundred frames of some dozens of channels are too little for torch's own path of convolutions
on a processor (copying, and for dilated ones a slow loop); beside their neighbours they are one
product of matrices.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ConvAlong(nn.Conv1d):
    """`nn.Conv1d` (without groups; the same weights under the same names) for [B, T, C]."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolution of `x` [B, T, C] along time: [B, T', O], T' as stride and padding give it."""
        (kernel,), (dilation,), (stride,) = self.kernel_size, self.dilation, self.stride
        assert isinstance(self.padding, tuple)
        if kernel == 1 and stride == 1:
            return F.linear(x, self.weight[..., 0], self.bias)
        padded = F.pad(x, (0, 0, self.padding[0], self.padding[0]))
        frames = padded.shape[1] - dilation * (kernel - 1)
        beside = [padded[:, j * dilation :][:, :frames:stride] for j in range(kernel)]
        return F.linear(torch.cat(beside, -1), self.weight.transpose(1, 2).flatten(1), self.bias)
