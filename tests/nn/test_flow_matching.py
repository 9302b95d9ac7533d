"""Paths, fields and Euler steps against their closed forms."""

from __future__ import annotations

import pytest
import torch

from vivavoce.nn.flow_matching import SIGMA_MIN, flow_loss, path, solve, velocity


def pair() -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    return torch.randn(3, 5, 2, generator=rng), torch.randn(3, 5, 2, generator=rng)


def test_a_path_begins_in_noise_and_ends_in_data() -> None:
    x0, x1 = pair()
    assert torch.equal(path(x0, x1, torch.zeros(3)), x0)
    torch.testing.assert_close(path(x0, x1, torch.ones(3)) - x1, SIGMA_MIN * x0, atol=1e-6, rtol=0)


def test_the_velocity_is_the_paths_derivative_at_every_time() -> None:
    x0, x1 = (x.double() for x in pair())
    for t in (0.1, 0.5, 0.9):
        here, there = (
            path(x0, x1, torch.full((3,), t + d, dtype=torch.double)) for d in (-1e-4, 1e-4)
        )
        torch.testing.assert_close((there - here) / 2e-4, velocity(x0, x1), atol=1e-8, rtol=0)


@pytest.mark.parametrize("steps", [1, 2, 7, 50])
def test_a_true_field_carries_euler_to_the_end_in_any_number_of_steps(steps: int) -> None:
    x0, x1 = pair()
    end = solve(lambda x, t: velocity(x0, x1), x0, steps)
    torch.testing.assert_close(end, path(x0, x1, torch.ones(3)), atol=1e-5, rtol=0)


def test_euler_follows_a_field_that_bends() -> None:
    start = torch.ones(2, 1, 1)
    end = solve(lambda x, t: x, start, 1000)  # dx/dt = x
    torch.testing.assert_close(end, start * torch.e, atol=2e-3, rtol=0)


def test_times_run_from_zero() -> None:
    seen: list[float] = []

    def field(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        seen.append(float(t[0]))
        return x

    solve(field, torch.zeros(2, 1, 1), 4)
    assert seen == [0.0, 0.25, 0.5, 0.75]


def test_the_loss_is_zero_for_the_true_field_and_counts_only_what_is_there() -> None:
    x0, x1 = pair()
    t = torch.tensor([0.2, 0.5, 0.8])
    assert flow_loss(lambda x, t: velocity(x0, x1), x1, x0, t) == 0
    mask = torch.zeros(3, 5, dtype=torch.bool)
    mask[:, :2] = True
    off = velocity(x0, x1) + 1.0
    off[:, 2:] = 99.0
    assert flow_loss(lambda x, t: off, x1, x0, t, mask) == pytest.approx(1.0, rel=1e-5)
