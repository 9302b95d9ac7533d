"""Looks drawn anew: what is asked of a face, and a neutral clip that shows it.

A set shows only what its labels name. So that a style can hold any act, and an instruction any
words, neutral clips are shown with feelings and acts of all kinds laid over their lips, as the open
corpus lays a feeling over them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vivavoce.data.corpus.feeling import draw_look, units
from vivavoce.data.corpus.perform import course
from vivavoce.data.corpus.script import draw_feeling
from vivavoce.listen.instruction.asked import Asked, Done
from vivavoce.listen.instruction.grammar import Manner, write
from vivavoce.listen.instruction.lexicon import ACTS
from vivavoce.listen.instruction.shown import acts_of
from vivavoce.move.emotion import felt, look_of
from vivavoce.types import ARKIT, EMOTIONS, Emotion, Float

FACTORS = (0.45, 1.0, 1.0, 1.7)
"""Factors on acts, as often as they are drawn."""
MANNERS: tuple[Manner, ...] = ("caption", "caption", "command", "scrap")
"""Kinds of sentences, as often as they are drawn."""
_EXTRA = len(ARKIT) + 2  # in a row of `look_of`: yaw, pitch, roll, gaze yaw and pitch from here


@dataclass(frozen=True)
class Wanted:
    """What one sample asks for, in three forms."""

    asked: Asked
    """In acts."""
    row: Float
    """As a row of `move.emotion.look_of` [59]."""
    text: str
    """In words."""

    @property
    def numbers(self) -> Float:
        """What the own text encoder learns to read [9 + 57]: the feeling, one of eight, its
        strength, and what all of it does to face, head and gaze."""
        feeling = np.zeros(len(EMOTIONS) + 1, np.float32)
        if self.asked.feeling is not None:
            feeling[EMOTIONS.index(self.asked.feeling)] = 1
            feeling[-1] = self.asked.level / 3
        face = self.row[: len(ARKIT)]
        return np.concatenate([feeling, face, 3 * self.row[_EXTRA:]]).astype(np.float32)


def draw_wanted(rng: np.random.Generator) -> Wanted:
    """A feeling, as people show it; acts of any kind; or both."""
    kind = rng.random()
    manner = MANNERS[int(rng.integers(len(MANNERS)))]
    if kind < 0.35:  # MeadText's: a feeling, and the units that this clip shows of it
        return felt_and_shown(rng)
    if kind < 0.5:  # a feeling alone
        feeling, level = draw_feeling(rng)
        asked = Asked(feeling.name, level)
        return Wanted(asked, look_of(feeling), write(asked, rng, manner))
    acts = _draw_acts(rng, int(rng.integers(1, 4)))
    asked = Asked(None, 2, acts)
    if kind < 0.65:
        feeling, level = draw_feeling(rng)
        asked = Asked(feeling.name, level, acts[:2])
    return Wanted(asked, row_of(asked), write(asked, rng, manner))


def felt_and_shown(rng: np.random.Generator) -> Wanted:
    """A feeling, with the units that one person shows of it."""
    feeling, level = draw_feeling(rng)
    row = draw_look(feeling, rng)
    asked = Asked(feeling.name, level, tuple(acts_of(units(row))))
    return Wanted(asked, row, write(asked, rng, "caption"))


def row_of(asked: Asked) -> Float:
    """The row [59] that shows what is asked: the feeling's usual look, and the acts over it."""
    name = asked.feeling or "neutral"
    row = look_of(Emotion(name, asked.level / 3))
    own = asked.row()
    row[: len(ARKIT)] = np.maximum(row[: len(ARKIT)], own[: len(ARKIT)])
    row[_EXTRA:] += own[len(ARKIT) :]
    return row


def shown(motion: Float, closed: Float, row: Float, rng: np.random.Generator) -> Float:
    """A neutral clip's motion [T, 57] with the look of `row` [59] laid over it."""
    frames = len(motion)
    rows = np.repeat(row[None], frames, 0)
    rows[:, : len(ARKIT)] *= course(frames, rng)[:, None]
    face = np.clip(felt(motion[:, : len(ARKIT)], closed, rows), 0, 1)
    held = np.repeat(row[None, _EXTRA:], frames, 0)
    return np.concatenate([face, held], 1).astype(np.float32)


def _draw_acts(rng: np.random.Generator, count: int) -> tuple[Done, ...]:
    names, found = list(ACTS), []
    for number in rng.choice(len(names), count, replace=False):
        name = names[int(number)]
        side = str(rng.choice(["", "", "Left", "Right"])) if ACTS[name].sided else ""
        found.append(Done(name, FACTORS[int(rng.integers(len(FACTORS)))], side))
    return tuple(found)
