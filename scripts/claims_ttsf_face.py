"""TTSF's faces on corpus people that it was not trained on: Table 5, the normaliser, steps.

    python scripts/claims_ttsf_face.py RUN --corpus SHARDS --out FOLDER [--clips 24] [CLAIM ...]

RUN is a folder that `vivavoce train ttsf` left, or a checkpoint that ships. Ablations train the
motion half anew on it, all with the same steps and seed; a checkpoint without its `training/` lacks
the lip teacher that they learn from, so that is taught anew first, all else frozen. Lips are timed
by the clips themselves, so that made and true frames lie side by side; a tracker reads the made
pictures. Prints Markdown; intervals are 95 % bootstraps over clips.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from vivavoce.data.schema import Sample
from vivavoce.data.shards import open_set
from vivavoce.look.follow import filled
from vivavoce.look.motion_codes import hidden_mouth
from vivavoce.look.track import track_video
from vivavoce.measure.figures import bootstrap
from vivavoce.measure.judges import load_judge
from vivavoce.measure.metrics.face import lmd
from vivavoce.measure.metrics.lipsync import lse_c, lse_d, sync_score
from vivavoce.measure.metrics.motion import shake
from vivavoce.nn.pictures import as_pictures, as_tensor
from vivavoce.speak.matcha import lay_along
from vivavoce.speak.tokens import tokens_of
from vivavoce.systems.stage import Preset, Stage
from vivavoce.systems.ttsf.net import PRESETS, Seen, TtsfNet, TtsfSettings, load_net
from vivavoce.systems.ttsf.stages import STAGES
from vivavoce.train import train_system
from vivavoce.train.engine.checkpoint import read_state, state_file
from vivavoce.train.read.square import Sight
from vivavoce.train.read.windows import Clip
from vivavoce.train.ttsf.face import REACH
from vivavoce.train.ttsf.training import TtsfTraining
from vivavoce.types import Bytes, Float, lip_gap

AT_ONCE = 16
STEPS = (1, 2, 4, 10, 50)
SEEDS = 3
POSE = 6
"""The first amounts of E_m: yaw, pitch, roll, shifts."""
GENERATOR, MOTION = (
    next(s for s in STAGES["tiny"] if s.name == n) for n in ("generator", "motion")
)
TEACHER = replace(
    GENERATOR, losses={"rec": 1.0, "lips": 20.0}, steps=300, ema=0.99,
    optimisers={"teacher": replace(GENERATOR.optimisers["generator"], trains=("lip_teacher",))},
)  # fmt: skip
"""The stage `generator`, but that G stands still."""
HEARD = {
    "e_t": ("embedding",),
    "e_t, f~_t": ("embedding", "feature"),
    "e_t, f~_t, energy": ("embedding", "feature", "energy"),
}


def with_teacher(run: Path, corpus: Path, out: Path) -> Path:
    """The run, or one in `out` in which a lip teacher has learnt to steer its G."""
    if state_file(run).is_file():
        return run

    if not state_file(out).is_file():
        weights = load_net(run).state_dict()
        train_system(beginning(weights, PRESETS["tiny"], TEACHER), out, corpus, seed=0)
    return out


def beginning(
    weights: dict[str, Tensor], settings: TtsfSettings, stage: Stage
) -> type[TtsfTraining]:
    """TTSF's training of one stage alone, that begins with `weights`."""

    class Beginning(TtsfTraining):
        presets: ClassVar = {"tiny": Preset(settings, (stage,))}

        def __init__(self, settings: TtsfSettings, stages: Sequence[Stage]) -> None:
            super().__init__(settings, stages)
            self.network.load_state_dict(ours(weights, self.network))

    return Beginning


