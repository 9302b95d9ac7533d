"""How a corpus person sounds: a voice of the voice space, bent by the feeling.

A person's voice is a point of the space of natural voices (`speak/natural/space.py`) with a pitch,
a range, a speed and a tract length of its own; Kokoro speaks in it and says when each phone and
word is spoken. A feeling bends pitch, range, rate and loudness before the sound is made, in
proportion to its strength, as it does in every voice (`speak/pieces.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

import numpy as np
from scipy.signal import resample_poly

from vivavoce.data.corpus.person import Person
from vivavoce.errors import RequestError
from vivavoce.speak.natural import voice as natural
from vivavoce.speak.natural.models import KOKORO_MODULES, require
from vivavoce.speak.natural.reading import read
from vivavoce.speak.natural.space import Speaker, point
from vivavoce.speak.pieces import Prosody, prosody_of
from vivavoce.speak.text import clean_text
from vivavoce.types import RATE, Emotion, Float, Phone, Speech

Word = tuple[str, float, float]
"""A word, with its start and end in seconds."""


@dataclass(frozen=True)
class Said:
    """Text that has been spoken, with all its times."""

    speech: Speech
    """Speech with exact phone times."""
    words: tuple[Word, ...]
    """Words, each with its start and end in seconds."""


def speaker_of(person: Person) -> Speaker:
    """The person's voice as the synthesizer takes it."""
    voice = person.voice
    weights = point(person.sex, person.accent, np.array(voice.timbre, np.float32))
    own = Speaker(weights)
    return Speaker(
        weights,
        person.accent == "british",
        pitch=voice.pitch_hz / own.middle_hz,
        tract=voice.tract,
        speed=voice.speed,
    )


def say(person: Person, text: str, feeling: Emotion, rate: float = 1.0) -> Said:
    """`text` in the person's voice and with this feeling, at `rate` times the usual speed; the same
    arguments, the same samples.

    Raises: RequestError: there is nothing to say in the text, or the voices are not installed.
    """
    require("A corpus person", KOKORO_MODULES)
    text = clean_text(text)
    speaker, bent = speaker_of(person), prosody_of(feeling, rate)
    prosody = Prosody(bent.pitch, bent.range * person.voice.range, bent.rate, bent.volume)
    parts = [natural.say(part, speaker, prosody) for part in read(text, speaker.british)]
    if not parts:
        raise RequestError(f"There is nothing to say in {text!r}.")
    samples = np.concatenate([_at_16_khz(part.sound, part.rate) for part in parts])
    phones: list[Phone] = []
    words: list[Word] = []
    start = 0.0
    for part in parts:
        phones += [Phone(p.symbol, start + p.start_s, start + p.end_s) for p in part.phones]
        words += [(w.lower(), start + a, start + b) for w, a, b in part.words]
        start += len(part.sound) / part.rate
    return Said(Speech(np.clip(samples, -1, 1), text, tuple(phones)), tuple(words))


def _at_16_khz(sound: Float, hz: int) -> Float:
    divisor = gcd(RATE, hz)
    return np.asarray(resample_poly(sound, RATE // divisor, hz // divisor), np.float32)
