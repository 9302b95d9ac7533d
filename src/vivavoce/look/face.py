"""From a picture to a `Face`: find, choose, refuse early, measure, matte, frame."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vivavoce.errors import NoFace, RequestError
from vivavoce.look.face478 import Fit, fit
from vivavoce.look.human import doubt
from vivavoce.look.matte import matte
from vivavoce.look.track import SEARCH_PX, Tracked, find_faces
from vivavoce.nn.threads import one_thread
from vivavoce.types import CHIN, FOREHEAD, TALL_FACE, Bytes, Face, Float, eye_distance

MIN_EYE_PX = 24
"""Outer eye corners closer than this leave too few pixels to animate."""
MOST_EYE_PX = 700
"""Faces larger than this between the outer eye corners are worked on at this size: a square of
2160 px around a head shows no more."""
MAX_TURN = np.radians(42)
"""Heads turned or tilted further hide half of the face."""
MIN_HUMAN = 0.6
"""Least mean of the person matte over the face, where the face itself is `UNSURE`: a pattern's face
is no person."""
UNSURE = -1.5
"""Least `doubt` of a face for which the matte counts, for mattes fail on some people."""
BOX = (1.8, 4.2)
"""Least and most side of the animated square in outer-eye distances. The least still holds the
face, with room for a jaw that drops; only pictures that are smaller get a made-up surround."""


def look(picture: Bytes, face: int | None = None, name: str = "the picture") -> Face:
    """The face in `picture` [H, W, 3] RGB: the largest, or number `face` counted from 1 by size.

    `name` is how error messages call the picture.

    Raises: NoFace: nobody there, an animal, too small, or turned too far (with how much).
    RequestError: there is no face with that number.
    """
    faces = find_faces(picture)
    if not faces:
        height, width = picture.shape[:2]
        raise NoFace(
            _upside_down(picture, name)
            or f"No face was found in {name} ({width} x {height} pixels). Give a picture in which "
            "one face is seen from the front, unhidden and sharp, with at least "
            f"{MIN_EYE_PX} pixels between the outer eye corners; if a face is there, crop the "
            "picture to its head and shoulders."
        )
    if face is not None and not 1 <= face <= len(faces):
        seen = "1 face" if len(faces) == 1 else f"{len(faces)} faces"
        raise RequestError(
            f"--face {face} was asked for, but {name} shows {seen}. Faces are numbered from 1, "
            "the largest first."
        )
    with one_thread():  # sums of several threads end in other bits
        return measure(picture, faces[(face or 1) - 1], name)


def measure(picture: Bytes, chosen: Tracked, name: str = "the picture") -> Face:
    """What there is to know about a face that was found in `picture` [H, W, 3] RGB.

    Raises: NoFace: it cannot be animated, and why.
    """
    picture, chosen = _reduced(picture, chosen)
    found = fit(chosen.landmarks[None])
    person = matte(picture, chosen.landmarks)
    refuse(picture, chosen, found, person, name)
    return Face(
        picture=picture,
        landmarks=chosen.landmarks,
        identity=found.identity,
        expression=found.expression[0],
        pose=found.pose[0],
        matte=person,
        box=frame(chosen.landmarks, picture.shape[0], picture.shape[1]),
    )


@dataclass(frozen=True)
class Seen:
    """A person who was found in a picture, without the picture: small enough to be kept or sent."""

    landmarks: Float
    """As those of `Face`, in pixels of its picture."""
    identity: Float
    expression: Float
    pose: Float
    box: tuple[int, int, int, int]
    size: tuple[int, int]
    """Width and height of the picture of the `Face`, which may be a smaller copy of the file's."""

    @classmethod
    def of(cls, face: Face) -> Seen:
        """What is kept of a face."""
        height, width = face.picture.shape[:2]
        return cls(
            face.landmarks, face.identity, face.expression, face.pose, face.box, (width, height)
        )

    def again(self, picture: Bytes) -> Face:
        """The face that `look` found in `picture` [H, W, 3] RGB, bit for bit, without a search."""
        if picture.shape[1::-1] != self.size:
            picture = _shrunk(picture, self.size)
        person = matte(picture, self.landmarks)
        return Face(
            picture, self.landmarks, self.identity, self.expression, self.pose, person, self.box
        )


