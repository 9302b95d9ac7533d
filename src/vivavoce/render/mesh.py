"""Draw triangle meshes: a z-buffered rasteriser for the CPU, compiled by numba.

The compiled code is kept beside this file, or in the user's cache folder (numba's rule; set
NUMBA_CACHE_DIR to choose) where the package folder is read-only; only the first run compiles.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from vivavoce.types import Float

FAR = np.float32(-1e30)
"""Depth that the buffer holds where nothing was drawn."""
SLIVER = 1e-3
"""Twice the area in square pixels under which a triangle is left out: its planes are not known well
enough, and its neighbours, which reach a thousandth of a pixel over their edges, cover it."""


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` compiled by numba, cached on disk where any folder lets us."""
    try:
        return njit(cache=True, fastmath=True, nogil=True)(function)
    except RuntimeError:  # no writable cache folder: compile in each process
        return njit(fastmath=True, nogil=True)(function)


def rasterise(
    vertices: Float, triangles: NDArray[np.int32], attributes: Float, height: int, width: int
) -> tuple[Float, Float]:
    """Interpolate `attributes` over the triangles as they are seen along z.

    Args:
        vertices: [V, 3]: x right and y down in pixels (pixel centres at whole numbers), z nearer =
            larger.
        triangles: [F, 3] vertex indices in either orientation; both sides are drawn.
        attributes: [V, A], interpolated linearly over the picture plane.
        height: Rows of the result.
        width: Columns of the result.

    Returns:
        The attributes [height, width, A], 0 where nothing is seen, and the depth [height, width],
        `FAR` there.
    """
    image = np.zeros((height, width, attributes.shape[1]), np.float32)
    depth = np.full((height, width), FAR, np.float32)
    draw(
        np.ascontiguousarray(vertices, np.float32),
        np.ascontiguousarray(triangles, np.int32),
        np.ascontiguousarray(attributes, np.float32),
        image,
        depth,
    )
    return image, depth


@compiled
def draw(
    vertices: Float, triangles: NDArray[np.int32], attributes: Float, image: Float, depth: Float
) -> None:
    """Draw into `image` [H, W, A] and `depth` [H, W] what is nearer; see `rasterise`.

    Each row of a triangle is a span found from its three edges, so no pixel is tested in vain; a
    triangle's depth and attributes are planes, which are evaluated from its first corner.
    """
    height, width, channels = image.shape
    a, b, c = np.empty(3), np.empty(3), np.empty(3)
    across, down, here = np.empty(channels), np.empty(channels), np.empty(channels)
    for f in range(triangles.shape[0]):
        first, second, third = triangles[f, 0], triangles[f, 1], triangles[f, 2]
        x0, y0 = float(vertices[first, 0]), float(vertices[first, 1])
        x1, y1 = float(vertices[second, 0]), float(vertices[second, 1])
        x2, y2 = float(vertices[third, 0]), float(vertices[third, 1])
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if abs(area) < SLIVER:
            continue
        a[0], b[0], c[0] = (y1 - y2) / area, (x2 - x1) / area, (x1 * y2 - x2 * y1) / area
        a[1], b[1], c[1] = (y2 - y0) / area, (x0 - x2) / area, (x2 * y0 - x0 * y2) / area
        a[2], b[2], c[2] = (y0 - y1) / area, (x1 - x0) / area, (x0 * y1 - x1 * y0) / area
        z0 = vertices[first, 2]
        z1, z2 = vertices[second, 2] - z0, vertices[third, 2] - z0
        z_across, z_down = a[1] * z1 + a[2] * z2, b[1] * z1 + b[2] * z2
        for k in range(channels):
            v1 = attributes[second, k] - attributes[first, k]
            v2 = attributes[third, k] - attributes[first, k]
            across[k], down[k] = a[1] * v1 + a[2] * v2, b[1] * v1 + b[2] * v2
        top = max(0, int(np.ceil(min(y0, y1, y2) - 1e-4)))
        bottom = min(height - 1, int(np.floor(max(y0, y1, y2) + 1e-4)))
        for y in range(top, bottom + 1):
            left, right = max(min(x0, x1, x2), 0.0), min(max(x0, x1, x2), width - 1.0)
            for k in range(3):  # weight k = a x + b y + c must not be negative
                rest = b[k] * y + c[k]
                if a[k] > 1e-12:
                    left = max(left, -rest / a[k])
                elif a[k] < -1e-12:
                    right = min(right, -rest / a[k])
                elif rest < -1e-6:
                    right = -1.0
            for k in range(channels):
                here[k] = attributes[first, k] + down[k] * (y - y0)
            z_here = z0 + z_down * (y - y0)
            for x in range(int(np.ceil(left - 1e-3)), int(np.floor(right + 1e-3)) + 1):
                z = np.float32(z_here + z_across * (x - x0))
                if z >= depth[y, x]:
                    depth[y, x] = z
                    for k in range(channels):
                        image[y, x, k] = here[k] + across[k] * (x - x0)


@compiled
def settle(places: Float, still: Float, least: float) -> None:
    """Put those of the `places` [H, W, 2] that lie within `least` of `still` [H, W, 2], across and
    down, exactly there."""
    for y in range(places.shape[0]):
        for x in range(places.shape[1]):
            across = abs(places[y, x, 0] - still[y, x, 0])
            down = abs(places[y, x, 1] - still[y, x, 1])
            if across < least and down < least:
                places[y, x, 0] = still[y, x, 0]
                places[y, x, 1] = still[y, x, 1]
