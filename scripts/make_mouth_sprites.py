"""Bake the teeth, gums and tongue that `vivavoce.render.mouth` draws inside open mouths.

Renders the ICT-FaceKit mouth (MIT; Li et al., "Learning Formation of Physically-Based Face
Attributes", CVPR 2020) once from the front, as two sprites: the upper jaw, and the lower jaw with
the tongue. Each sprite stores light, material and depth, no colour: colour is the person's.

    python scripts/make_mouth_sprites.py ../shared/assets/ict_facekit/ict_facekit.npz
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from vivavoce.render.mesh import rasterise

OUT = Path(__file__).parents[1] / "src/vivavoce/render/mouth.npz"
PER_UNIT = 480
"""Sprite pixels to one outer-eye distance."""
FINE = 3
"""Rendered this much larger, then averaged down."""
HALF_WIDTH, TOP, BOTTOM = 0.40, 0.26, -0.20
"""What a sprite covers, in outer-eye distances from the edge of the front upper teeth."""
THROAT = -0.62
"""What lies deeper than this, in outer-eye distances behind the front teeth, is left dark."""
JAW = 0.35
"""The lower jaw is seen at this opening, so that its upper side is in view."""


def load(path: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Vertices and their jawOpen motion [V, 3] in outer-eye distances, triangles, teeth [V]."""
    data = np.load(path)
    corners = data["neutral"][data["landmarks68"][[36, 45]]]
    unit = np.linalg.norm(corners[0] - corners[1])
    vertices = (data["neutral"] - corners.mean(0)) / unit
    jaw = data["expression_deltas"][list(data["expression_names"]).index("jawOpen")] / unit
    ranges = dict(zip(data["part_names"], data["part_ranges"], strict=True))
    first, last = ranges["gums_tongue"][0], ranges["teeth"][1]
    triangles = data["triangles"]
    inside = ((triangles >= first) & (triangles < last)).all(1)
    teeth = np.zeros(len(vertices), np.float32)
    teeth[slice(*ranges["teeth"])] = 1
    return vertices, jaw.astype(np.float64), triangles[inside], teeth


def normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Unit normals [V, 3], averaged over the faces around each vertex."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    total = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(total, triangles[:, k], np.cross(b - a, c - a))
    return total / (np.linalg.norm(total, axis=1, keepdims=True) + 1e-9)


def bake(
    vertices: np.ndarray, triangles: np.ndarray, teeth: np.ndarray, edge: np.ndarray, is_lower: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Sprite [H, W, 3] uint8 (light, teeth, cover) and depth [H, W] in outer-eye distances."""
    scale = PER_UNIT * FINE
    height, width = round((TOP - BOTTOM) * scale), round(2 * HALF_WIDTH * scale)
    flat = (vertices - edge) * [scale, -scale, scale] + [HALF_WIDTH * scale, TOP * scale, 0]
    attributes = np.column_stack([normals(vertices, triangles), teeth])
    seen, depth = rasterise(flat, triangles.astype(np.int32), attributes, height, width)
    cover = (depth > -1e29).astype(np.float32)
    cover *= depth > THROAT * scale
    depth = np.where(cover > 0, depth / scale, THROAT)
    light = 0.45 + 0.55 * np.clip(seen[..., :3] @ np.asarray([0, 0.25, 0.97], np.float32), 0, 1)
    hollow = cv2.blur(depth, (25, 25)) - depth  # crevices get less light
    light = light * np.clip(1 - 6 * np.maximum(hollow, 0), 0.35, 1)
    light *= np.exp(2.6 * np.minimum(depth, 0))  # and so does the back of the mouth
    small = (width // FINE, height // FINE)
    rows, columns = np.mgrid[:height, :width] / scale
    ramus = (np.abs(columns - HALF_WIDTH) > 0.19) & (rows < TOP) & (seen[..., 3] < 0.5) & is_lower
    cover[ramus] = 0  # the jaw's rising branch is never seen
    if is_lower:  # the tongue sinks into the dark toward the throat
        light *= np.where(seen[..., 3] < 0.5, np.clip(1 - (TOP - rows + 0.03) / 0.26, 0.4, 1), 1)
    layers = np.dstack([light * cover, seen[..., 3] * cover, cover])
    layers = cv2.resize(layers, small, interpolation=cv2.INTER_AREA)
    layers[..., :2] = layers[..., :2] / np.maximum(layers[..., 2:], 1e-3)
    sprite = (np.clip(layers, 0, 1) * 255 + 0.5).astype(np.uint8)
    return sprite, cv2.resize(cv2.GaussianBlur(depth, (0, 0), 12 * FINE), small)


def main(path: str) -> None:
    vertices, jaw, triangles, teeth = load(path)
    lower = jaw[triangles[:, 0], 1] < -0.03
    upper_teeth = (teeth > 0) & (jaw[:, 1] > -0.03) & (np.abs(vertices[:, 0]) < 0.08)
    lower_teeth = (teeth > 0) & (jaw[:, 1] < -0.03) & (np.abs(vertices[:, 0]) < 0.08)
    edge = vertices[upper_teeth][vertices[upper_teeth, 1].argmin()] * [0, 1, 1]
    front = jaw[lower_teeth].mean(0)
    opened = vertices + JAW * (jaw - front)
    upper, upper_depth = bake(vertices, triangles[~lower], teeth, edge, False)
    low, low_depth = bake(opened, triangles[lower], teeth, edge, True)
    np.savez_compressed(
        OUT,
        upper=upper,
        lower=low,
        upper_depth=upper_depth[::8, ::8].astype(np.float16),
        lower_depth=low_depth[::8, ::8].astype(np.float16),
        extent=np.asarray([HALF_WIDTH, TOP, BOTTOM], np.float32),
        origin="ICT-FaceKit, MIT, USC ICT 2020; baked by scripts/make_mouth_sprites.py",
    )
    print(OUT.name, OUT.stat().st_size, "bytes; teeth edge", edge, "jaw front", front)


if __name__ == "__main__":
    main(sys.argv[1])
