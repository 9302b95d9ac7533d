"""Metrics of faces: points, shape, expression, movement. Landmarks are px [T, 478, 3]."""

from __future__ import annotations

import numpy as np

from vivavoce.look import face478
from vivavoce.measure.metrics.lag import loudness
from vivavoce.types import ALL_68, FPS, MOUTH_68, OUTER_EYES, SAMPLES_PER_FRAME, Float, lip_gap

SIDE = 256
"""Pictures of LMD are 256 px (SDM, sec. 7 of its specification); points are scaled to that."""
UPPER = (
    10, 109, 67, 103, 54, 21, 338, 297, 332, 284, 251, 151, 9, 8, 70, 63, 105, 66, 107, 336, 296,
    334, 293, 300, 46, 53, 52, 65, 55, 285, 295, 282, 283, 276, 33, 160, 159, 158, 133, 153, 145,
    144, 362, 385, 386, 387, 263, 373, 374, 380,
)  # fmt: skip
"""The tracker's points of forehead, brows and lids, which EVE looks at."""
SILENT, SILENT_S = 0.12, 0.2
"""Loudness (0..1) and length from which a stretch counts as silence."""
NOTHING = 1e-3
"""Largest sample, as a share of full scale, of a recording in which nobody speaks."""


def lmd(made: Float, true: Float, side: float, mouth: bool = True) -> float:
    """Landmark distance (Chen et al., ECCV 2018), px of a 256-px picture, lower is better.

    With `mouth` only points 48-67, less each frame's centroid; otherwise all 68 as they lie. Frames
    of equal index; `side` is the true picture's side in px.
    """
    count = min(len(made), len(true))
    points = list(MOUTH_68) if mouth else list(ALL_68)
    a, b = (x[:count, points, :2] * (SIDE / side) for x in (made, true))
    if mouth:
        a, b = a - a.mean(1, keepdims=True), b - b.mean(1, keepdims=True)
    return float(np.linalg.norm(a - b, axis=-1).mean())


def emotional_vertex_error(made: Float, true: Float) -> float:
    """Emotional vertex error (EmoTalk: Peng et al., ICCV 2023, sec. 4.2), squared outer-eye
    distances, lower is better: of expressions [T, 52], the largest squared error among the vertices
    around the eyes and on the forehead, mean over frames; on the mean head."""
    count = min(len(made), len(true))
    model = face478.load()
    zero = np.zeros(len(model.identity), np.float32)
    a, b = (model.vertices(zero, x[:count])[:, list(UPPER)] for x in (made, true))
    return float(((a - b) ** 2).sum(-1).max(1).mean())


def cosine(a: Float, b: Float) -> float:
    """Cosine of two vectors [D], -1..1; 0 where one of them is zero."""
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-12))


def age_profile(years: Float) -> Float:
    """Ages as a soft histogram over decades [10], so that a cosine can be taken (ImagineID)."""
    middles = np.arange(5, 100, 10)
    soft = np.exp(-((np.atleast_1d(years)[:, None] - middles) ** 2) / (2 * 8.0**2))
    return np.asarray(soft.mean(0), np.float32)


def head_diversity(poses_deg: Float) -> float:
    """Head-motion diversity, degrees, higher is richer: standard deviation of yaw, pitch, roll
    [N, 3] over all frames of a set, mean of the three (SadTalker: Zhang et al., CVPR 2023, sec.
    4.1, with our tracker's angles in the place of Hopenet's features)."""
    return float(np.std(poses_deg, axis=0).mean())


def head_motion(pose_deg: Float) -> float:
    """Head motion within a clip [T, 3], degrees, compared with people's (more is not better without
    end; THEval, CVPR 2026, measures its richness): standard deviation of half-second means."""
    from vivavoce.measure.metrics.motion import head_turn

    return head_turn(pose_deg)


def silent_lips(landmarks: Float, samples: Float) -> float:
    """Movement of the lips in silence, outer-eye distances, lower is better (THEval's silent-lip
    stability): standard deviation of the inner-lip gap within silent stretches of 0.2 s and more;
    NaN where nothing is silent."""
    gap = lip_gap(landmarks)
    count = min(len(gap), len(samples) // SAMPLES_PER_FRAME)
    found, start = [], None
    for i, quiet in enumerate([*_quiet(samples[: count * SAMPLES_PER_FRAME]), False]):
        if quiet and start is None:
            start = i
        elif not quiet and start is not None:
            inner = gap[start + 1 : i - 1]  # lips settle in the first frame and open in the last
            if (i - start) / FPS >= SILENT_S and len(inner) > 2:
                found.append(float(np.std(inner)))
            start = None
    return float(np.mean(found)) if found else float("nan")


def _quiet(samples: Float) -> np.ndarray:
    """Which frames are silent [T], bool. Loudness is relative to the recording's own, so one that
    holds nothing but silence is told by its size."""
    frames = samples.reshape(-1, SAMPLES_PER_FRAME)
    if np.abs(samples).max(initial=0) < NOTHING:
        return np.ones(len(frames), bool)
    level = loudness(samples)  # every 5 ms
    return np.asarray(level.reshape(len(frames), -1).max(1) < SILENT)


def style_diversity(features: Float) -> float:
    """Mean distance between the style features [S, F] of S samples of one input, higher is more
    diverse, 0 for a deterministic system (AVI-Talking, sec. 5.1)."""
    pairs = [
        np.linalg.norm(features[i] - features[j]) for i in range(len(features)) for j in range(i)
    ]
    return float(np.mean(pairs)) if pairs else 0.0


def velocities(landmarks: Float) -> tuple[Float, Float]:
    """Histograms of keypoint velocity and acceleration in the manner of FVMD (Liu et al., 2024), of
    windows of 16 frames [W, 68 * 8] each: 8 directions weighed by log(1 + size), for each of the
    tracker's 68 points (FVMD follows a grid of points with a network that is a download). Sizes are
    px a frame where the outer eye corners are 256 px apart."""
    points = landmarks[:, list(ALL_68), :2]
    eyes = np.linalg.norm(landmarks[:, OUTER_EYES[0], :2] - landmarks[:, OUTER_EYES[1], :2], axis=1)
    points = 256 * points / np.median(eyes)
    speed = np.diff(points, axis=0)
    return _directions(speed), _directions(np.diff(speed, axis=0))


def _directions(vectors: Float) -> Float:
    """[W, 68 * 8] from [T, 68, 2], in windows of 16 frames that half overlap."""
    size = np.log1p(np.linalg.norm(vectors, axis=-1))
    bins = ((np.arctan2(vectors[..., 1], vectors[..., 0]) + np.pi) / (2 * np.pi) * 8).astype(
        int
    ) % 8
    rows = []
    for start in range(0, max(1, len(vectors) - 15), 8):
        window = np.zeros((vectors.shape[1], 8), np.float32)
        for t in range(start, min(start + 16, len(vectors))):
            window[np.arange(len(window)), bins[t]] += size[t]
        rows.append(window.ravel())
    return np.array(rows, np.float32)
