"""The grammar of the GRID corpus: a clip's name spells the six words that are said in it.

Cooke et al., "An audio-visual corpus for speech perception and automatic speech recognition",
J. Acoust. Soc. Am. 120, 2006, table 1. "bbaf2n" is "bin blue at f two now".
"""

from __future__ import annotations

import re

VERBS = {"b": "bin", "l": "lay", "p": "place", "s": "set"}
COLOURS = {"b": "blue", "g": "green", "r": "red", "w": "white"}
PREPOSITIONS = {"a": "at", "b": "by", "i": "in", "w": "with"}
DIGITS = {
    "z": "zero", "1": "one", "2": "two", "3": "three", "4": "four",
    "5": "five", "6": "six", "7": "seven", "8": "eight", "9": "nine",
}  # fmt: skip
ADVERBS = {"a": "again", "n": "now", "p": "please", "s": "soon"}
SILENCES = ("sil", "sp")
"""The labels of an alignment file at which nothing is said."""

_CODE = re.compile(r"[bpls][bgrw][abiw][a-z][z1-9][anps]")


def sentence(code: str) -> str | None:
    """The sentence that a code of six letters stands for; None where it is no code of GRID."""
    if not _CODE.fullmatch(code):
        return None
    verb, colour, where, letter, digit, adverb = list(code)
    words = (VERBS[verb], COLOURS[colour], PREPOSITIONS[where], letter, DIGITS[digit])
    return " ".join((*words, ADVERBS[adverb]))


def words_of_name(file: str) -> str | None:
    """The sentence said in a file whose name has "grid_" in it and ends in a code, such as
    "video/grid_s1_bbal6n.mp4"; None for any other name."""
    found = re.search(r"grid_(?:\w+_)?([a-z1-9]{6})\.\w+$", file)
    return sentence(found.group(1)) if found else None


def words_of_alignment(text: str) -> str:
    """The sentence of an .align file of GRID, whose lines are "start end word"."""
    words = [line.split()[2] for line in text.splitlines() if line.strip()]
    return " ".join(word for word in words if word not in SILENCES)
