"""SDM's motion on corpus people that it was not trained on: samplers, k, ablations, seeds.

    python scripts/claims_sdm.py CHECKPOINT --corpus SHARDS [--clips 24]

Landmarks only, so that no renderer stands between the motion and its measure: mouth LMD and the lip
gap's correlation with the truth, movement and trembling of the head, time. Three seeds of a clip.
Prints Markdown; intervals are 95 % bootstraps over clips.
"""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path
from time import perf_counter

import numpy as np
import torch

from claims_ttsf_face import less, table
from vivavoce.data.schema import Sample
from vivavoce.data.shards import open_set
from vivavoce.listen.mel import log_mel
from vivavoce.listen.prosody import prosody
from vivavoce.measure.metrics.face import lmd
from vivavoce.systems.sdm.blocks import Blocks, SamplerOptions
from vivavoce.systems.sdm.net import SdmNet, load_net
from vivavoce.train.read.windows import Clip
from vivavoce.train.sdm.samples import rest_frame
from vivavoce.types import Float, lip_gap

SEEDS = 3
NOSE = 1


def made(net: SdmNet, sample: Sample, how: SamplerOptions) -> tuple[Float, float]:
    """Landmarks [T, 478, 3] px that go on from the clip's frame at rest, and seconds for them."""
    started = perf_counter()
    blocks = Blocks(net, how)
    assert sample.samples is not None
    code = blocks(log_mel(sample.samples), prosody(sample.samples), True)
    spent = perf_counter() - started
    rest = sample.tracks["landmarks"][rest_frame(Clip(sample))]
    return net.space.landmarks(code, rest, float(sample.about["size"])), spent


def figures(true: Float, found: Float, energy: Float, side: float) -> dict[str, float]:
    """What is measured of one clip."""
    count = min(len(true), len(found))
    true, found = true[:count], found[:count]
    head = found[:, NOSE, :2]
    speed = np.linalg.norm(np.diff(head, axis=0), axis=1)
    return {
        "mouth LMD, px of 256": lmd(found, true, side),
        "lip gap, correlation": float(np.corrcoef(lip_gap(found), lip_gap(true))[0, 1]),
        "head, px of 256": float(head.std(0).mean() * 256 / side),
        "trembling, px of 256": float(np.abs(np.diff(head, 2, axis=0)).mean() * 256 / side),
        "head speed with energy, correlation": correlation(speed, energy[1:count]),
    }


def correlation(a: Float, b: Float) -> float:
    """0 where one of them stands still."""
    if min(a.std(), b.std()) < 1e-6:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def row(net: SdmNet, samples: list[Sample], how: SamplerOptions) -> list[dict[str, float]]:
    """Of each clip: means over seeds, how far seeds are apart, and time."""
    rows = []
    for sample in samples:
        marks, side = sample.tracks["landmarks"], float(sample.about["size"])
        assert sample.samples is not None
        energy = prosody(sample.samples)[:, 0]
        each, found, seconds = [], [], 0.0
        for seed in range(SEEDS):
            moved, spent = made(net, sample, SamplerOptions(how.sampler, how.k, how.without, seed))
            seconds += spent
            each.append(moved[:, NOSE, :2])
            found.append(figures(marks, moved, energy, side))
        apart = np.mean([np.abs(a - b).mean() for a in each for b in each]) * 256 / side
        means = {k: float(np.mean([f[k] for f in found])) for k in found[0]}
        means["seeds apart, px of 256"] = float(apart)
        means["s of work a second of video"] = seconds / SEEDS / sample.seconds
        rows.append(means)
    return rows


def truth(samples: list[Sample]) -> list[dict[str, float]]:
    """The clips themselves."""
    found = []
    for sample in samples:
        marks = sample.tracks["landmarks"]
        assert sample.samples is not None
        energy = prosody(sample.samples)[:, 0]
        found.append(figures(marks, marks, energy, float(sample.about["size"])))
    return found


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=24)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    net = load_net(asked.checkpoint)
    clips = open_set(asked.corpus).samples("test", ("wav", "tracks"))
    samples = list(islice((c for c in clips if len(c) >= 40), asked.clips))
    k, fast, last = net.k, net.settings.fast_k, net.settings.steps
    none: frozenset[str] = frozenset()
    rows = {"truth": truth(samples)}
    hows = {"auxiliary (k = 0)": SamplerOptions("auxiliary", 0, none, 0)}
    starts = sorted({fast // 2, fast, 2 * fast, k})
    hows |= {f"shallow, k = {n}": SamplerOptions("shallow", n, none, 0) for n in starts}
    full = f"full, T = {last}"
    hows |= {
        full: SamplerOptions("full", last, none, 0),
        "without pose": SamplerOptions("shallow", fast, frozenset({"pose"}), 0),
        "without rhythm": SamplerOptions("shallow", fast, frozenset({"rhythm"}), 0),
        "rhythm alone": SamplerOptions("auxiliary", 0, frozenset({"pose"}), 0),
        "pose alone": SamplerOptions("auxiliary", 0, frozenset({"rhythm"}), 0),
    }
    for name, how in hows.items():
        rows[name] = row(net, samples, how)
    table(rows)
    chosen = f"shallow, k = {fast}"
    short = [name for name in hows if name.startswith(("auxiliary", "shallow"))]
    for base, others in ((full, short), (chosen, ["without pose", "without rhythm", short[-1]])):
        print()
        table(less({name: rows[name] for name in (base, *others)}, base))


if __name__ == "__main__":
    main()
