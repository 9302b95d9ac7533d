"""Motion out and in again, by the suffix of the file. Axes: `docs/conventions.md`."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from vivavoce.errors import BadMedia, CannotWrite, RequestError
from vivavoce.media import rhubarb, talkinghead
from vivavoce.media.audio2face import write_audio2face
from vivavoce.media.bvh import write_bvh
from vivavoce.media.files import PathLike, beside, check_output, existing, suffix_of, writing
from vivavoce.media.gltf import read_glb, write_glb
from vivavoce.media.livelink import read_csv, write_csv
from vivavoce.media.provenance import Provenance
from vivavoce.types import ARKIT, FPS, RATES, FaceModel, Float, Motion, Phone

__all__ = ["MOTION_SUFFIXES", "Said", "read_csv", "read_glb", "read_npz", "write_motion"]

MOUTH_SUFFIXES = (".visemes.json", ".rhubarb.json", ".tsv", ".xml")
"""Suffixes of files that hold mouth shapes and no motion."""
MOTION_SUFFIXES = (
    ".csv", ".npz", ".glb", ".bvh", ".a2f.json", ".anim.json", *MOUTH_SUFFIXES,
)  # fmt: skip
"""Suffixes that a motion file may have; they choose its format."""


class Said(Protocol):
    """Whoever knows the mouth shapes of a motion, once it was read to its end."""

    def visemes(self) -> Sequence[Phone]:
        """Oculus's visemes in order."""

    def mouth_shapes(self) -> Sequence[Phone]:
        """Rhubarb's mouth shapes in order."""


@dataclass(frozen=True)
class Written:
    """Facts about a motion file that was written."""

    path: Path
    """Path of the file."""
    seconds: float
    """Length of the motion in seconds."""
    frames: int
    """Number of frames."""


@dataclass(frozen=True)
class _Extras:
    """What some formats hold besides the motion."""

    model: FaceModel | None
    identity: Float | None
    provenance: Provenance | None
    said: Said | None
    sound: str


def write_motion(
    motions: Iterable[Motion],
    path: PathLike,
    model: FaceModel | None = None,
    identity: Float | None = None,
    provenance: Provenance | None = None,
    force: bool = False,
    said: Said | None = None,
    sound: str = "",
) -> Written:
    """Write motion by the path's suffix, whole or not at all.

    - `.csv`: Live Link Face rows (radians, six decimals; the head's place is not in that format),
      written as they come, so memory does not grow;
    - `.npz`: `expression` [T, E], `pose` [T, 6], `gaze` [T, 2], `fps`, `space`, `names`;
    - `.glb`: the mesh of `model` with the shape `identity` [I], 72 morph targets, and their
      animation with that of the head and the gaze;
    - `.bvh`: the head and the eyes as joints;
    - `.a2f.json`: Audio2Face's weights; `.anim.json`: TalkingHead's curves;
    - `.visemes.json` (HeadTTS, TalkingHead), `.rhubarb.json`, `.tsv`, `.xml` (Rhubarb): the mouth
      shapes that `said` knows.

    `provenance` goes into npz and glb; the other formats have no place for it. `sound` is the path
    of the recording that Audio2Face's and Rhubarb's files name.

    Raises: OutputRefused, CannotWrite: see `check_output`. RequestError: motion that is not in
    "arkit52" for another format than npz; a glb without `model`, mouth shapes without `said`.
    """
    target = check_output(path, force, MOTION_SUFFIXES)
    kind = suffix_of(target, MOTION_SUFFIXES)
    if kind == ".glb" and model is None:
        raise RequestError(f"{path} needs a face model for its mesh: give one, or write .csv.")
    if kind in MOUTH_SUFFIXES and said is None:
        raise RequestError(f"{path} needs what was said: give `said`, or write .csv.")
    if identity is not None and not np.isfinite(identity).all():
        raise BadMedia("The identity of the face holds a value that is no number.")
    motions = _fitting(motions, kind)
    with beside(target, force) as part, writing(target):
        if kind == ".csv":
            motions = _Counted(motions)
            write_csv(motions, part)
            frames, fps = motions.frames, motions.fps
        else:
            whole = _joined(motions)
            frames, fps = len(whole), whole.fps
            if frames:
                _write(whole, kind, part, _Extras(model, identity, provenance, said, sound))
        if not frames:
            raise CannotWrite(f"The motion has no frames: {target} was not written.")
    return Written(Path(path), frames / fps, frames)


