"""What a corpus person says, in which feeling, and the recording of it: cut to whole frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vivavoce.data.corpus.describe import describe
from vivavoce.data.corpus.feeling import draw_look, units
from vivavoce.data.corpus.person import Person
from vivavoce.data.corpus.sentences import SENTENCES, WORDS
from vivavoce.data.corpus.splits import split_of
from vivavoce.speak.pieces import FASTEST
from vivavoce.types import EMOTIONS, RATE, SAMPLES_PER_FRAME, Emotion, Float, Phone, Speech

NEUTRAL_SHARE = 0.2
"""Share of the clips that are neutral; the seven feelings share the rest, at three levels."""
LEVELS = 3
"""Number of intensities of a feeling, as in MEAD."""
WORD_FRAMES = 29
"""LRW's clips: 1.16 s with the word in the middle (Chung & Zisserman, "Lip Reading in the Wild",
2016)."""
LONGEST_WORD_S = 0.96
"""Time that a single word may take; who is slower says it faster."""
_BEFORE_S, _AFTER_S = (0.16, 0.40), (0.28, 0.56)  # silence around a sentence


@dataclass(frozen=True)
class Line:
    """What one clip is about: text, feeling and description, before it is spoken."""

    number: int
    """Number of the clip among those of the person, from 0."""
    text: str
    """Sentence or word that is said."""
    single: bool
    """A single word in LRW's manner instead of a sentence."""
    split: str
    """Split that the sentence belongs to; people have splits of their own."""
    feeling: Emotion
    """Emotion in which it is said, and how strong."""
    level: int
    """Intensity of the feeling, 1 weak to 3 strong, as MEAD counts."""
    look: Float = field(compare=False)
    """What the feeling does to the face in this clip, see `feeling.draw_look`."""
    instruction: dict[str, Any]
    """Description of the face in words, see `describe.py`."""

    @property
    def name(self) -> str:
        """The clip in shards, e.g. "c003"."""
        return f"c{self.number:03d}"


@dataclass(frozen=True)
class Take:
    """Line of a person that has been spoken and cut to whole frames."""

    speech: Speech
    """Speech as long as whole video frames, with phone times."""
    words: tuple[tuple[str, float, float], ...]
    """Words, each with its start and end in seconds."""


def lines(person: Person, clips: int, words_share: float) -> list[Line]:
    """The lines of a person's clips; more clips begin with the same ones."""
    rng = person.rng("script")
    sentences, words = rng.permutation(len(SENTENCES)), rng.permutation(len(WORDS))
    return [
        _line(
            person,
            number,
            words_share,
            int(sentences[number % len(sentences)]),
            int(words[number % len(words)]),
        )
        for number in range(clips)
    ]


def _line(person: Person, number: int, words_share: float, sentence: int, word: int) -> Line:
    rng = person.rng("line", number)
    single = bool(rng.random() < words_share)
    text, index = (WORDS[word], word) if single else (SENTENCES[sentence], sentence)
    feeling, level = draw_feeling(rng)
    look = draw_look(feeling, rng)
    words = describe(feeling.name, level, units(look), rng)
    return Line(number, text, single, split_of(index), feeling, level, look, words)


def draw_feeling(rng: np.random.Generator) -> tuple[Emotion, int]:
    """A feeling and its level 1 to 3."""
    level = int(rng.integers(1, LEVELS + 1))
    if rng.random() < NEUTRAL_SHARE:
        return Emotion("neutral"), level
    return Emotion(str(rng.choice(EMOTIONS[1:])), level / LEVELS), level


def record(person: Person, line: Line) -> Take:
    """`line`, spoken by `person` and cut to whole frames."""
    from vivavoce.data.corpus.voice import say  # who only draws needs no voices

    said = say(person, line.text, line.feeling)
    if line.single:
        long = (said.words[-1][2] - said.words[0][1]) / LONGEST_WORD_S
        if long > 1:  # it would not fit
            said = say(person, line.text, line.feeling, rate=min(long, FASTEST))
        return frame_word(said.speech, said.words)
    return frame_sentence(said.speech, said.words, person.rng("silence", line.number))


def frame_sentence(
    speech: Speech, words: tuple[tuple[str, float, float], ...], rng: np.random.Generator
) -> Take:
    """The sentence with a short silence before and after, in whole frames."""
    spoken = [p for p in speech.phones or () if p.symbol not in ("", "_")]
    start = spoken[0].start_s - rng.uniform(*_BEFORE_S)
    end = spoken[-1].end_s + rng.uniform(*_AFTER_S)
    frames = int(np.ceil((end - start) * RATE / SAMPLES_PER_FRAME))
    return _cut(speech, words, start, frames)


def frame_word(speech: Speech, words: tuple[tuple[str, float, float], ...]) -> Take:
    """29 frames with the word in the middle."""
    middle = (words[0][1] + words[-1][2]) / 2
    start = middle - WORD_FRAMES * SAMPLES_PER_FRAME / RATE / 2
    return _cut(speech, words, start, WORD_FRAMES)


def _cut(
    speech: Speech, words: tuple[tuple[str, float, float], ...], start_s: float, frames: int
) -> Take:
    """`frames` frames from `start_s`, which may lie before the sound; times move along."""
    first, length = round(start_s * RATE), frames * SAMPLES_PER_FRAME
    start_s = first / RATE  # exactly, so that phones stay on their samples
    samples = np.zeros(length, np.float32)
    source = speech.samples[max(first, 0) : first + length]
    at = max(-first, 0)
    samples[at : at + len(source)] = np.round(source * 32768) / 32768  # as shards keep it
    end_s = length / RATE
    phones = [
        Phone(p.symbol, max(p.start_s - start_s, 0.0), min(p.end_s - start_s, end_s))
        for p in speech.phones or ()
        if p.end_s - start_s > 0 and p.start_s - start_s < end_s
    ]
    moved = tuple((w, max(a - start_s, 0.0), min(b - start_s, end_s)) for w, a, b in words)
    return Take(Speech(samples, speech.text, _filled(phones, end_s)), moved)


def _filled(phones: list[Phone], end_s: float) -> tuple[Phone, ...]:
    """Phones with pauses where none was, so that they cover the clip."""
    whole: list[Phone] = []
    at = 0.0
    for phone in [*phones, Phone("", end_s, end_s)]:
        if phone.start_s - at > 1e-6:
            whole.append(Phone("_", at, phone.start_s))
        if phone.end_s > phone.start_s:
            whole.append(phone)
        at = phone.end_s
    return tuple(whole)
