"""GPT-2's latents become sound: XTTS's HiFi-GAN, and a small way round by a spectrogram.

`LatentVocoder` is XTTS v2's `waveform_decoder` (Casanova et al. 2024; Kong et al. 2020): 24 kHz
from latents at 21.5 a second, told the speaker at every size. `MelMaker` makes the spectrogram that
a vocoder of spectrograms is fed, with the pitch that excites it.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.speak.hifigan import SLOPE, Residual, grown, normed_conv
from vivavoce.speak.mel_codec import STRIDE

UPSAMPLINGS = (8, 8, 2, 2)
KERNELS, DILATIONS = (3, 7, 11), ((1, 3, 5),) * 3
CODE, HOP = 1024, 256
"""Samples of a code at 22.05 kHz, and of a row of the network at 24 kHz."""
CODED_RATE, SOUND_RATE = 22_050, 24_000
CODES_PER_S = CODED_RATE / CODE
"""Codes that XTTS writes for a second of speech."""
_THEIRS = {
    "conv_pre.": "first.", "conv_post.": "last.", "ups.": "grow.", "cond_layer.": "told.",
    "conds.": "told_at.", ".convs1.": ".wide.", ".convs2.": ".plain.",
}  # fmt: skip


class LatentVocoder(nn.Module):
    """Latents [B, L, W] at 21.5 a second and a speaker [B, S] → sound [B, n] at 24 kHz."""

    def __init__(self, width: int, speaker: int, channels: int = 512) -> None:
        super().__init__()
        self.first = normed_conv(width, channels, 7)
        self.told = nn.Conv1d(speaker, channels, 1)
        self.grow, self.blend, self.told_at = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for n, factor in enumerate(UPSAMPLINGS):
            smaller = channels >> (n + 1)
            self.grow.append(grown(2 * smaller, smaller, factor))
            self.told_at.append(nn.Conv1d(speaker, smaller, 1))
            self.blend.append(nn.ModuleList(
                Residual(smaller, k, d, True) for k, d in zip(KERNELS, DILATIONS, strict=True)
            ))  # fmt: skip
        self.last = nn.Conv1d(channels >> len(UPSAMPLINGS), 1, 7, padding=3, bias=False)

    def forward(self, latents: Tensor, speaker: Tensor) -> Tensor:
        """The sound, about -1..1."""
        x = F.interpolate(latents.transpose(1, 2), scale_factor=CODE / HOP, mode="linear")
        x = F.interpolate(x, scale_factor=SOUND_RATE / CODED_RATE, mode="linear")
        who = speaker[..., None]
        x = self.first(x) + self.told(who)
        for grow, blocks, told in zip(self.grow, self.blend, self.told_at, strict=True):
            x = grow(F.leaky_relu(x, SLOPE)) + told(who)
            x = torch.stack([block(x) for block in blocks]).mean(0)  # type: ignore[attr-defined]
        out: Tensor = self.last(F.leaky_relu(x)).tanh()
        return out[:, 0]


def ours(theirs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """XTTS's `waveform_decoder` by our names; weights kept as direction and length by either of
    torch's names."""
    found = {}
    for name, tensor in theirs.items():
        for their, own in _THEIRS.items():
            if name.startswith(their) or their.startswith("."):
                name = name.replace(their, own)
        if name.startswith("resblocks."):
            _, number, *rest = name.split(".")
            at, kernel = divmod(int(number), len(KERNELS))
            name = ".".join(["blend", str(at), str(kernel), *rest])
        name = name.replace(".weight_g", ".parametrizations.weight.original0")
        found[name.replace(".weight_v", ".parametrizations.weight.original1")] = tensor
    return found


class MelMaker(nn.Module):
    """Latents at 25 a second → normalised log-mel at 100, with pitch and voicing.

    It begins as the spectrogram of average speech that `told` is, and learns what to add.
    """

    def __init__(self, latent: int, speaker: int, width: int, mels: int = 80) -> None:
        super().__init__()
        self.grow = nn.Linear(latent, STRIDE * width)
        self.told = nn.Linear(mels, width)
        self.who = nn.Linear(speaker, 2 * width)
        self.layers = nn.ModuleList(
            nn.Conv1d(width, width, 5, dilation=d, padding=2 * d) for d in (1, 2, 1, 4, 1)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in self.layers)
        self.last = nn.Linear(width, mels + 2)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, latents: Tensor, told: Tensor, speaker: Tensor) -> Tensor:
        """Rows [B, 4 L, 82]: mel bands, octaves of the pitch, logit of voicing; of latents
        [B, L, W], average speech [B, 4 L, 80] and a speaker [B, S]."""
        x = self.grow(latents).unflatten(-1, (STRIDE, -1)).flatten(1, 2) + self.told(told)
        gain, shift = self.who(speaker)[:, None].chunk(2, -1)
        x = x * (1 + gain) + shift
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = x + F.gelu(norm(layer(x.transpose(1, 2)).transpose(1, 2)))
        return F.pad(told, (0, 2)) + self.last(x)
