"""S2TF, as people call it: a voice becomes a face that says what is heard.

    who: 3.2 s of the speech ─▶ f_id^a (or a portrait ─▶ f_id^v)
    for each video frame: 0.2 s of the speech ─▶ f_s^a ; + f_ir^v of the pose ─▶ G ─▶ picture

The six ways of section 4 of docs/systems/s2tf.md: P1 speech alone, P2 with a pose picture, P3 with
a pose video, P4 with a portrait, P5 one picture (`make_face`), P6 (pictures alone) in training.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from vivavoce.errors import BadMedia, NoFace
from vivavoce.listen.heard_voice import check_voice
from vivavoce.listen.mel import log_mel
from vivavoce.look.crop import cropped, squares
from vivavoce.media.clip import Clip
from vivavoce.media.clock import Clock
from vivavoce.media.files import PathLike
from vivavoce.media.read import read_speech
from vivavoce.media.still import Still
from vivavoce.nn.devices import pick
from vivavoce.nn.pictures import as_pictures, as_tensor
from vivavoce.nn.threads import one_threaded
from vivavoce.systems.imagined import moved
from vivavoce.systems.options import Options
from vivavoce.systems.posed import name_of, to_and_fro, tracked
from vivavoce.systems.s2tf.hearing import Hearing, opened
from vivavoce.systems.s2tf.net import CROP, S2tfNet, load_net
from vivavoce.systems.s2tf.sound import WINDOW, level_of, looped, scaled
from vivavoce.systems.talker import About, Request, Spoken, Talker, spoken
from vivavoce.types import SAMPLES_PER_FRAME, Bytes, Chunk, Face, Float, Speech

RENDERED = 5
"""Pictures that are made at once."""
HEARD_S = 9.6
"""Seconds of speech, at most, that are heard before the first picture: who speaks is told once."""
SOUNDING = 1e-3
"""Loudest sample of a pose video that counts as silent."""
MIXED = (
    "The lips of the pose video are mixed with those of the speech: give footage of somebody who "
    "is silent, or a picture."
)


class S2tfOptions(Options):
    """What only s2tf can be asked."""

    render: Literal["own", "portrait"] = "own"
    """Who draws: "own" is the source's generator, at the size it was trained at; "portrait" makes
    one picture with it, which portrait's renderer moves."""
    identity_s: Annotated[float, Field(ge=0.2, le=HEARD_S)] = 3.2
    """Seconds of speech that tell who speaks (Table 4.4 compares lengths)."""
    identity_from: Literal["middle", "all"] = "middle"
    """Which seconds: "middle" of the first 9.6, or the mean over windows of "all" of them."""
    variety: Annotated[float, Field(ge=0, le=2)] = 0.15
    """How far the seed leads away from the face that the voice suggests most: what a voice does not
    tell. 0: every seed shows the same face, as in the source. A portrait's face is kept."""


@dataclass(frozen=True)
class Person:
    """Who is shown, and how they are held."""

    f_id: Tensor
    """f_id^a or f_id^v [1, D]."""
    held: Tensor
    """f_ir^v of the pose, one row or one a frame [N, C]; zeros: no pose is given (P1)."""


