"""One clip as the metrics see it: read once, tracked once, shared by all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from vivavoce.data.schema import Sample
from vivavoce.look.face478 import Fit, fit
from vivavoce.types import RATE, SAMPLES_PER_FRAME, Bytes, Float, Phone

LONGEST_S = 30.0
"""Longer clips are measured up to here."""


class NotMeasured(Exception):
    """A metric lacks something in this clip; the text says what."""


@dataclass
class View:
    """A clip with everything that can be seen in it and heard."""

    key: str
    path: Path | None = None
    sample: Sample | None = None
    about: dict[str, Any] = field(default_factory=dict)
    """Facts about the clip by name: text, emotion, phones, attributes (see `data/schema.py`)."""
    judges: dict[str, str] = field(default_factory=dict)
    """Kind → source of judges that are not the corpus ones (see `judges.load_judge`)."""
    device: str = "cpu"
    """The name of the device that the judges' networks run on."""
    points: Float | None = None
    """The tracker's points [T, 478, 3] px where the clip was tracked before, NaN where the face was
    lost; None: it is tracked when they are asked for."""

    def judge(self, kind: str) -> Any:
        """The judge of this kind that was chosen for the clip, on its device."""
        from vivavoce.measure.judges import load_judge

        return load_judge(kind, self.judges.get(kind, "corpus"), self.device)

    @cached_property
    def frames(self) -> Bytes:
        """The pictures [T, H, W, 3], RGB uint8, 25 a second."""
        if self.sample is not None and self.sample.frames is not None:
            return self.sample.frames[:]
        from vivavoce.media.read import read_video

        assert self.path is not None
        return np.stack(list(read_video(self.path, max_seconds=LONGEST_S)))

    @cached_property
    def samples(self) -> Float:
        """Sound [n] at 16 kHz.

        Raises: NotMeasured: there is none.
        """
        if self.sample is not None and self.sample.samples is not None:
            return self.sample.samples
        from vivavoce.errors import BadMedia
        from vivavoce.media.read import read_speech

        assert self.path is not None
        try:
            parts = [piece.samples for piece in read_speech(self.path)]
        except BadMedia:
            raise NotMeasured("sound") from None
        return np.concatenate(parts)[: round(LONGEST_S * RATE)]

    @cached_property
    def landmarks(self) -> Float:
        """The tracker's points [T, 478, 3] px, holes filled; a corpus sample's own are exact.

        Raises: NotMeasured: no face is seen in at least four fifths of the frames.
        """
        if self.sample is not None and "landmarks" in self.sample.tracks:
            return self.sample.tracks["landmarks"]
        from vivavoce.look.follow import filled
        from vivavoce.look.track import track_video

        if self.points is not None:
            found = [p if np.isfinite(p[0, 0]) else None for p in self.points]
        else:
            found = list(track_video(self.frames))
        seen = np.array([points is not None for points in found])
        if seen.mean() < 0.8:
            raise NotMeasured("a face that the tracker can follow")
        return filled(found, seen)

    @property
    def phones(self) -> tuple[Phone, ...]:
        """The phones that are said, with their times.

        Raises: NotMeasured: they are not known.
        """
        rows = self.told("phones")
        return tuple(Phone(str(symbol), float(a), float(b)) for symbol, a, b in rows)

    @cached_property
    def fitted(self) -> Fit:
        """Shape, expression and pose by `face478`."""
        return fit(self.landmarks)

    @cached_property
    def pose_deg(self) -> Float:
        """Yaw, pitch, roll [T, 3] in degrees, by the head judge."""
        count = min(len(self.frames), len(self.landmarks))
        return np.asarray(self.judge("head").angles(self.frames[:count], self.landmarks[:count]))

    @cached_property
    def sync(self) -> Float:
        """Mean distance of lips and sound at each offset -15..15 frames [31], by the sync judge.

        Raises: NotMeasured: the clip is shorter than 35 frames.
        """
        count = min(len(self.landmarks), len(self.samples) // SAMPLES_PER_FRAME)
        rows = self.judge("sync").distances(
            self.landmarks[:count], self.samples[: count * SAMPLES_PER_FRAME], self.frames[:count]
        )
        if not len(rows):
            raise NotMeasured("at least 35 frames")
        return np.asarray(rows.mean(0), np.float32)

    @cached_property
    def face_embedding(self) -> Float:
        """Mean unit vector of identity, by the face judge."""
        return self._unit(self.seen_by("face", "embedding").mean(0))

    @cached_property
    def voice_embedding(self) -> Float:
        """Unit vector of the speaker, by the voice judge."""
        return np.asarray(self.judge("voice").embedding(self.samples))

    @cached_property
    def heard_words(self) -> str:
        """The words that are heard in the sound, by the words judge."""
        return str(self.judge("words").text(self.samples))

    def seen_by(self, kind: str, what: str) -> Any:
        """An answer of a judge of pictures about up to 25 frames, evenly spread.

        Raises: NotMeasured: this judge does not tell that.
        """
        judge = self.judge(kind)
        if not hasattr(judge, what):
            raise NotMeasured(f"a judge of kind {kind} that gives {what}; {judge.name} does not")
        count = min(len(self.frames), len(self.landmarks))
        chosen = np.unique(np.linspace(0, count - 1, min(count, 25)).astype(int))
        return getattr(judge, what)(self.frames[chosen], self.landmarks[chosen])

    def told(self, what: str) -> Any:
        """Something that must be known of the clip.

        Raises: NotMeasured: it is not.
        """
        value = self.about.get(what, self.about.get("attributes", {}).get(what))
        if value is None:
            raise NotMeasured(what)
        return value

    @staticmethod
    def _unit(vector: Float) -> Float:
        return np.asarray(vector / (np.linalg.norm(vector) + 1e-9), np.float32)


def paired(a: Bytes, b: Bytes) -> tuple[Bytes, Bytes]:
    """Frames of equal index and size: the shorter length, the second's size."""
    import cv2

    count = min(len(a), len(b))
    a, b = a[:count], b[:count]
    if a.shape[1:] != b.shape[1:]:
        size = b.shape[2], b.shape[1]
        scaled = [cv2.resize(f, size, interpolation=cv2.INTER_AREA) for f in a]
        a = np.stack(scaled).astype(np.uint8)
    return a, b
