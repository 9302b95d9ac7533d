"""What is heard while a motion is made: its sounds, for formats that hold mouth shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from vivavoce.listen.sounds import phones_from_content
from vivavoce.listen.visemes import mouth_shapes, visemes, vrm_weights
from vivavoce.types import FPS, RATE, Cues, Float, Phone, Speech

NEAR_S = 1.0
"""Sounds further away than this change no mouth shape of the moment, in seconds."""


class Heard:
    """A note-taker that a request carries: it fills while the motion is read.

    Phones are exact where the speech knows them, which a text's does; where it does not, they are
    the likeliest sound of each video frame, as the system itself heard it.
    """

    def __init__(self, *samples: Callable[[Float], None]) -> None:
        """Each of `samples` is called with the sound [n], mono at 16 kHz, piece by piece."""
        self._samples = samples
        self.words: dict[str, str] = {}
        """Texts about the motion that were written while it was made, as `Clip.words`."""
        self._exact: list[Phone] = []
        self._guessed: list[Phone] = []
        self._frames = self._count = 0

    def pieces(self, speech: Iterable[Speech]) -> Iterator[Speech]:
        """The same pieces, with a note taken of each."""
        for piece in speech:
            start = self._count / RATE
            self._count += len(piece.samples)
            for phone in piece.phones or ():
                self._exact.append(Phone(phone.symbol, start + phone.start_s, start + phone.end_s))
            for take in self._samples:
                take(piece.samples)
            yield piece

    def cues(self, heard: Iterable[Cues]) -> Iterator[Cues]:
        """The same cues; where the speech has no phones of its own, a note is taken of them."""
        for cues in heard:
            self._note(cues.content)
            yield cues

    def phones(self) -> list[Phone]:
        """All phones so far, in order, without a gap or an overlap."""
        return sorted([*self._exact, *self._guessed], key=lambda phone: phone.start_s)

    def visemes(self) -> list[Phone]:
        """The visemes so far; see `listen.visemes`."""
        return visemes(self.phones())

    def mouth_shapes(self) -> list[Phone]:
        """Rhubarb's mouth shapes so far."""
        return mouth_shapes(self.phones())

    def vrm(self, at: np.ndarray) -> dict[str, Float]:
        """Weights [T] of VRM's mouth expressions at the times `at` [T], which ascend."""
        first, last = at[0] - NEAR_S, at[-1] + NEAR_S
        near = [p for p in self.phones() if p.end_s > first and p.start_s < last]
        return vrm_weights(visemes(near), at)

    def _note(self, content: Float) -> None:
        start, self._frames = self._frames, self._frames + len(content)
        middle = (start + np.arange(len(content)) + 0.5) / FPS
        known = np.zeros(len(content), bool)
        for phone in reversed(self._exact):
            known |= (phone.start_s <= middle) & (middle < phone.end_s)
            if phone.end_s < middle[0]:
                break
        for a, b in _stretches(~known):
            for phone in phones_from_content(content[a:b], start + a):
                self._add(phone)

    def _add(self, phone: Phone) -> None:
        before = self._guessed[-1] if self._guessed else None
        if before and before.symbol == phone.symbol and before.end_s == phone.start_s:
            self._guessed[-1] = Phone(phone.symbol, before.start_s, phone.end_s)
        else:
            self._guessed.append(phone)


def _stretches(wanted: np.ndarray) -> Iterator[tuple[int, int]]:
    """Beginning and end of every run of true values [T]."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], wanted, [False]]).astype(int)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
