"""SDM's person: the square of a picture in which they are seen, and how landmarks in it move."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vivavoce.look import face478
from vivavoce.look.crop import cropped, moved, squares
from vivavoce.types import Bytes, Face, Float, Motion

CROP = "portrait"
"""The crop rule of `look.crop` by which a person is seen, in training and in use."""


@dataclass(frozen=True)
class Person:
    """The person of a portrait as the network sees them."""

    face: Face
    """The portrait and the face found in it."""
    square: Float
    """Left, top and side of the square [3], in px of the portrait."""
    picture: Bytes
    """The square's pixels [S, S, 3] at the network's size."""
    landmarks: Float
    """Landmarks [478, 3] in px of `picture`."""


def crop_person(face: Face, size: int) -> Person:
    """The person of `face` in a square of `size` px."""
    height, width = face.picture.shape[:2]
    places = squares(face.landmarks[None], width, height, CROP)
    picture = next(iter(cropped([face.picture], places, size)))
    return Person(face, places[0], picture, moved(face.landmarks[None], places, size)[0])


def as_motion(landmarks: Float, reference: Float) -> Motion:
    """Landmarks [T, 478, 3] as ARKit coefficients and head pose, relative to the reference's
    [478, 3]."""
    fitted = face478.fit(np.concatenate([reference[None], landmarks]))
    expression = np.clip(fitted.expression[1:] - fitted.expression[:1], 0, 1)
    pose = fitted.pose[1:] - fitted.pose[:1]
    return Motion(expression, pose, np.zeros((len(landmarks), 2), np.float32))


def mean_face_landmarks(side: float) -> Float:
    """Landmarks [478, 3] px of the mean face in a square `side` px wide, as a portrait shows one;
    they stand for a person where there is no portrait."""
    points = face478.load().neutral * face478.TO_MODEL * (0.24 * side)
    return np.asarray(points + np.array([0.5, 0.5, 0]) * side, np.float32)


def with_head_fixed(landmarks: Float, reference: Float) -> Float:
    """Landmarks [T, 478, 3] px with the head where it is in the reference [478, 3]: only the face
    moves."""
    scale, rotation, shift = face478.place(np.concatenate([reference[None], landmarks]))
    seen = landmarks * face478.TO_MODEL
    local = np.einsum("tij,tvi->tvj", rotation[1:], seen - shift[1:, None])
    local = local * (scale[0] / scale[1:])[:, None, None]
    there = np.einsum("ij,tvj->tvi", rotation[0], local) + shift[0]
    return np.asarray(there * face478.TO_MODEL, np.float32)
