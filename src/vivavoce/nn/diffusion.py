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
"""Of noisy x_t [B, ...] and steps t [B] (1..T) the noise in it."""


class Diffusion:
    """A noise schedule, forwards and backwards.

    Names are DDPM's: `betas` [T] are the added variances (SDM calls them alpha), `kept` [T] the
    running products of 1 - beta.
    """

    def __init__(self, steps: int = 100, low: float = 1e-4, high: float = 0.1) -> None:
        """Variances rise in a straight line from `low` to `high` over `steps`."""
        self.steps = steps
        betas = np.linspace(low, high, steps)
        self._ddpm, self._ddim = (_scheduler(name, betas) for name in ("DDPM", "DDIM"))
        self.betas: Tensor = self._ddpm.betas
        self.kept: Tensor = self._ddpm.alphas_cumprod

    def corrupt(self, x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """x_t = sqrt(kept_t) x0 + sqrt(1 - kept_t) noise, for steps `t` [B] in 1..T."""
        out: Tensor = self._ddpm.add_noise(x0, noise, t - 1)
        return out

    def loss(self, denoiser: Denoiser, x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """Absolute error of the predicted noise, element by element [B, ...]."""
        return (noise - denoiser(self.corrupt(x0, noise, t), t)).abs()

    def back(
        self, denoiser: Denoiser, x: Tensor, start: int,
        generator: torch.Generator | None = None, still: bool = False,
    ) -> Tensor:  # fmt: skip
        """From x_start [B, ...] to x_0, one step at a time: exactly `start` calls of the denoiser.

        Each step x_{t-1} = (x_t - beta_t / sqrt(1 - kept_t) eps) / sqrt(1 - beta_t) + sigma_t eta,
        sigma_t^2 = beta_t (1 - kept_{t-1}) / (1 - kept_t), no noise in the last. With `still`,
        sigma is 0 and the step is DDIM's, which returns x_0 exactly if the noise is known.
        """
        scheduler = self._ddim if still else self._ddpm
        scheduler.set_timesteps(self.steps)
        for t in range(start, 0, -1):
            eps = denoiser(x, torch.full((len(x),), t, device=x.device))
            x = scheduler.step(eps, t - 1, x, generator=generator).prev_sample
        return x

    def quick(self, denoiser: Denoiser, x: Tensor, calls: int) -> Tensor:
        """From pure noise x_T to x_0 in `calls` DDIM steps, evenly spaced."""
        self._ddim.set_timesteps(calls)
        for t in self._ddim.timesteps.tolist():
            eps = denoiser(x, torch.full((len(x),), t + 1, device=x.device))
            x = self._ddim.step(eps, t, x).prev_sample
        return x


def _scheduler(name: str, betas: np.ndarray) -> Any:
    """Diffusers' scheduler for these variances, with nothing clipped."""
    import diffusers

    kind = getattr(diffusers, f"{name}Scheduler")
    how = {"variance_type": "fixed_small"} if name == "DDPM" else {"set_alpha_to_one": True}
    return kind(
        len(betas), trained_betas=betas, clip_sample=False, timestep_spacing="trailing", **how
    )
