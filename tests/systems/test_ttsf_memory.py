"""TTSF's memory does not grow with the length of the text."""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from held import held
from small_ttsf import write_small

from vivavoce.look import look
from vivavoce.media.read import read_picture
from vivavoce.speak.text import Piece
from vivavoce.systems.ttsf.talker import RENDERED, Sentence, Ttsf
from vivavoce.types import Face

SENTENCE = "The harbour lies quiet. "


@pytest.fixture(scope="module")
def person(astronaut: Path) -> Face:
    return look(read_picture(astronaut))


class Counted(Ttsf):
    """Counts the sentences that it has spoken."""

    spoken = 0

    def _speak(self, piece: Piece, *told: object) -> Sentence:
        self.spoken += 1
        return super()._speak(piece, *told)  # type: ignore[arg-type]


@pytest.fixture
def system(tmp_path: Path) -> Counted:
    return Counted.load(write_small(tmp_path / "small"))


def alive_after(system: Counted, person: Face, sentences: int) -> Iterator[int]:
    """Bytes alive whenever a sentence begins."""
    begun = system.spoken = 0
    for chunk in system(person, SENTENCE * sentences, size=64, steps=1):
        del chunk
        if system.spoken > begun:
            begun = system.spoken
            gc.collect()
            yield held()


def test_a_longer_text_takes_no_more_memory(system: Counted, person: Face) -> None:
    tracemalloc.start()
    try:
        found = list(alive_after(system, person, 6))
    finally:
        tracemalloc.stop()
    assert len(found) == 6
    # Of each sentence the pictures are 600 kB, sound and features 200 kB.
    assert max(found[2:]) - found[1] < 40_000


def test_sentences_are_spoken_when_their_turn_comes(system: Counted, person: Face) -> None:
    """When a sentence is seen, no later one was spoken; nobody keeps the frames."""
    frames: list[weakref.ref[np.ndarray]] = []
    alive, shown, firsts = 0, 0, {}
    for chunk in system(person, SENTENCE * 6, size=64, steps=1):
        frames.append(weakref.ref(chunk.frames))
        firsts.setdefault(system.spoken, shown)
        shown += len(chunk.frames)
        assert len(chunk.frames) <= RENDERED
        alive = max(alive, sum(ref() is not None for ref in frames))
    assert list(firsts) == [1, 2, 3, 4, 5, 6]
    assert list(firsts.values()) == [n * shown // 6 for n in range(6)]
    assert alive <= 3
