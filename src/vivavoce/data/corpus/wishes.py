"""What a person shall look like, in English words, put into a corpus person's looks.

A description is read phrase by phrase ("round glasses, long grey hair"): a noun says what is meant,
the words before it how it looks. What is not understood is told, and never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from vivavoce.data.corpus.person import Person
from vivavoce.errors import RequestError

LONGEST = 400
"""Most characters of a description."""
Colour = tuple[float, float, float]

HAIR_COLOURS: Mapping[str, Colour] = {
    "blond": (0.82, 0.66, 0.40), "blonde": (0.82, 0.66, 0.40), "fair": (0.78, 0.62, 0.38),
    "brown": (0.34, 0.21, 0.12), "dark": (0.13, 0.09, 0.07), "black": (0.05, 0.045, 0.045),
    "red": (0.58, 0.24, 0.09), "ginger": (0.68, 0.34, 0.13), "auburn": (0.40, 0.17, 0.09),
    "grey": (0.60, 0.59, 0.58), "gray": (0.60, 0.59, 0.58), "silver": (0.72, 0.71, 0.70),
    "white": (0.88, 0.87, 0.85),
}  # fmt: skip
HAIR: Mapping[str, str] = {
    "bald": "bald", "shaved": "bald", "buzz": "buzz", "cropped": "buzz", "short": "short",
    "parted": "side_part", "curly": "curly", "curls": "curly", "wavy": "shoulder", "afro": "afro",
    "bob": "bob", "shoulder": "shoulder", "medium": "shoulder", "long": "long",
    "ponytail": "ponytail", "bun": "bun", "receding": "receding", "balding": "receding",
}  # fmt: skip
GLASSES: Mapping[str, str] = {
    "round": "round", "square": "square", "rectangular": "square", "half": "half",
    "reading": "half", "rimless": "half",
}  # fmt: skip
BEARDS: Mapping[str, str] = {
    "beard": "full", "stubble": "stubble", "moustache": "moustache", "mustache": "moustache",
    "goatee": "goatee",
}  # fmt: skip
CLOTHES: Mapping[str, str] = {
    "shirt": "collar", "collar": "collar", "blouse": "collar", "sweater": "crew", "jumper": "crew",
    "pullover": "crew", "hoodie": "hoodie", "blazer": "blazer", "jacket": "blazer",
    "suit": "blazer", "v-neck": "v_neck", "t-shirt": "crew", "clothes": "",
}  # fmt: skip
COLOURS: Mapping[str, Colour] = {
    "red": (0.70, 0.15, 0.14), "orange": (0.82, 0.45, 0.14), "yellow": (0.84, 0.72, 0.22),
    "green": (0.20, 0.46, 0.24), "blue": (0.16, 0.30, 0.62), "navy": (0.10, 0.14, 0.32),
    "purple": (0.40, 0.20, 0.50), "pink": (0.84, 0.50, 0.58), "brown": (0.36, 0.24, 0.15),
    "black": (0.08, 0.08, 0.09), "white": (0.90, 0.90, 0.88), "grey": (0.50, 0.50, 0.51),
    "gray": (0.50, 0.50, 0.51), "beige": (0.76, 0.68, 0.54), "gold": (0.68, 0.54, 0.22),
}  # fmt: skip
EYES: Mapping[str, Colour] = {
    "blue": (0.33, 0.46, 0.58), "green": (0.36, 0.42, 0.28), "hazel": (0.44, 0.38, 0.26),
    "brown": (0.30, 0.18, 0.10), "dark": (0.18, 0.11, 0.06), "grey": (0.42, 0.47, 0.50),
    "gray": (0.42, 0.47, 0.50),
}  # fmt: skip
SKIN: Mapping[str, float] = {
    "pale": 0.06, "fair": 0.12, "light": 0.18, "white": 0.12, "olive": 0.42, "tanned": 0.45,
    "tan": 0.45, "brown": 0.68, "dark": 0.88, "black": 0.92,
}  # fmt: skip
BACKDROPS: Mapping[str, str] = {
    "plain": "plain", "room": "room", "indoors": "room", "office": "room", "blurred": "bokeh",
    "bokeh": "bokeh", "wall": "wall", "brick": "wall", "gradient": "gradient",
}  # fmt: skip
AGES: Mapping[str, float] = {
    "teenager": 17, "teenage": 17, "teen": 17, "young": 25, "middle-aged": 48, "old": 74,
    "elderly": 78, "twenties": 25, "thirties": 35, "forties": 45, "fifties": 55, "sixties": 65,
    "seventies": 75, "eighties": 84,
}  # fmt: skip
SEXES: Mapping[str, str] = {
    "woman": "female", "female": "female", "lady": "female", "girl": "female", "grandmother":
    "female", "man": "male", "male": "male", "guy": "male", "gentleman": "male", "boy": "male",
    "grandfather": "male",
}  # fmt: skip
_SMALL = """
a an the and with in on of his her their who has have wears wearing very is are some one  person
face portrait photo picture someone somebody years year aged age looking looks cut  hair skin eyes
eye glasses spectacles eyebrows brows lips lipstick background backdrop style  styled length
coloured colored rimmed tied up neck no without clean-shaven freckles freckled  wrinkles wrinkled
make-up makeup thick bushy thin heavy light full frames frame
"""
SMALL_WORDS = frozenset(_SMALL.split())
"""Words that name what is described, or say nothing by themselves."""


@dataclass(frozen=True)
class Wishes:
    """A description, as it was understood."""

    sex: str | None
    """The sex that is asked for; None: the voice tells it."""
    age: float | None
    """The age that is asked for, in years; None: the voice tells it."""
    looks: Mapping[str, Any]
    """Fields of `Looks` and what they shall be."""
    understood: tuple[str, ...]
    """Phrases of which something was understood."""
    lost: tuple[str, ...]
    """Words that were not understood."""

    def told(self) -> str:
        """The description as it was understood, in words for people."""
        line = ", ".join(self.understood)
        return f"{line}; not understood: {', '.join(self.lost)}" if self.lost else line

    def of(self, person: Person) -> Person:
        """The person with the looks that are asked for."""
        return replace(person, looks=replace(person.looks, **self.looks))


def read_wishes(prompt: str) -> Wishes:
    """Read a description such as "a woman in her forties, round glasses, long grey hair".

    Raises: RequestError: it is longer than `LONGEST`, or nothing in it is understood.
    """
    if len(prompt) > LONGEST:
        raise RequestError(
            f"The prompt has {len(prompt)} characters; at most {LONGEST} are read. Say in a few "
            "phrases what the person looks like."
        )
    sex: str | None = None
    age: float | None = None
    looks: dict[str, Any] = {}
    understood, lost = [], []
    for phrase in _phrases(prompt):
        words = re.findall(r"[\w'-]+", phrase)
        found_age, found_sex = _age(phrase, words), _first(SEXES, words)
        found = _looks(words)
        age = found_age if found_age is not None else age
        sex = found_sex or sex
        looks |= found
        if found or found_age is not None or found_sex:
            understood.append(phrase)
        known = KNOWN | {word for word in words if word.isdecimal()}
        lost += [word for word in words if word not in known]
        if not (found or found_age is not None or found_sex):
            lost += [word for word in words if word in known - SMALL_WORDS]
    if not understood:
        raise RequestError(
            f"Nothing in the prompt {prompt!r} is understood. Say in English what the person looks "
            'like, e.g. "round glasses, long grey hair, blue shirt".'
        )
    return Wishes(sex, age, looks, tuple(understood), tuple(dict.fromkeys(lost)))


def _phrases(prompt: str) -> list[str]:
    parts = re.split(r"[,;.\n]|\band\b|\bwith\b|\bwearing\b|\bin front of\b", prompt.lower())
    return [" ".join(part.split()) for part in parts if part.strip()]


def _first(table: Mapping[str, Any], words: list[str]) -> Any:
    return next((table[word] for word in words if word in table), None)


def _age(phrase: str, words: list[str]) -> float | None:
    if number := re.search(r"\b(\d{1,2})\b", phrase):
        return float(number[1])
    if {"hair", "beard"} & {*words}:
        return None
    found: float | None = _first(AGES, words)
    return found


def _looks(words: list[str]) -> dict[str, Any]:
    """Fields of `Looks` that a phrase asks for."""
    there, none = {*words}, bool({"no", "without"} & {*words})
    found: dict[str, Any] = {}
    if there & {"glasses", "spectacles"}:
        found["glasses"] = "none" if none else _first(GLASSES, words) or "round"
        _set(found, "glasses_colour", _first(COLOURS, words))
        return found
    if there & {"clean-shaven"}:
        return {"beard": "none"}
    if there & BEARDS.keys():
        found["beard"] = "none" if none else _first(BEARDS, words)
        _set(found, "hair_colour", _first(HAIR_COLOURS, words))
        return found
    if there & {"eyes"}:
        return _set({}, "iris", _first(EYES, words))
    if there & {"skin"}:
        return _set({}, "skin", _first(SKIN, words))
    if there & {"freckles", "freckled"}:
        return {"freckles": 0.0 if none else 0.8}
    if there & {"wrinkles", "wrinkled"}:
        return {"wrinkles": 0.0 if none else 0.85}
    if there & {"eyebrows", "brows"}:
        return {"brows": 0.1 if "thin" in there else 0.9}
    if there & {"lipstick", "make-up", "makeup"}:
        return {"lips": 0.0 if none else 0.8}
    if there & {"background", "backdrop", *BACKDROPS}:
        _set(found, "backdrop", _first(BACKDROPS, words))
        return _set(found, "backdrop_colour", _first(COLOURS, words))
    if there & CLOTHES.keys():
        _set(found, "clothes", _first(CLOTHES, words) or None)
        return _set(found, "clothes_colour", _first(COLOURS, words))
    if there & ({"hair"} | HAIR.keys() | {"blond", "blonde", "ginger", "auburn"}):
        _set(found, "hair", _first(HAIR, words))
        return _set(found, "hair_colour", _first(HAIR_COLOURS, words))
    if there & {"pale", "tanned"}:
        return _set({}, "skin", _first(SKIN, words))
    return found


def _set(found: dict[str, Any], field: str, value: Any) -> dict[str, Any]:
    if value is not None:
        found[field] = value
    return found


KNOWN = SMALL_WORDS.union(
    HAIR_COLOURS, HAIR, GLASSES, BEARDS, CLOTHES, COLOURS, EYES, SKIN, BACKDROPS, AGES, SEXES
)
"""Every word that is understood."""
