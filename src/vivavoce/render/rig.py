"""The sheet on which the picture is printed: the face's mesh, and around it a rubber sheet that
follows the head, gives way at the neck, and does not move in the background."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from vivavoce.render.scene import Scene, sample
from vivavoce.render.shape import (
    LOWER,
    LOWER_LIDS,
    UPPER,
    UPPER_LIDS,
    HeadShape,
)
from vivavoce.types import (
    CHIN,
    EYE_CORNERS,
    FOREHEAD,
    LIP_CORNERS,
    OVAL,
    FaceModel,
    Float,
)

SPACING = 0.17
"""Distance of the sheet's points, in outer-eye distances."""
BAND = 0.4
"""Width of the strip around the person that gives way, in outer-eye distances."""
HAIR = (0.75, 2.0)
"""Up to the first distance from the face all of the person follows the head, beyond the second
nothing, in outer-eye distances."""
NECK_FADE = (0.05, 1.5)
"""Up to the first distance below the chin all of the person follows the head, beyond the second
nothing, in outer-eye distances."""
SKIN_FADE = 0.22
"""Distance from the face's rim at which its expression is felt at 1/e, in outer-eye distances."""
GRID = 160
"""Side of the small picture in which weights are computed."""


class Rig:
    """Points, triangles and weights of one picture; made once."""

    def __init__(self, scene: Scene, shape: HeadShape, model: FaceModel) -> None:
        face = shape.unit * shape.source @ shape.rotation.T + shape.pivot
        face = face * np.asarray([1, -1, 1], np.float32)  # scene pixels, z toward the viewer
        self.follow_map = _follow_map(scene, face, shape.unit)
        around = _around(scene, face, shape.unit)
        oval = face[list(OVAL)]
        outside = self._depth(around, oval, shape)
        self.points = np.concatenate([face, oval, outside]).astype(np.float32)
        self.places = np.ascontiguousarray(self.points[:, :2])
        self.follow = self._weights(around, scene)
        sheet = Delaunay(np.concatenate([oval, outside])[:, :2].astype(np.float64)).simplices
        self.triangles = np.concatenate([sheet + len(face), _holes(), model.triangles]).astype(
            np.int32
        )
        local = outside * np.asarray([1, -1, 1], np.float32)
        self.outside = ((local - shape.pivot) / shape.unit) @ shape.rotation
        self.skin = self._skin(around, oval, shape.unit)
        self.shape = shape

    def _depth(self, around: Float, oval: Float, shape: HeadShape) -> Float:
        """Give the points outside the face [M, 2] a depth: behind the face's rim, rounding off."""
        apart = np.linalg.norm(around[:, None] - oval[None, :, :2], axis=-1)
        near = np.exp(-apart / (0.3 * shape.unit)) + 1e-9
        rim = (near @ oval[:, 2]) / near.sum(1)
        back = -shape.unit * 0.45 * np.minimum(apart.min(1) / shape.unit, 1.5)
        deep = np.maximum(rim + back, np.minimum(rim, shape.pivot[2]))
        return np.column_stack([around, deep])

    def _weights(self, around: Float, scene: Scene) -> Float:
        """How much each outside point follows the head [M]."""
        left, top, right, bottom = scene.window
        columns = (around[:, 0] - left) / (right - left) * GRID - 0.5
        rows = (around[:, 1] - top) / (bottom - top) * GRID - 0.5
        where = np.asarray(np.stack([columns, rows], -1), np.float32)[None]
        return sample(self.follow_map, where)[0]

    def _skin(self, around: Float, oval: Float, unit: float) -> Float:
        """How the outside points feel the expression of the face's rim [M, 36]."""
        apart = np.linalg.norm(around[:, None] - oval[None, :, :2], axis=-1) / unit
        near = np.exp(-((apart / 0.16) ** 2)) + 1e-12
        fade = np.exp(-((apart.min(1) / SKIN_FADE) ** 2))[:, None]
        moves = (self.follow > 0)[:, None]
        return (near / near.sum(1, keepdims=True) * fade * moves).astype(np.float32)

    def deform(self, points: Float, pose: Float) -> Float:
        """All vertices [T, V, 3] in scene pixels for the head's `points` [T, 478, 3]."""
        shape = self.shape
        face = shape.place(points, pose)
        change = (points - shape.source)[:, list(OVAL)]
        outside = self.outside + np.einsum("mo,toc->tmc", self.skin, change)
        turned = shape.place(outside, pose)
        rest = self.points[len(face[0]) + len(OVAL) :]
        still = shape.rest(outside)
        moved = still + self.follow[:, None] * (turned - still)
        moved[:, self.follow == 0] = rest[self.follow == 0]
        sheet = np.concatenate([face[:, list(OVAL)], moved], 1)
        sheet[..., 2] -= 1e4  # the face is always in front of the sheet
        return np.concatenate([face, sheet], 1)


