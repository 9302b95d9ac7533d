"""Fit the corpus's head: ICT-FaceKit, reduced to what the corpus moves and draws.

    python scripts/fit_corpus_head.py ICT_FACEKIT.npz [--out src/vivavoce/data/corpus/head.npz]

The ICT-FaceKit head (Li et al., "Learning Formation of Physically-Based Face Attributes", CVPR
2020; MIT licence) keeps its vertices; lashes and the eyes' helper surfaces go. Its 100 identities
become the 40 directions of `face478` (the same coefficients), its actions the 52 of ARKit. Baked
beside them: where the tracker's 478 points lie, how open to the sky each vertex is, and soft masks
of lips, brows, cheeks, and so on, by which the painter colours.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import numpy as np

from fit_face478 import IDENTITIES, Head, correspond, ict_names, load_head
from vivavoce.render.mesh import rasterise
from vivavoce.types import ARKIT, OUTER_EYES

DROPPED = ("eye_socket", "eye_blend", "eye_occlusion", "eyelashes")
RAYS = 240
"""Directions from which the baked light comes."""
TONGUE = np.array([0.0, -3.74, 6.53])
"""Middle of the tongue, cm."""


def kept_vertices(head: Head) -> np.ndarray:
    """Which vertices stay [V] bool."""
    keep = np.ones(len(head.neutral), bool)
    for name, (a, b) in head.parts.items():
        if name.startswith(DROPPED):
            keep[a:b] = False
    return keep


def identity_directions(head: Head, corners: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The directions of `face478` carried to every vertex [40, V, 3] cm: the same mixtures of the
    100 identities whose points make its directions."""
    points = (head.identities[:, corners] * weights[..., None]).sum(-2)
    mixtures, _, _ = np.linalg.svd(points.reshape(len(points), -1), full_matrices=False)
    return np.tensordot(mixtures[:, :IDENTITIES].T, head.identities, 1)


def expression_directions(head: Head) -> np.ndarray:
    """The actions by ARKit's names [52, V, 3] cm; the tongue's is ours: forward, a little down.
    An open jaw leaves it lying lower than ICT-FaceKit does, behind the lower teeth."""
    moved = np.zeros((len(ARKIT), *head.neutral.shape), np.float32)
    for k, name in enumerate(ARKIT):
        for part in ict_names(name):
            if part in head.names:
                moved[k] += head.deltas[head.names.index(part)]
    moved[ARKIT.index("tongueOut")] = tongue_out(head)
    moved[ARKIT.index("jawOpen")] += is_tongue(head)[:, None] * [0.0, -0.75, -0.35]
    return moved


def tongue_out(head: Head) -> np.ndarray:
    """How far each vertex goes when the tongue is put out [V, 3]."""
    a, b = head.parts["gums_tongue"]
    inside = head.neutral[a:b]
    away = np.abs(inside[:, 0]) / 2.2
    front = (inside[:, 2] - 3) / 6
    tongue = np.clip(1 - away**2, 0, 1) * np.clip(front, 0, 1) * is_tongue(head)[a:b]
    delta = np.zeros_like(head.neutral)
    delta[a:b] = tongue[:, None] * [0.0, -0.4, 3.2]
    return delta


def is_tongue(head: Head) -> np.ndarray:
    """The tongue among the gums [V] bool. They are one piece, so it is found by its place: the
    half-ellipse inside the lower row of teeth, between the floor of the mouth and the palate."""
    x, y, z = head.neutral.T - TONGUE[:, None]
    wide = 1.8 * np.sqrt(np.clip(1 - (z / 3.5) ** 2, 0, 1)) + 0.08
    a, b = head.parts["gums_tongue"]
    out = (np.abs(x) < wide) & (np.abs(z) < 3.5) & (np.abs(y) < 0.9)
    out[:a] = out[b:] = False
    return np.asarray(out)


def openness(vertices: np.ndarray, triangles: np.ndarray, size: int = 512) -> np.ndarray:
    """How much of the sky each vertex sees [V], 0 to 1: cosine-weighted, from `RAYS` sides."""
    normal = normals(vertices, triangles)
    total = np.zeros(len(vertices))
    most = np.zeros(len(vertices))
    golden = np.pi * (3 - np.sqrt(5))
    for i in range(RAYS):
        z = 1 - 2 * (i + 0.5) / RAYS
        r = np.sqrt(1 - z * z)
        away = np.array([r * np.cos(golden * i), r * np.sin(golden * i), z])
        side = np.cross(away, [0.3, 0.9, 0.2])
        side /= np.linalg.norm(side)
        frame = np.stack([side, np.cross(away, side), away])
        seen = vertices @ frame.T
        seen[:, :2] = (seen[:, :2] + 24) * size / 48
        _, depth = rasterise(
            seen.astype(np.float32), triangles, np.zeros((len(seen), 1), np.float32), size, size
        )
        x, y = np.clip(np.round(seen[:, :2]).astype(int), 0, size - 1).T
        lit = seen[:, 2] > depth[y, x] - 0.22
        facing = np.clip(normal @ away, 0, 1)
        total += facing * lit
        most += facing
    return total / np.maximum(most, 1e-6)


def normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Unit normals [V, 3]."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    face = np.cross(b - a, c - a)
    out = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(out, triangles[:, k], face)
    return out / (np.linalg.norm(out, axis=1, keepdims=True) + 1e-9)


def near(points: np.ndarray, line: np.ndarray, reach: float) -> np.ndarray:
    """1 at the polyline [K, 3], falling to 0 at `reach` cm from it [V]."""
    dense = np.concatenate([np.linspace(p, q, 12) for p, q in itertools.pairwise(line)])
    from scipy.spatial import cKDTree

    distance, _ = cKDTree(dense).query(points)
    return np.clip(1 - distance / reach, 0, 1)


