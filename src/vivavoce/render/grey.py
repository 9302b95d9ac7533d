"""A face's mesh in grey, as papers on 3D faces show it: a still camera, a light from above."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vivavoce.render.mesh import rasterise
from vivavoce.types import NECK, Bytes, FaceModel, Float, Motion, rotation_matrix

BACK, HOLES = 235, 60
"""Grey of the backdrop, and of what is seen through the open mouth and eyes, 0 to 255."""
LIGHT = np.array([0.25, 0.55, 0.8], np.float32)
"""Direction to the light, for x right, y up, z to the viewer."""
TALL = 0.42
"""Share of the picture that is an outer-eye distance wide."""
MIDDLE = (0.0, -0.42)
"""Point of the model, in outer-eye distances, that is in the middle of the picture."""


class GreyMesh:
    """Draws motion of ARKit coefficients on a face model, frame by frame."""

    def __init__(self, model: FaceModel, size: int = 512) -> None:
        """Pictures are `size` px wide and high."""
        self.model, self.size = model, size
        self._nobody = np.zeros(len(model.identity), np.float32)
        self._light = LIGHT / np.linalg.norm(LIGHT)
        self._whole = _filled_holes(model)

    def draw(self, motion: Motion) -> Bytes:
        """Pictures [T, size, size, 3] of a motion in the model's expressions."""
        frames = list(self._frames(motion))
        return np.stack(frames) if frames else np.zeros((0, self.size, self.size, 3), np.uint8)

    def _frames(self, motion: Motion) -> Iterator[Bytes]:
        neck = np.array(NECK, np.float32)
        turns = rotation_matrix(motion.pose[:, :3]).astype(np.float32)
        for expression, turn, pose in zip(motion.expression, turns, motion.pose, strict=True):
            points = self.model.vertices(self._nobody, expression)
            moved = (points - neck) @ turn.T + neck + pose[3:]
            yield self._picture(moved)

    def _picture(self, points: Float) -> Bytes:
        zoom = TALL * self.size
        seen = np.empty_like(points)
        seen[:, 0] = self.size / 2 + (points[:, 0] - MIDDLE[0]) * zoom
        seen[:, 1] = self.size / 2 - (points[:, 1] - MIDDLE[1]) * zoom
        seen[:, 2] = points[:, 2] * zoom
        shade = _normals(points, self.model.triangles) @ self._light
        grey = (70 + 150 * np.clip(shade, 0, 1)).astype(np.float32)
        front = np.stack([grey, np.ones_like(grey)], 1)
        face, _ = rasterise(seen, self.model.triangles, front, self.size, self.size)
        back = np.full((len(points), 1), HOLES, np.float32)
        inside, _ = rasterise(seen, self._whole, back, self.size, self.size)
        behind = np.where(inside[..., 0] > 0, HOLES, BACK)
        picture = np.where(face[..., 1] > 0.5, face[..., 0], behind)
        return np.repeat(picture[..., None], 3, 2).astype(np.uint8)


def _normals(points: Float, triangles: np.ndarray) -> Float:
    """Unit normals [V, 3] of the vertices."""
    a, b, c = (points[triangles[:, k]] for k in range(3))
    of_faces = np.cross(b - a, c - a)
    normals = np.zeros_like(points)
    for k in range(3):
        np.add.at(normals, triangles[:, k], of_faces)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.asarray(normals / np.maximum(length, 1e-9), np.float32)


def _filled_holes(model: FaceModel) -> np.ndarray:
    """Triangles [F, 3] that close every hole of the mesh (mouth, eyes) but its outer rim."""
    edges: dict[tuple[int, int], int] = {}
    for triangle in model.triangles:
        for a, b in zip(triangle, np.roll(triangle, -1), strict=True):
            edges[int(a), int(b)] = 1
    after = {b: a for a, b in edges if (b, a) not in edges}
    loops: list[list[int]] = []
    while after:
        start, loop = next(iter(after)), []
        here = start
        while here in after:
            loop.append(here)
            here = after.pop(here)
        loops.append(loop)
    rim = max(loops, key=lambda loop: float(np.ptp(model.neutral[loop, 1])), default=[])
    fans = [
        (loop[0], loop[k], loop[k + 1])
        for loop in loops
        if loop is not rim
        for k in range(1, len(loop) - 1)
    ]
    return np.array(fans, np.int32).reshape(-1, 3)
