"""Words for clips that have none: coarse phrases by label and strength, fine ones by units.

MeadText's way (AVI-Talking, sec. 2.1.1 and 5.3.1): a coarse phrase is drawn among those of the
labelled feeling and level, fine phrases name the action units that the tracker's coefficients show.
`data prepare` writes it for MEAD, RAVDESS and clips of your own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zlib import crc32

import numpy as np

from vivavoce.listen.instruction.asked import Asked
from vivavoce.listen.instruction.grammar import coarse, fine
from vivavoce.listen.instruction.shown import acts_of, units_shown
from vivavoce.types import EMOTIONS, Float

SETS = frozenset({"mead", "ravdess", "clips"})
"""Data sets that have no words of their own and get these."""


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
