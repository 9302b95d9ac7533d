"""STFM's voice half: entangled audio tokens and a text → codes, latents, sound."""

from __future__ import annotations

from dataclasses import dataclass
from math import log2

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.listen.heard_voice import HeardVoice
from vivavoce.listen.mel import log_mel
from vivavoce.speak.acoustic import rounded
from vivavoce.speak.alignment import expand
from vivavoce.speak.code_gpt import CodeGpt, Voice
from vivavoce.speak.excitation import MIDDLE_HZ
from vivavoce.speak.hifigan import MIDDLE, SPREAD, Hifigan
from vivavoce.speak.latent_vocoder import CODES_PER_S, SOUND_RATE, LatentVocoder, MelMaker
from vivavoce.speak.matcha import Matcha, MatchaSettings, lay_along
from vivavoce.speak.mel_codec import STRIDE
from vivavoce.speak.tokens import Tokens
from vivavoce.systems.stfm.entangle import split
from vivavoce.systems.stfm.fronts import AudioFront
from vivavoce.systems.stfm.settings import StfmSettings
from vivavoce.types import HOP, RATE, Float

MEL_RATE = RATE // HOP
"""Rows of our log-mel a second."""


@dataclass(frozen=True)
class Sounds:
    """What the guide says of a text."""

    told: Tensor
    """Average speech at each step, and one after the last [B, L + 1, 80], normalised log-mel."""
    frames: Tensor
    """Average speech in each frame of the spectrogram [B, 4 L, 80]."""
    durations: Tensor
    """Frames of each token, blanks included [B, T]."""

    def part(self, begin: int, end: int) -> Sounds:
        """That of codes `begin` to `end`."""
        frames = self.frames[:, STRIDE * begin : STRIDE * end]
        return Sounds(self.told[:, begin : end + 1], frames, self.durations)


LOUD = 0.4
"""Share of the quieter frames that do not count for a mean spectrum."""
SMOOTH = 5
"""Bands over which the difference of two mean spectra is smoothed: it is to be of the tract, not of
single harmonics."""


