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
"""Length of what the content encoder hears of speech, in video frames centred on frame i: 0.2 s."""
PROSODY = 3
"""Numbers of prosody a frame: log-energy, F0, voicing."""


def mel_windows(mel: Tensor) -> Tensor:
    """Windows S_(i) [B, T, 80, 20] of log-mel [B, 4 T, 80], each centred on its video frame; beyond
    the ends the edge is repeated."""
    side = (HEARD // 2) * MELS_PER_FRAME
    padded = F.pad(mel.transpose(1, 2), (side, side), mode="replicate")
    return padded.unfold(2, HEARD * MELS_PER_FRAME, MELS_PER_FRAME).permute(0, 2, 1, 3)


class _GroupNorm(nn.GroupNorm):
    """Normalises the frames of [B, T, C] and the channels of a group together."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class ContentEncoder(nn.Module):
    """The content encoder f_con: four convolutions and a mean over time."""

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
        """Content codes [B, T, C] of windows [B, T, 80, 20]."""
        found = self.layers(windows.flatten(0, 1).transpose(1, 2)).mean(1)
        return found.unflatten(0, windows.shape[:2])


class RhythmicGenerator(nn.Module):
    """The rhythmic generator f_rhy: five convolutions over mel and prosody, a second wide, from 100
    rows a second to 25."""

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
        """F~ [B, T, K] and the features [B, T, W] it is read from, for mel [B, 4 T, 80] and prosody
        [B, T, 3]."""
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

    z is what h_enc makes of the content and M_(i-1) or, with `sample_z`, drawn from a Gaussian that
    h_enc gives: the abstract's "conditional sampling in a latent space".
    """

    def __init__(self, width: int, motion: int, sample_z: bool = False) -> None:
        super().__init__()
        self.sample_z = sample_z
        self.encode = _mlp(motion, width, width)  # f_enc
        self.change = _mlp(2 * width, width, 2 * width if sample_z else width)  # h_enc
        self.decode = _mlp(width, width, motion)  # f_dec
        if sample_z:
            self.posterior = _mlp(2 * width, width, 2 * width)  # z seen in M_(i) - M_(i-1)

    def forward(self, previous: Tensor, content: Tensor, noise: Tensor | None = None) -> Tensor:
        """F-bar_(i) = f_dec(M_(i-1) + z) (Eq. 2, in the forward direction).

        Args:
            previous: F_(i-1) [..., K].
            content: Content code of frame i [..., C].
            noise: Standard normal noise [..., C] that draws z; None: z is its mean.
        """
        latent = self.encode(previous)
        z = self.change(torch.cat([latent, content], -1))
        if self.sample_z:
            mean, log_std = z.chunk(2, -1)
            z = mean if noise is None else mean + log_std.exp() * noise
        return self.decode(latent + z)

    def from_true_change(
        self, previous: Tensor, content: Tensor, true: Tensor, noise: Tensor
    ) -> tuple[Tensor, Tensor]:
        """F-bar_(i) with z drawn from what the change to the true frame shows, while learning.

        Args:
            previous: F_(i-1) [..., K].
            content: Content code of frame i [..., C].
            true: F_(i) [..., K].
            noise: Standard normal noise [..., C].

        Returns: F-bar_(i) [..., K], and the Kullback-Leibler divergence of that Gaussian of z from
        the one of `forward`, mean over numbers.
        """
        latent = self.encode(previous)
        mean, log_std = self.change(torch.cat([latent, content], -1)).chunk(2, -1)
        change = self.encode(true) - latent
        seen, seen_log_std = self.posterior(torch.cat([change, content], -1)).chunk(2, -1)
        divergence = log_std - seen_log_std - 0.5 + 0.5 * (
            (2 * seen_log_std).exp() + (seen - mean).square()
        ) / (2 * log_std).exp()  # fmt: skip
        return self.decode(latent + seen + seen_log_std.exp() * noise), divergence.mean()

    def reconstruct(self, motion: Tensor) -> Tensor:
        """f_dec(f_enc(F)) [..., K], which L_reg holds against F (Eqs. 3 and 4)."""
        return self.decode(self.encode(motion))


def regularity_loss(modes: PoseModes, motion: Tensor) -> Tensor:
    """L_reg (Eq. 4) on neighbouring frames of F [B, T, K]: mean absolute error of M_(i)'s and of
    M_(i-1)'s reconstruction."""
    error = (modes.reconstruct(motion) - motion).abs()
    return error[:, 1:].mean() + error[:, :-1].mean()


def independence_loss(pose: Tensor, rhythm: Tensor, literal: bool = False) -> Tensor:
    """L_ind (Eq. 5) of F-bar and F~ [N, K]: mean squared cross-correlation of the two, 0 where they
    are independent.

    Minimising the distance that Eq. 5 prints would pull the branches together, against what the
    text wants; `literal` gives that distance.
    """
    if literal:
        return (rhythm - pose).norm(dim=1).mean()
    return correlations(pose, rhythm).square().mean()


def correlations(a: Tensor, b: Tensor) -> Tensor:
    """Correlation matrix [K, L] of the columns of [N, K] with those of [N, L]."""
    za, zb = ((x - x.mean(0)) / (x.std(0, unbiased=False) + 1e-5) for x in (a, b))
    return za.T @ zb / len(a)
