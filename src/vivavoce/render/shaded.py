"""A face mesh as a shaded picture: what a renderer is told of the geometry of a face.

The 478 points of `face478` are drawn as a grey, softly lit surface; lips, whites and irises have
colours of their own, and an open mouth shows its dark inside, so that a small picture still says
how far mouth and lids are open.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vivavoce.render.mesh import FAR, rasterise
from vivavoce.types import Bytes, Float

INNER_LIPS = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88,
              95)  # fmt: skip
"""Rim of the open mouth, once around."""
OUTER_LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91,
              146)  # fmt: skip
"""Rim of the red of the lips, once around."""
EYES = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7),
    (362, 398, 384, 385, 386, 387, 388, 466, 263, 249, 390, 373, 374, 380, 381, 382),
)
"""Rims of the person's right and left lids, once around."""
IRISES = ((468, 469, 470, 471, 472), (473, 474, 475, 476, 477))
"""Centre and rim of the person's right and left iris."""
SKIN, LIPS, WHITE, IRIS, INSIDE = (
    0.62,
    (0.75, 0.25, 0.3),
    (0.95,) * 3,
    (0.1, 0.25, 0.5),
    (0.15, 0, 0),
)
"""Colours, RGB in 0..1: skin (grey), lips, white of the eye, iris, inside of the mouth."""
LIGHT = np.array([0.2, 0.45, 0.87], np.float32)
"""Direction to the light: x right, y up, z to the viewer."""
AMBIENT = 0.35
"""Share of the light that reaches every side."""


def shaded(landmarks: Float, triangles: NDArray[np.int32], size: int) -> Bytes:
    """Picture [size, size, 3] RGB of points [478, 3] in its px (x right, y down, z away), joined by
    face478's triangles [F, 3]; black where no face is."""
    points = _seen(landmarks)
    colours = _skin() * _light(points, triangles)[:, None]
    image, depth = rasterise(points, triangles, colours, size, size)
    # What lies in the holes of the mesh is drawn behind its rims, lowest first.
    for ring, colour in ((INNER_LIPS, INSIDE), *((eye, WHITE) for eye in EYES)):
        _fill(image, depth, points, ring, colour, size)
    for eye, iris in zip(EYES, IRISES, strict=True):
        _iris(image, points, eye, iris, size)
    return np.asarray(np.clip(image * 255, 0, 255).round(), np.uint8)


def shaded_surface(vertices: Float, triangles: NDArray[np.int32], size: int) -> Bytes:
    """Picture [size, size, 3] of any mesh, grey: vertices [V, 3] px as in `shaded`, triangles
    [F, 3] in either orientation."""
    points = _seen(vertices)
    grey = SKIN * _light(points, triangles)[:, None]
    image, _ = rasterise(points, triangles, np.repeat(grey, 3, 1), size, size)
    return np.asarray(np.clip(image * 255, 0, 255).round(), np.uint8)


def _seen(points: Float) -> Float:
    """Points in px with z to the viewer, as the rasteriser wants them."""
    return np.asarray(points, np.float32) * np.array([1, 1, -1], np.float32)


@lru_cache(1)
def _skin() -> Float:
    """Colour of every point [478, 3]."""
    colours = np.full((478, 3), SKIN, np.float32)
    colours[list(OUTER_LIPS + INNER_LIPS)] = LIPS
    return colours


def _light(points: Float, triangles: NDArray[np.int32]) -> Float:
    """How bright each point is [V], 0..1, from the normals of the triangles around it."""
    a, b, c = (points[triangles[:, k]] for k in range(3))
    # Picture axes point down, so the cross product of a triangle that is seen points away.
    faces = np.cross(c - a, b - a) * np.array([1, -1, 1], np.float32)
    faces *= np.sign(faces[:, 2:] + 1e-9)
    normals = np.zeros_like(points)
    for k in range(3):
        np.add.at(normals, triangles[:, k], faces)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9
    lit: Float = AMBIENT + (1 - AMBIENT) * np.clip(normals @ LIGHT, 0, 1)
    return lit


def _fill(
    image: Float, depth: Float, points: Float, ring: tuple[int, ...], colour: tuple[float, ...],
    size: int,
) -> None:  # fmt: skip
    """Colour what lies inside a rim of points and where no surface is."""
    middle = points[list(ring)].mean(0, keepdims=True)
    around = np.concatenate([points[list(ring)], middle])
    count = len(ring)
    fan = np.array([(i, (i + 1) % count, count) for i in range(count)], np.int32)
    _, seen = rasterise(around, fan, np.ones((count + 1, 1), np.float32), size, size)
    image[(seen > FAR) & (depth <= FAR)] = colour


def _iris(
    image: Float, points: Float, eye: tuple[int, ...], iris: tuple[int, ...], size: int
) -> None:
    """Draw a round iris where the white of its eye is seen."""
    centre = points[iris[0], :2]
    radius = np.linalg.norm(points[list(iris[1:]), :2] - centre, axis=1).mean()
    around = points[list(eye), :2]
    low = np.clip(np.floor(around.min(0)).astype(int), 0, size)
    high = np.clip(np.ceil(around.max(0)).astype(int) + 1, 0, size)
    y, x = np.mgrid[low[1] : high[1], low[0] : high[0]]
    inside = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 <= radius**2
    part = image[low[1] : high[1], low[0] : high[0]]
    part[inside & (part == WHITE[0]).all(-1)] = IRIS
