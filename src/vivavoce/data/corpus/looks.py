"""All that a person wears and grows, and what is behind them."""

from __future__ import annotations

import numpy as np

from vivavoce.data.corpus.head import Head
from vivavoce.data.corpus.person import Person
from vivavoce.data.corpus.scene import Part
from vivavoce.types import Bytes


def parts_of(person: Person, head: Head) -> list[Part]:
    """Every part of a person besides the head itself; see-through ones last."""
    return []


def backdrop(person: Person, size: int) -> Bytes:
    """What is behind a person, RGB [size, size, 3]."""
    colour = np.array(person.looks.backdrop_colour) * 255
    shade = np.linspace(1.1, 0.8, size)[:, None, None]
    return np.broadcast_to(np.clip(colour * shade, 0, 255), (size, size, 3)).astype(np.uint8)
