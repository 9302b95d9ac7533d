"""What a request gives as a pose, frame by frame: a video, a picture, or a face found before."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vivavoce.media.files import PathLike
from vivavoce.media.read import read_video
from vivavoce.types import Bytes, Face, Float


def tracked(pose: PathLike | Bytes | Face) -> Iterator[tuple[Bytes, Float | None]]:
    """The frames of a video or a picture, each with the tracker's points on it [478, 3] px or
    None."""
    from vivavoce.look.track import track_video

    if isinstance(pose, Face):
        yield pose.picture, pose.landmarks
        return
    waiting: deque[Bytes] = deque()

    def kept() -> Iterator[Bytes]:
        for frame in [pose] if isinstance(pose, np.ndarray) else read_video(pose):
            waiting.append(frame)
            yield frame

    for points in track_video(kept()):
        yield waiting.popleft(), points


def name_of(pose: PathLike | Bytes | Face) -> str:
    """How the pose is called in messages."""
    return str(pose) if isinstance(pose, str | Path) else "the picture for the pose"


def to_and_fro(count: int, start: int, frames: int) -> list[int]:
    """Numbers of `frames` rows out of `count`, played forwards and backwards without end, from
    `start` on."""
    rows = [*range(count), *range(count - 2, 0, -1)]
    return [rows[(start + i) % len(rows)] for i in range(frames)]
