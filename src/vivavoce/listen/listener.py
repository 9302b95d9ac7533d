"""Speech → cues: what is said and how, a row a video frame, with the sound that belongs to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

import numpy as np

from vivavoce.listen.content import ContentModel, ContentStream
from vivavoce.listen.prosody import ProsodyStream
from vivavoce.listen.sounds import CLASSES, SILENCE, add_span, spans
from vivavoce.types import (
    HOP,
    MELS_PER_FRAME,
    RATE,
    SAMPLES_PER_FRAME,
    Cues,
    Emotion,
    Float,
    Phone,
    Speech,
)

FIRST_CHUNK = 5
"""Frames of the first chunk: short, so that the first picture comes soon."""
CHUNK = 10
"""Frames of every other chunk: 0.4 s."""


class Listener:
    """Listener that hears speech piece by piece and tells what the lips must do.

    Exact phones are believed where the speech has them; otherwise the network listens. Frame i of
    the clip covers samples [640 i, 640 i + 640) of the whole sound, whatever the pieces' lengths,
    so nothing drifts; a last part of a frame is filled up with silence. Memory does not grow.
    """

    def __init__(self, model: ContentModel | None = None) -> None:
        """Build a listener with the content network `model`; None: the one that ships, loaded when
        it is needed first."""
        self._model = model

    def __call__(
        self, speech: Iterable[Speech], emotion: Emotion | None = None
    ) -> Iterator[tuple[Cues, Float]]:
        """Chunks of (cues of T frames, their sound [T * 640]); T is 5, then 10, the rest last."""
        hearing = _Hearing(self._model)
        size = FIRST_CHUNK
        for piece in speech:
            for part in _parts(piece):
                hearing.add(part)
                while hearing.ready >= size:
                    yield hearing.take(size, emotion or Emotion())
                    size = CHUNK
        hearing.finish()
        while hearing.ready:
            yield hearing.take(min(size, hearing.ready), emotion or Emotion())
            size = CHUNK


@cache
def shipped_model() -> ContentModel:
    """The content network that ships, loaded once a process."""
    return ContentModel.load()


def _parts(piece: Speech) -> Iterator[Speech]:
    """A piece without phones in parts of a second, so that a long recording streams too."""
    if piece.phones is not None or len(piece.samples) <= RATE:
        yield piece
        return
    for start in range(0, len(piece.samples), RATE):
        yield Speech(piece.samples[start : start + RATE])


class _Hearing:
    """Cues that have been heard and not been taken yet; `start` is the first such frame of the
    clip."""

    def __init__(self, model: ContentModel | None) -> None:
        self._given_model = model
        self._stream: ContentStream | None = None
        self._prosody_stream = ProsodyStream()
        self._samples = np.zeros(0, np.float32)
        self._prosody = np.zeros((0, 3), np.float32)
        self._content = np.zeros((0, len(CLASSES)), np.float64)  # filled share of each class
        self._start = 0  # frames taken
        self._total = 0  # samples heard
        self._known = 0.0  # samples up to which the content is complete
        self._rows_at = 0.0  # sample where the next row of the network belongs

    @property
    def ready(self) -> int:
        """Number of frames whose content and prosody are complete."""
        return min(int(self._known // SAMPLES_PER_FRAME) - self._start, len(self._prosody))

    def add(self, piece: Speech) -> None:
        """Hear one more piece of speech."""
        begin = self._total
        self._total += len(piece.samples)
        self._samples = np.concatenate([self._samples, piece.samples])
        rows = self._prosody_stream.push(piece.samples)
        self._prosody = np.concatenate([self._prosody, rows])
        if piece.phones is not None:
            self._end_network()
            self._add_phones(piece.phones, begin)
            self._known = self._total
        else:
            self._add_rows(self._network(begin).push(piece.samples))

    def finish(self) -> None:
        """Nothing more will come: complete the last frame with silence."""
        self._end_network()
        self._prosody = np.concatenate([self._prosody, self._prosody_stream.finish()])
        frames = -(-self._total // SAMPLES_PER_FRAME)
        missing = (frames - self._start) * SAMPLES_PER_FRAME - len(self._samples)
        self._samples = np.concatenate([self._samples, np.zeros(missing, np.float32)])
        self._known = frames * SAMPLES_PER_FRAME

    def take(self, count: int, emotion: Emotion) -> tuple[Cues, Float]:
        """The first `count` frames, which are forgotten here."""
        self._reach(count)
        content = self._content[:count]
        content[:, SILENCE] += np.maximum(1 - content.sum(1), 0)
        content = (content / content.sum(1, keepdims=True)).astype(np.float32)
        cues = Cues(content, self._prosody[:count], emotion)
        samples = self._samples[: count * SAMPLES_PER_FRAME]
        self._content, self._prosody = self._content[count:], self._prosody[count:]
        self._samples = self._samples[count * SAMPLES_PER_FRAME :]
        self._start += count
        return cues, samples

    def _network(self, begin: int) -> ContentStream:
        """The network's stream, opened at sample `begin` if there is none."""
        if self._stream is None:
            self._stream = ContentStream(self._given_model or shipped_model())
            self._rows_at = begin
        return self._stream

    def _end_network(self) -> None:
        if self._stream is not None:
            self._add_rows(self._stream.finish())
            self._stream = None
            self._known = self._total

    def _add_phones(self, phones: tuple[Phone, ...], begin: int) -> None:
        for start, end, index in spans(phones):
            first = self._frame(begin + start * RATE)
            last = self._frame(begin + end * RATE)
            self._reach(int(last) + 1)
            add_span(self._content, first, last, index)

    def _add_rows(self, rows: Float) -> None:
        """Add the network's rows: each fills a quarter of a frame, or two parts of two frames."""
        self._reach(int(self._frame(self._rows_at + len(rows) * HOP)) + 1)
        for row in rows:
            start = self._frame(self._rows_at)
            frame, share = int(start), 1 / MELS_PER_FRAME
            inside = min(share, frame + 1 - start)
            self._content[frame] += row * inside
            if inside < share:
                self._content[frame + 1] += row * (share - inside)
            self._rows_at += HOP
        self._known = max(self._known, self._rows_at)

    def _frame(self, sample: float) -> float:
        """Where a sample of the clip lies, in frames from the first that is not taken."""
        return sample / SAMPLES_PER_FRAME - self._start

    def _reach(self, count: int) -> None:
        """Make room for `count` frames of content."""
        missing = count - len(self._content)
        if missing > 0:
            empty = np.zeros((missing, len(CLASSES)), np.float64)
            self._content = np.concatenate([self._content, empty])
