"""The judges' training: what it draws, that it learns, and the plateau that it knows."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from vivavoce.errors import RequestError
from vivavoce.measure.judges.corpus import FaceJudge, SyncJudge, VoiceJudge
from vivavoce.nn.syncnet import LipSync
from vivavoce.systems.stage import Run
from vivavoce.train import train_system
from vivavoce.train.judges import ADVICE, MOST, JudgesTraining, sync_losses


def test_every_judge_is_trained_saved_and_asked(corpus_128: Path, tmp_path: Path) -> None:
    out = tmp_path / "judges"
    train_system("judges", out, corpus_128, changes=("steps=6", "batch=4"), seed=0)
    names = {p.name for p in out.glob("*.safetensors")}
    assert names == {"sync.safetensors", "face.safetensors", "feeling.safetensors",
                     "voice.safetensors"}  # fmt: skip
    face = FaceJudge(out)
    points = np.random.default_rng(0).normal(64, 20, (2, 478, 3)).astype(np.float32)
    frames = np.zeros((2, 128, 128, 3), np.uint8)
    assert face.people(frames, points).shape == (2, 2)
    assert face.emotions(frames, points).sum() == pytest.approx(1, abs=1e-5)
    assert VoiceJudge(out).embedding(np.zeros(32000, np.float32)).shape == (64,)
    still = np.repeat(points[:1], 40, 0)
    assert SyncJudge(out).distances(still, np.zeros(25600, np.float32)).shape[1] == 2 * MOST + 1


def test_the_plateau_is_recognised_and_says_what_to_check() -> None:
    training = JudgesTraining()
    stage = training.stages[0]
    late = stage.steps // 2
    assert training.watch(stage, late, {"match": 3.4, "binary": math.log(2)}) == ADVICE
    assert "25 frames" in ADVICE
    assert training.watch(stage, 5, {"binary": math.log(2)}) is None
    assert training.watch(stage, late, {"binary": 0.3}) is None
    assert training.watch(training.stages[1], late, {"age": 0.1}) is None


def test_a_network_that_says_perhaps_stands_on_the_plateau() -> None:
    class Perhaps(LipSync):
        def scores(self, seen: torch.Tensor, heard: torch.Tensor, most: int) -> torch.Tensor:
            return 0.5 * torch.ones(len(seen), 4, 2 * most + 1)

    losses = sync_losses(Perhaps(), torch.randn(2, 50, 42), torch.randn(2, 200, 80))
    assert float(losses["binary"]) == pytest.approx(math.log(2), abs=1e-5)
    assert float(losses["match"]) == pytest.approx(math.log(2 * MOST + 1), abs=1e-5)


def test_it_asks_for_a_corpus(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="--data"):
        train_system("judges", tmp_path / "x", None, changes=("steps=2",))


def test_clips_that_are_too_short_for_a_later_stage_are_refused_first(
    corpus_128: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judges = JudgesTraining()
    monkeypatch.setattr("vivavoce.train.judges._WIDE", 5000)
    run = Run(corpus_128, tmp_path, 0)
    judges.check(judges.stages[1:], run)
    with pytest.raises(RequestError, match="no clip of 5001 frames"):
        judges.check(judges.stages[::-1], run)
