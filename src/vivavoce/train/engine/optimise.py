"""Optimisers, their learning rates over time, and the running mean of weights."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from vivavoce.systems.stage import Optimiser, is_part
from vivavoce.train.engine.freezing import trained_by
from vivavoce.train.engine.sharding import like

HALVED = 1000
"""Steps after which the schedule "halving" halves the rate."""


def build(optimiser: Optimiser, network: nn.Module) -> AdamW:
    """The optimiser over its parts of `network`."""
    return AdamW(
        trained_by(network, optimiser),
        lr=optimiser.lr,
        betas=optimiser.betas,
        weight_decay=optimiser.weight_decay,
    )


def schedule(optimiser: Optimiser, adam: AdamW, steps: int) -> LRScheduler:
    """The learning rate of `adam` over `steps`, as the optimiser's settings ask for it."""
    if optimiser.schedule == "one-cycle":
        return OneCycleLR(adam, optimiser.lr, steps, pct_start=optimiser.warmup)
    # diffusers.optimization.get_scheduler has no one-cycle, and its warm-ups begin at a rate of 0.
    rising = optimiser.warmup * steps

    def factor(step: int) -> float:
        if step < rising:
            return min(1.0, (step + 1) / rising)
        if optimiser.schedule == "constant":
            return 1.0
        if optimiser.schedule == "halving":
            return max(0.5 ** (step // HALVED), optimiser.lowest / optimiser.lr)
        return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(steps - rising, 1)))

    return LambdaLR(adam, factor)


class Mean:
    """Exponential moving average of the weights that learn.

    mean <- d mean + (1 - d) weights after each step, with d = min(decay, 1 - 1 / (n + 1)) at the
    n-th update: the plain mean at first, so that the random start is soon forgotten.
    """

    def __init__(self, network: nn.Module, parts: tuple[str, ...], decay: float) -> None:
        self._decay, self.updates = decay, 0
        self._weights = {n: p for n, p in network.named_parameters() if is_part(n, parts)}
        self.mean = {name: p.detach().clone() for name, p in self._weights.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights as they are now."""
        self.updates += 1
        decay = min(self._decay, 1 - 1 / (self.updates + 1))
        torch._foreach_lerp_(list(self.mean.values()), list(self._weights.values()), 1 - decay)

    @torch.no_grad()
    def _exchange(self) -> None:
        for name, weight in self._weights.items():
            mine = self.mean[name].clone()
            self.mean[name].copy_(weight)
            weight.copy_(mine)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within the block the network has the mean weights."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    @torch.no_grad()
    def keep(self) -> None:
        """The mean becomes the network's weights for good."""
        for name, weight in self._weights.items():
            weight.copy_(self.mean[name])

    def state(self) -> dict[str, Tensor | int]:
        """The mean as a checkpoint holds it: tensors by name, and the number of updates."""
        return {"updates": self.updates, **self.mean}

    def restore(self, state: dict[str, Tensor | int]) -> None:
        """Take over a mean that `state` gave."""
        for name, mean in self.mean.items():
            saved = state[name]
            assert isinstance(saved, Tensor)
            mean.copy_(like(saved, mean))
        self.updates = int(state["updates"])
