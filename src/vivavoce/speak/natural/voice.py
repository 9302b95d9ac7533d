"""Natural voices behind `types.Voice`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from vivavoce.nn.forks import piece_of_work
from vivavoce.speak.natural import models, timing
from vivavoce.speak.natural.reading import Read, read
from vivavoce.speak.natural.space import Speaker
from vivavoce.speak.normalise import pieces, readable
from vivavoce.speak.phones import PAUSE
from vivavoce.speak.pieces import Prosody, finish_piece, marked, nothing_to_say, prosody_of
from vivavoce.speak.text import MAX_PIECE, Piece
from vivavoce.types import Emotion, Float, Phone, Speech

HIBARI = "hibari"
"""Name of the one voice of hibari-tts."""
LONGEST, EARLY = 150, 60
"""Longest piece of Kokoro's voices in characters, for its memory; and longest first piece, where a
sentence has a comma, for who waits."""

_HIBARI_LEVEL = 0.0504  # root mean square of its voiced parts, as fit_voice_space.py measures
_LEVEL = 0.09  # that of every voice; at the loudest emotion no peak is cut
_AROUND_S = 0.03  # silence kept before the first sound of a piece and after its last one
_SPEEDS = 0.4, 2.5  # factors that the synthesizers can follow


@dataclass(frozen=True)
class Said:
    """A piece as it was spoken."""

    sound: Float
    """Samples [n] in [-1, 1]."""
    rate: int
    """Sampling rate of `sound` in Hz."""
    phones: tuple[Phone, ...]
    """What is spoken when, without a gap from 0 to the end."""
    words: tuple[tuple[str, float, float], ...]
    """Each word with its start and end in seconds."""


class NaturalVoice:
    """A voice of English that sounds like a person: hibari's, or a point of the voice space."""

    def __init__(self, name: str, speaker: Speaker | None = None) -> None:
        """A voice called `name`; without a `speaker` it is hibari's.

        Raises:
            RequestError: The packages that it needs are not installed.
        """
        self.name = name
        self.language = "en-gb" if speaker and speaker.british else "en-us"
        self._speaker = speaker
        modules = models.KOKORO_MODULES if speaker else models.HIBARI_MODULES
        models.require(f"The voice {name!r}", modules, ", or choose --voice en-us")

    def speak(self, text: str, emotion: Emotion, rate: float = 1.0) -> Iterator[Speech]:
        """Speak `text` piece by piece; the same text gives the same samples.

        A slow voice makes its first piece short, so that one hears it early.

        Raises:
            RequestError: There is nothing to say, or the text is over the limit.
            UnknownName: The emotion does not exist.
        """
        text = readable(text, self.language, self.name)
        return self._pieces(text, prosody_of(emotion, rate))

    def _pieces(self, text: str, prosody: Prosody) -> Iterator[Speech]:
        spoken = False
        longest, early = (LONGEST, EARLY) if self._speaker else (MAX_PIECE, None)
        for piece in pieces(text, self.language, longest, early):
            parts = list(read(piece.text, self.language == "en-gb"))
            for i, part in enumerate(parts):
                spoken = True
                said = say(part, self._speaker, marked(prosody, piece))
                last = i == len(parts) - 1
                yield finish_piece(
                    Piece(piece.text if i == 0 else "", piece.pause_s if last else 0.0),
                    said.sound,
                    said.rate,
                    said.phones,
                )
        if not spoken:
            raise nothing_to_say(self.name)


def say(piece: Read, speaker: Speaker | None, prosody: Prosody) -> Said:
    """Speak one piece as `speaker` does, or as hibari if none; with phone and word times. A fork in
    another thread waits until it is spoken.

    A longer tract is a sound that was spoken faster and higher and is played slower: its speed and
    pitch are as they were asked for, its formants are lower.
    """
    tract = speaker.tract if speaker else 1.0
    own_speed, own_pitch = (speaker.speed, speaker.pitch) if speaker else (1.0, 1.0)
    speed = float(np.clip(prosody.rate * own_speed * tract, *_SPEEDS))
    tune = models.Tune(speed, prosody.pitch * own_pitch * tract, prosody.range)
    with piece_of_work():
        if speaker:
            style = speaker.style(len(piece.symbols))
            sound, steps = models.kokoro().synthesize(piece.ids, style, speaker.middle_hz, tune)
        else:
            sound, steps = models.hibari().synthesize(piece.ids, tune)
    gain = _LEVEL / (speaker.level if speaker else _HIBARI_LEVEL)
    phones, places = timing.phones_from_steps(piece.symbols, steps, sound, models.HZ)
    start, end = _kept(phones)
    first, last = round(start * models.HZ), round(end * models.HZ)
    rate = 100 * round(models.HZ / tract / 100)  # round, so that it is cheap to resample
    length = (last - first) / rate

    def at(time: float) -> float:
        return min(max((time * models.HZ - first) / rate, 0.0), length)

    inside = (Phone(p.symbol, at(p.start_s), at(p.end_s)) for p in phones)
    return Said(
        (sound[first:last] * gain * prosody.volume).astype(np.float32),
        rate,
        tuple(p for p in inside if p.end_s > p.start_s),
        tuple((word, at(places[a][0]), at(places[b - 1][1])) for word, a, b in piece.words),
    )


def _kept(phones: tuple[Phone, ...]) -> tuple[float, float]:
    """From where to where in seconds a piece is kept: its sounds and a little silence around."""
    start, end = phones[0].start_s, phones[-1].end_s
    if phones[0].symbol == PAUSE:
        start = max(start, phones[0].end_s - _AROUND_S)
    if phones[-1].symbol == PAUSE:
        end = min(end, phones[-1].start_s + _AROUND_S)
    return start, end
