"""Losses of two networks that compete: one makes, one tells made from true."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def critic_loss(true: Tensor, made: Tensor) -> Tensor:
    """Logistic loss of a critic, softplus(-D(true)) + softplus(D(made)) (Goodfellow et al. 2014;
    TTSF, Eq. 2), of logits of any shape."""
    return F.softplus(-true).mean() + F.softplus(made).mean()


def maker_loss(made: Tensor) -> Tensor:
    """Logistic loss of a generator, softplus(-D(made)): the non-saturating form (Goodfellow et al.
    2014, sec. 3)."""
    return F.softplus(-made).mean()


def hinge_critic_loss(true: Tensor, made: Tensor) -> Tensor:
    """Hinge loss of a critic, max(0, 1 - D(true)) + max(0, 1 + D(made)) (Lim & Ye 2017; SPADE,
    S2TF's baselines)."""
    return F.relu(1 - true).mean() + F.relu(1 + made).mean()


def least_squares_critic_loss(true: Tensor, made: Tensor) -> Tensor:
    """Least-squares loss of a critic, (D(true) - 1)^2 + D(made)^2 (Mao et al., ICCV 2017; HiFi-GAN,
    eq. 1)."""
    return (true - 1).square().mean() + made.square().mean()


def least_squares_maker_loss(made: Tensor) -> Tensor:
    """Least-squares loss of a generator, (D(made) - 1)^2 (HiFi-GAN, eq. 2)."""
    return (made - 1).square().mean()


def r1(critic: Callable[[Tensor], Tensor], true: Tensor) -> Tensor:
    """R1 (Mescheder et al., ICML 2018, eq. 9): squared gradient of D on true samples, mean over
    them; its usual weight is gamma / 2."""
    seen = true.detach().requires_grad_(True)
    (slope,) = torch.autograd.grad(critic(seen).sum(), seen, create_graph=True)
    return slope.square().flatten(1).sum(1).mean()


def feature_matching(true: list[Tensor], made: list[Tensor]) -> Tensor:
    """Mean absolute difference of the critic's inner features, summed over layers (Larsen et al.
    2016; HiFi-GAN, eq. 4); the true ones are not trained through."""
    return torch.stack(
        [(a.detach() - b).abs().mean() for a, b in zip(true, made, strict=True)]
    ).sum()
