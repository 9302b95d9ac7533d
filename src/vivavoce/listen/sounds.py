"""Sound classes: what a listener needs to know of a speech sound to move the lips.

IPA symbols of any language are gathered in a few classes that look alike on the mouth. The map is
read letter by letter, so that what espeak-ng and piper write for any language (length marks,
stress, diphthongs, affricates, nasal vowels, tones) is understood without a list of every symbol.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import pairwise
from typing import TypeVar

import numpy as np

from vivavoce.types import FPS, Float, Phone

Kind = TypeVar("Kind")

MEMBERS: dict[str, str] = {
    "sil": "_|‖",  # nothing is said
    "pbm": "pbmɓʘʙ",  # lips closed
    "fv": "fvɱʋⱱ",  # lower lip at the upper teeth
    "th": "θðΘ",  # tongue between the teeth
    "tdnl": "tdnlrɾɗɬɮɫɭɺʈɖɳɽʇǀǃǁ",  # tongue behind the teeth
    "sz": "szʦʣ",  # teeth together
    "sh": "ʃʒɕʑʂʐʧʤʨʥSZ",  # teeth together, lips forward
    "kg": "kɡgŋxɣqɢɴχʁʀɠʛɧNX",  # back of the tongue
    "h": "hɦħʕʔʢʡ?ʜ",  # throat: the mouth is as its neighbours want
    "r": "ɹɻɚ˞",  # slightly rounded
    "w": "wʍɥβɸɰ",  # lips almost closed, forward
    "j": "jʎçʝɲcɟʄǂ",  # palate, spread
    "a": "aɑɶAᴀ",  # wide open
    "ae": "æ",  # wide open, spread
    "uh": "ʌɐɜɝ",  # half open, relaxed
    "eh": "ɛεɞE",  # half open, spread
    "e": "eɪɘI",  # a little open, spread
    "i": "iɨɯ",  # almost closed, spread
    "schwa": "əɤ",  # a little open, relaxed
    "aw": "ɔɒO",  # half open, rounded
    "o": "oɵ",  # a little open, rounded
    "u": "uʊʉUɷ",  # almost closed, rounded
    "y": "yʏøœ",  # spread tongue, rounded lips
}
"""Class → the IPA letters in it (and the capitals that espeak-ng writes where it has no IPA)."""

CLASSES = tuple(MEMBERS)
"""The names of the classes, in the order of the columns of `Cues.content`."""
INDEX = {name: i for i, name in enumerate(CLASSES)}
"""Column of each class in `Cues.content`."""
SILENCE, CLOSED = INDEX["sil"], INDEX["pbm"]
"""Columns of silence and of the sounds with closed lips (p, b, m)."""
OPEN = (INDEX["a"], INDEX["ae"], INDEX["uh"], INDEX["aw"])
"""Columns of vowels for which the jaw opens."""
VOWELS = tuple(i for name, i in INDEX.items() if i >= INDEX["a"])
"""Columns of the vowels in `Cues.content`."""

_LETTER = {letter: INDEX[name] for name, letters in MEMBERS.items() for letter in letters}
_STOPS = "tdʈɖ"
_FRICATIVES = "szʃʒɕʑʂʐSZ"
_LONGER = "ː:"
_UNKNOWN = INDEX["schwa"]


@cache
def classes_of(symbol: str) -> tuple[tuple[int, float], ...]:
    """The classes that a symbol passes through, in order, each with its share of the time; a letter
    that is in no class is a schwa, the mouth neither open nor closed."""
    return parts_of(symbol, _LETTER, SILENCE, _UNKNOWN)


def parts_of(
    symbol: str, kinds: Mapping[str, Kind], silent: Kind, unknown: Kind
) -> tuple[tuple[Kind, float], ...]:
    """What the letters of an IPA symbol are, in order, each with its share of the time.

    Letters share the time equally, a length mark counts as a letter of the sound before it; so a
    diphthong is its two halves. A stop before a sibilant is one affricate, which looks like the
    sibilant. Diacritics change nothing. A letter without a kind is `unknown`; a symbol without
    letters is `silent`.
    """
    parts: list[tuple[Kind, float]] = []
    letters = unicodedata.normalize("NFD", symbol)
    for i, letter in enumerate(letters):
        if letter in kinds:
            if letter in _STOPS and any(c in _FRICATIVES for c in letters[i + 1 : i + 3]):
                continue
            parts.append((kinds[letter], 1.0))
        elif letter in _LONGER and parts:
            parts[-1] = (parts[-1][0], parts[-1][1] + 1)
        elif unicodedata.category(letter) in ("Ll", "Lu", "Lo"):
            parts.append((unknown, 1.0))
    total = sum(share for _, share in parts)
    return tuple((c, share / total) for c, share in parts) or ((silent, 1.0),)


def spans(phones: Iterable[Phone]) -> Iterable[tuple[float, float, int]]:
    """Start and end in seconds and the class of every part of every phone, in order; a diphthong
    has two parts."""
    for phone in phones:
        at = phone.start_s
        for index, share in classes_of(phone.symbol):
            end = at + share * (phone.end_s - phone.start_s)
            yield at, end, index
            at = end


def content_from_phones(
    phones: Iterable[Phone], n_frames: int, start_s: float = 0.0, fps: float = FPS
) -> Float:
    """How much of each video frame each class fills [n_frames, C]; rows sum to 1.

    Args:
        phones: Sorted by time; what none of them covers is silence.
        n_frames: How many frames.
        start_s: Where the first frame begins, in seconds of the phones' clock.
        fps: Frames a second.
    """
    content = np.zeros((n_frames, len(CLASSES)), np.float64)
    for start, end, index in spans(phones):
        add_span(content, (start - start_s) * fps, (end - start_s) * fps, index)
    rest = 1 - content.sum(1)
    content[:, SILENCE] += np.maximum(rest, 0)
    return (content / content.sum(1, keepdims=True)).astype(np.float32)


def add_span(content: np.ndarray, start: float, end: float, index: int) -> None:
    """Add to `content` [T, C], in place, how much of each row is in [start, end) (in rows)."""
    start, end = max(start, 0.0), min(end, float(len(content)))
    if end <= start:
        return
    first, last = int(start), min(int(end), len(content) - 1)
    rows = np.arange(first, last + 1)
    share = np.minimum(rows + 1, end) - np.maximum(rows, start)
    content[first : last + 1, index] += np.maximum(share, 0)


def phones_from_content(content: Float, start: int = 0) -> list[Phone]:
    """The most probable class of each row of `content` [T, C] as phones, whose symbol is the first
    letter of the class; equal neighbours are one. Row 0 is frame `start` of the clip."""
    likeliest = content.argmax(1)
    borders = [0, *(np.flatnonzero(np.diff(likeliest)) + 1).tolist(), len(likeliest)]
    return [
        Phone(MEMBERS[CLASSES[likeliest[a]]][0], (start + a) / FPS, (start + b) / FPS)
        for a, b in pairwise(borders)
        if b > a
    ]
