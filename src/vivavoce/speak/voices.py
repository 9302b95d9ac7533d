"""Voices: who can speak here, which one is chosen, and espeak-ng's, with exact phone times."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from vivavoce.errors import RequestError, UnknownName, VoiceWarning
from vivavoce.speak import espeak
from vivavoce.speak.natural import models, space
from vivavoce.speak.natural.voice import HIBARI, NaturalVoice
from vivavoce.speak.normalise import pieces, readable, scripts
from vivavoce.speak.normalise.detect import language_of
from vivavoce.speak.phones import phones_from_starts
from vivavoce.speak.pieces import Prosody, finish_piece, marked, nothing_to_say, prosody_of
from vivavoce.speak.text import clean_text
from vivavoce.types import Emotion, Speech, Voice

AUTO = "auto"
"""What `--voice` is if nothing is said: the voice is chosen, see `auto_voice`."""
ESPEAK_ENGLISH = "en-us"
"""espeak-ng's voice of English."""
BRITISH = ("en-gb", "en-uk", "en-ie", "en-au", "en-nz", "en-za")
"""Tags of English that a British voice speaks; the others are spoken by an American one."""
GROWN = 40.0
"""Age in years of a person whose age is not known."""
AUTOMATIC: dict[tuple[espeak.Gender, bool], tuple[tuple[float, str], ...]] = {
    ("female", False): ((25, "jessica"), (55, HIBARI), (math.inf, "kore")),
    ("male", False): ((25, "liam"), (60, "michael"), (math.inf, "adam")),
    ("unknown", False): ((math.inf, HIBARI),),
    ("female", True): ((25, "alice"), (math.inf, "emma")),
    ("male", True): ((25, "fable"), (60, "george"), (math.inf, "lewis")),
    ("unknown", True): ((math.inf, "emma"),),
}
"""Sex and whether the accent is British → (age under which, voice), youngest first. Older women
get lower voices (docs/voices.md); the men's follow no rule of pitch."""
Kind = Literal["natural", "language", "variant"]
"""What a listed voice is, see `VoiceInfo.kind`."""


@dataclass(frozen=True)
class VoiceInfo:
    """A voice that can be used here."""

    name: str
    """What `--voice` takes; a variant is added to a language, e.g. "en-gb" + "+f3"."""
    language: str
    """BCP-47 tag; "" for a variant, which goes with any language."""
    gender: espeak.Gender
    """Gender of the speaker; "unknown": espeak-ng states none."""
    age: int
    """Age of the speaker in years; 0: not stated."""
    kind: Kind
    """Whether the voice is a person's, a language's own, or a variant: another speaker for any
    language of espeak-ng."""
    label: str
    """Name of the voice for people, such as "English (Great Britain)"."""


class EspeakVoice:
    """A voice of espeak-ng: any of its languages, with or without a variant."""

    def __init__(
        self, language: espeak.EspeakEntry, variant: espeak.EspeakEntry | None = None
    ) -> None:
        self.name = language.name + (f"+{variant.name}" if variant else "")
        self.language = language.name
        self._file = language.file + (f"+{variant.name}" if variant else "")

    def speak(self, text: str, emotion: Emotion, rate: float = 1.0) -> Iterator[Speech]:
        """Speak `text` sentence by sentence, at `rate` times the usual speed; the same text gives
        the same samples.

        Each piece carries its phones (times from the piece's beginning, without a gap) and ends
        with the silence that belongs after it.

        Raises:
            RequestError: There is nothing to say, the text or the rate is over the limit, or the
                text has letters that the voice cannot read.
            UnknownName: The emotion does not exist.
        """
        text = readable(text, self.language, self.name)
        return self._pieces(text, prosody_of(emotion, rate))

    def _pieces(self, text: str, prosody: Prosody) -> Iterator[Speech]:
        spoken = False
        for piece in pieces(text, self.language):
            how = in_points(marked(prosody, piece))
            sound, starts, rate = espeak.synthesize(piece.text, self._file, how)
            if len(sound):
                spoken = True
                yield finish_piece(piece, sound, rate, phones_from_starts(starts, sound, rate))
        if not spoken:
            raise nothing_to_say(self.name)


def in_points(prosody: Prosody) -> espeak.Prosody:
    """espeak's settings, in its points, for factors on what its voices do by themselves."""
    calm = espeak.Prosody()
    return espeak.Prosody(
        rate=int(np.clip(round(calm.rate * prosody.rate), 80, 450)),
        volume=min(round(calm.volume * prosody.volume), 200),
        pitch=int(np.clip(round(calm.pitch + 100 * (prosody.pitch - 1)), 0, 99)),
        range=int(np.clip(round(calm.range + 50 * (prosody.range - 1)), 0, 99)),
    )


class AutoVoice:
    """The voice that is chosen by the text: by its language, and where scripts change, for each."""

    name = AUTO

    def __init__(self, sex: espeak.Gender = "unknown", age: float | None = None) -> None:
        """For a person of this apparent sex and age; see `auto_voice`."""
        self.language = "en"
        self.chosen: tuple[str, ...] = ()
        """Names of the voices that the last text was given to."""
        self._choose = lambda language: find_voice(auto_voice(sex, age, language))

    def speak(self, text: str, emotion: Emotion, rate: float = 1.0) -> Iterator[Speech]:
        """Speak `text`; see `EspeakVoice.speak`. A text that changes its script is spoken in
        parts, each by a voice of its own."""
        text = clean_text(text)
        parts = scripts.runs(text, language_of(text))
        spoken = [(language, part) for language, part in parts if any(map(str.isalnum, part))]
        voices = {language: self._choose(language) for language, _ in spoken}
        self.chosen = tuple(dict.fromkeys(voice.name for voice in voices.values()))
        said = [voices[language].speak(part, emotion, rate) for language, part in spoken]
        return (piece for some in said for piece in some)


