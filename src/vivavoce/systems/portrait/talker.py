"""portrait: a picture and words, or speech, become a video; the default that works everywhere.

    text ──speak──▶ Speech ──listen──▶ Cues ──move──▶ Motion ──render──▶ frames
    picture ──look──▶ Face ─────────────────────────────┴──────────────────┘

The photograph keeps its own pixels: it is warped, not imagined again, and a small learned network
repairs what a warp cannot show. Every stage is a generator, so memory does not grow with length.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from vivavoce.listen.content import ContentModel
from vivavoce.listen.listener import Listener
from vivavoce.look import face478
from vivavoce.media.clip import Clip
from vivavoce.media.provenance import Provenance
from vivavoce.move import PortraitMover, load_mover
from vivavoce.nn.threads import one_threaded
from vivavoce.render.repair import RepairNet
from vivavoce.render.warp import Renderer
from vivavoce.speak.voices import DEFAULT_VOICE
from vivavoce.systems.spoken import Speechlike
from vivavoce.systems.talker import Follower, Portraitlike, check_size
from vivavoce.types import (
    SAMPLES_PER_FRAME,
    Chunk,
    Cues,
    Emotion,
    Face,
    Float,
    Motion,
    Speech,
)

SIZE = 512
"""Side of the square video in pixels unless another is asked for."""
RENDERED = 5
"""Frames that are rendered at once."""


class Portrait(Follower):
    """The system; made once, used for many clips."""

    name = "portrait"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.model = face478.load()
        self.repair = RepairNet.load(folder / "repair.safetensors")
        self.listener = Listener(ContentModel.load(folder / "content.safetensors"))
        self.mover: PortraitMover = load_mover(folder)

    def __call__(
        self,
        portrait: Portraitlike,
        text: str | None = None,
        speech: Speechlike | None = None,
        *,
        voice: str = DEFAULT_VOICE,
        emotion: str | Emotion = "neutral",
        seed: int = 0,
        size: int | None = SIZE,
        still: bool = False,
        face: int | None = None,
    ) -> Clip:
        """The person in `portrait` says `text`, or what is heard in `speech`.

        Args:
            portrait: A picture file, RGB uint8 [H, W, 3], or a `Face` from `self.look`.
            text: What to say; spoken by `voice`.
            speech: A sound or video file, or `Speech`; instead of text.
            voice: A name that `vivavoce voices` lists, or a piper voice file.
            emotion: "happy" or "happy:0.7"; the eight of `types.EMOTIONS`.
            seed: Draws head movement, blinks and gaze; the same seed gives the same clip.
            size: Side of a square video around the head in pixels; None: the whole picture.
            still: Keep the head still.
            face: Which face, from 1, the largest first.

        Raises: NoFace, BadMedia, UnknownName, RequestError: see their messages.
        """
        check_size(size)
        said, seconds = self.speech(text, speech, voice, emotion)
        with self.clock("look"):
            person = self.look(portrait, face)
            renderer = Renderer(person, self.model, size, self.repair)
        chunks = self._chunks(renderer, person, said, Emotion.parse(emotion), seed, still)
        made_by = Provenance(self.folder.name, seed)
        return Clip(one_threaded(chunks), renderer.size, made_by, seconds)

    def motion(
        self,
        text: str | None = None,
        speech: Speechlike | None = None,
        *,
        voice: str = DEFAULT_VOICE,
        emotion: str | Emotion = "neutral",
        seed: int = 0,
        still: bool = False,
    ) -> Iterator[Motion]:
        """How a face moves with this text or speech, without a picture: for 3D and for study."""
        said, _ = self.speech(text, speech, voice, emotion)
        cues = (cue for cue, _ in self._listen(said, Emotion.parse(emotion)))
        return one_threaded(self._move(cues, None, seed, still))

    def _listen(self, spoken: Iterable[Speech], emotion: Emotion) -> Iterator[tuple[Cues, Float]]:
        return self.clock.watch("listen", self.listener(spoken, emotion))

    def _move(
        self, cues: Iterable[Cues], face: Face | None, seed: int, still: bool
    ) -> Iterator[Motion]:
        rng = np.random.default_rng(seed)
        return self.clock.watch("move", self.mover(cues, face, rng, still=still))

    def _chunks(
        self,
        renderer: Renderer,
        face: Face,
        spoken: Iterable[Speech],
        emotion: Emotion,
        seed: int,
        still: bool,
    ) -> Iterator[Chunk]:
        sound = SoundQueue()
        cues = sound.keep(self._listen(spoken, emotion))  # 1. what is said, and how
        moves = self._move(cues, face, seed, still)  # 2. how the face moves
        for motion in short(moves):
            with self.clock("render"):
                frames = renderer.render(motion)  # 3. what is seen
            yield Chunk(frames, sound.take(len(motion)))


def short(motions: Iterable[Motion]) -> Iterator[Motion]:
    """The same frames in pieces of at most `RENDERED`, the first one alone: it is waited for."""
    most = 1
    for motion in motions:
        start = 0
        while start < len(motion):
            yield motion[start : start + most]
            start, most = start + most, RENDERED


class SoundQueue:
    """Keeps the sound while the movers think, so that each frame gets its own 640 samples."""

    def __init__(self) -> None:
        self._waiting: deque[Float] = deque()

    def keep(self, heard: Iterable[tuple[Cues, Float]]) -> Iterator[Cues]:
        """The cues alone; their samples are kept."""
        for cues, samples in heard:
            self._waiting.append(samples)
            yield cues

    def take(self, frames: int) -> Float:
        """The next `frames` * 640 samples."""
        wanted, parts = frames * SAMPLES_PER_FRAME, []
        while wanted:
            part = self._waiting.popleft()
            parts.append(part[:wanted])
            if len(part) > wanted:
                self._waiting.appendleft(part[wanted:])
            wanted -= len(parts[-1])
        return np.concatenate(parts)
