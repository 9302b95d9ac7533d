"""The audio mapper: what the speech model knew while speaking becomes a lip code a video frame.

TTSF (Jang et al., CVPR 2024), section 3.1 and Fig. 3: the text embedding, the upsampled text
feature and its energy go through HiFi-GAN's multi-receptive field fusion (Kong et al., NeurIPS
2020, Fig. 1) without padding, and are interpolated to the frames of the video.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.nn.along import ConvAlong
from vivavoce.types import MELS_PER_FRAME

SLOPE = 0.1


class AudioMapper(nn.Module):
    """Conditions at 100 a second → lip codes f_lip at 25 a second."""

    def __init__(
        self, inputs: int, code: int, width: int = 256, kernels: Sequence[int] = (3, 7, 11),
        dilations: Sequence[int] = (1, 3, 5),
    ) -> None:  # fmt: skip
        """`inputs` channels of the conditions (see `conditions`), `code` of the result; `width`
        inside; a residual block for every one of `kernels`, with all `dilations`."""
        super().__init__()
        self.first = ConvAlong(inputs, width, 1)
        self.branches = nn.ModuleList(_Branch(width, k, dilations) for k in kernels)
        self.last = ConvAlong(width, code, 1)
        self.context = max(_lost(k, dilations) for k in kernels) // 2
        """Mel frames on each side that the convolutions use up: 60 in the paper's form."""

    def forward(self, conditions: Tensor, frames: int) -> Tensor:
        """f_lip [B, frames, code] of `conditions` [B, 4 * frames + 2 * context, inputs].

        Shorter conditions are stretched over the frames: the paper's literal reading, for which
        more than 2 * context rows are needed.
        """
        x = self.first(conditions)
        kept = x.shape[1] - 2 * self.context
        parts = torch.stack([_middle(branch(x), kept) for branch in self.branches])
        x = self.last(F.leaky_relu(parts.mean(0), SLOPE))
        # A frame's four mel rows are 4 j .. 4 j + 3; linear interpolation reads their middle.
        return F.interpolate(x.transpose(1, 2), size=frames, mode="linear").transpose(1, 2)


class _Branch(nn.Module):
    """HiFi-GAN's residual block 1 without padding: each part uses up its own support."""

    def __init__(self, width: int, kernel: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.wide = nn.ModuleList(ConvAlong(width, width, kernel, dilation=d) for d in dilations)
        self.narrow = nn.ModuleList(ConvAlong(width, width, kernel) for _ in dilations)

    def forward(self, x: Tensor) -> Tensor:
        for wide, narrow in zip(self.wide, self.narrow, strict=True):
            y = narrow(F.leaky_relu(wide(F.leaky_relu(x, SLOPE)), SLOPE))
            x = _middle(x, y.shape[1]) + y
        return x


def _lost(kernel: int, dilations: Sequence[int]) -> int:
    """Rows that a branch uses up."""
    return sum((kernel - 1) * (d + 1) for d in dilations)


def _middle(x: Tensor, length: int) -> Tensor:
    """The middle `length` of [B, T, C]."""
    start = (x.shape[1] - length) // 2
    return x[:, start : start + length]


def energy(feature: Tensor, average: bool = False) -> Tensor:
    """How loud, about [..., 1]: the norm of the upsampled text feature [..., d] over its channels
    (Fig. 3), as a root mean square so that d does not matter; or their `average`, as the text has
    it."""
    if average:
        return feature.mean(-1, keepdim=True)
    return feature.square().mean(-1, keepdim=True).sqrt()


def conditions(
    embedding: Tensor, feature: Tensor, used: Sequence[str], average: bool = False
) -> Tensor:
    """What the mapper hears [B, L, E + d + 1]: e_t expanded [B, L, E], the upsampled text feature
    [B, L, d], its energy. What is not in `used` ("embedding", "feature", "energy") is 0, so that
    the ablations of Table 5 are one network."""
    parts = {
        "embedding": embedding, "feature": feature, "energy": energy(feature, average)
    }  # fmt: skip
    return torch.cat([x if name in used else torch.zeros_like(x) for name, x in parts.items()], -1)


def surround(rows: Tensor, lengths: Tensor, starts: Tensor, frames: int, context: int) -> Tensor:
    """The rows of windows with what lies around them [B, 4 * frames + 2 * context, C].

    Args:
        rows: [B, L, C] at 100 a second.
        lengths: [B] rows that are real; the first and last of them are repeated beyond.
        starts: [B] first video frame of each window.
        frames: Video frames of a window.
        context: Rows on each side.
    """
    first = MELS_PER_FRAME * starts - context
    offsets = torch.arange(MELS_PER_FRAME * frames + 2 * context, device=rows.device)
    wanted = torch.minimum((first[:, None] + offsets).clamp(min=0), lengths[:, None] - 1)
    return rows.gather(1, wanted[..., None].expand(-1, -1, rows.shape[-1]))
