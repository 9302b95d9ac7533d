"""The encoding phase: a voice sample, a picture and a text as tokens of one width (Sec. 3.1)."""

from __future__ import annotations

from functools import cache
from math import gcd

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from scipy.signal import resample_poly
from torch import Tensor, nn

from vivavoce.listen.mel import log_mel, mel_filters
from vivavoce.speak.hifigan import MIDDLE, SPREAD
from vivavoce.systems.stfm.settings import StfmSettings
from vivavoce.types import RATE, Float

HIFIGAN_RATE, FFT, HOP = 22_050, 1024, 256
"""Of HiFi-GAN V1's spectrograms, and of XTTS's codes."""
LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
"""The tracker's points along the outer edge of the lips."""


def at_rate(samples: Float, rate: int, to: int) -> Float:
    """Sound [n] at another rate [n * to / rate]."""
    divisor = gcd(rate, to)
    return np.asarray(resample_poly(samples, to // divisor, rate // divisor), np.float32)


def magnitudes(sound: Tensor, size: int = FFT, hop: int = HOP) -> Tensor:
    """Magnitude spectrogram [B, n // hop, size / 2 + 1] of sound [B, n], as HiFi-GAN pads it."""
    side = (size - hop) // 2
    padded = F.pad(sound[:, None], (side, side), mode="reflect")[:, 0]
    window = torch.hann_window(size, device=sound.device)
    found = torch.stft(padded, size, hop, window=window, center=False, return_complex=True)
    # The root of a sum of squares has no slope at 0.
    return (found.real.square() + found.imag.square() + 1e-9).sqrt().transpose(1, 2)


@cache
def _bank() -> Tensor:
    return torch.from_numpy(mel_filters(FFT, rate=HIFIGAN_RATE))


def hifigan_mel(sound: Tensor) -> Tensor:
    """HiFi-GAN's log-mel [B, n // 256, 80] of sound [B, n] at 22.05 kHz."""
    mel = magnitudes(sound) @ _bank().to(sound.device)
    return mel.clamp(min=1e-5).log()


def fitted(samples: Float, seconds: float, start: int = 0) -> Float:
    """Exactly so many seconds at 16 kHz of a voice sample [n], from `start` on; a shorter one is
    repeated."""
    wanted = round(seconds * RATE)
    part = samples[start : start + wanted]
    return np.resize(part, wanted).astype(np.float32) if len(part) else np.zeros(wanted, np.float32)


def heard(samples: Float, settings: StfmSettings) -> dict[str, Float]:
    """What the audio front ends are fed of a voice sample [n] at 16 kHz: its spectrogram `mel`
    [N, 80] and its normalised `wave` [n]."""
    wave = (samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)
    if settings.hearing == "small":
        return {"mel": log_mel(samples), "wave": wave}
    sound = torch.from_numpy(at_rate(samples, RATE, HIFIGAN_RATE))[None]
    return {"mel": hifigan_mel(sound)[0].numpy(), "wave": wave}


class _SmallVoice(nn.Module):
    """Log-mel [B, T, 80] at 100 a second → tokens [B, T / 2, D]; stands where Wav2Vec stands."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(80, width, 6, 2, 2)
        self.layers = nn.ModuleList(
            nn.Conv1d(width, width, 3, dilation=d, padding=d) for d in (1, 2, 4, 1)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(4))

    def forward(self, mel: Tensor) -> Tensor:
        x = self.first(((mel - MIDDLE) / SPREAD).transpose(1, 2)).transpose(1, 2)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = x + F.gelu(norm(layer(x.transpose(1, 2)).transpose(1, 2)))
        return x


def _wav2vec() -> nn.Module:
    """Wav2Vec 2.0 base, with transformers' defaults, which are its own."""
    from transformers import Wav2Vec2Config, Wav2Vec2Model

    return Wav2Vec2Model(Wav2Vec2Config(mask_time_prob=0.0))


class AudioFront(nn.Module):
    """f_a and f_s of a voice sample: 172 and 99 tokens of two seconds in `paper`."""

    def __init__(self, settings: StfmSettings) -> None:
        super().__init__()
        s = self.settings = settings
        small = s.hearing == "small"
        channels = s.vocoder.channels if small else 512
        self.hifigan = nn.Conv1d(80, channels, 7, padding=3)
        self.semantic = _SmallVoice(s.width) if small else _wav2vec()
        self.to_a = nn.Identity() if channels == s.width else nn.Linear(channels, s.width)
        self.to_s = nn.Identity() if small else nn.Linear(768, s.width)

    def forward(self, mel: Tensor, wave: Tensor) -> tuple[list[Tensor], list[str]]:
        """Tokens [B, n, D] of each part that is wanted, and the parts' names, for what `heard`
        says: `mel` [B, N, 80] and `wave` [B, n]."""
        s, found = self.settings, {}
        if s.hifigan_tokens:
            given = (mel - MIDDLE) / SPREAD if s.hearing == "small" else mel
            found["a"] = self.to_a(self.hifigan(given.transpose(1, 2)).transpose(1, 2))
        if s.wav2vec_tokens:
            found["s"] = self.to_s(self.hear(mel, wave)[-1])
        return list(found.values()), list(found)

    def hear(self, mel: Tensor, wave: Tensor) -> list[Tensor]:
        """Layers [B, n, C] of the semantic network: all twelve of Wav2Vec, or the one of ours."""
        if self.settings.hearing == "small":
            return [self.semantic(mel)]
        layers = self.semantic(wave, output_hidden_states=True).hidden_states
        return list(layers[1:])


class ImageFront(nn.Module):
    """f_i ⊕ f_lm ⊕ f_fm: latents of a picture and its masks, joined along channels."""

    def __init__(self, settings: StfmSettings) -> None:
        super().__init__()
        self.project = nn.Linear(settings.latent.latent_channels + 2, settings.width)

    def forward(self, latents: Tensor, lips: Tensor, face: Tensor) -> Tensor:
        """Tokens [B, h w, D] of the VAE's latents [B, C, h, w] and masks [B, 1, S, S] of any
        size."""
        height, width = latents.shape[-2:]
        masks = [F.adaptive_avg_pool2d(mask, (height, width)) for mask in (lips, face)]
        rows = torch.cat([latents, *masks], 1).flatten(2).transpose(1, 2)
        out: Tensor = self.project(rows)
        return out


def masks_of(points: Float, size: int) -> tuple[Float, Float]:
    """Masks of lips and face [1, S, S] in 0..1 of the tracker's points [478, 3] px."""
    found = []
    for rows in (points[list(LIPS)], points[:468]):
        mask = np.zeros((size, size), np.uint8)
        hull = cv2.convexHull(np.ascontiguousarray(rows[:, :2], np.float32))
        cv2.fillConvexPoly(mask, np.round(hull).astype(np.int32), (1,))
        found.append(mask[None].astype(np.float32))
    return found[0], found[1]
