"""Fit `face478`: the points that the tracker sees, as a linear face model with ARKit names.

    python scripts/fit_face478.py ICT_FACEKIT.npz [--out src/vivavoce/look/face478.npz]

The ICT-FaceKit head (Li et al., "Learning Formation of Physically-Based Face Attributes", CVPR
2020; MIT licence) is drawn in plain shading from several sides, the tracker looks at the drawings,
and every one of its 478 points is carried back to the head's surface. Where a point lies on the
surface, the head's own identity and expression directions say how it moves. The lips are measured
on an open mouth, so that upper and lower points never land on the wrong lip.

Prints how well the model predicts what the tracker sees on drawings of every expression.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment

from vivavoce.look.track import _STILL_MESH, _run_mesh
from vivavoce.types import ARKIT, IRISES, OUTER_EYES

SIZE = 900
"""Side of the drawings in pixels; they show 40 cm at the head's distance."""
VIEWS = [(yaw, pitch) for yaw in (-0.3, -0.12, 0.0, 0.12, 0.3) for pitch in (-0.15, 0.0, 0.15)]
IDENTITIES = 40
COLOURS = {
    "face": (200, 160, 140), "head_neck": (200, 160, 140), "mouth_socket": (60, 20, 20),
    "teeth": (235, 230, 220), "gums_tongue": (170, 80, 80), "eyeball": (240, 240, 240),
    "eye_socket": (120, 80, 70), "lacrimal": (190, 120, 110),
}  # fmt: skip
HIDDEN = ("eye_occlusion", "eye_blend", "eyelashes")


@dataclass
class Head:
    """The ICT head with a plain paint."""

    neutral: np.ndarray
    names: list[str]
    deltas: np.ndarray
    identities: np.ndarray
    triangles: np.ndarray
    parts: dict[str, tuple[int, int]]
    points68: np.ndarray
    colour: np.ndarray

    def shape(self, **actions: float) -> np.ndarray:
        """The head with these actions [V, 3] cm."""
        moved = self.neutral.copy()
        for name, value in actions.items():
            moved += value * self.deltas[self.names.index(name)]
        return moved


def load_head(path: Path) -> Head:
    """Read `ict_facekit.npz` and paint skin, lips, brows and irises."""
    data = np.load(path)
    parts = {
        str(name): (int(a), int(b))
        for name, (a, b) in zip(data["part_names"], data["part_ranges"], strict=True)
    }
    head = Head(
        data["neutral"],
        [str(n) for n in data["expression_names"]],
        data["expression_deltas"].astype(np.float32),
        data["identity_deltas"].astype(np.float32),
        data["triangles"],
        parts,
        data["landmarks68"],
        np.zeros((len(data["neutral"]), 3), np.float32),
    )
    paint(head)
    keep = np.ones(len(head.neutral), bool)
    for name, (a, b) in parts.items():
        if name.startswith(HIDDEN):
            keep[a:b] = False
    head.triangles = head.triangles[keep[head.triangles].all(1)]
    return head


def paint(head: Head) -> None:
    """Give every vertex a colour, so that the tracker finds lips, brows and irises."""
    for name, (a, b) in head.parts.items():
        head.colour[a:b] = next((c for k, c in COLOURS.items() if name.startswith(k)), (30, 20, 15))
    face = head.neutral[: head.parts["face"][1]]
    lips = cv2_inside(head.neutral[head.points68[48:60], :2], face[:, :2])
    lips &= face[:, 2] > head.neutral[head.points68[48], 2] - 1.0
    head.colour[: len(face)][lips] = (170, 80, 80)
    for brow in (head.points68[17:22], head.points68[22:27]):
        line = head.neutral[brow, :2]
        dense = np.concatenate([np.linspace(p, q, 8) for p, q in pairwise(line)])
        near = np.linalg.norm(face[:, None, :2] - dense, axis=-1).min(1) < 0.32
        head.colour[: len(face)][near & (face[:, 2] > 5)] = (60, 40, 30)
    for side in ("left", "right"):
        a, b = head.parts[f"eyeball_{side}"]
        ball = head.neutral[a:b] - head.neutral[a:b].mean(0)
        radius = np.where(ball[:, 2] > 0, np.hypot(ball[:, 0], ball[:, 1]), 9.0)
        head.colour[a:b][radius < 0.62] = (70, 45, 30)
        head.colour[a:b][radius < 0.28] = (10, 10, 10)