class S2tf(Talker[S2tfOptions]):
    """The system; loaded once, used for many clips."""

    name = "s2tf"
    needs = (frozenset({"text", "speech"}),)
    takes = frozenset({"portrait", "pose", "voice", "emotion", "rate"})
    gives = frozenset({"pictures", "face"})
    options_type = S2tfOptions

    def __init__(self, about: About, net: S2tfNet) -> None:
        """With its network, ready for use (`net.ready`)."""
        super().__init__(about)
        self.net = net

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> S2tf:
        """The system with the checkpoint in `folder`; see `Talker.load`."""
        return cls(About.read(folder), load_net(folder).to(pick(device)))

    def make(self, request: Request, options: S2tfOptions, clock: Clock) -> Clip:
        """The face that the voice suggests says what is heard."""
        said = spoken(request, clock)
        opening, pieces = opened(said.pieces, HEARD_S)
        level = self._level(opening)
        person, words = self._person(request, options, opening, level, clock)
        made_by = replace(self.provenance(request), voice=said.voice)
        if options.render == "portrait":
            picture = self._resized(self._quietest(person, opening, level), request.size)
            asked = replace(request, text=None, voice=None, speech=pieces)
            clip = moved(picture, asked, clock, made_by)
            clip.provenance, clip.seconds = made_by, said.seconds
            clip.words |= {**said.words, **words}
            return clip
        side = request.size or self.net.settings.size
        chunks = self._chunks(person, pieces, level, side, clock)
        return Clip(
            one_threaded(chunks), (side, side), made_by, said.seconds, clock,
            {**said.words, **words},
        )  # fmt: skip

    def make_face(self, request: Request, options: S2tfOptions, clock: Clock) -> Still:
        """One picture of the face (P5), at the moment of the speech that is quietest, when lips
        rest."""
        said: Spoken = spoken(request, clock)
        opening, _ = opened(said.pieces, HEARD_S)
        level = self._level(opening)
        person, words = self._person(request, options, opening, level, clock)
        picture = self._resized(self._quietest(person, opening, level), request.size)
        made_by = replace(self.provenance(request), voice=said.voice)
        return Still(picture, made_by, {**said.words, **words})

    @torch.inference_mode()
    def _person(
        self, request: Request, options: S2tfOptions, opening: Float, level: float, clock: Clock
    ) -> tuple[Person, dict[str, str]]:
        """Who is shown and how, and what is to be told of it.

        Raises: BadMedia: the speech holds no voice to imagine somebody from. NoFace: nobody is in
        the portrait or in what gives the pose.
        """
        if request.portrait is None:
            if request.speech is not None:
                check_voice(opening)
            with clock("listen"):
                f_id = self.who_is_heard(opening, level, options)
            noise = torch.Generator().manual_seed(request.seed)
            away = F.normalize(torch.randn(f_id.shape, generator=noise), dim=1)
            f_id = F.normalize(f_id + options.variety * away.to(f_id), dim=1)
            held = torch.zeros(1, self.net.settings.content, device=f_id.device)
        else:  # P4
            with clock("look"):
                face = self.look(request.portrait, request.face)
                seen = self._seen(face.picture, face.landmarks)
                f_id, held = self.net.who_is_seen(seen), self.net.how_it_is_held(seen)
        if request.pose is None:
            return Person(f_id, held), {}
        with clock("look"):
            held = self.held_as(request.pose)
        mixed = len(held) > 1 and _sounds(request.pose)
        return Person(f_id, held), {"pose": MIXED} if mixed else {}

    @torch.inference_mode()
    def who_is_heard(self, samples: Float, level: float, options: S2tfOptions) -> Tensor:
        """f_id^a [1, D] of speech [n] of a level in nats."""
        rows = scaled(log_mel(samples, WINDOW), level)
        count = round(100 * options.identity_s)
        parts = [looped(rows, count)]
        if options.identity_from == "all" and len(rows) > count:
            starts = range(0, len(rows) - count + 1, max(1, count // 2))
            parts = [rows[start : start + count] for start in starts]
        heard = torch.from_numpy(np.stack(parts)).to(self._device)
        return F.normalize(self.net.who_is_heard(heard).mean(0, keepdim=True), dim=1)

    @torch.inference_mode()
    def held_as(self, pose: PathLike | Bytes | Face) -> Tensor:
        """f_ir^v [N, C] of a picture (N = 1, P2) or of every frame of a video (P3), in the square
        around its first face; while a face is lost it stays as it was.

        Raises: NoFace: nobody in it.
        """
        found: list[Tensor] = []
        place: Float | None = None
        for frame, points in tracked(pose):
            if points is None:
                found += found[-1:]
                continue
            if place is None:
                place = squares(points[None], frame.shape[1], frame.shape[0], CROP)
            found.append(self.net.how_it_is_held(self._square(frame, place)))
        if not found:
            raise NoFace(
                f"No face was found in {name_of(pose)}. Give a picture or a video of one person."
            )
        return torch.cat(found)

    def _seen(self, picture: Bytes, points: Float) -> Tensor:
        height, width = picture.shape[:2]
        return self._square(picture, squares(points[None], width, height, CROP))

    def _square(self, picture: Bytes, place: Float) -> Tensor:
        """The square of a picture as the network takes it [1, 3, S, S]."""
        square = next(iter(cropped([picture], place, self.net.settings.size)))
        return as_tensor(square[None], self.net)

    @staticmethod
    def _level(opening: Float) -> float:
        return level_of(looped(log_mel(opening, WINDOW))) if len(opening) >= 160 else 0.0

    @property
    def _device(self) -> torch.device:
        return next(self.net.parameters()).device

    def _quietest(self, person: Person, opening: Float, level: float) -> Bytes:
        """The picture [S, S, 3] of the quietest frame of the speech's opening."""
        hearing = Hearing(level)
        windows = np.concatenate([hearing.push(opening), hearing.finish()])
        quiet = windows.mean((1, 2)).argmin()
        return self._drawn(person, windows[[quiet]], 0)[0]

    @torch.inference_mode()
    def _drawn(self, person: Person, windows: Float, start: int) -> Bytes:
        """Pictures [T, S, S, 3] of windows [T, 80, 20] from video frame `start` on."""
        net, frames = self.net, len(windows)
        said = net.what_is_said(torch.from_numpy(windows).to(self._device)[None])[0]
        rows = to_and_fro(len(person.held), start, frames) if len(person.held) > 1 else [0] * frames
        return as_pictures(net.draw(person.f_id.expand(frames, -1), said + person.held[rows]))

    def _chunks(
        self, person: Person, pieces: Iterator[Speech], level: float, side: int, clock: Clock
    ) -> Iterator[Chunk]:
        start = 0
        for windows, samples in clock.watch("listen", _frames(pieces, level)):
            with clock("render"):
                pictures = self._drawn(person, windows, start)
                frames = np.stack([self._resized(p, side) for p in pictures])
            start += len(frames)
            yield Chunk(frames, samples)

    def _resized(self, picture: Bytes, side: int | None) -> Bytes:
        if side is None or side == len(picture):
            return picture
        how = cv2.INTER_AREA if side < len(picture) else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(picture, (side, side), interpolation=how), np.uint8)


def _frames(pieces: Iterator[Speech], level: float) -> Iterator[tuple[Float, Float]]:
    """Windows [n, 80, 20] of at most `RENDERED` video frames, with their sound [640 n]."""
    hearing, waiting = Hearing(level), np.zeros(0, np.float32)
    windows = np.zeros((0, 80, 20), np.float32)
    for piece in pieces:
        for at in range(0, len(piece.samples), RENDERED * SAMPLES_PER_FRAME):
            part = piece.samples[at : at + RENDERED * SAMPLES_PER_FRAME]
            waiting = np.concatenate([waiting, part])
            windows = np.concatenate([windows, hearing.push(part)])
            while len(windows) >= RENDERED:
                count = RENDERED * SAMPLES_PER_FRAME
                yield windows[:RENDERED], waiting[:count]
                windows, waiting = windows[RENDERED:], waiting[count:]
    rest = -len(waiting) % SAMPLES_PER_FRAME
    silence = np.zeros(rest, np.float32)
    waiting = np.concatenate([waiting, silence])
    windows = np.concatenate([windows, hearing.push(silence), hearing.finish()])
    for at in range(0, len(windows), RENDERED):
        few = windows[at : at + RENDERED]
        yield few, waiting[at * SAMPLES_PER_FRAME : (at + len(few)) * SAMPLES_PER_FRAME]


def _sounds(pose: PathLike | Bytes | Face) -> bool:
    """Whether a pose video has a sound track in which something is heard."""
    if not isinstance(pose, str | Path):
        return False
    try:
        return any(np.abs(piece.samples).max(initial=0) > SOUNDING for piece in read_speech(pose))
    except BadMedia:
        return False
