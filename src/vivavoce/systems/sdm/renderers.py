"""SDM's pictures of one person, from their landmarks: three renderers, of which a clip has one.

| class | shows |
|---|---|
| `WarpRenderer` | the picture's own pixels, warped, and all that the U-Net paints |
| `CompositeRenderer` | the same, but paint inside the face alone, and portrait's mouth |
| `PortraitRenderer` | the same motion as ARKit curves, on portrait's renderer |

The network sees and paints small squares; the picture's own pixels are warped at the video's size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, Protocol

import cv2
import numpy as np
import torch

from vivavoce.look import face478
from vivavoce.look.crop import cropped
from vivavoce.nn.pictures import as_tensor
from vivavoce.render import light
from vivavoce.render.from_landmarks import Layers, enlarged, guides
from vivavoce.render.landmark_drawing import draw_landmarks, face_mask
from vivavoce.render.mouth import Mouth
from vivavoce.render.paste import paste
from vivavoce.render.scene import Scene
from vivavoce.render.shape import FLIP, LOWER, UPPER, HeadShape
from vivavoce.systems.sdm.net import SdmNet
from vivavoce.systems.sdm.person import Person, as_motion, with_head_fixed
from vivavoce.types import NECK, Bytes, Float, rotation_angles

LARGEST_SQUARE = 1024
"""Largest side in px at which the square of a whole picture is drawn."""
AT_ONCE = 5
"""Frames that are rendered at once."""


class Renderer(Protocol):
    """Draws one person."""

    size: tuple[int, int]
    """Width and height of the pictures in px."""

    def draw(self, marks: Float) -> Iterator[Bytes]:
        """Pictures [n, H, W, 3] for landmarks [T, 478, 3] px of the person's square, `AT_ONCE` or
        fewer at a time."""
        ...


def renderer_of(
    render: Literal["own", "portrait"], net: SdmNet, person: Person, size: int | None
) -> Renderer:
    """The renderer that was asked for.

    Args:
        render: "own" is the checkpoint's, "portrait" that of the system portrait.
        net: The network.
        person: Whom it draws.
        size: Side of square pictures in px; None: the whole portrait, the square pasted in.
    """
    if render == "portrait":
        return PortraitRenderer(person, size)
    if net.settings.composite:
        return CompositeRenderer(net, person, size)
    return WarpRenderer(net, person, size)


class WarpRenderer:
    """The picture's own pixels, carried by the landmarks, and what the U-Net paints over them."""

    def __init__(self, net: SdmNet, person: Person, size: int | None) -> None:
        self.net, self.person = net, person
        height, width = person.face.picture.shape[:2]
        self.size = (width, height) if size is None else (size, size)
        self.side = size
        small = len(person.picture)
        wanted = min(round(float(person.square[2])), LARGEST_SQUARE) if size is None else size
        side = max(wanted, small)
        self.zoom = side / small
        self.sharp = next(iter(cropped([person.face.picture], person.square[None], side)))
        self.reference = as_tensor(person.picture[None], net)
        self.drawing = as_tensor(draw_landmarks(person.landmarks, small)[None], net)

    def draw(self, marks: Float) -> Iterator[Bytes]:
        """Pictures [n, H, W, 3] for landmarks [T, 478, 3]; see `Renderer.draw`."""
        for at in range(0, len(marks), AT_ONCE):
            part = marks[at : at + AT_ONCE]
            frames = self.squares(self.layers(part), part)
            yield np.stack([self._placed(frame) for frame in frames])

    @torch.inference_mode()
    def layers(self, marks: Float) -> Layers:
        """What the network makes of landmarks [T, 478, 3], on the CPU."""
        count, small, device = len(marks), len(self.person.picture), self.net.device
        before, after = (
            guides(points, small).to(device) for points in (self.person.landmarks[None], marks)
        )
        drawings = as_tensor(np.stack([draw_landmarks(p, small) for p in marks]), self.net)
        drawn = (self.drawing.expand(count, -1, -1, -1) + 1) / 2, (drawings + 1) / 2
        reference = self.reference.expand(count, -1, -1, -1)
        return self.net.renderer.layers(reference, before.expand(count, -1, -1), after, drawn).cpu()

    def squares(self, layers: Layers, marks: Float) -> list[Bytes]:
        """The person's square [N, N, 3] of every frame, at the video's size or larger."""
        return [enlarged(self.sharp, layers, t) for t in range(len(marks))]

    def _placed(self, square: Bytes) -> Bytes:
        """The picture [H, W, 3] of a square: scaled to the video's size, or pasted in."""
        if self.side is None:
            return paste(self.person.face.picture, self.person.square, square)
        if self.side == len(square):
            return square
        small = cv2.resize(square, (self.side, self.side), interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.uint8)


