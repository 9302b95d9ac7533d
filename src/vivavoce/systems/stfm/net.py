"""STFM's network: two halves, and the entangled space between them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vivavoce.speak.code_gpt import Voice
from vivavoce.systems.stfm.entangle import Entangle, joined
from vivavoce.systems.stfm.film import FilmHalf
from vivavoce.systems.stfm.settings import StfmSettings
from vivavoce.systems.stfm.voice import VoiceHalf

PARTS = ("voice", "entangle", "film")
"""Parts of the network, by the names of their files."""


@dataclass(frozen=True)
class Heard:
    """L(f_a ⊕ f_s)."""

    tokens: Tensor
    """[B, N, D]."""
    counts: list[int]
    """Tokens of each part."""
    names: list[str]
    """"a" and "s", those that there are."""


class StfmNet(nn.Module):
    """Front ends, both encoders, GPT-2 and vocoder, U-Net. The paper's symbols are in comments."""

    def __init__(self, settings: StfmSettings) -> None:
        super().__init__()
        self.settings = settings
        self.voice = VoiceHalf(settings)
        self.entangle = Entangle(settings)
        self.film = FilmHalf(settings) if settings.filmed else None

    def hear(self, mel: Tensor, wave: Tensor) -> Heard:
        """Audio tokens of what the front ends are fed of a voice sample, see `fronts.heard`."""
        parts, names = self.voice.front(mel, wave)  # f_a, f_s
        tokens, counts = joined(parts)
        return Heard(tokens, counts, names)

    def tell(self, heard: Heard, ids: Tensor, real: Tensor, image: Tensor | None) -> Voice:
        """The voice of E_a (Eq. 1), for text tokens [B, T] of which those of `real` are, and
        picture tokens [B, N, D]; without an audio encoder the picture is not asked."""
        e_a = heard.tokens
        if self.entangle.audio is not None:
            assert image is not None
            e_a = self.entangle.hear(heard.tokens, image, self.voice.text(ids), real)
        return self.voice.voice(e_a, heard.counts, heard.names)

    def show(self, heard: Heard, ids: Tensor, real: Tensor, image: Tensor) -> Tensor:
        """E_v [B, N, D] (Eq. 2)."""
        return self.entangle.see(heard.tokens, image, self.voice.text(ids), real)


def real_tokens(counts: Tensor, most: int) -> Tensor:
    """Which of `most` tokens are real [B, most], for `counts` [B] of them."""
    return torch.arange(most, device=counts.device) < counts[:, None]
