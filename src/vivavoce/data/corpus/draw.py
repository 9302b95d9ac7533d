"""Draw a corpus person on the CPU; no GPU, no display.

A frame is: vertices moved by the action and placed by the pose (`body.py`), lit one by one and
filled into a picture of twice the size that is then averaged down (`raster.py`). Light is linear
until the last step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vivavoce.data.corpus.backdrop import backdrop
from vivavoce.data.corpus.body import Body, placed
from vivavoce.data.corpus.colour import linear
from vivavoce.data.corpus.head import Head, person_scale
from vivavoce.data.corpus.looks import parts_of
from vivavoce.data.corpus.person import Person
from vivavoce.data.corpus.raster import fill, film, finish, glint, shade
from vivavoce.data.corpus.scene import UNIT_CM
from vivavoce.data.corpus.skin import paint
from vivavoce.types import Bytes, Float, rotation_matrix

SPAN_CM = 33.0
"""What the picture shows at the eyes' depth, from edge to edge."""
EYES_AT = 0.44
"""Height of the resting eyes in the picture, from its top."""
CAMERA_CM = 120.0
"""Distance of the camera: a portrait lens."""
FINER = 2
"""Sub-pixels along each side of a pixel."""
EXPOSURE = 1.25
"""Factor on the light before it meets the film; chosen, not measured."""


@dataclass(frozen=True)
class Drawn:
    """Drawn frame with everything that is known of its pixels."""

    picture: Bytes
    """Picture of the person, RGB uint8 [H, W, 3]."""
    labels: Bytes
    """What each pixel shows [H, W]: indices of `scene.LABELS`."""
    depth: NDArray[np.uint16]
    """Distance of each pixel from the camera [H, W] in 0.1 mm; 0 = backdrop."""
    landmarks: Float
    """Tracker points [478, 3] in px; z away from the viewer, 0 at the head's middle, like the
    tracker's."""


class Painter:
    """Painter of one person, made once for all their clips."""

    def __init__(self, person: Person, size: int) -> None:
        self.size = size
        self.head = Head(person.looks.identity, person_scale(person.height_cm))
        self.lights = _lights(person)
        behind = linear(backdrop(person, size).astype(np.float32) / 255)
        self.backdrop = np.repeat(np.repeat(behind, FINER, 0), FINER, 1)
        albedo, gloss = paint(person, self.head)
        self.body = Body(self.head, albedo, gloss, person, parts_of(person, self.head))

    def frame(self, expression: Float, pose: Float, gaze: Float) -> Drawn:
        """The person with these ARKit coefficients [52], pose [6] and gaze [2]."""
        face = self.head.vertices(expression)
        points = self.head.landmarks(face, gaze)
        turn, shift = rotation_matrix(pose[:3]).astype(np.float32), pose[3:] * UNIT_CM
        body = self.body
        vertices, normals = body.posed(face, gaze, turn, shift.astype(np.float32))
        colour = np.empty_like(vertices)
        shade(
            vertices,
            normals,
            body.albedo,
            body.gloss,
            body.sky(expression),
            body.kind,
            self.lights,
            colour,
        )
        side = self.size * FINER
        pixels = project(vertices, side)
        canvas = self.backdrop.copy()
        depth = np.full((side, side), -1e9, np.float32)
        labels = np.zeros((side, side), np.uint8)
        fill(
            pixels,
            vertices[:, 2],
            body.triangles,
            colour,
            body.label,
            body.alpha,
            canvas,
            depth,
            labels,
        )
        self._highlights(gaze, turn, shift, canvas, labels)
        picture = finish(canvas, FINER, film(EXPOSURE))
        marks = project(placed(points, turn, shift), self.size)
        marks[:, 2] = -points_depth(points, turn) * self.size / SPAN_CM
        far = np.where(depth > -1e8, np.clip((CAMERA_CM - depth) * 100, 0, 65535), 0)
        return Drawn(
            picture,
            labels[::FINER, ::FINER].copy(),
            far[::FINER, ::FINER].astype(np.uint16),
            marks.astype(np.float32),
        )

    def _highlights(
        self, gaze: Float, turn: Float, shift: Float, canvas: Float, labels: Bytes
    ) -> None:
        """The main light mirrored in the corneas: what makes eyes alive."""
        half = self.lights[0, :3] + np.array([0, 0, 1], np.float32)
        half /= np.linalg.norm(half)
        side = canvas.shape[0]
        reach = 0.085 * self.head.scale * side / SPAN_CM
        for eye in self.head.eyes:
            ball = placed(eye.centre[None], turn, shift)[0]
            axis = turn @ eye.turned(gaze) @ np.array([0, 0, 1], np.float32)
            lean = 0.45 * half + 0.55 * axis
            spot = ball + lean / np.linalg.norm(lean) * 1.62 * eye.scale
            x, y, _ = project(spot[None].astype(np.float32), side)[0]
            glint(canvas, labels, x, y, reach, 2.2)


def points_depth(points: Float, turn: Float) -> Float:
    """Depth of turned points towards the viewer, cm, about the head's middle [N]."""
    turned = points @ turn.T
    depth: Float = turned[:, 2] - turned[:, 2].mean()
    return depth


def project(points: Float, side: int) -> Float:
    """Pixels [N, 3] of points before the camera: x right, y down, z as it was."""
    near = CAMERA_CM / (CAMERA_CM - points[:, 2]) * side / SPAN_CM
    out = np.empty_like(points)
    out[:, 0] = points[:, 0] * near + side / 2 - 0.5
    out[:, 1] = side * EYES_AT - points[:, 1] * near - 0.5
    out[:, 2] = points[:, 2]
    return out


def _lights(person: Person) -> Float:
    """Key, fill, rim [3, 6]: direction to the light, colour; and the sky's colours [2 rows]."""
    k = person.looks
    yaw, pitch = k.light_yaw, k.light_pitch
    key = np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
    fill = np.array([-np.sign(yaw or 1) * 0.75, 0.1, 0.65])
    rim = np.array([-np.sign(yaw or 1) * 0.75, 0.45, -0.5])
    warm = np.array([1.0, 0.93 - 0.10 * k.light_warmth, 0.84 - 0.26 * k.light_warmth])
    warm *= 1.0 + 0.12 * k.light_warmth
    cool = np.array([0.86, 0.93, 1.06])
    hard = 1 - k.light_softness
    rows = np.zeros((5, 6))
    for row, direction, colour in (
        (0, key, warm * (0.62 + 0.62 * hard)),
        (1, fill, cool * (0.20 - 0.06 * hard)),
        (2, rim, cool * 0.42),
        (3, (0, 1, 0), np.array([1.0, 1.0, 1.03]) * (0.50 - 0.20 * hard)),
        (4, (0, -1, 0), np.array([0.95, 0.86, 0.80]) * (0.24 - 0.08 * hard)),
    ):
        rows[row, :3] = np.asarray(direction) / np.linalg.norm(direction)
        rows[row, 3:] = colour
    return rows.astype(np.float32)