class CompositeRenderer(WarpRenderer):
    """A small U-Net's paint inside the face alone, and the mouth's inside as portrait draws it.

    Around the head a small U-Net paints a blur of where neck and hair may be, and the inside of an
    opened mouth cannot be seen in the picture of a closed one.
    """

    def __init__(self, net: SdmNet, person: Person, size: int | None) -> None:
        super().__init__(net, person, size)
        self.mouth = LandmarkMouth(person, self.sharp, self.zoom)

    def layers(self, marks: Float) -> Layers:
        """What the network makes of landmarks [T, 478, 3], its paint cut to the face."""
        layers = super().layers(marks)
        small = len(self.person.picture)
        inside = torch.from_numpy(np.stack([face_mask(p, small) for p in marks]))[:, None]
        return replace(layers, part=layers.part * inside)

    def squares(self, layers: Layers, marks: Float) -> list[Bytes]:
        """The squares, with the inside of the mouth."""
        frames = super().squares(layers, marks)
        self.mouth.paint(frames, marks)
        return frames


class PortraitRenderer:
    """The system portrait's renderer: landmarks become ARKit coefficients and head pose."""

    def __init__(self, person: Person, size: int | None) -> None:
        from vivavoce.render.repair import RepairNet
        from vivavoce.render.warp import Renderer as Warp

        self.warp = Warp(person.face, face478.load(), size, RepairNet.shipped())
        self.reference, self.size = person.landmarks, self.warp.size

    def draw(self, marks: Float) -> Iterator[Bytes]:
        """Pictures [n, H, W, 3] for landmarks [T, 478, 3]; see `Renderer.draw`."""
        motion = as_motion(marks, self.reference)
        for at in range(0, len(motion), AT_ONCE):
            yield self.warp.render(motion[at : at + AT_ONCE])


class LandmarkMouth:
    """The inside of the mouth between the inner lips of landmarks."""

    def __init__(self, person: Person, sharp: Bytes, zoom: float) -> None:
        """`sharp` is the person's square [N, N, 3], `zoom` N over the side of the network's."""
        self.reference, self.zoom = person.landmarks, zoom
        edge = (0, 0, len(sharp), len(sharp))
        points = person.landmarks * np.float32(zoom)
        matte = np.ones(sharp.shape[:2], np.float32)
        self.scene = Scene(sharp, matte, points, edge, edge, joins=False)
        self.shape = HeadShape(person.face, points, face478.load())
        measured = light.measure(sharp, points, self.shape.unit)
        self.inside = Mouth(self.scene, self.shape, measured)

    def paint(self, frames: list[Bytes], marks: Float) -> None:
        """Draw into `frames` [N, N, 3] of landmarks [T, 478, 3] px of the network's square."""
        shape, origin = self.shape, np.zeros(2, np.float32)
        still = with_head_fixed(marks, self.reference) * np.float32(self.zoom)
        local = ((still * FLIP - shape.pivot) / shape.unit) @ shape.rotation
        poses = self._poses(marks)
        points = self._closed(marks) * np.float32(self.zoom)
        for t, frame in enumerate(frames):
            self.inside.paint(frame, self.scene, points[t], local[t], poses[t], origin)

    def _poses(self, marks: Float) -> Float:
        """Head poses [T, 6] relative to the reference's."""
        scale, rotation, shift = face478.place(np.concatenate([self.reference[None], marks]))
        neck = scale[:, None] * (rotation @ np.asarray(NECK, np.float32)) + shift
        turned = rotation_angles(rotation[1:] @ rotation[0].T)
        return np.column_stack([turned, (neck[1:] - neck[0]) / scale[0]]).astype(np.float32)

    def _closed(self, marks: Float) -> Float:
        """The landmarks with inner lips that meet where the reference's, if closed, are: trackers
        see a small gap between closed lips."""
        if self.shape.open_mouth:
            return marks
        met = marks.copy()
        apart = (self.reference[LOWER] - self.reference[UPPER]) / 2
        met[:, UPPER] += apart
        met[:, LOWER] -= apart
        return met
