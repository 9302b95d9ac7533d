"""TTSF, as people call it: a picture and a text become a clip with a voice of its own.

    for each sentence:  speak ──▶ listen ──▶ move ──▶ render, 5 pictures at a time

A sentence begins with the motion that the one before ended in, so memory does not grow with the
text. The sound is drawn from the text alone: `seed` moves the head and leaves the voice as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from math import ceil
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from vivavoce.errors import NoFace, RequestError
from vivavoce.listen.mel import log_mel
from vivavoce.look import face478
from vivavoce.look.boxes import mouth_box
from vivavoce.look.crop import cropped, moved, squares
from vivavoce.look.motion_codes import hidden_mouth
from vivavoce.media.clip import Clip
from vivavoce.media.clock import Clock
from vivavoce.media.files import PathLike
from vivavoce.media.read import read_speech
from vivavoce.nn.devices import pick
from vivavoce.nn.pictures import as_pictures, as_tensor
from vivavoce.nn.threads import one_threaded
from vivavoce.render.landmark_drawing import drawing_of
from vivavoce.render.paste import paste
from vivavoce.render.repair import RepairNet
from vivavoce.render.warp import Renderer
from vivavoce.speak.acoustic import english
from vivavoce.speak.normalise import pieces
from vivavoce.speak.text import Piece
from vivavoce.systems.options import Options
from vivavoce.systems.posed import name_of, to_and_fro, tracked
from vivavoce.systems.talker import About, Request, Talker
from vivavoce.systems.ttsf.motion import motion_of
from vivavoce.systems.ttsf.net import CROP, Seen, TtsfNet, load_net
from vivavoce.types import (
    RATE,
    SAMPLES_PER_FRAME,
    Bytes,
    Chunk,
    Face,
    Float,
    Phone,
    Speech,
)

RENDERED = 5
"""How many pictures are made at once."""


class TtsfOptions(Options):
    """What only ttsf can be asked."""

    steps: Annotated[int, Field(ge=1, le=1000)] = 10
    """Euler steps of both samplers, of the mel and of the motion; more are slower and finer;
    the paper names no number."""
    voice_from: Literal["without-motion", "with-motion"] = "without-motion"
    """The code that the voice is made for: "without-motion" is f_id alone, "with-motion" is
    f_id + f_m, which also knows how the head is held (Table 3 compares them)."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 1.0
    """Times the noise that both samplers begin from, that of the voice and that of the head; 1 is
    as trained, 0 gives the most likely voice and movement."""
    speed: Annotated[float, Field(gt=0.25, lt=4)] = 1.0
    """How fast it speaks: 1 is as the durations are predicted, 2 is twice as fast."""
    render: Literal["own", "portrait"] = "own"
    """Who draws: "own" is the paper's generator, at the size it was trained at; "portrait" shows
    the same head, eyes and lips by the renderer of the system portrait, on the picture's pixels."""
    timed_by: str = ""
    """A sound or video file in which the same text is said: each phone is as long as in it (`speed`
    counts no more), so that pictures can be compared with the recording's own, one by one. Empty:
    durations are predicted."""


@dataclass(frozen=True)
class Sitter:
    """The person as the network sees them."""

    face: Face
    square: Float
    """Left, top and side in picture pixels [3]."""
    seen: Seen


@dataclass(frozen=True)
class Sentence:
    """What the speech half made of one piece of text."""

    samples: Float
    """Sound [640 * frames] with the pause that follows."""
    phones: tuple[Phone, ...]
    """What is spoken when, as long as the durations were predicted."""
    embedding: Tensor
    """e_t, a row a mel frame [1, L, E]."""
    feature: Tensor
    """The upsampled text feature [1, L, d]."""
    frames: int
    """Video frames, pause included."""


