"""STFM's voice half: entangled audio tokens and a text → codes, latents, sound."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vivavoce.speak.code_gpt import CodeGpt, Voice
from vivavoce.speak.hifigan import MIDDLE, SPREAD, Hifigan
from vivavoce.speak.latent_vocoder import CODES_PER_S, SOUND_RATE, LatentVocoder, MelMaker
from vivavoce.speak.mel_codec import STRIDE
from vivavoce.systems.stfm.entangle import split
from vivavoce.systems.stfm.fronts import AudioFront
from vivavoce.systems.stfm.settings import StfmSettings
from vivavoce.types import HOP, RATE

MEL_RATE = RATE // HOP
"""Rows of our log-mel a second."""


@dataclass(frozen=True)
class Sounds:
    """What a small decoder is told of a text."""

    told: Tensor
    """Sounds of each step, one after the last too [B, L + 1, W]."""
    frames: Tensor
    """Sounds of each frame of the spectrogram [B, 4 L, W]."""
    durations: Tensor
    """Frames of each token [B, T]."""


@dataclass(frozen=True)
class Said:
    """What GPT-2 wrote."""

    latents: Tensor
    """A row for each code [1, L, W]."""
    sounds: Sounds | None
    """What it was told; None: it was not guided."""


class VoiceHalf(nn.Module):
    """Front end, GPT-2 over codes, vocoder."""

    def __init__(self, settings: StfmSettings) -> None:
        super().__init__()
        s = self.settings = settings
        self.front = AudioFront(s)
        self.gpt = CodeGpt(s.gpt)
        self.to_text = nn.Linear(s.gpt.width, s.width)
        self.to_latents = nn.Linear(s.width, s.gpt.width)
        self.to_speaker = nn.Identity() if s.width == s.gpt.speaker else nn.Linear(
            s.width, s.gpt.speaker
        )  # fmt: skip
        self.maker: MelMaker | None = None
        if s.voicing == "mel":
            self.maker = MelMaker(s.gpt.width, s.gpt.speaker, s.mel_width)
            self.vocoder: nn.Module = Hifigan(s.vocoder).folded()
        else:
            self.vocoder = LatentVocoder(s.gpt.width, s.gpt.speaker)

    @property
    def rate(self) -> int:
        """Samples a second of the sound that it makes."""
        return RATE if self.maker is not None else SOUND_RATE

    @property
    def codes_per_s(self) -> float:
        """Codes for a second of speech."""
        return MEL_RATE / STRIDE if self.maker is not None else CODES_PER_S

    def text(self, ids: Tensor) -> Tensor:
        """f_t: tokens [B, T, D] of text tokens [B, T], with their places."""
        out: Tensor = self.to_text(self.gpt.read(ids))
        return out

    def voice(self, tokens: Tensor, counts: list[int], names: list[str]) -> Voice:
        """The voice that GPT-2 and the vocoder are told, of E_a [B, N, D] split into its parts: its
        f_a becomes the latents in front, the mean of its f_s the speaker. Where Table 5 leaves one
        out, the other does both."""
        parts = dict(zip(names, split(tokens, counts), strict=True))
        acoustic = parts.get("a", tokens)
        semantic = parts.get("s", tokens)
        latents = self.gpt.conditioning_perceiver(self.to_latents(acoustic))
        return Voice(latents, self.to_speaker(semantic.mean(1)))

    def voiced_rows(self, latents: Tensor) -> Tensor:
        """The rows [B, L, W] that are voiced, of GPT-2's [B, L + 1, W]: XTTS's have not seen their
        own code; ours have, since a spectrogram that is made of them lives on what codes know."""
        return latents[:, 1:] if self.maker is not None else latents[:, :-1]

    def sounds(self, ids: Tensor, real: Tensor, speaker: Tensor, durations: Tensor, steps: int) -> (
        Sounds
    ):  # fmt: skip
        """What is to be heard at each of `steps` codes, when tokens [B, T] last `durations` frames
        [B, T]."""
        assert self.gpt.guide is not None
        of_tokens, _ = self.gpt.guide(ids, real, speaker)
        frames, told = self.gpt.told(of_tokens, durations, steps)
        return Sounds(told, frames, durations)

    @torch.no_grad()
    def timed(self, ids: Tensor, speaker: Tensor, speed: float = 1.0) -> Tensor | None:
        """Frames of each token [1, T], a multiple of 4 in all; None: it is not guided."""
        if self.gpt.guide is None:
            return None
        real = torch.ones_like(ids, dtype=torch.bool)
        _, logs = self.gpt.guide(ids, real, speaker)
        ends = (logs[0].exp().clamp(max=60) / speed).cumsum(0)
        ends[-1] = STRIDE * (ends[-1] / STRIDE).ceil().clamp(min=1)
        edges = ends.round().long()
        return torch.diff(edges, prepend=edges.new_zeros(1))[None]

    @torch.no_grad()
    def write(
        self, voice: Voice, ids: Tensor, rng: torch.Generator, temperature: float, top_p: float,
        speed: float = 1.0,
    ) -> Said:  # fmt: skip
        """GPT-2's latents of text tokens [1, T] in a voice."""
        durations = self.timed(ids, voice.speaker, speed)
        sounds = None
        if durations is not None:
            real = torch.ones_like(ids, dtype=torch.bool)
            steps = int(durations.sum()) // STRIDE
            sounds = self.sounds(ids, real, voice.speaker, durations, steps)
        told = None if sounds is None else sounds.told
        _, latents = self.gpt.write(voice.latents, ids, rng, temperature, top_p, told)
        return Said(self.voiced_rows(latents), sounds)

    def spectrogram(self, latents: Tensor, sounds: Sounds, speaker: Tensor) -> Tensor:
        """Rows [B, 4 L, 82] of latents [B, L, W]: normalised log-mel, octaves, logit of voicing."""
        assert self.maker is not None
        rows: Tensor = self.maker(latents, sounds.frames, speaker)
        return rows

    def sound(self, latents: Tensor, sounds: Sounds | None, speaker: Tensor) -> Tensor:
        """The sound [B, n] of latents [B, L, W], at `rate`."""
        if self.maker is None:
            out: Tensor = self.vocoder(latents, speaker)
            return out
        assert sounds is not None
        rows = self.spectrogram(latents, sounds, speaker)
        return self.voiced(rows)

    def voiced(self, rows: Tensor) -> Tensor:
        """The sound [B, n] of the rows that `spectrogram` gives."""
        mel = rows[..., :-2] * SPREAD + MIDDLE
        pitch = rows[..., -2], (rows[..., -1] > 0).to(rows.dtype)
        out: Tensor = self.vocoder(mel, pitch)
        return out
