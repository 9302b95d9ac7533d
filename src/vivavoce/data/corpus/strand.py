"""Strands of hair: curves, and the ribbons that are drawn for them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vivavoce.data.corpus.scene import Follows, Part


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows [..., 3] of length 1."""
    out: np.ndarray = vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-9)
    return out


def on_surface(
    vertices: np.ndarray,
    triangles: NDArray[np.int32],
    density: np.ndarray,
    count: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, NDArray[np.int64]]:
    """`count` random points of a mesh, likelier where `density` [V] is high.

    Returns: points [N, 3], outward normals [N, 3], and each point's nearest corner vertex [N].
    """
    corners = vertices[triangles]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    weight = np.linalg.norm(cross, axis=1) * density[triangles].min(1)
    chosen = rng.choice(len(triangles), count, p=weight / weight.sum())
    u, v = rng.random((2, count))
    flip = u + v > 1
    u, v = np.where(flip, 1 - u, u), np.where(flip, 1 - v, v)
    mix = np.stack([1 - u - v, u, v], 1)
    points = (corners[chosen] * mix[..., None]).sum(1).astype(np.float32)
    nearest = triangles[chosen, mix.argmax(1)].astype(np.int64)
    return points, unit(cross[chosen]).astype(np.float32), nearest


def ribbons(
    curves: np.ndarray,
    outward: np.ndarray,
    width: np.ndarray,
    colour: np.ndarray,
    gloss: float,
    label: int,
    follows: Follows = "head",
    bind: NDArray[np.int64] | None = None,
    roots: float = 0.55,
    light: np.ndarray | None = None,
) -> Part:
    """A mesh that shows every curve as a flat ribbon.

    Args:
        curves: [N, S, 3] cm, root first.
        outward: [N, 3]: the side that the ribbons show.
        width: [N] cm in the middle; they taper towards the tip.
        colour: [N, 3] linear albedo.
        gloss: Strength of the highlight.
        label: Index into `scene.LABELS`.
        follows: What the ribbons move with, see `scene.Part.follows`.
        bind: [N] head vertex that each strand moves along with.
        roots: Brightness at the root against the tip's.
        light: [N, S] further brightness, e.g. how shaded each point lies.
    """
    count, steps, _ = curves.shape
    tangent = unit(np.gradient(curves, axis=1)).astype(np.float32)
    side = unit(np.cross(tangent, outward[:, None]))
    along = np.linspace(0, 1, steps)
    taper = np.interp(along, [0, 0.15, 0.6, 1], [0.7, 1, 0.9, 0.12])
    half = side * (0.5 * width[:, None] * taper[None])[..., None]
    vertices = np.stack([curves - half, curves + half], 2).reshape(-1, 3)
    bright = np.interp(along, [0, 0.5, 1], [roots, 0.95, 1.08])[None]
    if light is not None:
        bright = bright * light
    albedo = np.repeat(
        (colour[:, None] * np.broadcast_to(bright, (count, steps))[..., None]).reshape(-1, 3), 2, 0
    )
    return Part(
        vertices.astype(np.float32),
        _faces(count, steps),
        np.repeat(tangent.reshape(-1, 3), 2, 0),
        np.clip(albedo, 0, 1).astype(np.float32),
        np.full(len(vertices), gloss, np.float32),
        label,
        follows,
        True,
        1.0,
        None if bind is None else np.repeat(bind, 2 * steps),
    )


def _faces(count: int, steps: int) -> NDArray[np.int32]:
    """Two triangles for each segment of each ribbon."""
    first = (np.arange(count)[:, None] * steps + np.arange(steps - 1)).reshape(-1) * 2
    quads = np.stack([first, first + 1, first + 2, first + 1, first + 3, first + 2], 1)
    return quads.reshape(-1, 3).astype(np.int32)


def tinted(
    colour: np.ndarray, count: int, rng: np.random.Generator, spread: float = 0.16
) -> np.ndarray:
    """`count` strand colours [N, 3] around one."""
    shade = np.exp(spread * rng.normal(size=(count, 1)))
    warm = 1 + 0.06 * rng.normal(size=(count, 1)) * [1.0, 0.2, -0.6]
    return np.clip(colour[None] * shade * warm, 0.002, 0.95).astype(np.float32)
