"""Denoising diffusion: noise is added in T small steps, and taken away by a network.

Ho et al., "Denoising diffusion probabilistic models", NeurIPS 2020; Song et al., "Denoising
diffusion implicit models", ICLR 2021. The arithmetic is diffusers'; this file gives it the papers'
count of steps (1..T; diffusers counts from 0) and one loop back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

Denoiser = Callable[[Tensor, Tensor], Tensor]
"""Function that gives the noise in x_t [B, ...] at steps t [B] (1..T), shaped as x_t."""
Noise = Callable[[int], Tensor]
"""Function that gives the noise eta, shaped as x, that is added on the way back from a step t."""


class Diffusion:
    """Noise schedule of a diffusion, forwards and backwards.

    Names are DDPM's: `betas` [T] are the added variances (SDM calls them alpha), `kept` [T] the
    running products of 1 - beta.
    """

    def __init__(self, steps: int = 100, low: float = 1e-4, high: float = 0.1) -> None:
        """Variances rise in a straight line from `low` to `high` over `steps`."""
        self.steps = steps
        betas = np.linspace(low, high, steps)
        self._scheduler: Any = _scheduler(betas)
        self.betas: Tensor = self._scheduler.betas
        self.kept: Tensor = self._scheduler.alphas_cumprod

    def corrupt(self, x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """x_t = sqrt(kept_t) x0 + sqrt(1 - kept_t) noise, for steps `t` [B] in 1..T."""
        out: Tensor = self._scheduler.add_noise(x0, noise, t - 1)
        return out

    def loss(self, denoiser: Denoiser, x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """Absolute error of the predicted noise, element by element [B, ...]."""
        return (noise - denoiser(self.corrupt(x0, noise, t), t)).abs()

    def back(self, denoiser: Denoiser, x: Tensor, start: int, noise: Noise | None = None) -> Tensor:
        """From x_start [B, ...] to x_0, one step at a time: exactly `start` calls of the denoiser.

        Each step x_{t-1} = (x_t - beta_t / sqrt(1 - kept_t) eps) / sqrt(1 - beta_t) + sigma_t eta,
        sigma_t^2 = beta_t (1 - kept_{t-1}) / (1 - kept_t), so no noise is added in the last (DDPM,
        which is DDIM with eta 1). `noise` gives eta for a step; without it sigma is 0 and the step
        is DDIM's, which returns x_0 exactly where the noise is known.
        """
        self._scheduler.set_timesteps(self.steps)
        for t in range(start, 0, -1):
            eps = denoiser(x, torch.full((len(x),), t, device=x.device))
            how = {} if noise is None else {"eta": 1.0, "variance_noise": noise(t)}
            x = self._scheduler.step(eps, t - 1, x, **how).prev_sample
        return x

    def quick(self, denoiser: Denoiser, x: Tensor, calls: int) -> Tensor:
        """From pure noise x_T to x_0 in `calls` DDIM steps, evenly spaced."""
        self._scheduler.set_timesteps(calls)
        for t in self._scheduler.timesteps.tolist():
            eps = denoiser(x, torch.full((len(x),), t + 1, device=x.device))
            x = self._scheduler.step(eps, t, x).prev_sample
        return x


def _scheduler(betas: np.ndarray) -> Any:
    """Diffusers' scheduler for these variances, with nothing clipped."""
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    return DDIMScheduler(
        len(betas), trained_betas=betas, clip_sample=False, timestep_spacing="trailing"
    )
