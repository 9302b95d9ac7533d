"""Matcha-TTS with a face's identity: tokens → log-mel, by flow matching.

Mehta, Tu, Beskow, Székely & Henter, "Matcha-TTS: a fast TTS architecture with conditional flow
matching", ICASSP 2024; as TTSF uses it (Jang et al., CVPR 2024, section 3.3): `f_id` is an input of
encoder and decoder.

    tokens ─▶ e_t ─prenet─▶ [+ who] ─transformer─▶ mean of each token (f_t) ─durations─▶ f~_t
                                    └─▶ log-durations
    noise, f~_t, who ─U-Net, Euler steps─▶ mel
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from vivavoce.nn.along import ConvAlong
from vivavoce.nn.flow_matching import flow_loss, solve
from vivavoce.nn.flow_unet import FlowUNet
from vivavoce.speak.alignment import align, expand
from vivavoce.speak.tokens import COUNT


class MatchaSettings(BaseModel):
    """What the model is made of; the defaults are the paper's."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    mels: int = 80
    code: int = 512
    """Length of the identity code f_id."""
    width: int = 192
    """Length of a token's embedding e_t."""
    voice: int = 64
    """Length that the identity code f_id is projected to."""
    layers: int = 6
    heads: int = 2
    filter: int = 768
    kernel: int = 3
    duration_width: int = 256
    decoder_width: int = 256
    decoder_middle: int = 2
    dropout: float = 0.1
    prenet_dropout: float = 0.5
    pitch_lead: float = 1.0
    """How much farther from the usual pitch than f_id says a voice is asked for: what the decoder
    falls short by. Only if it was taught to begin voices with their pitch."""


