"""Hair: strands grown on the scalp, combed by the style, falling around the head.

Each style says where hair grows, how long it is, and which way it is combed; the rest is common: a
strand goes step by step, bends towards the ground, and never enters the head or crosses the face.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from vivavoce.data.corpus.colour import linear, waves
from vivavoce.data.corpus.head import Head
from vivavoce.data.corpus.person import Person
from vivavoce.data.corpus.scene import LABEL_INDEX, Part
from vivavoce.data.corpus.strand import on_surface, ribbons, tinted, unit

STEPS, LONG_STEPS, LONG_CM = 7, 12, 10.0
"""Points of a strand; strands longer than `LONG_CM` have more."""
CENTRE = np.array([0.0, 2.0, -6.5], np.float32)
"""Middle of the skull in cm, from which hair grows outwards."""
Comb = Literal["crown", "side", "back", "out"]
"""Direction in which strands lie, see `Style.comb`."""


@dataclass(frozen=True)
class Style:
    """Way in which hair is worn."""

    length: float
    """Length of an average strand in cm."""
    comb: Comb
    """Direction in which strands lie: "crown" outwards from the crown, "side" away from a parting,
    "back" to the back of the head, "out" straight out of the skin."""
    fall: float
    """Bend of the strands to the ground: 0 they stay straight, 1 they hang from the root on."""
    lift: float
    """Distance from the skull in cm at full volume."""
    count: int = 1500
    """Number of strands that are drawn."""
    width: float = 0.34
    """Width of a strand in cm."""
    curl: float = 0.0
    """Radius of curls in cm; 0: straight hair."""
    tufts: bool = False
    """Short curls that fill a volume, instead of strands from the scalp."""
    line: float = 0.0
    """Distance in cm by which the hairline has gone back; 0: not at all."""


STYLES = {
    "buzz": Style(0.7, "out", 0.0, 0.1, 2200, 0.22),
    "short": Style(3.2, "crown", 0.25, 0.9, 1900, 0.30),
    "receding": Style(2.6, "back", 0.35, 0.5, 1500, 0.30, line=3.6),
    "side_part": Style(5.2, "side", 0.35, 1.1, 1800, 0.32),
    "curly": Style(3.0, "out", 0.5, 2.4, 2000, 0.26, curl=0.42, tufts=True),
    "afro": Style(1.5, "out", 0.0, 4.4, 2400, 0.26, curl=0.35, tufts=True),
    "bob": Style(15.0, "side", 0.75, 1.0, 1500, 0.38),
    "shoulder": Style(22.0, "side", 0.80, 1.0, 1500, 0.42, curl=0.12),
    "long": Style(30.0, "side", 0.80, 0.9, 1500, 0.45),
    "ponytail": Style(11.0, "back", 0.15, 0.55, 1700, 0.36),
    "bun": Style(11.0, "back", 0.15, 0.55, 1700, 0.36),
}
PARTING = 2.2
"""Where hair is parted, cm to the person's left."""
KNOT = np.array([0.0, 4.5, -17.5], np.float32)
"""Place in cm where a bun sits and a ponytail begins."""


def hair(person: Person, head: Head) -> list[Part]:
    """The strands of a person's hair; none for the bald."""
    looks = person.looks
    if looks.hair == "bald":
        return []
    style, rng = STYLES[looks.hair], person.rng("hair")
    density = covered(person, head)
    if style.comb == "side":  # strands lie away from the parting: more of them hide the skin there
        density = density * (1 + 2 * np.exp(-(((head.rest[:, 0] - PARTING) / 1.2) ** 2)))
    density = density * np.interp(
        head.rest[:, 2] / head.scale, [-13, -8], [0.3, 1.0]
    )  # seen little
    roots, out, _ = on_surface(head.rest, head.arrays.triangles, density, style.count, rng)
    nearest = np.argsort(-roots[:, 2])  # drawn first, what they hide costs less
    roots, out = roots[nearest], out[nearest]
    lift = style.lift * (0.55 + 0.75 * looks.hair_volume) * head.scale
    grow = _tufts if style.tufts else _grow
    curves = grow(style, roots, out, lift, head, rng)
    colour = tinted(linear(looks.hair_colour), len(roots), rng)
    width = style.width * rng.uniform(0.7, 1.25, len(roots))
    light = _shading(person, curves)
    parts = [_shell(person, head, lift)] if style.tufts else []
    strands = ribbons(
        curves, _outward(curves, out), width, colour, 0.55, LABEL_INDEX["hair"], light=light
    )
    hanging = np.clip((-6 * head.scale - strands.vertices[:, 1]) / 9, 0, 0.85)
    parts += [replace(strands, sway=hanging.astype(np.float32))]
    if looks.hair in ("bun", "ponytail"):
        parts.append(_gathered(person, head, rng))
    return parts


