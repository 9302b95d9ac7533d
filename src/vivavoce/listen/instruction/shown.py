"""What a moving face shows, in units and in words: the way back from motion to language."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vivavoce.listen.instruction.asked import Done, base, sides_of
from vivavoce.listen.instruction.lexicon import ACTS, FROM_UNIT
from vivavoce.types import ARKIT, ARKIT_INDEX, Float

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


def units_shown(expression: Float, usual: Mapping[str, float] = USUAL) -> dict[str, float]:
    """Units by their names without the side that last through a clip [T, 52], strongest first: the
    median of the stronger side, less what is `usual`."""
    middle = np.median(expression, 0)
    found = {}
    for name in dict.fromkeys(map(base, ARKIT)):
        if name in FROM_UNIT:
            strength = max(middle[ARKIT_INDEX[side]] for side in sides_of(name))
            strength -= usual.get(name, 0.0)
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
