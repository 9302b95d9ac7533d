"""Voices of piper (https://github.com/OHF-Voice/piper1-gpl) that the user has on disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vivavoce.errors import RequestError, needs
from vivavoce.speak.normalise import pieces, readable
from vivavoce.speak.phones import PAUSE
from vivavoce.speak.pieces import Prosody, finish_piece, marked, nothing_to_say, prosody_of
from vivavoce.speak.text import Piece
from vivavoce.types import Emotion, Phone, Speech

if TYPE_CHECKING:
    from piper import AudioChunk
    from piper import PiperVoice as Engine

_MARKS = "ˈˌː^$ "  # stress, length, begin, end, word space: not sounds of their own
_PUNCTUATION = ".,;:!?…–—-()[]\"'«»"


class PiperVoice:
    """A neural voice in an ONNX file with its settings beside it.

    Phone times come from the model where it reports them (piper's alignment output); otherwise
    `Speech.phones` is None and the sound itself is listened to. Rate and loudness follow the
    emotion; a piper model has no control of pitch.
    """

    def __init__(self, path: Path) -> None:
        """Load the voice from its two files.

        Raises:
            RequestError: A file is missing or broken, or piper is not installed.
        """
        self.name = str(path)
        self._engine = _load(path)
        self.language = self._engine.config.espeak_voice

    def speak(self, text: str, emotion: Emotion, rate: float = 1.0) -> Iterator[Speech]:
        """Speech of `text`, a sentence at a time, at `rate` times the voice's own speed.

        Raises:
            RequestError: There is nothing to say, the text is over the limit, or the rate is.
            UnknownName: The emotion does not exist.
        """
        prosody = prosody_of(emotion, rate)
        return self._pieces(readable(text, self.language, self.name), prosody)

    def _pieces(self, text: str, prosody: Prosody) -> Iterator[Speech]:
        SynthesisConfig = needs("piper.config").SynthesisConfig

        spoken = False
        for piece in pieces(text, self.language):
            manner = marked(prosody, piece)
            # Without piper's noise the same text gives the same samples.
            how = SynthesisConfig(
                length_scale=self._engine.config.length_scale / manner.rate, noise_scale=0.0,
                noise_w_scale=0.0, volume=0.8 * manner.volume,
            )  # fmt: skip
            chunks = list(self._engine.synthesize(piece.text, how, include_alignments=True))
            for i, chunk in enumerate(chunks):
                if not len(chunk.audio_float_array):
                    continue
                spoken = True
                pause = piece.pause_s if i == len(chunks) - 1 else 0.1
                yield finish_piece(
                    Piece(piece.text if i == 0 else "", pause),
                    chunk.audio_float_array.astype(np.float32),
                    chunk.sample_rate,
                    _phones(chunk),
                )
        if not spoken:
            raise nothing_to_say(self.name)


def _load(path: Path) -> Engine:
    settings = Path(f"{path}.json")
    if not path.is_file():
        raise RequestError(f"There is no voice file {path}. Check the path.")
    if not settings.is_file():
        raise RequestError(
            f"The voice {path} lacks its settings {settings}. Download the .onnx.json beside it."
        )
    piper = needs("piper")
    try:
        voice: Engine = piper.PiperVoice.load(path, settings)
        return voice
    except Exception as error:  # onnxruntime and json raise classes of their own
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RequestError(f"The voice {path} cannot be loaded: {reason}") from error


def _phones(chunk: AudioChunk) -> tuple[Phone, ...] | None:
    """The chunk's phones from piper's alignment; None if the model reports none."""
    if not chunk.phoneme_alignments:
        return None
    rate, total, at = chunk.sample_rate, len(chunk.audio_float_array), 0
    phones: list[Phone] = []
    for part in chunk.phoneme_alignments:
        start, at = at, min(at + int(part.num_samples), total)
        symbol = PAUSE if part.phoneme in _PUNCTUATION else part.phoneme
        if at == start:
            continue
        if symbol in _MARKS and phones:
            phones[-1] = Phone(phones[-1].symbol, phones[-1].start_s, at / rate)
        else:
            symbol = PAUSE if symbol in _MARKS else symbol
            phones.append(Phone(symbol, start / rate, at / rate))
    if not phones:
        return None
    return (*phones[:-1], Phone(phones[-1].symbol, phones[-1].start_s, total / rate))