def covered(person: Person, head: Head) -> np.ndarray:
    """How densely hair grows at each vertex of the head [V], with a natural hairline."""
    looks, v = person.looks, head.arrays.neutral
    if looks.hair == "bald":
        return np.zeros(len(v), np.float32)
    back = STYLES[looks.hair].line
    x, y, z = v.T
    uneven = 0.25 * waves(v, person.rng("hairline"), 1.6)
    front = 7.3 + 0.03 * x**2 * 0.0 + back * np.exp(-(((np.abs(x) - 3.6) / 3.2) ** 2)) + 0.4 * back
    line = front - 0.42 * np.clip(3.0 - z, 0, 12) - 0.035 * np.clip(np.abs(x) - 4.5, 0, 9) ** 2
    line = np.where(z < -5.5, np.minimum(line, -5.0 + 0.1 * np.abs(x)), line)
    grown = np.clip((y + uneven - line) / 0.8, 0, 1)
    ear = np.clip(head.arrays.masks["ears"] * 3, 0, 1)
    return (grown * (1 - ear) * (y > -8)).astype(np.float32) * head.arrays.is_part(
        "face", "head_neck"
    )


def _grow(
    style: Style,
    roots: np.ndarray,
    out: np.ndarray,
    lift: float,
    head: Head,
    rng: np.random.Generator,
) -> np.ndarray:
    """Points of the strands [N, steps, 3] in cm, from their roots on."""
    count = len(roots)
    length = style.length * head.scale * np.exp(0.16 * rng.normal(size=count))
    if style.length < 7:  # short hair is cut shorter at the sides and the neck
        length *= np.interp(roots[:, 1] / head.scale, [-5, 1, 7], [0.22, 0.4, 1.0])
    comb = _combed(style.comb, roots, out, rng)
    tangent = comb - (comb * out).sum(1, keepdims=True) * out
    along = unit(unit(tangent) + 0.18 * rng.normal(size=(count, 3)))
    long = style.length > LONG_CM
    rise = 0.9 if style.comb == "out" else 0.2 if long else 0.38
    direction = unit(rise * out + (1 - rise) * along)
    reach = lift * rng.uniform(0.25, 1.0, count) ** 0.7
    skull = _Skull(head)
    points = [roots]
    # Long strands go in shorter steps over the skull than where they hang.
    at = np.linspace(0, 1, LONG_STEPS) ** 1.5 if long else np.linspace(0, 1, STEPS)
    ground = np.array([0, -1.0, 0])
    widest = (8.0 * head.scale + reach * 1.3) * rng.uniform(0.93, 1.07, count)
    for before, here in itertools.pairwise(at):
        if style.comb == "back":  # along the skull towards the knot
            along = unit(KNOT * head.scale - points[-1])
        held = direction if style.comb == "out" else 0.7 * direction + 0.3 * along
        weight = 2.1 * style.fall * (here**0.5 if long else here)
        direction = unit(unit(held) + weight * ground)
        moved = points[-1] + direction * (length * (here - before))[:, None]
        moved = skull.outside(moved, reach * np.minimum(1.0, here * length / (3 if long else 1)))
        moved[:, 0] = np.clip(moved[:, 0], -widest, widest)
        points.append(_off_face(moved, head.scale))
        direction = unit(points[-1] - points[-2])
    curves = np.stack(points, 1)
    for _ in range(3):  # no kinks where a strand met the head
        curves[:, 1:-1] = 0.25 * curves[:, :-2] + 0.5 * curves[:, 1:-1] + 0.25 * curves[:, 2:]
    return (curves + _curls(style, curves, rng)).astype(np.float32)