def ours(weights: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Those of the network's own weights, replaced by `weights` of the same name where there are
    any outside the vocoder, which may be folded and says nothing here."""
    own = network.state_dict()
    kept = {k: v for k, v in weights.items() if k in own and not k.startswith("vocoder.")}
    return own | kept


def motion_half(run: Path, corpus: Path, out: Path, settings: TtsfSettings, steps: int) -> TtsfNet:
    """The run's network with a motion half of other `settings`, trained by its own stage."""
    run_or_taught = with_teacher(run, corpus, out.with_name("teacher"))

    if not (out / "vocoder.safetensors").is_file():
        fresh = ("audio_mapper.", "normaliser.", "prior.", "sampler.")
        weights = read_state(run_or_taught).network
        held = {k: v for k, v in weights.items() if not k.startswith(fresh)}
        stage = MOTION if settings.normalised else without_normaliser(MOTION)
        made = beginning(held, settings, replace(stage, steps=steps))
        train_system(made, out, corpus, seed=0)
        for part in ("acoustic", "vocoder"):
            shutil.copy(run / f"{part}.safetensors", out / f"{part}.safetensors")
    return load_net(out)


def without_normaliser(stage: Stage) -> Stage:
    """The stage for a sampler that draws f_m itself: nothing else to train."""
    kept = {
        name: replace(o, trains=tuple(p for p in o.trains if p != "normaliser"))
        for name, o in stage.optimisers.items()
    }
    return replace(stage, optimisers=kept)


@dataclass
class Case:
    """A clip of the test split, seen by one network that the variants share but for its lips."""

    sample: Sample
    net: TtsfNet

    @cached_property
    def sight(self) -> Sight:
        """Its square, by the first frame."""
        return Sight.of(Clip(self.sample), 0, self.net.settings.size)

    @cached_property
    def pictures(self) -> Tensor:
        """[T, 3, S, S] in -1..1."""
        return as_tensor(self.sight.pictures(range(len(self.sample))))

    @cached_property
    def source(self) -> Seen:
        """The first frame."""
        with torch.no_grad():
            return self.net.see(self.pictures[:1])

    @cached_property
    def f_m(self) -> Tensor:
        """The true motion [T, D]."""
        boxes = torch.from_numpy(self.sight.mouths(range(len(self.sample))))
        hidden = hidden_mouth(self.pictures, boxes)
        with torch.no_grad():
            return torch.cat([self.net.see(part).f_m for part in hidden.split(AT_ONCE)])

    @cached_property
    def true(self) -> Float:
        """The tracker's points [T, 478, 3] px."""
        return self.sight.points(range(len(self.sample)))

    @torch.no_grad()
    def lips(self, net: TtsfNet) -> Tensor:
        """f_lip [T, D] by a variant, timed by the clip."""
        ids = torch.from_numpy(tokens_of([p[0] for p in self.sample.about["phones"]], "").ids)
        mel = net.acoustic.normalised(torch.from_numpy(Clip(self.sample).mel)[None])
        counts = torch.tensor([len(ids)]), torch.tensor([mel.shape[1]])
        said = lay_along(net.acoustic, ids[None], counts[0], mel, counts[1], self.source.f_id)
        start = torch.zeros(1, dtype=torch.long)
        return net.hear(said.embedding, said.feature, counts[1], start, len(self.sample))[0]

    @torch.no_grad()
    def made(self, f_m: Tensor, f_lip: Tensor) -> Bytes:
        """Pictures [T, S, S, 3]."""
        parts = zip(f_m.split(AT_ONCE), f_lip.split(AT_ONCE), strict=True)
        return np.concatenate([as_pictures(self.net.render(self.source, m, p)) for m, p in parts])


def tracked(pictures: Bytes) -> Float | None:
    """The points [T, 478, 3] px of made pictures; None where a face is seen in too few."""
    found = list(track_video(pictures))
    seen = np.array([points is not None for points in found])
    return filled(found, seen) if seen.mean() > 0.8 else None


def in_sync(points: Float, samples: Float, pictures: Bytes) -> dict[str, float]:
    """LSE by the sync judge."""
    curve = load_judge("sync").distances(points, samples, pictures).mean(0)
    return {"LSE-D": lse_d(curve), "LSE-C": lse_c(curve), "sync score": sync_score(curve)}


def lips_against(case: Case, pictures: Bytes) -> dict[str, float]:
    """How well made lips are the clip's."""
    points = tracked(pictures)
    if points is None:
        return {}
    assert case.sample.samples is not None
    gap = np.corrcoef(lip_gap(points), lip_gap(case.true))[0, 1]
    return {
        "mouth LMD, px of 256": lmd(points, case.true, pictures.shape[1]),
        "lip gap, correlation": float(gap),
    } | in_sync(points, case.sample.samples, pictures)


def table_5(cases: Sequence[Case], nets: dict[str, TtsfNet]) -> dict[str, list[dict[str, float]]]:
    """What the mapper hears; the truth and a mouth that rests around it."""
    rows: dict[str, list[dict[str, float]]] = {
        "the clip itself": [lips_against(c, as_pictures(c.pictures)) for c in cases]
    }
    for name, net in nets.items():
        rows[name] = [lips_against(c, c.made(c.f_m, c.lips(net))) for c in cases]
    rows["lips at their mean"] = [
        lips_against(c, c.made(c.f_m, c.lips(net).mean(0).expand_as(c.f_m))) for c in cases
    ]
    return rows


def shaking(f_m: Tensor, net: TtsfNet) -> dict[str, float]:
    """Head movement of codes [T, D], in deviations of the corpus's poses."""
    amounts = (f_m @ net.motion_codes.directions())[:, :POSE].detach().numpy() / REACH
    return {"movement": float(amounts.std(0).mean()),
            "acceleration": float(np.abs(np.diff(amounts, 2, axis=0)).mean())}  # fmt: skip


@torch.no_grad()
def drawn(case: Case, net: TtsfNet, seed: int, steps: int) -> Tensor:
    """A motion [T, D] for the clip's lips."""
    noise = torch.randn(1, len(case.f_m), net.settings.sampled,
                        generator=torch.Generator().manual_seed(seed))  # fmt: skip
    return net.move(case.source.f_m, case.lips(net)[None], noise, steps)[0]


@torch.no_grad()
def regressed(case: Case, net: TtsfNet) -> Tensor:
    """The prior's mean alone: a deterministic regressor of motion."""
    return net.normaliser.decode(net.prior(case.source.f_m, case.lips(net)[None]))[0]


def normaliser(
    cases: Sequence[Case], nets: dict[str, TtsfNet]
) -> dict[str, list[dict[str, float]]]:
    """Sampling through the normaliser, sampling f_m, the regressor, the truth."""
    rows = {"the clips' f_m": [shaking(c.f_m, c.net) for c in cases]}
    for name, net in nets.items():
        rows[name] = []
        for case in cases:
            f_m = drawn(case, net, 0, 10)
            points = tracked(case.made(f_m, case.lips(net)))
            shown = {} if points is None else {"jitter of the picture": shake(points)}
            rows[name].append(shaking(f_m, case.net) | shown)
    rows["the prior's mean"] = [shaking(regressed(c, c.net), c.net) for c in cases]
    return rows


def by_steps(cases: Sequence[Case]) -> dict[str, list[dict[str, float]]]:
    """The motion sampler's Euler steps."""
    rows: dict[str, list[dict[str, float]]] = {}
    for case in cases:
        best = drawn(case, case.net, 0, STEPS[-1])
        for steps in STEPS:
            start = perf_counter()
            f_m = drawn(case, case.net, 0, steps)
            spent = perf_counter() - start
            rows.setdefault(str(steps), []).append(
                shaking(f_m, case.net)
                | {"off 50 steps, of its deviation": float((f_m - best).std() / best.std()),
                   "s a second": spent / case.sample.seconds}
            )  # fmt: skip
    return rows


def table(rows: dict[str, list[dict[str, float]]]) -> None:
    """Print rows with their intervals."""
    columns = list(dict.fromkeys(c for found in rows.values() for f in found for c in f))
    print("| | " + " | ".join(columns) + " |\n|---|" + "---|" * len(columns))
    for name, found in rows.items():
        print(f"| {name} | " + " | ".join(
            cell([f[c] for f in found if np.isfinite(f.get(c, np.nan))]) for c in columns
        ) + " |", flush=True)  # fmt: skip


def less(rows: dict[str, list[dict[str, float]]], base: str) -> dict[str, list[dict[str, float]]]:
    """The other rows less `base`, clip by clip."""
    return {
        f"{name}, less {base}": [
            {k: v - b[k] for k, v in f.items() if k in b}
            for f, b in zip(found, rows[base], strict=True)
        ]
        for name, found in rows.items() if name != base
    }  # fmt: skip


def cell(values: Sequence[float]) -> str:
    """The mean and its 95 % interval over clips."""
    if not values:
        return "-"
    mean = f"{np.mean(values):.3g}"
    interval = bootstrap([np.array([v]) for v in values], lambda v: float(np.mean(v)))
    return mean if interval is None else f"{mean} ({interval[0]:.3g} to {interval[1]:.3g})"


CLAIMS = ("mapper", "normaliser", "steps")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("run", type=Path)
    parser.add_argument("claims", nargs="*", choices=[*CLAIMS, []])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--steps", type=int, default=600, help="of each ablation's training")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    net = load_net(asked.run)
    clips = open_set(asked.corpus).samples("test", ("wav", "frames", "tracks"))
    long_enough = (c for c in clips if 40 <= len(c) <= 120 and c.about.get("phones"))
    cases = [Case(c, net) for c in islice(long_enough, asked.clips)]
    tiny = PRESETS["tiny"]

    def variant(name: str, **changes: Any) -> TtsfNet:
        settings = tiny.model_copy(update=changes)
        return motion_half(asked.run, asked.corpus, asked.out / name, settings, asked.steps)

    for claim in asked.claims or CLAIMS:
        print(f"\n## {claim}, {len(cases)} clips\n")
        if claim == "mapper":
            nets = {n: variant(f"hears-{len(h)}", mapper_hears=h) for n, h in HEARD.items()}
            rows = table_5(cases, nets)
            table(rows)
            print()
            table(less({name: rows[name] for name in HEARD}, "e_t"))
        elif claim == "normaliser":
            pairs = {"through the normaliser": variant("hears-3"),
                     "f_m directly": variant("direct", normalised=False)}  # fmt: skip
            table(normaliser(cases, pairs))
        else:
            table(by_steps(cases))


if __name__ == "__main__":
    main()
