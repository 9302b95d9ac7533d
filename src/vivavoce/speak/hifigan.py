"""HiFi-GAN: log-mel at 100 frames a second → sound at 16 kHz.

Kong, Kim & Bae, "HiFi-GAN: generative adversarial networks for efficient and high fidelity speech
synthesis", NeurIPS 2020. `paper` is its V1 at hop 160 (5 * 4 * 4 * 2); `tiny` is V3's residual
blocks with the last two upsamplings done by an inverse Fourier transform, as iSTFTNet does (Kaneko
et al., ICASSP 2022), a tenth of the work on a processor, and is told the pitch (`excitation.py`).
"""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import Self

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.nn.utils.parametrize import is_parametrized, remove_parametrizations

from vivavoce.speak.excitation import PitchReader, excitation
from vivavoce.types import HOP

SLOPE = 0.1
MIDDLE, SPREAD = -15.9, 4.3
"""Of natural log-mels of speech (`listen.mel.log_mel`): the network sees numbers around 0."""
LOUDEST = 5.0
"""Log magnitude that the head may ask for; keeps a young network from overflowing."""


class HifiganSettings(BaseModel):
    """What the generator is made of; the defaults are V1."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    channels: int = 512
    """At 100 frames a second; halved by every upsampling."""
    upsamplings: tuple[int, ...] = (5, 4, 4, 2)
    """Their product, times `spectrum_hop`, is 160."""
    kernels: tuple[int, ...] = (3, 7, 11)
    """Kernel sizes of the residual blocks whose outputs are averaged after every upsampling."""
    dilations: tuple[tuple[int, ...], ...] = ((1, 3, 5), (1, 3, 5), (1, 3, 5))
    """Dilations of the convolutions in each of those blocks."""
    pairs: bool = True
    """Every dilated convolution is followed by a plain one (V1, V2) or not (V3)."""
    spectrum_hop: int = 1
    """1: the last layer gives samples. Else it gives spectra of 4 times as many samples this far
    apart, which are transformed back (iSTFTNet)."""
    pitch_width: int = 0
    """Of the network that reads the pitch from the mel and excites the generator with it; 0: none.
    Needs `spectrum_hop` above 1."""
    critic_width: int = 32
    """First layer of the critics of periods; those of scales have four times as many channels."""
    critic_scales: int = 3
    """Critics of scales; the paper's table 2 shows that the periods matter far more."""


PRESETS = {
    "paper": HifiganSettings(),
    "tiny": HifiganSettings(
        channels=256, upsamplings=(5, 4), kernels=(3, 5, 7), dilations=((1, 2), (2, 6), (3, 12)),
        pairs=False, spectrum_hop=8, pitch_width=96, critic_width=8, critic_scales=0,
    ),
}  # fmt: skip


def normed_conv(inputs: int, outputs: int, kernel: int, dilation: int = 1) -> nn.Conv1d:
    """A convolution that keeps the length, its weight normalised (Salimans & Kingma 2016)."""
    layer = nn.Conv1d(
        inputs, outputs, kernel, dilation=dilation, padding=dilation * (kernel - 1) // 2
    )
    return parametrizations.weight_norm(layer)


class Residual(nn.Module):
    """Residual block 1 (`pairs`) or 2 of the paper's appendix A."""

    def __init__(
        self, width: int, kernel: int, dilations: tuple[int, ...], pairs: bool
    ) -> None:  # fmt: skip
        super().__init__()
        self.wide = nn.ModuleList(normed_conv(width, width, kernel, d) for d in dilations)
        self.plain = nn.ModuleList(normed_conv(width, width, kernel) for _ in dilations if pairs)

    def forward(self, x: Tensor) -> Tensor:
        """Features [B, width, T], as many as before."""
        for i, wide in enumerate(self.wide):
            y = wide(F.leaky_relu(x, SLOPE))
            if self.plain:
                y = self.plain[i](F.leaky_relu(y, SLOPE))
            x = x + y
        return x


