"""What a program holds in memory instead of a file: arrays, tensors, lists, bytes, open files."""

from __future__ import annotations

import os
import shutil
from io import BytesIO
from tempfile import TemporaryFile
from typing import IO, Any, Literal, TypeAlias, TypeGuard

import numpy as np

from vivavoce.errors import BadMedia
from vivavoce.media.files import PathLike, writing

Data: TypeAlias = bytes | bytearray | memoryview | IO[bytes]
"""The content of a file: its bytes, or an open binary file, which is read from its beginning."""


def is_path(given: object) -> TypeGuard[PathLike]:
    """Whether it names a file."""
    return isinstance(given, str | os.PathLike)


def is_data(given: object) -> TypeGuard[Data]:
    """Whether it is the content of a file, see `Data`."""
    return isinstance(given, bytes | bytearray | memoryview) or callable(
        getattr(given, "read", None)
    )


def opened(data: Data, what: str) -> IO[bytes]:
    """The content of a file, to be read from its beginning; `what` names it in messages.

    Raises: BadMedia: it is empty, closed, or gives no bytes.
    """
    file: Any = data if callable(getattr(data, "read", None)) else BytesIO(data)  # type: ignore[arg-type]
    try:
        if _seekable(file):
            file.seek(0)
        else:
            file = BytesIO(file.read())
        begin = file.read(1)
        file.seek(0)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise BadMedia(f"{what} is an open file that cannot be read ({error}).") from None
    if not isinstance(begin, bytes):
        raise BadMedia(f"{what} is a file that was opened as text. Open it with mode 'rb'.")
    if not begin:
        raise BadMedia(f"{what} is empty (0 bytes).")
    return file


def _seekable(file: Any) -> bool:
    ask = getattr(file, "seekable", None)
    return bool(ask()) if callable(ask) else hasattr(file, "seek")


class HeldFile(os.PathLike[str]):
    """A file without a name, with the content of an open one, for readers that open it by a path.

    It is gone when nobody holds this any more. As a text it is `what`, so messages call it so.
    """

    def __init__(self, data: Data, what: str) -> None:
        """Write the content of `data` to a file that messages call `what`.

        Raises: BadMedia: see `opened`. CannotWrite: the disk is full.
        """
        self._what = what
        with writing(what):
            self._file = TemporaryFile()  # noqa: SIM115
            shutil.copyfileobj(opened(data, what), self._file)
            self._file.flush()

    def __fspath__(self) -> str:
        return f"/proc/self/fd/{self._file.fileno()}"

    def __str__(self) -> str:
        return self._what

    def __del__(self) -> None:
        self._file.close()

    def open(self, mode: Literal["rb"]) -> IO[bytes]:
        """The file, opened once more, at its beginning."""
        return open(self, mode)


def as_array(given: Any) -> np.ndarray | None:
    """Numbers as an array: a NumPy array, a tensor of torch on any device, nested lists of numbers,
    or whatever else NumPy turns into an array of numbers; None: it is nothing of these."""
    if isinstance(given, str | bytes | dict | set) or given is None:
        return None
    if hasattr(given, "detach"):  # torch: off the graph, off the GPU, into a type that NumPy has
        given = given.detach().cpu()
        given = given.float() if "bfloat16" in str(given.dtype) else given
    elif not isinstance(given, list | tuple | np.ndarray | np.generic) and not any(
        hasattr(given, way) for way in ("__array__", "__array_interface__", "__dlpack__")
    ):
        return None
    try:
        array = np.asarray(given)
    except (ValueError, TypeError, RuntimeError):
        return None
    return array if array.dtype.kind in "biuf" else None


def described(given: object) -> str:
    """What was given, in the words of a message: its kind, and the shape or the value if short."""
    kind = {"ndarray": "NumPy array"}.get(type(given).__name__, type(given).__name__)
    if isinstance(given, str | int | float | bool) or given is None:
        value = repr(given)
        return f"{value if len(value) <= 60 else value[:57] + '...'} ({kind})"
    shape = getattr(given, "shape", None)
    if shape is not None:
        return f"{_a(kind)} of shape {list(shape)} and type {getattr(given, 'dtype', 'unknown')}"
    if isinstance(given, list | tuple | dict | set):
        inside = ", ".join(dict.fromkeys(type(one).__name__ for one in list(given)[:20]))
        return f"{_a(kind)} of {inside}" if inside else f"an empty {kind}"
    return _a(kind)


def _a(noun: str) -> str:
    return f"an {noun}" if noun[:1].lower() in "aeiou" else f"a {noun}"
