"""Glasses: two rims, a bridge, temples to the ears, and thin lenses."""

from __future__ import annotations

import numpy as np

from vivavoce.data.corpus.colour import linear
from vivavoce.data.corpus.head import Head
from vivavoce.data.corpus.person import Person
from vivavoce.data.corpus.scene import LABEL_INDEX, Part
from vivavoce.data.corpus.strand import unit

LENS_OPACITY = 0.07
_AROUND, _TUBE = 40, 6


def glasses(person: Person, head: Head) -> list[Part]:
    """Frame and lenses; nothing for those who wear none."""
    looks = person.looks
    if looks.glasses == "none":
        return []
    thick = 0.10 if looks.glasses == "half" else 0.16
    colour, label = linear(looks.glasses_colour), LABEL_INDEX["glasses"]
    marks = head.landmarks(head.rest, np.zeros(2, np.float32))
    rims = [_rim(looks.glasses, eye.centre, marks, head.scale) for eye in head.eyes]
    tubes = [
        _tube(
            r[: _AROUND // 2 + 1] if looks.glasses == "half" else r, thick, looks.glasses != "half"
        )
        for r in rims
    ]
    right, left = rims
    inner_right, inner_left = right[right[:, 0].argmax()], left[left[:, 0].argmin()]
    arch = (inner_right + inner_left) / 2 + [0, 0.35, 0.25]
    tubes.append(_tube(np.stack([inner_right, arch, inner_left]), thick, False))
    ears = [marks[127], marks[356]]
    for rim, ear, side in zip(rims, ears, (-1, 1), strict=True):
        hinge = rim[rim[:, 0].argmin() if side < 0 else rim[:, 0].argmax()] + [0, 0.4, 0]
        middle = np.array([ear[0] + side * 0.55, hinge[1] + 0.1, ear[2] + 2.0])
        end = np.array([ear[0] + side * 0.8, hinge[1] - 0.1, ear[2] - 3.5])
        tubes.append(_tube(np.stack([hinge, middle, end]), thick, False))
    frame = _joined(tubes, colour, label)
    return [frame, *(_lens(rim, label) for rim in rims)]


def _rim(kind: str, eye: np.ndarray, marks: np.ndarray, scale: float) -> np.ndarray:
    """The outline of a lens [N, 3], in front of the lashes."""
    t = np.linspace(0, 2 * np.pi, _AROUND, endpoint=False)
    power = {"round": 2.0, "square": 4.5, "half": 3.0}[kind]
    wide, tall = {"round": (2.35, 2.2), "square": (2.6, 1.8), "half": (2.6, 1.6)}[kind]
    c, s = np.cos(t), np.sin(t)
    x = np.sign(c) * np.abs(c) ** (2 / power) * wide * scale
    y = np.sign(s) * np.abs(s) ** (2 / power) * tall * scale
    middle = eye + np.array([0.12 * np.sign(eye[0]), -0.35, 0]) * scale
    front = max(marks[168, 2] + 0.2, eye[2] + 2.35 * scale)
    wrap = 0.055 * (np.abs(middle[0] + x) / scale) ** 2 * 0.5
    return np.stack([middle[0] + x, middle[1] + y, front - wrap + 0.25], 1).astype(np.float32)


def _tube(
    path: np.ndarray, thick: float, closed: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A tube along a path: vertices, triangles, normals."""
    if len(path) == 3:  # a bow through three points
        t = np.linspace(0, 1, 9)[:, None]
        path = (
            (1 - t) ** 2 * path[0]
            + 2 * t * (1 - t) * (2 * path[1] - (path[0] + path[2]) / 2)
            + t**2 * path[2]
        )
    count = len(path)
    tangent = unit(
        np.roll(path, -1, 0) - np.roll(path, 1, 0) if closed else np.gradient(path, axis=0)
    )
    up = unit(np.cross(tangent, [0.05, 0.1, 1.0]))
    side = np.cross(tangent, up)
    around = np.linspace(0, 2 * np.pi, _TUBE, endpoint=False)
    normals = (
        np.cos(around)[None, :, None] * up[:, None] + np.sin(around)[None, :, None] * side[:, None]
    )
    vertices = path[:, None] + 0.5 * thick * normals
    last = count if closed else count - 1
    i, j = np.meshgrid(np.arange(last), np.arange(_TUBE), indexing="ij")
    a, b = i * _TUBE + j, i * _TUBE + (j + 1) % _TUBE
    c, d = (i + 1) % count * _TUBE + j, (i + 1) % count * _TUBE + (j + 1) % _TUBE
    both = np.stack([np.stack([a, b, c], -1), np.stack([b, d, c], -1)]).reshape(-1, 3)
    return vertices.reshape(-1, 3), both, normals.reshape(-1, 3)


def _joined(
    tubes: list[tuple[np.ndarray, np.ndarray, np.ndarray]], colour: np.ndarray, label: int
) -> Part:
    starts = np.cumsum([0, *(len(t[0]) for t in tubes)])
    vertices = np.concatenate([t[0] for t in tubes]).astype(np.float32)
    triangles = np.concatenate([t[1] + s for t, s in zip(tubes, starts, strict=False)])
    normals = np.concatenate([t[2] for t in tubes]).astype(np.float32)
    return Part(
        vertices,
        triangles.astype(np.int32),
        normals,
        np.tile(colour, (len(vertices), 1)).astype(np.float32),
        np.full(len(vertices), 0.8, np.float32),
        label,
        "head",
    )


def _lens(rim: np.ndarray, label: int) -> Part:
    """A fan over the rim, nearly clear."""
    vertices = np.concatenate([rim.mean(0, keepdims=True), rim]).astype(np.float32)
    i = np.arange(len(rim))
    triangles = np.stack([np.zeros_like(i), i + 1, (i + 1) % len(rim) + 1], 1).astype(np.int32)
    normals = unit(np.array([0, 0.1, 1.0]) + 0.12 * (vertices - vertices[0])).astype(np.float32)
    return Part(
        vertices,
        triangles,
        normals,
        np.full((len(vertices), 3), 0.2, np.float32),
        np.full(len(vertices), 0.9, np.float32),
        label,
        "head",
        opacity=LENS_OPACITY,
    )
