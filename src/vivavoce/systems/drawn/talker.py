"""drawn, as people call it: who speaks is heard, somebody is drawn, and says it.

speech ──listen──▶ traits ──▶ a corpus person ──painter──▶ frames
       └─listen──▶ cues ──move (portrait's)──▶ motion ───────┘
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from warnings import warn

import numpy as np

from vivavoce.data.corpus.by_voice import person_by_voice
from vivavoce.data.corpus.draw import Painter
from vivavoce.data.corpus.perform import relaxed_close
from vivavoce.data.corpus.person import Person
from vivavoce.data.corpus.wishes import Wishes, read_wishes
from vivavoce.errors import MediaWarning
from vivavoce.listen.content import ContentModel
from vivavoce.listen.heard_voice import HeardVoice, check_voice
from vivavoce.listen.listener import Listener
from vivavoce.listen.speaker_traits import SpeakerTraits, SpeakerTraitsNet, TraitsListener
from vivavoce.media.clip import Clip
from vivavoce.media.clock import Clock
from vivavoce.media.still import Still
from vivavoce.move import PortraitMover, load_mover
from vivavoce.move.rate import at_rate
from vivavoce.nn.devices import pick
from vivavoce.nn.threads import one_threaded, side_by_side
from vivavoce.nn.weights import SHIPPED
from vivavoce.systems.portrait.talker import SoundQueue, short
from vivavoce.systems.talker import About, NoOptions, Request, Spoken, Talker, spoken
from vivavoce.types import ARKIT, ARKIT_INDEX, RATE, Bytes, Chunk, Emotion, Float, Motion, Speech

HEARD_S = 30.0
"""Seconds of the beginning of a recording in which it is heard who speaks."""
CALM_S = 3.0
"""Seconds of a text, said calmly, in which it is heard who speaks."""
TWO_SPEAKERS = 0.8
"""Parts of a recording that differ more in how female they sound are two people's."""
SIDE = 512
"""Side of the picture where none is asked for."""


class Drawn(Talker[NoOptions]):
    """The system; loaded once, used for many voices."""

    name = "drawn"
    needs = (frozenset({"text", "speech"}),)
    takes = frozenset({"voice", "prompt", "emotion", "rate", "still", "lively", "fps"})
    gives = frozenset({"pictures", "face"})

    def __init__(
        self, about: About, traits: SpeakerTraitsNet, content: ContentModel, mover: PortraitMover
    ) -> None:
        """With its networks: what hears who speaks, what hears sounds, what moves the face."""
        super().__init__(about)
        self.net, self.traits = traits, TraitsListener(traits)
        self.listener, self.mover = Listener(content), mover

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> Drawn:
        """The system with the checkpoint in `folder`, and the mover that ships with portrait; see
        `Talker.load`."""
        portrait = SHIPPED / "portrait-tiny"
        return cls(
            About.read(folder),
            SpeakerTraitsNet.load(folder / "traits.safetensors").to(pick(device)),
            ContentModel.load(portrait / "content.safetensors"),
            load_mover(portrait),
        )

    def make(self, request: Request, options: NoOptions, clock: Clock) -> Clip:
        """The clip in which somebody who may have this voice says it."""
        wishes = wanted(request)
        said = spoken(request, clock)
        start, pieces = _beginning(said.pieces)
        with clock("look"):
            person, told = self.imagined(_calm(request, start), request, wishes)
            actor = Actor(person, request.size or SIDE)
        chunks = self._chunks(actor, pieces, request, clock)
        made_by = replace(self.provenance(request), voice=said.voice)
        return Clip(
            one_threaded(chunks), actor.size, made_by, said.seconds, clock,
            {**said.words, **told}, request.fps,
        )  # fmt: skip

    def make_face(self, request: Request, options: NoOptions, clock: Clock) -> Still:
        """The person at rest, facing us."""
        wishes = wanted(request)
        said: Spoken = spoken(request, clock)
        start = _calm(request, _beginning(said.pieces)[0])
        person, told = self.imagined(start, request, wishes)
        picture = Actor(person, request.size or SIDE).picture(*AT_REST)
        return Still(picture, replace(self.provenance(request), voice=said.voice), told)

    def imagined(
        self, samples: Float, request: Request, wishes: Wishes | None
    ) -> tuple[Person, dict[str, str]]:
        """Who speaks in samples [n], with the looks that are wished for, and what is told of it.

        Raises: BadMedia: no voice is heard in the samples.
        """
        # Our own voices are voices, however short a text is.
        heard = check_voice(samples) if request.speech is not None else HeardVoice(samples)
        traits = self.traits(samples, heard)
        if traits.apart > TWO_SPEAKERS:
            warn(
                "The recording sounds like two speakers; one face is imagined for both.",
                MediaWarning,
                stacklevel=2,
            )
        told = {"person": _in_words(traits)}
        if wishes is not None:
            traits = _as_wished(traits, wishes)
            told["prompt"] = wishes.told()
        person = person_by_voice(traits, request.seed)
        return (wishes.of(person) if wishes else person), told

    def _chunks(
        self, actor: Actor, said: Iterable[Speech], request: Request, clock: Clock
    ) -> Iterator[Chunk]:
        sound = SoundQueue()
        cues = sound.keep(clock.watch("listen", self.listener(said, request.emotion)))
        rng = np.random.default_rng(request.seed)
        moves = self.mover(cues, rng, still=request.still, lively=request.lively)
        for motion in short(at_rate(clock.watch("move", moves), request.fps)):
            with clock("render"):
                frames = actor.pictures(motion)
            yield Chunk(frames, sound.take(len(motion), request.fps), request.fps)


