"""The portrait's mover: lips, head, nods, brows, blinks, gaze and emotion make one motion."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from vivavoce.errors import ShapeError
from vivavoce.move.as_people import AS_PEOPLE
from vivavoce.move.emotion import EmotionStream, felt
from vivavoce.move.eyes import BlinkStream, EyeHabits, GazeStream, show_eyes
from vivavoce.move.head import Head
from vivavoce.move.lips import Lips, stack_cues
from vivavoce.move.nods import NodStream
from vivavoce.types import ARKIT, ARKIT_INDEX, Cues, Float, Motion

_BROWS = {
    "browInnerUp": 1.0,
    "browOuterUpLeft": 0.8,
    "browOuterUpRight": 0.8,
    "browDownLeft": -0.5,
    "browDownRight": -0.5,
}
"""How the drawn brow height shows: raised brows fully, lowered ones half, lest speech frown."""
BLINKS_A_MINUTE = 20.0
"""Rate that blinks keep to, as the median of people who talk."""


class PortraitMover:
    """Maker of a face's motion from cues, a chunk at a time; it looks 5 frames (0.2 s) ahead.

    Its models are shared by all calls; what a clip needs to remember lives in the call.
    """

    def __init__(self, lips: Lips, head: Head, eyes: EyeHabits) -> None:
        """Build a mover of trained parts; `load_mover` reads them from a checkpoint."""
        self.lips, self.head, self.eyes = lips, head, eyes

    def __call__(
        self,
        cues: Iterable[Cues],
        rng: np.random.Generator,
        still: bool = False,
        lively: float = 1.0,
    ) -> Iterator[Motion]:
        """Motion in ARKit coefficients, as many frames as there are cues, in order; memory does not
        grow.

        Args:
            cues: In pieces of any length; the motion does not depend on how they are cut.
            rng: Draws head, brows, blinks and gaze.
            still: Keep the head where it is in the picture; eyes and brows still live.
            lively: Factor on the head's movement, 0 to 2; 1 is as people move who talk.

        Raises:
            ShapeError: The content has other classes than the lips were trained on.
            UnknownName: An emotion does not exist.
        """
        clip = _Performance(self, rng, still, lively)
        for piece in cues:
            yield from clip.push(piece)
        yield from clip.finish()


class _Performance:
    """One clip: six streams with different look-ahead, brought together."""

    def __init__(
        self, mover: PortraitMover, rng: np.random.Generator, still: bool, lively: float = 1.0
    ) -> None:
        head, blinks, gaze, nods = rng.spawn(4)
        self._lips = mover.lips.stream()
        self._head, self._nods = mover.head.stream(head, lively), NodStream(nods)
        self._blinks = BlinkStream(mover.eyes, blinks, BLINKS_A_MINUTE)
        self._gaze = GazeStream(mover.eyes, gaze)
        self._emotion = EmotionStream(AS_PEOPLE)
        self._classes, self._still, self._lively = mover.lips.net.classes, still, lively
        # Rows that wait for the slowest stream: lips, closure, head, nods, blinks, emotion.
        self._waiting: list[Float] = []

    def push(self, cues: Cues) -> Iterator[Motion]:
        """Take cues; give what can be decided."""
        if cues.content.shape[1] != self._classes:
            raise ShapeError("Cues.content", f"[T, {self._classes}]", cues.content.shape)
        lips, closed = self._lips.push(stack_cues(cues))
        looks = self._emotion.push(len(cues), cues.emotion)
        blinks = self._blinks.push(cues.prosody)
        head, nods = self._head.push(cues.prosody), self._nods.push(cues.prosody)
        yield from self._give(lips, closed, head, nods, blinks, looks)

    def finish(self) -> Iterator[Motion]:
        """The last frames, as if silence followed."""
        if not self._waiting:
            return
        _, _, head, nods, blinks, looks = self._waiting
        lips, closed = self._lips.finish()
        late = self._head.finish(len(looks) - len(head))
        last = self._nods.finish(len(looks) - len(nods))
        yield from self._give(lips, closed, late, last, blinks[:0], looks[:0])

    def _give(self, *new: Float) -> Iterator[Motion]:
        rows = new
        if self._waiting:
            rows = tuple(np.concatenate(pair) for pair in zip(self._waiting, new, strict=True))
        count = min(len(r) for r in rows)
        self._waiting = [r[count:] for r in rows]
        if count:
            yield self._together(*(r[:count] for r in rows))

    def _together(
        self, lips: Float, closed: Float, head: Float, nods: Float, blinks: Float, looks: Float
    ) -> Motion:
        more = looks[:, len(ARKIT) :]  # speech, head, pose, gaze
        expression = felt(lips, closed, looks)
        for name, part in _BROWS.items():
            expression[:, ARKIT_INDEX[name]] += np.maximum(part * head[:, 5], 0)
        pose = np.zeros((len(head), 6), np.float32)
        if not self._still:
            pose[:, :5] = head[:, :5]
            pose[:, 1] += self._lively * nods
            pose[:, :5] *= more[:, 1:2]
            pose[:, :3] += more[:, 2:5]
        gaze = self._gaze.push(pose[:, :2]) + more[:, 5:7]
        drooped = expression[:, ARKIT_INDEX["eyeBlinkLeft"]]  # the lips' rows leave it at 0
        show_eyes(expression, drooped + (1 - drooped) * blinks, gaze)
        return Motion(np.clip(expression, 0, 1), pose, gaze)


def load_mover(folder: Path) -> PortraitMover:
    """The mover of the checkpoint in `folder` (lips.safetensors, head.safetensors).

    Raises: BadCheckpoint: a file is missing, damaged, or made for another version.
    """
    head = folder / "head.safetensors"
    return PortraitMover(
        Lips.load(folder / "lips.safetensors"), Head.load(head), EyeHabits.load(head)
    )