def _write(motion: Motion, kind: str, part: Path, more: _Extras) -> None:
    if kind == ".npz":
        _write_npz(motion, part, more.provenance)
    elif kind == ".glb":
        assert more.model is not None
        write_glb(motion, part, more.model, more.identity, more.provenance)
    elif kind == ".bvh":
        write_bvh(motion, part)
    elif kind == ".a2f.json":
        write_audio2face(motion, part, more.sound)
    elif kind == ".anim.json":
        talkinghead.write_curves(motion, part)
    else:
        assert more.said is not None
        _write_mouth(more.said, kind, part, more.sound)


def _write_mouth(said: Said, kind: str, part: Path, sound: str) -> None:
    if kind == ".visemes.json":
        talkinghead.write_visemes(said.visemes(), part)
    elif kind == ".rhubarb.json":
        rhubarb.write_json(said.mouth_shapes(), part, sound)
    elif kind == ".xml":
        rhubarb.write_xml(said.mouth_shapes(), part, sound)
    else:
        rhubarb.write_tsv(said.mouth_shapes(), part)


class _Counted:
    """The same motions, counted while they are read."""

    def __init__(self, motions: Iterable[Motion]) -> None:
        self._motions, self.frames, self.fps = motions, 0, FPS

    def __iter__(self) -> Iterator[Motion]:
        for motion in self._motions:
            self.frames, self.fps = self.frames + len(motion), motion.fps
            yield motion


def _fitting(motions: Iterable[Motion], kind: str) -> Iterator[Motion]:
    """The same motions, each checked for what the format `kind` can hold."""
    count = 0
    for motion in motions:
        if kind != ".npz":
            check_arkit(motion, kind)
        if (wrong := _first_odd(motion)) is not None:
            at = (count + wrong) / motion.fps
            raise BadMedia(f"The motion holds a value that is no number at {at:.2f} s.")
        count += len(motion)
        yield motion


def check_arkit(motion: Motion, kind: str) -> None:
    """Refuse motion that a format of other programs cannot hold.

    Raises: RequestError: it is not in "arkit52".
    """
    if motion.space != "arkit52":
        raise RequestError(
            f"Motion in the space {motion.space!r} cannot be written as {kind}: that format "
            "holds ARKit coefficients (arkit52). Write .npz."
        )


def _first_odd(motion: Motion) -> int | None:
    """The first frame that holds a value that is no finite number; None: there is none."""
    fine = np.isfinite(np.concatenate([motion.expression, motion.pose, motion.gaze], 1)).all(1)
    return None if fine.all() else int(fine.argmin())


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
        parts[0].fps,
    )


def _write_npz(motion: Motion, part: Path, provenance: Provenance | None) -> None:
    names = ARKIT if motion.space == "arkit52" else ()
    tags = provenance.tags() if provenance else {}
    with part.open("wb") as file:
        np.savez_compressed(
            file,
            expression=motion.expression,
            pose=motion.pose,
            gaze=motion.gaze,
            fps=np.float64(motion.fps),
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
            fps = int(arrays["fps"]) if "fps" in arrays else FPS
            if fps not in RATES:
                raise ValueError(f"{fps} frames a second")
            motion = Motion(arrays["expression"], arrays["pose"], arrays["gaze"], space, fps)
    except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise BadMedia(f"{file} is not a motion file that vivavoce wrote ({error}).") from None
    if (wrong := _first_odd(motion)) is not None:
        raise BadMedia(f"{file} holds a value that is no number in frame {wrong + 1}.")
    return motion
