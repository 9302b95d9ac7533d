"""Live Link Face, Epic's format: rows of a CSV, and packets of UDP. Axes: `docs/conventions.md`.

The two do not agree on an order: the CSV has names, and the packet has places, those of Unreal's
`EARFaceBlendShape`, where jaw and mouth have left before right.
"""

from __future__ import annotations

import csv
import struct
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import numpy as np

from vivavoce.errors import BadMedia
from vivavoce.media.files import PathLike, existing
from vivavoce.types import ARKIT, ARKIT_INDEX, FPS, RATES, Float, Motion

ROTATIONS = (
    "HeadYaw", "HeadPitch", "HeadRoll", "LeftEyeYaw", "LeftEyePitch", "LeftEyeRoll",
    "RightEyeYaw", "RightEyePitch", "RightEyeRoll",
)  # fmt: skip
COLUMNS = tuple(name[0].upper() + name[1:] for name in ARKIT) + ROTATIONS
"""The 61 columns after the timecode and the count, as Epic's Live Link Face app names them."""

_SWAPPED = (("jawRight", "jawLeft"), ("mouthRight", "mouthLeft"))
VERSION = 6
"""Version of the packet's format."""
DEVICE = str(uuid5(NAMESPACE_URL, "vivavoce"))
"""Identity of the sender in a packet; readers count on the 36 letters of a UUID."""


def by_place() -> list[int]:
    """Which of `COLUMNS` stands at each of the packet's 61 places."""
    order = list(range(len(COLUMNS)))
    for one, other in _SWAPPED:
        i, k = ARKIT_INDEX[one], ARKIT_INDEX[other]
        order[i], order[k] = k, i
    return order


def rows(motion: Motion) -> Float:
    """[T, 61] in the order of `COLUMNS`; both eyes look the same way and do not roll."""
    eye = np.column_stack([motion.gaze, np.zeros(len(motion), np.float32)])
    return np.column_stack([motion.expression, motion.pose[:, :3], eye, eye])


def packets(motion: Motion, frame: int, subject: str = "vivavoce") -> Iterator[bytes]:
    """One UDP packet for each frame of "arkit52" motion; the first has the number `frame`.

    Big-endian: the version, device and subject (each with its length before it), the frame's number
    and its fraction, the rate as a fraction, the count of values and the 61 values by their place.
    """
    device, name = DEVICE.encode("ascii"), subject.encode("utf-8")
    head = struct.pack("!B", VERSION)
    for words in (device, name):
        head += struct.pack("!i", len(words)) + words
    for k, row in enumerate(rows(motion)[:, by_place()]):
        when = struct.pack("!ifii", frame + k, 0.0, motion.fps, 1)
        yield head + when + struct.pack(f"!B{len(row)}f", len(row), *row)


def timecode(frame: int, fps: int = FPS) -> str:
    """HH:MM:SS:FF.mmm of a frame at `fps` a second; the last part, within the frame, is 0."""
    seconds, rest = divmod(frame, fps)
    minutes, second = divmod(seconds, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{second:02}:{rest:02}.000"


def write_csv(motions: Iterable[Motion], part: Path) -> int:
    """Write rows as they come, so that memory does not grow; how many there were."""
    frame = 0
    with part.open("w", newline="", encoding="ascii") as file:
        file.write(",".join(("Timecode", "BlendShapeCount", *COLUMNS)) + "\n")
        for motion in motions:
            for row in rows(motion):
                values = ",".join(f"{value:.6f}" for value in row)
                file.write(f"{timecode(frame, motion.fps)},{len(COLUMNS)},{values}\n")
                frame += 1
    return frame


def read_csv(path: PathLike) -> Motion:
    """Motion from a Live Link Face CSV: a row a frame, columns found by name, gaze the mean of both
    eyes, the head's place 0.

    The rate is the smallest of `types.RATES` that the frame numbers of the time codes fit in; 25
    where they do not tell it.

    Raises: BadMedia: no such file, or not that format.
    """
    file = existing(path, "Live Link Face CSV")
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            table = csv.reader(lines)
            where = _places(next(table, []), file)
            times: list[str] = []
            values = list(_values(table, where, times, file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadMedia(f"{file} is not a Live Link Face CSV ({error}).") from None
    if not values:
        raise BadMedia(f"{file} has no rows.")
    numbers = np.array(values, np.float64)
    if not (fine := np.isfinite(numbers).all(1)).all():
        raise BadMedia(f"{file} holds a value that is no number in frame {fine.argmin() + 1}.")
    count = len(ARKIT)
    head, left, right = numbers[:, count : count + 3], numbers[:, count + 3 :], numbers[:, -3:]
    pose = np.column_stack([head, np.zeros((len(numbers), 3))]).astype(np.float32)
    gaze = ((left[:, :2] + right[:, :2]) / 2).astype(np.float32)
    return Motion(numbers[:, :count].astype(np.float32), pose, gaze, fps=_rate(times))


def _places(header: list[str], file: Path) -> list[int]:
    found = {name.strip().lower(): i for i, name in enumerate(header)}
    missing = [name for name in COLUMNS if name.lower() not in found]
    if missing:
        raise BadMedia(f"{file} is not a Live Link Face CSV: it has no column {missing[0]}.")
    return [found[name.lower()] for name in COLUMNS]


def _values(
    table: Iterable[list[str]], where: list[int], times: list[str], file: Path
) -> Iterator[list[float]]:
    for number, row in enumerate(table, start=2):
        if not row:
            continue
        times.append(row[0])
        try:
            yield [float(row[i]) for i in where]
        except (ValueError, IndexError):
            raise BadMedia(f"{file}, line {number}, is not a row of numbers.") from None


def _rate(times: Iterable[str]) -> int:
    """Frames a second of time codes: the rate that their highest frame number, the last before a
    new second, belongs to."""
    numbers = [time.replace(";", ":").split(":")[-1].partition(".")[0] for time in times]
    if not all(number.isdecimal() for number in numbers):
        return FPS
    frames = [int(number) for number in numbers]
    whole = any(after < before for before, after in pairwise(frames))
    fitting = [rate for rate in RATES if rate > max(frames)]
    return fitting[0] if whole and fitting else FPS
