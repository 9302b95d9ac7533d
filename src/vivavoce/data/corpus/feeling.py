"""A feeling as one person shows it in one clip: some units of its expression, more or less strong.

The units are those of `move/emotion.py` (EMFACS). A clip leaves some of them out and shows others
stronger or weaker, sometimes on one side, so that a description of the face says more than the name
of the feeling does.
"""

from __future__ import annotations

import numpy as np

from vivavoce.move.emotion import look_of
from vivavoce.types import ARKIT, Emotion, Float

LEFT_OUT = 0.18
"""Share of a feeling's units that a clip does not show."""
STRENGTH = (0.65, 1.25)
"""Lowest and highest factor that is drawn for the strength of each unit."""
ONE_SIDED = 0.15
"""Share of the units of two sides that are stronger on one."""
SHOWN = 0.05
"""A unit weaker than this is not worth a word."""


def draw_look(feeling: Emotion, rng: np.random.Generator) -> Float:
    """The row of `move.emotion.look_of` as this clip shows it [59]."""
    row = look_of(feeling)
    for first, second in _pairs():
        if row[first] <= 0:
            continue
        much = 0.0 if rng.random() < LEFT_OUT else rng.uniform(*STRENGTH)
        row[first] *= much
        if second is not None:
            row[second] *= much
            if rng.random() < ONE_SIDED:
                row[(first, second)[int(rng.integers(2))]] *= 0.45
    row[: len(ARKIT)] = np.clip(row[: len(ARKIT)], 0, 1)
    return row


def units(row: Float) -> dict[str, float]:
    """The units that a row of coefficients shows, by their names without the side, strongest first:
    the stronger side's strength. "jawOpen" and the like have no sides."""
    found: dict[str, float] = {}
    for first, second in _pairs():
        value = max(row[first], row[second] if second is not None else 0.0)
        if value >= SHOWN:
            found[base(ARKIT[first])] = round(float(value), 3)
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def base(name: str) -> str:
    """A coefficient's name without its side."""
    if name in ("jawLeft", "jawRight", "mouthLeft", "mouthRight"):
        return name
    return name.removesuffix("Left").removesuffix("Right")


def _pairs() -> list[tuple[int, int | None]]:
    """Coefficients that belong together: left with right, others alone."""
    names = {name: i for i, name in enumerate(ARKIT)}
    pairs: list[tuple[int, int | None]] = []
    for name, i in names.items():
        if base(name) == name:
            pairs.append((i, None))
        elif name.endswith("Left"):
            pairs.append((i, names.get(base(name) + "Right")))
    return pairs
