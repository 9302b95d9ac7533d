"""New lips on a talking video: its head, eyes and background stay, the mouth follows the speech.

Each frame is a portrait for itself: its face is tracked and warped to the mouth that is wanted, and
the lower face alone is put back, with a soft edge. So all else is the video's own, pixel by pixel.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np

from vivavoce.errors import BadMedia, NoFace
from vivavoce.look.face import frame as framed
from vivavoce.look.face478 import fit
from vivavoce.look.track import track_video
from vivavoce.media.read import read_clip_info, read_video
from vivavoce.render.repair import RepairNet
from vivavoce.render.warp import Renderer
from vivavoce.types import (
    ARKIT,
    CHIN,
    FPS,
    OVAL,
    Bytes,
    Face,
    FaceModel,
    Float,
    Motion,
    eye_distance,
)

SPOKEN = np.array([n.startswith(("jaw", "mouth", "tongue", "cheekPuff")) for n in ARKIT])
"""Coefficients that speech decides [52]; the others are those of the video."""
LIDS = np.array([n.startswith(("eyeBlink", "eyeLook")) for n in ARKIT])
NOSE_BASE = (2, 98, 327)
"""Points below the nose: what lies above them stays."""
UPPER = (10, 338, 297, 332, 284, 251, 389, 54, 103, 67, 109, 21, 162)
LOWER = tuple(point for point in OVAL if point not in UPPER)
"""Points of the face's rim from ear to ear, below the temples."""
GROWN, SOFT = 0.18, 0.07
"""How far the lower face reaches beyond its rim, and how soft its edge is, in eye distances."""
BOUNCE = 50
"""Frames of the video's end that go back and forth where the speech is longer."""
LARGEST = 2160
"""Longest side of a video that is taken, in pixels."""
FILMS = (".mp4", ".mov", ".m4v", ".webm", ".mkv", ".avi", ".mpg", ".mpeg", ".ts", ".wmv")
"""What the name of a talking video ends with."""


def is_film(portrait: object) -> bool:
    """Whether a portrait is a talking video: by the ending of its name."""
    return isinstance(portrait, str | Path) and Path(portrait).suffix.lower() in FILMS


def film_size(path: Path) -> tuple[int, int]:
    """Width and height of the video that is made of one: its own, even.

    Raises: BadMedia: no video, or it is too large.
    """
    width, height = read_clip_info(path).size
    if max(width, height) > LARGEST:
        raise BadMedia(f"{path} has {width} x {height} pixels; at most {LARGEST} a side are taken.")
    return width // 2 * 2, height // 2 * 2


def tracked(path: Path, size: tuple[int, int]) -> Iterator[tuple[Bytes, Float | None]]:
    """Pictures [H, W, 3] of the video at 25 a second and the tracker's points in each, None where
    no face is seen; when the video ends, its last two seconds back and forth, for ever.

    Raises: NoFace: none is seen in its first two seconds. BadMedia: it cannot be read.
    """
    waiting: deque[Bytes] = deque()
    last: deque[tuple[Bytes, Float | None]] = deque(maxlen=BOUNCE)

    def watched() -> Iterator[Bytes]:
        for picture in read_video(path):
            waiting.append(np.ascontiguousarray(picture[: size[1], : size[0]]))
            yield waiting[-1]

    unseen: list[tuple[Bytes, Float | None]] = []
    seen = False
    for points in track_video(watched()):
        last.append((waiting.popleft(), points))
        seen = seen or points is not None
        if not seen and len(unseen) >= 2 * FPS:
            break
        if seen:
            yield from unseen
            unseen.clear()
            yield last[-1]
        else:
            unseen.append(last[-1])
    if not seen:
        raise NoFace(f"No face was found in {path}. Give a video in which one face is seen.")
    once = list(last)
    while True:
        yield from once[-2::-1] or once
        yield from once[1:] or once


def seen_at(
    pictures: Iterator[tuple[Bytes, Float | None]], fps: int
) -> Iterator[tuple[Bytes, Float | None]]:
    """The picture that is seen at each moment of `fps` a second."""
    shown, number = next(pictures), 0
    for k in range(1 << 62):
        while number < k * FPS // fps:
            shown, number = next(pictures), number + 1
        yield shown


def dub(
    pictures: Iterable[tuple[Bytes, Float | None]], motion: Motion, model: FaceModel,
    repair: RepairNet,
) -> Bytes:  # fmt: skip
    """The next pictures [T, H, W, 3] with the mouth of `motion`."""
    frames = []
    for expression, (picture, points) in zip(motion.expression, pictures, strict=False):
        new = picture if points is None else with_mouth(picture, points, expression, model, repair)
        frames.append(new)
    return np.stack(frames)


def with_mouth(
    picture: Bytes, points: Float, expression: Float, model: FaceModel, repair: RepairNet
) -> Bytes:
    """A copy of `picture` [H, W, 3] whose face, with the tracker's `points` [478, 3], has the mouth
    and the jaw of an `expression` [52]."""
    height, width = picture.shape[:2]
    left, top, right, bottom = framed(points, height, width)
    left, top, right, bottom = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
    right, bottom = right - (right - left) % 2, bottom - (bottom - top) % 2
    part = np.ascontiguousarray(picture[top:bottom, left:right])
    inside = (points - np.array([left, top, 0], np.float32)).astype(np.float32)
    found = fit(inside[None])
    person = Face(
        part, inside, found.identity, found.expression[0], found.pose[0],
        np.ones(part.shape[:2], np.float32), (0, 0, right - left, bottom - top),
    )  # fmt: skip
    renderer = Renderer(person, model, None, repair)
    wanted = np.where(SPOKEN, expression, np.where(LIDS, 0, renderer.shape.own))
    still = Motion(
        wanted[None].astype(np.float32), np.zeros((1, 6), np.float32), np.zeros((1, 2), np.float32)
    )
    share = _lower_face(inside, part.shape[:2])[..., None]
    mixed = part + share * (renderer.render(still)[0].astype(np.float32) - part)
    out = picture.copy()
    out[top:bottom, left:right] = np.rint(mixed)
    return out


def _lower_face(points: Float, shape: tuple[int, ...]) -> Float:
    """How much of each pixel [H, W] is put back: 1 from below the nose to the chin, 0 elsewhere."""
    eye = float(eye_distance(points))
    flat = points[:, :2]
    drop = 0.35 * (flat[CHIN] - flat[2])  # a jaw that opens takes the chin with it
    around = np.concatenate([flat[list(LOWER)], flat[list(NOSE_BASE)], flat[[CHIN]] + drop])
    hull = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(hull, cv2.convexHull(np.rint(around).astype(np.int32)), (1,))
    grown = max(1, round(GROWN * eye))
    mask = cv2.dilate(hull, np.ones((grown, grown), np.uint8))
    up = (flat[2] - flat[CHIN]) / np.linalg.norm(flat[2] - flat[CHIN])
    y, x = np.mgrid[: shape[0], : shape[1]]
    base = flat[list(NOSE_BASE)].mean(0)
    height = (x - base[0]) * up[0] + (y - base[1]) * up[1]  # over the base of the nose
    below = np.clip(0.5 - height / (2 * SOFT * eye), 0, 1).astype(np.float32)
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), SOFT * eye)
    return np.asarray(soft * below, np.float32)
