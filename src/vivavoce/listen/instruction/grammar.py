"""Writes instructions in varied English: captions as MeadText's, commands, and scraps.

Text augmentation (AVI-Talking, sec. 5.3.1) is here too: phrases are replaced by listed synonyms.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Literal, TypeVar

import numpy as np

from vivavoce.listen.instruction import lexicon as words
from vivavoce.listen.instruction.asked import Asked, Done

Way = TypeVar("Way")
Manner = Literal["caption", "command", "scrap"]
"""Kind of sentence: "caption" describes, as MeadText does; "command" asks; "scrap" names."""
_DOUBLED = ("jut", "knit", "drop", "let", "grin", "shut", "cut")
_REQUESTS = (
    "Analyze conveyed emotion in an audio snippet, elaborating on facial expressions",
    "Describe the feeling in this recording and what the face does",
    "Listen to the speaker and say how the face moves",
    "What does the face of this speaker show",
    "Tell which emotion is heard and describe the facial expression",
    "Say how the speaker feels and which muscles of the face move",
    "From the sound alone, picture the speaker's face",
    "Explain the mood of the voice in terms of the face",
    "Describe the expression that goes with this voice",
    "Which facial expression suits this speech",
)
REQUESTS: tuple[str, ...] = _REQUESTS
"""Ten requests to the language model; the first is the paper's own, and the one in use."""


def write(asked: Asked, rng: np.random.Generator, manner: Manner = "caption") -> str:
    """A text that asks for exactly this."""
    if manner == "caption":
        parts = [coarse(asked, rng)] if asked.feeling else []
        parts += [fine(asked.acts, rng)] if asked.acts or not parts else []
        return " ".join(parts)
    said = [_feeling(asked, rng)] if asked.feeling else []
    verbal = manner == "command"
    said += [_verb(done, rng, "base") if verbal else _noun(done, rng) for done in asked.acts]
    text = _listed(said, rng) if said else "a neutral face"
    if verbal and rng.random() < 0.3:
        text = ("please " if rng.random() < 0.5 else "now ") + text
    return _finished(text, rng)


def coarse(asked: Asked, rng: np.random.Generator) -> str:
    """A sentence for the feeling and its level."""
    assert asked.feeling is not None
    feeling = _one(words.FEELINGS[asked.feeling], rng)
    adverb = "" if asked.feeling == "neutral" else _one(words.LEVELS[asked.level], rng)
    text = _one(words.COARSE, rng).format(who=_one(words.WHO, rng), adverb=adverb, feeling=feeling)
    return _sentence(text)


def fine(acts: Sequence[Done], rng: np.random.Generator) -> str:
    """A sentence for the acts, in their order; one for a still face if there are none."""
    verbs = [_verb(done, rng, "third") for done in acts]
    if not verbs:
        return _one(words.STILL, rng)
    listed = verbs[0] if len(verbs) == 1 else f"{', '.join(verbs[:-1])} and {verbs[-1]}"
    return _sentence(_one(words.FINE, rng).format(who=_one(words.WHO, rng), list=listed))


def augment(text: str, rng: np.random.Generator, share: float = 0.6) -> str:
    """The text with some of its phrases replaced by synonyms that the lexicon lists.

    What names a feeling or an act is replaced by another name of the same, never removed.
    """
    plain = text.lower()
    found: list[tuple[int, int, tuple[str, ...]]] = []
    for phrase, others in _synonyms():
        for match in re.finditer(rf"\b{re.escape(phrase)}\b", plain):
            if all(match.end() <= a or match.start() >= b for a, b, _ in found):
                found.append((match.start(), match.end(), others))
    for start, end, others in sorted(found, reverse=True):
        if rng.random() < share:
            plain = plain[:start] + _one(others, rng) + plain[end:]
    return " ".join(_sentence(part) for part in re.split(r"(?<=\.)\s+", plain.strip()))


def inflected(verb: str, form: Literal["third", "base", "ing"]) -> str:
    """A verb phrase in the third person, e.g. "raises the brows", in another form."""
    if form == "third":
        return verb
    before, first, rest = "", *verb.partition(" ")[::2]
    if first == "half":
        before, (first, _, rest) = "half ", rest.partition(" ")
    stem = first[:-2] if first.endswith(("ches", "shes", "sses")) else first[:-1]
    if form == "ing":
        if stem in _DOUBLED:
            stem += stem[-1]
        stem = (stem[:-1] if stem.endswith("e") and not stem.endswith("ee") else stem) + "ing"
    return f"{before}{stem} {rest}".strip()


def all_words() -> list[str]:
    """Every word that can be written or read, in a fixed order."""
    found: dict[str, None] = {}
    for text in _all_texts():
        for word in re.findall(r"[a-z'-]+", text.lower()):
            found[word] = None
    return list(found)


def _all_texts() -> Iterator[str]:
    for table in (words.FEELINGS, words.NOUNS, words.LEVELS):
        for ways in table.values():
            yield from ways
    for _, ways in (*words.HOW, *words.BEFORE):
        yield from ways
    for act in words.ACTS.values():
        for verb in act.verbs:
            yield from (inflected(verb, form) for form in ("third", "base", "ing"))
        yield from (*act.nouns, *act.moods)
    yield from (*words.COARSE, *words.ASKS, *words.FINE, *words.STILL, *words.WHO, *REQUESTS)
    yield from (*words.SIDES, *words.NOT, "her", "his", "your", "please", "now", "corner", "side")
    for moves in words.MOVES.values():
        yield from moves
    for parts in words.PARTS:
        yield from parts
    yield from sorted(words.FILLERS)


