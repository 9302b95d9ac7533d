"""portrait, as people call it: every stage is a generator, so memory does not grow with length."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from vivavoce.errors import RequestError
from vivavoce.listen.content import ContentModel
from vivavoce.listen.listener import Listener
from vivavoce.look import face478
from vivavoce.look.cutout import cut_out
from vivavoce.media.clip import Clip
from vivavoce.media.clock import Clock
from vivavoce.move import PortraitMover, load_mover
from vivavoce.move.rate import at_rate
from vivavoce.nn.devices import pick
from vivavoce.nn.threads import one_threaded
from vivavoce.render.background import Background
from vivavoce.render.repair import RepairNet
from vivavoce.render.warp import Renderer
from vivavoce.systems.portrait.dub import dub, film_size, is_film, seen_at, tracked
from vivavoce.systems.talker import About, NoOptions, Request, Talker, spoken
from vivavoce.types import (
    FPS,
    RATE,
    Bytes,
    Chunk,
    Cues,
    Float,
    Motion,
    Speech,
)

RENDERED = 8
"""Frames that are rendered at once."""


class Portrait(Talker[NoOptions]):
    """The default system; loaded once, used for many clips."""

    name = "portrait"
    needs = (frozenset({"portrait"}), frozenset({"text", "speech"}))
    takes = frozenset({"voice", "emotion", "rate", "still", "lively", "fps", "background"})
    gives = frozenset({"pictures", "motion"})
    space = "arkit52"

    def __init__(
        self, about: About, repair: RepairNet, content: ContentModel, mover: PortraitMover
    ) -> None:
        """With its networks: what repairs pictures, what hears sounds, what moves the face."""
        super().__init__(about)
        self.model = face478.load()
        self.repair, self.listener, self.mover = repair, Listener(content), mover

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> Portrait:
        """The system with the checkpoint in `folder`; see `Talker.load`.

        The network that repairs pictures runs on `device`. Those that hear and move give a few
        numbers a frame, which a GPU would only slow down: they stay on the CPU.
        """
        return cls(
            About.read(folder),
            RepairNet.load(folder / "repair.safetensors").to(pick(device)),
            ContentModel.load(folder / "content.safetensors"),
            load_mover(folder),
        )

    def make(self, request: Request, options: NoOptions, clock: Clock) -> Clip:
        """The portrait, warped frame by frame to the motion that fits what is said; of a talking
        video the mouth alone."""
        if is_film(request.portrait):
            return self._dubbed(Path(request.portrait), request, clock)  # type: ignore[arg-type]
        with clock("look"):
            assert request.portrait is not None
            person = self.look(request.portrait, request.face)
            if request.background is not None:
                person = cut_out(person)
            renderer = Renderer(person, self.model, request.size, self.repair)
        said = spoken(request, clock, person)

        def show(motion: Motion) -> tuple[Bytes, Bytes | None]:
            return _rendered(renderer, motion, request.background)

        chunks = self._chunks(show, said.pieces, request, clock)
        made_by = replace(self.provenance(request), voice=said.voice)
        clip = Clip(
            one_threaded(chunks), renderer.size, made_by, said.seconds, clock, said.words,
            request.fps,
        )  # fmt: skip
        clip.transparent = request.background is not None and request.background.picture is None
        return clip

    def _dubbed(self, film: Path, request: Request, clock: Clock) -> Clip:
        """The talking video `film` at its own size, with lips that fit what is said."""
        for name, given in (("--face", request.face), ("--background", request.background)):
            if given is not None:
                raise RequestError(f"A talking video keeps its own: leave out {name}.")
        size = film_size(film)
        pictures = seen_at(tracked(film, size), request.fps)
        said = spoken(request, clock)

        def show(motion: Motion) -> tuple[Bytes, Bytes | None]:
            return dub(pictures, motion, self.model, self.repair), None

        chunks = self._chunks(show, said.pieces, request, clock)
        made_by = replace(self.provenance(request), voice=said.voice)
        return Clip(
            one_threaded(chunks), size, made_by, said.seconds, clock, said.words, request.fps
        )

    def make_motion(
        self, request: Request, options: NoOptions, clock: Clock
    ) -> Iterator[Motion]:  # fmt: skip
        """The motion of no person in particular: ARKit coefficients, head pose and gaze."""
        said = spoken(request, clock)
        cues: Iterator[Cues] = (cue for cue, _ in self._listen(said.pieces, request, clock))
        if request.heard is not None:
            cues = request.heard.cues(cues)
        return one_threaded(self._move(cues, request, clock))

    def _listen(
        self, said: Iterable[Speech], request: Request, clock: Clock
    ) -> Iterator[tuple[Cues, Float]]:
        return clock.watch("listen", self.listener(said, request.emotion))

    def _move(self, cues: Iterable[Cues], request: Request, clock: Clock) -> Iterator[Motion]:
        rng = np.random.default_rng(request.seed)
        moves = self.mover(cues, rng, still=request.still, lively=request.lively)
        return clock.watch("move", moves)

    def _chunks(
        self,
        show: Callable[[Motion], tuple[Bytes, Bytes | None]],
        said: Iterable[Speech],
        request: Request,
        clock: Clock,
    ) -> Iterator[Chunk]:
        sound = SoundQueue()
        cues = sound.keep(self._listen(said, request, clock))  # 1. what is said, and how
        moves = at_rate(self._move(cues, request, clock), request.fps)  # 2. how the face moves
        for motion in short(moves):
            with clock("render"):
                frames, alphas = show(motion)  # 3. what is seen
            yield Chunk(frames, sound.take(len(motion), request.fps), request.fps, alphas)


def _rendered(
    renderer: Renderer, motion: Motion, background: Background | None
) -> tuple[Bytes, Bytes | None]:
    """Frames [T, H, W, 3], before the background that is asked for, and their alpha [T, H, W] if
    nothing is behind them."""
    if background is None:
        return renderer.render(motion), None
    width, height = renderer.size
    alphas = np.empty((len(motion), height, width), np.uint8)
    frames = renderer.render(motion, alphas)
    return background.behind(frames, alphas), alphas if background.picture is None else None


def short(motions: Iterable[Motion]) -> Iterator[Motion]:
    """The same frames in pieces of at most `RENDERED`, the first one alone: it is waited for."""
    most = 1
    for motion in motions:
        start = 0
        while start < len(motion):
            yield motion[start : start + most]
            start, most = start + most, RENDERED


class SoundQueue:
    """Keeps the sound while the movers think, so that each frame gets its own samples."""

    def __init__(self) -> None:
        self._waiting: deque[Float] = deque()
        self._frames = self._taken = 0

    def keep(self, heard: Iterable[tuple[Cues, Float]]) -> Iterator[Cues]:
        """The cues alone; their samples are kept."""
        for cues, samples in heard:
            self._waiting.append(samples)
            yield cues

    def hear(self, samples: Float) -> None:
        """Keep samples [n]."""
        self._waiting.append(samples)

    def take(self, frames: int, fps: int = FPS) -> Float:
        """The samples of the next `frames` at `fps` a second; silence once the sound has ended."""
        self._frames += frames
        wanted, parts = self._frames * RATE // fps - self._taken, []
        self._taken += wanted
        while wanted:
            part = self._waiting.popleft() if self._waiting else np.zeros(wanted, np.float32)
            parts.append(part[:wanted])
            if len(part) > wanted:
                self._waiting.appendleft(part[wanted:])
            wanted -= len(parts[-1])
        return np.concatenate(parts)