@dataclass(frozen=True)
class Likeness:
    """What is measured on a voice sample, and a small network need not guess."""

    spectrum: Tensor
    """Mean of the louder frames of its normalised log-mel [80]."""
    octaves: float | None
    """Its middle pitch in octaves above `excitation.MIDDLE_HZ`; None: none was found."""
    strength: float
    """Share of the way there, 0 to 1."""

    @classmethod
    def of(cls, samples: Float, strength: float) -> Likeness:
        """That of a voice sample [n] at 16 kHz."""
        mel = torch.from_numpy((log_mel(samples) - MIDDLE) / SPREAD)
        hertz = HeardVoice(samples).median_hz
        octaves = None if hertz is None else log2(hertz / MIDDLE_HZ)
        return cls(_mean_spectrum(mel), octaves, strength)

    def given_to(self, rows: Tensor) -> Tensor:
        """The rows [T, 82] of `VoiceHalf.spectrogram`, with the sample's colour and pitch; they
        stay as loud."""
        shift = self.spectrum.to(rows) - _mean_spectrum(rows[:, :-2])
        ends = F.pad(shift[None, None], (SMOOTH // 2,) * 2, mode="replicate")
        shift = F.avg_pool1d(ends, SMOOTH, 1)[0, 0]
        colour = self.strength * (shift - shift.mean())
        raised = rows.new_zeros(())
        voiced = rows[:, -1] > 0
        if self.octaves is not None and voiced.any():
            raised = self.strength * (self.octaves - rows[voiced, -2].median()).clamp(-1, 1)
        return rows + torch.cat([colour, raised[None], rows.new_zeros(1)])


def _mean_spectrum(mel: Tensor) -> Tensor:
    """Mean [80] of the louder frames of [T, 80]."""
    loud = mel.mean(1)
    return mel[loud >= loud.quantile(LOUD)].mean(0)


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
        self.guide = None if s.guide is None else _guide(s.guide)
        self.maker: MelMaker | None = None
        if s.voicing == "mel":
            self.maker = MelMaker(s.gpt.width, s.gpt.speaker, s.mel_width)
            self.vocoder: nn.Module = Hifigan(s.vocoder).folded()
        else:
            self.vocoder = LatentVocoder(s.gpt.width, s.gpt.speaker, s.latent_vocoder)

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

    def laid(self, spelt: Tensor, counts: Tensor, mel: Tensor, lengths: Tensor) -> Sounds:
        """The guide's words for a recording: tokens [B, T], `counts` [B] of them real, laid along
        its normalised log-mel [B, 4 L, 80], `lengths` [B] rows of it real."""
        assert self.guide is not None
        rows = self.guide.normalised(mel * SPREAD + MIDDLE)
        found = lay_along(self.guide, spelt, counts, rows, lengths, None)
        return self._sounds(found.feature, found.durations)

    def _sounds(self, feature: Tensor, durations: Tensor) -> Sounds:
        """For the guide's normalised log-mel [B, 4 L, 80]."""
        assert self.guide is not None
        frames = (feature * self.guide.spread + self.guide.level - MIDDLE) / SPREAD
        steps = frames.unflatten(1, (-1, STRIDE)).mean(2)
        return Sounds(torch.cat([steps, steps[:, -1:]], 1), frames, durations)

    @torch.no_grad()
    def timed(self, spelt: Tokens, speed: float = 1.0) -> Sounds:
        """The guide's words for a text that is still to be spoken, `speed` times as fast."""
        assert self.guide is not None
        ids = torch.from_numpy(spelt.ids)[None].to(self.guide.level.device)
        read = self.guide.read(ids)
        durations = rounded(read.log_durations[0], spelt, speed)
        durations[-1] += -int(durations.sum()) % STRIDE
        return self._sounds(
            expand(read.mean, durations[None], int(durations.sum())), durations[None]
        )

    @torch.no_grad()
    def write(
        self, voice: Voice, ids: Tensor, rng: torch.Generator, temperature: float, top_p: float,
        sounds: Sounds | None = None,
    ) -> Said:  # fmt: skip
        """GPT-2's latents of text tokens [1, T] in a voice."""
        told = None if sounds is None else sounds.told
        _, latents = self.gpt.write(voice.latents, ids, rng, temperature, top_p, told)
        return Said(self.voiced_rows(latents), sounds)

    def spectrogram(self, latents: Tensor, sounds: Sounds, speaker: Tensor) -> Tensor:
        """Rows [B, 4 L, 82] of latents [B, L, W]: normalised log-mel, octaves, logit of voicing."""
        assert self.maker is not None
        rows: Tensor = self.maker(latents, sounds.frames, speaker)
        return rows

    def sound(
        self, latents: Tensor, sounds: Sounds | None, speaker: Tensor, like: Likeness | None = None
    ) -> Tensor:  # fmt: skip
        """The sound [B, n] of latents [B, L, W], at `rate`; its spectrogram is made `like` one."""
        if self.maker is None:
            out: Tensor = self.vocoder(latents, speaker)
            return out
        assert sounds is not None
        rows = self.spectrogram(latents, sounds, speaker)
        if like is not None:
            rows = torch.stack([like.given_to(row) for row in rows])
        return self.voiced(rows)

    def voiced(self, rows: Tensor) -> Tensor:
        """The sound [B, n] of the rows that `spectrogram` gives."""
        mel = rows[..., :-2] * SPREAD + MIDDLE
        pitch = rows[..., -2], (rows[..., -1] > 0).to(rows.dtype)
        out: Tensor = self.vocoder(mel, pitch)
        return out


def _guide(settings: MatchaSettings) -> Matcha:
    """An acoustic model without its decoder: it says what a text sounds like on average."""
    guide = Matcha(settings)
    guide.field = nn.Identity()  # type: ignore[assignment]
    return guide
