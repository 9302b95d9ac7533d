"""The folder of real clips and its manifest.csv: what may train a checkpoint that is given away."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from vivavoce.errors import RequestError
from vivavoce.systems.stage import Run


@dataclass(frozen=True)
class Row:
    """One file of the folder, as manifest.csv describes it."""

    file: str
    """Path of the file below the folder."""
    kind: str
    """Kind of the file: "portrait", "audio", or a word that begins with "video"."""
    notes: str
    """Notes on the file, in free words."""
    person: str
    """Who is seen or heard, so that people can be held out; the file's path if nobody is named."""
    generated: bool
    """Whether another system made it, so that it shows or says what no real person did."""
    may_train: bool
    """Whether its licence lets a checkpoint that learned from it be given away."""

    @property
    def folder(self) -> str:
        """First folder of the file's path."""
        return self.file.split("/")[0]


def rows(real: Path, may_train: bool = True) -> list[Row]:
    """The files of a folder of real clips, in the order of its manifest.

    Args:
        real: The folder.
        may_train: True: what a checkpoint that ships may learn from: the licence allows it, and no
            other system made it. False: all the rest, which may only measure one.

    Raises: RequestError: there is no manifest, or it lacks a column.
    """
    path = real / "manifest.csv"
    if not path.is_file():
        raise RequestError(
            f"There is no manifest.csv in {real}. Give the folder of real clips with --real; its "
            "manifest says for each clip whether it may train what ships."
        )
    try:
        with path.open(newline="", encoding="utf-8") as file:
            found = [_row(values) for values in csv.DictReader(file)]
    except KeyError as error:
        raise RequestError(
            f"{path} has no column {error}. It needs: file, kind, notes, may_train_shipped."
        ) from None
    return [row for row in found if (row.may_train and not row.generated) == may_train]


def _row(values: dict[str, str]) -> Row:
    notes = values["notes"]
    named = re.search(r"person=([^;\s]+)", notes)
    return Row(
        file=values["file"],
        kind=values["kind"],
        notes=notes,
        person=named[1] if named else values["file"],
        generated="AI-GENERATED" in notes,
        may_train=values["may_train_shipped"] == "yes",
    )


def real_folder(run: Run) -> Path:
    """The folder of real clips that --real names.

    Raises: RequestError: none is named, or it has no manifest.
    """
    if run.data is None:
        raise RequestError("Give the folder of real clips, with its manifest.csv: --real FOLDER.")
    rows(run.data)
    return run.data
