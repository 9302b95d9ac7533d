"""Voices: who can speak here, and the embedded one (espeak-ng), with exact phone times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vivavoce.errors import RequestError, UnknownName
from vivavoce.speak import espeak
from vivavoce.speak.phones import phones_from_starts
from vivavoce.speak.pieces import emotion_prosody, finish_piece, nothing_to_say
from vivavoce.speak.text import clean_text, split_text
from vivavoce.types import Emotion, Speech, Voice

DEFAULT_VOICE = "en-us"
Kind = Literal["language", "variant"]
"""What a listed voice is, see `VoiceInfo.kind`."""


@dataclass(frozen=True)
class VoiceInfo:
    """A voice that can be used here."""

    name: str
    """What `--voice` takes; a variant is added to a language, e.g. "en-gb" + "+f3"."""
    language: str
    """BCP-47 tag; "" for a variant, which goes with any language."""
    gender: espeak.Gender
    """Gender of the speaker, as espeak-ng states it; "unknown": it states none."""
    age: int
    """Age of the speaker in years; 0: not stated."""
    kind: Kind
    """Whether the voice is a language's own, or a variant: another speaker for any language."""
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


def list_voices() -> list[VoiceInfo]:
    """Every language and every variant that espeak-ng can speak here, languages first."""
    voices = []
    for e in espeak.entries():
        kind: Kind = "variant" if e.is_variant else "language"
        mark, language = ("+", "") if e.is_variant else ("", e.name)
        voices.append(VoiceInfo(mark + e.name, language, e.gender, e.age, kind, e.label))
    return sorted(voices, key=lambda v: (v.kind, v.name.lower()))


def find_voice(name: str = DEFAULT_VOICE) -> Voice:
    """The voice of that name: a language ("de"), one with a variant ("en-gb+f3"), or the path of
    a piper voice ("voices/amy.onnx").

    Raises:
        UnknownName: No such language or variant; the nearest are suggested.
        RequestError: No language is named, a piper voice is incomplete, or piper is not installed.
    """
    if name.lower().endswith(".onnx"):
        from vivavoce.speak.piper import PiperVoice

        return PiperVoice(Path(name))
    base, plus, variant = name.strip().partition("+")
    if not base:
        raise RequestError(
            f"A voice begins with a language, and {name!r} names none: for example "
            f"{DEFAULT_VOICE}{plus}{variant}."
        )
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
