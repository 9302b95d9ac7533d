"""`face478`: a linear face on the tracker's own 478 points, with ARKit-named expressions.

What is tracked, predicted, rendered and exported are the same numbers. The arrays in
`face478.npz` are fitted by `scripts/fit_face478.py` to the ICT-FaceKit head (MIT; Li et al.,
CVPR 2020). Unit: the distance of the outer eye corners; origin: their middle; x to the picture's
right, y up, z toward the viewer.

    python -m vivavoce.look.face478 out.png      # draws the 52 expressions
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivavoce.types import ARKIT, LIP_CORNERS, NECK, Float, rotation_angles

ARRAYS = Path(__file__).with_name("face478.npz")
TO_MODEL = np.array([1, -1, -1], np.float32)
"""Picture axes (y down, z away) to model axes (y up, z toward the viewer), and back."""
DEPTH_WEIGHT = 0.35
"""Weight of the tracker's depth against x and y: it is a guess of the tracker's network."""
RIDGE_IDENTITY, RIDGE_EXPRESSION = 0.02, 0.006
"""Pull of the coefficients toward 0, in squared outer-eye distances per point set."""
STABLE = (
    10, 151, 9, 8, 168, 6, 197, 195, 5, 4, 33, 133, 362, 263, 127, 356, 234, 454, 21, 251, 54, 284,
    103, 332, 67, 297, 109, 338, 162, 389, 93, 323, 129, 358, 98, 327, 2, 94,
)  # fmt: skip
"""Points that the muscles hardly move; head pose is measured on them."""


@dataclass(frozen=True)
class Face478:
    """Linear face model on the tracker's points; a `types.FaceModel`."""

    neutral: Float
    """Mean face at rest [478, 3] in outer-eye distances."""
    identity: Float
    """Displacement by a standard deviation of each identity direction [I, 478, 3]."""
    expression: Float
    """Displacement by the full action of each ARKit expression [52, 478, 3]."""
    triangles: NDArray[np.int32]
    """Vertex indices [852, 3], counter-clockwise seen from outside; eyes and mouth are open
    holes."""
    mirror: NDArray[np.int32]
    """Index of the point on the other side of the face [478]."""
    expression_names: tuple[str, ...] = ARKIT
    """Names of the expressions, in the order of `expression`."""

    def vertices(self, identity: Float, expression: Float) -> Float:
        """The face [..., 478, 3] with identity [I] and expression [..., 52]."""
        shape = self.neutral + np.tensordot(identity, self.identity, 1)
        return (shape + np.tensordot(expression, self.expression, 1)).astype(np.float32)


@lru_cache(1)
def load() -> Face478:
    """The model that ships with the package."""
    with np.load(ARRAYS) as arrays:
        return Face478(**{name: arrays[name] for name in arrays.files})


@dataclass(frozen=True)
class Fit:
    """What `fit` finds for a sequence of T tracked pictures of one person."""

    identity: Float
    """Identity coefficients [I] in standard deviations, one row for all frames."""
    expression: Float
    """ARKit coefficients [T, 52] in [0, 1]."""
    pose: Float
    """Head pose [T, 6]: yaw, pitch, roll in radians; x, y, z of the neck in outer-eye distances
    from the picture's top left corner (x right, y up)."""
    scale: Float
    """Pixels to one outer-eye distance [T]."""
    residual: Float
    """Misfit [T]: root mean square distance of the model to the points in x and y, outer-eye
    distances."""


def fit(landmarks: Float, rounds: int = 4) -> Fit:
    """Fit identity, expression and pose to `landmarks` [T, 478, 3] px of one person.

    Alternates a similarity on the stable points with box-constrained ridge regression; one
    identity is shared by all frames.
    """
    model = load()
    seen = landmarks * TO_MODEL
    frames = len(landmarks)
    identity = np.zeros(len(model.identity), np.float32)
    expression = np.zeros((frames, len(ARKIT)), np.float32)
    for _ in range(rounds):
        shape = model.vertices(identity, expression)
        scale, rotation, shift = similarity(shape[:, STABLE], seen[:, STABLE])
        local = np.einsum("tij,tvi->tvj", rotation, (seen - shift[:, None]) / scale[:, None, None])
        rest = local - model.neutral - np.tensordot(expression, model.expression, 1)
        identity = _ridge(model.identity, np.median(rest, 0)[None], RIDGE_IDENTITY, None)[0]
        moved = local - model.neutral - np.tensordot(identity, model.identity, 1)
        expression = _ridge(model.expression, moved, RIDGE_EXPRESSION, (0, 1))
    shape = model.vertices(identity, expression)
    neck = scale[:, None] * np.einsum("tij,j->ti", rotation, np.array(NECK, np.float32)) + shift
    residual = np.sqrt(((local - shape)[..., :2] ** 2).sum(-1).mean(-1))
    pose = np.column_stack([rotation_angles(rotation), neck / scale[:, None]])
    return Fit(identity, expression, pose.astype(np.float32), scale, residual)


