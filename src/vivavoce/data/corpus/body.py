"""A corpus person's body: head, eyes, hair and clothes as one mesh that moves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vivavoce.data.corpus.draw_math import two_poses, vertex_normals
from vivavoce.data.corpus.head import Head
from vivavoce.data.corpus.person import Person
from vivavoce.data.corpus.raster import EYE, HAIR, MATT, SKIN
from vivavoce.data.corpus.scene import LABEL_INDEX, UNIT_CM, Part
from vivavoce.data.corpus.skin import iris_colours
from vivavoce.types import NECK, Float

NECK_CM = np.array(NECK, np.float32) * np.float32(UNIT_CM)
BODY_FOLLOWS = (0.18, 0.55)
"""How much of the head's turn and shift the shoulders make."""


class Body:
    """Head, eyes and parts as one list of vertices and triangles."""

    def __init__(
        self, head: Head, albedo: Float, gloss: Float, person: Person, parts: list[Part]
    ) -> None:
        self.head = head
        a, eyes = head.arrays, head.eyes
        self.skin = a.triangles[~_is_eyeball(head)[a.triangles].any(1)]
        irises = [iris_colours(person, e.angle, e.around) for e in eyes]
        matt = [np.zeros(len(e.local)) for e in eyes]
        self.albedo = _stack([albedo, *irises, *(p.albedo for p in parts)])
        self.gloss = _stack([gloss, *matt, *(p.gloss for p in parts)])
        kinds = [np.where(a.is_part("face", "head_neck"), SKIN, MATT)]
        kinds += [np.full(len(e.local), EYE) for e in eyes]
        kinds += [np.full(len(p.vertices), HAIR if p.strands else MATT) for p in parts]
        self.kind = np.concatenate(kinds).astype(np.int32)
        sky = [np.ones(len(p.vertices)) for p in parts]
        self.open = _stack([a.open**0.8, *(_eye_sky(e.local) for e in eyes), *sky])
        self.mouth = np.flatnonzero(a.is_part("teeth", "gums_tongue", "mouth_socket"))
        depth = head.rest[self.mouth, 2] - head.rest[self.mouth, 2].max()
        self.mouth_light = np.clip(1 + depth / 6.5, 0.05, 1) ** 1.5
        self._place(parts)
        self._join(parts)

    def _place(self, parts: list[Part]) -> None:
        """What moves how: `points` and `normals` [V, 3] before the pose, the share of each vertex
        that goes with the head `stay` [V], and the vertices that go with the skin."""
        head = self.head
        balls = [e.local + e.centre for e in head.eyes]
        outwards = [e.local / 1.5 for e in head.eyes]
        self.points = _stack([head.rest, *balls, *(p.vertices for p in parts)])
        self.normals = _stack([head.rest, *outwards, *(p.normals for p in parts)])
        counts = [len(head.rest), *map(len, balls), *(len(p.vertices) for p in parts)]
        self.starts = np.cumsum([0, *counts])
        self.stay = _stack(
            [head.arrays.masks["head"], *(np.ones(len(b)) for b in balls), *map(_stay, parts)]
        )
        bound = [
            (s, p) for s, p in zip(self.starts[3:-1], parts, strict=True) if p.bind is not None
        ]
        rows = [s + np.arange(len(p.vertices)) for s, p in bound]
        self.bound = np.concatenate(rows).astype(np.int64)
        self.bind = np.concatenate([p.bind for _, p in bound if p.bind is not None])
        self.bound_at = self.points[self.bound] - head.rest[self.bind]

    def _join(self, parts: list[Part]) -> None:
        """One list of triangles with their labels and opacities."""
        eyes = self.head.eyes
        lists = [self.skin, *(e.triangles for e in eyes), *(p.triangles for p in parts)]
        triangles = np.concatenate([t + s for t, s in zip(lists, self.starts, strict=False)])
        skin = _skin_labels(self.head)[self.skin[:, 0]]
        worn = [np.full(len(p.triangles), p.label) for p in parts]
        label = np.concatenate([skin, *map(_eye_labels, eyes), *worn])
        opaque = [np.ones(len(t)) for t in lists[:3]]
        alpha = np.concatenate([*opaque, *(np.full(len(p.triangles), p.opacity) for p in parts)])
        self.triangles, self.label = triangles.astype(np.int32), label.astype(np.uint8)
        self.alpha = alpha.astype(np.float32)

    def sky(self, expression: Float) -> Float:
        """How open each vertex is [V]; the mouth fills with light as it opens."""
        opened = self.open.copy()  # frames may be drawn side by side
        opened[self.mouth] = self.mouth_light * min(0.45 + 1.6 * float(expression[17]), 1.0)
        return opened

    def posed(self, face: Float, gaze: Float, turn: Float, shift: Float) -> tuple[Float, Float]:
        """All vertices [V, 3] in front of the camera, and their normals (strands: tangents)."""
        points, normals = self.points.copy(), self.normals.copy()
        points[: len(face)] = face
        normals[: len(face)] = vertex_normals(face, self.skin)
        for eye, start, end in zip(self.head.eyes, self.starts[1:], self.starts[2:], strict=False):
            points[start:end] = eye.vertices(gaze)
            normals[start:end] = (points[start:end] - eye.centre) / 1.5
        points[self.bound] = self.bound_at + face[self.bind]
        small, moved = BODY_FOLLOWS
        body_turn = np.eye(3, dtype=np.float32) + small * (turn - np.eye(3, dtype=np.float32))
        return two_poses(
            points,
            normals,
            self.stay,
            NECK_CM,
            turn,
            shift,
            body_turn.astype(np.float32),
            np.float32(moved) * shift,
        )