class Ttsf(Talker[TtsfOptions]):
    """The system; loaded once, used for many clips."""

    name = "ttsf"
    needs = (frozenset({"portrait"}), frozenset({"text"}))
    takes = frozenset({"pose", "still"})
    gives = frozenset({"pictures", "speech"})
    options_type = TtsfOptions

    def __init__(self, about: About, net: TtsfNet) -> None:
        """With its network, ready for use (`net.ready`)."""
        super().__init__(about)
        self.net = net

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> Ttsf:
        """The system with the checkpoint in `folder`; see `Talker.load`."""
        return cls(About.read(folder), load_net(folder).to(pick(device)))

    def make(self, request: Request, options: TtsfOptions, clock: Clock) -> Clip:
        """The person says the text, sentence by sentence, in a voice that their face suggests."""
        pieces, recording = _pieces(english(request.text or ""), options)
        with clock("look"):
            sitter = self._sitter(request, clock)
            driven = None if request.pose is None else self._driven(request.pose, clock)
        start = sitter.seen.f_m
        moves = _Moves(self.net, request.seed, options, start, start if request.still else driven)
        said = (self._speak(piece, sitter.seen, options, recording) for piece in pieces)
        height, width = sitter.face.picture.shape[:2]
        shape = (width, height) if request.size is None else (request.size, request.size)
        if options.render == "portrait":
            renderer = self._warp(sitter.face, request.size)
            shape = renderer.size
            draw = partial(self._show, renderer, sitter)
        else:
            draw = partial(self._render, sitter, request.size)
        chunks = self._chunks(clock.watch("speak", said), draw, moves, clock)
        return Clip(one_threaded(chunks), shape, self.provenance(request), clock=clock)

    def make_speech(
        self, request: Request, options: TtsfOptions, clock: Clock
    ) -> Iterator[Speech]:  # fmt: skip
        """The voice alone, sentence by sentence, with the features that would drive the lips."""
        pieces, recording = _pieces(english(request.text or ""), options)
        sitter = self._sitter(request, clock)
        for piece in pieces:
            made = self._speak(piece, sitter.seen, options, recording)
            features = made.feature[0].cpu().numpy()
            yield Speech(made.samples, piece.text, phones=made.phones, features=features)

    @torch.no_grad()
    def _sitter(self, request: Request, clock: Clock) -> Sitter:
        assert request.portrait is not None
        face = self.look(request.portrait, request.face)
        height, width = face.picture.shape[:2]
        places = squares(face.landmarks[None], width, height, CROP)
        size = self.net.settings.size
        picture = next(iter(cropped([face.picture], places, size)))
        points = moved(face.landmarks[None], places, size)[0]
        drawing = drawing_of(points, size, self.net)
        with clock("see"):
            seen = self.net.see(as_tensor(picture[None], self.net), drawing[None])
        return Sitter(face, places[0], seen)

    @torch.no_grad()
    def _driven(self, pose: PathLike | Bytes | Face, clock: Clock) -> Tensor:
        """f_m [T, D] of the frames of a video (or one picture: the head is held as there); a face
        that is lost for a while stays as it was.

        Raises: NoFace: nobody in it.
        """
        found: list[Tensor] = []
        place: Float | None = None
        for frame, points in tracked(pose):
            if points is None:
                if found:
                    found.append(found[-1])
                continue
            if place is None:
                place = squares(points[None], frame.shape[1], frame.shape[0], CROP)
            size = self.net.settings.size
            picture = as_tensor(np.stack(list(cropped([frame], place, size))), self.net)
            if self.net.settings.hide_mouth:
                box = mouth_box(moved(points[None], place, size))
                picture = hidden_mouth(picture, torch.from_numpy(box).to(picture.device))
            with clock("see"):
                found.append(self.net.see(picture).f_m[0])
        if not found:
            raise NoFace(
                f"No face was found in {name_of(pose)}. Give a video of one person's face."
            )
        return torch.stack(found)

    def _chunks(
        self,
        sentences: Iterator[Sentence],
        draw: Callable[[Tensor, Tensor], Bytes],
        moves: _Moves,
        clock: Clock,
    ) -> Iterator[Chunk]:
        for said in sentences:  # 1. voice
            with clock("listen"):
                f_lip = self._listen(said)  # 2. lips
            with clock("move"):
                f_m = moves(f_lip)  # 3. head
            for at in range(0, said.frames, RENDERED):
                part = slice(at, min(at + RENDERED, said.frames))
                with clock("render"):
                    frames = draw(f_m[part], f_lip[part])  # 4. pictures
                sound = said.samples[part.start * SAMPLES_PER_FRAME :]
                yield Chunk(frames, sound[: len(frames) * SAMPLES_PER_FRAME])

    @torch.no_grad()
    def _speak(
        self, piece: Piece, seen: Seen, options: TtsfOptions, recording: Float | None = None
    ) -> Sentence:  # fmt: skip
        who = seen.f_id if options.voice_from == "without-motion" else seen.f
        spoken = self.net.speak(
            piece.text, who, options.steps, options.speed, options.temperature, recording
        )  # fmt: skip
        pause = round(piece.pause_s * RATE)
        frames = ceil((len(spoken.samples) + pause) / SAMPLES_PER_FRAME)
        samples = np.zeros(frames * SAMPLES_PER_FRAME, np.float32)
        samples[: len(spoken.samples)] = spoken.samples
        return Sentence(samples, spoken.phones, spoken.embedding, spoken.feature, frames)

    @torch.no_grad()
    def _listen(self, said: Sentence) -> Tensor:
        """f_lip [T, D]; in the pause the mouth hears the last of the sentence."""
        device = said.feature.device
        length = torch.tensor([said.feature.shape[1]], device=device)
        start = torch.zeros(1, dtype=torch.long, device=device)
        return self.net.hear(said.embedding, said.feature, length, start, said.frames)[0]

    def _warp(self, face: Face, size: int | None) -> Renderer:
        """Portrait's renderer of a face.

        Raises: RequestError: this network's codes do not say what the head and the lips do.
        """
        if self.net.lip_decoder is None:
            raise RequestError(
                "The codes of this checkpoint do not tell how the lips are held, so portrait's "
                "renderer cannot show them: leave out --set render=portrait."
            )
        return Renderer(face, face478.load(), size, RepairNet.shipped())

    @torch.inference_mode()
    def _show(self, renderer: Renderer, sitter: Sitter, f_m: Tensor, f_lip: Tensor) -> Bytes:
        """Pictures [T, H, W, 3] by portrait's renderer."""
        assert self.net.lip_decoder is not None
        book = self.net.motion_codes.directions()
        amounts, rest = (x @ book for x in (f_m, sitter.seen.f_m[0]))
        mouths = self.net.lip_decoder(f_lip)
        told = (x.float().cpu().numpy() for x in (amounts, rest, mouths))
        return renderer.render(motion_of(*told))

    @torch.inference_mode()
    def _render(self, sitter: Sitter, size: int | None, f_m: Tensor, f_lip: Tensor) -> Bytes:
        """Pictures [T, size, size, 3], or the whole picture with the square in it."""
        import cv2

        made = as_pictures(self.net.render(sitter.seen, f_m, f_lip))
        if size is None:
            whole = sitter.face.picture
            return np.stack([paste(whole, sitter.square, picture) for picture in made])
        if size == made.shape[1]:
            return made
        how = cv2.INTER_AREA if size < made.shape[1] else cv2.INTER_CUBIC
        return np.stack([cv2.resize(p, (size, size), interpolation=how) for p in made])


