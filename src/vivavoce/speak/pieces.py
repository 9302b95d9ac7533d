"""What every voice does to a piece: bend it by the emotion, and finish it with its pause."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from math import ceil

import numpy as np
from scipy.signal import resample_poly

from vivavoce.errors import RequestError, UnknownName
from vivavoce.speak.phones import PAUSE
from vivavoce.speak.text import Piece
from vivavoce.types import EMOTIONS, RATE, Emotion, Float, Phone, Speech

SLOWEST, FASTEST = 0.5, 2.0
"""Least and greatest factor on the speed that can be asked for."""


@dataclass(frozen=True)
class Prosody:
    """How to speak, as factors on what a voice does by itself."""

    pitch: float = 1.0
    """Factor on the mean pitch."""
    range: float = 1.0
    """Factor on how far the pitch moves around its mean; 0 is monotone."""
    rate: float = 1.0
    """Factor on the speaking rate."""
    volume: float = 1.0
    """Factor on the loudness."""


EMOTION_PROSODY = {
    "neutral": Prosody(1.00, 1.00, 1.00, 1.00),
    "happy": Prosody(1.12, 1.50, 1.06, 1.08),
    "sad": Prosody(0.90, 0.50, 0.84, 0.80),
    "angry": Prosody(1.06, 1.36, 1.12, 1.25),
    "fearful": Prosody(1.20, 1.20, 1.18, 0.95),
    "disgusted": Prosody(0.90, 1.12, 0.86, 0.95),
    "surprised": Prosody(1.20, 1.64, 1.02, 1.10),
    "contempt": Prosody(0.94, 0.76, 0.92, 0.95),
}
"""What an emotion at full strength changes in a voice. Directions after Murray & Arnott, "Toward
the simulation of emotion in synthetic speech" (J. Acoust. Soc. Am. 93, 1993, table 1); they do not
treat surprise and contempt, which are ours."""


def prosody_of(emotion: Emotion, rate: float = 1.0) -> Prosody:
    """How an emotion is spoken, in proportion to its intensity, at `rate` times the usual speed.

    Raises:
        UnknownName: The emotion is not one of `EMOTIONS`.
        RequestError: The rate is not from `SLOWEST` to `FASTEST`.
    """
    if emotion.name not in EMOTION_PROSODY:
        raise UnknownName("emotion", emotion.name, EMOTIONS)
    if not SLOWEST <= rate <= FASTEST:
        raise RequestError(
            f"The rate must be {SLOWEST:g} to {FASTEST:g} (1 is usual), not {rate:g}."
        )
    full, much = EMOTION_PROSODY[emotion.name], float(np.clip(emotion.intensity, 0, 1))
    pitch, range_, speed, volume = (1 + (factor - 1) * much for factor in astuple(full))
    return Prosody(pitch, range_, speed * rate, volume)


def marked(prosody: Prosody, piece: Piece) -> Prosody:
    """`prosody` with what the marks in the text ask for this piece."""
    return Prosody(
        prosody.pitch * piece.pitch,
        prosody.range,
        float(np.clip(prosody.rate * piece.rate, SLOWEST / 2, 2 * FASTEST)),
        prosody.volume * piece.volume,
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
