"""How the face moves: blinks, turns of the head, shake. All on tracked points of finished frames.

Points are [T, 478, 3] px, rows of NaN where the tracker lost the face.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter1d

from vivavoce.types import FPS, OUTER_EYES

LIDS = ((159, 145, 33, 133), (386, 374, 263, 362))
"""Upper lid, lower lid, outer and inner corner of each eye."""
BLINK_DEPTH = 0.6
"""An eye that is open less than this part of its usual is closing."""
LONGEST_BLINK_S = 0.6
"""Eyes that stay closed longer are closed, not blinking."""
MEAN_S = 0.5
"""Stretch over which head angles are averaged."""
RIGID = (33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 8, 9)
"""Eye corners, bridge of the nose, between the brows: hardly moved by any muscle."""


def seen(landmarks: np.ndarray) -> np.ndarray:
    """In which frames the face was tracked [T], bool."""
    return np.isfinite(landmarks[:, 0, 0])


def eye_opening(landmarks: np.ndarray) -> np.ndarray:
    """Distance of the lids over the width of the eye [T], mean of both eyes; about 0.1 to 0.4."""

    def apart(a: int, b: int) -> np.ndarray:
        return np.linalg.norm(landmarks[:, a, :2] - landmarks[:, b, :2], axis=1)

    return np.mean([apart(up, low) / apart(out, inn) for up, low, out, inn in LIDS], axis=0)


def blinks(opening: np.ndarray) -> list[int]:
    """The frames at which the eyes of `opening` [T] are shut most, one for each blink.

    A blink takes the opening under 0.6 of its median in the 2 s around, for at most 0.6 s; how deep
    the tracker sees it differs between pictures.
    """
    usual = _rolling_median(opening, 2 * FPS + 1)
    low = np.r_[False, opening < BLINK_DEPTH * usual, False]
    edges = np.flatnonzero(np.diff(low.astype(int)))
    found = []
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if end - start <= LONGEST_BLINK_S * FPS:
            found.append(int(start + np.argmin(opening[start:end])))
    return found


def blink_rate(landmarks: np.ndarray) -> float:
    """Blinks a minute in a clip of points [T, 478, 3]; people who talk: 8 to 30."""
    return 60 * FPS * len(blinks(eye_opening(landmarks))) / max(len(landmarks), 1)


def _rolling_median(values: np.ndarray, size: int) -> np.ndarray:
    half = size // 2
    windows = [values[max(0, i - half) : i + half + 1] for i in range(len(values))]
    return np.array([np.nanmedian(w) if np.isfinite(w).any() else np.nan for w in windows])


def head_pose(landmarks: np.ndarray) -> np.ndarray:
    """Yaw, pitch and roll of the head [T, 3] in degrees; NaN where the face was lost."""
    from vivavoce.look.face478 import fit

    angles = np.full((len(landmarks), 3), np.nan)
    there = seen(landmarks)
    if there.any():
        angles[there] = np.degrees(fit(landmarks[there].astype(np.float32)).pose[:, :3])
    return angles


def head_turn(angles: np.ndarray) -> float:
    """Standard deviation of yaw and pitch [T, 3] degrees, pooled: the root of their mean variance;
    0 is motionless, people who talk: 0.5 to 5.

    Taken of means over half a second: on heads that are known not to move, the tracker's angles
    follow the mouth by 0.35 to 0.6 degrees from frame to frame, and by 0.17 to 0.29 in such means.
    """
    known = angles[np.isfinite(angles[:, 0]), :2]
    if len(known) < 2:
        return float("nan")
    slow = uniform_filter1d(known, round(MEAN_S * FPS), axis=0, mode="nearest")
    return float(np.sqrt(slow.var(axis=0).mean()))


def apart(first: np.ndarray, second: np.ndarray) -> float:
    """Root mean square difference of two head motions [T, 3] in degrees, yaw and pitch, each less
    its mean; 0 means the same movement."""
    count = min(len(first), len(second))
    a, b = (x[:count, :2] - np.nanmean(x[:count, :2], axis=0) for x in (first, second))
    return float(np.sqrt(np.nanmean((a - b) ** 2)))


def shake(landmarks: np.ndarray) -> float:
    """Mean second difference of the rigid points over the outer-eye distance; 0 and up, lower is
    steadier. People: 0.003 to 0.01, the tracker's noise included."""
    points = landmarks[:, RIGID, :2]
    eyes = np.linalg.norm(landmarks[:, OUTER_EYES[0], :2] - landmarks[:, OUTER_EYES[1], :2], axis=1)
    bend = points[2:] - 2 * points[1:-1] + points[:-2]  # [T - 2, K, 2]
    size = np.linalg.norm(bend, axis=-1).mean(1) / eyes[1:-1]
    return float(np.nanmean(size)) if np.isfinite(size).any() else float("nan")