def list_voices() -> list[VoiceInfo]:
    """Every voice that can speak here: the natural ones first, then the languages and the variants
    of espeak-ng. A natural voice whose packages are not installed is left out."""
    voices = []
    for e in espeak.entries():
        kind: Kind = "variant" if e.is_variant else "language"
        mark, language = ("+", "") if e.is_variant else ("", e.name)
        voices.append(VoiceInfo(mark + e.name, language, e.gender, e.age, kind, e.label))
    order: tuple[Kind, ...] = ("natural", "language", "variant")
    return sorted(natural_voices() + voices, key=lambda v: (order.index(v.kind), v.name.lower()))


def natural_voices() -> list[VoiceInfo]:
    """The natural voices whose packages are installed."""
    voices = [VoiceInfo(HIBARI, "en-us", "female", 0, "natural", "American English, at once")]
    for name in space.names():
        british = space.accent_of(name) == "british"
        label = "British English" if british else "American English"
        language = "en-gb" if british else "en-us"
        voices.append(VoiceInfo(name, language, space.sex_of(name), 0, "natural", label))
    return [v for v in voices if not models.missing(_modules(v.name))]


def _modules(name: str) -> tuple[str, ...]:
    return models.HIBARI_MODULES if name == HIBARI else models.KOKORO_MODULES


def find_voice(name: str = AUTO) -> Voice:
    """The voice of that name: a natural one ("emma"), a mixture of those ("emma:0.6+sarah:0.4"), a
    language of espeak-ng ("de"), one with a variant ("en-gb+f3"), the path of a piper voice
    ("voices/amy.onnx"), or "auto": the natural voice of English.

    Raises:
        UnknownName: No such voice, language or variant; the nearest are suggested.
        RequestError: No language is named, a piper voice is incomplete, or a package is missing.
    """
    if name.lower().endswith(".onnx"):
        from vivavoce.speak.piper import PiperVoice

        return PiperVoice(Path(name))
    name = name.strip()
    if name.lower() == AUTO:
        return AutoVoice()
    if name.lower() == HIBARI:
        return NaturalVoice(HIBARI)
    first = name.lower().partition("+")[0].partition(":")[0].strip()
    if first in space.names():
        return NaturalVoice(name.lower(), space.mixture(_shares(name.lower())))
    base, plus, variant = name.partition("+")
    if not base:
        raise RequestError(
            f"A voice begins with a language, and {name!r} names none: for example "
            f"{ESPEAK_ENGLISH}{plus}{variant}."
        )
    return EspeakVoice(_find_language(base), _find_variant(variant) if plus else None)


def _shares(mixture: str) -> dict[str, float]:
    """Shares by name of a mixture as it is written, such as "emma:0.6+sarah:0.4"."""
    shares: dict[str, float] = {}
    for part in mixture.split("+"):
        name, colon, share = (word.strip() for word in part.partition(":"))
        try:
            amount = float(share) if colon else 1.0
        except ValueError:
            amount = -1.0
        if not 0 <= amount < float("inf"):
            raise RequestError(
                f"In the voice {mixture!r}, {share!r} is no share of {name}. Write a number, as in "
                "emma:0.6+sarah:0.4."
            )
        shares[name] = shares.get(name, 0.0) + amount
    return shares


def auto_voice(sex: espeak.Gender, age: float | None, language: str) -> str:
    """Name of the voice for a person who is seen and a language that is read.

    English is spoken by the natural voice in `AUTOMATIC`, every other language by espeak-ng. Where
    the packages of natural voices are missing, English too, with a warning.

    Args:
        sex: Sex that the person is taken for; "unknown" gives hibari, who speaks at once.
        age: Apparent age in years; None: not known.
        language: Tag of the text's language, e.g. "en", "en-gb", "de".
    """
    tag = language.lower().replace("_", "-")
    if tag.partition("-")[0] != "en":
        return tag
    british = tag in BRITISH
    limits = AUTOMATIC[sex, british]
    years = GROWN if age is None else age
    name = next(name for limit, name in limits if years < limit)
    if lacking := models.missing(_modules(name)):
        warnings.warn(
            f"The voice {name} needs packages that are not installed ({', '.join(lacking)}), so "
            f"espeak-ng speaks. Run: pip install --upgrade vivavoce",
            VoiceWarning,
            stacklevel=2,
        )
        return "en-gb" if british else ESPEAK_ENGLISH
    return name


def _find_language(tag: str) -> espeak.EspeakEntry:
    """The entry for a tag: by its name, else by any language that it states ("zh", "pt-pt")."""
    tag = tag.lower().replace("_", "-")
    languages = [e for e in espeak.entries() if not e.is_variant]
    by_name = {e.name: e for e in languages}
    aliases = {"en": by_name[ESPEAK_ENGLISH]}
    for entry in languages:
        for alias in entry.languages:
            aliases.setdefault(alias, entry)
    if tag in by_name or tag in aliases:
        return by_name.get(tag) or aliases[tag]
    hint = "`vivavoce voices` lists them all; a piper voice is a file ending in .onnx."
    known = [*(v.name for v in natural_voices()), *sorted(by_name)]
    raise UnknownName("voice", tag, known, hint)


def _find_variant(name: str) -> espeak.EspeakEntry:
    known = {e.name.lower(): e for e in espeak.entries() if e.is_variant}
    if name.lower() not in known:
        names = [e.name for e in known.values()]
        raise UnknownName("voice variant", name, names, "`vivavoce voices` lists them.")
    return known[name.lower()]
