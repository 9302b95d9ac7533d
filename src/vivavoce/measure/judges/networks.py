"""The corpus judges' networks: small, and honest about what they are.

`Face` looks at one picture, `Voice` hears a second or two; both learn who it is and what can be
said of that person, so that their inner features are what figures like FID and FAD compare.
`Feeling` reads an emotion off a fitted expression: pixels tell it people apart, expressions do not.
The fourth, `nn.syncnet.LipSync`, judges whether lips and sound belong together.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.types import ARKIT, EMOTIONS

AGE_SCALE = 90.0
"""The age in years that 1 stands for inside the network."""


class Heads(nn.Module):
    """The three answers that are read off a feature vector: who, how old, which sex."""

    def __init__(self, features: int, people: int, size: int) -> None:
        super().__init__()
        self.identity = nn.Linear(features, size)
        self.people = nn.Parameter(0.1 * torch.randn(people, size))
        self.age = nn.Linear(features, 1)
        self.sex = nn.Linear(features, 1)

    def embedding(self, features: Tensor) -> Tensor:
        """Unit vector of identity [B, S]."""
        return F.normalize(self.identity(features), dim=1)

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """Cosines to the people known in training [B, P], age in years [B], logits of sex
        (positive: female) [B]."""
        return {
            "people": self.embedding(features) @ F.normalize(self.people, dim=1).T,
            "age": AGE_SCALE * self.age(features).sigmoid()[:, 0],
            "sex": self.sex(features)[:, 0],
        }


class Face(nn.Module):
    """Pictures of faces [B, 3, 64, 64] → feature maps, features [B, 128], answers."""

    def __init__(self, people: int = 1, width: int = 24, size: int = 64) -> None:
        super().__init__()
        channels = (3, width, 2 * width, 3 * width, 128)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(i, o, 3, 2, 1), nn.GroupNorm(8, o), nn.GELU(),
                nn.Conv2d(o, o, 3, 1, 1, groups=o), nn.Conv2d(o, o, 1), nn.GELU(),
            )
            for i, o in pairwise(channels)
        )  # fmt: skip
        self.heads = Heads(128, people, size)

    def maps(self, pictures: Tensor) -> list[Tensor]:
        """Feature maps at 32, 16, 8 and 4 px."""
        found, x = [], pictures
        for block in self.blocks:
            x = block(x)
            found.append(x)
        return found

    def features(self, pictures: Tensor) -> Tensor:
        """Features [B, 128] of pictures [B, 3, 64, 64]: means of the last maps."""
        return self.maps(pictures)[-1].mean((2, 3))


class Feeling(nn.Module):
    """Mean expression of a clip [B, 52], ARKit coefficients by `face478` → logits [B, 8]."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.BatchNorm1d(len(ARKIT)), nn.Linear(len(ARKIT), width), nn.ReLU(), nn.Dropout(0.3),
            nn.Linear(width, len(EMOTIONS)),
        )  # fmt: skip

    def forward(self, expression: Tensor) -> Tensor:
        """Logits in the order of `types.EMOTIONS`."""
        return self.layers(expression)


class Voice(nn.Module):
    """Log-mel [B, 4 T, 80] of at least half a second → features [B, 256], answers."""

    def __init__(self, people: int = 1, width: int = 128, size: int = 64) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv1d(80, width, 5, padding=2), nn.GELU(),
            nn.Conv1d(width, width, 3, 2, 1), nn.GroupNorm(8, width), nn.GELU(),
            nn.Conv1d(width, width, 3, 2, 1), nn.GroupNorm(8, width), nn.GELU(),
            nn.Conv1d(width, width, 3, 2, 1), nn.GELU(),
        )  # fmt: skip
        self.heads = Heads(2 * width, people, size)

    def features(self, mel: Tensor) -> Tensor:
        """Mean and spread over time, as x-vectors pool (Snyder et al., ICASSP 2018)."""
        found = self.trunk(mel.transpose(1, 2))
        return torch.cat([found.mean(2), found.std(2)], 1)
