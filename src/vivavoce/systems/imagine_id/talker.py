"""ImagineID as people call it: a voice becomes a person who says it.

speech ──▶ factors (hearing.py) ──▶ meshes (meshes.py, driving.py) ──▶ frames (imagining.py)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import BeforeValidator, Field

from vivavoce.listen.heard_voice import check_voice
from vivavoce.media.clip import Clip
from vivavoce.media.clock import Clock
from vivavoce.media.read import read_speech
from vivavoce.media.still import Still
from vivavoce.nn.devices import pick
from vivavoce.nn.latent import QUALITY, LatentBase, check_prompt
from vivavoce.nn.threads import one_threaded
from vivavoce.systems.imagine_id import driving
from vivavoce.systems.imagine_id.face import FaceSpace, face_space
from vivavoce.systems.imagine_id.hearing import Factors, Through, expression, factors, swapped
from vivavoce.systems.imagine_id.imagining import Drawing, Imagination, Mode, Part
from vivavoce.systems.imagine_id.meshes import Mesh, mesh_of, placed, with_eyes
from vivavoce.systems.imagine_id.net import ImagineNet, load_base, load_net
from vivavoce.systems.imagined import moved
from vivavoce.systems.options import Options, split_words
from vivavoce.systems.talker import About, Request, Talker, spoken
from vivavoce.types import SAMPLES_PER_FRAME, Bytes, Chunk, Float, Speech

AT_ONCE = 8
"""Frames that are given together."""


class ImagineOptions(Options):
    """What only imagine-id can be asked."""

    steps: Annotated[int, Field(ge=1, le=1000)] = 50
    """Steps of DDIM for every frame; the paper takes 50."""
    guidance: Annotated[float, Field(ge=1, le=30)] = 7.5
    """Guidance of the frame that invents the person: how closely it keeps to voice and prompt; 1 is
    none."""
    coherent_guidance: Annotated[float, Field(ge=1, le=30)] = 3.0
    """Guidance of the frames that follow; 1 is none and takes half the time."""
    mode: Mode = "coherent"
    """What follows the first frame: "coherent" is the same person who moves, "diverse" a person
    invented anew in every frame."""
    through: Through = "emotion"
    """Decoder that moves the face: "emotion" is the whole expression, "content" the mouth alone."""
    render: Literal["own", "portrait"] = "own"
    """Who draws: "own" is the paper's generator at its size, "portrait" is the system portrait,
    which moves the imagined face at the size that is asked for."""
    content_from: str = ""
    """Sound file whose words move the lips instead; what is heard stays."""
    semantics_from: str = ""
    """Sound file whose speaker's apparent age and sex the person gets."""
    emotion_from: str = ""
    """Sound file whose feeling the face shows."""
    shape_from: str = ""
    """Sound file whose speaker's shape of face the person gets."""
    without: Annotated[frozenset[Part], BeforeValidator(split_words)] = frozenset()
    """Conditions to leave out, for the studies of Figs. 9 and 10; several are written
    "identity,adjacent"."""


@dataclass(frozen=True)
class Person:
    """What a recording is turned into before anything is drawn."""

    heard: Speech
    """All of the sound, filled up to whole frames."""
    factors: Factors
    """What was heard, after swaps."""
    imagination: Imagination
    """What draws the person."""
    voice: str
    """Name of the voice that says a text; "" for a recording."""


