"""The multi-entangled latent space: two encoders in which each stream asks the other (Sec. 3.2).

The block is the authors' own, by the names of their `latest.pth`, but for its start: theirs has
both factors of every product at zero, so that no gradient ever comes and it stays the identity.
Here the last factor alone is zero; it begins as the identity too, and learns.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vivavoce.systems.stfm.settings import StfmSettings


class Encoder(nn.Module):
    """Queries x [B, N, D] that ask rows y [B, M, D]; 1,575,936 parameters at D = 512."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.mha = nn.MultiheadAttention(width, heads, bias=False, batch_first=True)
        self.ln = nn.LayerNorm(width)
        self.ff_self = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, width, bias=False),
            nn.LayerNorm(width), nn.Linear(width, width, bias=False),
        )  # fmt: skip
        last = self.ff_self[3]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(self.mha.out_proj.weight)
        nn.init.zeros_(last.weight)

    def forward(self, x: Tensor, y: Tensor, real: Tensor | None = None) -> Tensor:
        """a = MHA(ln(x), ln(y)) + x; ff(a) + a. Rows of y where `real` [B, M] is false are not
        seen."""
        asked = self.ln(y)
        hidden = None if real is None else ~real
        found, _ = self.mha(self.ln(x), asked, asked, key_padding_mask=hidden, need_weights=False)
        a = found + x
        out: Tensor = self.ff_self(a) + a
        return out


class Entangle(nn.Module):
    """Eq. 1 and 2: audio tokens ask text and picture, picture tokens ask text and audio."""

    def __init__(self, settings: StfmSettings) -> None:
        super().__init__()
        width, heads, streams = settings.width, settings.heads, settings.streams
        one = Encoder(width, heads) if settings.encoder == "shared" else None
        self.audio = (one or Encoder(width, heads)) if "audio" in streams else None
        self.video = (one or Encoder(width, heads)) if "video" in streams else None

    def forward(
        self, audio: Tensor, image: Tensor, text: Tensor, real: Tensor
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """E_a [B, N_a, D] and E_v [B, N_i, D] of audio tokens, picture tokens and text tokens
        [B, T, D], of which those of `real` [B, T] are."""
        return self.hear(audio, image, text, real), self.see(audio, image, text, real)

    def hear(self, audio: Tensor, image: Tensor, text: Tensor, real: Tensor) -> Tensor:
        """Eq. 1: E_a, as many tokens as `audio` has; without an encoder, those themselves."""
        return audio if self.audio is None else self.audio(audio, *_joined(text, image, real))

    def see(self, audio: Tensor, image: Tensor, text: Tensor, real: Tensor) -> Tensor:
        """Eq. 2: E_v, as many tokens as `image` has; without an encoder, those themselves."""
        return image if self.video is None else self.video(image, *_joined(text, audio, real))


def _joined(text: Tensor, others: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """Text tokens and others as one list of keys, and which of them are real."""
    all_real = real.new_ones(others.shape[:2])
    return torch.cat([text, others], 1), torch.cat([real, all_real], 1)


def joined(parts: list[Tensor]) -> tuple[Tensor, list[int]]:
    """L(f_a ⊕ f_s): tokens [B, n, D] of each part, one after the other, and their counts."""
    return torch.cat(parts, 1), [part.shape[1] for part in parts]


def split(tokens: Tensor, counts: list[int]) -> list[Tensor]:
    """The parts of an entangled code again; undoes `joined`."""
    return list(tokens.split(counts, 1))
