"""A learned voice: a text and a face's identity become sound, with the phones' times and what the
model knew while speaking.

    text ─hibari's lexicons─▶ phones ─▶ tokens ─Matcha─▶ log-mel ─HiFi-GAN─▶ sound
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vivavoce.errors import RequestError
from vivavoce.speak.alignment import expand
from vivavoce.speak.hifigan import Hifigan
from vivavoce.speak.matcha import Matcha, lay_along
from vivavoce.speak.natural import timing
from vivavoce.speak.natural.models import HIBARI_MODULES, require
from vivavoce.speak.natural.reading import read
from vivavoce.speak.normalise.letters import plain, without_emoji
from vivavoce.speak.normalise.scripts import foreign
from vivavoce.speak.phones import PAUSE
from vivavoce.speak.text import clean_text
from vivavoce.speak.tokens import Tokens, tokens_of
from vivavoce.types import HOP, RATE, Float, Phone

TEMPERATURE = 0.667
"""Deviation of the noise that the decoder starts from (Matcha-TTS, sec. 3.1)."""
EDGE = 8
"""Most mel frames of silence before and after a sentence; its pause is the text's affair."""
SEED = 7
"""Seed of the decoder's noise: the same text and face give the same samples."""


@dataclass(frozen=True)
class Spoken:
    """Sound of one piece of text, and what it was made of."""

    samples: Float
    """Sound [160 L] in [-1, 1] at 16 kHz."""
    phones: tuple[Phone, ...]
    """Phones of the piece with their times, as long as the duration predictor says."""
    embedding: Tensor
    """e_t, a row a mel frame [1, L, E]."""
    feature: Tensor
    """f~_t, the upsampled text feature [1, L, 80]."""
    mel: Tensor
    """Log-mel spectrogram [1, L, 80], 100 rows a second."""


def english(text: str) -> str:
    """The text, clean and without emoji, if it is English.

    Raises: RequestError: there is nothing to say, or a letter in it is of a script that English
    spelling does not use; it would be spoken as "Chinese letter".
    """
    text = without_emoji(clean_text(text))
    if found := foreign(plain(text), "en"):
        raise RequestError(
            f"This voice speaks English and cannot read {found[1]!r}. Write it in Latin letters, "
            "or choose another --system."
        )
    return text


def phones_of(text: str) -> list[str]:
    """The phones of about a sentence as Americans say it, with a pause before and after, and at
    every punctuation.

    Raises: RequestError: there is nothing to say in it, or hibari's lexicons are not installed.
    """
    require("Reading English", HIBARI_MODULES)
    symbols = [PAUSE]
    for part in read(text, british=False):
        for symbol in timing.phones_as_read(part.symbols):
            if not symbol == symbols[-1] == PAUSE:
                symbols.append(symbol)
    if symbols == [PAUSE]:
        raise RequestError(f"There is nothing to say in {text!r}: it has no sounds.")
    return symbols if symbols[-1] == PAUSE else [*symbols, PAUSE]


@torch.no_grad()
def speak(
    acoustic: Matcha,
    vocoder: Hifigan,
    text: str,
    f_id: Tensor | None = None,
    steps: int = 10,
    speed: float = 1.0,
    temperature: float = TEMPERATURE,
    recorded: Float | None = None,
) -> Spoken:
    """Say about a sentence in the voice of `f_id` [1, code], or of nobody in particular.

    Args:
        acoustic: In evaluation mode.
        vocoder: The same.
        text: English.
        f_id: Whose face.
        steps: Euler steps of the mel decoder.
        speed: 1: as the duration predictor says; 2: twice as fast.
        temperature: Times the noise that the decoder starts from.
        recorded: Log-mel [T, 80] of a recording in which the same is said: phones are as long as
            in it, whatever `speed` is.

    Raises: RequestError: there is nothing to say, or a sound that was not learnt.
    """
    symbols = phones_of(text)
    tokens = tokens_of(symbols, text)
    f_id = None if f_id is None else acoustic.led(f_id)
    device = next(acoustic.parameters()).device
    read = acoustic.read(torch.from_numpy(tokens.ids)[None].to(device), f_id)
    if recorded is None:
        durations = rounded(read.log_durations[0], tokens, speed)
    else:
        durations = as_in(recorded, acoustic, tokens, f_id)
    frames = int(durations.sum())
    embedding, feature = (
        expand(x, durations[None], frames) for x in (read.embedding, read.mean)
    )  # fmt: skip
    rng = torch.Generator().manual_seed(SEED)
    noise = (temperature * torch.randn(feature.shape, generator=rng)).to(device)
    mel = acoustic.decode(feature, f_id, noise, steps)
    samples = vocoder(mel)[0].clamp(-1, 1).cpu().numpy()
    return Spoken(samples, timed(symbols, tokens, durations.cpu().numpy()), embedding, feature, mel)


def as_in(recorded: Float, acoustic: Matcha, tokens: Tokens, f_id: Tensor | None) -> Tensor:
    """Mel frames of each token [L] as they are spoken in a recording, by alignment search in its
    log-mel [T, 80].

    Raises: RequestError: the recording is too short for the tokens.
    """
    mel = torch.from_numpy(recorded)
    if len(tokens.ids) > len(mel):
        raise RequestError(
            f"The recording lasts {len(mel) * HOP / RATE:.1f} s, too short for the text. Give one "
            "in which the whole text is said."
        )
    device = next(acoustic.parameters()).device
    ids = torch.from_numpy(tokens.ids)[None].to(device)
    rows = acoustic.normalised(mel[None].to(device))
    count, frames = (torch.tensor([x.shape[1]], device=device) for x in (ids, rows))
    return lay_along(acoustic, ids, count, rows, frames, f_id).durations[0]


def rounded(log_durations: Tensor, tokens: Tokens, speed: float) -> Tensor:
    """Whole mel frames of each token [L], at least one in all.

    Rounded up, as Matcha-TTS does: that makes good what a mean of logarithms loses (rounded to the
    nearest, the tiny model speaks a fifth too fast). What dividing by `speed` leaves over goes to
    the next token.
    """
    lengths = log_durations.exp().ceil() / speed
    phones = torch.from_numpy(tokens.phones).to(lengths.device)
    for outer in (phones == 0, phones == phones[-1]):
        lengths = torch.where(outer, lengths * (EDGE / lengths[outer].sum()).clamp(max=1), lengths)
    ends = lengths.cumsum(0).round().long()
    ends[-1] = ends[-1].clamp(min=1)
    return torch.diff(ends, prepend=ends.new_zeros(1))


def timed(symbols: list[str], tokens: Tokens, durations: np.ndarray) -> tuple[Phone, ...]:
    """When each phone is heard; those of no length are left out."""
    ends = [durations[tokens.phones <= number].sum() * HOP / RATE for number in range(len(symbols))]
    starts = [0.0, *ends[:-1]]
    return tuple(
        Phone(s, float(a), float(b)) for s, a, b in zip(symbols, starts, ends, strict=True) if b > a
    )
