"""A corpus person's body: head, eyes, hair and clothes as one mesh that moves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vivavoce.data.corpus.draw_math import vertex_normals
from vivavoce.data.corpus.head import Head
from vivavoce.data.corpus.person import Person
from vivavoce.data.corpus.raster import EYE, HAIR, MATT, SKIN
from vivavoce.data.corpus.scene import LABEL_INDEX, UNIT_CM, Part
from vivavoce.data.corpus.skin import iris_colours
from vivavoce.types import NECK, Float

BODY_FOLLOWS = (0.18, 0.55)
"""How much of the head's turn and shift the shoulders make."""


class Body:
    """Head, eyes and parts as one list of vertices and triangles."""

    def __init__(
        self, head: Head, albedo: Float, gloss: Float, person: Person, parts: list[Part]
    ) -> None:
        self.head, self.parts = head, parts
        a = head.arrays
        self.skin = a.triangles[~_is_eyeball(head)[a.triangles].any(1)]
        eyes = head.eyes
        counts = [len(head.rest), *(len(e.local) for e in eyes), *(len(p.vertices) for p in parts)]
        starts = np.cumsum([0, *counts])
        lists = [self.skin, *(e.triangles for e in eyes), *(p.triangles for p in parts)]
        self.triangles = np.concatenate(
            [t + s for t, s in zip(lists, starts, strict=False)]
        ).astype(np.int32)
        coloured = [iris_colours(person, e.angle, e.around) for e in eyes]
        self.albedo = _stack([albedo, *coloured, *(p.albedo for p in parts)])
        self.gloss = _stack([gloss, *(np.zeros(len(e.local)) for e in eyes),
                             *(p.gloss for p in parts)])  # fmt: skip
        skin = np.where(a.is_part("face", "head_neck"), SKIN, MATT)
        worn = [np.full(len(p.vertices), HAIR if p.strands else MATT) for p in parts]
        kinds = [skin, *(np.full(len(e.local), EYE) for e in eyes), *worn]
        self.kind = np.concatenate(kinds).astype(np.int32)
        labels = [np.full(len(p.triangles), p.label) for p in parts]
        skin_labels = _skin_labels(head)[self.skin[:, 0]]
        self.label = _stack([skin_labels, *map(_eye_labels, eyes), *labels]).astype(np.uint8)
        opacities = [np.full(len(p.triangles), p.opacity) for p in parts]
        self.alpha = _stack([np.ones(sum(len(t) for t in lists[:3])), *opacities])
        sky = [np.ones(len(p.vertices)) for p in parts]
        self.open = _stack([a.open**0.8, *(_eye_sky(e.local) for e in eyes), *sky])
        self.mouth = np.flatnonzero(a.is_part("teeth", "gums_tongue", "mouth_socket"))
        depth = head.rest[self.mouth, 2] - head.rest[self.mouth, 2].max()
        self.mouth_light = np.clip(1 + depth / 6.5, 0.05, 1) ** 1.5
        self.starts = starts

    def sky(self, expression: Float) -> Float:
        """How open each vertex is [V]; the mouth fills with light as it opens."""
        self.open[self.mouth] = self.mouth_light * min(0.45 + 1.6 * float(expression[17]), 1.0)
        return self.open

    def posed(
        self, face: Float, gaze: Float, turn: Float, shift: Float, expression: Float
    ) -> tuple[Float, Float]:
        """All vertices [V, 3] in front of the camera, and their normals (strands: tangents)."""
        head = self.head
        stay = head.arrays.masks["head"][:, None]
        normal = vertex_normals(face, self.skin)
        small, moved = BODY_FOLLOWS
        body_turn = np.eye(3, dtype=np.float32) + small * (turn - np.eye(3, dtype=np.float32))
        body_shift = moved * shift
        head_at = placed(face, turn, shift)
        body_at = placed(face, body_turn, body_shift)
        vertices = [stay * head_at + (1 - stay) * body_at]
        normals = [normal @ turn.T]
        for eye in head.eyes:
            ball = eye.vertices(gaze)
            vertices.append(placed(ball, turn, shift))
            normals.append((ball - eye.centre) @ turn.T / 1.5)
        for part in self.parts:
            at = (
                part.vertices
                if part.bind is None
                else part.vertices + face[part.bind] - head.rest[part.bind]
            )
            t, s = (turn, shift) if part.follows == "head" else (body_turn, body_shift)
            vertices.append(placed(at, t, s))
            normals.append(part.normals @ t.T)
        return np.concatenate(vertices).astype(np.float32), np.concatenate(normals).astype(
            np.float32
        )


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
    neck = np.array(NECK, np.float32) * UNIT_CM
    return (points - neck) @ turn.T + (neck + shift)
