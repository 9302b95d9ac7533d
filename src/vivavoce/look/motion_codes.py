"""The motion extractor E_m: what of a picture's code is motion, in an orthogonal code book.

Paper section 3.1: E_v(I) = f = f_id + f_m, where f_m = E_m(f) lies in the span of M trainable
motion codes. LIA (Wang et al., ICLR 2022) keeps them orthogonal by a QR decomposition; unlike LIA,
which gives the motion from source to target, the motion here is each picture's own.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from vivavoce.nn.equalised import GAIN, EqualLinear, leaky

LAYERS = 5


class MotionCodes(nn.Module):
    """A five-layer MLP and M orthonormal codes."""

    def __init__(self, code: int, motions: int) -> None:
        super().__init__()
        widths = [code] * LAYERS + [motions]
        self.layers = nn.ModuleList(
            EqualLinear(i, o, gain=GAIN if o == code else 1.0) for i, o in pairwise(widths)
        )
        self.book = nn.Parameter(torch.randn(code, motions))

    def directions(self) -> Tensor:
        """D [code, M] with orthonormal columns: the Q factor, so training cannot break it."""
        with torch.autocast(self.book.device.type, enabled=False):
            q, r = torch.linalg.qr(self.book.float())
            return q * r.diagonal().sign()  # without the sign, Q could flip from step to step

    def amounts(self, f: Tensor) -> Tensor:
        """How far along each code [..., M] the codes `f` [..., code] are."""
        for layer in self.layers[:-1]:
            f = leaky(layer(f))
        out: Tensor = self.layers[-1](f)
        return out

    def forward(self, f: Tensor) -> Tensor:
        """f_m [..., code] = sum over k of a_k d_k."""
        return self.amounts(f) @ self.directions().T.to(f.dtype)

    def split(self, f: Tensor) -> tuple[Tensor, Tensor]:
        """f_id and f_m, which add up to `f` [..., code]."""
        f_m = self(f)
        return f - f_m, f_m


def within(boxes: Tensor, size: int, reach: float) -> Tensor:
    """1 in the boxes [B, 4] (px), each widened by `reach` of its width at the sides and below;
    0 elsewhere [B, 1, size, size]."""
    line = torch.arange(size, device=boxes.device) + 0.5
    left, top, right, bottom = boxes.T[..., None]
    more = reach * (right - left)
    across = (line > left - more) & (line < right + more)
    down = (line > top) & (line < bottom + more)
    return (down[:, :, None] & across[:, None, :]).float()[:, None]


HIDDEN = 0.15
"""How far beyond the mouth's box a picture is hidden: the jaw tells of the lips too."""


def hidden_mouth(pictures: Tensor, boxes: Tensor) -> Tensor:
    """Pictures [B, 3, S, S] that are grey about the mouth `boxes` [B, 4] px: a motion taken from
    them is the head's and the upper face's alone."""
    return pictures * (1 - within(boxes, pictures.shape[-1], HIDDEN))
