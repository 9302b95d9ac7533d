"""Paths in and out: inputs that can be opened, outputs that are whole or not there at all."""

from __future__ import annotations

import errno
import os
import platform
import re
import shutil
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from types import FrameType
from typing import IO, TypeAlias
from uuid import uuid4

from vivavoce.errors import BadMedia, CannotWrite, OutputRefused

PathLike: TypeAlias = str | os.PathLike[str]

ENDING_NAMES = (
    "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGVTALRM", "SIGPROF",
    "SIGXCPU",
)  # fmt: skip
ENDING = tuple(getattr(signal, name) for name in ENDING_NAMES if hasattr(signal, name))
"""Signals that end a program and still let it remove what it has half written."""
PART = re.compile(r"\..+\.(?P<machine>[0-9a-f]{8})-(?P<process>\d+)\.[0-9a-f]{8}\.part")
"""Name of a file that is being written: whose program on which machine writes it."""
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/.+|data:.+", re.DOTALL)
"""Addresses such as https://example.org/me.png, which nobody means as a path."""


def existing(path: PathLike, kind: str) -> Path:
    """`path`, if it is a file that can be opened and is not empty; `kind` names it in messages.

    Raises: BadMedia: it is not.
    """
    file = Path(path)
    try:
        if _is_address(path) and not file.exists():
            raise BadMedia(
                f"{_shown(path)} is an address, and vivavoce reads files only. Download the "
                f"{kind} first and give its path."
            )
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
    if not isinstance(path, str | os.PathLike):
        raise OutputRefused(f"An output is named by its path, not by {type(path).__name__}.")
    given = Path(path)
    if suffixes and not suffix_of(given, suffixes):
        better = given.with_suffix(suffixes[0]) if given.name else suffixes[0]
        raise OutputRefused(f"{given} must end with {_either(suffixes)}, for example {better}.")
    if _is_address(path) and not given.parent.is_dir():
        raise OutputRefused(
            f"{_shown(path)} is an address, and vivavoce writes files only. Give a file's path."
        )
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


def check_open_output(file: IO[bytes]) -> None:
    """Make sure that an open file takes bytes.

    Raises: OutputRefused: it is no open file, closed, or opened for reading or as text.
    """
    kind = type(file).__name__
    if not callable(getattr(file, "write", None)):
        raise OutputRefused(f"The output is a path or an open binary file, not {kind}.")
    try:
        file.write(b"")
    except TypeError:
        raise OutputRefused("The output was opened as text. Open it with mode 'wb'.") from None
    except (OSError, ValueError) as error:
        raise OutputRefused(f"The output, {kind}, takes no bytes ({error}).") from None


def suffix_of(path: Path, suffixes: Sequence[str]) -> str:
    """Which of `suffixes` (such as ".csv" or ".a2f.json") the path ends with, in small or capital
    letters; "" if with none of them."""
    name = path.name.lower()
    return next((s for s in suffixes if name.endswith(s) and name != s), "")


def _is_address(path: PathLike) -> bool:
    return ADDRESS.match(os.fspath(path)) is not None


def _shown(path: PathLike) -> str:
    """An address as it was meant, for a path has lost one of its slashes; its beginning if long."""
    address = re.sub(r"^([A-Za-z][A-Za-z0-9+.-]+):/+", r"\1://", os.fspath(path))
    return address if len(address) <= 100 else f"{address[:100]}..."


def _either(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " or " + words[-1]


@contextmanager
def beside(target: Path, force: bool = True) -> Iterator[Path]:
    """A hidden `.part` file beside `target`, renamed to it when the block ends well.

    On any exception, Ctrl-C or a signal that ends the program the part is removed and `target`
    stays as it was; after SIGKILL only the part is left, and the next program that writes into the
    folder removes it. With `force` a file that is there is replaced; without it a file that
    appeared meanwhile stays, and what was made is thrown away.

    Raises: OutputRefused: `target` exists and not `force`. CannotWrite: a full disk, no permission.
    """
    part = part_of(target)
    with signals_raise():
        try:
            yield part
            with writing(target):
                if force:
                    os.replace(part, target)
                else:
                    _claim(part, target)
        except BaseException:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise


def write_text(target: Path, text: str, force: bool = True) -> None:
    """Write a text file in UTF-8, whole or not at all; see `beside`.

    Raises: OutputRefused: it exists and not `force`. CannotWrite: a full disk, no permission.
    """
    with beside(target, force) as part, writing(target):
        part.write_text(text, "utf-8")


def part_of(target: Path) -> Path:
    """A hidden name beside `target` that nothing has yet, of this program; parts of dead programs
    in the folder are removed."""
    remove_dead_parts(target.parent)
    name = os.fsencode(target.name)[:100].decode("utf-8", "ignore")
    return target.with_name(f".{name}.{_machine()}-{os.getpid()}.{uuid4().hex[:8]}.part")


def _claim(part: Path, target: Path) -> None:
    """Give `part` the name `target`, which no file has yet.

    Raises: OutputRefused: another program wrote `target` meanwhile.
    """
    try:
        try:
            os.link(part, target)
        except FileExistsError:
            raise
        except OSError:  # no hard links here: the name is taken by an empty file first
            os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            try:
                os.replace(part, target)
            except OSError:
                target.unlink()
                raise
        else:
            part.unlink()
    except FileExistsError:
        raise OutputRefused(
            f"{target} was made by another program meanwhile and is kept. Use --force to replace "
            "it, or choose another name."
        ) from None


@lru_cache(maxsize=4096)
def remove_dead_parts(folder: Path) -> None:
    """Remove the `.part` files (of a sequence: folders) in `folder` whose programs on this machine
    ended without removing them; once for each folder."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            owner = PART.fullmatch(entry.name)
            if owner and owner["machine"] == _machine() and not _lives(int(owner["process"])):
                with suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        shutil.rmtree(entry.path)
                    else:
                        os.unlink(entry.path)


@lru_cache(maxsize=1)
def _machine() -> str:
    """Eight letters for the machine, and the container in it, that counts its processes itself."""
    space = ""
    with suppress(OSError):
        space = os.readlink("/proc/self/ns/pid")
    return sha256(f"{platform.node()} {space}".encode()).hexdigest()[:8]


def _lives(process: int) -> bool:
    if os.name == "nt":  # os.kill would end the process there
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


@contextmanager
def writing(target: Path | str) -> Iterator[None]:
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
def signals_raise() -> Iterator[None]:
    """Within the block the signals of `ENDING` raise SystemExit, so `finally` and `except` run.

    Only those that nobody else handles, and only in the main thread (Python allows no other).
    """

    def stop(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    main = threading.current_thread() is threading.main_thread()
    ours = [n for n in ENDING if main and signal.getsignal(n) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)
