"""STFM, as people call it: a picture, a sample of a voice and a text become a clip.

    sample, picture, text ─entangled─▶ voice, sentence by sentence ─▶ frames, block by block

`render=portrait` shows the speech by the renderer of the system portrait, at any size; the paper's
own frames, `render=own`, need a checkpoint whose video half is trained.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from vivavoce.errors import RequestError
from vivavoce.listen.heard_voice import check_voice
from vivavoce.listen.prosody import prosody
from vivavoce.look.crop import cropped, moved, squares
from vivavoce.media.clip import Clip
from vivavoce.media.clock import Clock
from vivavoce.media.held import is_path
from vivavoce.media.speech import Speechlike
from vivavoce.media.speech import heard as pieces_of
from vivavoce.nn.devices import pick
from vivavoce.nn.latent import LatentBase
from vivavoce.nn.pictures import as_pictures, as_tensor
from vivavoce.nn.threads import one_threaded
from vivavoce.render.paste import paste
from vivavoce.speak.acoustic import english, timed
from vivavoce.speak.code_gpt import Voice
from vivavoce.speak.normalise import pieces
from vivavoce.speak.text import Piece
from vivavoce.systems.imagined import moved as moved_picture
from vivavoce.systems.options import Options
from vivavoce.systems.stfm.checkpoint import load_net
from vivavoce.systems.stfm.film import Scene, frames_heard, windowed
from vivavoce.systems.stfm.fronts import at_rate, fitted, heard, masks_of
from vivavoce.systems.stfm.net import Heard, StfmNet
from vivavoce.systems.stfm.official import base_of, check_given, face_embedding
from vivavoce.systems.stfm.script import BpeReader, PhoneReader, Reader, Script
from vivavoce.systems.stfm.voice import Likeness, Said
from vivavoce.systems.talker import About, Request, Talker
from vivavoce.types import (
    FPS,
    RATE,
    SAMPLES_PER_FRAME,
    Chunk,
    Face,
    Float,
    Phone,
    Speech,
)

CROP = "portrait"
"""What of a picture the video half sees, see `look.crop`."""
LISTENED_S = 30.0
"""Seconds of a voice sample in which the best moment is looked for."""
SEED = 7
"""Seed of the codes: the same text and sample give the same sound; a request's seed moves the
head, or draws the frames' noise, as in all systems."""
LOUDNESS = 0.1
"""Root mean square of the voiced part that a voice sample is brought to."""


