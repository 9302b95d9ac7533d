"""How the head turns and the lids close, which no voice tells: from a video, or drawn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from vivavoce.errors import NoFace
from vivavoce.listen.listener import Listener
from vivavoce.look import face478
from vivavoce.look.follow import filled
from vivavoce.media.files import PathLike
from vivavoce.media.read import read_video
from vivavoce.move import PortraitMover, load_mover
from vivavoce.nn.weights import SHIPPED
from vivavoce.types import Bytes, Face, Float, Speech

LONGEST_S = 60.0
"""Seconds of a driving video that are taken; longer speech goes through them to and fro."""


@dataclass(frozen=True)
class Driven:
    """Pose and eyes of every frame."""

    pose: Float
    """Yaw, pitch, roll in radians; x, y, z in outer-eye distances [T, 6]."""
    eyes: Float
    """ARKit coefficients [T, 52], of which those of lids and gaze are used."""


def drawn(speech: Speech, frames: int, seed: int) -> Driven:
    """Pose and eyes [T] as the system portrait draws them for what is heard."""
    cues = (cue for cue, _ in Listener()(iter([speech])))
    moves = list(_mover()(cues, np.random.default_rng(seed)))
    pose = np.concatenate([m.pose for m in moves])
    eyes = np.concatenate([m.expression for m in moves])
    return _as_long(Driven(pose, eyes), frames)


def taken(pose: PathLike | Bytes | Face, frames: int) -> Driven:
    """Pose and eyes [T] of a video or a picture, the pose relative to its median; a video that is
    too short goes to and fro.

    Raises: NoFace: no face is seen in it. BadMedia: it cannot be read.
    """
    from vivavoce.look.track import track_video

    if isinstance(pose, Face):
        found: list[Float | None] = [pose.landmarks]
    else:
        pictures: Iterable[Bytes] = (
            [pose] if isinstance(pose, np.ndarray) else read_video(pose, max_seconds=LONGEST_S)
        )
        found = list(track_video(pictures))
    seen = np.array([points is not None for points in found])
    if not seen.any():
        raise NoFace("No face is seen in what --pose names. Give a picture or video with one.")
    fitted = face478.fit(filled(found, seen))
    still = len(found) == 1
    turned = fitted.pose.copy()
    turned[:, 3:] -= np.median(turned[:, 3:], 0)  # where it is in the picture says nothing
    if not still:
        turned[:, :3] -= np.median(turned[:, :3], 0)
    return _as_long(Driven(turned, fitted.expression), frames)


def _as_long(driven: Driven, frames: int) -> Driven:
    """As many frames as are asked for: cut, or to and fro."""
    count = len(driven.pose)
    there = np.concatenate([np.arange(count), np.arange(count)[-2:0:-1]])
    rows = there[np.arange(frames) % len(there)]
    return Driven(driven.pose[rows], driven.eyes[rows])


@lru_cache(1)
def _mover() -> PortraitMover:
    return load_mover(SHIPPED / "portrait-tiny")
