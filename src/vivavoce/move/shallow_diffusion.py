"""SDM's refinement: noise is added to the coarse motion up to step k, and taken away again.

Section 3.3 of the paper; the parts that it leaves open follow DiffSinger (Liu et al., AAAI 2022): a
stack of dilated convolutions takes the noise away, and a small classifier finds the step from which
the noised truth and the noised coarse motion can no longer be told apart.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.nn.along import ConvAlong
from vivavoce.nn.diffusion import Diffusion
from vivavoce.nn.embeddings import waves

MARGIN, SHARE = 0.4, 0.95
"""Truth and coarse motion count as alike at a step where the classifier is nearer to 1/2 than
`MARGIN`; k' is the first step from which that holds at `SHARE` of all later ones."""


class _Layer(nn.Module):
    """A gated dilated convolution beside its shortcut (WaveNet, van den Oord et al. 2016)."""

    def __init__(self, width: int, condition: int, dilation: int) -> None:
        super().__init__()
        self.along = ConvAlong(width, 2 * width, 3, padding=dilation, dilation=dilation)
        self.told = ConvAlong(condition, 2 * width, 1)
        self.step = nn.Linear(width, width)
        self.out = ConvAlong(width, 2 * width, 1)

    def forward(self, x: Tensor, step: Tensor, told: Tensor) -> tuple[Tensor, Tensor]:
        """`told` as `self.told` gives it."""
        level, gate = (self.along(x + self.step(step)[:, None]) + told).chunk(2, -1)
        past, skip = self.out(level.tanh() * gate.sigmoid()).chunk(2, -1)
        return (x + past) / 2**0.5, skip


class Denoiser(nn.Module):
    """The noise in F^t [B, T, K] at steps t [B], told content, rhythm and F^aux."""

    def __init__(self, motion: int, condition: int, width: int, layers: int) -> None:
        super().__init__()
        self.width = width
        self.first = ConvAlong(motion, width, 1)
        self.step = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.layers = nn.ModuleList(_Layer(width, condition, 2 ** (i % 4)) for i in range(layers))
        self.last = nn.Sequential(
            ConvAlong(width, width, 1), nn.ReLU(), ConvAlong(width, motion, 1)
        )

    def conditions(self, told: Tensor) -> list[Tensor]:
        """What each layer makes of [B, T, C]: the same at every step, so it is made once, a third
        of the work."""
        return [layer.told(told) for layer in self.layers]  # type: ignore[operator]

    def forward(self, noisy: Tensor, t: Tensor, conditions: list[Tensor]) -> Tensor:
        """eps_theta(F^t, t, c), c as `conditions` gives it."""
        x = F.relu(self.first(noisy))
        step = self.step(waves(t, self.width))
        skips: Tensor | float = 0.0
        for layer, told in zip(self.layers, conditions, strict=True):
            x, skip = layer(x, step, told)
            skips = skips + skip
        out: Tensor = self.last(skips / len(self.layers) ** 0.5)
        return out


class StepPredictor(nn.Module):
    """B(F^t, t): how sure it is that F^t [B, T, K] was truth before the noise, [B] in 0..1."""

    def __init__(self, motion: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.step = nn.Linear(width, width)
        self.first = nn.Conv1d(motion, width, 5, 2, 2)
        self.second = nn.Conv1d(width, width, 5, 2, 2)
        self.third = nn.Conv1d(width, width, 5, 2, 2)
        self.last = nn.Linear(width, 1)

    def logits(self, noisy: Tensor, t: Tensor) -> Tensor:
        """Before the sigmoid [B]."""
        x = F.relu(self.first(noisy.transpose(1, 2)) + self.step(waves(t, self.width))[..., None])
        x = F.relu(self.third(F.relu(self.second(x))))
        return self.last(x.mean(2))[:, 0]

    def forward(self, noisy: Tensor, t: Tensor) -> Tensor:
        """The sigmoid of it."""
        return self.logits(noisy, t).sigmoid()


def step_loss(predictor: StepPredictor, truth: Tensor, coarse: Tensor, t: Tensor) -> Tensor:
    """L_step: -log B(F^t, t) - log(1 - B(F^aux,t, t)), of both already noised."""
    yes, no = predictor.logits(truth, t), predictor.logits(coarse, t)
    return F.softplus(-yes).mean() + F.softplus(no).mean()


def meeting_step(beliefs: Tensor) -> int:
    """k': the first step, from 1, such that at `SHARE` of the steps from it to T the belief [T] of
    the predictor about the coarse motion is within `MARGIN` of 1/2; T if there is none."""
    alike = ((beliefs - 0.5).abs() < MARGIN).double()
    steps = len(beliefs)
    for k in range(steps):
        if float(alike[k:].mean()) >= SHARE:
            return k + 1
    return steps


def divergence(diffusion: Diffusion, coarse: Tensor, truth: Tensor) -> Tensor:
    """D_t [T], t = 1..T: Kullback-Leibler distance of the two noised distributions, kept_t / (2 (1
    - kept_t)) |F^aux - F^0|^2; falls as t grows, a cross-check of k."""
    apart = (coarse - truth).square().sum()
    return diffusion.kept / (2 * (1 - diffusion.kept)) * apart
