"""How a corpus person sounds: espeak-ng says the words, WORLD gives them the person's voice.

espeak-ng speaks with the person's accent, variant and rate, and knows when each phone and word
begins. WORLD (Morise, Yokomori & Ozawa, IEICE Trans. E99-D, 2016) takes the sound apart into f0,
spectrum and aperiodicity at the same times; the f0 contour gets the person's height and range, the
spectrum is stretched by the ratio of vocal-tract lengths, breath is added; a feeling changes all of
these. Times stay as they were, so phones and words stay exact.

| feeling | pitch, st | range | rate | loudness, dB | tilt, dB/oct | breath | tremor |
|---|---|---|---|---|---|---|---|
| happy | +3.5 | x 1.5 | x 1.06 | +2 | +1.0 | 0 | 0 |
| sad | -1.5 | x 0.6 | x 0.84 | -4 | -2.0 | 0.15 | 0.1 |
| angry | +2.0 | x 1.4 | x 1.10 | +5 | +2.0 | 0 | 0 |
| fearful | +4.5 | x 1.1 | x 1.15 | 0 | +0.5 | 0.1 | 0.5 |
| disgusted | -1.5 | x 0.9 | x 0.88 | -1 | -0.5 | 0.1 | 0 |
| surprised | +5.0 | x 1.8 | x 1.00 | +2 | +0.8 | 0 | 0 |
| contempt | -1.0 | x 0.8 | x 0.92 | -1 | -0.5 | 0.05 | 0 |

at full strength (level 3), in proportion below it; directions after Banse & Scherer (J. Personality
and Social Psychology 70, 1996, table 6) and Murray & Arnott (JASA 93, 1993, table 1); surprise and
contempt are ours.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from vivavoce.data.corpus.person import Person
from vivavoce.errors import RequestError, needs
from vivavoce.speak import espeak
from vivavoce.speak.phones import PAUSE, phones_from_starts
from vivavoce.speak.text import clean_text
from vivavoce.types import RATE, Emotion, Float, Phone, Speech

VARIANT_TRACT_CM = {"m1": 17.1, "m3": 16.9, "m7": 17.3, "f2": 15.0, "f3": 14.8, "f5": 14.9}
"""Tract length that a variant's formants stand for."""
PERIOD_MS = 5.0
"""Step of WORLD's analysis in milliseconds."""
LOUDNESS_DB = -25.0
"""Root mean square of calm speech, in dB of full scale."""
LOWEST_HZ, HIGHEST_HZ = 60.0, 520.0


@dataclass(frozen=True)
class Colour:
    """What a feeling does to a voice at full strength; the table on top of this file has the
    values."""

    pitch_st: float = 0.0
    """Semitones that are added to the pitch."""
    range: float = 1.0
    """Factor on the range of the pitch."""
    rate: float = 1.0
    """Factor on the speaking rate."""
    loud_db: float = 0.0
    """Decibels that are added to the loudness."""
    tilt_db: float = 0.0
    """Decibels an octave that are added to the slope of the spectrum."""
    breath: float = 0.0
    """Breathiness that is added, 0 to 1."""
    tremor_st: float = 0.0
    """Size of the tremor of the pitch in semitones."""

    def scaled(self, much: float) -> Colour:
        """The colour that a weaker feeling gives: all values at strength `much`, 0 to 1."""
        return Colour(
            self.pitch_st * much,
            1 + (self.range - 1) * much,
            1 + (self.rate - 1) * much,
            self.loud_db * much,
            self.tilt_db * much,
            self.breath * much,
            self.tremor_st * much,
        )


COLOURS = {
    "neutral": Colour(),
    "happy": Colour(3.5, 1.5, 1.06, 2.0, 1.0),
    "sad": Colour(-1.5, 0.6, 0.84, -4.0, -2.0, 0.15, 0.1),
    "angry": Colour(2.0, 1.4, 1.10, 5.0, 2.0),
    "fearful": Colour(4.5, 1.1, 1.15, 0.0, 0.5, 0.1, 0.5),
    "disgusted": Colour(-1.5, 0.9, 0.88, -1.0, -0.5, 0.1),
    "surprised": Colour(5.0, 1.8, 1.00, 2.0, 0.8),
    "contempt": Colour(-1.0, 0.8, 0.92, -1.0, -0.5, 0.05),
}


@dataclass(frozen=True)
class Said:
    """Text that has been spoken, with all its times."""

    speech: Speech
    """Speech with exact phone times."""
    words: tuple[tuple[str, float, float], ...]
    """Words, each with its start and end in seconds."""


def say(person: Person, text: str, feeling: Emotion, rng: np.random.Generator) -> Said:
    """`text` in the person's voice and with this feeling; the same arguments, the same samples.

    Raises: RequestError: there is nothing to say in the text.
    """
    text = clean_text(text)
    colour = COLOURS[feeling.name].scaled(float(np.clip(feeling.intensity, 0, 1)))
    rate = round(float(np.clip(person.voice.rate * colour.rate, 90, 300)))
    voice = f"{_accent_file(person.accent)}+{person.voice.variant}"
    sound, starts, places, hz = espeak.synthesize_words(text, voice, espeak.Prosody(rate=rate))
    if len(sound) < hz // 10:
        raise RequestError(f"There is nothing to say in {text!r}.")
    phones = phones_from_starts(starts, sound, hz)
    samples = voiced(_resampled(sound, hz), person, colour, rng)
    length = len(samples) / RATE
    kept = tuple(
        Phone(p.symbol, p.start_s, min(p.end_s, length)) for p in phones if p.start_s < length
    )
    words = _words(text, places, hz, kept)
    return Said(Speech(samples, text, kept), words)