def _tufts(
    style: Style,
    roots: np.ndarray,
    out: np.ndarray,
    lift: float,
    head: Head,
    rng: np.random.Generator,
) -> np.ndarray:
    """Short curls [N, STEPS, 3] in a volume as thick as `lift` above the scalp."""
    count = len(roots)
    edge = np.clip((roots[:, 1] / head.scale + 7) / 9, 0.35, 1)  # thinner towards the neck
    height = lift * edge * rng.random(count) ** 0.6
    start = roots + out * height[:, None]
    direction = unit(0.5 * out + rng.normal(size=(count, 3)) * 0.7 + [0, -style.fall, 0])
    length = style.length * head.scale * rng.uniform(0.6, 1.3, count)
    t = np.linspace(-0.5, 0.5, STEPS)[None, :, None]
    curves = start[:, None] + direction[:, None] * length[:, None, None] * t
    curves = curves + _curls(style, curves, rng)
    flat = _off_face(curves.reshape(-1, 3), head.scale)
    return flat.reshape(curves.shape).astype(np.float32)


def _shell(person: Person, head: Head, lift: float) -> Part:
    """The dark depth of thick curls: the scalp, moved out to half their height."""
    grown = covered(person, head)
    rows = np.flatnonzero(grown > 0.05)
    number = np.full(len(grown), -1)
    number[rows] = np.arange(len(rows))
    triangles = number[head.arrays.triangles]
    triangles = triangles[(triangles >= 0).all(1)].astype(np.int32)
    away = unit(head.rest[rows] - CENTRE * head.scale)
    edge = np.clip((head.rest[rows, 1] / head.scale + 7) / 9, 0.35, 1)
    out = head.rest[rows] + away * (0.55 * lift * edge * grown[rows])[:, None]
    colour = np.tile(0.55 * linear(person.looks.hair_colour), (len(rows), 1))
    return Part(
        out.astype(np.float32),
        triangles,
        away.astype(np.float32),
        colour.astype(np.float32),
        np.zeros(len(rows), np.float32),
        LABEL_INDEX["hair"],
        "head",
    )


