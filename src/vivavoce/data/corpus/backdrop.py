"""Backdrops: out of focus, in the person's colour, drawn once."""

from __future__ import annotations

import cv2
import numpy as np

from vivavoce.data.corpus.person import Person
from vivavoce.types import Bytes

DRAWN = 256
"""Side at which backdrops are drawn; they are soft, so they are scaled to any size."""


def backdrop(person: Person, size: int) -> Bytes:
    """What is behind a person, RGB [size, size, 3]."""
    looks, rng = person.looks, person.rng("backdrop")
    colour = np.array(looks.backdrop_colour, np.float32)
    picture = _KINDS[looks.backdrop](colour, rng)
    y, x = np.mgrid[-1 : 1 : DRAWN * 1j, -1 : 1 : DRAWN * 1j]
    side = np.sign(looks.light_yaw or 1.0)
    falloff = 1.04 + 0.10 * side * x - 0.10 * y - 0.16 * (x * x + y * y)
    grain = rng.normal(0, 0.006, (DRAWN, DRAWN, 1))
    lit = np.clip(picture * falloff[..., None] + grain, 0, 1).astype(np.float32)
    scaled = cv2.resize(lit, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.clip(scaled * 255 + 0.5, 0, 255).astype(np.uint8)


def _plain(colour: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.tile(colour, (DRAWN, DRAWN, 1))


def _gradient(colour: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[-1 : 1 : DRAWN * 1j, -1 : 1 : DRAWN * 1j]
    share = (0.5 + 0.45 * (np.cos(angle) * x + np.sin(angle) * y))[..., None]
    other = np.clip(colour[[1, 2, 0]] * 0.5 + colour * 0.6, 0, 1)
    return colour * (1 - share) + other * share


def _room(colour: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Walls, shelves and a window, far out of focus."""
    picture = np.tile(colour * 0.85 + 0.08, (DRAWN, DRAWN, 1)).astype(np.float32)
    for _ in range(14):
        x, y = rng.integers(0, DRAWN, 2)
        w, h = int(rng.integers(14, 60)), int(rng.integers(20, 110))
        shade = np.clip(colour * rng.uniform(0.45, 1.35) + rng.normal(0, 0.07, 3), 0, 1)
        cv2.rectangle(picture, (int(x), int(y)), (int(x) + w, int(y) + h), shade.tolist(), -1)
    x = int(rng.integers(0, DRAWN - 70))
    window = np.clip(np.array([1.0, 0.98, 0.92]) + rng.normal(0, 0.02, 3), 0, 1)
    cv2.rectangle(picture, (x, 10), (x + 62, 130), window.tolist(), -1)
    return cv2.GaussianBlur(picture, (0, 0), 9)


def _bokeh(colour: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Picture of evening lights out of focus: soft discs on a dark ground."""
    picture = np.tile(colour * 0.38, (DRAWN, DRAWN, 1)).astype(np.float32)
    for _ in range(38):
        disc = np.zeros((DRAWN, DRAWN), np.float32)
        x, y = rng.integers(0, DRAWN, 2)
        cv2.circle(disc, (int(x), int(y)), int(rng.integers(8, 26)), (1.0,), -1, cv2.LINE_AA)
        light = np.clip(np.array([1.0, 0.80, 0.55]) + rng.normal(0, 0.16, 3), 0.1, 1) * rng.uniform(
            0.1, 0.42
        )
        picture += cv2.GaussianBlur(disc, (0, 0), 2)[..., None] * light
    return np.clip(cv2.GaussianBlur(picture, (0, 0), 2), 0, 1)


def _wall(colour: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Picture of a plaster wall: noise of several sizes on one colour."""
    texture = np.zeros((DRAWN, DRAWN), np.float32)
    for scale, strength in ((3, 0.25), (9, 0.8), (28, 2.4)):
        noise = rng.normal(0, 1, (DRAWN, DRAWN)).astype(np.float32)
        texture += strength * cv2.GaussianBlur(noise, (0, 0), scale)
    return colour * (1 + 0.35 * texture[..., None])


_KINDS = {
    "plain": _plain, "gradient": _gradient, "room": _room, "bokeh": _bokeh, "wall": _wall,
}  # fmt: skip
