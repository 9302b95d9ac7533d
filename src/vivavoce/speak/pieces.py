"""What every voice does to a piece: bend it by the emotion, and finish it with its pause."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
from scipy.signal import resample_poly

from vivavoce.errors import RequestError, UnknownName
from vivavoce.speak import espeak
from vivavoce.speak.phones import PAUSE
from vivavoce.speak.text import Piece
from vivavoce.types import EMOTIONS, RATE, Emotion, Float, Phone, Speech


@dataclass(frozen=True)
class EmotionProsody:
    """What an emotion at full strength changes in a voice."""

    pitch: int
    """Points added to espeak's pitch (0 to 99, 50 is neutral)."""
    range: int
    """Points added to espeak's pitch range (0 to 99, 50 is neutral)."""
    rate: float
    """Factor on the speaking rate; 1 leaves it."""
    volume: float
    """Factor on the loudness; 1 leaves it."""


EMOTION_PROSODY = {
    "neutral": EmotionProsody(0, 0, 1.00, 1.00),
    "happy": EmotionProsody(12, 25, 1.06, 1.08),
    "sad": EmotionProsody(-10, -25, 0.84, 0.80),
    "angry": EmotionProsody(6, 18, 1.12, 1.25),
    "fearful": EmotionProsody(20, 10, 1.18, 0.95),
    "disgusted": EmotionProsody(-10, 6, 0.86, 0.95),
    "surprised": EmotionProsody(20, 32, 1.02, 1.10),
    "contempt": EmotionProsody(-6, -12, 0.92, 0.95),
}
"""Directions after Murray & Arnott, "Toward the simulation of emotion in synthetic speech" (J.
Acoust. Soc. Am. 93, 1993, table 1); they do not treat surprise and contempt, which are ours."""


def emotion_prosody(emotion: Emotion) -> espeak.Prosody:
    """espeak's settings for an emotion, in proportion to its intensity.

    Raises:
        UnknownName: The emotion is not one of `EMOTIONS`.
    """
    if emotion.name not in EMOTION_PROSODY:
        raise UnknownName("emotion", emotion.name, EMOTIONS)
    full, much = EMOTION_PROSODY[emotion.name], float(np.clip(emotion.intensity, 0, 1))
    calm = espeak.Prosody()
    return espeak.Prosody(
        rate=round(calm.rate * (1 + (full.rate - 1) * much)),
        volume=round(calm.volume * (1 + (full.volume - 1) * much)),
        pitch=round(calm.pitch + full.pitch * much),
        range=round(calm.range + full.range * much),
    )


def nothing_to_say(voice: str) -> RequestError:
    """The error for a text that a voice has no sounds for."""
    return RequestError(
        f"There is nothing to say: the voice {voice!r} has no sounds for this text. "
        "Choose a voice of the text's language (see `vivavoce voices`)."
    )


def finish_piece(piece: Piece, sound: Float, rate: int, phones: tuple[Phone, ...] | None) -> Speech:
    """A `Speech` at 16 kHz of the sound [n] at `rate` Hz, with the piece's pause behind it.

    `phones` are times in `sound`, in seconds; the last one is made to reach to the end. None: not
    known.
    """
    if rate != RATE:
        divisor = np.gcd(rate, RATE)
        sound = resample_poly(sound, RATE // divisor, rate // divisor).astype(np.float32)
    silence = np.zeros(ceil(piece.pause_s * RATE), np.float32)
    samples = np.clip(np.concatenate([sound, silence]), -1, 1)
    if phones is not None:
        phones = _until(phones, len(samples) / RATE)
    return Speech(samples, text=piece.text, phones=phones)


def _until(phones: tuple[Phone, ...], end_s: float) -> tuple[Phone, ...]:
    """`phones` with a pause at the end that reaches to `end_s`."""
    last = phones[-1]
    if last.symbol == PAUSE:
        return (*phones[:-1], Phone(PAUSE, last.start_s, end_s))
    if end_s - last.end_s < 1e-3:  # rounding of the resampler
        return (*phones[:-1], Phone(last.symbol, last.start_s, end_s))
    return (*phones, Phone(PAUSE, last.end_s, end_s))