class _Moves:
    """The head through all sentences of a clip."""

    def __init__(
        self, net: TtsfNet, seed: int, options: TtsfOptions, start: Tensor, given: Tensor | None
    ) -> None:
        """`given` [N, D] is used instead of a draw: one row is a still head; many are played to
        and fro."""
        self._net, self._options, self._start, self._given = net, options, start, given
        self._noise = torch.Generator().manual_seed(seed)
        self._at = 0

    @torch.no_grad()
    def __call__(self, f_lip: Tensor) -> Tensor:
        """f_m [T, D] for lips [T, D]."""
        frames = len(f_lip)
        if self._given is not None:
            rows = to_and_fro(len(self._given), self._at, frames)
            self._at += frames
            return self._given[rows]
        noise = torch.randn(1, frames, self._net.settings.sampled, generator=self._noise)
        noise = (self._options.temperature * noise).to(f_lip.device)
        f_m = self._net.move(self._start, f_lip[None], noise, self._options.steps)[0]
        self._start = f_m[-1:]
        return f_m


def _pieces(words: str, options: TtsfOptions) -> tuple[Iterable[Piece], Float | None]:
    """The text in pieces, and the log-mel [T, 80] of the recording that times it, if there is one;
    then it is one piece.

    Raises: BadMedia: the recording cannot be read.
    """
    if not options.timed_by:
        return pieces(words, "en"), None
    sound = np.concatenate([piece.samples for piece in read_speech(options.timed_by)])
    whole = " ".join(piece.text for piece in pieces(words, "en"))
    return [Piece(whole, 0.0)], log_mel(sound)
