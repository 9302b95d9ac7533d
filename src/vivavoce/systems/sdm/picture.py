"""SDM's pictures: one person, shown as their landmarks move.

The network sees and paints small squares; the picture's own pixels are carried by the same warp at
the size that is asked for. A small renderer is helped (`SdmSettings.helped`): what it paints is
shown within the face alone, since around the head it is a blur of where neck and hair may be, and
the inside of an opened mouth, which a closed one cannot show, is the portrait renderer's.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import torch
from torch import Tensor

from vivavoce.look import face478
from vivavoce.look.crop import cropped
from vivavoce.render import light
from vivavoce.render.from_landmarks import Layers, enlarged
from vivavoce.render.landmark_drawing import draw_landmarks, face_mask
from vivavoce.render.mouth import Mouth
from vivavoce.render.paste import paste
from vivavoce.render.scene import Scene
from vivavoce.render.shape import FLIP, LOWER, UPPER, HeadShape
from vivavoce.systems.sdm.net import GUIDES, SdmNet
from vivavoce.systems.sdm.sitter import Sitter, settled
from vivavoce.types import NECK, Bytes, Float, rotation_angles

LARGEST_SQUARE = 1024
"""Pixels a side at which the square of a whole picture is drawn at most."""


class Painter:
    """Draws one person by their landmarks."""

    def __init__(self, net: SdmNet, sitter: Sitter, size: int | None) -> None:
        """`size`: side of the pictures in px; None: the whole picture, the square pasted in."""
        self.renderer, self.sitter, self.size = net.renderer, sitter, size
        small = len(sitter.picture)
        wanted = min(round(float(sitter.square[2])), LARGEST_SQUARE) if size is None else size
        side = max(wanted, small)
        self.sharp = next(iter(cropped([sitter.face.picture], sitter.square[None], side)))
        self.reference = _tensor(sitter.picture[None])
        self.drawing = _tensor(draw_landmarks(sitter.landmarks, small)[None])
        helped = net.settings.helped
        self.mouth = LandmarkMouth(sitter, self.sharp, side / small) if helped else None

    @torch.inference_mode()
    def layers(self, marks: Float) -> Layers:
        """What the network makes of landmarks [T, 478, 3] px of the sitter's square."""
        count, small = len(marks), len(self.sitter.picture)
        before, after = (
            torch.from_numpy((2 * points[..., GUIDES, :2] / small - 1).astype(np.float32))
            for points in (self.sitter.landmarks[None], marks)
        )
        drawings = _tensor(np.stack([draw_landmarks(p, small) for p in marks]))
        layers = self.renderer.layers(
            self.reference.expand(count, -1, -1, -1), before.expand(count, -1, -1), after,
            ((self.drawing.expand(count, -1, -1, -1) + 1) / 2, (drawings + 1) / 2),
        )  # fmt: skip
        if self.mouth is None:
            return layers
        inside = torch.from_numpy(np.stack([face_mask(p, small) for p in marks]))[:, None]
        return replace(layers, part=layers.part * inside)

    def show(self, layers: Layers, marks: Float) -> Bytes:
        """Pictures [T, H, W, 3]: the picture's own pixels, carried along at the size of the video,
        with what the network paints."""
        frames = [enlarged(self.sharp, layers, t) for t in range(len(marks))]
        if self.mouth is not None:
            self.mouth.paint(frames, marks)
        return np.stack([self._shown(frame) for frame in frames])

    def _shown(self, frame: Bytes) -> Bytes:
        if self.size is None:
            return paste(self.sitter.face.picture, self.sitter.square, frame)
        if self.size == len(frame):
            return frame
        small = cv2.resize(frame, (self.size, self.size), interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.uint8)


class LandmarkMouth:
    """The inside of the mouth between the inner lips of landmarks."""

    def __init__(self, sitter: Sitter, sharp: Bytes, zoom: float) -> None:
        self.reference, self.zoom = sitter.landmarks, zoom
        edge = (0, 0, len(sharp), len(sharp))
        points = sitter.landmarks * np.float32(zoom)
        matte = np.ones(sharp.shape[:2], np.float32)
        self.scene = Scene(sharp, matte, points, edge, edge, joins=False)
        self.shape = HeadShape(sitter.face, points, face478.load())
        self.inside = Mouth(
            self.scene, self.shape, light.measure(sharp, points, self.shape.unit)
        )  # fmt: skip

    def paint(self, frames: list[Bytes], marks: Float) -> None:
        """Draw into `frames` [N, N, 3] of landmarks [T, 478, 3] px of the network's square."""
        shape, origin = self.shape, np.zeros(2, np.float32)
        still = settled(marks, self.reference) * np.float32(self.zoom)
        local = ((still * FLIP - shape.pivot) / shape.unit) @ shape.rotation
        poses = self._poses(marks)
        points = self._met(marks) * np.float32(self.zoom)
        for t, frame in enumerate(frames):
            self.inside.paint(frame, self.scene, points[t], local[t], poses[t], origin)

    def _poses(self, marks: Float) -> Float:
        """Head poses [T, 6] relative to the reference's."""
        scale, rotation, shift = face478.place(np.concatenate([self.reference[None], marks]))
        neck = scale[:, None] * (rotation @ np.asarray(NECK, np.float32)) + shift
        turned = rotation_angles(rotation[1:] @ rotation[0].T)
        return np.column_stack([turned, (neck[1:] - neck[0]) / scale[0]]).astype(np.float32)

    def _met(self, marks: Float) -> Float:
        """The points with inner lips that meet where the reference's, if closed, are: trackers see
        a small gap between closed lips."""
        if self.shape.open_mouth:
            return marks
        met = marks.copy()
        apart = (self.reference[LOWER] - self.reference[UPPER]) / 2
        met[:, UPPER] += apart
        met[:, LOWER] -= apart
        return met


def _tensor(pictures: Bytes) -> Tensor:
    """[T, 3, S, S] in -1..1."""
    first = np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))
    return torch.from_numpy(first).float() / 127.5 - 1
