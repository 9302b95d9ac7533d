"""Phones as numbers for the acoustic model: IPA characters with blanks between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vivavoce.errors import RequestError
from vivavoce.speak.phones import PAUSE

BLANK = 0
"""Stands before, between and after all characters (Badlani et al. 2022; Matcha-TTS): alignment
has somewhere to put what belongs to no character."""
CHARACTERS = PAUSE + "abdefhijklmnoprstuvwzæðŋɐɑɒɔəɚɛɜɡɪɹɾʃʉʊʌʍʒʔʲˈˌː̩̪θᵻ"
"""The pause, and what English is written with by hibari's lexicons and by espeak-ng, by code
point."""
COUNT = 1 + len(CHARACTERS)
"""Number of different tokens."""
_ALIKE = {":": "ː", "g": "ɡ", "": PAUSE}


@dataclass(frozen=True)
class Tokens:
    """A text as the numbers that the acoustic model reads."""

    ids: NDArray[np.int64]
    """Numbers of the tokens [L]; `BLANK` stands at even places."""
    phones: NDArray[np.int64]
    """Which phone each token belongs to [L]; a blank between phones to the next."""


def tokens_of(symbols: Sequence[str], text: str = "") -> Tokens:
    """The tokens of phones as `types.Phone` names them, e.g. ("_", "h", "ə", "l", "ˈoʊ", "_").

    Raises: RequestError: a symbol is not of English, or there is none; `text` is named in it.
    """
    ids, phones = [BLANK], [0]
    for number, symbol in enumerate(symbols):
        for character in _ALIKE.get(symbol, symbol):
            ids += [_number(_ALIKE.get(character, character), symbol, text), BLANK]
            phones += [number, number]
        phones[-1] += 1
    if len(ids) == 1:
        raise RequestError(f"There is nothing to say in {text!r}: it has no sounds.")
    phones[-1] = len(symbols) - 1
    return Tokens(np.array(ids), np.array(phones))


def _number(character: str, symbol: str, text: str) -> int:
    place = CHARACTERS.find(character)
    if place < 0:
        where = f" in {text!r}" if text else ""
        raise RequestError(
            f"The sound {symbol!r}{where} is not one of the English sounds that this voice has "
            "learnt. Write that word in English spelling, or choose another system."
        )
    return 1 + place
