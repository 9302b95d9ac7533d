"""A clip as a system sees it: pictures of one still square around the face of a source frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vivavoce.errors import RequestError
from vivavoce.look.boxes import mouth_box
from vivavoce.look.crop import cropped, moved, squares
from vivavoce.train.read.windows import Clip
from vivavoce.types import Bytes, Float


@dataclass(frozen=True)
class Sight:
    """The square of a clip that a source frame would be cropped to when somebody is to speak."""

    clip: Clip
    place: Float
    """Left, top and side in px of the shard's pictures [3]."""
    size: int
    """Side of the network's pictures in px."""

    @classmethod
    def of(cls, clip: Clip, source: int, size: int, rule: str = "close") -> Sight:
        """The square around the face of frame `source`, by a crop rule of `look.crop`."""
        side = int(clip.sample.about["size"])
        points = clip.sample.tracks["landmarks"][source][None]
        return cls(clip, squares(points, side, side, rule)[0], size)

    def pictures(self, frames: Sequence[int] | np.ndarray) -> Bytes:
        """RGB [n, size, size, 3] of some frames.

        Raises: RequestError: the clip has no pictures.
        """
        packed = self.clip.sample.frames
        if packed is None:
            raise RequestError(
                f"The clip {self.clip.sample.key} has no pictures; a stage needs them."
            )
        places = np.tile(self.place, (len(frames), 1))
        return np.stack(list(cropped((packed[int(i)] for i in frames), places, self.size)))

    def points(self, frames: Sequence[int] | np.ndarray) -> Float:
        """The tracker's points in px of those pictures [n, 478, 3]."""
        points = self.clip.sample.tracks["landmarks"][np.asarray(frames, int)]
        return moved(points, np.tile(self.place, (len(frames), 1)), self.size)

    def mouths(self, frames: Sequence[int] | np.ndarray) -> Float:
        """The mouths' boxes in px of those pictures [n, 4]."""
        return mouth_box(self.points(frames))
