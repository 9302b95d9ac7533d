"""Folders that long work fills: whose they are, their small files, and errors on the way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vivavoce.errors import CannotWrite, RequestError, VivavoceError
from vivavoce.media.files import beside


def write_json(file: Path, value: Any) -> None:
    """Write `value` as JSON to `file`, whole or not at all.

    Raises: CannotWrite: no space, no permission."""
    text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
    with beside(file) as part:
        part.write_text(text, "utf-8")


def claim(
    folder: Path, name: str, wanted: Mapping[str, Any], absent: Mapping[str, Any] | None = None
) -> None:
    """Take a new or empty folder for work that `wanted` describes, by a file `name` in it; or find
    that the folder holds the same work begun.

    Args:
        folder: Made if it is not there.
        name: Name of the file that says what the folder holds, e.g. "corpus.json".
        wanted: Everything that decides the bits of the work, as plain values.
        absent: Values of settings that older files do not name.

    Raises: RequestError: the folder holds other work, or something else. CannotWrite: no space, no
    permission.
    """
    file = folder / name
    try:
        if file.is_file():
            _compare(folder, {**(absent or {}), **json.loads(file.read_text("utf-8"))}, wanted)
            return
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise RequestError(
                f"{folder} is there already and holds no {name}. Give a new or an empty folder."
            )
        folder.mkdir(parents=True, exist_ok=True)
        write_json(file, dict(wanted))
    except OSError as error:
        raise CannotWrite(f"{folder} cannot be written: {error.strerror or error}.") from None
    except ValueError:
        raise RequestError(f"{file} cannot be read. Delete the folder, or give another.") from None


def _compare(folder: Path, there: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    other = [
        f"{key} {_short(there.get(key))}, not {_short(value)}"
        for key, value in wanted.items()
        if there.get(key) != value
    ]
    if other:
        raise RequestError(
            f"{folder} was begun with {'; '.join(other)}. Give another folder, or the same "
            "settings to go on with it."
        )


def _short(value: Any) -> str:
    """A value as a message shows it: of a list its length alone."""
    return f"{len(value)} of them" if isinstance(value, list) else str(value)


def failure(what: str, error: Exception | None) -> VivavoceError:
    """The error to raise where `what` could not be made: `error` itself if it is one of ours, or
    one that names it."""
    if isinstance(error, VivavoceError):
        return error
    raised = VivavoceError(f"{what} could not be made ({type(error).__name__}: {error}).")
    raised.__cause__ = error
    return raised