def masks(head: Head) -> dict[str, np.ndarray]:
    """Soft masks [V] in 0..1 by which skin is coloured."""
    v, p = head.neutral, head.points68
    skin = np.zeros(len(v), bool)
    skin[: head.parts["head_neck"][1]] = True
    lips = lip_mask(head) * skin
    lids = np.concatenate([p[36:42], p[36:37]]), np.concatenate([p[42:48], p[42:43]])
    brows = sum(near(v, v[p[a:b]], 0.55) for a, b in ((17, 22), (22, 27)))
    x, y, z = v.T
    cheek = sum(np.exp(-(((x - s * 4.6) / 2.0) ** 2) - ((y - 0.3) / 1.8) ** 2) for s in (-1, 1))
    nose = np.exp(-((x / 1.3) ** 2) - ((y - 0.2) / 1.2) ** 2) * (z > 9)
    ears = np.clip((np.abs(x) - 7.7) / 0.8, 0, 1) * (np.abs(y - 1.5) < 5) * (z > -5)
    jaw = v[p[0:17]]
    beard = np.maximum(near(v, jaw[2:15], 2.6), near(v, v[p[48:60]], 2.2)) * (y < 0.2)
    beard *= np.clip((-0.4 - y + np.abs(x) * 0.15) / 1.5, 0, 1) * np.clip((z + 1.5) / 3, 0, 1)
    beard *= np.clip((y + 11.2) / 2.5, 0, 1)
    top = np.clip((y - 7.2 - 0.10 * np.clip(z, -9, 9)) / 1.4, 0, 1)
    back = np.clip((-1.0 - z + 0.25 * (y - 2)) / 1.6, 0, 1) * np.clip((y + 4.5) / 2, 0, 1)
    found = {
        "lips": lips,
        "lids": np.maximum(near(v, v[lids[0]], 0.22), near(v, v[lids[1]], 0.22)),
        "sockets": np.maximum(near(v, v[lids[0]], 1.5), near(v, v[lids[1]], 1.5)),
        "brows": brows, "cheeks": cheek * (z > 3), "nose": nose, "ears": ears,
        "beard": beard * (1 - np.clip(lips * 3, 0, 1)),
        "scalp": np.maximum(top, back) * (1 - ears),
        "head": np.clip((y + 14.5 + 0.15 * z) / 5.5, 0, 1),
    }  # fmt: skip
    return {k: np.where(skin | (k == "head"), m, 0).astype(np.float32) for k, m in found.items()}


def lip_mask(head: Head) -> np.ndarray:
    """Inside the outer lip line and outside the mouth, softened at the edge [V]."""
    import cv2

    v, p = head.neutral, head.points68
    ring = np.concatenate([v[p[48:60], :2], v[p[48:49], :2]])
    dense = np.concatenate([np.linspace(a, b, 8)[:-1] for a, b in itertools.pairwise(ring)])
    contour = dense.astype(np.float32)[:, None]
    inside = np.array(
        [cv2.pointPolygonTest(contour, (float(a), float(b)), True) for a, b in v[:, :2]]
    )
    return np.clip(inside / 0.16 + 0.5, 0, 1) * (v[:, 2] > 8.2)


def quantised(values: np.ndarray, kind: type) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers and the step of each direction [K]: values = whole * step."""
    most = np.abs(values).max((1, 2)) + 1e-12
    step = most / np.iinfo(kind).max
    return np.round(values / step[:, None, None]).astype(kind), step.astype(np.float32)


def fit(head: Head) -> dict[str, np.ndarray]:
    """The arrays of `head.npz`."""
    corners, weights = correspond(head)
    identity = identity_directions(head, corners, weights)
    expression = expression_directions(head)
    keep = kept_vertices(head)
    number = np.cumsum(keep) - 1
    triangles = number[head.triangles[keep[head.triangles].all(1)]].astype(np.int32)
    neutral = head.neutral[keep]
    points = (head.neutral[corners] * weights[..., None]).sum(1)
    origin = points[list(OUTER_EYES)].mean(0) * [0, 1, 1]  # the middle plane stays at x = 0
    found = {k: m[keep] for k, m in masks(head).items()}
    part = np.zeros(len(head.neutral), np.int8)
    names = [n for n in head.parts if not n.startswith(DROPPED)]
    for i, name in enumerate(names):
        a, b = head.parts[name]
        part[a:b] = i
    expression[np.abs(expression) < 0.002] = 0
    identity, identity_step = quantised(identity[:, keep], np.int8)
    expression, expression_step = quantised(expression[:, keep], np.int16)
    return {
        "neutral": (neutral - origin).astype(np.float32), "triangles": triangles,
        "identity": identity, "identity_step": identity_step,
        "expression": expression, "expression_step": expression_step,
        "corners": number[corners].astype(np.int32), "weights": weights.astype(np.float32),
        "points68": number[head.points68].astype(np.int32),
        "part": part[keep], "part_names": np.array(names), "tongue": is_tongue(head)[keep],
        "open": openness(neutral, triangles).astype(np.float32),
        **{f"mask_{k}": np.round(m * 255).astype(np.uint8) for k, m in found.items()},
    }  # fmt: skip


def main() -> None:
    """Fit and write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("head", type=Path, help="ict_facekit.npz")
    parser.add_argument("--out", type=Path, default=Path("src/vivavoce/data/corpus/head.npz"))
    options = parser.parse_args()
    np.savez_compressed(options.out, **fit(load_head(options.head)))
    print(f"wrote {options.out} ({options.out.stat().st_size / 1e6:.2f} MB)")


if __name__ == "__main__":
    main()
