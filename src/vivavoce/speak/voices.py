"""Voices: who can speak here, and the embedded one (espeak-ng), with exact phone times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from vivavoce.errors import RequestError, UnknownName
from vivavoce.speak import espeak
from vivavoce.speak.phones import PAUSE, phones_from_starts
from vivavoce.speak.text import Piece, clean_text, split_text
from vivavoce.types import EMOTIONS, RATE, Emotion, Float, Phone, Speech, Voice

DEFAULT_VOICE = "en-us"


@dataclass(frozen=True)
class VoiceInfo:
    """A voice that can be used here."""

    name: str
    """What `--voice` takes; a variant is added to a language, e.g. "en-gb" + "+f3"."""
    language: str
    """BCP-47 tag; "" for a variant, which goes with any language."""
    gender: str
    """"male", "female" or "unknown"."""
    age: int
    """Years; 0: not stated."""
    kind: str
    """"language" or "variant"."""
    label: str
    """Its name in words."""


@dataclass(frozen=True)
class EmotionProsody:
    """What an emotion at full strength changes in a voice."""

    pitch: int
    """Added to espeak's pitch (50)."""
    range: int
    """Added to espeak's pitch range (50)."""
    rate: float
    """Times the speaking rate."""
    volume: float
    """Times the loudness."""


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


class EspeakVoice:
    """A voice of espeak-ng: any of its languages, with or without a variant."""

    def __init__(
        self, language: espeak.EspeakEntry, variant: espeak.EspeakEntry | None = None
    ) -> None:
        self.name = language.name + (f"+{variant.name}" if variant else "")
        self.language = language.name
        self._file = language.file + (f"+{variant.name}" if variant else "")

    def speak(self, text: str, emotion: Emotion) -> Iterator[Speech]:
        """Speak `text` sentence by sentence; the same text gives the same samples.

        Each piece carries its phones (times from the piece's beginning, without a gap) and ends
        with the silence that belongs after it.

        Raises:
            RequestError: There is nothing to say, or the text is over the limit.
            UnknownName: The emotion does not exist.
        """
        return self._pieces(clean_text(text), emotion_prosody(emotion))

    def _pieces(self, text: str, prosody: espeak.Prosody) -> Iterator[Speech]:
        spoken = False
        for piece in split_text(text):
            sound, starts, rate = espeak.synthesize(piece.text, self._file, prosody)
            if len(sound):
                spoken = True
                yield finish_piece(piece, sound, rate, phones_from_starts(starts, sound, rate))
        if not spoken:
            raise nothing_to_say(self.name)


def nothing_to_say(voice: str) -> RequestError:
    """The error for a text that a voice has no sounds for."""
    return RequestError(
        f"There is nothing to say: the voice {voice!r} has no sounds for this text. "
        "Choose a voice of the text's language (see `vivavoce voices`)."
    )


def finish_piece(piece: Piece, sound: Float, rate: int, phones: tuple[Phone, ...] | None) -> Speech:
    """Sound [n] at `rate` as a `Speech` at 16 kHz that ends with the piece's pause."""
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


def list_voices() -> list[VoiceInfo]:
    """Every language and every variant that espeak-ng can speak here, languages first."""
    voices = []
    for e in espeak.entries():
        kind, mark = ("variant", "+") if e.is_variant else ("language", "")
        language = "" if e.is_variant else e.name
        voices.append(VoiceInfo(mark + e.name, language, e.gender, e.age, kind, e.label))
    return sorted(voices, key=lambda v: (v.kind, v.name.lower()))


def find_voice(name: str = DEFAULT_VOICE) -> Voice:
    """The voice of that name: a language ("de"), one with a variant ("en-gb+f3"), or the path of
    a piper voice ("voices/amy.onnx").

    Raises:
        UnknownName: No such language or variant; the nearest are suggested.
        RequestError: A piper voice is incomplete, or piper is not installed.
    """
    if name.lower().endswith(".onnx"):
        from vivavoce.speak.piper import PiperVoice

        return PiperVoice(Path(name))
    base, plus, variant = name.strip().partition("+")
    return EspeakVoice(_find_language(base), _find_variant(variant) if plus else None)


def _find_language(tag: str) -> espeak.EspeakEntry:
    """The entry for a tag: by its name, else by any language that it states ("zh", "pt-pt")."""
    tag = tag.lower().replace("_", "-")
    languages = [e for e in espeak.entries() if not e.is_variant]
    by_name = {e.name: e for e in languages}
    aliases = {"en": by_name[DEFAULT_VOICE]}
    for entry in languages:
        for alias in entry.languages:
            aliases.setdefault(alias, entry)
    if tag in by_name or tag in aliases:
        return by_name.get(tag) or aliases[tag]
    hint = "`vivavoce voices` lists them all; a piper voice is a file ending in .onnx."
    raise UnknownName("voice", tag, sorted(by_name), hint)


def _find_variant(name: str) -> espeak.EspeakEntry:
    known = {e.name.lower(): e for e in espeak.entries() if e.is_variant}
    if name.lower() not in known:
        names = [e.name for e in known.values()]
        raise UnknownName("voice variant", name, names, "`vivavoce voices` lists them.")
    return known[name.lower()]
