"""What a face does, in words: a coarse phrase for the feeling, a fine one that names the units.

In the manner of MeadText (AVI-Talking, sec. 2.1.1: coarse emotion phrases from the label, fine ones
looked up from detected action units), by templates and synonyms of our own. The fine phrase names
exactly the units that are shown; `units_named` reads them back.
"""

from __future__ import annotations

from typing import Any

import numpy as np

ADVERBS = {
    1: ("slightly", "a little", "mildly", "faintly"),
    2: ("clearly", "quite", "noticeably", "rather"),
    3: ("very", "extremely", "intensely", "deeply"),
}
"""Adverbs for each of MEAD's intensities 1 to 3."""
FEELINGS = {
    "neutral": ("neutral", "calm", "composed"),
    "happy": ("happy", "cheerful", "joyful", "delighted"),
    "sad": ("sad", "sorrowful", "downcast", "unhappy"),
    "angry": ("angry", "furious", "irate", "annoyed"),
    "fearful": ("fearful", "frightened", "afraid", "anxious"),
    "disgusted": ("disgusted", "repelled", "revolted"),
    "surprised": ("surprised", "astonished", "amazed"),
    "contempt": ("contemptuous", "scornful", "disdainful"),
}
COARSE = (
    "The speaker looks {adverb} {feeling}.",
    "A person talks with a {adverb} {feeling} expression.",
    "Speaking in a {adverb} {feeling} manner.",
    "Talks as if {adverb} {feeling}.",
    "The face is {adverb} {feeling} while speaking.",
    "With a {adverb} {feeling} look, the person speaks.",
)
CALM = (
    "The speaker looks {feeling}.",
    "A person talks with a {feeling} expression.",
    "Speaking in a {feeling} manner.",
)
ACTIONS = {
    "browInnerUp": ("raises the inner brows", "lifts the inner corners of the brows"),
    "browOuterUp": ("raises the outer brows", "arches the outer brows"),
    "browDown": ("lowers the brows", "draws the brows down"),
    "eyeWide": ("opens the eyes wide", "raises the upper lids"),
    "eyeSquint": ("tightens the lids", "narrows the eyes"),
    "cheekSquint": ("raises the cheeks", "pushes the cheeks up"),
    "noseSneer": ("wrinkles the nose", "pulls up the nostrils"),
    "mouthUpperUp": ("raises the upper lip", "lifts the upper lip"),
    "mouthLowerDown": ("pulls the lower lip down", "bares the lower teeth"),
    "mouthSmile": ("pulls the lip corners up", "smiles with the lip corners"),
    "mouthFrown": ("pulls the lip corners down", "lets the lip corners sink"),
    "mouthDimple": ("tucks the lip corners in", "dimples the lip corners"),
    "mouthPress": ("presses the lips", "squeezes the lips together"),
    "mouthStretch": ("stretches the lips sideways", "draws the lips wide"),
    "mouthShrugLower": ("pushes the chin up", "raises the chin boss"),
    "jawOpen": ("drops the jaw", "lets the jaw hang"),
    "jawForward": ("thrusts the jaw forward", "juts the jaw out"),
}
"""Unit → the ways to say it; no way is part of another's."""
HOW = (
    (0.18, ("slightly", "a touch", "faintly")),
    (0.42, ("", "moderately", "somewhat")),
    (9.9, ("strongly", "hard", "markedly")),
)
"""Up to a strength, the words for it."""
FINE = (
    "The person {list}.",
    "While talking, the speaker {list}.",
    "The face {list}.",
    "The speaker {list} as the words come.",
    "One sees how the person {list}.",
    "Throughout the clip the person {list}.",
)
STILL = ("The face is relaxed.", "No muscle of the face stands out.", "The features are at rest.")


def describe(
    emotion: str, level: int, shown: dict[str, float], rng: np.random.Generator
) -> dict[str, Any]:
    """`coarse` and `fine` phrases and the `units` with their strengths.

    Args:
        emotion: One of `types.EMOTIONS`.
        level: MEAD's intensity 1 to 3.
        shown: Units by name with strength, see `feeling.units`.
        rng: Chooses among the ways to say it.
    """
    feeling = _one(FEELINGS[emotion], rng)
    template = _one(CALM if emotion == "neutral" else COARSE, rng)
    coarse = template.format(adverb=_one(ADVERBS[level], rng), feeling=feeling)
    return {"coarse": _articles(coarse), "fine": _fine(shown, rng), "units": shown}


def units_named(text: str) -> set[str]:
    """The units that a fine phrase names."""
    return {unit for unit, ways in ACTIONS.items() if any(way in text for way in ways)}


def _fine(shown: dict[str, float], rng: np.random.Generator) -> str:
    if not shown:
        return _one(STILL, rng)
    said = []
    for unit, strength in shown.items():
        how = _one(next(words for most, words in HOW if strength <= most), rng)
        said.append(f"{_one(ACTIONS[unit], rng)} {how}".strip())
    listed = said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"
    return _one(FINE, rng).format(list=listed)


def _one(ways: tuple[str, ...], rng: np.random.Generator) -> str:
    return ways[int(rng.integers(len(ways)))]


def _articles(text: str) -> str:
    """ "a" before vowels becomes "an"; "a a little" becomes "a little"."""
    text = text.replace(" a a little", " a little").replace("A a little", "A little")
    words = text.split(" ")
    for i, word in enumerate(words[:-1]):
        if word.lower() == "a" and words[i + 1][0] in "aeiou":
            words[i] = word + "n"
    return " ".join(words)
