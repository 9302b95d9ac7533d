"""SDM's refinement: noise is added to the coarse motion up to step k, and taken away again.

Section 3.3 of the paper; the parts that it leaves open follow DiffSinger (Liu et al., AAAI 2022): a
stack of dilated convolutions takes the noise away, and a small classifier finds the step from which
the noised truth and the noised coarse motion can no longer be told apart.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.nn.along import ConvAlong
from vivavoce.nn.diffusion import Diffusion
from vivavoce.nn.embeddings import waves

MARGIN = 0.1
"""Distance of an AUC from 0.5, a guess, up to which truth and F^aux cannot be told apart."""
SHARE = 0.95
"""Share of the steps from k to T at which the two must not be separable."""


class _Layer(nn.Module):
    """A gated dilated convolution beside its shortcut (WaveNet, van den Oord et al. 2016)."""

    def __init__(self, width: int, condition: int, dilation: int) -> None:
        super().__init__()
        self.along = ConvAlong(width, 2 * width, 3, padding=dilation, dilation=dilation)
        self.condition = ConvAlong(condition, 2 * width, 1)
        self.step = nn.Linear(width, width)
        self.out = ConvAlong(width, 2 * width, 1)

    def forward(self, x: Tensor, step: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """What the next layer sees and what goes to the output [B, T, W], for x [B, T, W], the
        step's embedding [B, W] and what `self.condition` made of the conditions [B, T, 2 W]."""
        level, gate = (self.along(x + self.step(step)[:, None]) + condition).chunk(2, -1)
        past, skip = self.out(level.tanh() * gate.sigmoid()).chunk(2, -1)
        return (x + past) / 2**0.5, skip


class Denoiser(nn.Module):
    """The denoiser f_denoi: it finds the noise in F^t from content, rhythm and F^aux."""

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
        """What each layer makes of the conditions [B, T, C]; it is the same at every step, so it is
        made once, which saves a third of the work."""
        return [layer.condition(told) for layer in self.layers]  # type: ignore[operator]

    def forward(self, noisy: Tensor, t: Tensor, conditions: list[Tensor]) -> Tensor:
        """The noise eps_theta(F^t, t, c) [B, T, K] for F^t [B, T, K], t [B] and c from
        `conditions`."""
        x = F.relu(self.first(noisy))
        step = self.step(waves(t, self.width))
        skips: Tensor | float = 0.0
        for layer, condition in zip(self.layers, conditions, strict=True):
            x, skip = layer(x, step, condition)
            skips = skips + skip
        out: Tensor = self.last(skips / len(self.layers) ** 0.5)
        return out


class StepPredictor(nn.Module):
    """The step predictor B(F^t, t): how sure it is that F^t was truth before the noise; it also
    keeps k, the step that it has found."""

    k: Tensor
    """The step where truth and F^aux meet, 1 to T."""

    def __init__(self, motion: int, width: int, steps: int) -> None:
        super().__init__()
        self.width = width
        self.step = nn.Linear(width, width)
        self.first = nn.Conv1d(motion, width, 5, 2, 2)
        self.second = nn.Conv1d(width, width, 5, 2, 2)
        self.third = nn.Conv1d(width, width, 5, 2, 2)
        self.last = nn.Linear(width, 1)
        self.register_buffer("k", torch.tensor(steps // 2))

    def logits(self, noisy: Tensor, t: Tensor) -> Tensor:
        """Log-odds [B] that F^t [B, T, K] was truth, at steps t [B]."""
        x = F.relu(self.first(noisy.transpose(1, 2)) + self.step(waves(t, self.width))[..., None])
        x = F.relu(self.third(F.relu(self.second(x))))
        return self.last(x.mean(2))[:, 0]

    def forward(self, noisy: Tensor, t: Tensor) -> Tensor:
        """Probability B [B] that F^t [B, T, K] was truth, at steps t [B]."""
        return self.logits(noisy, t).sigmoid()


def step_loss(predictor: StepPredictor, truth: Tensor, coarse: Tensor, t: Tensor) -> Tensor:
    """L_step = -log B(F^t, t) - log(1 - B(F^aux,t, t)), for truth and coarse motion [B, T, K] that
    are noised to steps t [B]."""
    yes, no = predictor.logits(truth, t), predictor.logits(coarse, t)
    return F.softplus(-yes).mean() + F.softplus(no).mean()


def separability(truth: Tensor, coarse: Tensor) -> Tensor:
    """AUC [T] at every step: how often B of a noised truth is over B of a noised F^aux, for beliefs
    [N, T] and [M, T]; 1 tells them apart always, 0.5 is a guess."""
    apart = truth[:, None] - coarse[None]
    return ((apart > 0).float() + 0.5 * (apart == 0).float()).mean((0, 1))


def meeting_step(auc: Tensor) -> int:
    """The step k in 1..T where truth and F^aux meet: the first from which, at `SHARE` of all later
    steps, they cannot be told apart (`separability` within `MARGIN` of 0.5); T if there is none."""
    alike = ((auc - 0.5).abs() < MARGIN).double()
    steps = len(auc)
    return next((k + 1 for k in range(steps) if float(alike[k:].mean()) >= SHARE), steps)


def divergence(diffusion: Diffusion, coarse: Tensor, truth: Tensor) -> Tensor:
    """D_t [T], t = 1..T, in nats: Kullback-Leibler divergence of the two noised distributions,
    kept_t / (2 (1 - kept_t)) |F^aux - F^0|^2; it falls as t grows, a cross-check of k."""
    apart = (coarse - truth).square().sum()
    kept = diffusion.kept.to(apart)
    return kept / (2 * (1 - kept)) * apart
