"""Words for clips that have none: a coarse phrase by label and strength, fine ones by what is shown.

MeadText's way (AVI-Talking, sec. 2.1.1 and 5.3.1): a coarse phrase is drawn among those of the
labelled feeling and level, fine phrases name the action units that the tracker's coefficients show.
`data prepare` writes it for MEAD, RAVDESS and clips of your own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zlib import crc32

import numpy as np

from vivavoce.listen.instruction.asked import Asked, Done, base, sides_of
from vivavoce.listen.instruction.grammar import coarse, fine
from vivavoce.listen.instruction.lexicon import ACTS, FROM_UNIT
from vivavoce.types import ARKIT, ARKIT_INDEX, EMOTIONS, Float

SETS = frozenset({"mead", "ravdess", "clips"})
"""Data sets that have no words of their own and get these."""
SHOWN = 0.12
"""Least strength of a unit that is worth a word."""
MOST = 6
"""Most units that are named."""
USUAL: Mapping[str, float] = {
    "mouthSmile": 0.05, "mouthDimple": 0.06, "mouthStretch": 0.08, "mouthPress": 0.08,
    "mouthUpperUp": 0.10, "mouthLowerDown": 0.15, "mouthShrugLower": 0.12, "jawOpen": 0.10,
    "mouthPucker": 0.12, "mouthFrown": 0.05, "eyeBlink": 0.30, "browInnerUp": 0.08,
}  # fmt: skip
"""What speech alone, and the way faces are tracked, show of a unit for half of a clip; it is taken
away before a unit is named."""


def annotate(key: str, emotion: str | None, level: int | None, expression: Float) -> dict[str, Any]:
    """`coarse` and `fine` phrases of a clip and its `units` with their strengths.

    Args:
        key: The clip's name, which draws the words: the same clip has the same ones.
        emotion: One of `types.EMOTIONS`; None: not known, and the coarse phrase is empty.
        level: MEAD's intensity 1 to 3; None is 2.
        expression: Coefficients [T, 52] of the clip's frames.
    """
    return in_words(key, emotion, level, units_shown(expression))


def in_words(
    key: str, emotion: str | None, level: int | None, units: Mapping[str, float]
) -> dict[str, Any]:
    """`annotate`, for units that are known."""
    rng = np.random.default_rng(crc32(key.encode()))
    feeling = emotion if emotion in EMOTIONS else None
    asked = Asked(feeling, level or 2, tuple(acts_of(units)))
    said = coarse(asked, rng) if asked.feeling else ""
    return {"coarse": said, "fine": fine(asked.acts, rng), "units": dict(units)}


def units_shown(expression: Float) -> dict[str, float]:
    """Units by their names without the side that last through a clip [T, 52], strongest first: the
    median of the stronger side, less what speech alone shows."""
    middle = np.median(expression, 0)
    found = {}
    for name in dict.fromkeys(map(base, ARKIT)):
        if name in FROM_UNIT:
            strength = max(middle[ARKIT_INDEX[side]] for side in sides_of(name))
            strength -= USUAL.get(name, 0.0)
            if strength >= SHOWN:
                found[name] = round(float(strength), 3)
    return dict(sorted(found.items(), key=lambda item: -item[1])[:MOST])


def acts_of(units: Mapping[str, float]) -> list[Done]:
    """The acts that name these units, each with its factor."""
    found = []
    for unit, strength in units.items():
        name = FROM_UNIT.get(unit)
        if name is not None:
            usual = ACTS[name].units[unit]
            found.append(Done(name, float(np.clip(strength / usual, 0.2, 2.5))))
    return found