def place(landmarks: Float) -> tuple[Float, Float, Float]:
    """Where the mean face must go to lie on `landmarks` [T, 478, 3] px by its rigid points: scale
    [T] px, rotation [T, 3, 3], shift [T, 3], in the model's axes (`TO_MODEL`)."""
    return similarity(load().neutral[list(STABLE)], (landmarks * TO_MODEL)[:, STABLE])


def similarity(source: Float, target: Float) -> tuple[Float, Float, Float]:
    """Scale [T], rotation [T, 3, 3], shift [T, 3] that carry source onto target [T, K, 3].

    Umeyama, "Least-squares estimation of transformation parameters", PAMI 1991."""
    source = np.broadcast_to(source, target.shape)
    middle_s, middle_t = source.mean(1, keepdims=True), target.mean(1, keepdims=True)
    a, b = source - middle_s, target - middle_t
    u, d, vt = np.linalg.svd(np.einsum("tki,tkj->tij", b, a))
    sign = np.ones_like(d)
    sign[:, 2] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * sign[:, None]) @ vt
    scale = (d * sign).sum(1) / (a**2).sum((1, 2))
    shift = middle_t[:, 0] - scale[:, None] * np.einsum("tij,tj->ti", rotation, middle_s[:, 0])
    return scale.astype(np.float32), rotation.astype(np.float32), shift.astype(np.float32)


def _ridge(
    basis: Float, target: Float, ridge: float, box: tuple[float, float] | None, steps: int = 150
) -> Float:
    """Coefficients [T, K] of `basis` [K, V, 3] nearest to `target` [T, V, 3], kept in `box`.

    Accelerated projected gradient (Beck and Teboulle, "FISTA", 2009)."""
    weight = np.array([1, 1, DEPTH_WEIGHT], np.float32)
    a = (basis * weight).reshape(len(basis), -1)
    b = (target * weight).reshape(len(target), -1)
    gram = a @ a.T + ridge * np.eye(len(a), dtype=np.float32)
    goal = b @ a.T
    if box is None:
        return np.linalg.solve(gram, goal.T).T.astype(np.float32)
    step = 1 / np.linalg.eigvalsh(gram)[-1]
    best = ahead = np.zeros((len(b), len(a)), np.float32)
    speed = 1.0
    for _ in range(steps):
        new = np.clip(ahead - step * (ahead @ gram - goal), *box)
        faster = (1 + np.sqrt(1 + 4 * speed**2)) / 2
        ahead, best, speed = new + (speed - 1) / faster * (new - best), new, faster
    return best.astype(np.float32)


def main(path: str) -> None:
    """Draw the 52 expressions as a sheet of wire faces."""
    import cv2

    model = load()
    tiles = []
    for k, name in enumerate(ARKIT):
        tile = np.full((240, 200, 3), 255, np.uint8)
        flat = (model.neutral + model.expression[k])[:, :2] * [80, -80] + [100, 95]
        cv2.polylines(tile, list(flat[model.triangles].astype(np.int32)), True, (140, 140, 140), 1)
        cv2.circle(tile, [int(x) for x in flat[LIP_CORNERS[0]]], 2, (0, 0, 220), -1)
        cv2.putText(tile, name, (6, 232), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1)
        tiles.append(tile)
    rows = [np.hstack(tiles[i : i + 13]) for i in range(0, 52, 13)]
    cv2.imwrite(path, np.vstack(rows))


if __name__ == "__main__":
    import sys

    main(sys.argv[1])
