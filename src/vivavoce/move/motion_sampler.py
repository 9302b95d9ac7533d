"""The motion sampler of TTSF: a steady code of motion, its mean by a Conformer, a draw by a flow.

Jang et al., CVPR 2024, section 3.2. The normaliser compresses motion features f_m to f_c; the prior
network gives their mean mu from the first motion and the lip codes; the sampler follows a learned
vector field from noise to f_c, with mu as its condition (OT-CFM, Eq. 6).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from vivavoce.nn.conformer import Conformer
from vivavoce.nn.flow_matching import flow_loss, solve
from vivavoce.nn.flow_unet import FlowUNet


class Level(nn.Module):
    """Numbers [..., C] brought to mean 0 and variance 1 over the data: the flow begins in N(0, I),
    so what it ends in has unit variance too, whatever the codes'.

    The statistics are running means, never those of the batch: a window in a batch of one keeps the
    pose that its frames have in common. They are updated in training where gradients are wanted.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, channels: int, momentum: float = 0.05) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        """Numbers [..., C] with mean 0 and variance 1 in each channel, by what training has
        seen."""
        if self.training and torch.is_grad_enabled():
            self._update(x.detach().flatten(0, -2))
        return (x - self.running_mean) * (self.running_var + 1e-5).rsqrt()

    @torch.no_grad()
    def _update(self, rows: Tensor) -> None:
        self.num_batches_tracked += 1
        # At first a plain mean of what was seen, then one that forgets.
        share = (1 / self.num_batches_tracked.float()).clamp(min=self.momentum)
        self.running_mean.lerp_(rows.mean(0), share)
        # About the mean of all: a batch of one window tells of the spread between windows, too.
        self.running_var.lerp_((rows - self.running_mean).square().mean(0), share)


class MotionNormaliser(nn.Module):
    """An auto-encoder of single frames: f_m [..., D] ⇄ f_c [..., d_c], d_c below the number of
    motion codes."""

    def __init__(self, code: int, compressed: int) -> None:
        super().__init__()
        self.down = nn.Sequential(
            nn.Linear(code, code // 2), nn.GELU(), nn.Linear(code // 2, compressed)
        )
        self.level = Level(compressed)
        self.up = nn.Sequential(
            nn.Linear(compressed, code // 2), nn.GELU(), nn.Linear(code // 2, code)
        )

    def encode(self, f_m: Tensor) -> Tensor:
        """f_c [..., d_c] with mean 0 and variance 1 over the data."""
        out: Tensor = self.level(self.down(f_m))
        return out

    def decode(self, f_c: Tensor) -> Tensor:
        """Motion codes f_m [..., D] of their compressed form f_c [..., d_c]."""
        out: Tensor = self.up(f_c)
        return out


class NoNormaliser(nn.Module):
    """The sampler draws f_m itself: what section 3.2 found shaky, kept to be measured."""

    def encode(self, f_m: Tensor) -> Tensor:
        """The motion codes f_m [..., D] unchanged."""
        return f_m

    def decode(self, f_m: Tensor) -> Tensor:
        """The motion codes f_m [..., D] unchanged."""
        return f_m


class MotionPrior(nn.Module):
    """The mean mu [B, T, d_c] of the motion, from where it begins and what is said: a Conformer
    (Gulati et al., Interspeech 2020) on the sum of both."""

    def __init__(
        self, code: int, compressed: int, width: int = 512, layers: int = 4, heads: int = 8,
        kernel: int = 31,
    ) -> None:  # fmt: skip
        super().__init__()
        # The paper's Conformer is as wide as the codes.
        self.first = nn.Identity() if width == code else nn.Linear(code, width)
        self.conformer = Conformer(width, layers, heads, kernel)
        self.last = nn.Linear(width, compressed)

    def forward(self, start: Tensor, f_lip: Tensor, mask: Tensor | None = None) -> Tensor:
        """mu for the first motion f_m,0 `start` [B, D] and lip codes [B, T, D]; `mask` [B, T] is
        false where a clip has ended."""
        out: Tensor = self.last(self.conformer(self.first(start[:, None] + f_lip), mask))
        return out


class MotionSampler(nn.Module):
    """The vector field v_theta(x_t | mu; t), a U-Net along time (Mehta et al., ICASSP 2024)."""

    def __init__(self, compressed: int, width: int = 256, about_mean: bool = False) -> None:
        """`about_mean`: paths begin in N(mu, I), as section 3.2 says of inference, not in N(0, I),
        as Eq. 6 says of training; either way in both."""
        super().__init__()
        self.about_mean = about_mean
        self.field = FlowUNet(2 * compressed, compressed, width)

    def velocity(self, x: Tensor, mu: Tensor, t: Tensor, mask: Tensor | None = None) -> Tensor:
        """Velocity [B, T, d_c] at points `x` [B, T, d_c] and times `t` [B], with condition `mu`."""
        out: Tensor = self.field(torch.cat([x, mu], -1), t, mask)
        return out

    def forward(self, noise: Tensor, mu: Tensor, steps: int) -> Tensor:
        """f_c [B, T, d_c]: `noise`, N(0, I), carried along the field by `steps` Euler steps."""
        return solve(lambda x, t: self.velocity(x, mu, t), self._begun(noise, mu), steps)

    def loss(
        self, f_c: Tensor, mu: Tensor, noise: Tensor, t: Tensor, mask: Tensor | None = None
    ) -> Tensor:
        """Eq. 6 for targets `f_c`, `noise` of the same shape and times `t` [B]."""
        begun = self._begun(noise, mu)
        return flow_loss(lambda x, at: self.velocity(x, mu, at, mask), f_c, begun, t, mask)

    def _begun(self, noise: Tensor, mu: Tensor) -> Tensor:
        return noise + mu.detach() if self.about_mean else noise


def prior_loss(f_c: Tensor, mu: Tensor) -> Tensor:
    """Eq. 7, averaged over frames and channels: negative log-likelihood of N(mu, I)."""
    return 0.5 * ((f_c - mu).square() + math.log(2 * math.pi)).mean()
