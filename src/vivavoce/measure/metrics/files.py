"""Files that hold no clips but what metrics over texts and vectors compare.

| file | what it holds |
|---|---|
| .txt | one text a line; line i of both files belongs together |
| .json | {key: text} or {key: [text, ...]}, several references of one text |
| .npy | vectors [N, D]; row i of both files is the same person |
| .npz | "vectors" [N, D], and in the reference "gender", "nationality" (words), "age" (years) |
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vivavoce.errors import RequestError
from vivavoce.types import Float

TEXTS, VECTORS = (".txt", ".json"), (".npy", ".npz")


@dataclass(frozen=True)
class Vectors:
    """Embeddings of N people, and what is known of each person (None: unknown)."""

    rows: Float
    """The embeddings [N, D], one row a person."""
    gender: Sequence[str | None]
    """A word for each person's gender."""
    nationality: Sequence[str | None]
    """A word for each person's nationality, or accent."""
    age: Sequence[float | None]
    """Each person's age in years."""


def read_texts(made: Path, true: Path) -> tuple[list[str], list[list[str]]]:
    """The texts of one file, and for each its references from the other file.

    Raises: RequestError: a file is unreadable, or the two do not hold the same texts.
    """
    ours, theirs = _texts(made), _texts(true)
    if ours.keys() != theirs.keys() or not ours:
        raise RequestError(
            f"{made} has {len(ours)} texts and {true} has {len(theirs)}: the same lines, or the "
            "same keys, belong in both."
        )
    if any(len(texts) != 1 for texts in ours.values()) or not all(theirs.values()):
        raise RequestError(f"{made} needs one text for each key, and {true} one or more.")
    return [ours[k][0] for k in ours], [theirs[k] for k in ours]


def _texts(file: Path) -> dict[str, list[str]]:
    try:
        whole = file.read_text("utf-8")
        if file.suffix.lower() == ".txt":
            return {str(i): [line] for i, line in enumerate(whole.splitlines())}
        held = json.loads(whole)
    except (OSError, ValueError) as error:
        raise RequestError(f"{file} cannot be read as texts ({error}).") from None
    if not isinstance(held, dict):
        raise RequestError(f"{file} must hold {{key: text}} or {{key: [text, ...]}}.")
    return {k: [v] if isinstance(v, str) else [str(x) for x in v] for k, v in held.items()}


def read_vectors(made: Path, true: Path) -> tuple[Vectors, Vectors]:
    """The vectors of two files, row by row the same people.

    Raises: RequestError: a file is unreadable, or the two are not of one shape.
    """
    ours, theirs = _vectors(made), _vectors(true)
    if ours.rows.shape != theirs.rows.shape:
        raise RequestError(
            f"{made} holds {ours.rows.shape} numbers and {true} {theirs.rows.shape}: row i of both "
            "must be the same person, with as many numbers."
        )
    return ours, theirs


def _vectors(file: Path) -> Vectors:
    try:
        held: Any = np.load(file, allow_pickle=False)
        rows = held if isinstance(held, np.ndarray) else held["vectors"]
        rows = np.asarray(rows, np.float32)
        known = {} if isinstance(held, np.ndarray) else {k: held[k].tolist() for k in held.files}
    except (OSError, ValueError, KeyError) as error:
        raise RequestError(f"{file} cannot be read as vectors [N, D] ({error}).") from None
    if rows.ndim != 2 or len(rows) < 2:
        raise RequestError(f"{file} holds numbers of shape {rows.shape}, not vectors [N, D].")
    nobody: list[None] = [None] * len(rows)
    return Vectors(rows, *(known.get(k, nobody) for k in ("gender", "nationality", "age")))
