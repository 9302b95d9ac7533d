"""Monotonic alignment search against trying every way, and the expansion by its result."""

from __future__ import annotations

from itertools import combinations

import torch
from torch import Tensor

from vivavoce.speak.alignment import align, expand


def best_by_trying(scores: Tensor) -> list[int]:
    """Durations of the best of all monotonic ways through scores [L, T]."""
    tokens, frames = scores.shape
    best, found = -torch.inf, []
    for cuts in combinations(range(1, frames), tokens - 1):
        bounds = [0, *cuts, frames]
        total = sum(
            float(scores[k, bounds[k] : bounds[k + 1]].double().sum()) for k in range(tokens)
        )
        if total > best:
            best, found = total, [bounds[k + 1] - bounds[k] for k in range(tokens)]
    return found


def test_the_search_finds_what_trying_every_way_finds() -> None:
    rng = torch.Generator().manual_seed(0)
    for tokens, frames in ((1, 4), (2, 2), (3, 7), (4, 9), (5, 11)):
        scores = torch.randn(1, tokens, frames, generator=rng)
        found = align(scores, torch.tensor([tokens]), torch.tensor([frames]))
        assert found[0].tolist() == best_by_trying(scores[0])


def test_padding_in_a_batch_changes_nothing() -> None:
    rng = torch.Generator().manual_seed(1)
    scores = torch.randn(2, 5, 12, generator=rng)
    found = align(scores, torch.tensor([5, 3]), torch.tensor([12, 8]))
    assert found[0].tolist() == best_by_trying(scores[0])
    assert found[1].tolist() == [*best_by_trying(scores[1, :3, :8]), 0, 0]


def test_scores_that_are_not_numbers_stay_within_the_tokens() -> None:
    scores = torch.full((1, 5, 12), torch.nan)
    found = align(scores, torch.tensor([5]), torch.tensor([12]))
    assert found.min() >= 0
    assert found.sum() == 12


def test_expanded_rows_are_as_long_as_their_durations_say() -> None:
    rows = torch.arange(3.0)[None, :, None] + 1
    out = expand(rows, torch.tensor([[2, 0, 3]]), 7)
    assert out[0, :, 0].tolist() == [1, 1, 3, 3, 3, 0, 0]


def test_rows_learn_through_the_expansion() -> None:
    rows = torch.ones(1, 2, 1, requires_grad=True)
    expand(rows, torch.tensor([[1, 4]]), 6).sum().backward()
    assert rows.grad is not None
    assert rows.grad[0, :, 0].tolist() == [1, 4]
