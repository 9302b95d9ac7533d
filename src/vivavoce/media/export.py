"""Motion out and in again: Live Link Face CSV, NumPy arrays, glTF. Axes: `docs/conventions.md`."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vivavoce.errors import BadMedia, CannotWrite, RequestError
from vivavoce.media.files import PathLike, beside, check_output, existing, writing
from vivavoce.media.gltf import read_glb, write_glb
from vivavoce.media.provenance import Provenance
from vivavoce.types import ARKIT, FPS, FaceModel, Float, Motion

__all__ = ["MOTION_SUFFIXES", "read_csv", "read_glb", "read_npz", "write_motion"]

MOTION_SUFFIXES = (".csv", ".npz", ".glb")
"""Suffixes that a motion file may have; they choose its format."""

ROTATIONS = (
    "HeadYaw", "HeadPitch", "HeadRoll", "LeftEyeYaw", "LeftEyePitch", "LeftEyeRoll",
    "RightEyeYaw", "RightEyePitch", "RightEyeRoll",
)  # fmt: skip
COLUMNS = tuple(name[0].upper() + name[1:] for name in ARKIT) + ROTATIONS
"""The 61 columns after the timecode and the count, as Epic's Live Link Face app names them."""


@dataclass(frozen=True)
class Written:
    """Facts about a motion file that was written."""

    path: Path
    """Path of the file."""
    seconds: float
    """Length of the motion in seconds."""
    frames: int
    """Number of frames, 25 a second."""


def write_motion(
    motions: Iterable[Motion],
    path: PathLike,
    model: FaceModel | None = None,
    identity: Float | None = None,
    provenance: Provenance | None = None,
    force: bool = False,
) -> Written:
    """Write motion by the path's suffix, whole or not at all.

    - `.csv`: Live Link Face rows (radians, six decimals; the head's place is not in that format),
      written as they come, so memory does not grow;
    - `.npz`: `expression` [T, E], `pose` [T, 6], `gaze` [T, 2], `fps`, `space`, `names`;
    - `.glb`: the mesh of `model` with the shape `identity` [I], 52 morph targets, and their
      animation with that of the head and the gaze.

    `provenance` goes into npz and glb; the CSV format has no place for it.

    Raises: OutputRefused, CannotWrite: see `check_output`. RequestError: a csv or glb of motion
    that is not in "arkit52", or a glb without `model`.
    """
    target = check_output(path, force, MOTION_SUFFIXES)
    kind = target.suffix.lower()
    if kind == ".glb" and model is None:
        raise RequestError(f"{path} needs a face model for its mesh: give one, or write .csv.")
    if identity is not None and not np.isfinite(identity).all():
        raise BadMedia("The identity of the face holds a value that is no number.")
    motions = _fitting(motions, kind)
    with beside(target, force) as part, writing(target):
        if kind == ".csv":
            frames = _write_csv(motions, part)
        else:
            whole = _joined(motions)
            frames = len(whole)
            if kind == ".npz":
                _write_npz(whole, part, provenance)
            elif model is not None and frames:
                write_glb(whole, part, model, identity, provenance)
        if not frames:
            raise CannotWrite(f"The motion has no frames: {target} was not written.")
    return Written(Path(path), frames / FPS, frames)


def _fitting(motions: Iterable[Motion], kind: str) -> Iterator[Motion]:
    """The same motions, each checked for what the format `kind` can hold."""
    count = 0
    for motion in motions:
        if kind != ".npz" and motion.space != "arkit52":
            raise RequestError(
                f"Motion in the space {motion.space!r} cannot be written as {kind}: that format "
                "holds ARKit coefficients (arkit52). Write .npz."
            )
        if (wrong := _first_odd(motion)) is not None:
            at = (count + wrong) / FPS
            raise BadMedia(f"The motion holds a value that is no number at {at:.2f} s.")
        count += len(motion)
        yield motion


def _first_odd(motion: Motion) -> int | None:
    """The first frame that holds a value that is no finite number; None: there is none."""
    fine = np.isfinite(np.concatenate([motion.expression, motion.pose, motion.gaze], 1)).all(1)
    return None if fine.all() else int(fine.argmin())


def _checked(motion: Motion, file: Path) -> Motion:
    if (wrong := _first_odd(motion)) is not None:
        raise BadMedia(f"{file} holds a value that is no number in frame {wrong + 1}.")
    return motion


