"""The list of a batch: a CSV or JSON-lines file whose columns are the options of the commands."""

from __future__ import annotations

import csv
import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from vivavoce.errors import RequestError, UnknownName
from vivavoce.media.signature import LOCAL
from vivavoce.media.still import is_still
from vivavoce.speak.text import read_text_file
from vivavoce.systems.imagined import DRAWN, imagining
from vivavoce.systems.options import parsed
from vivavoce.types import FPS

SUFFIXES = (".csv", ".tsv", ".jsonl")
"""What a list may end with."""
MOST_BYTES = 500_000_000
"""Largest list that is read, in bytes."""
FILES = ("portrait", "text_file", "speech", "voice_sample", "pose")
"""Columns that name a file; a path that is not absolute is looked for beside the list."""

ABOUT_FILES = ("output", "keep", "sound", "mark", "sign", "strict")
"""Columns about reading and writing, which a `Talker` is not asked."""
SPEAK_ONLY = ("portrait", "voice_sample", "instruction", "face", "background")
IMAGINE_ONLY = ("prompt", "render", "keep")


def _settings(value: Any) -> Any:
    """Options of a system from "name=value name=value", a list of such, or a mapping."""
    if isinstance(value, str):
        value = shlex.split(value)
    return parsed(value) if isinstance(value, list) else value


class Job(BaseModel):
    """What a row asks for: the options of a command, by their names."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    command: Literal["speak", "imagine"] = "speak"
    """Command that makes the clip."""
    output: str = ""
    """Path of the clip below the folder of the batch; the row's number with .mp4 if none."""
    keep: str = ""
    """Path below the folder of the batch where an imagined person is stored."""
    system: str | None = None
    """Name of the system; portrait speaks and drawn imagines, if none."""
    portrait: Path | None = None
    text: str | None = None
    text_file: Path | None = None
    speech: Path | None = None
    voice: str | None = None
    voice_sample: Path | None = None
    instruction: str | None = None
    prompt: str | None = None
    pose: Path | None = None
    emotion: str = "neutral"
    rate: float = 1.0
    fps: int = FPS
    seed: int = 0
    size: int | Literal["full"] = 512
    still: bool = False
    lively: float = 1.0
    face: int | None = None
    background: str | None = None
    sound: str = "recording"
    render: str | None = None
    """Who draws an imagined person, as --render of `vivavoce imagine`."""
    mark: bool = True
    sign: str | None = None
    """Who signs the clip, as --sign: local, or a PEM file."""
    strict: bool = False
    set: Annotated[dict[str, Any], BeforeValidator(_settings)] = {}
    """Options of the system, as --set has them: "name=value name=value"."""

    @property
    def talker(self) -> str:
        """Name of the system that makes the clip.

        Raises: RequestError: `render` does not go with it.
        """
        if self.command == "imagine":
            return imagining(self.system, self.render)
        return self.system or "portrait"

    @property
    def is_face(self) -> bool:
        """Whether a face alone is asked for, not a clip."""
        return self.command == "imagine" and is_still(self.output)

    def check(self) -> None:
        """Hold the columns against the command.

        Raises: RequestError: one belongs to the other command, or two exclude each other.
        """
        if self.text is not None and self.text_file is not None:
            raise RequestError("Give text or text_file, not both.")
        foreign = IMAGINE_ONLY if self.command == "speak" else SPEAK_ONLY
        for name in foreign:
            if getattr(self, name) != type(self).model_fields[name].default:
                raise RequestError(f"The command {self.command} has no {name}.")

    def behind(self, beside: Path) -> str | None:
        """The background: none, a colour, or the path of a picture."""
        file = beside / (self.background or "")
        return str(file) if file.is_file() else self.background

    def signer(self, beside: Path) -> str | None:
        """Who signs the clip: "local", or the path of a PEM file."""
        return self.sign if self.sign in (None, LOCAL) else str(beside / str(self.sign))

    def file(self, column: str, beside: Path) -> Path | None:
        """The file that a column of `FILES` names; one that is not absolute lies in `beside`."""
        named: Path | None = getattr(self, column)
        return None if named is None else beside / named

    def asked(self, beside: Path) -> dict[str, Any]:
        """The arguments of a `Talker` that the row stands for; its files lie in `beside`."""
        plain = self.model_dump(exclude={*FILES, *ABOUT_FILES, "command", "system", "set"})
        files = {name: self.file(name, beside) for name in FILES if name != "text_file"}
        file = self.file("text_file", beside)
        words = self.text if file is None else read_text_file(file)
        voice = self.voice
        if voice is not None and voice.lower().endswith(".onnx"):
            voice = str(beside / voice)
        size = None if self.size == "full" else self.size
        drawn = {} if plain.pop("render") in (None, DRAWN) else {"render": self.render}
        return {
            **plain,
            **files,
            "text": words,
            "voice": voice,
            "size": size,
            "background": self.behind(beside),
            **drawn,
            **self.set,
        }


