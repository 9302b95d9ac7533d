"""One clip of the corpus: a person says a line, and everything that is known of it is kept."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from vivavoce.data.corpus.draw import Drawn, Painter
from vivavoce.data.corpus.perform import Performance, perform
from vivavoce.data.corpus.person import Person
from vivavoce.data.corpus.script import Line, Take
from vivavoce.data.schema import Pictures, Sample
from vivavoce.look.boxes import face_box, mouth_box
from vivavoce.media.clock import Clock
from vivavoce.types import Bytes, Chunk, Float, Motion

SET = "corpus"
CROP = "portrait"
"""Crop rule that a corpus picture follows: the whole picture, head and shoulders."""
LICENCE = "CC0-1.0"
"""Licence of the corpus: nobody in it exists, and every word of it was written for it."""


@dataclass(frozen=True)
class Studio:
    """A person in front of the camera."""

    person: Person
    """The person who is filmed."""
    painter: Painter
    """Painter of this person's pictures, built once for all clips."""
    split: str
    """Split that all clips of the person belong to: "train", "val" or "test"."""
    seed: int
    """Seed of the corpus, which the video's metadata names."""
    layers: bool
    """Whether masks and depth are kept."""
    clock: Clock
    """Clock that adds up the time of each stage of the work."""
    video: bool = True
    """Whether each clip is kept as an MP4 too, for people; that needs PyAV."""

    def film(self, line: Line, take: Take) -> Sample:
        """The clip in which the person says `line`, as `take` has it."""
        with self.clock("move"):
            acted = perform(
                self.person, take.speech, line.look, self.person.rng("move", line.number)
            )
        with self.clock("draw"):
            drawn = [self._draw(acted.motion, i) for i in range(len(acted.motion))]
        frames = np.stack([d.picture for d in drawn])
        with self.clock("pictures"):
            pictures = Pictures.encode(frames)
        with self.clock("layers"):
            masks = Pictures.encode(d.labels for d in drawn) if self.layers else None
            depth = Pictures.encode(d.depth for d in drawn) if self.layers else None
        with self.clock("video"):
            video = to_mp4(frames, take.speech.samples, self.seed) if self.video else None
        tracks = self._tracks(acted, np.stack([d.landmarks for d in drawn]))
        about = self._about(line, take, frames)
        key = f"{self.person.name}_{line.name}"
        return Sample(key, about, take.speech.samples, pictures, tracks, masks, depth, video)

    def _draw(self, motion: Motion, i: int) -> Drawn:
        return self.painter.frame(motion.expression[i], motion.pose[i], motion.gaze[i])

    def _tracks(self, acted: Performance, landmarks: Float) -> dict[str, np.ndarray]:
        return {
            "landmarks": landmarks.astype(np.float32),
            "expression": acted.motion.expression,
            "identity": self.person.looks.identity.astype(np.float32),
            "pose": acted.motion.pose,
            "pose_modes": acted.pose_modes,
            "rhythm": acted.rhythm,
            "gaze": acted.motion.gaze,
            "mouth_box": mouth_box(landmarks),
            "face_box": face_box(landmarks),
            "seen": np.ones(len(landmarks), bool),
        }

    def _about(self, line: Line, take: Take, frames: Bytes) -> dict[str, Any]:
        return {
            "set": SET,
            "split": self.split,
            "person": self.person.name,
            "clip": line.name,
            "frames": len(frames),
            "size": frames.shape[1],
            "crop": CROP,
            "licence": LICENCE,
            "text": line.text,
            "words": [[word, round(a, 4), round(b, 4)] for word, a, b in take.words],
            "phones": [
                [p.symbol, round(p.start_s, 4), round(p.end_s, 4)] for p in take.speech.phones or ()
            ],
            "emotion": line.feeling.name,
            "intensity": line.level,
            "instruction": line.instruction,
            "attributes": attributes(self.person),
            "sentence_split": line.split,
        }


def attributes(person: Person) -> dict[str, Any]:
    """All of a person in one flat dictionary, but the face's shape, which is a track."""
    flat: dict[str, Any] = {}
    for part in (person, person.looks, person.voice):
        for field in dataclasses.fields(part):
            value = getattr(part, field.name)
            if isinstance(value, tuple):
                flat[field.name] = [round(float(v), 5) for v in value]
            elif isinstance(value, float):
                flat[field.name] = round(value, 5)
            elif isinstance(value, str | int):
                flat[field.name] = value
    return flat


def to_mp4(frames: Bytes, samples: Float, seed: int) -> bytes:
    """The clip for people, the same bytes on any number of cores."""
    from vivavoce.media.provenance import Provenance
    from vivavoce.media.write import VideoWriter

    with TemporaryDirectory(prefix="vivavoce-") as folder:
        path = Path(folder) / "clip.mp4"
        size = frames.shape[2], frames.shape[1]
        with VideoWriter(path, size, Provenance("corpus", seed), threads=1, marked=False) as video:
            video.add(Chunk(frames, samples))
        return path.read_bytes()