def cv2_inside(polygon: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Which of `points` [N, 2] lie in `polygon` [K, 2]."""
    ring = polygon.astype(np.float32)[:, None]
    inside = [cv2.pointPolygonTest(ring, (float(x), float(y)), False) >= 0 for x, y in points]
    return np.array(inside)


def project(vertices: np.ndarray, yaw: float, pitch: float) -> tuple[np.ndarray, np.ndarray]:
    """Turned vertices [V, 3] and their pixels [V, 2], from 60 cm away."""
    turn_yaw = cv2.Rodrigues(np.array([0.0, yaw, 0.0]))[0]
    turn_pitch = cv2.Rodrigues(np.array([pitch, 0.0, 0.0]))[0]
    turned = vertices @ (turn_pitch @ turn_yaw).T
    near = 60 / (60 - turned[:, 2:]) * SIZE / 40
    pixels = turned[:, :2] * near * [1, -1] + [SIZE / 2, SIZE * 0.45]
    return turned, pixels


def visible(turned: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Front triangles from far to near (indices), and their unit normals."""
    a, b, c = (turned[triangles[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    order = np.argsort(turned[triangles, 2].mean(1))
    order = order[normal[order, 2] > -0.05]
    return order, normal


def draw(head: Head, vertices: np.ndarray, yaw: float = 0, pitch: float = 0) -> np.ndarray:
    """A shaded drawing of the head, RGB [SIZE, SIZE, 3] (painter's algorithm)."""
    turned, pixels = project(vertices, yaw, pitch)
    order, normal = visible(turned, head.triangles)
    light = np.clip(normal @ [0.25, 0.35, 0.9], 0, 1) * 0.75 + 0.25
    colour = head.colour[head.triangles].mean(1) * light[:, None]
    corners = np.round(pixels[head.triangles] * 16).astype(np.int32)
    picture = np.full((SIZE, SIZE, 3), (120, 130, 150), np.uint8)
    for t in order:
        cv2.fillConvexPoly(picture, corners[t], colour[t].tolist(), cv2.LINE_8, 4)
    return cv2.GaussianBlur(picture, (0, 0), 0.8)


def surface_map(
    head: Head, vertices: np.ndarray, yaw: float, pitch: float, last: int
) -> np.ndarray:
    """Which triangle each pixel shows [SIZE, SIZE] (-1: none), of those among the first `last`
    vertices (skin), or of the eyeballs when `last` is 0."""
    turned, pixels = project(vertices, yaw, pitch)
    order, _ = visible(turned, head.triangles)
    first = head.triangles[order, 0]
    balls = [head.parts[f"eyeball_{s}"] for s in ("left", "right")]
    wanted = first < last if last else np.any([(first >= a) & (first < b) for a, b in balls], 0)
    corners = np.round(pixels[head.triangles] * 16).astype(np.int32)
    ids = np.full((SIZE, SIZE, 3), 255, np.uint8)
    for t in order[wanted]:
        cv2.fillConvexPoly(ids, corners[t], (int(t) & 255, int(t) >> 8 & 255, int(t) >> 16), 8, 4)
    number = ids[..., 0].astype(int) | ids[..., 1].astype(int) << 8 | ids[..., 2].astype(int) << 16
    return np.where(number == 0xFFFFFF, -1, number)


def carry_back(head: Head, vertices: np.ndarray, yaw: float, pitch: float) -> tuple:
    """For each tracked point the surface triangle [478] and barycentric weights [478, 3]."""
    points = _run_mesh(_STILL_MESH, draw(head, vertices, yaw, pitch))
    if points is None:
        raise SystemExit(f"the tracker does not see the head at yaw {yaw}, pitch {pitch}")
    _, pixels = project(vertices, yaw, pitch)
    skin = surface_map(head, vertices, yaw, pitch, head.parts["head_neck"][1])
    eyes = surface_map(head, vertices, yaw, pitch, 0)
    triangle, weights = np.zeros(478, int), np.zeros((478, 3))
    iris = {point for eye in IRISES for point in eye}
    for i, point in enumerate(points[:, :2]):
        ids = eyes if i in iris else skin
        ys, xs = np.nonzero(ids >= 0)
        nearest = np.argmin((xs - point[0]) ** 2 + (ys - point[1]) ** 2)
        triangle[i] = ids[ys[nearest], xs[nearest]]
        a, b, c = pixels[head.triangles[triangle[i]]]
        u, v = np.linalg.lstsq(np.stack([b - a, c - a], 1), point - a, rcond=None)[0]
        w = np.clip([1 - u - v, u, v], 0, 1)
        weights[i] = w / w.sum()
    return triangle, weights


def correspond(head: Head) -> tuple[np.ndarray, np.ndarray]:
    """Vertex indices [478, 3] and weights [478, 3] that place each tracked point on the head."""
    open_mouth = head.shape(jawOpen=0.35)
    hits = [carry_back(head, open_mouth, *view) for view in VIEWS]
    places = np.stack(
        [(open_mouth[head.triangles[t]] * w[..., None]).sum(1) for t, w in hits]
    )  # [views, 478, 3]
    best = np.linalg.norm(places - np.median(places, 0), axis=-1).argmin(0)
    triangle = np.array([hits[best[i]][0][i] for i in range(478)])
    weights = np.array([hits[best[i]][1][i] for i in range(478)])
    return head.triangles[triangle], weights


def ict_names(arkit: str) -> list[str]:
    """The ICT actions that make up one ARKit action."""
    for side in ("Left", "Right"):
        if arkit.endswith(side) and arkit not in ("jawLeft", "jawRight", "mouthLeft", "mouthRight"):
            return [arkit.removesuffix(side) + "_" + side[0]]
    return [f"{arkit}_L", f"{arkit}_R"] if arkit in ("browInnerUp", "cheekPuff") else [arkit]


def tesselation() -> np.ndarray:
    """The tracker's own triangles [F, 3], counter-clockwise seen from outside."""
    from mediapipe.tasks.python.vision.face_landmarker import FaceLandmarksConnections

    edges = FaceLandmarksConnections.FACE_LANDMARKS_TESSELATION
    return np.array(
        [[e.start for e in edges[i : i + 3]] for i in range(0, len(edges), 3)], np.int32
    )


def symmetric(mean: np.ndarray, identity: np.ndarray, expression: np.ndarray) -> tuple:
    """The same arrays with the left half the mirror of the right (tracker noise halved).

    Identity directions keep their asymmetric part: people are not symmetric; only the places of
    the points are, and those enter through the mean and the named left/right actions."""
    flip = np.array([-1.0, 1.0, 1.0])
    cost = np.linalg.norm(mean[:, None] - (mean * flip)[None], axis=-1)
    _, twin = linear_sum_assignment(cost)
    other = [ARKIT.index(swap_side(name)) for name in ARKIT]
    mean = (mean + mean[twin] * flip) / 2
    expression = (expression + expression[other][:, twin] * flip) / 2
    return mean, identity, expression, twin


def swap_side(name: str) -> str:
    """The action of the other side: "jawLeft" -> "jawRight"; a middle action stays itself."""
    if name.endswith("Left"):
        return name.removesuffix("Left") + "Right"
    return name.removesuffix("Right") + "Left" if name.endswith("Right") else name


def fit(head: Head) -> dict[str, np.ndarray]:
    """The arrays of `face478.npz`."""
    corners, weights = correspond(head)

    def at(values: np.ndarray) -> np.ndarray:
        return (values[..., corners, :] * weights[..., None]).sum(-2)

    mean = at(head.neutral)
    right, left = mean[list(OUTER_EYES)]
    scale = 1 / np.linalg.norm(right - left)
    origin = (right + left) / 2
    expression = np.zeros((len(ARKIT), 478, 3), np.float32)
    for k, name in enumerate(ARKIT):
        for part in ict_names(name):
            if part in head.names:  # tongueOut moves none of the 478 points
                expression[k] += at(head.deltas[head.names.index(part)])
    identity = at(head.identities).reshape(len(head.identities), -1)
    _, spread, directions = np.linalg.svd(identity, full_matrices=False)
    kept = (spread[:IDENTITIES, None] * directions[:IDENTITIES]).reshape(-1, 478, 3)
    mean, kept, expression, twin = symmetric(mean - origin, kept, expression)
    triangles = tesselation()
    a, b, c = (mean[triangles[:, k]] for k in range(3))
    if np.median(np.cross(b - a, c - a)[:, 2]) < 0:
        triangles = triangles[:, ::-1]
    return {
        "neutral": (mean * scale).astype(np.float32),
        "identity": (kept * scale).astype(np.float32),
        "expression": (expression * scale).astype(np.float32),
        "mirror": twin.astype(np.int32),
        "triangles": np.ascontiguousarray(triangles),
    }


def check(head: Head, arrays: dict[str, np.ndarray]) -> None:
    """Print, per expression, how the tracker's movement agrees with the model's (frontal)."""
    rest = _run_mesh(_STILL_MESH, draw(head, head.neutral))
    px = np.linalg.norm(np.subtract(*rest[list(OUTER_EYES), :2]))
    for k, name in enumerate(ARKIT):
        actions = {p: 0.8 for p in ict_names(name) if p in head.names}
        if not actions:
            continue
        seen = _run_mesh(_STILL_MESH, draw(head, head.shape(**actions)))
        moved = (seen - rest)[:, :2] / px * [1, -1]
        said = 0.8 * arrays["expression"][k][:, :2]
        cosine = (moved * said).sum() / (np.linalg.norm(moved) * np.linalg.norm(said) + 1e-9)
        gain = (moved * said).sum() / ((said**2).sum() + 1e-12)
        print(f"{name:22s} agreement {cosine:5.2f}   seen/said {gain:5.2f}")


def main() -> None:
    """Fit, check, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("head", type=Path, help="ict_facekit.npz")
    parser.add_argument("--out", type=Path, default=Path("src/vivavoce/look/face478.npz"))
    options = parser.parse_args()
    head = load_head(options.head)
    arrays = fit(head)
    check(head, arrays)
    np.savez_compressed(options.out, **arrays)
    print(f"wrote {options.out} ({options.out.stat().st_size / 1e6:.2f} MB)")


if __name__ == "__main__":
    main()
