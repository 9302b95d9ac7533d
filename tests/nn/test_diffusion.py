"""The schedule against the closed form, and a way back that is exact when the noise is known."""

from __future__ import annotations

import pytest
import torch

from vivavoce.nn.diffusion import Diffusion


def test_many_small_steps_are_the_closed_form() -> None:
    rng = torch.Generator().manual_seed(0)
    diffusion = Diffusion(100)
    x0 = torch.full((20000,), 2.0)
    x = x0.clone()
    for t in range(1, 41):  # x_t = sqrt(1 - beta) x_{t-1} + sqrt(beta) noise
        beta = diffusion.betas[t - 1]
        x = (1 - beta).sqrt() * x + beta.sqrt() * torch.randn(20000, generator=rng)
    kept = diffusion.kept[39]
    assert float(x.mean()) == pytest.approx(float(kept.sqrt() * 2), abs=0.02)
    assert float(x.var()) == pytest.approx(float(1 - kept), abs=0.02)
    t = torch.full((20000,), 40)
    y = diffusion.corrupt(x0, torch.randn(20000, generator=rng), t)
    assert float(y.mean()) == pytest.approx(float(x.mean()), abs=0.03)
    assert float(y.var()) == pytest.approx(float(x.var()), abs=0.03)


def test_what_is_kept_falls_to_nearly_nothing() -> None:
    kept = Diffusion(100, 1e-4, 0.1).kept
    assert (kept[1:] < kept[:-1]).all()
    assert kept[-1] < 0.01


@pytest.mark.parametrize("start", [1, 17, 100])
def test_known_noise_leads_back_exactly(start: int) -> None:
    rng = torch.Generator().manual_seed(1)
    diffusion = Diffusion(100)
    x0 = torch.randn(2, 7, 3, generator=rng)
    x = diffusion.corrupt(x0, torch.randn(2, 7, 3, generator=rng), torch.full((2,), start))

    def oracle(x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        kept = diffusion.kept[t - 1].view(-1, 1, 1)
        return (x_t - kept.sqrt() * x0) / (1 - kept).sqrt()

    torch.testing.assert_close(diffusion.back(oracle, x, start), x0, atol=1e-4, rtol=0)


def test_one_step_back_is_the_papers() -> None:
    rng = torch.Generator().manual_seed(2)
    diffusion = Diffusion(100)
    x, eps = torch.randn(1, 4, 2, generator=rng), torch.randn(1, 4, 2, generator=rng)
    seen: list[int] = []

    def denoiser(x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        seen.append(int(t[0]))
        return eps

    out = diffusion.back(denoiser, x, 1, lambda t: torch.randn_like(x))
    beta, kept = diffusion.betas[0], diffusion.kept[0]
    expected = (x - beta / (1 - kept).sqrt() * eps) / (1 - beta).sqrt()  # no noise in the last step
    torch.testing.assert_close(out, expected, atol=1e-5, rtol=0)
    diffusion.back(denoiser, x, 5, lambda t: torch.randn_like(x))
    assert seen == [1, 5, 4, 3, 2, 1]


def test_noise_on_the_way_has_the_papers_variance() -> None:
    diffusion = Diffusion(100)
    x = torch.zeros(40000, 1)

    def silent(x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(x_t)

    rng = torch.Generator().manual_seed(0)
    out = diffusion.back(silent, x, 2, lambda t: torch.randn(x.shape, generator=rng))
    beta, kept = diffusion.betas.double(), diffusion.kept.double()
    sigma2 = beta[1] * (1 - kept[0]) / (1 - kept[1])
    expected = sigma2 / (1 - beta[0])  # the last step divides by sqrt(1 - beta_1)
    assert float(out.var()) == pytest.approx(float(expected), rel=0.03)


def test_quick_takes_as_many_calls_as_asked() -> None:
    calls: list[int] = []

    def denoiser(x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        calls.append(int(t[0]))
        return torch.zeros_like(x_t)

    Diffusion(100).quick(denoiser, torch.randn(1, 3), 10)
    assert len(calls) == 10
    assert calls == sorted(calls, reverse=True)
    assert calls[0] == 100
