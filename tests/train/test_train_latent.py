"""The latent base, trained: how its autoencoder begins, and what it is shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from vivavoce.data.shards import open_set
from vivavoce.nn.latent import TINY, LatentBase
from vivavoce.train.latent.components import begin_as_components
from vivavoce.train.latent.training import MESHES, picture_sample
from vivavoce.train.read.windows import Windows


@pytest.fixture(scope="module")
def pictures(corpus_128: Path) -> torch.Tensor:
    """Pictures [24, 3, 128, 128] of corpus people."""
    windows = Windows(open_set(corpus_128), "train", 1)
    rng = np.random.default_rng(0)
    some = [picture_sample(w.clip, w.start, 128, rng) for w in
            (windows.draw(rng) for _ in range(24))]  # fmt: skip
    return torch.stack([sample["picture"] for sample in some])


def linear_error(pictures: torch.Tensor, count: int) -> float:
    """Mean squared error of the best linear code of squares of 8 px."""
    squares = F.pixel_unshuffle(pictures, 8).movedim(1, -1).flatten(0, 2)
    _, sizes, _ = torch.linalg.svd(squares - squares.mean(0), full_matrices=False)
    return float(sizes[count:].square().sum() / squares.numel())


def test_the_autoencoder_begins_as_the_best_linear_one(pictures: torch.Tensor) -> None:
    torch.manual_seed(0)
    base = LatentBase(TINY).eval()
    with torch.no_grad():
        before = F.mse_loss(base.decode(base.encode(pictures)), pictures).item()
        begin_as_components(base, pictures)
        after = F.mse_loss(base.decode(base.encode(pictures)), pictures).item()
        assert base.posterior(pictures).std.max() < 0.05
    best = linear_error(pictures, TINY.latent_channels)
    assert best < after < 2 * best < before / 10


def test_some_of_what_it_sees_are_meshes_and_mouths_are_marked(corpus_128: Path) -> None:
    windows = Windows(open_set(corpus_128), "train", 1)
    clip, found = windows.clip(0), 0
    for seed in range(60):
        sample = picture_sample(clip, 5, 128, np.random.default_rng(seed))
        found += bool((sample["picture"][:, :4] == -1).all())  # black around the mesh
        assert 0.005 < sample["mouth"].mean() < 0.2
    assert 1 <= found <= 4 * MESHES * 60
