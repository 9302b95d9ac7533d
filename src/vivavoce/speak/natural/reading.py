"""English text → the symbols that both synthesizers read, by hibari's rules and lexicons.

The alphabet is misaki's: IPA with capitals for diphthongs, a mark before each stressed vowel,
spaces and punctuation, which the synthesizers hear as melody and pauses.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from typing import Any

from vivavoce.speak.natural.models import MOST_SYMBOLS, _folder, once

_LONG_NUMBER = re.compile(r"\d[\d,]{24,}")
_MARKS = ';:,.!?—…"()“”'


@dataclass(frozen=True)
class Read:
    """A piece of text as it is read."""

    symbols: str
    """What the synthesizers speak; at most `MOST_SYMBOLS`."""
    words: tuple[tuple[str, int, int], ...]
    """Each word, its first symbol and the one after its last."""

    @property
    def ids(self) -> list[int]:
        """The synthesizers' number of each symbol, with the 0 before and after them."""
        return [0, *(alphabet()[symbol] for symbol in self.symbols), 0]


@cache
def alphabet() -> dict[str, int]:
    """The number of each symbol."""
    text = (_folder("hibari") / "assets" / "vocab.json").read_text("utf-8")
    numbers: dict[str, int] = json.loads(text)
    return numbers


def _reader(british: bool) -> Any:
    return import_module("hibari.g2p").G2P(british=british)


_READERS = {british: once(partial(_reader, british)) for british in (False, True)}


def read(text: str, british: bool) -> Iterator[Read]:
    """`text` as its symbols, cut between words where they are too many for one go.

    Letters of other scripts than the Latin one have no sound; a text without any sound is nothing.
    """
    reader = _READERS[british]()
    normalize = import_module("hibari.g2p.normalize").normalize
    symbols = ""
    words: list[tuple[str, int, int]] = []
    for token in reader.phonemize_tokens(reader.tokenize(normalize(_readable(text)))):
        spoken = "".join(s for s in token.phonemes or "" if s in alphabet())[:MOST_SYMBOLS]
        if words and len(symbols) + len(spoken) > MOST_SYMBOLS:
            yield Read(symbols.rstrip(), tuple(words))
            symbols, words = "", []
        if any(s not in _MARKS for s in spoken):
            words.append((token.text, len(symbols), len(symbols) + len(spoken)))
        symbols += spoken
        if token.whitespace and symbols and not symbols.endswith(" "):
            symbols += " "
    if words:
        yield Read(symbols.rstrip()[:MOST_SYMBOLS], tuple(words))


def _readable(text: str) -> str:
    """`text` without letters of other scripts, and numbers that have no name digit by digit."""
    text = _LONG_NUMBER.sub(lambda found: " ".join(re.sub(r"\D", "", found[0])), text)
    return "".join(
        c if not c.isalpha() or unicodedata.name(c, "").startswith(("LATIN", "MODIFIER")) else " "
        for c in text
    )
