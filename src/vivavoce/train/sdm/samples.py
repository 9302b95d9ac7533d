"""What SDM learns from: windows of speech with landmarks, and pairs of pictures of a clip.

Movements are measured from a frame at rest, as a portrait is, and people are seen as in use: in the
square of the rule `systems.sdm.person.CROP` around a face, whatever crop and size the shards have.
"""

from __future__ import annotations

import numpy as np
import torch

from vivavoce.look.crop import squares
from vivavoce.look.landmark_motion import LandmarkMotion
from vivavoce.nn.pictures import as_tensor
from vivavoce.render.from_landmarks import guides
from vivavoce.render.landmark_drawing import draw_landmarks
from vivavoce.systems.sdm.person import CROP
from vivavoce.systems.stage import Sample
from vivavoce.train.read.square import Sight
from vivavoce.train.read.windows import Clip, Window, Windows
from vivavoce.types import Bytes, Float, lip_gap

CLOSED = 0.1
"""Share of a clip's frames, those with the least lip gap, that count as closed mouths."""
AT_REST = 0.7
"""Share of the pairs of pictures whose reference is the clip's frame at rest; else it is any."""
FITTED_FRAMES, FITTED_CLIPS = 4000, 1000
"""Frames on which the directions of F are fitted, and the most clips that they are taken from."""

BOUNDLESS = 1 << 20
"""Side in px of a picture that no square of a face reaches beyond: movements are as large against
the face where the shard's pictures cut it close."""


def rest_frame(clip: Clip) -> int:
    """Number of the frame most like a portrait: a closed mouth (`CLOSED`), and of these the head
    pose nearest to the clip's median."""
    gap, pose = lip_gap(clip.sample.tracks["landmarks"]), clip.sample.tracks["pose"]
    away = np.abs(pose - np.median(pose, 0)).sum(1)
    return int(np.where(gap <= np.quantile(gap, CLOSED), away, np.inf).argmin())


def movements(clip: Clip, space: LandmarkMotion) -> Float:
    """Movements [T, P, D] of a clip's landmarks against its frame at rest."""
    marks = clip.sample.tracks["landmarks"]
    rest = marks[rest_frame(clip)]
    side = squares(rest[None], BOUNDLESS, BOUNDLESS, CROP)[0, 2]
    return space.of(marks, rest, float(side))


def movements_to_fit(windows: Windows, space: LandmarkMotion, rng: np.random.Generator) -> Float:
    """Movements [N, P, D] of some frames of some clips, for `LandmarkMotion.fit`."""
    count = min(len(windows), FITTED_CLIPS)
    each = max(2, FITTED_FRAMES // count)
    found = []
    for number in rng.choice(len(windows), count, replace=False):
        moves = movements(windows.clip(int(number)), space)
        found.append(moves[rng.permutation(len(moves))[:each]])
    return np.concatenate(found)


def speech_and_movements(window: Window, space: LandmarkMotion) -> Sample:
    """Log-mel [4 T, 80], prosody [T, 3], and movements [1 + T, P, D] of the window's frames and the
    one before them."""
    moves = movements(window.clip, space)
    before = moves[max(window.start - 1, 0)][None]
    heard = window.clip.prosody[window.span].astype(np.float32)
    return {
        "mel": torch.from_numpy(window.mel),
        "prosody": torch.from_numpy(heard),
        "movements": torch.from_numpy(np.concatenate([before, moves[window.span]])),
    }


def pair_of_pictures(clip: Clip, size: int, rng: np.random.Generator) -> Sample:
    """A reference and a target of one clip, with what the renderer is told of both.

    The square is the one around the reference's face, as in use.
    """
    frames = len(clip.sample)
    first = rest_frame(clip) if rng.random() < AT_REST else int(rng.integers(frames))
    pair = [first, int(rng.integers(frames))]
    sight = Sight.of(clip, first, size, CROP)
    inside = np.zeros((1, size, size), np.float32)
    left, top, right, bottom = (int(v) for v in np.round(sight.mouths(pair)[1]).clip(0, size))
    inside[:, top:bottom, left:right] = 1
    inputs = render_inputs(sight.pictures(pair), sight.points(pair))
    return inputs | {"inside": torch.from_numpy(inside)}


def render_inputs(pictures: Bytes, landmarks: Float) -> Sample:
    """What the renderer is told of a reference and a target: pictures [2, S, S, 3] and their points
    [2, 478, 3] px."""
    size = pictures.shape[1]
    both, points = as_tensor(pictures), guides(landmarks, size)
    drawn = (as_tensor(np.stack([draw_landmarks(p, size) for p in landmarks])) + 1) / 2
    return {
        "reference": both[0], "target": both[1], "before": points[0], "after": points[1],
        "drawn_before": drawn[0], "drawn_after": drawn[1],
    }  # fmt: skip
