"""The portrait's renderer: the picture's own pixels, moved by the face's mesh.

The picture is warped, not imagined anew. `Scene` is what is shown, `HeadShape` says where the
face's points go, `Rig` carries the picture along, `Eye` and `Mouth` draw what was hidden, and
`RepairNet` corrects what a warp cannot know.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from functools import cached_property

import cv2
import numpy as np

from vivavoce.errors import RequestError
from vivavoce.nn.threads import side_by_side
from vivavoce.render import light
from vivavoce.render.eyes import Eye
from vivavoce.render.lipline import snap
from vivavoce.render.mesh import FAR, draw, settle
from vivavoce.render.mouth import Mouth
from vivavoce.render.repair import Repair, RepairNet
from vivavoce.render.rig import Rig
from vivavoce.render.scene import sample, square, whole
from vivavoce.render.shape import HeadShape
from vivavoce.types import Bytes, Face, FaceModel, Float, Motion

FINE = 3
"""The picture is enlarged so many times once, by cubic interpolation, and then read by linear
interpolation: 57 dB from reading it by cubic interpolation every time, in a third of the time. An
odd number keeps the picture's own pixels among the fine ones."""
LEAST = 1 / 64
"""Pixels that move less than this, in pixels of the picture, do not move: OpenCV reads places to a
32nd, so they would not have moved in a picture that is not enlarged."""
TOGETHER = 2
"""Frames that one thread draws at once."""


class Renderer:
    """Makes frames of one person. It keeps no state from frame to frame.

    Args:
        face: The picture and what was tracked in it.
        model: The face model in whose expressions motion is given (ARKit names).
        size: Side in pixels of the square to show; None shows the whole picture.
        repair: The network that corrects mouth and lids; None leaves the bare warp.
    """

    def __init__(
        self,
        face: Face,
        model: FaceModel,
        size: int | None = 512,
        repair: RepairNet | None = None,
    ) -> None:
        scene = whole(face) if size is None else square(face, size)
        self.scene = replace(scene, landmarks=snap(scene.image, scene.landmarks))
        self.shape = HeadShape(face, self.scene.landmarks, model)
        self.rig = Rig(self.scene, self.shape, model)
        self.light = light.measure(self.scene.image, self.scene.landmarks, self.shape.unit)
        self.eyes = [Eye(self.scene, self.shape, side) for side in (0, 1)]
        self.mouth = Mouth(self.scene, self.shape, self.light)
        self.repair = Repair(repair, self.scene, self.shape) if repair is not None else None
        left, top, right, bottom = self.scene.window
        self.origin = np.asarray([left, top], np.float32)
        self.grid = np.mgrid[0 : bottom - top, 0 : right - left][::-1].transpose(1, 2, 0)
        self.grid = _finely(self.grid + self.origin)
        self.places = _finely(self.rig.places)
        self.fine = cv2.resize(
            self.scene.image, None, fx=FINE, fy=FINE, interpolation=cv2.INTER_CUBIC
        )
        self._spare: deque[tuple[Float, Float]] = deque()

    @cached_property
    def fine_matte(self) -> Bytes:
        """How much each pixel of `fine` belongs to the person, 0 to 255."""
        matte = np.rint(255 * self.scene.matte).astype(np.uint8)
        fine = cv2.resize(matte, None, fx=FINE, fy=FINE, interpolation=cv2.INTER_LINEAR)
        return np.asarray(fine, np.uint8)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frames in pixels."""
        left, top, right, bottom = self.scene.view
        return right - left, bottom - top

    def render(self, motion: Motion, alphas: Bytes | None = None) -> Bytes:
        """The frames [T, H, W, 3] of `motion`, even-sized. `alphas` [T, H, W], if given, is filled
        with how much of each pixel belongs to the person, 0 to 255.

        Raises: RequestError: the motion is not in ARKit coefficients."""
        if motion.space != "arkit52":
            raise RequestError(
                f"The portrait renderer needs motion in the space 'arkit52', not {motion.space!r}."
            )
        return self.draw(self.shape.moved(motion), motion.pose, motion.gaze, alphas)

    def draw(self, points: Float, pose: Float, gaze: Float, alphas: Bytes | None = None) -> Bytes:
        """The frames [T, H, W, 3] of a face whose `points` [T, 478, 3] lie as said in the head's
        frame (`shape`), with head `pose` [T, 6] and `gaze` [T, 2] relative to the picture."""
        vertices = self.rig.deform(points, pose)
        left, top, right, bottom = self.scene.view
        frames = np.empty((len(points), bottom - top, right - left, 3), np.uint8)

        def some(part: slice) -> None:
            shares = None if alphas is None else alphas[part]
            self._draw(frames[part], vertices[part], points[part], pose[part], gaze[part], shares)

        side_by_side(some, [slice(t, t + TOGETHER) for t in range(0, len(points), TOGETHER)])
        return frames

    def _draw(
        self, frames: Bytes, vertices: Float, points: Float, pose: Float, gaze: Float,
        alphas: Bytes | None = None,
    ) -> None:  # fmt: skip
        """Fill `frames` [T, H, W, 3]; all arguments are as in `draw`, of the same T frames."""
        windows = []
        for t, frame in enumerate(frames):
            frame[:] = self.scene.still
            window = self._window(frame)
            self._warp(window, vertices[t], None if alphas is None else alphas[t])
            for eye in self.eyes:
                eye.paint(window, vertices[t], pose[t], gaze[t], self.origin)
            self.mouth.paint(window, self.scene, vertices[t], points[t], pose[t], self.origin)
            windows.append(window)
        if self.repair is not None:
            self.repair.correct(windows, vertices[:, :478, :2] - self.origin)

    def _warp(self, window: Bytes, vertices: Float, alpha: Bytes | None = None) -> None:
        """Draw into `window` [h, w, 3] the sheet with its `vertices` [V, 3] at their new places,
        and into `alpha` [H, W] of the whole frame how much of it is the person.

        Where nothing moves the picture's values come through unchanged."""
        try:  # another thread may take the last one meanwhile
            flow, depth = self._spare.pop()
        except IndexError:
            flow, depth = self._buffers()
        flow[:] = self.grid
        depth[:] = FAR
        at = vertices - np.asarray([*self.origin, 0], np.float32)
        draw(at, self.rig.triangles, self.places, flow, depth)
        settle(flow, self.grid, FINE * LEAST)
        window[:] = sample(self.fine, flow)
        if alpha is not None:
            left, top, right, bottom = self.scene.view
            alpha[:] = self.fine_matte[FINE // 2 :: FINE, FINE // 2 :: FINE][top:bottom, left:right]
            self._window(alpha)[:] = sample(self.fine_matte, flow)
        self._spare.append((flow, depth))

    def _buffers(self) -> tuple[Float, Float]:
        """Where each pixel comes from [h, w, 2], and its depth [h, w]."""
        return np.empty_like(self.grid), np.empty(self.grid.shape[:2], np.float32)

    def _window(self, frame: Bytes) -> Bytes:
        """The part of `frame` [H, W, 3] that moves, as a view."""
        left, top, right, bottom = self.scene.window
        x, y = self.scene.view[:2]
        return frame[top - y : bottom - y, left - x : right - x]


def _finely(places: np.ndarray) -> Float:
    """Where `places` [..., 2] (x, y in pixels) lie in the picture enlarged `FINE` times."""
    return np.ascontiguousarray(FINE * places + FINE // 2, np.float32)
