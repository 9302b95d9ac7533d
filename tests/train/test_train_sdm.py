"""SDM's `paper` preset on a processor: every stage takes a step at batch 1, and the data sheet."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from vivavoce.data.corpus.make import Recipe, make_person
from vivavoce.data.shards import write_set
from vivavoce.systems.sdm.net import PRESETS, STAGES, SdmNet
from vivavoce.systems.stage import Run, Turn, is_part
from vivavoce.train.sdm.training import SdmTraining

PAGE = Path(__file__).parents[2] / "docs" / "systems" / "sdm.md"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One person, one sentence, as large as the preset's pictures."""
    folder = tmp_path_factory.mktemp("corpus")
    make_person(folder, Recipe(5, 256, 1, 0.0, layers=False), 0)
    write_set(folder, {"name": "corpus", "people": 1})
    return folder


@pytest.fixture(scope="module")
def paper() -> SdmTraining:
    """The paper's network, in training."""
    torch.manual_seed(0)
    return SdmTraining("paper")


@pytest.mark.parametrize("number", range(4), ids=[s.name for s in STAGES["paper"]])
def test_a_paper_stage_takes_a_step_at_batch_1(
    number: int, paper: SdmTraining, corpus: Path, tmp_path: Path
) -> None:
    stage = paper.stages[number]
    paper.begin(stage, Run(corpus, tmp_path, seed=0))
    sample = paper.draw(stage, np.random.default_rng(0))
    batch = {name: value[None] for name, value in sample.items()}
    if stage.window:
        assert batch["motion"].shape == (1, 65, 136)  # 64 frames and the one before, of 68 x 2
    else:
        assert batch["reference"].shape == (1, 3, 256, 256)
    own = {n: p for n, p in paper.net.named_parameters() if is_part(n, stage.trains)}
    before = {n: p.detach().clone() for n, p in own.items()}
    (told,) = stage.optimisers.values()
    adam = torch.optim.Adam(list(own.values()), told.lr, told.betas)
    losses = paper.losses(stage, batch, Turn("adam", 0, {}, torch.tensor([0]), seed=0))
    assert set(losses) == set(stage.losses)
    torch.stack([stage.losses[name] * value for name, value in losses.items()]).sum().backward()
    adam.step()
    assert all(torch.isfinite(value) for value in losses.values())
    assert all(torch.isfinite(p).all() for p in own.values())
    moved = [n for n, p in own.items() if not torch.equal(p, before[n])]
    assert len(moved) > 0.9 * len(own)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_data_sheet_counts_the_parameters(preset: str) -> None:
    """Motion and renderer, in millions, as the page says."""
    net = SdmNet(PRESETS[preset])
    assert len(net.denoiser.layers) == {"paper": 12, "tiny": 8}[preset]
    renderer = sum(p.numel() for p in net.renderer.parameters()) / 1e6
    motion = sum(p.numel() for p in net.parameters()) / 1e6 - renderer
    line = next(x for x in PAGE.read_text("utf-8").splitlines() if x.startswith("| parameters"))
    tiny, paper = (re.findall(r"([\d.]+) M", cell) for cell in line.split("|")[2:4])
    for said, counted in zip(tiny if preset == "tiny" else paper, (motion, renderer), strict=True):
        digits = len(said.partition(".")[2])
        assert float(said) == round(counted, digits)