class StfmOptions(Options):
    """What only stfm can be asked."""

    temperature: Annotated[float, Field(ge=0, le=2)] = 0.75
    """How freely codes of the voice are drawn; 0 takes the likeliest one each time."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.85
    """Codes are drawn among the likeliest that together have this probability."""
    render: Literal["own", "portrait"] = "own"
    """Who draws: "own" is the paper's denoising U-Net; "portrait" moves the picture by the renderer
    of the system portrait, driven by the speech that was made."""
    likeness: Annotated[float, Field(ge=0, le=1)] = 1.0
    """How far the voice is brought to the sample's own mean spectrum and middle pitch, which are
    measured, beyond what the network makes of it; 0 not at all. Only where a spectrogram is made,
    as in tiny."""
    steps: Annotated[int, Field(ge=1, le=1000)] = 40
    """Denoising steps of a block of frames, for render=own."""
    guidance: Annotated[float, Field(ge=1, le=20)] = 3.5
    """Scale of classifier-free guidance, for render=own; 1 is none."""


@dataclass(frozen=True)
class Sample:
    """A voice sample, heard."""

    tokens: Heard
    """Its audio tokens."""
    sound: Float
    """Its best moment [n], at a set loudness."""


@dataclass(frozen=True)
class Sitter:
    """The person as the network is shown them."""

    face: Face
    square: Float
    """Left, top and side in picture pixels [3]."""
    sample: Sample
    """The voice."""
    image: Tensor | None
    """Tokens of the picture [1, N, D]; None: this network asks no picture."""
    source: Tensor | None = None
    """Latents of the picture [1, C, h, w]."""
    lips: Tensor | None = None
    head: Tensor | None = None
    """Masks of lips and face [1, 1, S, S]."""


@dataclass(frozen=True)
class Sentence:
    """A piece of text, spoken."""

    speech: Speech
    script: Script
    voice: Voice
    said: Said
    pause_s: float
    like: Likeness


class Stfm(Talker[StfmOptions]):
    """The system; loaded once, used for many clips."""

    name = "stfm"
    needs = (frozenset({"portrait"}), frozenset({"text"}), frozenset({"voice_sample"}))
    takes = frozenset({"rate", "still", "lively", "fps"})
    gives = frozenset({"pictures", "speech"})
    options_type = StfmOptions

    def __init__(self, about: About, net: StfmNet, base: LatentBase | None, reader: Reader) -> None:
        """With its network, the base whose VAE sees pictures (None: it needs none), and who reads
        texts."""
        super().__init__(about)
        self.net, self.base, self.reader = net, base, reader

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> Stfm:
        """The system with the checkpoint in `folder`; see `Talker.load`."""
        net = load_net(folder).to(pick(device))
        s = net.settings
        check_given(s)
        sees = s.filmed or "audio" in s.streams
        base = base_of(s).to(pick(device)) if sees else None
        official = Path(s.official.xtts) / "vocab.json"
        reader: Reader = PhoneReader() if s.guide else BpeReader(official, s.gpt)
        return cls(About.read(folder), net, base, reader)

    def make(self, request: Request, options: StfmOptions, clock: Clock) -> Clip:
        """The person says the text in the voice of the sample."""
        if options.render == "own":
            self._check_own(request)
        sitter = self._sitter(request, clock)
        if options.render == "portrait":
            return self._by_portrait(sitter, request, options, clock)
        height, width = sitter.face.picture.shape[:2]
        shape = (width, height) if request.size is None else (request.size, request.size)
        chunks = self._chunks(sitter, request, options, clock)
        return Clip(one_threaded(chunks), shape, self.provenance(request), clock=clock)

    def make_speech(
        self, request: Request, options: StfmOptions, clock: Clock
    ) -> Iterator[Speech]:  # fmt: skip
        """The voice alone, sentence by sentence."""
        sitter = self._sitter(request, clock)
        for sentence in clock.watch(
            "speak", self.spoken(sitter.sample, request, options, sitter.image)
        ):
            yield _with_pause(sentence.speech, sentence.pause_s)

    def _check_own(self, request: Request) -> None:
        if self.net.film is None:
            raise RequestError(
                f"The checkpoint {self.about.name} has no trained video half, so it cannot draw "
                "frames of its own: use --set render=portrait."
            )
        if request.still or request.lively != 1 or request.fps != FPS:
            raise RequestError(
                "The denoiser of stfm draws the head as it comes, 25 times a second: leave out "
                "--still, --lively and --fps, or use --set render=portrait."
            )

    def _by_portrait(
        self, sitter: Sitter, request: Request, options: StfmOptions, clock: Clock
    ) -> Clip:
        sentences = self.spoken(sitter.sample, request, options, sitter.image)
        speech = (
            _with_pause(s.speech, s.pause_s) for s in clock.watch("speak", sentences)
        )  # fmt: skip
        asked = replace(request, speech=speech, text=None, voice_sample=None, rate=1.0)
        return moved_picture(sitter.face, asked, clock, self.provenance(request))

    @torch.no_grad()
    def _sitter(self, request: Request, clock: Clock) -> Sitter:
        assert request.portrait is not None
        with clock("look"):
            face = self.look(request.portrait, request.face)
        with clock("listen"):
            assert request.voice_sample is not None
            audio = self.heard(request.voice_sample)
        height, width = face.picture.shape[:2]
        places = squares(face.landmarks[None], width, height, CROP)
        if self.base is None:
            return Sitter(face, places[0], audio, None)
        with clock("see"):
            return self._seen(face, places, audio)

    @torch.no_grad()
    def heard(self, sample: Speechlike) -> Sample:
        """A voice sample as the network hears it.

        Raises: BadMedia: it cannot be read, or nobody speaks in it.
        """
        sound = _sample(sample, self.net.settings.reference_s)
        fed = heard(sound, self.net.settings)
        rows = {k: torch.from_numpy(v)[None].to(self._device) for k, v in fed.items()}
        return Sample(self.net.hear(rows["mel"], rows["wave"]), sound)

    def _seen(self, face: Face, places: Float, audio: Sample) -> Sitter:
        s, base = self.net.settings, self.base
        assert base is not None
        assert self.net.film is not None
        picture = next(iter(cropped([face.picture], places, s.size)))
        pixels = as_tensor(picture[None]).to(self._device)
        points = moved(face.landmarks[None], places, s.size)[0]
        lips, head = (torch.from_numpy(m)[None].to(self._device) for m in masks_of(points, s.size))
        small = torch.nn.functional.interpolate(pixels, s.image_side, mode="area")
        image = self.net.film.image_front(base.encode(small), lips, head)
        return Sitter(face, places[0], audio, image, base.encode(pixels), lips, head)

    def spoken(
        self, sample: Sample, request: Request, options: StfmOptions, image: Tensor | None = None
    ) -> Iterator[Sentence]:
        """The text of a request in the voice of a sample, sentence by sentence; `image` are picture
        tokens [1, N, D], which a network with an audio encoder asks."""
        rng = torch.Generator().manual_seed(SEED)
        for piece in pieces(english(request.text or ""), "en"):
            for part in _cut(piece, self.reader, self.net.settings.piece):
                yield self._speak(sample, image, part, request.rate, options, rng)

    @torch.no_grad()
    def _speak(
        self, sample: Sample, image: Tensor | None, piece: Piece, rate: float,
        options: StfmOptions, rng: torch.Generator,
    ) -> Sentence:  # fmt: skip
        half, script = self.net.voice, self.reader(piece.text)
        ids = torch.tensor([script.ids], device=self._device)
        real = torch.ones_like(ids, dtype=torch.bool)
        voice = self.net.tell(sample.tokens, ids, real, image)
        sounds = None if script.spelt is None else half.timed(script.spelt, rate)
        said = half.write(voice, ids, rng, options.temperature, options.top_p, sounds)
        like = Likeness.of(sample.sound, options.likeness)
        made = Sentence(Speech(np.zeros(0, np.float32), piece.text), script, voice, said,
                        piece.pause_s, like)  # fmt: skip
        return replace(made, speech=self._voiced(made, said.latents))

    def _voiced(self, made: Sentence, latents: Tensor) -> Speech:
        """The sound of a sentence's latents [1, L, W]."""
        half = self.net.voice
        sound = half.sound(latents, made.said.sounds, made.voice.speaker, made.like)
        found = sound[0].clamp(-1, 1).cpu().numpy()
        samples = found if half.rate == RATE else at_rate(found, half.rate, RATE)
        return replace(made.speech, samples=samples, phones=_phones(made.said, made.script))

    def _chunks(
        self, sitter: Sitter, request: Request, options: StfmOptions, clock: Clock
    ) -> Iterator[Chunk]:
        for sentence in clock.watch(
            "speak", self.spoken(sitter.sample, request, options, sitter.image)
        ):
            with clock("render"):
                made, speech = self._filmed(sitter, sentence, request, options)
            sound = _with_pause(speech, sentence.pause_s).samples
            wanted = SAMPLES_PER_FRAME * len(made)
            sound = np.pad(sound, (0, max(wanted - len(sound), 0)))[:wanted]
            yield Chunk(made, sound)

    @torch.no_grad()
    def _filmed(
        self, sitter: Sitter, sentence: Sentence, request: Request, options: StfmOptions
    ) -> tuple[np.ndarray, Speech]:
        """Frames of a sentence, and its sound once more, refined by what the denoiser saw."""
        net, half, film, base = self.net, self.net.voice, self.net.film, self.base
        assert film is not None
        assert base is not None
        assert sitter.source is not None
        assert sitter.lips is not None
        assert sitter.head is not None
        assert sitter.image is not None
        ids = torch.tensor([sentence.script.ids], device=self._device)
        e_v = net.show(
            sitter.sample.tokens, ids, torch.ones_like(ids, dtype=torch.bool), sitter.image
        )
        face = sitter.face
        embedding = torch.from_numpy(face_embedding(face.picture, face.landmarks, net.settings))[
            None
        ]
        scene = Scene(
            sitter.source, embedding.to(self._device), sitter.lips, sitter.head, e_v
        )  # fmt: skip
        speech = _with_pause(sentence.speech, sentence.pause_s)
        frames = max(1, round(FPS * len(speech.samples) / RATE))
        fed = heard(speech.samples, net.settings)
        rows = {k: torch.from_numpy(v)[None].to(self._device) for k, v in fed.items()}
        layers = frames_heard(half.front, rows["mel"], rows["wave"], frames)
        sound = windowed(layers, net.settings.hallo.audio_window)
        latents = sentence.said.latents
        blocks = list(film.blocks(
            scene, sound, latents, half.codes_per_s, frames, request.seed, options.steps,
            options.guidance,
        ))  # fmt: skip
        pictures = torch.cat([base.decode(x[0].transpose(0, 1)) for x, _ in blocks])
        middle = torch.cat([m for _, m in blocks], 1)
        refined = film.links.refine(latents, middle, half.codes_per_s)
        voiced = self._voiced(sentence, refined)
        return _placed(as_pictures(pictures), sitter, request.size), voiced

    @property
    def _device(self) -> torch.device:
        return next(self.net.parameters()).device