class ImagineId(Talker[ImagineOptions]):
    """The system; loaded once, used for many clips."""

    name = "imagine-id"
    needs = (frozenset({"text", "speech"}),)
    takes = frozenset({"voice", "rate", "prompt", "pose"})
    gives = frozenset({"pictures", "face"})
    options_type = ImagineOptions

    def __init__(self, about: About, net: ImagineNet, base: LatentBase, face: FaceSpace) -> None:
        """With its network, the latent diffusion model that it steers, and its linear face."""
        super().__init__(about)
        self.net, self.base, self.face = net, base, face

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> ImagineId:
        """The system with the checkpoint in `folder`; see `Talker.load`."""
        net = load_net(folder)
        base, place = load_base(net.settings), pick(device)
        return cls(About.read(folder), net.to(place), base.to(place), face_space(net.settings))

    def make(self, request: Request, options: ImagineOptions, clock: Clock) -> Clip:
        """A person who is imagined for the voice, and says what is heard."""
        if options.render == "portrait":
            still = self.make_face(request, options, clock)
            return moved(still.picture, request, clock, self.provenance(request))
        person = self.person(request, options, clock)
        chunks = self._chunks(person, self.meshes(person, request, options, clock), clock)
        made_by = replace(self.provenance(request), voice=person.voice)
        side = self.base.settings.size
        return Clip(
            one_threaded(chunks), (side, side), made_by, person.heard.seconds, clock,
            _words(request),
        )  # fmt: skip

    def make_face(self, request: Request, options: ImagineOptions, clock: Clock) -> Still:
        """The person at rest, looking at us: the first frame in diverse mode."""
        person = self.person(request, options, clock)
        shape = person.factors.shape[0].cpu().numpy()
        rest = np.zeros((1, self.net.settings.expression), np.float32)
        size = self.base.settings.size
        points = placed(self.face, shape, rest, np.zeros((1, 6), np.float32), size)[0]
        with clock("render"):
            picture = next(person.imagination.frames([mesh_of(self.face, points, size)]))
        return Still(picture, self.provenance(request), _words(request))

    def person(self, request: Request, options: ImagineOptions, clock: Clock) -> Person:
        """Listening: the factors of the voice, and the person that they and the prompt ask for.

        Raises: BadMedia: no voice is heard. RequestError: the prompt cannot be read.
        """
        if request.prompt:
            room = self.base.settings.tokens - 2 - self.net.settings.words
            check_prompt(self.base, request.prompt, room - self.base.count(f"{QUALITY},"))
        said = spoken(request, clock)
        heard = _whole(said.pieces, check=request.text is None)
        with clock("listen"):
            own = factors(self.net, heard.samples)
            files = (options.content_from, options.semantics_from, options.emotion_from,
                     options.shape_from)  # fmt: skip
            found = swapped(own, *(self._factors_of(file) for file in files))
            imagination = self.imagination(found, request.prompt or "", request.seed, options)
        return Person(heard, found, imagination, said.voice)

    def imagination(
        self, heard: Factors, prompt: str, seed: int, options: ImagineOptions
    ) -> Imagination:
        """The person whom factors and a prompt ask for; `seed` draws z_T, which every frame
        shares."""
        base, net = self.base, self.net
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(1, *base.latent_shape, generator=generator).to(base.device)
        with torch.no_grad():
            context = net.context(base, heard.semantics, heard.feeling, [prompt])
            nobody = base.context([QUALITY])
        drawing = Drawing(
            options.steps, options.guidance, options.coherent_guidance, options.mode,
            frozenset(options.without),
        )  # fmt: skip
        return Imagination(net, base, self.face, drawing, context, nobody, noise)

    def meshes(
        self, person: Person, request: Request, options: ImagineOptions, clock: Clock
    ) -> Iterator[Mesh]:
        """The mesh of every frame: what PAD says of the face, and a pose and lids from a video or
        drawn."""
        frames, size = person.factors.frames, self.base.settings.size
        with clock("move"):
            beta = expression(self.net.pad, person.factors, options.through)
            driven = self._driven(person.heard, frames, request)
            shape = person.factors.shape[0].cpu().numpy()
            points = placed(self.face, shape, with_eyes(beta, driven.eyes), driven.pose, size)
        return (mesh_of(self.face, vertices, size) for vertices in points)

    def _driven(self, heard: Speech, frames: int, request: Request) -> driving.Driven:
        if request.pose is not None:
            return driving.taken(request.pose, frames)
        return driving.drawn(heard, frames, request.seed)

    def _factors_of(self, file: str) -> Factors | None:
        return factors(self.net, _whole(read_speech(file)).samples) if file else None

    def _chunks(self, person: Person, meshes: Iterator[Mesh], clock: Clock) -> Iterator[Chunk]:
        samples, waiting = person.heard.samples, list[Bytes]()
        for frame in clock.watch("render", person.imagination.frames(meshes)):
            waiting.append(frame)
            if len(waiting) == AT_ONCE:
                yield _chunk(waiting, samples)
                samples, waiting = samples[AT_ONCE * SAMPLES_PER_FRAME :], []
        if waiting:
            yield _chunk(waiting, samples)


def _chunk(frames: list[Bytes], samples: Float) -> Chunk:
    return Chunk(np.stack(frames), samples[: len(frames) * SAMPLES_PER_FRAME])


def _whole(pieces: Iterator[Speech], check: bool = True) -> Speech:
    """All of a sound as one piece, filled up to whole frames; a recording is checked for a voice.

    Raises: BadMedia: no voice is heard in it.
    """
    samples = np.concatenate([np.zeros(0, np.float32), *(piece.samples for piece in pieces)])
    if check:
        check_voice(samples)
    return Speech(np.pad(samples, (0, -len(samples) % SAMPLES_PER_FRAME)))


def _words(request: Request) -> dict[str, str]:
    return {"prompt": request.prompt} if request.prompt else {}
