"""Where the face's points go: expression, lips that meet, lids that close, head rotation.

All points live in the head's own frame: origin at the neck pivot, unit one outer-eye distance,
x to the picture's right, y up, z toward the viewer, as if the head faced straight ahead.
"""

from __future__ import annotations

import numpy as np

from vivavoce.types import (
    ARKIT,
    ARKIT_INDEX,
    EYE_CORNERS,
    INNER_LOWER_LIP,
    INNER_UPPER_LIP,
    LIP_CORNERS,
    NECK,
    OUTER_EYES,
    Face,
    FaceModel,
    Float,
    Motion,
    rotation_matrix,
)

FLIP = np.asarray([1, -1, -1], np.float32)
"""Picture axes (y down, z away) to head axes (y up, z toward the viewer), and back."""
UPPER, LOWER = list(INNER_UPPER_LIP), list(INNER_LOWER_LIP)
UPPER_RINGS = (
    (183, 42, 41, 38, 12, 268, 271, 272, 407),
    (184, 74, 73, 72, 11, 302, 303, 304, 408),
    (185, 40, 39, 37, 0, 267, 269, 270, 409),
)
"""The upper lip from inside to outside, behind `INNER_UPPER_LIP`."""
LOWER_RINGS = (
    (96, 89, 179, 86, 15, 316, 403, 319, 325),
    (77, 90, 180, 85, 16, 315, 404, 320, 307),
    (146, 91, 181, 84, 17, 314, 405, 321, 375),
)
"""Rings of the lower lip from inside to outside, behind `INNER_LOWER_LIP`."""
RING_FOLLOW = (0.92, 0.8, 0.68)
"""How much each ring goes along when lips are brought together."""
UPPER_LIDS = (
    ((246, 161, 160, 159, 158, 157, 173), (247, 30, 29, 27, 28, 56, 190),
     (113, 225, 224, 223, 222, 221, 189)),
    ((466, 388, 387, 386, 385, 384, 398), (467, 260, 259, 257, 258, 286, 414),
     (342, 445, 444, 443, 442, 441, 413)),
)  # fmt: skip
"""Person's right and left eye: the edge of the upper lid, its crease, the rim of the socket."""
LOWER_LIDS = (
    ((7, 163, 144, 145, 153, 154, 155), (25, 110, 24, 23, 22, 26, 112)),
    ((249, 390, 373, 374, 380, 381, 382), (255, 339, 254, 253, 252, 256, 341)),
)
"""Points of the person's right and left eye: the edge of the lower lid and its crease."""
LID_FOLLOW = (1.0, 0.6, 0.15)
"""How much edge, crease and socket rim of the upper lid go along with a blink."""
LOWER_FOLLOW = (1.0, 0.45)
"""How much edge and crease of the lower lid go along with its part of a blink."""
LOWER_SHARE = 0.1
"""The lower lid's part of a blink."""
LID_GAZE = 1.3
"""How much lids open or close with a look up or down, in openings a radian."""
CLOSED_GAP = 0.012
"""Lips nearer than this in the picture (outer-eye distances) count as closed."""
SLEEPING = 0.1
"""Eyes less open than this (height over width) stay as they are."""
KEPT = {"eyeBlink": 1.0, "eyeLook": 1.0, "eyeSquint": 0.7, "eyeWide": 0.5, "brow": 0.75,
        "mouthSmile": 0.2, "cheekSquint": 0.5, "noseSneer": 0.5, "jawOpen": 0.0,
        "mouthLowerDown": 0.0, "mouthUpperUp": 0.0, "mouthClose": 0.0}  # fmt: skip
"""How much of the picture's own expression stays: its character, not its speech."""
KEPT_ELSE = 0.5
"""How much stays of the coefficients that `KEPT` does not name."""
KEPT_CLOSED = 0.85
"""Least that stays of mouth and jaw where the picture's lips are closed: they are at rest."""
EDGE_ON = 0.3
"""Cosine between skin and line of sight under which a point counts as not seen."""
MOVES_LIDS = ("eyeBlink", "eyeLook")
"""Actions that are drawn by `_lids` and the gaze, not by the model's directions."""