PRESETS = {
    "paper": MatchaSettings(),
    "tiny": MatchaSettings(
        code=256, width=96, voice=32, layers=3, filter=256, duration_width=96, decoder_width=112,
        decoder_middle=1, prenet_dropout=0.2, pitch_lead=2.0,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Read:
    """Output of the encoder for a batch of texts."""

    embedding: Tensor
    """Embedding e_t of each token [B, L, width]."""
    mean: Tensor
    """f_t [B, L, mels]: what each token sounds like on average, normalised log-mel."""
    log_durations: Tensor
    """Natural logarithm of the number of mel frames of each token [B, L]."""


class _Prenet(nn.Module):
    """Three convolutions beside a shortcut that begins as the whole."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(
                ConvAlong(width, width, 5, padding=2), nn.LayerNorm(width), nn.ReLU(),
                nn.Dropout(dropout),
            )
            for _ in range(3)
        )  # fmt: skip
        self.last = ConvAlong(width, width, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        y = x
        for layer in self.layers:
            y = layer(y * mask)
        return (x + self.last(y)) * mask


def rotated(x: Tensor, base: float = 10_000.0) -> Tensor:
    """The first half of the channels of [B, H, L, C], turned by their place (Su et al., "RoFormer",
    2021, eq. 34)."""
    half = x.shape[-1] // 2
    turned, kept = x[..., :half], x[..., half:]
    rates = base ** (-torch.arange(0, half, 2, device=x.device) / half)
    angle = torch.arange(x.shape[2], device=x.device)[:, None] * rates
    cos, sin = (f(angle).repeat(1, 2).to(x.dtype) for f in (torch.cos, torch.sin))
    one, two = turned.chunk(2, -1)
    return torch.cat([turned * cos + torch.cat([-two, one], -1) * sin, kept], -1)


class _Layer(nn.Module):
    """Self-attention with rotary positions, and two convolutions; norms after the sums."""

    def __init__(self, width: int, s: MatchaSettings) -> None:
        super().__init__()
        self.heads = s.heads
        self.ask_key_value = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm_one, self.norm_two = nn.LayerNorm(width), nn.LayerNorm(width)
        self.wide = ConvAlong(width, s.filter, s.kernel, padding=s.kernel // 2)
        self.narrow = ConvAlong(s.filter, width, s.kernel, padding=s.kernel // 2)
        self.dropout = nn.Dropout(s.dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        q, k, v = self.ask_key_value(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        heard = F.scaled_dot_product_attention(
            rotated(q), rotated(k), v, attn_mask=mask[:, None, None] > 0
        )
        x = self.norm_one(x + self.dropout(self.out(heard.transpose(1, 2).flatten(2))))
        there = mask[..., None]
        y = self.narrow(self.dropout(self.wide(x * there).relu()) * there)
        out: Tensor = self.norm_two(x + self.dropout(y))
        return out


class _Durations(nn.Module):
    """Log-durations [B, L] from what the encoder gives, without teaching it."""

    def __init__(self, inputs: int, width: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(
                ConvAlong(i, width, kernel, padding=kernel // 2), nn.ReLU(), nn.LayerNorm(width),
                nn.Dropout(dropout),
            )
            for i in (inputs, width)
        )  # fmt: skip
        self.last = ConvAlong(width, 1, 1)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = x.detach()
        for layer in self.layers:
            x = layer(x * mask[..., None])
        return self.last(x)[..., 0]


class Matcha(nn.Module):
    """The acoustic model: tokens and an identity code become a log-mel spectrogram."""

    level: Tensor
    spread: Tensor
    face_level: Tensor
    face_spread: Tensor

    def __init__(self, settings: MatchaSettings) -> None:
        super().__init__()
        s = self.settings = settings
        self.register_buffer("level", torch.tensor(0.0))
        self.register_buffer("spread", torch.tensor(1.0))
        # What tells faces apart is a small part of their codes: without these it is not heard.
        self.register_buffer("face_level", torch.zeros(s.code))
        self.register_buffer("face_spread", torch.ones(s.code))
        self.nobody = nn.Parameter(torch.zeros(s.code))
        self.embedding = nn.Embedding(COUNT, s.width)
        nn.init.normal_(self.embedding.weight, 0, s.width**-0.5)
        self.prenet = _Prenet(s.width, s.prenet_dropout)
        self.who = nn.Linear(s.code, s.voice)
        inner = s.width + s.voice
        self.layers = nn.ModuleList(_Layer(inner, s) for _ in range(s.layers))
        self.mean = nn.Linear(inner, s.mels)
        self.durations = _Durations(inner, s.duration_width, s.kernel, s.dropout)
        self.field = FlowUNet(
            2 * s.mels + s.voice, s.mels, s.decoder_width, middle=s.decoder_middle
        )

    @torch.no_grad()
    def normalise_by(self, mels: Tensor, faces: Tensor | None) -> None:
        """Take mean and deviation of the training's mels [N, mels] and of its f_id [n, code]."""
        self.level.fill_(mels.mean())
        self.spread.fill_(mels.std())
        if faces is not None:
            self.face_level.copy_(faces.mean(0))
            self.face_spread.copy_(faces.std(0, correction=min(1, len(faces) - 1)).clamp(min=1e-4))
            self.nobody.copy_(self.face_level)

    def normalised(self, mel: Tensor) -> Tensor:
        """Log-mel with the training's mean 0 and deviation 1."""
        return (mel - self.level) / self.spread

    def read(self, ids: Tensor, f_id: Tensor | None = None, mask: Tensor | None = None) -> Read:
        """The encoder (sec. 2.1): `ids` [B, L] said by `f_id` [B, code], or by `nobody`; `mask`
        [B, L] is false where a text has ended."""
        real = torch.ones_like(ids, dtype=torch.float) if mask is None else mask.float()
        embedding = self.embedding(ids) * math.sqrt(self.settings.width)
        x = self.prenet(embedding * real[..., None], real[..., None])
        x = torch.cat([x, self._voice(f_id, ids.shape)], -1) * real[..., None]
        for layer in self.layers:
            x = layer(x, real)
        return Read(embedding, self.mean(x), self.durations(x, real))

    def field_at(
        self, x: Tensor, t: Tensor, feature: Tensor, f_id: Tensor | None, mask: Tensor | None
    ) -> Tensor:
        """The vector field of the decoder (sec. 2.2) at mels `x` [B, T, mels] and times `t` [B]."""
        voice = self._voice(f_id, feature.shape[:2])
        return self.field(torch.cat([x, feature, voice], -1), t, mask)

    def decode(
        self, feature: Tensor, f_id: Tensor | None, noise: Tensor, steps: int
    ) -> Tensor:  # fmt: skip
        """Log-mel [B, T, mels] for the upsampled text feature f~_t [B, T, mels]: `noise` of the
        same shape is carried along the field in `steps` Euler steps."""
        made = solve(lambda x, t: self.field_at(x, t, feature, f_id, None), noise, steps)
        return made * self.spread + self.level

    def voice(self, f_id: Tensor) -> Tensor:
        """What f_id [B, code] says of the voice [B, voice]."""
        out: Tensor = self.who((f_id - self.face_level) / self.face_spread)
        return out

    def at_pitch(self, f_id: Tensor, pitch: Tensor) -> Tensor:
        """f_id [B, code], moved as little as can be until the first number it says of the voice is
        `pitch` [B]."""
        row = self.who.weight[0].detach()
        lacks = pitch - self.voice(f_id)[:, 0].detach()
        return f_id + self.face_spread * (lacks / row.square().sum())[:, None] * row

    def led(self, f_id: Tensor) -> Tensor:
        """f_id [B, code] whose pitch is `pitch_lead` times as far from the usual one."""
        if self.settings.pitch_lead == 1.0:
            return f_id
        return self.at_pitch(f_id, self.settings.pitch_lead * self.voice(f_id)[:, 0])

    def _voice(self, f_id: Tensor | None, shape: tuple[int, ...]) -> Tensor:
        """Projected identity code, the same at every token [B, L, voice]."""
        voice = self.voice(self.nobody.expand(shape[0], -1) if f_id is None else f_id)
        return voice[:, None].expand(-1, shape[1], -1)


@dataclass(frozen=True)
class Aligned:
    """A text laid along its recording."""

    read: Read
    durations: Tensor
    """Mel frames of each token [B, L], found by search."""
    embedding: Tensor
    """Embedding e_t, each repeated for its mel frames [B, T, width]."""
    feature: Tensor
    """Text feature f~_t, each row repeated for its mel frames [B, T, mels]."""


def lay_along(
    model: Matcha, ids: Tensor, tokens: Tensor, mel: Tensor, frames: Tensor, f_id: Tensor | None
) -> Aligned:
    """Read `ids` [B, L] (`tokens` [B] of them real) and align them with a normalised mel
    [B, T, mels] (`frames` [B] real)."""
    read = model.read(ids, f_id, within(tokens, ids.shape[1]))
    durations = align(likelihood(read.mean, mel), tokens, frames)
    embedding, feature = (expand(x, durations, mel.shape[1]) for x in (read.embedding, read.mean))
    return Aligned(read, durations, embedding, feature)


def within(lengths: Tensor, most: int) -> Tensor:
    """[B, most], true before each of `lengths` [B]."""
    return torch.arange(most, device=lengths.device) < lengths[:, None]


@torch.no_grad()
def likelihood(mean: Tensor, mel: Tensor) -> Tensor:
    """log N(mel of frame t; mean of token l, 1) [B, L, T], but for a constant."""
    cross = mean @ mel.transpose(1, 2)
    return cross - 0.5 * (mean.square().sum(-1)[..., None] + mel.square().sum(-1)[:, None])


def duration_loss(aligned: Aligned, tokens: Tensor) -> Tensor:
    """Mean squared error of log-durations over the real tokens (Matcha-TTS, sec. 2.1)."""
    real = within(tokens, aligned.durations.shape[1])
    wanted = aligned.durations.clamp(min=1).float().log()
    return (aligned.read.log_durations - wanted)[real].square().mean()


def prior_loss(feature: Tensor, mel: Tensor, frames: Tensor) -> Tensor:
    """Negative log-likelihood of N(f~_t, I), mean over the real cells of the mel."""
    real = within(frames, mel.shape[1])
    return 0.5 * ((mel - feature)[real].square() + math.log(2 * math.pi)).mean()


def mel_flow_loss(
    model: Matcha, mel: Tensor, feature: Tensor, frames: Tensor, f_id: Tensor | None,
    noise: Tensor, t: Tensor,
) -> Tensor:  # fmt: skip
    """Eq. 6 with the mel as the data: `noise` [B, T, mels], times `t` [B]."""
    mask = within(frames, mel.shape[1])
    return flow_loss(
        lambda x, at: model.field_at(x, at, feature, f_id, mask), mel, noise, t, mask
    )  # fmt: skip
