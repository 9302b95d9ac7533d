"""TTSF as people call it: a picture and a text become a clip with a voice of its own.

    for each sentence:  speak ──▶ listen ──▶ move ──▶ render, 5 pictures at a time

A sentence begins with the motion that the one before ended in, so memory does not grow with the
text. The sound is drawn from the text alone: `seed` moves the head and leaves the voice as it is.
"""

from __future__ import annotations

import unicodedata
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vivavoce.errors import NoFace, RequestError, UnknownName
from vivavoce.look.boxes import mouth_box
from vivavoce.look.crop import cropped, moved, squares
from vivavoce.look.motion_codes import hidden_mouth
from vivavoce.media.clip import Clip
from vivavoce.media.provenance import Provenance
from vivavoce.media.read import read_video
from vivavoce.nn.threads import one_threaded
from vivavoce.render.paste import paste
from vivavoce.speak.text import Piece, clean_text, split_text
from vivavoce.speak.voices import DEFAULT_VOICE
from vivavoce.systems.talker import Portraitlike, Talker, check_size
from vivavoce.systems.ttsf.net import CROP, Seen, TtsfNet, load_net
from vivavoce.types import (
    RATE,
    SAMPLES_PER_FRAME,
    Bytes,
    Chunk,
    Emotion,
    Face,
    Float,
    Speech,
)

RENDERED = 5
"""Pictures that are made at once."""
STEPS = 10
"""Euler steps of both samplers (spec, section 2)."""
VOICES_FROM = ("without-motion", "with-motion")
"""What the voice is made for: f_id, or f_id + f_m (Table 3)."""


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
    embedding: Tensor
    """e_t, a row a mel frame [1, L, E]."""
    feature: Tensor
    """The upsampled text feature [1, L, d]."""
    frames: int
    """Video frames, pause included."""


