"""What every system is towards people: made once from a checkpoint, asked for many clips."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np

from vivavoce.errors import RequestError
from vivavoce.look import look
from vivavoce.media.read import read_picture
from vivavoce.speak.voices import DEFAULT_VOICE
from vivavoce.systems.clock import Clock
from vivavoce.systems.spoken import Speechlike, spoken
from vivavoce.types import Bytes, Emotion, Face, Speech

SMALLEST, LARGEST = 64, 2160
"""Bounds of the sizes that can be asked for."""

Portraitlike = str | Path | Bytes | Face


class Talker:
    """A system; its `__call__` makes a clip of a portrait."""

    name: ClassVar[str]
    SPEAKS: ClassVar[bool] = False
    """Whether it speaks a text itself, and follows no recordings."""
    OPTIONS: ClassVar[frozenset[str]] = frozenset()
    """What can be asked of it beside what every system takes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = Clock()
        """Seconds by stage, of everything done since loading."""

    def look(self, portrait: Portraitlike, face: int | None = None) -> Face:
        """Find and measure the person; do it once to make many clips of one picture."""
        if isinstance(portrait, Face):
            return portrait
        if isinstance(portrait, np.ndarray):
            return look(portrait, face)
        return look(read_picture(portrait), face, str(portrait))


class Follower(Talker):
    """A system that follows speech: a recording, or a text that a voice says."""

    def speech(
        self,
        text: str | None,
        speech: Speechlike | None,
        voice: str = DEFAULT_VOICE,
        emotion: str | Emotion = "neutral",
    ) -> tuple[Iterator[Speech], float | None]:
        """The sound as pieces, and its length in seconds where that is known beforehand."""
        return spoken(text, speech, voice, emotion, self.clock)


def check_size(size: int | None) -> None:
    """Raises: RequestError: no video can be of that size."""
    if size is not None and not SMALLEST <= size <= LARGEST:
        raise RequestError(f"The size must be {SMALLEST} to {LARGEST} pixels, not {size}.")
