"""Paths in and out: inputs that can be opened, outputs that are whole or not there at all."""

from __future__ import annotations

import errno
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TypeAlias
from uuid import uuid4

from vivavoce.errors import BadMedia, CannotWrite, OutputRefused

PathLike: TypeAlias = str | os.PathLike[str]


def existing(path: PathLike, kind: str) -> Path:
    """`path`, if it is a file that can be opened and is not empty; `kind` names it in messages.

    Raises: BadMedia: it is not.
    """
    file = Path(path)
    try:
        if file.is_dir():
            raise BadMedia(f"{file} is a folder. Give a {kind} file.")
        if not file.exists():
            raise BadMedia(f"There is no {kind} {file}. Check the path.")
        if not file.is_file():
            raise BadMedia(f"{file} is not an ordinary file. Give a {kind} file.")
        if file.stat().st_size == 0:
            raise BadMedia(f"{file} is empty (0 bytes). Give a {kind} file.")
        with file.open("rb"):
            pass
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadMedia(f"{file} cannot be opened ({reason}). Give a {kind} file.") from None
    return file


def check_output(path: PathLike, force: bool = False, suffixes: Sequence[str] = ()) -> Path:
    """The file that will be written, links followed; call this before any work.

    `suffixes` (with dots, lower case) are those that the path may end with; none: any.

    Raises: OutputRefused: wrong suffix, a folder, no such folder, or it exists and not `force`.
    CannotWrite: no permission.
    """
    given = Path(path)
    if suffixes and given.suffix.lower() not in suffixes:
        better = given.with_suffix(suffixes[0]) if given.name else suffixes[0]
        raise OutputRefused(f"{given} must end with {_either(suffixes)}, for example {better}.")
    try:
        target = given.resolve()
        if target.is_dir():
            raise OutputRefused(f"{given} is a folder. Give the name of a file.")
        if not target.parent.is_dir():
            raise OutputRefused(f"There is no folder {target.parent}. Make it first.")
        if target.exists() and not target.is_file():
            raise OutputRefused(f"{given} is not an ordinary file. Give the name of a file.")
        if target.exists() and not force:
            raise OutputRefused(f"{given} exists. Use --force to replace it.")
    except (OSError, ValueError, RuntimeError) as error:
        raise OutputRefused(f"{given} cannot be used as an output file ({error}).") from None
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise CannotWrite(
            f"The folder {target.parent} cannot be written to. Choose another folder."
        )
    return target


def _either(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " or " + words[-1]


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """A hidden `.part` file beside `target`, renamed to it when the block ends well.

    On any exception, Ctrl-C or SIGTERM the part is removed and `target` stays as it was; after
    SIGKILL only the part is left.
    """
    part = target.with_name(f".{target.name[:100]}.{uuid4().hex[:8]}.part")
    with _sigterm_raises():
        try:
            yield part
            with writing(target):
                os.replace(part, target)
        except BaseException:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """Tell failures of the file system in the block (PyAV's too) as `CannotWrite`."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            reason = f"The disk is full: {target} was not written. Free some space"
        else:
            reason = f"{target} cannot be written ({error.strerror or error}). Try again"
        raise CannotWrite(f"{reason} or choose another folder.") from error


@contextmanager
def _sigterm_raises() -> Iterator[None]:
    """Within the block SIGTERM raises SystemExit, so that `finally` and `except` still run.

    Only where nobody else handles SIGTERM, and only in the main thread (Python allows no other).
    """

    def stop(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
