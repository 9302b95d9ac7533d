"""Rows that every table has: the truth, and what costs nothing. A measure that does not put the
truth first, or that cannot tell shuffled sound from the right one, is unfit.

| row | what it is |
|---|---|
| truth | the clip itself |
| shuffled | its pictures with the sound of another clip |
| still | its first picture, and its sound |
| loudness | its first picture; `portrait`'s renderer opens the jaw as loud as it is, no more |
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vivavoce.errors import NoFace
from vivavoce.measure.bench.suite import Case, fitted, write_clip
from vivavoce.types import ARKIT_INDEX, Bytes, Float, Motion

BASELINES = ("truth", "shuffled", "still", "loudness")
WIDEST = 0.45
"""jawOpen at full loudness: an open vowel's."""
FLOOR_DB, FULL_DB = -45.0, -15.0
"""Loudness at which the jaw begins to open, and at which it is open."""


def film_baseline(name: str, cases: Sequence[Case], out: Path) -> dict[str, str]:
    """Write `out/KEY.mp4` for every case; the keys that could not be made, each with the reason."""
    failed: dict[str, str] = {}
    if name == "truth":  # lies there already (see suite.py)
        return failed
    out.mkdir(parents=True, exist_ok=True)
    for i, case in enumerate(cases):
        try:
            frames, samples = _made(name, case, cases[(i + 1) % len(cases)])
        except NoFace as refusal:
            failed[case.key] = str(refusal)
        else:
            write_clip(out / f"{case.key}.mp4", frames, fitted(samples, len(frames)))
    return failed


def _made(name: str, case: Case, other: Case) -> tuple[Bytes, Float]:
    from vivavoce.media.read import read_video

    if name == "still":
        frames = len(case.samples) // 640
        return np.repeat(case.portrait[None], frames, 0), case.samples
    if name == "loudness":
        return by_loudness(case), case.samples
    truth = np.stack(list(read_video(case.truth)))
    if name == "shuffled":
        return truth, np.resize(other.samples, len(case.samples))
    return truth, case.samples


def by_loudness(case: Case) -> Bytes:
    """The portrait with its jaw opened by loudness alone [T, S, S, 3]."""
    from vivavoce.look import face478
    from vivavoce.look.face import look
    from vivavoce.nn.weights import SHIPPED
    from vivavoce.render.repair import RepairNet
    from vivavoce.render.warp import Renderer

    repair = RepairNet.load(SHIPPED / "portrait-tiny" / "repair.safetensors")
    renderer = Renderer(look(case.portrait), face478.load(), None, repair)
    opening = jaw(case.samples)
    expression = np.zeros((len(opening), 52), np.float32)
    expression[:, ARKIT_INDEX["jawOpen"]] = opening
    pose, gaze = np.zeros((len(opening), 6)), np.zeros((len(opening), 2))
    return renderer.render(Motion(expression, pose.astype(np.float32), gaze.astype(np.float32)))


def jaw(samples: Float) -> Float:
    """jawOpen [T] from the loudness of each frame's 640 samples."""
    power = np.square(samples.reshape(-1, 640)).mean(1)
    loud = 10 * np.log10(power + 1e-10)
    share = np.clip((loud - FLOOR_DB) / (FULL_DB - FLOOR_DB), 0, 1)
    smooth = np.convolve(np.pad(share, 1, mode="edge"), [0.25, 0.5, 0.25], "valid")
    return (WIDEST * smooth).astype(np.float32)
