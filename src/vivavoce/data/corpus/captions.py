"""Who is in a picture, in words: captions of a corpus person's true attributes.

A caption is what a person would write under a portrait: "a portrait photo of an old woman with
long grey hair, round glasses, brown eyes, a green hoodie, a blurred background, happy". Parts are
left out at random, so that a model also learns from short descriptions; when all are, the caption
is `SUBJECT` with "person", which asks for nobody in particular.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

SUBJECT = "a high quality portrait photo of a {who} talking"
"""Beginning of every caption; `who` is "person", "woman", "old man", ..."""
KEPT = 0.7
"""Share of the parts of a caption that are said."""
AGES = ((20, "teenage"), (35, "young"), (55, "middle aged"), (200, "old"))
"""Up to an age in years, the words for it."""
HAIR = {
    "bald": "a bald head", "buzz": "buzz cut {} hair", "short": "short {} hair",
    "side_part": "parted {} hair", "curly": "curly {} hair", "afro": "afro {} hair",
    "bob": "bob cut {} hair", "shoulder": "shoulder length {} hair", "long": "long {} hair",
    "ponytail": "{} ponytail hair", "bun": "{} bun hair", "receding": "receding {} hair",
}  # fmt: skip
BEARDS = {
    "none": "no beard", "stubble": "stubble beard", "moustache": "a moustache",
    "goatee": "a goatee beard", "full": "a full beard",
}  # fmt: skip
GLASSES = {
    "none": "no glasses", "round": "round glasses", "square": "square glasses",
    "half": "half rim glasses",
}  # fmt: skip
CLOTHES = {
    "crew": "a {} sweater", "v_neck": "a {} v neck sweater", "collar": "a {} shirt with collar",
    "hoodie": "a {} hoodie", "blazer": "a {} blazer",
}  # fmt: skip
BACKDROPS = {
    "plain": "a plain {} background", "gradient": "a smooth {} background",
    "room": "a {} room behind", "bokeh": "lights behind", "wall": "a {} wall behind",
}  # fmt: skip
SKINS = ((0.2, "pale"), (0.42, "fair"), (0.62, "tan"), (0.8, "brown"), (2.0, "dark"))
"""Up to an amount of melanin, the words for the skin."""
IRISES = {
    "brown": (0.33, 0.20, 0.11), "dark brown": (0.22, 0.13, 0.07), "blue": (0.33, 0.46, 0.58),
    "green": (0.36, 0.42, 0.28), "hazel": (0.44, 0.38, 0.26),
}  # fmt: skip
HUES = ((0.05, "red"), (0.11, "orange"), (0.19, "yellow"), (0.45, "green"), (0.53, "turquoise"),
        (0.7, "blue"), (0.85, "purple"), (0.95, "pink"), (1.01, "red"))  # fmt: skip
"""Up to a hue, 0 to 1 around the circle, the name of the colour."""
UNHEARD = ("hair", "hair_colour", "beard", "glasses", "iris", "clothes", "clothes_colour",
           "backdrop", "backdrop_colour", "lips", "freckles", "brows")  # fmt: skip
"""Attributes that a voice does not tell."""
FEELINGS = ("neutral", "happy", "sad", "angry", "fearful", "disgusted", "surprised", "contempt")


def caption(attributes: Mapping[str, Any], emotion: str, rng: np.random.Generator | None) -> str:
    """A caption of a person with these attributes (`data.corpus.person.Person`'s) and a feeling.

    Args:
        attributes: The `attributes` of a corpus clip; of other sets, what they know.
        emotion: One of `types.EMOTIONS`; "" is not said.
        rng: Draws what is left out and the order; None says everything, in a fixed order.
    """
    who = _who(attributes, rng)
    said = [part for part in _parts(attributes, emotion) if _kept(rng)]
    if rng is not None:
        said = [said[i] for i in rng.permutation(len(said))]
    return ", ".join([SUBJECT.format(who=who), *said])


def unheard(attributes: Mapping[str, Any], rng: np.random.Generator) -> str:
    """Some of the phrases for what no voice tells of a person, in any order."""
    hidden = {key: value for key, value in attributes.items() if key in UNHEARD}
    said = [part for part in _parts(hidden, "") if _kept(rng)]
    return ", ".join(said[i] for i in rng.permutation(len(said)))


def words() -> list[str]:
    """Every phrase that a caption may be made of; a tokenizer learns its words from them."""
    colours = [*dict.fromkeys(name for _, name in HUES), "grey", "white", "black", "brown",
               "blond", "red", "light", "dark", "long", "short"]  # fmt: skip
    templates = [*HAIR.values(), *CLOTHES.values(), *BACKDROPS.values()]
    phrases = [t.format(c) for t in templates for c in colours]
    phrases += [*BEARDS.values(), *GLASSES.values(), *FEELINGS]
    phrases += [f"{name} skin" for _, name in SKINS] + [f"{name} eyes" for name in IRISES]
    phrases += ["painted lips", "freckles", "wrinkles", "bushy brows", "thin brows"]
    people = [f"{age} {sex}" for _, age in AGES for sex in ("person", "man", "woman")]
    return phrases + [SUBJECT.format(who=who) for who in people] + ["with and", "wearing", "an"]


def colour_name(colour: Sequence[float]) -> str:
    """The name of an sRGB colour in 0..1, such as "light blue"."""
    hue, strong, bright = colorsys.rgb_to_hsv(*colour)
    if strong < 0.14:
        return "white" if bright > 0.8 else "grey" if bright > 0.3 else "black"
    name = next(name for most, name in HUES if hue <= most)
    if name in ("orange", "yellow", "red") and strong > 0.3 and bright < 0.45:
        name = "brown"
    return f"dark {name}" if bright < 0.35 else f"light {name}" if bright > 0.7 else name


def hair_colour_name(colour: Sequence[float]) -> str:
    """The name of a hair colour, sRGB in 0..1: black, brown, blond, red, grey or white."""
    hue, strong, bright = colorsys.rgb_to_hsv(*colour)
    if strong < 0.22 and bright > 0.3:
        return "white" if bright > 0.66 else "grey"
    if bright < 0.2:
        return "black"
    if strong > 0.6 and bright > 0.4 and hue < 0.075:
        return "red"
    return "blond" if bright > 0.58 else "brown"


def _kept(rng: np.random.Generator | None) -> bool:
    return rng is None or rng.random() < KEPT


def _who(attributes: Mapping[str, Any], rng: np.random.Generator | None) -> str:
    sex = {"female": "woman", "male": "man"}.get(str(attributes.get("sex")), "person")
    if not _kept(rng):
        return "person"
    if "age" not in attributes or not _kept(rng):
        return sex
    age = float(attributes["age"])
    return f"{next(word for most, word in AGES if age < most)} {sex}"


def _parts(attributes: Mapping[str, Any], emotion: str) -> list[str]:
    """The phrases for what is known, in a fixed order."""
    found: list[str] = []

    def known(key: str, say: Callable[[Any], str]) -> None:
        if key in attributes:
            found.append(say(attributes[key]))

    hair = hair_colour_name(attributes.get("hair_colour", (0, 0, 0)))
    clothes = colour_name(attributes.get("clothes_colour", (0, 0, 0)))
    backdrop = colour_name(attributes.get("backdrop_colour", (0, 0, 0)))
    known("hair", lambda v: HAIR[v].format(hair))
    known("beard", lambda v: BEARDS[v])
    known("glasses", lambda v: GLASSES[v])
    known("skin", lambda v: f"{next(word for most, word in SKINS if v <= most)} skin")
    known("iris", lambda v: f"{_nearest(v)} eyes")
    known("clothes", lambda v: CLOTHES[v].format(clothes))
    known("backdrop", lambda v: BACKDROPS[v].format(backdrop))
    found += [word for key, least, word in (
        ("lips", 0.3, "painted lips"), ("freckles", 0.3, "freckles"),
        ("wrinkles", 0.45, "wrinkles"), ("brows", 0.7, "bushy brows"),
    ) if float(attributes.get(key, 0)) > least]  # fmt: skip
    return found + ([emotion] if emotion else [])


def _nearest(iris: Sequence[float]) -> str:
    return min(IRISES, key=lambda name: float(np.abs(np.subtract(IRISES[name], iris)).sum()))
