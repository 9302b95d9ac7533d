"""Losses of makers and critics against their formulas, penalties against known slopes."""

from __future__ import annotations

import math

import pytest
import torch

from vivavoce.nn.gan import (
    critic_loss,
    feature_matching,
    hinge_critic_loss,
    least_squares_critic_loss,
    least_squares_maker_loss,
    maker_loss,
    r1,
)


def test_logistic_losses_are_cross_entropies() -> None:
    true, made = torch.tensor([0.3, -1.2]), torch.tensor([0.8, 0.1])
    wanted = sum(-math.log(1 / (1 + math.exp(-v))) for v in (0.3, -1.2)) / 2
    wanted += sum(-math.log(1 - 1 / (1 + math.exp(-v))) for v in (0.8, 0.1)) / 2
    assert float(critic_loss(true, made)) == pytest.approx(wanted, rel=1e-5)
    fooled = sum(-math.log(1 / (1 + math.exp(-v))) for v in (0.8, 0.1)) / 2
    assert float(maker_loss(made)) == pytest.approx(fooled, rel=1e-5)


def test_a_maker_learns_even_where_it_is_found_out() -> None:
    made = torch.tensor([-20.0], requires_grad=True)
    maker_loss(made).backward()
    assert float(made.grad) == pytest.approx(-1.0, abs=1e-6)  # the minimax form would give 0


def test_hinge_and_least_squares() -> None:
    true, made = torch.tensor([2.0, 0.5]), torch.tensor([-2.0, 0.5])
    assert float(hinge_critic_loss(true, made)) == pytest.approx(0.25 + 0.75)
    assert float(least_squares_critic_loss(true, made)) == pytest.approx(0.625 + 2.125)
    assert float(least_squares_maker_loss(made)) == pytest.approx((9 + 0.25) / 2)


def test_r1_is_the_squared_slope_of_a_linear_critic() -> None:
    weight = torch.tensor([[3.0], [4.0]])
    assert float(r1(lambda x: x @ weight, torch.randn(5, 2))) == pytest.approx(25.0)


def test_r1_trains_the_critic() -> None:
    weight = torch.nn.Parameter(torch.tensor([[3.0], [4.0]]))
    r1(lambda x: x @ weight, torch.randn(5, 2)).backward()
    torch.testing.assert_close(weight.grad, 2 * weight.detach())


def test_features_are_matched_layer_by_layer_without_training_the_true_side() -> None:
    a, b = torch.ones(2, 3, requires_grad=True), torch.zeros(2, 3, requires_grad=True)
    loss = feature_matching([a, a], [b, b + 2])
    assert float(loss.detach()) == pytest.approx(2.0)
    loss.backward()
    assert a.grad is None
    assert b.grad is not None
