"""Find where closed lips really meet: trackers miss it by a few pixels, and a mouth that opens
beside its dark line looks torn."""

from __future__ import annotations

import cv2
import numpy as np

from vivavoce.render.scene import sample
from vivavoce.render.shape import CLOSED_GAP, LOWER, LOWER_RINGS, UPPER, UPPER_RINGS
from vivavoce.types import CHIN, FOREHEAD, OUTER_EYES, Bytes, Float

REACH = 0.06
"""How far from the tracked line the dark line is looked for, in outer-eye distances."""
STEPS = 25
"""Places across the lips, from `-REACH` to `REACH`, at which darkness is read."""
FOLLOW = (0.8, 0.5, 0.15)
"""How much the rings of both lips, from inside to outside, go along."""


def snap(image: Bytes, landmarks: Float) -> Float:
    """`landmarks` [478, 3] px with the line of closed lips moved onto the darkest line nearby.

    Open mouths are returned as they are."""
    unit = float(np.linalg.norm(np.subtract(*landmarks[list(OUTER_EYES)])))
    middle = (landmarks[UPPER, :2] + landmarks[LOWER, :2]) / 2
    gap = np.linalg.norm(landmarks[UPPER, :2] - landmarks[LOWER, :2], axis=1).mean() / unit
    if gap > CLOSED_GAP:
        return landmarks
    down = landmarks[CHIN, :2] - landmarks[FOREHEAD, :2]
    down = down / np.linalg.norm(down)
    offsets = np.linspace(-REACH, REACH, STEPS, dtype=np.float32) * unit
    places = (middle[:, None] + offsets[None, :, None] * down).astype(np.float32)  # [9, STEPS, 2]
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    dark = sample(grey, places)
    dark = cv2.GaussianBlur(dark, (3, 1), 0)
    dark = (dark - dark.mean()) / (dark.std() + 4)
    move = _best_line(dark) * unit
    moved = landmarks.copy()
    for ring in (UPPER, LOWER):
        moved[ring, :2] += move[:, None] * down
    for rings in (UPPER_RINGS, LOWER_RINGS):
        for follow, part in zip(FOLLOW, rings, strict=True):
            moved[list(part), :2] += follow * move[:, None] * down
    return moved


def _best_line(dark: Float) -> Float:
    """Offsets [9] in outer-eye distances of the parabola that is darkest in `dark` [9, STEPS] and
    not far from the tracked line."""
    x = np.linspace(-1, 1, 9)
    shift, tilt, bend = np.meshgrid(
        np.linspace(-0.045, 0.045, 19),
        np.linspace(-0.02, 0.02, 5),
        np.linspace(-0.03, 0.03, 7),
        indexing="ij",
    )
    lines = shift[..., None] + tilt[..., None] * x + bend[..., None] * (x**2 - 0.4)
    lines = lines.reshape(-1, 9).clip(-REACH, REACH)
    steps = np.round((lines / REACH + 1) / 2 * (STEPS - 1)).astype(int)
    cost = dark[np.arange(9), steps].mean(1) + 0.35 * ((lines / REACH) ** 2).mean(1)
    return lines[cost.argmin()].astype(np.float32)