def _reduced(picture: Bytes, face: Tracked) -> tuple[Bytes, Tracked]:
    """The picture and the face, smaller where the face has more pixels than a video can show."""
    scale = MOST_EYE_PX / face.eye_px
    if scale >= 1:
        return picture, face
    height, width = picture.shape[:2]
    small = _shrunk(picture, (round(scale * width), round(scale * height)))
    return small, replace(face, landmarks=face.landmarks * np.float32(scale))


def _shrunk(picture: Bytes, size: tuple[int, int]) -> Bytes:
    """`picture` [H, W, 3] at a smaller width and height."""
    import cv2

    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def refuse(picture: Bytes, face: Tracked, found: Fit, person: Float, name: str) -> None:
    """Raise `NoFace` if this face cannot be animated, saying why and by how much."""
    if face.eye_px < MIN_EYE_PX:
        raise NoFace(
            f"The face in {name} is too small: {face.eye_px:.0f} pixels between the outer eye "
            f"corners, at least {MIN_EYE_PX} are needed. Give a larger picture or a closer crop."
        )
    yaw, pitch = found.pose[0, :2]
    if max(abs(yaw), abs(pitch)) > MAX_TURN:
        raise NoFace(
            f"The face in {name} is turned too far: {np.degrees(abs(yaw)):.0f} degrees to the "
            f"side and {np.degrees(abs(pitch)):.0f} up or down; at most "
            f"{np.degrees(MAX_TURN):.0f} can be animated. Give a more frontal picture."
        )
    inside = person[_hull(face.landmarks, person.shape)]
    doubted = doubt(face, found)
    beside = bool(inside.size) and inside.mean() < MIN_HUMAN
    if doubted > 0 or (doubted > UNSURE and beside):
        raise NoFace(
            _upside_down(picture, name)
            or f"What looks like a face in {name} is not a human face that can be followed "
            "(an animal, a mask, or a face that is mostly hidden). Give a picture of a person."
        )


def _upside_down(picture: Bytes, name: str) -> str:
    """What is said of a picture in which a person is seen once it is turned round; "" of others."""
    import cv2

    scale = min(1.0, SEARCH_PX / max(picture.shape[:2]))
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    faces = find_faces(np.asarray(small[::-1, ::-1], np.uint8))
    if not faces or doubt(faces[0], fit(faces[0].landmarks[None])) > 0:
        return ""
    return f"The face in {name} is upside down. Turn the picture by 180 degrees."


def _hull(landmarks: Float, shape: tuple[int, ...]) -> np.ndarray:
    """Mask [H, W] of the area that the points span."""
    import cv2

    mask = np.zeros(shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(landmarks[:, :2].astype(np.int32)), (1,))
    return mask > 0


def frame(landmarks: Float, height: int, width: int) -> tuple[int, int, int, int]:
    """The square to animate: left, top, right, bottom px; inside the picture where it can be."""
    top, bottom = landmarks[FOREHEAD, :2], landmarks[CHIN, :2]
    tall = float(np.linalg.norm(top - bottom)) / TALL_FACE
    unit = max(float(eye_distance(landmarks)), tall)
    side = round(float(np.clip(min(height, width), BOX[0] * unit, BOX[1] * unit)))
    middle = (top + bottom) / 2 + [0, 0.1 * unit]
    corner = np.round(middle - side / 2).astype(int)
    for axis, length in ((0, width), (1, height)):
        if side <= length:
            corner[axis] = np.clip(corner[axis], 0, length - side)
        else:
            corner[axis] = (length - side) // 2
    x, y = int(corner[0]), int(corner[1])
    return x, y, x + side, y + side
