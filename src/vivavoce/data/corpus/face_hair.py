"""Brows, lashes and beards: short strands that move with the skin they grow on."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from vivavoce.data.corpus.colour import linear
from vivavoce.data.corpus.head import Head
from vivavoce.data.corpus.person import Person
from vivavoce.data.corpus.scene import LABEL_INDEX, Part
from vivavoce.data.corpus.strand import on_surface, ribbons, tinted, unit

UPPER_LIDS = ((36, 37, 38, 39), (42, 43, 44, 45))
BROWS = ((17, 18, 19, 20, 21), (26, 25, 24, 23, 22))
"""Points of the brows among the 68, from the temple to the nose: the person's right, left."""
_STEPS = 4


def brows(person: Person, head: Head) -> Part:
    """Two brows of some hundred hairs."""
    looks, rng = person.looks, person.rng("brows")
    count = 210
    curves, out, bind = [], [], []
    for side, indices in zip((-1, 1), BROWS, strict=True):
        line = head.rest[head.arrays.points68[list(indices)]]
        at = rng.uniform(0, 1, count)
        spread = (0.20 + 0.34 * looks.brows) * np.interp(at, [0, 0.25, 0.8, 1], [0.35, 0.8, 1, 0.9])
        middle = _along(line, at) + np.array([0, -0.12, 0])
        offset = rng.uniform(-0.5, 0.5, count) * spread
        root = _onto(head, middle + offset[:, None] * [0, 1, 0])
        lean = np.stack(
            [
                side * np.interp(at, [0, 1], [0.95, 0.35]),
                np.interp(at, [0, 0.6, 1], [-0.35, 0.25, 0.9]) - offset * 0.8,
                np.full(count, 0.12),
            ],
            1,
        )
        length = rng.uniform(0.55, 0.85, count) * (0.8 + 0.35 * looks.brows) * head.scale
        t = np.linspace(0, 1, _STEPS)[None, :, None]
        curves.append(root[0][:, None] + unit(lean)[:, None] * (length[:, None, None] * t))
        out.append(root[1])
        bind.append(root[2])
    colour = tinted(linear(looks.hair_colour) * 0.62, 2 * count, rng)
    width = np.full(2 * count, 0.055 + 0.035 * looks.brows)
    return ribbons(
        _float(curves),
        _float(out),
        width,
        colour,
        0.1,
        LABEL_INDEX["brow"],
        bind=np.concatenate(bind),
        roots=0.9,
    )


def lashes(person: Person, head: Head) -> Part:
    """The lashes of both upper lids, as one mesh."""
    rng = person.rng("lashes")
    count = 46
    curves, bind = [], []
    for indices in UPPER_LIDS:
        line = head.rest[head.arrays.points68[list(indices)]]
        at = np.linspace(0.04, 0.98, count)
        root, _, nearest = _onto(head, _along(line, at) + np.array([0, 0.0, 0.05]))
        outer = at if indices[0] == 42 else 1 - at
        sway = (outer - 0.45) * (1 if indices[0] == 42 else -1) * 0.8
        lean = np.stack([sway, np.full(count, 0.28), np.full(count, 0.85)], 1)
        length = rng.uniform(0.34, 0.5, count) * head.scale
        t = np.linspace(0, 1, _STEPS)
        bow = np.stack([0 * t, 0.35 * t**2, 0 * t], 1)
        curves.append(
            root[:, None] + length[:, None, None] * (unit(lean)[:, None] * t[None, :, None] + bow)
        )
        bind.append(nearest)
    colour = np.tile(np.minimum(linear(person.looks.hair_colour) * 0.3, 0.02), (2 * count, 1))
    outward = np.tile([0, 1.0, 0.6], (2 * count, 1))
    return ribbons(
        _float(curves),
        unit(outward),
        np.full(2 * count, 0.05),
        _float([colour]),
        0.0,
        LABEL_INDEX["brow"],
        bind=np.concatenate(bind),
        roots=1.0,
    )


def beard(person: Person, head: Head) -> list[Part]:
    """Moustache, goatee or full beard; stubble is a colour of the skin (`skin.py`)."""
    kind = person.looks.beard
    if kind in ("none", "stubble"):
        return []
    rng, a = person.rng("beard"), head.arrays
    density = a.masks["beard"] * beard_area(kind, head)
    count = {"moustache": 800, "goatee": 1500, "full": 3000}[kind]
    root, out, nearest = on_surface(head.rest, a.triangles, density, count, rng)
    x, y, _ = root.T
    down = np.stack([np.sign(x) * 0.25 + 0.05 * x, np.full(count, -1.0), np.full(count, 0.15)], 1)
    lean = unit(unit(down + 0.3 * rng.normal(size=(count, 3))) + 0.3 * out)
    chin = np.clip((-8.5 - y) / 3, 0, 1)
    length = (0.4 + 0.7 * chin * (kind != "moustache")) * rng.uniform(0.7, 1.2, count) * head.scale
    t = np.linspace(0, 1, _STEPS)[None, :, None]
    curves = root[:, None] + 0.03 * out[:, None] + lean[:, None] * length[:, None, None] * t
    colour = tinted(linear(person.looks.hair_colour) * [0.95, 0.82, 0.72], count, rng)
    return [
        ribbons(
            _float([curves]),
            out,
            np.full(count, 0.08),
            colour,
            0.2,
            LABEL_INDEX["beard"],
            bind=nearest,
            roots=0.7,
        )
    ]


def beard_area(kind: str, head: Head) -> np.ndarray:
    """Density of a kind of beard at each vertex of the head [V], 0 to 1."""
    x, y, _ = head.arrays.neutral.T
    lip = head.arrays.neutral[head.arrays.points68[51], 1]
    above = np.clip((y - lip + 0.3) / 0.2, 0, 1) * (np.abs(x) < 3.3)
    if kind == "moustache":
        return above.astype(np.float32)
    if kind == "goatee":
        return np.maximum(above, np.clip((3.4 - np.abs(x)) / 0.4, 0, 1) * (y < lip)).astype(
            np.float32
        )
    return np.ones(len(x), np.float32)


def _along(line: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Points [N, 3] at the shares `at` of a polyline [K, 3]."""
    knots = np.linspace(0, 1, len(line))
    return np.stack([np.interp(at, knots, line[:, k]) for k in range(3)], 1)


def _onto(head: Head, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points moved onto the nearest skin: places, rough normals, vertices."""
    skin = np.flatnonzero(head.arrays.is_part("face"))
    front = skin[head.rest[skin, 2] > -2 * head.scale]
    _, nearest = cKDTree(head.rest[front]).query(points)
    vertex = front[nearest]
    lifted = points.copy()
    lifted[:, 2] = head.rest[vertex, 2] + 0.06
    outward = unit(head.rest[vertex] - np.array([0, -2.0, -9.0]) * head.scale)
    return lifted, outward, vertex.astype(np.int64)


def _float(arrays: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(arrays).astype(np.float32)
