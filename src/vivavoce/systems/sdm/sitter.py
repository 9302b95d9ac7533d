"""SDM's person: the square of a picture in which they are seen, and how landmarks in it move."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vivavoce.look import face478
from vivavoce.look.crop import cropped, moved, squares
from vivavoce.types import Bytes, Face, Float, Motion


@dataclass(frozen=True)
class Sitter:
    """The person as the network sees them."""

    face: Face
    square: Float
    """Left, top, side in picture pixels [3]."""
    picture: Bytes
    """The square [S, S, 3]."""
    landmarks: Float
    """[478, 3] px of the square."""


def seat(face: Face, size: int) -> Sitter:
    """The person of `face` in a square of `size` px."""
    height, width = face.picture.shape[:2]
    places = squares(face.landmarks[None], width, height, "portrait")
    picture = next(iter(cropped([face.picture], places, size)))
    return Sitter(face, places[0], picture, moved(face.landmarks[None], places, size)[0])


def as_motion(landmarks: Float, reference: Float) -> Motion:
    """Landmarks [T, 478, 3] as movement from the reference's [478, 3]: the common currency."""
    fitted = face478.fit(np.concatenate([reference[None], landmarks]))
    expression = np.clip(fitted.expression[1:] - fitted.expression[:1], 0, 1)
    pose = fitted.pose[1:] - fitted.pose[:1]
    return Motion(expression, pose, np.zeros((len(landmarks), 2), np.float32))


def nobody(side: float) -> Float:
    """Landmarks [478, 3] px of the mean face in a square `side` wide, as a portrait shows one."""
    points = face478.load().neutral * face478.TO_MODEL * (0.24 * side)
    return np.asarray(points + np.array([0.5, 0.5, 0]) * side, np.float32)


def settled(landmarks: Float, reference: Float) -> Float:
    """Landmarks [T, 478, 3] with the head where the reference's is: the face alone moves."""
    scale, rotation, shift = face478.place(np.concatenate([reference[None], landmarks]))
    seen = landmarks * face478.TO_MODEL
    local = np.einsum("tij,tvi->tvj", rotation[1:], seen - shift[1:, None])
    local = local * (scale[0] / scale[1:])[:, None, None]
    there = np.einsum("ij,tvj->tvi", rotation[0], local) + shift[0]
    return np.asarray(there * face478.TO_MODEL, np.float32)