def _stay(part: Part) -> Float:
    """How much of each vertex of a part goes with the head [V]."""
    stay = np.full(len(part.vertices), 1.0 if part.follows == "head" else 0.0, np.float32)
    return stay if part.sway is None else stay * (1 - part.sway)


def _stack(arrays: list[np.ndarray]) -> Float:
    return np.ascontiguousarray(np.concatenate(arrays), np.float32)


def _is_eyeball(head: Head) -> NDArray[np.bool_]:
    return head.arrays.is_part("eyeball")


def _eye_sky(local: Float) -> Float:
    """The upper lid's shadow on an eyeball."""
    return np.clip(0.92 - 0.45 * np.clip(local[:, 1] / 0.75, -0.3, 1) ** 1, 0.3, 1)


def _skin_labels(head: Head) -> NDArray[np.uint8]:
    """The label of each vertex of the head."""
    a = head.arrays
    labels = np.full(len(a.part), LABEL_INDEX["skin"], np.uint8)
    labels[(a.neutral[:, 1] < -13.2) | a.is_part("head_neck") & (a.neutral[:, 1] < -8)] = (
        LABEL_INDEX["neck"]
    )
    labels[a.masks["lips"] > 0.5] = LABEL_INDEX["lips"]
    labels[a.is_part("mouth_socket", "gums_tongue")] = LABEL_INDEX["mouth"]
    labels[a.tongue] = LABEL_INDEX["tongue"]
    labels[a.is_part("teeth")] = LABEL_INDEX["teeth"]
    return labels


def _eye_labels(eye: object) -> NDArray[np.uint8]:
    angle, triangles = eye.angle, eye.triangles  # type: ignore[attr-defined]
    inner = np.degrees(angle[triangles].max(1)) < 23.7
    return np.where(inner, LABEL_INDEX["iris"], LABEL_INDEX["eye"]).astype(np.uint8)


def placed(points: Float, turn: Float, shift: Float) -> Float:
    """Points [N, 3] of the head, turned at the neck and shifted."""
    return (points - NECK_CM) @ turn.T + (NECK_CM + shift)