class Hifigan(nn.Module):
    """The generator: log-mel [B, T, 80] → samples [B, 160 T], about -1..1."""

    def __init__(self, settings: HifiganSettings, mels: int = 80) -> None:
        super().__init__()
        s = self.settings = settings
        if prod(s.upsamplings) * s.spectrum_hop != HOP:
            raise ValueError(f"upsamplings {s.upsamplings} times {s.spectrum_hop} is not {HOP}")
        self.first = normed_conv(mels, s.channels, 7)
        self.grow, self.blend = nn.ModuleList(), nn.ModuleList()
        width = s.channels
        for factor in s.upsamplings:
            self.grow.append(grown(width, width // 2, factor))
            width //= 2
            self.blend.append(nn.ModuleList(
                Residual(width, k, d, s.pairs)
                for k, d in zip(s.kernels, s.dilations, strict=True)
            ))  # fmt: skip
        self.window = 4 * s.spectrum_hop
        self.pitch = PitchReader(mels, s.pitch_width) if s.pitch_width else None
        self.excite = nn.ModuleList()
        for n in range(len(s.upsamplings) if s.pitch_width else 0):
            stride = prod(s.upsamplings[n + 1 :])
            self.excite.append(nn.Conv1d(
                2 * (self.window + 2), s.channels >> (n + 1), 2 * stride + 1, stride, stride
            ))  # fmt: skip
        self.last = normed_conv(width, 1 if s.spectrum_hop == 1 else self.window + 2, 7)

    def forward(
        self, mel: Tensor, pitch: tuple[Tensor, Tensor] | None = None, noise: Tensor | None = None
    ) -> Tensor:
        """Sound of whole utterances or of windows of them.

        Args:
            mel: [B, T, 80].
            pitch: Octaves and voicing [B, T] of `excitation.py`; None: read from the mel.
            noise: N(0, 1) [B, 160 T]; None: always the same.
        """
        x = ((mel - MIDDLE) / SPREAD).transpose(1, 2)
        source = self._source(x, pitch, noise)
        x = self.first(x)
        for n, (grow, blocks) in enumerate(zip(self.grow, self.blend, strict=True)):
            x = grow(F.leaky_relu(x, SLOPE))
            if source is not None:
                x = x + self.excite[n](source)[..., : x.shape[-1]]
            x = torch.stack([block(x) for block in blocks]).mean(0)  # type: ignore[attr-defined]
        x = self.last(F.leaky_relu(x, SLOPE))
        if self.settings.spectrum_hop == 1:
            return x[:, 0].tanh()
        return self._transformed(x.float())

    def _source(
        self, x: Tensor, pitch: tuple[Tensor, Tensor] | None, noise: Tensor | None
    ) -> Tensor | None:
        if self.pitch is None:
            return None
        if pitch is None:
            octaves, logits = self.pitch(x)
            pitch = octaves, (logits > 0).to(x.dtype)
        return excitation(*pitch, self.window, noise)

    def _transformed(self, x: Tensor) -> Tensor:
        """Log magnitudes and phases [B, 4 h + 2, N] → samples [B, h N]."""
        level, phase = x.chunk(2, 1)
        spectrum = torch.polar(level.clamp(max=LOUDEST).exp(), phase)
        hop = self.settings.spectrum_hop
        window = torch.hann_window(self.window, device=x.device)
        out: Tensor = torch.istft(
            spectrum, self.window, hop, window=window, length=hop * x.shape[-1]
        )
        return out

    def folded(self) -> Self:
        """Itself, its weights no longer kept as direction and length: for use and for files."""
        for module in self.modules():
            if is_parametrized(module, "weight"):
                remove_parametrizations(module, "weight")
        return self


def grown(inputs: int, outputs: int, factor: int) -> nn.Module:
    """A transposed convolution that makes `factor` steps of each."""
    layer = nn.ConvTranspose1d(
        inputs, outputs, 2 * factor, factor, padding=(factor + 1) // 2, output_padding=factor % 2
    )
    return parametrizations.weight_norm(layer, dim=1)


class _PeriodCritic(nn.Module):
    """Sees every p-th sample (sec. 2.3): the sound folded to [T / p, p]."""

    def __init__(self, period: int, width: int) -> None:
        super().__init__()
        self.period = period
        widths = [1, width, 4 * width, 16 * width, 32 * width, 32 * width]
        self.layers = nn.ModuleList(
            _normed(nn.Conv2d(i, o, (5, 1), (3 if n < 4 else 1, 1), (2, 0)))
            for n, (i, o) in enumerate(pairwise(widths))
        )
        self.last = _normed(nn.Conv2d(widths[-1], 1, (3, 1), padding=(1, 0)))

    def forward(self, samples: Tensor) -> list[Tensor]:
        more = -samples.shape[-1] % self.period
        x = F.pad(samples[:, None], (0, more), "reflect").unflatten(-1, (-1, self.period))
        return _features(x, self.layers, self.last)


class _ScaleCritic(nn.Module):
    """Sees the sound, or an average of it, with grouped convolutions (MelGAN's)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        plan = (  # inputs, outputs, kernel, stride, groups: the paper's at width 128
            (1, 1, 15, 1, 1), (1, 1, 41, 2, 4), (1, 2, 41, 2, 16), (2, 4, 41, 4, 16),
            (4, 8, 41, 4, 16), (8, 8, 41, 1, 16), (8, 8, 5, 1, 1),
        )  # fmt: skip
        self.layers = nn.ModuleList()
        for n, (i, o, kernel, stride, groups) in enumerate(plan):
            inputs = width * i if n else 1
            self.layers.append(_normed(nn.Conv1d(
                inputs, width * o, kernel, stride, kernel // 2, groups=groups
            )))  # fmt: skip
        self.last = _normed(nn.Conv1d(8 * width, 1, 3, padding=1))

    def forward(self, samples: Tensor) -> list[Tensor]:
        return _features(samples[:, None], self.layers, self.last)


def _normed(layer: nn.Module) -> nn.Module:
    return parametrizations.weight_norm(layer)


def _features(x: Tensor, layers: nn.ModuleList, last: nn.Module) -> list[Tensor]:
    found = []
    for layer in layers:
        x = F.leaky_relu(layer(x), SLOPE)
        found.append(x)
    return [*found, last(x)]


class SoundCritics(nn.Module):
    """The multi-period and the multi-scale critic: samples [B, n] → for each of the critics (five
    periods, then scales) its features, the last of which are its logits."""

    def __init__(self, width: int = 32, scales: int = 3) -> None:
        super().__init__()
        self.periods = nn.ModuleList(_PeriodCritic(p, width) for p in (2, 3, 5, 7, 11))
        self.scales = nn.ModuleList(_ScaleCritic(4 * width) for _ in range(scales))

    def forward(self, samples: Tensor) -> list[list[Tensor]]:
        """Feature maps of every critic, one list each; the last map of a list is its verdict."""
        found = [critic(samples) for critic in self.periods]
        for critic in self.scales:
            found.append(critic(samples))
            samples = F.avg_pool1d(samples[:, None], 4, 2, 2)[:, 0]
        return found
