"""A contact sheet of corpus people: what a seed looks like before anything is made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from vivavoce.data.corpus.carriage import HeadHabits
from vivavoce.data.corpus.draw import Painter
from vivavoce.data.corpus.people import draw_person
from vivavoce.data.corpus.perform import relaxed_close
from vivavoce.errors import RequestError
from vivavoce.media.files import beside, check_output, writing
from vivavoce.move.emotion import look_of
from vivavoce.types import ARKIT, ARKIT_INDEX, EMOTIONS, Bytes, Emotion

SIZES = (64, 512)
"""Least and most side of a portrait."""


def people_sheet(
    out: Path, people: int = 64, seed: int = 0, size: int = 192, force: bool = False
) -> Path:
    """Draw `people` portraits in rows as wide as the sheet is high, each with some feeling.

    Raises: RequestError: a number out of range. OutputRefused, CannotWrite: see `check_output`.
    """
    if people < 1:
        raise RequestError(f"--people is a number from 1, not {people}.")
    if not SIZES[0] <= size <= SIZES[1]:
        raise RequestError(f"--size is a number from {SIZES[0]} to {SIZES[1]}, not {size}.")
    target = check_output(out, force, (".png",))
    columns = int(np.ceil(np.sqrt(people)))
    rows = -(-people // columns)
    sheet = np.full((rows * size, columns * size, 3), 250, np.uint8)
    for index in range(people):
        top, left = index // columns * size, index % columns * size
        sheet[top : top + size, left : left + size] = portrait(seed, index, size)
    with beside(target, force) as part, writing(target):
        Image.fromarray(sheet).save(part, "PNG")
    return out


def portrait(seed: int, index: int, size: int) -> Bytes:
    """One person in the resting pose [size, size, 3], with a mild feeling."""
    person = draw_person(seed, index)
    feeling = Emotion(EMOTIONS[index % len(EMOTIONS)], 0.5)
    expression = look_of(feeling)[: len(ARKIT)]
    expression[ARKIT_INDEX["mouthClose"]] += relaxed_close(person)
    pose, gaze = HeadHabits.of(person).rest, np.zeros(2, np.float32)
    return np.asarray(Painter(person, size).frame(expression, pose, gaze).picture)
