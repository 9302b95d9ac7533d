"""What the tracker sees, in words and as a marked picture."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from vivavoce.errors import NoFace
from vivavoce.look.face import frame, look, measure
from vivavoce.look.face478 import load
from vivavoce.look.track import Tracked, find_faces
from vivavoce.types import ARKIT, Bytes, Float

STRONG = 0.25
"""Expression coefficients over this are named."""


@dataclass(frozen=True)
class FaceReport:
    """One face, as `vivavoce look` tells it."""

    number: int
    """From 1, the largest first; what `--face` takes."""
    eye_px: float
    """Pixels between the outer eye corners."""
    yaw_pitch_roll: tuple[float, float, float] | None
    """Degrees; None if the face was refused."""
    expression: dict[str, float]
    """ARKit actions that are clearly there."""
    box: tuple[int, int, int, int]
    """The animated square: left, top, right, bottom px."""
    tile: tuple[int, int, int, int]
    """The part of the picture in which the face was found: left, top, right, bottom px; the whole
    picture, or a tile of it, the smaller the smaller the face."""
    refused: str | None
    """Why this face cannot be animated, or None."""


@dataclass(frozen=True)
class PictureReport:
    """Report on all faces of a picture."""

    size: tuple[int, int]
    """Width and height of the picture in pixels."""
    faces: tuple[FaceReport, ...]
    landmarks: tuple[Float, ...]
    """Landmarks [478, 3] in px, one array a face."""

    def as_dict(self) -> dict:
        """The report as plain values that JSON can hold."""
        faces = [asdict(face) for face in self.faces]
        for face, points in zip(faces, self.landmarks, strict=True):
            face["landmarks"] = np.round(points, 2).tolist()
        return {"width": self.size[0], "height": self.size[1], "faces": faces}

    def __str__(self) -> str:
        lines = [f"{self.size[0]}x{self.size[1]} pixels, {len(self.faces)} face(s)"]
        for face in self.faces:
            left, top, right, bottom = face.tile
            place = "in the whole picture"
            if (right - left, bottom - top) != self.size:
                place = f"in the tile {right - left}x{bottom - top} at {left}, {top}"
            lines.append(
                f"face {face.number}: {face.eye_px:.0f} px between the outer eye corners, found "
                + place
            )
            if face.yaw_pitch_roll is not None:
                yaw, pitch, roll = face.yaw_pitch_roll
                lines.append(
                    f"  turned {yaw:+.0f}, raised {pitch:+.0f}, tilted {roll:+.0f} degrees"
                )
            actions = ", ".join(f"{name} {value:.2f}" for name, value in face.expression.items())
            lines.append(f"  {actions or 'a calm face'}")
            lines.append(f"  {face.refused or 'can be animated'}")
        return "\n".join(lines)


def report(picture: Bytes, face: int | None, name: str) -> PictureReport:
    """Every face of `picture`, or only number `face`.

    Raises: NoFace: there is none. RequestError: there is no face with that number.
    """
    found = find_faces(picture)
    if not found or (face is not None and not 1 <= face <= len(found)):
        look(picture, face, name)  # says so
    numbers = range(1, len(found) + 1) if face is None else [face]
    reports = tuple(_one(picture, n, found[n - 1], name) for n in numbers)
    height, width = picture.shape[:2]
    return PictureReport((width, height), reports, tuple(found[n - 1].landmarks for n in numbers))


def _one(picture: Bytes, number: int, seen: Tracked, name: str) -> FaceReport:
    box = frame(seen.landmarks, *picture.shape[:2])
    try:
        face = measure(picture, seen, name)
    except NoFace as refusal:
        return FaceReport(number, seen.eye_px, None, {}, box, seen.tile, str(refusal))
    yaw, pitch, roll = (round(float(a), 1) for a in np.degrees(face.pose[:3]))
    order = np.argsort(-face.expression)
    strong = {ARKIT[i]: round(float(face.expression[i]), 2) for i in order}
    strong = {k: v for k, v in strong.items() if v > STRONG}
    return FaceReport(number, seen.eye_px, (yaw, pitch, roll), strong, box, seen.tile, None)


def mark(picture: Bytes, seen: PictureReport, path: Path) -> None:
    """Write `picture` as PNG with the mesh, the animated square and the number of each face."""
    canvas = picture.copy()
    thick = max(1, round(max(picture.shape[:2]) / 600))
    for face, points in zip(seen.faces, seen.landmarks, strict=True):
        mesh = [points[t, :2].astype(np.int32) for t in load().triangles]
        cv2.polylines(canvas, mesh, True, (90, 220, 160), 1, cv2.LINE_AA)
        left, top, right, bottom = face.box
        cv2.rectangle(canvas, (left, top), (right, bottom), (255, 210, 60), thick)
        corner = (max(left, 0) + 6 * thick, max(top, 0) + 24 * thick)
        font = cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(canvas, str(face.number), corner, font, 0.8 * thick, (255, 210, 60), 2 * thick)
    Image.fromarray(canvas).save(path, format="PNG")