@dataclass(frozen=True)
class Row:
    """A row of a list, as it was read."""

    number: int
    """Its place in the list, from 1; a line of column names does not count."""
    job: Job | None
    """What it asks for; None: that is not known, see `flaw`."""
    flaw: Exception | None = None
    """Why it cannot be understood."""


def read_rows(path: Path) -> list[Row]:
    """All rows of a list: .csv (columns apart by commas, semicolons or tabs) or .jsonl (an object a
    line). Cells that are empty count as not given.

    Raises: RequestError: no such file, no list, or an empty one. What is wrong with single rows is
    told by their `flaw`.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise RequestError(f"A list of jobs ends with {', '.join(SUFFIXES)}, not {path.name}.")
    text = read_text_file(path, MOST_BYTES)
    values = _of_json(text) if path.suffix.lower() == ".jsonl" else _of_csv(text, path)
    rows = [_row(number, value) for number, value in enumerate(values, 1)]
    if not rows:
        raise RequestError(f"{path} holds no rows. Give at least one.")
    return rows


def _of_csv(text: str, path: Path) -> Iterator[Mapping[str, Any] | Exception]:
    first = text.partition("\n")[0]
    reader = csv.reader(StringIO(text, newline=""), delimiter=max(",;\t", key=first.count))
    try:
        names = [_column(name) for name in next(reader, [])]
        if twice := [name for name in names if names.count(name) > 1]:
            raise RequestError(f"{path} has two columns {twice[0]!r}.")
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(names):
                yield RequestError(
                    f"It has {len(cells)} cells, but there are {len(names)} columns. Put texts "
                    "with commas in quotes."
                )
            else:
                yield dict(zip(names, cells, strict=False))
    except csv.Error as error:
        raise RequestError(f"{path} is no table that can be read ({error}).") from None


def _of_json(text: str) -> Iterator[Mapping[str, Any] | Exception]:
    for line in text.splitlines():
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            yield RequestError(f"It is no JSON ({error}).")
            continue
        if isinstance(value, dict):
            yield {_column(name): v for name, v in value.items()}
        else:
            yield RequestError('It is no object such as {"portrait": "me.jpg", "text": "Hi."}.')


def _column(name: str) -> str:
    return name.strip().lower().lstrip("-").replace("-", "_")


def _row(number: int, value: Mapping[str, Any] | Exception) -> Row:
    if isinstance(value, Exception):
        return Row(number, None, value)
    given = {name: v for name, v in value.items() if v is not None and str(v).strip() != ""}
    for name in given:
        if name not in Job.model_fields:
            return Row(number, None, UnknownName("column", name, Job.model_fields))
    try:
        return Row(number, Job(**given))
    except ValidationError as error:
        first = error.errors()[0]
    except RequestError as error:
        return Row(number, None, error)
    name, why = str(first["loc"][0]), first["msg"][0].lower() + first["msg"][1:]
    flaw = RequestError(f"The column {name} cannot be {first['input']!r}: {why}.")
    return Row(number, None, flaw)
