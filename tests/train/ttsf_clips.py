"""Clips that cost nothing to make, and a small TTSF, for tests of its training."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vivavoce.data.schema import Pictures, Sample
from vivavoce.data.shards import write_set, write_shard
from vivavoce.look.face478 import TO_MODEL, load
from vivavoce.systems.stage import Run, Stage, Trainable, Turn
from vivavoce.systems.ttsf.net import Learning, TtsfSettings
from vivavoce.systems.ttsf.stages import STAGES
from vivavoce.train.ttsf.training import TtsfTraining

sys.path.append(str(Path(__file__).parents[1] / "systems"))
from small_ttsf import SMALL

PHONES = ("_", "m", "aɪ", "m", "ʌ", "m", "_")
CORPUS = {"perceptual": "corpus", "identity": "corpus", "sync": "corpus"}


def clip(number: int, frames: int = 40, split: str = "train", **about: Any) -> Sample:
    """A face of coloured noise whose points move a little, with sound and phones."""
    rng = np.random.default_rng(number)
    sway = 3 * np.sin(np.arange(frames) / 5)[:, None, None]
    points = load().neutral * TO_MODEL * 16 + [32, 30, 0] + sway * [1, 0, 0]
    ends = np.linspace(0, frames / 25, len(PHONES) + 1)
    phones = [[p, a, b] for p, a, b in zip(PHONES, ends, ends[1:], strict=False)]
    middle = points[:, [13]][..., :2]
    boxes = np.concatenate([middle[:, 0] - 8, middle[:, 0] + 8], 1)
    labels = {"phones": phones} if not about else {k: v for k, v in about.items() if v}
    return Sample(
        f"c{number}",
        {"set": "test", "split": split, "person": f"p{number}", "frames": frames, "size": 64,
         "attributes": {}, **labels},
        rng.uniform(-0.1, 0.1, 640 * frames).astype(np.float32),
        Pictures.encode(rng.integers(0, 255, (frames, 64, 64, 3), np.uint8)),
        {"landmarks": points.astype(np.float32),
         "expression": rng.uniform(0, 0.3, (frames, 52)).astype(np.float32),
         "pose": rng.normal(0, 0.05, (frames, 6)).astype(np.float32),
         "gaze": np.zeros((frames, 2), np.float32), "mouth_box": boxes.astype(np.float32)},
    )  # fmt: skip


def shards(folder: Path, train: list[Sample], test: list[Sample] | None = None) -> Path:
    """A set of these clips."""
    for split, clips in (("train", train), ("test", test or [])):
        if clips:
            write_shard(folder / split / "000.tar", clips)
    write_set(folder, {"name": "test"})
    return folder


def small(preset: str, **learning: Any) -> TtsfSettings:
    """Settings of a network of a few hundred numbers, taught as the preset says."""
    own: dict[str, Any] = {}
    if preset == "tiny":
        own = {"mouth_weight": 3.0, "lip_teacher": True, "pitch_known": 0.7, "blur": 0.5}
    taught = Learning(**{**CORPUS, **own, **learning})
    return SMALL.model_copy(update={"learning": taught})


def training(preset: str = "tiny", **learning: Any) -> TtsfTraining:
    """The whole training, small."""
    torch.manual_seed(0)
    return TtsfTraining(small(preset, **learning), STAGES[preset])


def stage_of(trainable: Trainable, name: str) -> Stage:
    return next(s for s in trainable.stages if s.name == name)


def drawn(
    trainable: Trainable, stage: Stage, data: Path, count: int, seed: int = 0
) -> tuple[dict[str, Any], Turn]:
    """A batch, and the last optimiser's turn at it."""
    trainable.begin(stage, Run(data, data / "out", 0))
    samples = [trainable.draw(stage, np.random.default_rng([seed, n])) for n in range(count)]
    turn = Turn(list(stage.optimisers)[-1], 0, {}, torch.arange(count), 0)
    return trainable.collate(stage, samples), turn
