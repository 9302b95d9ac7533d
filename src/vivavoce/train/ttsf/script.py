"""What is said in a clip, as tokens: from phones, words or a text, whichever a set knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from vivavoce.errors import RequestError
from vivavoce.speak.acoustic import english, phones_of
from vivavoce.speak.tokens import Tokens, tokens_of
from vivavoce.types import FPS, MELS_PER_FRAME, Float

LONGEST_S = 20
"""Length in s of the longest clip that the speech half learns from: as long as `data prepare`
leaves clips; longer ones are left out, and their share is said."""


@dataclass(frozen=True)
class Script:
    """What is said in a clip."""

    tokens: Tokens
    """Phones as numbers, with blanks between them."""
    starts: Float | None = None
    """Times in s at which its phones begin [P], where the set knows them: the corpus does."""


def script_of(about: Mapping[str, Any], key: str) -> Script | None:
    """What is said in the clip `key` with the labels `about`; None where that is not known, where
    English cannot spell it, or where the clip is too short or too long for it.

    Phones are taken as they are, else words with times that lie within the clip, else the text. A
    clip that was cut keeps its whole text: one without words that is as long as `data prepare`
    leaves clips counts as not known. Aligning needs the symbols alone, no times.
    """
    frames = MELS_PER_FRAME * int(about["frames"])
    symbols, starts = _symbols(about)
    if symbols is None or int(about["frames"]) > LONGEST_S * FPS:
        return None
    try:
        tokens = tokens_of(symbols, key)
    except RequestError:
        return None
    return Script(tokens, starts) if len(tokens.ids) <= frames else None


def _symbols(about: Mapping[str, Any]) -> tuple[list[str] | None, Float | None]:
    if phones := about.get("phones"):
        return [p[0] for p in phones], np.array([p[1] for p in phones], np.float32)
    seconds = int(about["frames"]) / FPS
    text: str | None
    if "words" in about:
        text = " ".join(word for word, start, end in about["words"] if (start + end) / 2 < seconds)
    else:
        text = about.get("text") if seconds < LONGEST_S else None
    if not text:
        return None, None
    try:
        return phones_of(english(str(text))), None
    except RequestError:
        return None, None