def _flatten_hidden(seen: Float, triangles: np.ndarray) -> Float:
    """Give points [478, 3] that the picture shows edge-on or not at all the depth of their nearest
    visible neighbour, so that a turn does not unfold skin that was never photographed."""
    a, b, c = (seen[triangles[:, k]] for k in range(3))
    facing = np.zeros_like(seen)
    for k in range(3):
        np.add.at(facing, triangles[:, k], np.cross(b - a, c - a))
    toward = facing[:, 2] / (np.linalg.norm(facing, axis=1) + 1e-9)
    hidden = np.flatnonzero((toward < EDGE_ON) & (facing != 0).any(1))
    visible = np.flatnonzero(toward >= EDGE_ON)
    apart = np.linalg.norm(seen[hidden, None, :2] - seen[None, visible, :2], axis=-1)
    flat = seen.copy()
    flat[hidden, 2] = seen[visible[apart.argmin(1)], 2] - 0.02
    return flat


class HeadShape:
    """Points of one person's face and the way they move."""

    def __init__(self, face: Face, landmarks: Float, model: FaceModel) -> None:
        """Take `face`'s pose and expression with its `landmarks` [478, 3] in scene pixels."""
        head = landmarks * FLIP
        right, left = head[list(OUTER_EYES)]
        self.unit = float(np.linalg.norm(right - left))
        self.rotation = rotation_matrix(face.pose[:3]).astype(np.float32)
        self.pivot = (right + left) / 2 + self.unit * (self.rotation @ np.asarray(NECK, np.float32))
        seen = _flatten_hidden((head - self.pivot) / self.unit, model.triangles)
        self.source = seen @ self.rotation
        self.basis = model.expression.copy()
        self.basis[[i for i, n in enumerate(ARKIT) if n.startswith(MOVES_LIDS)]] = 0
        self.gap_basis = model.expression[:, UPPER, 1] - model.expression[:, LOWER, 1]
        self.open_mouth = float(self._gaps(self.source).mean()) > CLOSED_GAP
        if not self.open_mouth:
            self._meet(self.source)
        self.own = self._own_expression(face.expression)
        self.own_gap = np.maximum(self.own @ self.gap_basis, 0)
        self.relaxed = self.source - np.tensordot(self.own, self.basis, 1)
        self.lip_follow = self._lip_follow()
        self.at_rest = self._lips(self.relaxed[None].copy(), np.zeros((1, len(ARKIT)), np.float32))[
            0
        ]

    @staticmethod
    def _gaps(points: Float) -> Float:
        """How far the inner lips are apart at the nine pairs [..., 9]."""
        return points[..., UPPER, 1] - points[..., LOWER, 1]

    @staticmethod
    def _meet(points: Float) -> None:
        """Make the inner lips of `points` [478, 3] one line."""
        points[UPPER] = points[LOWER] = (points[UPPER] + points[LOWER]) / 2

    def _own_expression(self, expression: Float) -> Float:
        """What of the picture's expression [52] is taken away when the face relaxes."""
        kept = np.full(len(ARKIT), KEPT_ELSE, np.float32)
        for i, name in enumerate(ARKIT):
            kept[i] = next((k for part, k in KEPT.items() if name.startswith(part)), KEPT_ELSE)
            if not self.open_mouth and name.startswith(("mouth", "jaw")):
                kept[i] = max(kept[i], 0.7 if "Smile" in name else KEPT_CLOSED)
        own = expression * (1 - kept)
        if self.open_mouth:  # what the model does not explain of the open mouth is jaw
            jaw, middle = ARKIT_INDEX["jawOpen"], 4
            rest = self._gaps(self.source)[middle] - own @ self.gap_basis[:, middle]
            own[jaw] = np.clip(own[jaw] + rest / self.gap_basis[jaw, middle], 0, 1.5)
        return own.astype(np.float32)

    def _lip_follow(self) -> tuple[Float, Float]:
        """How points follow the inner upper and lower lip when lips are corrected [9, 478] x 2."""
        both = []
        for inner, rings in ((UPPER, UPPER_RINGS), (LOWER, LOWER_RINGS)):
            follow = np.zeros((9, 478), np.float32)
            outer = self.relaxed[list(rings[-1])]
            apart = np.linalg.norm(self.relaxed[None, :, :2] - outer[:, None, :2], axis=-1)
            nearest = np.exp(-((apart.min(0) / 0.12) ** 2)) * RING_FOLLOW[-1]
            side = 1 if inner is UPPER else -1
            beyond = side * (self.relaxed[:, 1] - outer[:, 1].mean()) > -0.03
            share = np.exp(-((apart / 0.08) ** 2)) + 1e-6
            follow[:] = np.where(beyond, nearest, 0) * share / share.sum(0)
            others = LOWER_RINGS if inner is UPPER else UPPER_RINGS
            follow[:, [*np.ravel(others), *UPPER, *LOWER, *LIP_CORNERS, 61, 291]] = 0
            for part, ring in zip((1.0, *RING_FOLLOW), (inner, *rings), strict=True):
                follow[:, list(ring)] = part * np.eye(9)
            both.append(follow)
        return both[0], both[1]

    def moved(self, motion: Motion) -> Float:
        """Points of the face [T, 478, 3] in the head's frame with the expression and gaze of
        `motion`; the head's own turn comes in `place`."""
        change = motion.expression - self.own
        points = self.source + np.tensordot(change, self.basis, 1).astype(np.float32)
        points = self._lips(points, motion.expression)
        return self._lids(points, motion)

    def lip_gaps(self, expression: Float) -> Float:
        """Wanted distance of the inner lips [T, 9] in outer-eye distances."""
        wanted = np.maximum(expression @ self.gap_basis, 0)
        if self.open_mouth:  # the picture's own opening has its own shape
            near = np.clip(wanted / np.maximum(self.own_gap, 0.02), 0, 1)
            wanted = wanted + near * (self._gaps(self.source) - self.own_gap)
        return np.maximum(wanted, 0)

    def _lips(self, points: Float, expression: Float) -> Float:
        """Bring the inner lips to their wanted distance; the skin around follows."""
        wanted = self.lip_gaps(expression)
        wrong = wanted - self._gaps(points)  # [T, 9]
        upper, lower = self.lip_follow
        share = 0.35 if self.open_mouth else 0.5
        points[..., 1] += (share * wrong) @ upper - ((1 - share) * wrong) @ lower
        sealed = np.clip(1 - wanted / 0.03, 0, 1)[..., None]
        middle = (points[:, UPPER] + points[:, LOWER]) / 2
        points[:, UPPER] += sealed * (middle - points[:, UPPER])
        points[:, LOWER] += sealed * (middle - points[:, LOWER])
        return points

    def _lids(self, points: Float, motion: Motion) -> Float:
        """Close and open the eyes; a blink of 1 brings the upper lid onto the lower one."""
        for side, name in enumerate(("Right", "Left")):
            blink = motion.expression[:, ARKIT_INDEX["eyeBlink" + name]]
            upper, lower = UPPER_LIDS[side], LOWER_LIDS[side]
            corners = points[0, list(EYE_CORNERS[side])]
            width = np.linalg.norm(corners[0] - corners[1])
            height = points[:, list(upper[0]), 1] - points[:, list(lower[0]), 1]
            if height[0].max() < SLEEPING * width:
                blink = np.zeros_like(blink)
            drop = np.clip(blink - LID_GAZE * motion.gaze[:, 1] * (1 - blink), -0.25, 1)
            drop = drop[:, None] * np.maximum(height, 0)  # [T, 7]
            meet = points[:, list(lower[0])] - points[:, list(upper[0])]
            close = np.clip(blink, 0, 1)[:, None, None]
            for follow, ring in zip(LID_FOLLOW, upper, strict=True):
                points[:, list(ring), 1] -= follow * (1 - LOWER_SHARE) * drop
            for follow, ring in zip(LOWER_FOLLOW, lower, strict=True):
                points[:, list(ring), 1] += follow * LOWER_SHARE * np.maximum(drop, 0)
            across = meet * close * [0.5, 0, 0.5]  # x and z of the two edges meet half-way
            points[:, list(upper[0])] += across
            points[:, list(lower[0])] -= across
        return points

    def place(self, points: Float, pose: Float) -> Float:
        """Scene pixels (x right, y down, z toward the viewer) of `points` [T, V, 3] in the head's
        frame, turned by `pose` [T, 6] relative to the picture."""
        turn = (rotation_matrix(pose[:, :3]) @ self.rotation).astype(np.float32)
        shift = self.pivot + self.unit * pose[:, None, 3:]
        seen = self.unit * np.einsum("tij,tvj->tvi", turn, points) + shift
        return (seen * np.asarray([1, -1, 1], np.float32)).astype(np.float32)

    def rest(self, points: Float) -> Float:
        """Scene pixels of `points` [..., 3] in the head's frame, turned as in the picture."""
        seen = self.unit * points @ self.rotation.T + self.pivot
        return (seen * np.asarray([1, -1, 1], np.float32)).astype(np.float32)