def voiced(samples: Float, person: Person, colour: Colour, rng: np.random.Generator) -> Float:
    """espeak's sound [n] at 16 kHz in the person's voice [n]."""
    pyworld = _world()
    x = samples.astype(np.float64) + 1e-5 * rng.standard_normal(len(samples))
    f0, times = pyworld.dio(x, RATE, f0_floor=LOWEST_HZ, f0_ceil=HIGHEST_HZ, frame_period=PERIOD_MS)
    f0 = pyworld.stonemask(x, f0, times, RATE)
    spectrum = pyworld.cheaptrick(x, f0, times, RATE)
    rough = pyworld.d4c(x, f0, times, RATE)
    ratio = VARIANT_TRACT_CM[person.voice.variant] / person.voice.tract_cm
    spectrum, rough = stretched(spectrum, ratio), stretched(rough, ratio)
    spectrum *= tilt(spectrum.shape[1], colour.tilt_db)
    breath = np.clip(person.voice.breathiness * 0.55 + colour.breath, 0, 0.9)
    arrays = [contour(f0, person, colour, rng), spectrum, breathed(rough, breath)]
    out = pyworld.synthesize(*map(np.ascontiguousarray, arrays), RATE, PERIOD_MS)
    out = np.pad(out, (0, max(0, len(samples) - len(out))))[: len(samples)]
    loud = np.sqrt(np.mean(out[np.abs(out) > 1e-3] ** 2)) if (np.abs(out) > 1e-3).any() else 1.0
    gain = 10 ** ((LOUDNESS_DB + colour.loud_db) / 20) / loud
    return np.clip(out * gain, -0.99, 0.99).astype(np.float32)


def _world() -> Any:
    """The module pyworld; it asks for its own version in a way that warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return needs("pyworld")


def contour(f0: Float, person: Person, colour: Colour, rng: np.random.Generator) -> Float:
    """The f0 of each 5 ms [N] (0: unvoiced) at the person's height and range, with the feeling."""
    heard = f0 > 0
    if not heard.any():
        return f0
    st = 12 * np.log2(np.where(heard, f0, 1.0))
    middle, spread = np.median(st[heard]), max(0.5, float(np.std(st[heard])))
    wanted = max(0.4, person.voice.range_st) * colour.range / spread
    goal = 12 * np.log2(person.voice.pitch_hz) + colour.pitch_st
    shaken = colour.tremor_st * np.sin(2 * np.pi * 6.5 * np.arange(len(f0)) * PERIOD_MS / 1000)
    jitter = 0.12 * np.convolve(rng.standard_normal(len(f0)), np.ones(4) / 4, "same")
    new = goal + np.clip(wanted, 0.2, 4) * (st - middle) + shaken + jitter
    return np.where(heard, np.clip(2 ** (new / 12), LOWEST_HZ, 700.0), 0.0)


def stretched(rows: Float, ratio: float) -> Float:
    """Spectra [N, F] whose formants lie `ratio` times as high."""
    bins = rows.shape[1]
    at = np.arange(bins) / ratio
    low = np.clip(at.astype(int), 0, bins - 2)
    share = np.clip(at - low, 0, 1)
    return np.exp(
        (1 - share) * np.log(rows[:, low] + 1e-16) + share * np.log(rows[:, low + 1] + 1e-16)
    )


def tilt(bins: int, db_per_octave: float) -> Float:
    """Power factors [F] that slope the spectrum around 500 Hz."""
    hz = np.linspace(0, RATE / 2, bins)
    octaves = np.log2(np.maximum(hz, 100) / 500)
    return np.asarray(10 ** (np.clip(octaves, -1, 3) * db_per_octave / 10))


def breathed(rough: Float, breath: float) -> Float:
    """Aperiodicity [N, F] with breath, more in the high bands."""
    high = np.linspace(0, 1, rough.shape[1]) ** 0.7
    return np.clip(rough + breath * high * (1 - rough), 1e-3, 0.999)


def _accent_file(accent: str) -> str:
    """Name of the file that espeak-ng keeps an accent in.

    Raises: RequestError: espeak-ng has no such accent.
    """
    for entry in espeak.entries():
        if accent in entry.languages or entry.name == accent:
            return entry.file
    raise RequestError(f"espeak-ng has no accent {accent!r} here.")


def _resampled(sound: Float, hz: int) -> Float:
    from math import gcd

    from scipy.signal import resample_poly

    g = gcd(RATE, hz)
    return np.asarray(resample_poly(sound, RATE // g, hz // g), np.float32)


def _words(
    text: str, places: list[tuple[int, int, int]], hz: int, phones: tuple[Phone, ...]
) -> tuple[tuple[str, float, float], ...]:
    """Words with the times of the phones they consist of."""
    places = places or [(0, len(text), 0)]  # some accents report none for a lone word
    starts = [sample / hz for _, _, sample in places] + [phones[-1].end_s]
    words = []
    for (at, length, _), start, end in zip(places, starts[:-1], starts[1:], strict=True):
        inside = [p for p in phones if p.symbol != PAUSE and start - 0.04 <= p.start_s < end - 0.04]
        word = text[at : at + length].strip(".,!?;:\"'")
        if inside and word:
            words.append((word.lower(), inside[0].start_s, inside[-1].end_s))
    return tuple(words)