def _sample(given: Speechlike, seconds: float) -> Float:
    """The most voiced moment of a voice sample, so many seconds long, at a set loudness.

    Raises: BadMedia: it cannot be read, or nobody speaks in it.
    """
    name = f"The voice sample {given}" if is_path(given) else "The voice sample"
    parts, _ = pieces_of(given)
    kept: list[Float] = []
    for piece in parts:
        kept.append(piece.samples)
        if sum(map(len, kept)) >= LISTENED_S * RATE:
            break
    samples = np.concatenate([*kept, np.zeros(0, np.float32)]).astype(np.float32)
    check_voice(samples, name)
    voiced = prosody(samples)[:, 2]
    window = round(seconds * FPS)
    sums = np.convolve(voiced, np.ones(min(window, len(voiced))), "valid")
    part = fitted(samples, seconds, int(sums.argmax()) * SAMPLES_PER_FRAME)
    level = float(np.sqrt(np.mean(part**2))) + 1e-6
    return (part * LOUDNESS / level).astype(np.float32)


def _cut(piece: Piece, reader: Reader, most: int) -> Iterable[Piece]:
    """The piece, or its halves, cut between words, until none has more tokens than `most`."""
    words = piece.text.split()
    if len(words) < 2 or len(reader(piece.text).ids) <= most:
        return [piece]
    middle = len(words) // 2
    first = Piece(" ".join(words[:middle]), 0.0)
    last = Piece(" ".join(words[middle:]), piece.pause_s)
    return [*_cut(first, reader, most), *_cut(last, reader, most)]


def _with_pause(speech: Speech, pause_s: float) -> Speech:
    """The speech, a whole number of video frames long, with the pause that follows."""
    wanted = len(speech.samples) + round(pause_s * RATE)
    whole = -(-wanted // SAMPLES_PER_FRAME) * SAMPLES_PER_FRAME
    samples = np.pad(speech.samples, (0, whole - len(speech.samples)))
    return replace(speech, samples=samples)


def _phones(said: Said, script: Script) -> tuple[Phone, ...] | None:
    """When each phone is heard, where durations were predicted."""
    if said.sounds is None or script.spelt is None:
        return None
    return timed(list(script.symbols), script.spelt, said.sounds.durations[0].cpu().numpy())


def _placed(made: np.ndarray, sitter: Sitter, size: int | None) -> np.ndarray:
    """Frames at the size that was asked for, or in the whole picture."""
    import cv2

    if size is None:
        return np.stack([paste(sitter.face.picture, sitter.square, picture) for picture in made])
    if size == made.shape[1]:
        return made
    how = cv2.INTER_AREA if size < made.shape[1] else cv2.INTER_CUBIC
    return np.stack([cv2.resize(p, (size, size), interpolation=how) for p in made])