class Ttsf(Talker):
    """The system; made once, used for many clips."""

    name = "ttsf"
    SPEAKS = True
    OPTIONS = frozenset({"steps", "voice_from", "motion_from", "speech_only"})

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.net: TtsfNet = load_net(folder)

    def __call__(
        self,
        portrait: Portraitlike,
        text: str | None = None,
        speech: object = None,
        *,
        voice: str | None = None,
        emotion: str | Emotion = "neutral",
        seed: int = 0,
        size: int | None = 512,
        still: bool = False,
        face: int | None = None,
        steps: int = STEPS,
        voice_from: str = "without-motion",
        motion_from: str | Path | None = None,
    ) -> Clip:
        """The person in `portrait` says `text` in a voice that their face suggests.

        Args:
            portrait: A picture file, RGB uint8 [H, W, 3], or a `Face` from `self.look`.
            text: What to say, in English.
            speech: Refused: the voice is made from the text.
            voice: Refused, unless it is the default: the voice comes from the face.
            emotion: "neutral"; the paper has no control of emotion.
            seed: Draws the head's movement; the voice does not depend on it.
            size: Side of a square video around the head in pixels; None: the whole picture.
            still: Keep the head as it is in the picture.
            face: Which face, from 1, the largest first.
            steps: Euler steps of both samplers.
            voice_from: "without-motion": the voice is made for f_id; "with-motion": f_id + f_m.
            motion_from: A video whose head movement is taken instead of a drawn one.

        Raises: NoFace, BadMedia, UnknownName, RequestError: see their messages.
        """
        self._check(speech, voice, emotion, size, steps, voice_from)
        words = self._words(text)
        with self.clock("look"):
            sitter = self._sitter(portrait, face)
            driven = None if motion_from is None else self._driven(motion_from)
        start = sitter.seen.f_m
        moves = _Moves(self.net, seed, steps, start, start if still else driven)
        chunks = self._chunks(sitter, words, moves, steps, voice_from, size)
        picture = sitter.face.picture
        shape = (picture.shape[1], picture.shape[0]) if size is None else (size, size)
        return Clip(one_threaded(chunks), shape, Provenance(self.folder.name, seed))

    def speech_only(
        self,
        portrait: Portraitlike,
        text: str | None,
        *,
        face: int | None = None,
        steps: int = STEPS,
        voice_from: str = "without-motion",
    ) -> Iterator[Speech]:
        """The voice alone, sentence by sentence, with the features that would drive the lips."""
        self._check(None, None, "neutral", None, steps, voice_from)
        words = self._words(text)
        sitter = self._sitter(portrait, face)
        for piece in split_text(words):
            made = self._speak(piece, sitter.seen, steps, voice_from)
            yield Speech(made.samples, piece.text, features=made.feature[0].numpy())

    def _check(
        self,
        speech: object,
        voice: str | None,
        emotion: str | Emotion,
        size: int | None,
        steps: int,
        voice_from: str,
    ) -> None:
        if speech is not None:
            raise RequestError(
                "ttsf speaks a text in a voice of its own and does not follow a recording. Give "
                "--text, or another --system."
            )
        if voice not in (None, DEFAULT_VOICE):
            raise RequestError("ttsf makes the voice from the face: leave out --voice.")
        if Emotion.parse(emotion) not in (Emotion(), Emotion(intensity=0.0)):
            raise RequestError("ttsf knows no emotions: leave out --emotion.")
        check_size(size)
        if not 1 <= steps <= 1000:
            raise RequestError(f"--steps is a number from 1 to 1000, not {steps}.")
        if voice_from not in VOICES_FROM:
            raise UnknownName("source of the voice", voice_from, VOICES_FROM)

    def _words(self, text: str | None) -> str:
        if text is None:
            raise RequestError("Give either a text (--text, --text-file); ttsf speaks it itself.")
        return english(clean_text(text))

    @torch.no_grad()
    def _sitter(self, portrait: Portraitlike, number: int | None) -> Sitter:
        face = self.look(portrait, number)
        height, width = face.picture.shape[:2]
        places = squares(face.landmarks[None], width, height, CROP)
        size = self.net.settings.size
        picture = next(iter(cropped([face.picture], places, size)))
        with self.clock("see"):
            seen = self.net.see(as_tensor(picture[None]))
        return Sitter(face, places[0], seen)

    @torch.no_grad()
    def _driven(self, path: str | Path) -> Tensor:
        """f_m [T, D] of the frames of a video; a face that is lost for a while stays as it was.

        Raises: NoFace: nobody in it.
        """
        found: list[Tensor] = []
        place: Float | None = None
        for frame, points in _tracked(path):
            if points is None:
                if found:
                    found.append(found[-1])
                continue
            if place is None:
                place = squares(points[None], frame.shape[1], frame.shape[0], CROP)
            size = self.net.settings.size
            picture = as_tensor(np.stack(list(cropped([frame], place, size))))
            if self.net.settings.hide_mouth:
                box = mouth_box(moved(points[None], place, size))
                picture = hidden_mouth(picture, torch.from_numpy(box))
            with self.clock("see"):
                found.append(self.net.see(picture).f_m[0])
        if not found:
            raise NoFace(f"No face was found in {path}. Give a video of one person's face.")
        return torch.stack(found)

    def _chunks(
        self,
        sitter: Sitter,
        words: str,
        moves: _Moves,
        steps: int,
        voice_from: str,
        size: int | None,
    ) -> Iterator[Chunk]:
        for piece in split_text(words):
            with self.clock("speak"):
                said = self._speak(piece, sitter.seen, steps, voice_from)  # 1. voice
            with self.clock("listen"):
                f_lip = self._listen(said)  # 2. lips
            with self.clock("move"):
                f_m = moves(f_lip)  # 3. head
            for at in range(0, said.frames, RENDERED):
                part = slice(at, min(at + RENDERED, said.frames))
                with self.clock("render"):
                    frames = self._render(sitter, f_m[part], f_lip[part], size)  # 4. pictures
                sound = said.samples[part.start * SAMPLES_PER_FRAME :]
                yield Chunk(frames, sound[: len(frames) * SAMPLES_PER_FRAME])

    @torch.no_grad()
    def _speak(self, piece: Piece, seen: Seen, steps: int, voice_from: str) -> Sentence:
        who = seen.f_id if voice_from == "without-motion" else seen.f
        spoken = self.net.speak(piece.text, who, steps)
        pause = round(piece.pause_s * RATE)
        frames = ceil((len(spoken.samples) + pause) / SAMPLES_PER_FRAME)
        samples = np.zeros(frames * SAMPLES_PER_FRAME, np.float32)
        samples[: len(spoken.samples)] = spoken.samples
        return Sentence(samples, spoken.embedding, spoken.feature, frames)

    @torch.no_grad()
    def _listen(self, said: Sentence) -> Tensor:
        """f_lip [T, D]; in the pause the mouth hears the last of the sentence."""
        length = torch.tensor([said.feature.shape[1]])
        start = torch.zeros(1, dtype=torch.long)
        return self.net.hear(said.embedding, said.feature, length, start, said.frames)[0]

    @torch.inference_mode()
    def _render(self, sitter: Sitter, f_m: Tensor, f_lip: Tensor, size: int | None) -> Bytes:
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


