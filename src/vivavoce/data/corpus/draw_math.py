"""Normals of a mesh, compiled."""

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
