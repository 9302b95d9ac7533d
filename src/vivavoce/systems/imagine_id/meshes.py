"""From coefficients and a pose to the mesh of every frame, in the pixels of the picture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import torch

from vivavoce.look.crop import moved, squares
from vivavoce.look.face478 import STABLE, TO_MODEL, similarity
from vivavoce.render.shaded import shaded, shaded_surface
from vivavoce.systems.imagine_id.face import EYES, FaceSpace
from vivavoce.types import ARKIT, NECK, Bytes, Float, rotation_matrix

CROP = "portrait"
"""Square around the face that is drawn; a rule of `look.crop`."""
AMPLE = 1 << 20
"""A picture that no square of a face reaches beyond."""


@dataclass(frozen=True)
class Mesh:
    """The mesh of one frame."""

    points: Float
    """Vertices [V, 3] px: x right, y down, z away."""
    picture: Bytes
    """I_rd: the shaded mesh, RGB [S, S, 3]."""
    landmarks: Float
    """What stands for the tracker's points [478, 3] px."""


def mesh_of(face: FaceSpace, points: Float, size: int) -> Mesh:
    """The mesh with these vertices [V, 3] px of a picture of `size` px."""
    draw = shaded if face.landmarks else shaded_surface
    return Mesh(points, draw(points, face.triangles, size), points[list(face.framing)])


def placed(face: FaceSpace, shape: Float, expression: Float, pose: Float, size: int) -> Float:
    """Vertices [T, V, 3] px of a face that stands as a portrait does.

    Args:
        face: The linear face.
        shape: alpha [I].
        expression: beta [T, E].
        pose: Yaw, pitch, roll in radians; x, y, z in outer-eye distances [T, 6], from straight
            ahead.
        size: Side of the picture in px.
    """
    rest = vertices(face, shape, np.zeros((1, expression.shape[1]), np.float32))
    frame = squares(rest[:, list(face.framing)] * TO_MODEL, AMPLE, AMPLE, CROP)
    found = turned(vertices(face, shape, expression), pose)
    return moved(found * TO_MODEL, np.repeat(frame, len(found), 0), size)


def fitted(face: FaceSpace, shape: Float, expression: Float, landmarks: Float) -> Float:
    """Vertices [T, V, 3] px of a face laid on tracked points [T, 478, 3] px by those that muscles
    hardly move."""
    own = vertices(face, shape, expression)
    stable = np.asarray(face.framing)[list(STABLE)]
    scale, rotation, shift = similarity(own[:, stable], (landmarks * TO_MODEL)[:, list(STABLE)])
    there = scale[:, None, None] * (own @ rotation.transpose(0, 2, 1)) + shift[:, None]
    return np.asarray(there * TO_MODEL, np.float32)


def vertices(face: FaceSpace, shape: Float, expression: Float) -> Float:
    """Vertices [T, V, 3] in outer-eye distances, about the eyes' middle, looking ahead."""
    with torch.no_grad():
        found = face.vertices(torch.from_numpy(shape), torch.from_numpy(expression))
    return (found.numpy() - face.middle) / face.unit


def turned(points: Float, pose: Float) -> Float:
    """Points [T, V, 3] of heads that turn about the neck and move, by poses [T, 6]."""
    neck = np.asarray(NECK, np.float32)
    rotation = rotation_matrix(pose[:, :3]).astype(np.float32)
    return (points - neck) @ rotation.transpose(0, 2, 1) + neck + pose[:, None, 3:]


def with_eyes(expression: Float, eyes: Float) -> Float:
    """Expressions [T, 52] whose lids and gaze are those of `eyes` [T, 52]; a face without ARKit
    coefficients keeps its own."""
    if expression.shape[1] != len(ARKIT):
        return expression
    found = expression.clip(0, 1)
    found[:, list(EYES)] = eyes[:, list(EYES)]
    return found


def mouth_mask(face: FaceSpace, points: Float, size: int, dilation: int) -> Bytes:
    """Mask [S, S], 1 over the mouth and what moves around it, of a mesh with vertices [V, 3] px."""
    around = cv2.convexHull(points[_mouth_vertices(face), :2].round().astype(np.int32))
    mask = np.zeros((size, size), np.uint8)
    cv2.fillConvexPoly(mask, around, [1])
    return grown(mask, dilation)


def face_mask(mesh: Mesh) -> Bytes:
    """Mask [S, S], 1 where a mesh is seen."""
    return np.asarray(mesh.picture.any(-1), np.uint8)


def grown(mask: Bytes, pixels: int) -> Bytes:
    """A mask [S, S] that reaches `pixels` further."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
    return np.asarray(cv2.dilate(mask, kernel), np.uint8)


@lru_cache(4)
def _mouth_vertices(face: FaceSpace) -> list[int]:
    """Vertices about the mouth at rest, from the nose's base to the chin."""
    neutral = face.neutral.cpu().numpy()
    lips = neutral[list(face.rims[1])]
    middle, wide = lips.mean(0), np.ptp(lips[:, 0])
    x, y = ((neutral - middle)[:, :2] / wide).T
    near = (np.abs(x) < 0.8) & (y > -0.85) & (y < 0.4)
    return [int(i) for i in np.flatnonzero(near)]
