"""Clothes: a mesh of revolution around the neck, laid over the shoulders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vivavoce.data.corpus.colour import linear, waves
from vivavoce.data.corpus.draw_math import vertex_normals
from vivavoce.data.corpus.head import Head
from vivavoce.data.corpus.person import Person
from vivavoce.data.corpus.scene import LABEL_INDEX, Part

AXIS = np.array([0.0, 0.0, -5.5], np.float32)
"""Place of the neck's upright axis in cm; its y is not used."""
AROUND, RINGS = 72, 22
REACH = 27.0
"""How far shoulders go from the neck's axis, cm."""


@dataclass(frozen=True)
class Cut:
    """Cut of a piece of clothing at the neck."""

    neck: float
    """Distance of the neckline from the neck's axis at the sides, cm."""
    front: float
    """How much further from the axis the neckline lies in front, cm."""
    sharp: float
    """Width of the opening in front, rad."""
    stand: float
    """Height in cm by which the collar stands up; 0: it does not."""
    roll: float
    """Thickness of the neckline's edge, cm."""


CUTS = {
    "crew": Cut(7.6, 0.8, 1.0, 0.5, 0.35),
    "v_neck": Cut(7.8, 6.8, 0.42, 0.3, 0.25),
    "hoodie": Cut(8.0, 2.4, 0.7, 2.6, 1.5),
    "collar": Cut(7.2, 3.2, 0.34, 2.3, 0.45),
    "blazer": Cut(8.4, 9.5, 0.40, 1.2, 0.55),
}


def clothes(person: Person, head: Head) -> list[Part]:
    """The pieces of a person's clothing, the inner one first."""
    looks, colour = person.looks, linear(person.looks.clothes_colour)
    if looks.clothes == "blazer":
        shirt = np.array([0.72, 0.72, 0.74]) if looks.texture_seed % 3 else colour[::-1] * 0.6 + 0.3
        return [
            _piece(person, head, CUTS["collar"], shirt, 0.0, 0),
            _piece(person, head, CUTS["blazer"], colour * 0.75, 0.7, 0),
        ]
    return [_piece(person, head, CUTS[looks.clothes], colour, 0.2, looks.texture_seed % 5)]


def _piece(
    person: Person, head: Head, cut: Cut, colour: np.ndarray, over: float, pattern: int
) -> Part:
    """One piece; `over`: cm above the body; `pattern`: 1 stripes, 2 checks, else plain."""
    rng = person.rng("clothes", int(10 * over))
    around = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)
    opening = np.exp(-((_turn(around) / cut.sharp) ** 2))
    edge = (cut.neck + cut.front * opening) * head.scale
    share = np.linspace(0, 1, RINGS) ** 1.25
    far = edge[None] + share[:, None] * (REACH - edge[None])
    broad = _breadth(person)
    x = far * np.sin(around) * np.where(far > 9, 1 + (broad - 1) * np.clip((far - 9) / 9, 0, 1), 1)
    z = AXIS[2] + far * np.cos(around) * np.interp(far, [7, 20], [1.0, 0.72])
    y = _shoulder(far, around, head.scale) + over
    rim = np.array([1.0, 0.8, 0.35] + [0.0] * (RINGS - 3))[:, None]
    y = (
        y
        + rim * cut.stand * (1 - 0.75 * opening[None])
        + cut.roll * np.exp(-((share / 0.07) ** 2))[:, None]
    )
    folds = 0.30 * np.clip(far / 14 - 0.5, 0, 1)
    points = np.stack([x, y, z], -1).reshape(-1, 3).astype(np.float32)
    points[:, 1] += (folds.reshape(-1) * waves(points * [1, 0.3, 1], rng, 0.55)).astype(np.float32)
    triangles = _faces()
    normals = vertex_normals(points, triangles)
    normals *= np.where(normals[:, 1:2] < 0, -1, 1)  # seen from above
    albedo = colour[None] * np.exp(0.06 * waves(points, rng, 1.2))[:, None]
    albedo = _patterned(albedo, points, pattern)
    inner = np.interp(np.repeat(share, AROUND), [0, 0.06, 0.2], [0.55, 0.85, 1.0])
    return Part(
        points,
        triangles,
        normals.astype(np.float32),
        np.clip(albedo * inner[:, None], 0, 0.9).astype(np.float32),
        np.full(len(points), 0.04, np.float32),
        LABEL_INDEX["clothes"],
        "body",
    )


def _turn(around: np.ndarray) -> np.ndarray:
    """Angles around the neck, brought to -pi..pi; 0 is the front."""
    return (around + np.pi) % (2 * np.pi) - np.pi


def _breadth(person: Person) -> float:
    """Breadth of a person's shoulders over that of an average adult."""
    return float((1.06 if person.sex == "male" else 0.93) * (person.height_cm / 171) ** 0.3)


def _shoulder(far: np.ndarray, around: np.ndarray, scale: float) -> np.ndarray:
    """Height of the shoulders at a distance from the neck's axis."""
    sides = np.interp(
        far, [6, 8.5, 12, 17, 21, 24, 27], [-14.6, -15.6, -17.2, -18.6, -20.3, -23.5, -30.0]
    )
    front = np.interp(far, [6, 9, 13, 18, 27], [-15.2, -17.8, -20.6, -24.5, -33.0])
    much = np.cos(around)[None] ** 2
    low = np.where(np.cos(around)[None] > 0, front, sides + 0.5)
    return (sides * (1 - much) + low * much) * scale


def _patterned(albedo: np.ndarray, points: np.ndarray, pattern: int) -> np.ndarray:
    if pattern == 1:  # a ring of vertices in three is a stripe
        stripe = np.repeat(np.arange(RINGS) % 3 == 2, AROUND)
        return np.where(stripe[:, None], np.clip(albedo * 2.0 + 0.06, 0, 0.85), albedo)
    if pattern == 2:
        check = 0.82 + 0.18 * np.sign(np.sin(points[:, 0] * 1.9)) * np.sign(
            np.sin(points[:, 1] * 2.2)
        )
        return albedo * check[:, None]
    return albedo


def _faces() -> np.ndarray:
    i, j = np.meshgrid(np.arange(RINGS - 1), np.arange(AROUND), indexing="ij")
    a, b = i * AROUND + j, i * AROUND + (j + 1) % AROUND
    c, d = a + AROUND, b + AROUND
    both = np.stack([np.stack([a, b, c], -1), np.stack([b, d, c], -1)])
    return both.reshape(-1, 3).astype(np.int32)
