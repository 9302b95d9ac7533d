"""Reads an instruction: which feeling, acts and strengths it names, and which words say nothing.

It moves no face: the networks do. It says what was understood, so that an instruction is never
silently ignored, and what a motion is measured against.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from typing import Any

from vivavoce.listen.instruction import lexicon as words
from vivavoce.listen.instruction.asked import Asked, Done
from vivavoce.listen.instruction.grammar import all_words, inflected

COMMA = ","
_ARTICLES = frozenset(["the", "a", "an", "her", "his", "your", "my", "its", "their"])
_LIKE = 0.82
"""Likeness of spellings from which a word is taken for one that is known."""


@dataclass(frozen=True)
class Understood:
    """What an instruction says to who reads it with the lexicon."""

    asked: Asked
    """Feeling and acts that were found."""
    unknown: tuple[str, ...] = ()
    """Words that say nothing here, in order."""
    refused: tuple[str, ...] = ()
    """Acts and feelings that the text takes back ("no smile")."""
    spelt: str = ""
    """The text as the networks read it: known words in small letters, without what is taken
    back."""


@dataclass(frozen=True)
class _Meaning:
    """What a phrase means: an act or a feeling."""

    act: str = ""
    feeling: str = ""


def understood(text: str) -> Understood:
    """What `text` asks of a face."""
    tokens, strange = _tokens(text)
    found = _found(tokens)
    asked, refused, kept = Asked(), [], [word not in words.NOT for word in tokens]
    for start, end, meaning in found:
        if _taken_back(tokens, start):
            refused.append(meaning.feeling or meaning.act)
            kept[start:end] = [False] * (end - start)
        else:
            asked = _with(asked, meaning, _around(tokens, start, end))
    used = {at for start, end, _ in found for at in range(start, end)}
    idle = [word for at, word in enumerate(tokens) if at not in used and _says_much(word)]
    unknown = [word for word in _words(text) if word in strange or word in idle]
    left = [word for word, keep in zip(tokens, kept, strict=True) if keep]
    spelt = " ".join(left).replace(f" {COMMA}", COMMA).strip(" ,")
    return Understood(asked, tuple(dict.fromkeys(unknown)), tuple(refused), spelt)


def summary(text: str) -> dict[str, Any]:
    """What a text says, for machines: the words, the feeling and its level, and the coefficients of
    the acts by their ARKit names."""
    asked = understood(text).asked
    units = {name: round(float(v), 2) for name, v in sorted(asked.units().items())}
    level = asked.level if asked.feeling is not None else None
    return {"words": text, "feeling": asked.feeling, "level": level, "units": units}


def _found(tokens: list[str]) -> list[tuple[int, int, _Meaning]]:
    """Where which phrases lie: start, end and meaning, in order."""
    found, at = [], 0
    while at < len(tokens):
        match = _match(tokens, at) or _scrap(tokens, at)
        if match is not None:
            found.append((at, match[1], match[0]))
        at = match[1] if match else at + 1
    return found


def _scrap(tokens: list[str], at: int) -> tuple[_Meaning, int] | None:
    """A part of the face and a movement beside it, in any order, at most two words apart."""
    last = min(at + 4, len(tokens))
    if COMMA in tokens[at:last]:
        last = at + tokens[at:last].index(COMMA)
    for end in range(at + 2, last + 1):
        for part, move in ((tokens[at], tokens[end - 1]), (tokens[end - 1], tokens[at])):
            act = _part_moves().get((part, move))
            if act is not None and not any(_match(tokens, k) for k in range(at + 1, end)):
                return _Meaning(act=act), end
    return None


@cache
def _part_moves() -> Mapping[tuple[str, str], str]:
    return {
        (part, word): act
        for parts, kinds in words.PARTS.items()
        for part in parts
        for kind, act in kinds.items()
        for word in words.MOVES[kind]
    }


def _says_much(word: str) -> bool:
    """Whether a known word that no phrase used should have meant something."""
    small = word in words.FILLERS or word in _between() or word in words.NOT or word == COMMA
    return not small


def _taken_back(tokens: list[str], at: int) -> bool:
    """Whether a "no" stands in the same part of the sentence, at most three words before."""
    before = tokens[max(at - 3, 0) : at]
    return any(word in words.NOT for word in before[_after_comma(before) :])


def _after_comma(tokens: list[str]) -> int:
    return len(tokens) - tokens[::-1].index(COMMA) if COMMA in tokens else 0


def _with(asked: Asked, meaning: _Meaning, around: list[str]) -> Asked:
    """`asked`, and what the phrase with these words around it means."""
    near = f" {' '.join(around)} "
    if meaning.feeling:
        levels = [n for n, ways in words.LEVELS.items() for w in ways if f" {w} " in near]
        return replace(asked, feeling=meaning.feeling, level=levels[-1] if levels else 2)
    sides = [side for word, side in words.SIDES.items() if f" {word} " in near]
    side = sides[0] if sides and words.ACTS[meaning.act].sided else ""
    done = Done(meaning.act, _factor(near), side)
    return replace(asked, acts=(*asked.acts, done))


def _factor(near: str) -> float:
    for factor, ways in (*words.HOW, *words.BEFORE, *words.LEVELS_BY_FACTOR):
        if any(way and f" {way} " in near for way in ways):
            return factor
    return 1.0


def _around(tokens: list[str], start: int, end: int) -> list[str]:
    """The modifiers that touch a phrase, before it, in it and behind it."""
    first = start
    while first > 0 and start - first < 3 and tokens[first - 1] in _modifiers():
        first -= 1
    last = end
    while last < len(tokens) and last - end < 3 and tokens[last] in _modifiers():
        last += 1
    if last > end and last < len(tokens) and _match(tokens, last):
        last = end  # what stands before the next phrase belongs to it
    if tokens[end : end + 2] == ["on", "one"] or tokens[end : end + 2] == ["on", "the"]:
        last = min(end + 4, len(tokens))
    return tokens[first:last]


def _match(tokens: list[str], at: int) -> tuple[_Meaning, int] | None:
    """The longest phrase that begins at a token, and where it ends."""
    for phrase, meaning in _phrases().get(tokens[at], ()):
        end = _reach(tokens, at, phrase)
        if end:
            return meaning, end
    return None


def _reach(tokens: list[str], at: int, phrase: tuple[str, ...]) -> int:
    """Where the phrase ends that begins at a token, with articles and modifiers between; 0: it is
    not there."""
    for word in phrase:
        while at < len(tokens) and tokens[at] != word and tokens[at] in _between():
            at += 1
        if at == len(tokens) or tokens[at] != word:
            return 0
        at += 1
    return at


@cache
def _phrases() -> Mapping[str, tuple[tuple[tuple[str, ...], _Meaning], ...]]:
    """First word → the phrases that begin with it, the longest first, and what they mean."""
    found: dict[tuple[str, ...], _Meaning] = {}
    for name, act in words.ACTS.items():
        verbs = (inflected(v, form) for v in act.verbs for form in ("third", "base", "ing"))
        for way in (*verbs, *act.nouns, *act.moods):
            found.setdefault(_bare(way), _Meaning(act=name))
            for part in ("brows", "corners", "eyes") if act.sided else ():
                found.setdefault(_bare(way.replace(part, part[:-1])), _Meaning(act=name))
    for feeling in words.FEELINGS:
        for way in (*words.FEELINGS[feeling], *words.NOUNS.get(feeling, ())):
            found.setdefault(_bare(way), _Meaning(feeling=feeling))
    by_first: dict[str, list[tuple[tuple[str, ...], _Meaning]]] = {}
    for phrase in sorted(found, key=len, reverse=True):
        by_first.setdefault(phrase[0], []).append((phrase, found[phrase]))
    return {first: tuple(ways) for first, ways in by_first.items()}


def _bare(phrase: str) -> tuple[str, ...]:
    return tuple(word for word in phrase.split() if word not in _ARTICLES)


@cache
def _modifiers() -> frozenset[str]:
    ways = [w for _, ws in (*words.HOW, *words.BEFORE, *words.LEVELS_BY_FACTOR) for w in ws]
    ways += [w for ws in words.LEVELS.values() for w in ws]
    return frozenset(w for way in ways for w in way.split()) | frozenset(words.SIDES)


@cache
def _between() -> frozenset[str]:
    return _ARTICLES | _modifiers() | {"just", "only"}


@cache
def _known() -> frozenset[str]:
    return frozenset(all_words())


def _words(text: str) -> list[str]:
    """The words of a text and its commas, in small letters."""
    plain = text.lower().replace("\u2019", "'")
    return re.findall(r"[^\W\d_]+(?:['-][^\W\d_]+)*|\d+|[,.;:!?]", plain)


def _tokens(text: str) -> tuple[list[str], list[str]]:
    """The known words of a text, misspelt ones put right, and the unknown ones."""
    tokens: list[str] = []
    unknown: list[str] = []
    for word in _words(text):
        if word in _known() or word in ",.;:!?":
            tokens.append(word if word in _known() else COMMA)
            continue
        parts = word.split("-")
        if len(parts) > 1 and all(part in _known() for part in parts):
            tokens += parts
            continue
        like = get_close_matches(word, _known(), 1, _LIKE) if len(word) > 5 else []
        tokens += like[:1]
        unknown += [] if like else [word]
    return tokens, unknown
