"""The corpus's head: a mesh with `face478`'s shapes and ARKit's actions, eyes that turn, lids.

Fitted by `scripts/fit_corpus_head.py` from ICT-FaceKit (Li et al., CVPR 2020; MIT licence).
Space: centimetres, x to the person's left, y up, z out of the face, 0 between the outer eye corners
of the mean head (`scene.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivavoce.types import IRISES, Float, rotation_matrix

EYES = ("right", "left")
"""Eyes by the person's own sides, in the order of the tracker's outer eye corners."""
EYE_PROFILE = ((0, 1.63), (18, 1.62), (25, 1.565), (35, 1.52), (50, 1.487), (110, 1.457))
"""Degrees from the optical axis → distance from the eye's centre, cm: the cornea bulges."""
EYE_RINGS_DEG = (0, 6.4, 7.4, 11, 15, 19.4, 22.2, 23.6, 28, 36, 48, 62, 78, 96)
"""Rings of the eye's mesh: narrow ones at the pupil's edge and at the limbus keep them sharp."""
EYE_SEGMENTS = 40
"""Vertices on each ring of the eye's mesh."""
_LID_GAP = 0.035  # cm between a lid and the eyeball under it


@dataclass(frozen=True)
class Arrays:
    """Arrays of the fitted head mesh, read from `head.npz` once a process."""

    neutral: Float
    """Vertices of the mean head [V, 3] in cm."""
    triangles: NDArray[np.int32]
    """Vertex indices of the triangles [F, 3]."""
    identity: Float
    """Displacement by a standard deviation of each identity direction [40, V * 3] in cm."""
    expression: Float
    """Displacement by the full action of each ARKit expression [52, V * 3] in cm."""
    corners: NDArray[np.int32]
    """[478, 3] vertices, with `weights` [478, 3]: where the tracker's points lie."""
    weights: Float
    """Weights [478, 3] of the vertices in `corners`; each row sums to 1."""
    points68: NDArray[np.int32]
    """Vertex of each of the 68 points of iBUG [68]."""
    part: NDArray[np.int8]
    """Part that each vertex belongs to [V], an index into `part_names`."""
    part_names: tuple[str, ...]
    """Names of the parts of the head."""
    tongue: NDArray[np.bool_]
    """Whether each vertex belongs to the tongue [V]."""
    open: Float
    """[V] how much of the sky a vertex sees with the mouth shut, 0..1."""
    masks: dict[str, Float]
    """[V] 0..1: lips, lids, sockets, brows, cheeks, nose, ears, beard, scalp, head."""

    def is_part(self, *names: str) -> NDArray[np.bool_]:
        """[V] whether a vertex is of a part whose name begins so."""
        wanted = [i for i, n in enumerate(self.part_names) if n.startswith(names)]
        return np.isin(self.part, wanted)


@cache
def arrays() -> Arrays:
    """`head.npz`; about 30 MB once unpacked."""
    with np.load(Path(__file__).with_name("head.npz")) as z:
        identity = z["identity"].astype(np.float32) * z["identity_step"][:, None, None]
        expression = z["expression"].astype(np.float32) * z["expression_step"][:, None, None]
        masks = {
            k.removeprefix("mask_"): z[k].astype(np.float32) / 255
            for k in z.files
            if k.startswith("mask_")
        }
        return Arrays(
            z["neutral"],
            z["triangles"],
            identity.reshape(len(identity), -1),
            expression.reshape(len(expression), -1),
            z["corners"],
            z["weights"],
            z["points68"],
            z["part"],
            tuple(map(str, z["part_names"])),
            z["tongue"],
            z["open"],
            masks,
        )


class Head:
    """Head of one person: its mesh, its eyes, and where they go."""

    def __init__(self, identity: Float, scale: float = 1.0) -> None:
        """`identity` [40] as in `face478`; `scale` makes the whole head smaller or larger."""
        self.arrays = arrays()
        shape = self.arrays.neutral + (identity @ self.arrays.identity).reshape(-1, 3)
        self.scale = scale
        self.rest: Float = np.asarray(_narrowed(shape) * scale, np.float32)
        """[V, 3] cm, the relaxed face."""
        self.eyes = tuple(_Eye(self.arrays, self.rest, side) for side in EYES)
        sockets = self.arrays.masks["sockets"] > 0
        x = self.rest[:, 0]
        self._lids = tuple(np.flatnonzero(sockets & (np.sign(x) == s)) for s in (-1, 1))

    def vertices(self, expression: Float) -> Float:
        """The face with these ARKit coefficients [52]: [V, 3] cm."""
        active = np.flatnonzero(np.abs(expression) > 1e-4)
        moved = expression[active].astype(np.float32) @ self.arrays.expression[active]
        vertices: Float = self.rest + self.scale * moved.reshape(-1, 3)
        for eye, lids in zip(self.eyes, self._lids, strict=True):
            eye.push_out(vertices, lids)
        return vertices

    def landmarks(self, vertices: Float, gaze: Float) -> Float:
        """The tracker's points [478, 3] cm on these vertices; the irises go with the gaze [2]."""
        at = vertices[self.arrays.corners]
        points: Float = np.einsum("pkc,pk->pc", at, self.arrays.weights).astype(np.float32)
        for eye, (first, *_) in zip(self.eyes, IRISES, strict=True):
            points[first : first + 5] = eye.iris(gaze)
        return points


