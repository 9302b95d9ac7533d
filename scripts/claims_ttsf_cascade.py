"""TTSF against cascades on corpus people it was not trained on: lip sync, head motion, diversity.

    python scripts/claims_ttsf_cascade.py ttsf --corpus SHARDS [--beside FOLDER ...] [--people 8]

Each person says one sentence, three seeds each: made together by TTSF (and by other checkpoints of
it), and by systems that are driven by sound, which hear TTSF's voice. There is no true clip of that
voice, so only what needs none is measured. Prints Markdown; 95 % bootstraps over people.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

import vivavoce
from claims_ttsf_face import in_sync, table, tracked
from vivavoce.data.shards import open_set
from vivavoce.measure.judges import load_judge
from vivavoce.measure.metrics.face import head_diversity, head_motion
from vivavoce.types import Bytes, Float, Speech

SEEDS = 3
SENTENCE = "The boats were moving slowly along the river, and nobody asked where they would go."
DRIVEN = ("portrait", "sdm")


def clip_of(system: Any, seed: int, **asked: Any) -> tuple[Bytes, Float]:
    """A clip's pictures and sound."""
    parts = list(system(seed=seed, **asked))
    return (np.concatenate([p.frames for p in parts]), np.concatenate([p.samples for p in parts]))


def side_by_side(
    checkpoints: Sequence[str], portraits: Sequence[Bytes]
) -> dict[str, list[dict[str, float]]]:
    """The first checkpoint's voice is what the driven systems hear."""
    ours = {name: vivavoce.load(name) for name in checkpoints}
    others = {f"cascade: its voice, then {name}": vivavoce.load(name) for name in DRIVEN}
    rows: dict[str, list[dict[str, float]]] = {}
    for portrait in portraits:
        asked = {"portrait": portrait, "size": 256}
        made = {Path(name).name: [clip_of(system, s, text=SENTENCE, **asked) for s in range(SEEDS)]
                for name, system in ours.items()}  # fmt: skip
        speech = Speech(next(iter(made.values()))[0][1])
        for name, system in others.items():
            made[name] = [clip_of(system, s, speech=speech, **asked) for s in range(SEEDS)]
        for name, takes in made.items():
            rows.setdefault(name, []).append(free(takes))
    return rows


def free(takes: Sequence[tuple[Bytes, Float]]) -> dict[str, float]:
    """What can be said of seeds of a clip without a true one."""
    found, angles = [], []
    for pictures, samples in takes:
        points = tracked(pictures)
        if points is None:
            return {}
        turned = load_judge("head").angles(pictures, points)
        angles.append(turned)
        found.append(in_sync(points, samples, pictures)
                     | {"head motion, degrees": head_motion(turned)})  # fmt: skip
    shortest = min(map(len, angles))
    apart = np.stack([a[:shortest] for a in angles]).std(0).mean()
    means = {k: float(np.mean([f[k] for f in found])) for k in found[0]}
    return means | {"head diversity, degrees": head_diversity(np.concatenate(angles)),
                    "seeds apart, degrees": float(apart)}  # fmt: skip


def portraits_of(corpus: Path, count: int) -> list[Bytes]:
    """The first picture of each of the first people of the test split."""
    found: dict[str, Bytes] = {}
    for clip in open_set(corpus).samples("test", ("frames",)):
        if clip.frames is not None:
            found.setdefault(str(clip.about["person"]), clip.frames[0])
    return list(found.values())[:count]


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("checkpoint")
    parser.add_argument("--beside", nargs="*", default=[], help="other checkpoints of ttsf")
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--people", type=int, default=8)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    portraits = portraits_of(asked.corpus, asked.people)
    table(side_by_side([asked.checkpoint, *asked.beside], portraits))


if __name__ == "__main__":
    main()
