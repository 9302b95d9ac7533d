"""Tokens of the small networks: the lexicon's words and two marks, one number each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache

import torch
from torch import Tensor

from vivavoce.listen.instruction.grammar import all_words

PAD, BOS, EOS, CLS, SEP = range(5)
"""Numbers of the tokens that are no words: filling, begin, end, the place of a text's embedding,
and what stands between the parts of a prompt."""
_MARKS = (",", ".")
LONGEST = 64
"""Most tokens of an instruction; further ones are dropped."""


@cache
def vocabulary() -> dict[str, int]:
    """Word → its number."""
    return {word: 5 + i for i, word in enumerate((*_MARKS, *all_words()))}


def size() -> int:
    """Number of tokens."""
    return 5 + len(vocabulary())


def encode(text: str) -> list[int]:
    """Numbers of the known words and marks of a text; what is unknown is left out."""
    found = re.findall(r"[a-z'-]+|[,.]", text.lower().replace(";", ",").replace("!", "."))
    return [vocabulary()[word] for word in found if word in vocabulary()][:LONGEST]


def decode(numbers: Iterable[int]) -> str:
    """The text of some tokens: sentences begin with a capital."""
    names = _names()
    text = " ".join(names[n] for n in numbers if n in names)
    text = text.replace(" ,", ",").replace(" .", ".").strip()
    return re.sub(r"(?:^|(?<=\. ))[a-z]", lambda match: match[0].upper(), text)


@cache
def _names() -> dict[int, str]:
    return {number: word for word, number in vocabulary().items()}


def padded(rows: Sequence[Sequence[int]], length: int | None = None) -> Tensor:
    """Rows of tokens as a tensor [B, L], filled up with `PAD`; L is the longest row's length."""
    longest = length or max(len(row) for row in rows)
    out = torch.full((len(rows), longest), PAD, dtype=torch.long)
    for i, row in enumerate(rows):
        out[i, : min(len(row), longest)] = torch.tensor(row[:longest], dtype=torch.long)
    return out
