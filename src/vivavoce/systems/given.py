"""What people give becomes what systems know: each value of one kind, or refused in a sentence."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any, TypeVar

import numpy as np
from PIL import ImageColor

from vivavoce.errors import RequestError
from vivavoce.media.held import HeldFile, described, is_data, is_path
from vivavoce.media.picture import read_picture
from vivavoce.render.background import Background
from vivavoce.types import Bytes, Emotion, Face, Voice

Value = TypeVar("Value")


def settled(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a request, by their names, each of the kind that `Request` states.

    Whole numbers may be of any type, NumPy's and floats (512.0) among them; portraits and speech
    are read later, by who needs them.

    Raises: RequestError: one is of a kind that is not taken; says what it is, and what to give.
    """
    return {
        name: KINDS[name](name, value) if name in KINDS else value for name, value in asked.items()
    }


def _words(name: str, value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise RequestError(f"The {name} is written as words (str), not as {described(value)}.")


def _voice(name: str, value: object) -> str | Voice | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if callable(getattr(value, "speak", None)) and isinstance(getattr(value, "name", None), str):
        return value  # type: ignore[return-value]
    raise RequestError(
        f"The voice cannot be {described(value)}. Give a name that `vivavoce voices` lists, the "
        "path of a piper voice, or a Voice."
    )


def _pose(name: str, value: Any) -> str | os.PathLike[str] | Bytes | Face | None:
    if value is None or isinstance(value, Face) or is_path(value):
        return value
    return HeldFile(value, "The picture for the pose") if is_data(value) else read_picture(value)


def _emotion(name: str, value: object) -> Emotion:
    if value is None:
        return Emotion()
    if isinstance(value, str | Emotion):
        return Emotion.parse(value)
    raise RequestError(f'The emotion is written as "happy" or "happy:0.7", not {described(value)}.')


def _yes_or_no(name: str, value: object) -> bool:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise RequestError(f"The value of {name} is True or False, not {described(value)}.")


def _whole(name: str, value: object) -> int:
    if isinstance(value, Integral | float) and not isinstance(value, bool) and value % 1 == 0:
        return int(value)
    raise RequestError(f"The {name} is a whole number, not {described(value)}.")


def _number(name: str, value: object) -> float:
    if isinstance(value, Real) and not isinstance(value, bool):
        return float(value)
    raise RequestError(f"The {name} is a number, not {described(value)}.")


def _background(name: str, value: Any) -> Background | None:
    if value is None or isinstance(value, Background):
        return value
    if isinstance(value, str):
        if value.strip().lower() == "none":
            return Background(None)
        try:
            colour = ImageColor.getrgb(value.strip())[:3]
        except ValueError:
            if "." not in value and "/" not in value:
                raise RequestError(
                    f"The background is none, a colour such as #00ff00 or white, or a picture, not "
                    f"{described(value)}."
                ) from None
        else:
            return Background(np.full((1, 1, 3), colour, np.uint8))
    return Background(read_picture(value))


def _or_none(kind: Callable[[str, object], Value]) -> Callable[[str, object], Value | None]:
    return lambda name, value: None if value is None else kind(name, value)


KINDS: Mapping[str, Callable[[str, Any], Any]] = {
    "text": _words,
    "voice": _voice,
    "instruction": _words,
    "prompt": _words,
    "pose": _pose,
    "emotion": _emotion,
    "still": _yes_or_no,
    "face": _or_none(_whole),
    "seed": _whole,
    "size": _or_none(_whole),
    "rate": _number,
    "lively": _number,
    "fps": _whole,
    "background": _background,
}
"""Names of the fields of `Request` → functions that check a value and give it in their type."""
