"""AVI-Talking as people call it: a voice, what its face would do in words, and the face.

speech ──▶ instruction (instruct.py) ──▶ style (style.py) ──▶ motion (face.py) ──▶ pictures
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from vivavoce.errors import RequestError
from vivavoce.listen.heard_voice import check_voice
from vivavoce.listen.listener import Listener
from vivavoce.look import face478
from vivavoce.media.clip import Clip
from vivavoce.media.clock import Clock
from vivavoce.move.eyes import EyeHabits
from vivavoce.move.head import Head
from vivavoce.move.style_prior import Sampler
from vivavoce.nn.devices import pick
from vivavoce.nn.threads import one_threaded
from vivavoce.nn.weights import SHIPPED
from vivavoce.render.repair import RepairNet
from vivavoce.render.warp import Renderer
from vivavoce.systems.avi_talking.face import Alive, moving
from vivavoce.systems.avi_talking.instruct import Instructor, own_language
from vivavoce.systems.avi_talking.net import AviNet, load_net
from vivavoce.systems.avi_talking.style import SECONDS_READ, Chosen, Stylist, Way
from vivavoce.systems.options import Options
from vivavoce.systems.portrait.talker import SoundQueue, short
from vivavoce.systems.talker import About, Request, Spoken, Talker, spoken
from vivavoce.types import RATE, Chunk, Cues, Float, Motion, Speech

PORTRAIT = SHIPPED / "portrait-tiny"
"""Checkpoint whose head, eyes and repaired pixels are used."""


class AviOptions(Options):
    """What only avi-talking can be asked."""

    way: Way = "diffusion"
    """Way from what is asked to a style: "diffusion" draws it, so that seeds differ; "direct" takes
    the aligned text itself, without diffusion; "heard" takes the voice without words."""
    style_from: Path | None = None
    """A video whose expression is taken instead of words."""
    steps: Annotated[int, Field(ge=1, le=1000)] = 64
    """Steps of the diffusion."""
    sampler: Sampler = "ddim"
    """"ddim", or "ddpm" with noise in every step."""
    guidance: Annotated[float, Field(ge=0, le=10)] = 1.0
    """How far the style goes beyond the instruction's own; 1 is the instruction's."""


@dataclass(frozen=True)
class _Heard:
    """What is spoken, with its beginning in hand."""

    said: Spoken
    begin: Float
    """Its first `SECONDS_READ` seconds [n]."""
    pieces: Iterator[Speech]
    """All of it."""


class AviTalking(Talker[AviOptions]):
    """The system; loaded once, used for many clips."""

    name = "avi-talking"
    needs = (frozenset({"portrait"}), frozenset({"text", "speech"}))
    takes = frozenset({"voice", "instruction", "rate", "still", "lively"})
    gives = frozenset({"pictures", "motion", "words"})
    space = "arkit52"
    options_type = AviOptions

    def __init__(self, about: About, net: AviNet) -> None:
        """With its network, ready for use."""
        super().__init__(about)
        self.net = net
        self.stylist = Stylist(net, Instructor(net, own_language(net)))
        self.listener = Listener()

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> AviTalking:
        """The system with the checkpoint in `folder`; see `Talker.load`."""
        return cls(About.read(folder), load_net(folder).to(pick(device)))

    @cached_property
    def _head(self) -> tuple[Head, EyeHabits]:
        file = PORTRAIT / "head.safetensors"
        return Head.load(file), EyeHabits.load(file)

    def make(self, request: Request, options: AviOptions, clock: Clock) -> Clip:
        """The portrait, moved by what its voice, or an instruction, asks of the face."""
        with clock("look"):
            assert request.portrait is not None
            person = self.look(request.portrait, request.face)
            renderer = Renderer(person, face478.load(), request.size, RepairNet.shipped())
        heard = self._hear(request, clock, spoken(request, clock, person))
        chosen = self._style(heard.begin, request, options, clock)
        made_by = replace(
            self.provenance(request), voice=heard.said.voice,
            instruction=chosen.words.get("instruction", ""), shown=chosen.words["shown"],
        )  # fmt: skip
        chunks = self._chunks(renderer, chosen, heard.pieces, request, clock)
        return Clip(
            one_threaded(chunks), renderer.size, made_by, heard.said.seconds, clock,
            {**heard.said.words, **chosen.words},
        )  # fmt: skip

    def make_motion(
        self, request: Request, options: AviOptions, clock: Clock
    ) -> Iterator[Motion]:  # fmt: skip
        """The motion of no person in particular: ARKit coefficients, head pose and gaze."""
        heard = self._hear(request, clock, spoken(request, clock))
        chosen = self._style(heard.begin, request, options, clock)
        cues: Iterator[Cues] = (cue for cue, _ in self._listen(heard.pieces, clock))
        if request.heard is not None:
            request.heard.words.update(chosen.words)
            cues = request.heard.cues(cues)
        return one_threaded(self._move(chosen, cues, request, clock))

    def make_words(self, request: Request, options: AviOptions, clock: Clock) -> str:
        """What the speaker's face would do: the visual instruction."""
        if request.instruction is not None:
            raise RequestError("avi-talking writes the instruction itself here: leave out yours.")
        heard = self._hear(request, clock, spoken(request, clock))
        if request.speech is not None:
            check_voice(heard.begin)
        assert self.stylist.instructor is not None
        with clock("instruct"):
            return self.stylist.instructor.of_speech(heard.begin)

    def _hear(self, request: Request, clock: Clock, said: Spoken) -> _Heard:
        """The beginning of the speech, and all of it.

        Raises: BadMedia: no voice is heard in it.
        """
        begun: list[Speech] = []
        for piece in said.pieces:
            begun.append(piece)
            if sum(len(p.samples) for p in begun) >= SECONDS_READ * RATE:
                break
        samples = [piece.samples for piece in begun] or [np.zeros(0, np.float32)]
        begin = np.concatenate(samples)[: SECONDS_READ * RATE]
        return _Heard(said, begin, chain(begun, said.pieces))

    def _style(
        self, begin: Float, request: Request, options: AviOptions, clock: Clock
    ) -> Chosen:  # fmt: skip
        if options.style_from is not None:
            if request.instruction is not None or options.way != "diffusion":
                raise RequestError("style_from takes the expression of a video: leave out the "
                                   "instruction and the option way.")  # fmt: skip
            with clock("look"):
                return self.stylist.of_clip(options.style_from, request.seed)
        if request.instruction is None and request.speech is not None:
            check_voice(begin)
        with clock("instruct"):
            return self.stylist.choose(
                begin, request.instruction, options.way, request.seed, options.steps,
                options.sampler, options.guidance,
            )  # fmt: skip

    def _listen(self, said: Iterable[Speech], clock: Clock) -> Iterator[tuple[Cues, Float]]:
        return clock.watch("listen", self.listener(said))

    def _move(
        self, chosen: Chosen, cues: Iterable[Cues], request: Request, clock: Clock
    ) -> Iterator[Motion]:  # fmt: skip
        rng = np.random.default_rng(request.seed)
        alive = Alive(*self._head, rng, request.still, request.lively)
        return clock.watch("move", moving(self.net, chosen.style, chosen.held, cues, alive))

    def _chunks(
        self, renderer: Renderer, chosen: Chosen, said: Iterable[Speech], request: Request,
        clock: Clock,
    ) -> Iterator[Chunk]:  # fmt: skip
        sound = SoundQueue()
        cues = sound.keep(self._listen(said, clock))
        for motion in short(self._move(chosen, cues, request, clock)):
            with clock("render"):
                frames = renderer.render(motion)
            yield Chunk(frames, sound.take(len(motion)))
