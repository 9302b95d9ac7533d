"""SDM's coarse motion: pose modes from what is said, frame after frame, and rhythm from prosody.

"Shallow Diffusion Motion Model for Talking Face Generation from Speech", sections 3.1 and 3.2.
Symbols: i is the video frame; F the motion of landmarks; M its latent; the bar marks the content
(pose) part, the tilde the rhythmic part.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.nn.along import ConvAlong
from vivavoce.types import MELS_PER_FRAME

HEARD = 5
"""Video frames, 0.2 s, about frame i that the content encoder hears."""
PROSODY = 3
"""Log-energy, F0, voicing."""


def mel_windows(mel: Tensor) -> Tensor:
    """S_(i): windows [B, T, 80, 20] of log-mel [B, 4 T, 80], each centred on its video frame;
    beyond the ends the edge is repeated."""
    side = (HEARD // 2) * MELS_PER_FRAME
    padded = F.pad(mel.transpose(1, 2), (side, side), mode="replicate")
    return padded.unfold(2, HEARD * MELS_PER_FRAME, MELS_PER_FRAME).permute(0, 2, 1, 3)


class _GroupNorm(nn.GroupNorm):
    """Over the frames of [B, T, C] and channels of a group."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class ContentEncoder(nn.Module):
    """f_con: four convolutions and a mean over time, [B, T, 80, 20] → [B, T, C]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        widths, strides = (80, width // 2, width, width, width), (1, 2, 2, 1)
        layers: list[nn.Module] = []
        for i, stride in enumerate(strides):
            layers += [
                ConvAlong(widths[i], widths[i + 1], 3, stride, 1),
                _GroupNorm(4, widths[i + 1]), nn.ReLU(),
            ]  # fmt: skip
        self.layers = nn.Sequential(*layers)

    def forward(self, windows: Tensor) -> Tensor:
        """The content code of every frame."""
        found = self.layers(windows.flatten(0, 1).transpose(1, 2)).mean(1)
        return found.unflatten(0, windows.shape[:2])


class RhythmicGenerator(nn.Module):
    """f_rhy: five convolutions over mel and prosody at 100 a second, a second wide; F~ and the
    features it is read from, 25 a second."""

    def __init__(self, width: int, motion: int) -> None:
        super().__init__()
        strides, spread = (2, 2, 1, 1, 1), (1, 1, 2, 2, 2)
        layers: list[nn.Module] = []
        inputs = 80 + PROSODY
        for stride, dilation in zip(strides, spread, strict=True):
            layers += [nn.Conv1d(inputs, width, 5, stride, 2 * dilation, dilation), nn.ReLU()]
            inputs = width
        self.layers = nn.Sequential(*layers)
        self.last = nn.Linear(width, motion)

    def forward(self, mel: Tensor, prosody: Tensor) -> tuple[Tensor, Tensor]:
        """F~ [B, T, K] and features [B, T, W] of mel [B, 4 T, 80] and prosody [B, T, 3]."""
        heard = torch.cat([mel, prosody.repeat_interleave(MELS_PER_FRAME, 1)], 2)
        features = self.layers(heard.transpose(1, 2)).transpose(1, 2)
        return self.last(features), features


def _mlp(inputs: int, width: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(),
        nn.Linear(width, outputs),
    )  # fmt: skip


class PoseModes(nn.Module):
    """The visual branch: latents M of F, their change z from the content, and F-bar.

    z is what the content and M_(i-1) say it is, or, where it is `drawn`, a Gaussian about that: the
    abstract's "conditional sampling in a latent space".
    """

    def __init__(self, width: int, motion: int, drawn: bool = False) -> None:
        super().__init__()
        self.drawn = drawn
        self.encode = _mlp(motion, width, width)  # f_enc
        self.change = _mlp(2 * width, width, 2 * width if drawn else width)  # h_enc
        self.decode = _mlp(width, width, motion)  # f_dec
        if drawn:
            self.seen = _mlp(2 * width, width, 2 * width)  # z of a true change M_(i) - M_(i-1)

    def forward(self, previous: Tensor, content: Tensor, noise: Tensor | None = None) -> Tensor:
        """F-bar_(i) = f_dec(M_(i-1) + z) (Eq. 2, in the forward direction) for F_(i-1) [..., K] and
        the content code [..., C]; `noise` [..., C], N(0, I), draws z, without it z is the mean."""
        latent = self.encode(previous)
        z = self.change(torch.cat([latent, content], -1))
        if self.drawn:
            mean, spread = z.chunk(2, -1)
            z = mean if noise is None else mean + spread.exp() * noise
        return self.decode(latent + z)

    def taught(
        self, previous: Tensor, content: Tensor, true: Tensor, noise: Tensor
    ) -> tuple[Tensor, Tensor]:
        """F-bar_(i) with z drawn about the change to the true frame [..., K], and how far that is
        from what would be drawn without it: Kullback-Leibler distance, mean over numbers."""
        latent = self.encode(previous)
        mean, spread = self.change(torch.cat([latent, content], -1)).chunk(2, -1)
        change = self.encode(true) - latent
        own, width = self.seen(torch.cat([change, content], -1)).chunk(2, -1)
        apart = spread - width + 0.5 * ((2 * width).exp() + (own - mean).square()) / (
            2 * spread
        ).exp() - 0.5  # fmt: skip
        return self.decode(latent + own + width.exp() * noise), apart.mean()

    def again(self, motion: Tensor) -> Tensor:
        """f_dec(f_enc(F)): what L_reg holds against F (Eqs. 3 and 4)."""
        return self.decode(self.encode(motion))


def regularity_loss(modes: PoseModes, motion: Tensor) -> Tensor:
    """L_reg (Eq. 4) on neighbouring frames of F [B, T, K]: both are rebuilt from their latents."""
    again = (modes.again(motion) - motion).abs()
    return again[:, 1:].mean() + again[:, :-1].mean()


def independence_loss(pose: Tensor, rhythm: Tensor, literal: bool = False) -> Tensor:
    """L_ind (Eq. 5) of F-bar and F~ [N, K].

    Minimising the printed distance would pull the branches together, against what the text wants;
    the default is the mean squared cross-correlation of the standardised outputs. `literal` gives
    the printed form.
    """
    if literal:
        return (rhythm - pose).norm(dim=1).mean()
    return correlations(pose, rhythm).square().mean()


def correlations(a: Tensor, b: Tensor) -> Tensor:
    """Correlation matrix [K, K] of the columns of [N, K] and [N, K]."""
    za, zb = ((x - x.mean(0)) / (x.std(0, unbiased=False) + 1e-5) for x in (a, b))
    return za.T @ zb / len(a)