def _joined(motions: Iterable[Motion]) -> Motion:
    parts = list(motions)
    if not parts:
        none = np.zeros((0, 6), np.float32)
        return Motion(np.zeros((0, len(ARKIT)), np.float32), none, none[:, :2])
    return Motion(
        np.concatenate([m.expression for m in parts]),
        np.concatenate([m.pose for m in parts]),
        np.concatenate([m.gaze for m in parts]),
        parts[0].space,
    )


def timecode(frame: int) -> str:
    """HH:MM:SS:FF.mmm of a frame at 25 a second; the last part, within the frame, is 0."""
    seconds, rest = divmod(frame, FPS)
    minutes, second = divmod(seconds, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{second:02}:{rest:02}.000"


def _write_csv(motions: Iterable[Motion], part: Path) -> int:
    frame = 0
    with part.open("w", newline="", encoding="ascii") as file:
        file.write(",".join(("Timecode", "BlendShapeCount", *COLUMNS)) + "\n")
        for motion in motions:
            for row in _rows(motion):
                values = ",".join(f"{value:.6f}" for value in row)
                file.write(f"{timecode(frame)},{len(COLUMNS)},{values}\n")
                frame += 1
    return frame


def _rows(motion: Motion) -> np.ndarray:
    """[T, 61] in the order of `COLUMNS`; both eyes look the same way and do not roll."""
    eye = np.column_stack([motion.gaze, np.zeros(len(motion), np.float32)])
    return np.column_stack([motion.expression, motion.pose[:, :3], eye, eye])


def read_csv(path: PathLike) -> Motion:
    """Motion from a Live Link Face CSV: a row a frame, columns found by name, gaze the mean of both
    eyes, the head's place 0.

    Raises: BadMedia: no such file, or not that format.
    """
    file = existing(path, "Live Link Face CSV")
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            rows = csv.reader(lines)
            where = _places(next(rows, []), file)
            values = list(_values(rows, where, file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadMedia(f"{file} is not a Live Link Face CSV ({error}).") from None
    if not values:
        raise BadMedia(f"{file} has no rows.")
    table = np.array(values, np.float64)
    count = len(ARKIT)
    head, left, right = table[:, count : count + 3], table[:, count + 3 :], table[:, count + 6 :]
    pose = np.column_stack([head, np.zeros((len(table), 3))])
    gaze = (left[:, :2] + right[:, :2]) / 2
    expression = table[:, :count].astype(np.float32)
    return _checked(Motion(expression, pose.astype(np.float32), gaze.astype(np.float32)), file)


def _places(header: list[str], file: Path) -> list[int]:
    found = {name.strip().lower(): i for i, name in enumerate(header)}
    missing = [name for name in COLUMNS if name.lower() not in found]
    if missing:
        raise BadMedia(f"{file} is not a Live Link Face CSV: it has no column {missing[0]}.")
    return [found[name.lower()] for name in COLUMNS]


def _values(rows: Iterable[list[str]], where: list[int], file: Path) -> Iterator[list[float]]:
    for number, row in enumerate(rows, start=2):
        if not row:
            continue
        try:
            yield [float(row[i]) for i in where]
        except (ValueError, IndexError):
            raise BadMedia(f"{file}, line {number}, is not a row of numbers.") from None


def _write_npz(motion: Motion, part: Path, provenance: Provenance | None) -> None:
    names = ARKIT if motion.space == "arkit52" else ()
    tags = provenance.tags() if provenance else {}
    with part.open("wb") as file:
        np.savez_compressed(
            file,
            expression=motion.expression,
            pose=motion.pose,
            gaze=motion.gaze,
            fps=np.float64(FPS),
            space=np.str_(motion.space),
            names=np.array(names, dtype=np.str_),
            comment=np.str_(tags.get("comment", "")),
        )


def read_npz(path: PathLike) -> Motion:
    """Motion from the arrays that `write_motion` wrote, bit by bit the same.

    Raises: BadMedia: no such file, or not such arrays.
    """
    file = existing(path, "motion")
    try:
        with np.load(file, allow_pickle=False) as arrays:
            space = str(arrays["space"])
            motion = Motion(arrays["expression"], arrays["pose"], arrays["gaze"], space)
    except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise BadMedia(f"{file} is not a motion file that vivavoce wrote ({error}).") from None
    return _checked(motion, file)
