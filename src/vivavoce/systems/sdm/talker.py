"""SDM as people call it: a picture and speech become a clip, a few seconds at a time.

speech ──▶ F* (blocks.py) ──▶ landmarks of the person ──▶ pictures (renderers.py)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BeforeValidator

from vivavoce.errors import RequestError
from vivavoce.media.clip import Clip
from vivavoce.media.clock import Clock
from vivavoce.nn.devices import pick
from vivavoce.nn.threads import one_threaded
from vivavoce.systems.options import Options, split_words
from vivavoce.systems.sdm.blocks import Part, Sampler, SamplerOptions, motion_of
from vivavoce.systems.sdm.net import SdmNet, load_net
from vivavoce.systems.sdm.person import as_motion, crop_person, mean_face_landmarks, with_head_fixed
from vivavoce.systems.sdm.renderers import Renderer, renderer_of
from vivavoce.systems.talker import About, Request, Talker, spoken
from vivavoce.types import SAMPLES_PER_FRAME, Chunk, Float, Motion, Speech


class SdmOptions(Options):
    """What only sdm can be asked."""

    sampler: Sampler = "shallow"
    """Way from the coarse motion F^aux to F*: "shallow" noises it to step k and calls the denoiser
    k times, "full" starts from noise alone at T, "auxiliary" leaves F^aux as it is, "recursive"
    refines frame by frame, each continuing the refined one before (Eq. 12)."""
    k: int | Literal["meeting", "fast"] = "meeting"
    """Step that "shallow" and "recursive" start from, 0 to T: a number; "meeting" is the step where
    truth and F^aux can no longer be told apart, as the paper has it; "fast" is an earlier one,
    chosen for speed."""
    without: Annotated[frozenset[Part], BeforeValidator(split_words)] = frozenset()
    """Parts to leave out, for the ablations of Fig. 3; several are written "pose,rhythm"."""
    render: Literal["own", "portrait"] = "own"
    """Renderer of the pictures: "own" is the checkpoint's, "portrait" that of the system portrait
    on the picture's own pixels."""


class Sdm(Talker[SdmOptions]):
    """The system; loaded once, used for many clips. Portraits should have the mouth closed."""

    name = "sdm"
    needs = (frozenset({"portrait"}), frozenset({"text", "speech"}))
    takes = frozenset({"voice", "emotion", "rate", "still"})
    gives = frozenset({"pictures", "motion"})
    space = "arkit52"
    options_type = SdmOptions

    def __init__(self, about: About, net: SdmNet) -> None:
        """With its network, ready for use (`net.ready`)."""
        super().__init__(about)
        self.net = net

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> Sdm:
        """The system with the checkpoint in `folder`; see `Talker.load`."""
        return cls(About.read(folder), load_net(folder).to(pick(device)))

    def make(self, request: Request, options: SdmOptions, clock: Clock) -> Clip:
        """The person, drawn from landmarks that move with what is said."""
        sampling = self.sampling(options, request.seed)
        with clock("look"):
            assert request.portrait is not None
            face = self.look(request.portrait, request.face)
            person = crop_person(face, self.net.settings.size)
            renderer = renderer_of(options.render, self.net, person, request.size)
        said = spoken(request, clock, face)
        moves = self.landmarks(
            person.landmarks, len(person.picture), said.pieces, sampling, clock, still=request.still
        )
        chunks = _drawn(renderer, moves, clock)
        made_by = replace(self.provenance(request), voice=said.voice)
        return Clip(
            one_threaded(chunks), renderer.size, made_by, said.seconds, clock, said.words
        )  # fmt: skip

    def make_motion(
        self, request: Request, options: SdmOptions, clock: Clock
    ) -> Iterator[Motion]:  # fmt: skip
        """The motion of no person in particular: ARKit coefficients and head pose."""
        sampling = self.sampling(options, request.seed)
        said = spoken(request, clock)
        return one_threaded(self._motions(said.pieces, sampling, clock, request.still))

    def _motions(
        self, said: Iterable[Speech], sampling: SamplerOptions, clock: Clock, still: bool
    ) -> Iterator[Motion]:
        side = self.net.settings.size
        anyone = mean_face_landmarks(side)
        for marks, _ in self.landmarks(anyone, side, said, sampling, clock):
            moves = as_motion(marks, anyone)
            yield replace(moves, pose=np.zeros_like(moves.pose)) if still else moves

    def landmarks(
        self, reference: Float, side: float, said: Iterable[Speech], sampling: SamplerOptions,
        clock: Clock, still: bool = False,
    ) -> Iterator[tuple[Float, Float]]:  # fmt: skip
        """Landmarks [T, 478, 3] px of block after block, with the sound [640 T] that they say.

        Args:
            reference: Landmarks [478, 3] of the person at rest, px of a square.
            side: Side of that square in px.
            said: The speech, in pieces.
            sampling: How motion is drawn.
            clock: Gets the time.
            still: If true, the head stays as it is in the reference.
        """
        for code, samples in motion_of(self.net, said, sampling, clock):
            marks = self.net.space.landmarks(code, reference, side)
            yield with_head_fixed(marks, reference) if still else marks, samples

    def sampling(self, options: SdmOptions, seed: int) -> SamplerOptions:
        """How motion is drawn by these options.

        Raises: RequestError: k is not a step of this checkpoint.
        """
        s = self.net.settings
        named = {"meeting": self.net.k, "fast": s.fast_k}
        k = named[options.k] if isinstance(options.k, str) else options.k
        if not 0 <= k <= s.steps:
            raise RequestError(f"The option k of sdm is a step from 0 to {s.steps}, not {k}.")
        idle = "diffusion" in options.without or k == 0
        sampler: Sampler = "auxiliary" if idle else options.sampler
        return SamplerOptions(sampler, k, frozenset(options.without), seed)


def _drawn(
    renderer: Renderer, moves: Iterable[tuple[Float, Float]], clock: Clock
) -> Iterator[Chunk]:
    """Pictures of landmarks, each with its own sound."""
    for marks, samples in moves:
        for frames in clock.watch("render", renderer.draw(marks)):
            count = len(frames) * SAMPLES_PER_FRAME
            yield Chunk(frames, samples[:count])
            samples = samples[count:]
