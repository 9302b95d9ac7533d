"""Normals and poses of a mesh, compiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vivavoce.render.mesh import compiled
from vivavoce.types import Float


@compiled
def vertex_normals(vertices: Float, triangles: NDArray[np.int32]) -> Float:
    """Unit normals [V, 3], each the mean of its triangles' by area."""
    out = np.zeros_like(vertices)
    for f in range(triangles.shape[0]):
        i, j, k = triangles[f, 0], triangles[f, 1], triangles[f, 2]
        ax, ay, az = vertices[i, 0], vertices[i, 1], vertices[i, 2]
        bx, by, bz = vertices[j, 0] - ax, vertices[j, 1] - ay, vertices[j, 2] - az
        cx, cy, cz = vertices[k, 0] - ax, vertices[k, 1] - ay, vertices[k, 2] - az
        nx, ny, nz = by * cz - bz * cy, bz * cx - bx * cz, bx * cy - by * cx
        for v in (i, j, k):
            out[v, 0] += nx
            out[v, 1] += ny
            out[v, 2] += nz
    for v in range(out.shape[0]):
        size = np.sqrt(out[v, 0] ** 2 + out[v, 1] ** 2 + out[v, 2] ** 2) + 1e-9
        out[v, 0] /= size
        out[v, 1] /= size
        out[v, 2] /= size
    return out


@compiled
def two_poses(
    points: Float,
    normals: Float,
    stay: Float,
    neck: Float,
    turn: Float,
    shift: Float,
    body_turn: Float,
    body_shift: Float,
) -> tuple[Float, Float]:
    """Points and normals [V, 3], turned about the neck and shifted: `stay` [V] of each by the
    head's pose, the rest by the body's."""
    placed, turned = np.empty_like(points), np.empty_like(normals)
    for v in range(points.shape[0]):
        much = stay[v]
        x, y, z = points[v, 0] - neck[0], points[v, 1] - neck[1], points[v, 2] - neck[2]
        nx, ny, nz = normals[v, 0], normals[v, 1], normals[v, 2]
        for c in range(3):
            a = body_turn[c, 0] + much * (turn[c, 0] - body_turn[c, 0])
            b = body_turn[c, 1] + much * (turn[c, 1] - body_turn[c, 1])
            d = body_turn[c, 2] + much * (turn[c, 2] - body_turn[c, 2])
            moved = body_shift[c] + much * (shift[c] - body_shift[c])
            placed[v, c] = a * x + b * y + d * z + neck[c] + moved
            turned[v, c] = a * nx + b * ny + d * nz
    return placed, turned