def wanted(request: Request) -> Wishes | None:
    """The looks that the request's prompt asks for; None: it asks for none."""
    return read_wishes(request.prompt) if request.prompt is not None else None


class Actor:
    """Somebody of the corpus in front of the painter."""

    def __init__(self, person: Person, side: int) -> None:
        """Prepare a person for square pictures of that side in pixels."""
        self.size = (side, side)
        """Width and height of the pictures in pixels."""
        self._painter = Painter(person, side)
        self._close = relaxed_close(person)

    def pictures(self, motion: Motion) -> Bytes:
        """Pictures [T, S, S, 3] of a motion, made on as many cores as there are."""
        rows = list(zip(motion.expression, motion.pose, motion.gaze, strict=True))
        return np.stack(side_by_side(lambda row: self.picture(*row), rows))

    def picture(self, expression: Float, pose: Float, gaze: Float) -> Bytes:
        """One picture [S, S, 3] with these ARKit coefficients [52], pose [6] and gaze [2]; at rest
        the lips of every shape of face touch."""
        shown = expression.copy()
        shown[ARKIT_INDEX["mouthClose"]] = min(shown[ARKIT_INDEX["mouthClose"]] + self._close, 1)
        return self._painter.frame(shown, pose, gaze).picture


AT_REST = (np.zeros(len(ARKIT), np.float32), np.zeros(6, np.float32), np.zeros(2, np.float32))
"""Expression, pose and gaze of a face that is calm and looks at us."""


def _calm(request: Request, start: Float) -> Float:
    """What tells who speaks: the beginning [n] of a recording as it is, and of a text without the
    feeling and the speed that are asked for, which bend the voice and not the person."""
    if request.text is None:
        return start
    if not request.given & {"emotion", "rate"}:
        return start[: int(CALM_S * RATE)]
    calm = replace(request, emotion=Emotion(), rate=1.0, heard=None)
    return _beginning(spoken(calm, Clock()).pieces, CALM_S)[0]


def _beginning(
    pieces: Iterator[Speech], seconds: float = HEARD_S
) -> tuple[Float, Iterator[Speech]]:
    """The first seconds of the sound [n], and all pieces of it still to be said."""
    taken: list[Speech] = []
    while sum(len(piece.samples) for piece in taken) < seconds * RATE:
        piece = next(pieces, None)
        if piece is None:
            break
        taken.append(piece)
    samples = np.concatenate([piece.samples for piece in taken] or [np.zeros(0, np.float32)])
    return samples[: int(seconds * RATE)], chain(taken, pieces)


def _as_wished(traits: SpeakerTraits, wishes: Wishes) -> SpeakerTraits:
    """The traits with the sex and the age that are asked for."""
    if wishes.sex is not None:
        traits = replace(traits, female=float(wishes.sex == "female"))
    if wishes.age is not None:
        traits = replace(traits, age=(wishes.age, 0.0))
    return traits


def _in_words(traits: SpeakerTraits) -> str:
    """What is heard of who speaks, for people."""
    woman = traits.female >= 0.5
    sure = max(traits.female, 1 - traits.female)
    who = "a woman" if woman else "a man"
    mean, sd = traits.age
    return f"sounds like {who} ({100 * sure:.0f} %) of about {mean:.0f} (give or take {sd:.0f})"
