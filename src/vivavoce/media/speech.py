"""Speech from whatever people hold: files, bytes, arrays with their rate, pieces as they come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from numbers import Real
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from vivavoce.errors import BadMedia
from vivavoce.media.files import PathLike
from vivavoce.media.held import Data, as_array, described, is_data, is_path
from vivavoce.media.read import file_of, probe_speech, read_speech, speech_from_array
from vivavoce.types import Speech

Speechlike: TypeAlias = (
    PathLike | Data | Speech | Iterable[Speech] | tuple[ArrayLike, float] | Mapping[str, Any]
)
"""A sound or video file, its bytes or the open file; samples with their rate, (samples, rate) or
(rate, samples), or a mapping of both; a `Speech`, or its pieces one after the other."""
TAKEN = (
    "a path, bytes or an open file of sound, a pair (samples, rate in hertz), a Speech, or its "
    "pieces"
)
"""What `heard` takes, in the words of its messages."""
RATES = ("sample_rate", "sampling_rate")
"""Keys under which mappings hold a rate: ComfyUI's and torchcodec's, and those of transformers and
datasets."""
SAMPLES = ("waveform", "array", "audio", "samples")
"""Keys under which such mappings hold samples."""


def heard(given: Speechlike) -> tuple[Iterator[Speech], float | None]:
    """The pieces of what is given as speech, and its length in seconds where it is known.

    Raises: BadMedia: it cannot be read, or is nothing that can be; says what it is. What pieces are
    is checked when they come.
    """
    if isinstance(given, Speech):
        return iter([given]), given.seconds
    if is_path(given) or is_data(given):
        file = file_of(given, "recording")
        return read_speech(file), probe_speech(file)
    if (sound := _sound(given)) is not None:
        speech = speech_from_array(*sound)
        return iter([speech]), speech.seconds
    if as_array(given) is not None and not _is_empty(given):
        raise BadMedia(
            f"Speech cannot be {described(given)} alone: its rate is not known. Give a pair "
            "(samples, rate in hertz)."
        )
    if isinstance(given, Mapping) or not isinstance(given, Iterable) or _is_empty(given):
        raise BadMedia(f"Speech cannot be {described(given)}. Give {TAKEN}.")
    if isinstance(given, list | tuple):
        return iter(list(_checked(iter(given)))), sum(piece.seconds for piece in given)
    return _checked(iter(given)), None


def _sound(given: object) -> tuple[np.ndarray, float] | None:
    """Samples and rate of a pair or a mapping; None: it is neither."""
    parts: tuple[object, ...] = ()
    if isinstance(given, Mapping):
        parts = tuple(
            next((given[key] for key in keys if key in given), None) for keys in (SAMPLES, RATES)
        )
    elif isinstance(given, tuple | list) and len(given) == 2:
        parts = tuple(given)
    if len(parts) != 2:
        return None
    samples, rate = parts if _is_rate(parts[1]) else parts[::-1]
    array = as_array(samples)
    if not _is_rate(rate) or array is None or array.ndim == 0:
        return None
    return array, float(rate)  # type: ignore[arg-type]


def _is_rate(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_empty(given: object) -> bool:
    return isinstance(given, list | tuple) and not given


def _checked(pieces: Iterator[object]) -> Iterator[Speech]:
    for number, piece in enumerate(pieces, 1):
        if not isinstance(piece, Speech):
            raise BadMedia(
                f"Piece {number} of the speech is {described(piece)}, not a Speech. Give {TAKEN}."
            )
        yield piece
