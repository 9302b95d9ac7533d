"""Time the portrait renderer, stage by stage: milliseconds a frame.

python scripts/bench_render.py PORTRAIT [SIZE|full]
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict

import numpy as np
from PIL import Image

from vivavoce.look import face478, look
from vivavoce.nn.weights import SHIPPED
from vivavoce.render import warp
from vivavoce.render.repair import RepairNet
from vivavoce.types import ARKIT, ARKIT_INDEX, Motion

FRAMES, ROUNDS = 10, 12
WEIGHTS = SHIPPED / "portrait-tiny/repair.safetensors"


def motion(frames: int, rng: np.random.Generator) -> Motion:
    """A lively stretch of speech: the mouth mostly open, one blink in it, the head turning."""
    expression = np.zeros((frames, len(ARKIT)), np.float32)
    expression[:, ARKIT_INDEX["jawOpen"]] = rng.uniform(0, 0.5, frames)
    for side in ("Left", "Right"):
        expression[: frames // 10, ARKIT_INDEX["eyeBlink" + side]] = 1
    pose = np.zeros((frames, 6), np.float32)
    pose[:, :3] = rng.normal(0, 0.05, (frames, 3))
    return Motion(expression, pose, rng.normal(0, 0.1, (frames, 2)).astype(np.float32))


def timed(spent: dict[str, float], owner: object, method: str, name: str) -> None:
    """Add the time spent in `owner.method` to `spent[name]`."""
    inner = getattr(owner, method)

    def wrapped(*args: object) -> object:
        begun = time.perf_counter()
        result = inner(*args)
        spent[name] += time.perf_counter() - begun
        return result

    setattr(owner, method, wrapped)


def main(path: str, size: str = "512") -> None:
    face = look(np.asarray(Image.open(path).convert("RGB")))
    repair = RepairNet.load(WEIGHTS) if WEIGHTS.exists() else None
    begun = time.perf_counter()
    renderer = warp.Renderer(face, face478.load(), None if size == "full" else int(size), repair)
    made = time.perf_counter()
    rng = np.random.default_rng(0)
    renderer.render(motion(FRAMES, rng))
    print(f"made {1e3 * (made - begun):.0f} ms, first frames {time.perf_counter() - made:.2f} s")
    spent: dict[str, float] = defaultdict(float)
    for owner, method, name in (
        (renderer.shape, "moved", "points"),
        (renderer.rig, "deform", "sheet"),
        (renderer, "_warp", "warp"),
        (renderer.eyes[0], "paint", "eyes"),
        (renderer.eyes[1], "paint", "eyes"),
        (renderer.mouth, "paint", "mouth"),
    ):
        timed(spent, owner, method, name)
    if renderer.repair is not None:
        timed(spent, renderer.repair, "correct", "repair")
    whole = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        renderer.render(motion(FRAMES, rng))
        whole.append(time.perf_counter() - begun)
    for name, seconds in spent.items():
        print(f"{name:8s} {1e3 * seconds / (ROUNDS * FRAMES):6.2f} ms a frame")
    print(f"{'all':8s} {1e3 * float(np.median(whole)) / FRAMES:6.2f} ms a frame (median of chunks)")


if __name__ == "__main__":
    main(*sys.argv[1:])
