"""Contrastive losses against sums written out."""

from __future__ import annotations

import math

import pytest
import torch

from vivavoce.nn.contrast import arcface, info_nce


def test_info_nce_is_the_sum_written_out() -> None:
    torch.manual_seed(0)
    a, b = torch.randn(4, 6), torch.randn(4, 6)
    total = 0.0
    for i in range(4):
        cosines = [float(a[i] @ b[j] / a[i].norm() / b[j].norm()) / 0.1 for j in range(4)]
        total -= cosines[i] - math.log(sum(math.exp(c) for c in cosines))
    assert float(info_nce(a, b, 0.1)) == pytest.approx(total / 4, rel=1e-5)
    both = (info_nce(a, b, 0.1) + info_nce(b, a, 0.1)) / 2
    torch.testing.assert_close(info_nce(a, b, 0.1, both=True), both)


def test_twins_are_near_and_length_does_not_matter() -> None:
    torch.manual_seed(0)
    a = torch.randn(4, 32)
    assert info_nce(a, 5 * a, 0.05) < 0.01
    torch.testing.assert_close(info_nce(a, a + 0.1), info_nce(3 * a, a + 0.1))


def test_arcface_is_the_formula() -> None:
    cosines = torch.tensor([[0.7, 0.2, -0.3], [0.1, -0.5, 0.4]])
    labels = torch.tensor([0, 2])
    total = 0.0
    for row, own in zip(cosines.tolist(), labels.tolist(), strict=True):
        logits = [30 * c for c in row]
        logits[own] = 30 * math.cos(math.acos(row[own]) + 0.5)
        top = max(logits)
        total -= logits[own] - top - math.log(sum(math.exp(v - top) for v in logits))
    assert float(arcface(cosines, labels)) == pytest.approx(total / 2, rel=1e-4)


def test_without_margin_it_is_a_cross_entropy() -> None:
    cosines, labels = torch.rand(5, 3) - 0.5, torch.tensor([0, 1, 2, 1, 0])
    plain = torch.nn.functional.cross_entropy(30 * cosines, labels)
    torch.testing.assert_close(arcface(cosines, labels, margin=0.0), plain)


def test_past_pi_it_still_falls() -> None:
    def loss(cosine: float) -> float:
        return float(arcface(torch.tensor([[cosine, 0.0]]), torch.tensor([0])))

    losses = [loss(c) for c in (-0.85, -0.9, -0.95, -0.999)]
    assert losses == sorted(losses)


def test_two_modalities_share_centroids() -> None:
    """Faces and voices that are pulled to the same centroids come together, where there are more
    people than directions (with room to spare they may stay apart)."""
    torch.manual_seed(0)
    faces, voices, centroids = (torch.nn.Parameter(torch.randn(16, 4)) for _ in range(3))
    unit = torch.nn.functional.normalize
    labels = torch.arange(16)
    optimiser = torch.optim.Adam([faces, voices, centroids], 0.05)
    for _ in range(300):
        loss = sum(arcface(unit(x) @ unit(centroids).T, labels, 0.2, 16.0) for x in (faces, voices))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    near = unit(faces) @ unit(voices).T
    assert torch.equal(near.argmax(1), labels)
    assert float(near.detach().diagonal().mean()) > 0.8