def _holes() -> NDArray[np.int32]:
    """Triangles that span the eyes and the mouth, between the lids and between the lips."""
    strips = [([LIP_CORNERS[0], *UPPER, LIP_CORNERS[1]], [LIP_CORNERS[0], *LOWER, LIP_CORNERS[1]])]
    for side in (0, 1):
        first, last = EYE_CORNERS[side]
        strips.append(([first, *UPPER_LIDS[side][0], last], [first, *LOWER_LIDS[side][0], last]))
    triangles = []
    for upper, lower in strips:
        for i in range(len(upper) - 1):
            triangles.append((upper[i], lower[i], lower[i + 1]))
            triangles.append((upper[i], lower[i + 1], upper[i + 1]))
    return np.asarray(triangles, np.int32)


def _around(scene: Scene, face: Float, unit: float) -> Float:
    """Points of the sheet outside the face [M, 2]: a grid that reaches over the window's edge."""
    left, top, right, bottom = scene.window
    step = SPACING * unit
    columns = np.linspace(left - step, right + step, max(8, int((right - left) / step) + 3))
    rows = np.linspace(top - step, bottom + step, max(8, int((bottom - top) / step) + 3))
    grid = np.stack(np.meshgrid(columns, rows), -1).reshape(-1, 2)
    oval = np.asarray(face[list(OVAL), :2], np.float32)
    keep = [cv2.pointPolygonTest(oval, (float(x), float(y)), True) < -0.4 * step for x, y in grid]
    return grid[keep].astype(np.float32)


def _follow_map(scene: Scene, face: Float, unit: float) -> Float:
    """How much what is seen follows the head [GRID, GRID] over the window, 0 to 1."""
    left, top, right, bottom = scene.window
    scale = np.asarray([GRID / (right - left), GRID / (bottom - top)], np.float32)
    size = unit * float(scale.mean())  # an outer-eye distance in map pixels
    oval = (face[list(OVAL), :2] - [left, top]) * scale
    inside = np.zeros((GRID, GRID), np.uint8)
    cv2.fillPoly(inside, [np.asarray(np.round(oval), np.int32)], (1,))
    from_face = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5) / size
    matte = cv2.resize(
        scene.matte[top:bottom, left:right], (GRID, GRID), interpolation=cv2.INTER_AREA
    )
    seen = ((matte > 0.5) | (from_face < 0.12)).astype(np.uint8)
    person = cv2.morphologyEx(seen, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    from_person = cv2.distanceTransform(1 - person, cv2.DIST_L2, 5) / size
    follow = _fade(from_person, 0.08, BAND) * _fade(from_face, *HAIR)
    chin, brow = (face[CHIN, :2] - [left, top]) * scale, (face[FOREHEAD, :2] - [left, top]) * scale
    down = (chin - brow) / np.linalg.norm(chin - brow)
    rows, columns = np.mgrid[:GRID, :GRID].astype(np.float32)
    below = ((columns - chin[0]) * down[0] + (rows - chin[1]) * down[1]) / size
    follow *= _fade(below, *NECK_FADE)
    if scene.joins:
        follow *= _border_fade(scene, size)
    return cv2.GaussianBlur(follow, (0, 0), 2.0) * (follow > 0)


def _border_fade(scene: Scene, size: float) -> Float:
    """0 at the sides of the window that lie inside the picture, 1 a little further in."""
    left, top, right, bottom = scene.window
    height, width = scene.image.shape[:2]
    padded = np.ones((GRID + 2, GRID + 2), np.uint8)
    for cut, side in (
        (top > 0, np.s_[0]),
        (bottom < height, np.s_[-1]),
        (left > 0, np.s_[:, 0]),
        (right < width, np.s_[:, -1]),
    ):
        if cut:
            padded[side] = 0
    away = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1]
    return 1 - _fade((away - 4) / size, 0, 0.5)


def _fade(distance: Float, near: float, far: float) -> Float:
    """1 up to `near`, 0 from `far` on, smooth between."""
    t = np.clip((far - distance) / (far - near), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)
