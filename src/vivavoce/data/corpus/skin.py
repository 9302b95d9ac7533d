"""The colours of a person's head, vertex by vertex: skin, lips, brows, eyes, teeth.

Albedos are linear light. Skin is a ramp over melanin between measured skin colours (after the
range of Xiao et al., "Characterising the variations in ethnic skin colours", Skin Research and
Technology 2017), reddened where blood lies near the surface.
"""

from __future__ import annotations

import numpy as np

from vivavoce.data.corpus.colour import linear, waves
from vivavoce.data.corpus.face_hair import beard_area
from vivavoce.data.corpus.hair import covered
from vivavoce.data.corpus.head import Head
from vivavoce.data.corpus.person import Person

SKIN = ((222, 174, 147), (216, 163, 131), (205, 152, 118), (146, 97, 69), (82, 54, 42))
"""sRGB of melanin 0, 1/4, 1/2, 3/4, 1."""
SCLERA, PUPIL, LIMBUS = (0.60, 0.58, 0.56), (0.004, 0.004, 0.005), 0.25
TOOTH, GUM, TONGUE, THROAT = (0.74, 0.68, 0.58), (0.42, 0.13, 0.12), (0.48, 0.17, 0.16), (
    0.10, 0.025, 0.02,
)  # fmt: skip
PAINT = (0.42, 0.035, 0.055)
"""Linear albedo of lipstick (red, green, blue)."""


def tone(melanin: float) -> np.ndarray:
    """Linear albedo (red, green, blue) of skin with so much melanin: 0 palest to 1 darkest."""
    stops = np.log(linear(np.array(SKIN, np.float32) / 255))
    at = melanin * (len(SKIN) - 1)
    return np.exp([np.interp(at, range(len(SKIN)), stops[:, k]) for k in range(3)]).astype(
        np.float32
    )


def paint(person: Person, head: Head) -> tuple[np.ndarray, np.ndarray]:
    """Albedo [V, 3] and gloss [V] of every vertex of the head."""
    a = head.arrays
    albedo, gloss = _skin(person, head)
    under = 0.85 * covered(person, head)[:, None]
    albedo += under * (0.6 * linear(person.looks.hair_colour) - albedo)
    inner = (
        ("teeth", TOOTH, 0.5),
        ("gums_tongue", GUM, 0.4),
        ("mouth_socket", THROAT, 0.1),
        ("lacrimal", None, 0.5),
    )
    for part, colour, shine in inner:
        rows = a.is_part(part)
        albedo[rows] = tone(person.looks.skin) * [0.9, 0.66, 0.62] if colour is None else colour
        gloss[rows] = shine
    albedo[a.tongue] = TONGUE
    reached = _depth_of_mouth(head)
    albedo *= reached[:, None] ** [0.75, 1.0, 1.1]  # light between cheeks is red
    gloss *= reached
    return np.ascontiguousarray(albedo, np.float32), np.ascontiguousarray(gloss, np.float32)


def _skin(person: Person, head: Head) -> tuple[np.ndarray, np.ndarray]:
    looks, m, v = person.looks, head.arrays.masks, head.arrays.neutral
    rng = person.rng("skin")
    albedo = np.repeat(tone(looks.skin)[None], len(v), 0)
    blood = np.clip(0.9 * m["cheeks"] + 0.8 * m["nose"] + 0.7 * m["ears"], 0, 1) * looks.ruddiness
    mottle = 0.05 * waves(v, rng, 0.9) + 0.05 * waves(v, rng, 2.2)
    albedo *= np.exp(mottle)[:, None] * (1 - blood[:, None] * [0.02, 0.30, 0.26])
    old = np.clip((person.age - 45) / 45, 0, 1)
    spots = np.clip(waves(v, rng, 5.0) - 1.1, 0, 1) * (0.25 * old)
    freckles = (rng.random(len(v)) < 0.12) * (m["cheeks"] + m["nose"]) * looks.freckles * 0.3
    albedo *= (1 - np.clip(spots + freckles, 0, 0.6))[:, None] ** [0.7, 1.0, 1.2]
    albedo *= (1 - 0.16 * m["sockets"] * (0.4 + 0.6 * old))[:, None] ** [0.8, 1.0, 0.9]
    if looks.beard != "none":
        much = 0.45 if looks.beard == "stubble" else 0.8 * beard_area(looks.beard, head)
        grown = much * m["beard"] * (0.8 + 0.2 * rng.random(len(v)))
        albedo += grown[:, None] * (0.5 * linear(looks.hair_colour) - 0.55 * albedo)
    natural = tone(looks.skin) * [0.86, 0.50, 0.50] * (1 + 0.15 * looks.ruddiness)
    lip = natural + looks.lips * (0.85 * np.array(PAINT) + 0.15 * natural - natural)
    albedo += m["lips"][:, None] * (lip - albedo)
    albedo *= (1 - 0.75 * m["lids"] ** 2)[:, None]  # lashes
    gloss = 0.22 + 0.10 * m["nose"] + (0.22 + 0.35 * looks.lips) * m["lips"]
    gloss *= 1 + 0.15 * waves(v, rng, 3.0)
    return albedo, gloss


def _depth_of_mouth(head: Head) -> np.ndarray:
    """How much of the light gets past lips and cheeks to each vertex [V]: all to the front teeth,
    little to the molars; 1 outside the mouth."""
    a = head.arrays
    x, _, z = a.neutral.T
    back, beside = np.clip((1.2 - z) / 4.0, 0, 1), np.clip((np.abs(x) - 1.0) / 1.6, 0, 1)
    light = (1 - 0.9 * back) * (1 - 0.9 * beside**0.7)
    inside = a.is_part("teeth", "gums_tongue", "mouth_socket")
    return np.where(inside, np.clip(light, 0.1, 1), 1)


def iris_colours(person: Person, angle: np.ndarray, around: np.ndarray) -> np.ndarray:
    """Albedo [E, 3] of an eyeball's vertices: `angle` from its axis, `around` it, in radians."""
    degrees = np.degrees(angle)
    colour = linear(person.looks.iris)
    streaks = 1 + 0.28 * np.sin(around * 17) * np.sin(around * 7 + 1)
    inner = np.interp(degrees, [7.4, 12, 19, 22.2], [1.35, 1.15, 0.9, LIMBUS])
    out = np.asarray(SCLERA)[None] * np.interp(degrees, [23, 45, 95], [0.94, 1.0, 0.72])[:, None]
    red = np.interp(degrees, [30, 80], [0.0, 0.35])[:, None]
    out = out * (1 - red * [0.0, 0.35, 0.35])
    iris = colour[None] * (streaks * inner)[:, None]
    out = np.where((degrees < 23)[:, None], iris, out)
    return np.where((degrees < 7)[:, None], PUPIL, out).astype(np.float32)