def _combed(comb: Comb, roots: np.ndarray, out: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Which way hair lies at each root [N, 3]."""
    x, _, z = (roots - [0, 0, 0]).T
    if comb == "side":
        away = np.where(x > PARTING, 1.0, -1.0)
        return np.stack([away * 1.2, -0.35 + 0 * x, 0.25 - 0.05 * np.clip(-z, 0, 12)], 1)
    if comb == "back":
        return unit(KNOT - roots)
    if comb == "crown":
        crown = np.array([0.0, 10.0, -11.0])
        swept = np.stack([0.35 + 0 * x, 0 * x, 0 * x], 1)
        return unit(roots - crown) + swept
    return out + 0.35 * rng.normal(size=out.shape)


class _Skull:
    """How far the head reaches in every direction from its middle."""

    def __init__(self, head: Head) -> None:
        from scipy.spatial import cKDTree

        a = head.arrays
        keep = a.is_part("face", "head_neck") & (a.neutral[:, 1] > -9) & (a.masks["ears"] < 0.3)
        self.centre = CENTRE * head.scale
        away = head.rest[keep] - self.centre
        self.radius = np.linalg.norm(away, axis=1)
        self.tree = cKDTree(away / self.radius[:, None])

    def outside(self, points: np.ndarray, clear: np.ndarray) -> np.ndarray:
        """Points [N, 3], moved out to `clear` [N] cm above the head where they are nearer."""
        away = points - self.centre
        far = np.linalg.norm(away, axis=1)
        _, nearest = self.tree.query(away / far[:, None])
        least = self.radius[nearest] + clear
        low = points[:, 1] < -9 * 1.0  # below the jaw hair hangs free
        grow = np.where((far < least) & ~low, least / far, 1.0)
        return np.asarray(self.centre + away * grow[:, None])


def _off_face(points: np.ndarray, scale: float) -> np.ndarray:
    """Keep strands beside the face, not in front of it."""
    x, y, z = points.T
    front = (z > -3.0 * scale) & (y < 5.2 * scale)
    edge = np.interp(y / scale, [-14, -10, -4, 2, 5.2], [6.2, 6.8, 7.6, 7.4, 5.0]) * scale
    inside = front & (np.abs(x) < edge)
    out = points.copy()
    out[inside, 0] = np.where(x[inside] >= 0, 1, -1) * edge[inside]
    out[inside, 2] = np.minimum(z[inside], -1.5 * scale)
    return out


def _curls(style: Style, curves: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shift in cm that curls and frizz add to every point of the strands [N, S, 3]."""
    count, steps, _ = curves.shape
    radius = style.curl + 0.05
    phase = rng.uniform(0, 2 * np.pi, (count, 1)) + np.linspace(0, 9, steps)[None]
    a, b = unit(rng.normal(size=(2, count, 3)))
    grown = np.linspace(0, 1, steps)[None, :, None] ** 0.5
    spiral = np.sin(phase)[..., None] * a[:, None] + np.cos(phase)[..., None] * b[:, None]
    return radius * grown * spiral


def _outward(curves: np.ndarray, out: np.ndarray) -> np.ndarray:
    """The side each strand shows: away from the skull's middle."""
    middle = curves[:, curves.shape[1] // 2]
    return unit(0.4 * out + unit(middle - CENTRE))


def _shading(person: Person, curves: np.ndarray) -> np.ndarray:
    """How much of the main light each point gets [N, S]: strands have no surface that would say."""
    k = person.looks
    key = np.array(
        [
            np.sin(k.light_yaw) * np.cos(k.light_pitch),
            np.sin(k.light_pitch),
            np.cos(k.light_yaw) * np.cos(k.light_pitch),
        ]
    )
    outwards = unit(curves - CENTRE)
    lit = np.clip((outwards @ key + 0.5) / 1.5, 0, 1)
    level = 0.55 + 0.75 * lit
    under = np.clip((curves[..., 1] + 16) / 10, 0.45, 1)
    return level * under


def _gathered(person: Person, head: Head, rng: np.random.Generator) -> Part:
    """The bun, or the tail that hangs from the knot."""
    knot = KNOT * head.scale
    tail = person.looks.hair == "ponytail"
    count = 320
    away = unit(rng.normal(size=(count, 3)))
    if tail:
        t = np.linspace(0, 1, STEPS)[None, :, None]
        start = knot + 1.1 * away
        end = knot + [0, -17, 1.5] + 2.2 * away * [1, 1.5, 0.6]
        bow = np.array([0, 0.5, -4.0]) * np.sin(np.pi * t * 0.8)
        curves = start[:, None] * (1 - t) + end[:, None] * t + bow
    else:
        spin = np.linspace(0, 2.2, STEPS)
        other = unit(np.cross(away, rng.normal(size=(count, 3))))
        curves = (knot + [0, 3.4, 1.5]) + 3.1 * (
            np.cos(spin)[None, :, None] * away[:, None]
            + np.sin(spin)[None, :, None] * other[:, None]
        )
    colour = tinted(linear(person.looks.hair_colour), count, rng)
    return ribbons(
        curves.astype(np.float32),
        away.astype(np.float32),
        np.full(count, 0.5),
        colour,
        0.55,
        LABEL_INDEX["hair"],
        light=_shading(person, curves),
    )
