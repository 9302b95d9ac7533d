"""A text as the numbers that GPT-2 reads: XTTS's byte pairs, or the sounds of English."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vivavoce.errors import BadCheckpoint, RequestError
from vivavoce.speak.acoustic import phones_of
from vivavoce.speak.code_gpt import CodeGptSettings
from vivavoce.speak.tokens import Tokens, tokens_of

LANGUAGE, SPACE = "[en]", "[SPACE]"
"""XTTS's marks of an English text, and of a space in it."""


@dataclass(frozen=True)
class Script:
    """About a sentence, as tokens."""

    ids: tuple[int, ...]
    """Numbers of the tokens that GPT-2 reads."""
    symbols: tuple[str, ...] = ()
    """Phones, where tokens are their characters."""
    spelt: Tokens | None = None
    """The same with blanks between them, as the acoustic model of the guide reads them."""


class Reader(Protocol):
    """Who turns a text into tokens."""

    def __call__(self, text: str) -> Script:
        """The tokens of about a sentence.

        Raises: RequestError: there is nothing to say in it.
        """


class PhoneReader:
    """Characters of the phones of English, as Americans say it."""

    def __call__(self, text: str) -> Script:
        """The tokens of a text."""
        return script_of(phones_of(text), text)


class BpeReader:
    """XTTS's byte pairs, read from its `vocab.json`."""

    def __init__(self, vocabulary: Path, settings: CodeGptSettings) -> None:
        from tokenizers import Tokenizer

        if not vocabulary.is_file():
            raise BadCheckpoint(f"{vocabulary} is missing: give the whole folder of XTTS v2.")
        self.tokenizer = Tokenizer.from_file(str(vocabulary))
        self.settings = settings

    def __call__(self, text: str) -> Script:
        """The tokens of a text, with the marks that begin and end it."""
        plain = re.sub(r"\s+", " ", text.lower().replace('"', "")).strip()
        if not plain:
            raise RequestError(f"There is nothing to say in {text!r}.")
        found = self.tokenizer.encode((LANGUAGE + plain).replace(" ", SPACE)).ids
        return Script((self.settings.text_start, *found, self.settings.text_stop))


def script_of(symbols: list[str], text: str = "") -> Script:
    """The tokens of phones; `text` is named where one is unknown.

    Raises: RequestError: as `speak.tokens.tokens_of`.
    """
    found = tokens_of(symbols, text)
    return Script(tuple(bare(found).tolist()), tuple(symbols), found)


def bare(tokens: Tokens) -> NDArray[np.int64]:
    """The tokens without the blanks at even places, which GPT-2 does not need."""
    return tokens.ids[1::2]