def _feeling(asked: Asked, rng: np.random.Generator) -> str:
    assert asked.feeling is not None
    adverb = "" if asked.feeling == "neutral" else _one(words.LEVELS[asked.level], rng)
    feeling, noun = _one(words.FEELINGS[asked.feeling], rng), _one(words.NOUNS[asked.feeling], rng)
    return " ".join(_one(words.ASKS, rng).format(adverb=adverb, feeling=feeling, noun=noun).split())


def _verb(done: Done, rng: np.random.Generator, form: Literal["third", "base", "ing"]) -> str:
    act = words.ACTS[done.act]
    if not act.verbs:
        be = {"third": "looks", "base": "look", "ing": "looking"}[form]
        how = _strength(done, words.LEVELS_BY_FACTOR, rng)
        return " ".join(f"{be} {how} {_one(act.moods, rng)}".split())
    verb = inflected(_one(act.verbs, rng), form)
    if done.side:
        verb = _sided(verb, done.side, rng)
    if rng.random() < 0.3:
        verb = verb.replace(" the ", f" {_one(('her', 'his', 'your'), rng)} ", 1)
    return f"{verb} {_strength(done, words.HOW, rng)}".strip()


def _noun(done: Done, rng: np.random.Generator) -> str:
    act = words.ACTS[done.act]
    if not done.side and rng.random() < 0.2 and (scraps := _scraps().get(done.act)):
        part, move = _one(scraps, rng)
        how = _strength(done, words.BEFORE, rng)
        both = (part, move) if rng.random() < 0.6 else (move, part)
        clear = len(how.split()) == 1 and all(how not in ways for ways in words.MOVES.values())
        return f"{how if clear else ''} {' '.join(both)}".strip()
    if act.moods and (not act.nouns or rng.random() < 0.3):
        how = _strength(done, words.LEVELS_BY_FACTOR, rng)
        return f"{how} {_one(act.moods, rng)}".strip()
    if not act.nouns:
        return _verb(done, rng, "ing")
    if done.side or (rng.random() < 0.25 and act.verbs):
        return _verb(done, rng, "ing")
    noun, how = _one(act.nouns, rng), _strength(done, words.BEFORE, rng)
    if noun.startswith(("a ", "an ")) and how:
        return f"a {how} {noun.partition(' ')[2]}"
    return f"{how} {noun}".strip()


@cache
def _scraps() -> dict[str, tuple[tuple[str, str], ...]]:
    """Act → words for a part of the face, each with a word for its movement."""
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for parts, kinds in words.PARTS.items():
        for kind, act in kinds.items():
            pairs = ((part, move) for part in parts for move in words.MOVES[kind])
            found[act] = (*found.get(act, ()), *pairs)
    return found


def _sided(verb: str, side: str, rng: np.random.Generator) -> str:
    word = side.lower() if side == "Right" or rng.random() < 0.7 else "one"
    part = {"brows": "brow", "eyebrows": "eyebrow", "corners": "corner", "eyes": "eye"}
    for many, single in part.items():
        if f" {many}" in verb:
            which = word if word == "one" else f"the {word}"
            return re.sub(rf"(the )?((outer|lip) )?{many}", rf"{which} \2{single}", verb, count=1)
    return f"{verb} on {'one side' if word == 'one' else f'the {word} side'}"


def _strength(
    done: Done, ways: Sequence[tuple[float, tuple[str, ...]]], rng: np.random.Generator
) -> str:
    nearest = min(ways, key=lambda way: abs(np.log(way[0] / done.factor)))
    return _one(nearest[1], rng)


def _listed(said: list[str], rng: np.random.Generator) -> str:
    link = _one((", ", ", ", " and ", ", with "), rng)
    return said[0] if len(said) == 1 else ", ".join(said[:-1]) + link + said[-1]


def _finished(text: str, rng: np.random.Generator) -> str:
    text = " ".join(text.split())
    return _sentence(text + "." if not text.endswith(".") else text) if rng.random() < 0.5 else text


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    text = re.sub(r"\ba a (little|bit)\b", r"a \1", text)
    text = re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", text)
    return text[:1].upper() + text[1:]


@cache
def _synonyms() -> list[tuple[str, tuple[str, ...]]]:
    """Phrases with what may stand in their place, the longest first."""
    found: dict[str, tuple[str, ...]] = {}
    for act in words.ACTS.values():
        for ways in (act.verbs, act.moods):
            found |= {way: ways for way in ways if len(ways) > 1}
    for table in (words.FEELINGS, words.LEVELS):
        for ways in table.values():
            found |= dict.fromkeys(ways, ways)
    for way in words.WHO:
        found[way] = words.WHO
    return sorted(found.items(), key=lambda item: -len(item[0]))


def _one(ways: Sequence[Way], rng: np.random.Generator) -> Way:
    return ways[int(rng.integers(len(ways)))]