def _narrowed(shape: Float) -> Float:
    """The bust's shoulders let down, so that they stay under any clothes."""
    far = np.hypot(shape[:, 0], shape[:, 2] + 5.5)
    low = np.clip((-12.5 - shape[:, 1]) / 2, 0, 1) * np.clip((far - 7.2) / 2.5, 0, 1)
    return np.asarray(shape - np.stack([0 * low, 3.0 * low, 0 * low], 1), np.float32)


class _Eye:
    """An eyeball: its place, its mesh, its turn."""

    def __init__(self, a: Arrays, rest: Float, side: str) -> None:
        ball = rest[a.is_part(f"eyeball_{side}")]
        neutral = a.neutral[a.is_part(f"eyeball_{side}")]
        self.centre, size = _sphere(ball)
        self.scale = size / _sphere(neutral)[1]
        rings = np.radians(np.array(EYE_RINGS_DEG, np.float64))
        self.angle: Float = np.repeat(rings, EYE_SEGMENTS).astype(np.float32)
        """[E] radians of each vertex from the optical axis."""
        around = np.tile(np.linspace(0, 2 * np.pi, EYE_SEGMENTS, endpoint=False), len(rings))
        self.around: Float = around.astype(np.float32)
        degrees, radii = np.array(EYE_PROFILE).T
        radius = np.interp(np.degrees(self.angle), degrees, radii) * self.scale
        direction = np.stack(
            [
                np.sin(self.angle) * np.cos(around),
                np.sin(self.angle) * np.sin(around),
                np.cos(self.angle),
            ],
            1,
        )
        self.local: Float = (direction * radius[:, None]).astype(np.float32)
        """[E, 3] around the centre, looking ahead."""
        self.triangles = _rings(len(rings), EYE_SEGMENTS)

    def turned(self, gaze: Float) -> Float:
        """The rotation [3, 3] for this gaze (yaw, pitch in rad)."""
        return rotation_matrix(np.array([gaze[0], gaze[1], 0.0], np.float32))

    def vertices(self, gaze: Float) -> Float:
        """The eyeball's front [E, 3] cm."""
        return np.asarray(self.local @ self.turned(gaze).T + self.centre, np.float32)

    def iris(self, gaze: Float) -> Float:
        """The tracker's five points of an iris [5, 3]: middle, and the limbus at its four ends."""
        r = np.sin(np.radians(22.2)) * 1.58 * self.scale
        ends = np.array([[0, 0], [r, 0], [0, r], [-r, 0], [0, -r]])
        local = np.column_stack([ends, np.full(5, 1.5 * self.scale)])
        return np.asarray(local @ self.turned(gaze).T + self.centre, np.float32)

    def push_out(self, vertices: Float, lids: NDArray[np.int64]) -> None:
        """Keep lids [L] outside the eyeball, in place."""
        away = vertices[lids] - self.centre
        distance = np.linalg.norm(away, axis=1)
        degrees = np.degrees(np.arccos(np.clip(away[:, 2] / (distance + 1e-6), -1, 1)))
        known, radii = np.array(EYE_PROFILE).T
        least = np.interp(degrees, known, radii) * self.scale + _LID_GAP
        inside = (distance < least) & (degrees < 75)
        vertices[lids[inside]] = (
            self.centre + away[inside] * (least[inside] / distance[inside])[:, None]
        )


def _sphere(points: Float) -> tuple[Float, float]:
    """Centre [3] and radius of the sphere through the back half of an eyeball's vertices."""
    back = points[points[:, 2] < np.median(points[:, 2])].astype(np.float64)
    rows = np.column_stack([2 * back, np.ones(len(back))])
    found = np.linalg.lstsq(rows, (back**2).sum(1), rcond=None)[0]
    return found[:3].astype(np.float32), float(np.sqrt(found[3] + found[:3] @ found[:3]))


def _rings(rings: int, segments: int) -> NDArray[np.int32]:
    """Triangles between neighbouring rings of a mesh of revolution."""
    i, j = np.meshgrid(np.arange(rings - 1), np.arange(segments), indexing="ij")
    a, b = i * segments + j, i * segments + (j + 1) % segments
    c, d = a + segments, b + segments
    both = np.stack([np.stack([a, c, b], -1), np.stack([b, c, d], -1)])
    return both.reshape(-1, 3).astype(np.int32)


def person_scale(height_cm: float) -> float:
    """Size of a head against an adult's of 171 cm."""
    return float(1 + 0.08 * (height_cm / 171 - 1))
