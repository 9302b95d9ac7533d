"""What a vocal tract is excited by: pulses at the pitch, and noise; for a small vocoder, which is
slow to find out by itself what a period is.

As HiFTNet does (Li, Han, Jiang & Mesgarani, "HiFTNet: a fast high-quality neural vocoder with
harmonic-plus-noise filter and inverse short time Fourier transform", 2023), the pitch is read from
the mel and its pulses are given to the generator as spectra.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.types import HOP, RATE

MIDDLE_HZ = 160.0
"""Pitch is counted in octaves from here."""
SEED = 11
"""Seed of the noise where none is given: the same mel gives the same sound."""


class PitchReader(nn.Module):
    """Normalised log-mel [B, mels, T] → octaves above `MIDDLE_HZ`, logits of voicing [B, T]."""

    def __init__(self, mels: int, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(mels, width, 5, padding=2), nn.LeakyReLU(0.1),
            nn.Conv1d(width, width, 5, padding=2), nn.LeakyReLU(0.1),
            nn.Conv1d(width, width, 5, padding=2), nn.LeakyReLU(0.1),
            nn.Conv1d(width, 2, 1),
        )  # fmt: skip

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """Pitch of every mel frame in octaves, and the logit of its being voiced."""
        octaves, voiced = self.layers(mel).unbind(1)
        return octaves, voiced


def pulses(octaves: Tensor, voiced: Tensor) -> Tensor:
    """Band-limited pulses [B, 160 T] of height 1 at the pitch `octaves` [B, T], 0 where `voiced`
    [B, T] is 0."""
    samples = octaves.shape[1] * HOP
    smooth = F.interpolate(octaves[:, None], size=samples, mode="linear")[:, 0]
    hertz = MIDDLE_HZ * torch.exp2(smooth.clamp(-2, 2.5))
    # cycles add up to thousands: single precision would shake the pitch
    cycles = (hertz.double() / RATE).cumsum(1) % 1
    angle = (2 * math.pi * cycles).to(hertz.dtype)
    harmonics = (RATE / 2 / hertz).floor()
    half = (angle / 2).sin()
    # sum of cos(k angle), k = 1 .. K, over K: Dirichlet's kernel
    kernel = (((harmonics + 0.5) * angle).sin() / half - 1) / (2 * harmonics)
    kernel = torch.where(half.abs() < 1e-4, torch.ones_like(kernel), kernel)
    return kernel * F.interpolate(voiced[:, None], size=samples)[:, 0]


def excitation(octaves: Tensor, voiced: Tensor, window: int, noise: Tensor | None) -> Tensor:
    """Real and imaginary parts of the spectra of pulses and of noise [B, 2 (window + 2), N], one
    every `window` / 4 samples; `noise` [B, 160 T] is N(0, 1), drawn here if None."""
    periodic = pulses(octaves, voiced)
    if noise is None:
        rng = torch.Generator().manual_seed(SEED)
        noise = torch.randn(periodic.shape[1], generator=rng).to(periodic).expand_as(periodic)
    return torch.cat([_spectra(periodic, window), _spectra(0.1 * noise, window)], 1)


def _spectra(samples: Tensor, window: int) -> Tensor:
    """[B, window + 2, n // (window / 4)]."""
    hop = window // 4
    shape = torch.hann_window(window, device=samples.device)
    found = torch.stft(samples, window, hop, window=shape, pad_mode="constant", return_complex=True)
    return torch.cat([found.real, found.imag], 1)[..., : samples.shape[1] // hop]