def english(text: str) -> str:
    """The same text.

    Raises: RequestError: a letter in it is of a script that English spelling does not use; it would
    be spoken as "Chinese letter".
    """
    for letter in filter(str.isalpha, unicodedata.normalize("NFKC", text)):
        if not unicodedata.name(letter, "").startswith(("LATIN", "GREEK", "MODIFIER")):
            raise RequestError(
                f"ttsf speaks English and cannot read {letter!r}. Write it in Latin letters, or "
                "choose another --system."
            )
    return text


class _Moves:
    """The head through all sentences of a clip."""

    def __init__(
        self, net: TtsfNet, seed: int, steps: int, start: Tensor, given: Tensor | None
    ) -> None:
        """`given` [N, D] is used instead of a draw: one row is a still head; many are played to
        and fro."""
        self._net, self._steps, self._start, self._given = net, steps, start, given
        self._noise = torch.Generator().manual_seed(seed)
        self._at = 0

    @torch.no_grad()
    def __call__(self, f_lip: Tensor) -> Tensor:
        """f_m [T, D] for lips [T, D]."""
        frames = len(f_lip)
        if self._given is not None:
            count = len(self._given)
            to_and_fro = [*range(count), *range(count - 2, 0, -1)]
            rows = [to_and_fro[(self._at + i) % len(to_and_fro)] for i in range(frames)]
            self._at += frames
            return self._given[rows]
        noise = torch.randn(
            1, frames, self._net.settings.drawn, generator=self._noise
        )  # fmt: skip
        f_m = self._net.move(self._start, f_lip[None], noise, self._steps)[0]
        self._start = f_m[-1:]
        return f_m


def _tracked(path: str | Path) -> Iterator[tuple[Bytes, Float | None]]:
    """The frames of a video, each with the tracker's points on it [478, 3] px or None."""
    from vivavoce.look.track import track_video

    waiting: deque[Bytes] = deque()

    def kept() -> Iterator[Bytes]:
        for frame in read_video(path):
            waiting.append(frame)
            yield frame

    for points in track_video(kept()):
        yield waiting.popleft(), points


def as_tensor(pictures: Bytes) -> Tensor:
    """RGB uint8 [T, H, W, 3] → [T, 3, H, W] in -1..1."""
    moved_axes = np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))
    return torch.from_numpy(moved_axes).float() / 127.5 - 1


def as_pictures(made: Tensor) -> Bytes:
    """[T, 3, H, W] about -1..1 → RGB uint8 [T, H, W, 3]."""
    levels = (made.float().clamp(-1, 1) + 1) * 127.5
    return levels.round().byte().permute(0, 2, 3, 1).contiguous().numpy()
