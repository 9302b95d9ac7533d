"""The movement of landmarks as numbers that a network can learn, and back.

SDM's F: landmarks minus those of the reference frame, in crop coordinates from -1 to 1,
standardised. The paper's 136 numbers are 68 points standardised one by one; with 478 points, which
lie on one face and so say the same many times over, F is their coordinates along the directions in
which faces really move (principal components), standardised likewise.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from vivavoce.types import Float


class LandmarkMotion(nn.Module):
    """F [..., K] from movements [..., P, D] and back; fitted to data once, never trained."""

    mean: Tensor
    """Mean of the flattened movements [P D]."""
    down: Tensor
    """Matrix [P D, K] from centred movements to F."""
    up: Tensor
    """Matrix [K, P D] from F back to centred movements."""

    def __init__(self, points: tuple[int, ...], axes: int, size: int | None) -> None:
        """A space that is not fitted yet.

        Args:
            points: Numbers of the P landmarks, of the tracker's 478.
            axes: Coordinates D of each: 2 or 3.
            size: Length K of F, in principal directions; None keeps the P D coordinates one by one.
        """
        super().__init__()
        self.points = list(points)
        self.axes = axes
        numbers = len(points) * axes
        self.size = size or numbers
        self.whole = size is None
        self.register_buffer("mean", torch.zeros(numbers))
        self.register_buffer("down", torch.zeros(numbers, self.size))
        self.register_buffer("up", torch.zeros(self.size, numbers))

    def fit(self, movements: Float) -> None:
        """Take means and standard deviations, or principal directions, of movements [N, P, D]."""
        flat = movements.reshape(len(movements), -1).astype(np.float64)
        mean = flat.mean(0)
        if self.whole:
            spread = flat.std(0) + 1e-6
            down, up = np.diag(1 / spread), np.diag(spread)
        else:
            _, sizes, axes = np.linalg.svd(flat - mean, full_matrices=False)
            spread = sizes[: self.size] / np.sqrt(len(flat)) + 1e-9
            down, up = axes[: self.size].T / spread, axes[: self.size] * spread[:, None]
        for name, value in (("mean", mean), ("down", down), ("up", up)):
            getattr(self, name).copy_(torch.from_numpy(value))

    def code(self, movements: Tensor) -> Tensor:
        """F [..., K] of movements [..., P, D]."""
        return (movements.flatten(-2) - self.mean) @ self.down

    def movements(self, code: Tensor) -> Tensor:
        """Movements [..., P, D] of F [..., K]."""
        flat = code @ self.up + self.mean
        return flat.unflatten(-1, (len(self.points), self.axes))

    def of(self, landmarks: Float, reference: Float, side: float) -> Float:
        """Movements [T, P, D] of landmarks [T, 478, 3] px of a picture `side` wide against the
        reference's [478, 3]."""
        kept = (landmarks - reference)[:, self.points, : self.axes]
        return np.asarray(kept * (2 / side), np.float32)

    def landmarks(self, code: Tensor, reference: Float, side: float) -> Float:
        """All 478 landmarks [T, 478, 3] px that F [T, K] makes of the reference's [478, 3], in a
        picture `side` px wide."""
        movements = self.movements(code.to(self.mean)).cpu().numpy()
        return self.everywhere(movements, reference, side)

    def everywhere(self, movements: Float, reference: Float, side: float) -> Float:
        """All 478 landmarks [T, 478, 3] px from movements [T, P, D] of some of the reference's
        [478, 3]: points that are not among the P go along with those near them, and what D leaves
        out stays."""
        moved = np.zeros((len(movements), len(reference), 3), np.float32)
        own = reference[self.points, :2]
        apart = np.square(reference[:, None, :2] - own).sum(-1)
        weight = 1 / (apart + (0.01 * side) ** 2) ** 2
        if len(self.points) == len(reference):
            weight = np.eye(len(reference))
        weight = weight / weight.sum(1, keepdims=True)
        moved[..., : self.axes] = np.einsum("np,tpd->tnd", weight, movements) * (side / 2)
        return np.asarray(reference + moved, np.float32)
