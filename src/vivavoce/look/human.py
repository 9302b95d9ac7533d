"""Whether a face is a human one: a linear verdict on how the tracker fares with it.

The mesh can be laid on a dog or a monkey. It lies less steadily there, the detectors are less sure
and put eyes, nose and mouth elsewhere, the face model fits less well, and the head that it finds
has odd proportions. `scripts/fit_human.py` weighs these signs on real portraits and animals, and
measures the verdict on them mirrored, scaled, turned and in other light.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np

from vivavoce.look.face478 import Fit
from vivavoce.look.track import Tracked
from vivavoce.types import Float

WEIGHTS = Path(__file__).with_name("human.npz")
"""Arrays [4 + I]: `mean` and `scale` of people's signs, `most` standard deviations that a sign
counts, `weight`; and the number `bias`."""

FAR = 0.06
"""Geometric mean of steadiness, dispute and residual from which on no face is a human one: people
stay under 0.053, but for one who is overexposed."""
STEEP = 8.0
"""Logits for each time that mean is e times as large."""


def signs(face: Tracked, found: Fit) -> Float:
    """What the verdict hangs on [4 + I]: logarithms of `Tracked.steadiness`, `Tracked.dispute` and
    `Fit.residual`, then `Tracked.certainty`, then the `face478` identity."""
    logs = np.log([face.steadiness, face.dispute, float(found.residual[0])])
    return np.array([*logs, face.certainty, *found.identity], np.float32)


def doubt(face: Tracked, found: Fit) -> float:
    """How little a face looks like a human one, in logits; over 0 it is taken for none."""
    return judged(signs(face, found), _weights())


def judged(told: Float, held: Mapping[str, np.ndarray]) -> float:
    """The doubt of a face with these signs [4 + I], by such weights as `WEIGHTS` holds.

    Kinds of animals that no weight was fitted to are far off in the first three signs together.
    """
    away = np.clip((told - held["mean"]) / held["scale"], -held["most"], held["most"])
    far = STEEP * (told[:3].mean() - np.log(FAR))
    return max(float(away @ held["weight"] + held["bias"]), float(far))


@lru_cache(maxsize=1)
def _weights() -> dict[str, np.ndarray]:
    with np.load(WEIGHTS) as arrays:
        return {name: arrays[name] for name in arrays.files}
