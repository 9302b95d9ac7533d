"""Trains a packed recipe on a bare GPU machine, within its minutes; see scripts/train_gpu.py.

First a corpus is made with all processor cores; then all stages are run once with a few steps,
which tells what a step of each takes here; then they are trained, with the preset's steps times
the factor that fills the time that is left. The checkpoint goes to --out.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TRIAL_STEPS, WARM = 30, 10
"""Steps of the trial of each stage, and how many of them are not timed."""
FILLED = 0.85
"""Share of the time left that the training is planned to take."""
MOST_FACTOR = 4.0
"""Times the preset's steps that are enough."""


def main() -> None:
    begun = time.monotonic()
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=Path("out"))
    out = parser.parse_args().out
    recipe = json.loads((HERE / "recipe.json").read_text())
    end = begun + 60 * recipe["minutes"]
    import torch

    import vivavoce
    from vivavoce.data.corpus.make import make_corpus

    if HERE not in Path(vivavoce.__file__).parents:
        sys.exit(f"vivavoce is not the packed one: {vivavoce.__file__}")
    gpu = torch.cuda.is_available()
    print(f"torch {torch.__version__} on {torch.cuda.get_device_name() if gpu else 'the CPU'}")
    work = Path(tempfile.mkdtemp())
    make_corpus(
        work / "corpus", recipe["people"], recipe["clips"], 0, recipe["size"],
        workers=os.cpu_count() or 1, layers=False, video=False,
    )  # fmt: skip
    print(f"corpus: {time.monotonic() - begun:.0f} s", flush=True)
    precision = "bf16" if gpu else "32"
    if "steps" in recipe:
        changes = [f"steps={recipe['steps']}"]
    else:
        changes = fitting(recipe, work, precision, end)
    made = work / recipe["system"]
    train(recipe, made, work, precision, changes)
    bring(made, out)
    print(f"done after {time.monotonic() - begun:.0f} s", flush=True)


def train(
    recipe: dict[str, Any], made: Path, work: Path, precision: str, changes: list[str]
) -> None:
    """The recipe's stages, with its settings and `changes`."""
    from vivavoce.train import train_system

    for stage in stages_of(recipe):
        chosen = (*recipe["changes"], *changes)
        mine = [c for c in chosen if "." not in c or c.startswith(f"{stage.name}.")]
        train_system(
            recipe["system"], made, work / "corpus", stage=stage.name, seed=0,
            precision=precision, changes=mine, resume=made.exists(),
        )  # fmt: skip


def stages_of(recipe: dict[str, Any]) -> list[Any]:
    """The stages of the preset "tiny" that the recipe trains."""
    from vivavoce.train import trainable_of

    kind = trainable_of(recipe["system"])
    of: Any = kind.presets["tiny"] if kind.presets else kind()
    return [stage for stage in of.stages if stage.name not in recipe.get("without", ())]


def fitting(recipe: dict[str, Any], work: Path, precision: str, end: float) -> list[str]:
    """Steps of every stage that fit until `end`: a trial of all stages times their steps."""
    from vivavoce.train import trainable_of

    times: dict[str, list[float]] = {}
    kind = trainable_of(recipe["system"])
    watch = kind.watch

    def timed(self: Any, stage: Any, step: int, losses: Any) -> None:
        times.setdefault(stage.name, []).append(time.monotonic())

    start = time.monotonic()
    kind.watch = timed  # type: ignore[method-assign]
    train(recipe, work / "trial", work, precision, [f"steps={TRIAL_STEPS}"])
    kind.watch = watch  # type: ignore[method-assign]
    step_s = {name: (t[-1] - t[WARM]) / (len(t) - 1 - WARM) for name, t in times.items()}
    preset = {stage.name: stage.steps for stage in stages_of(recipe)}
    around = time.monotonic() - start - sum(s * TRIAL_STEPS for s in step_s.values())
    needed = sum(step_s[name] * preset[name] for name in preset)
    factor = min(MOST_FACTOR, (end - time.monotonic() - around) * FILLED / needed)
    if factor <= 0:
        sys.exit("No time is left to train: the corpus and the trial took it all.")
    chosen = {name: max(1, int(factor * preset[name])) for name in preset}
    for name, steps in chosen.items():
        print(
            f"{name}: {1 / step_s[name]:.1f} steps/s, {steps} steps ({preset[name]} in the preset)"
        )
    print(f"factor {factor:.2f}; around the steps {around:.0f} s", flush=True)
    return [f"{name}.steps={steps}" for name, steps in chosen.items()]


def bring(made: Path, out: Path) -> None:
    """Copy what comes back: the checkpoint, the losses, the last strip; not the run's state."""
    out.mkdir(parents=True, exist_ok=True)
    for path in made.iterdir():
        if path.is_file():
            shutil.copy(path, out)
    losses = (made / "training/losses.jsonl").read_bytes()
    (out / "losses.jsonl.gz").write_bytes(gzip.compress(losses))
    strips = sorted((made / "training/strips").glob("*.png"), key=lambda p: p.stat().st_mtime)
    if strips:
        shutil.copy(strips[-1], out)


if __name__ == "__main__":
    main()
