"""Two networks that compete, a running mean of their weights, and a curriculum."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from vivavoce.systems.stage import Optimiser, Sample, Stage, Trainable, Turn
from vivavoce.train import train_system


class Ring(Trainable):
    """Points on a ring, made by a generator that a critic teaches (hinge loss)."""

    system = "ring"
    stages = (
        Stage(
            "gan",
            losses={"critic": 1.0, "fool": 1.0},
            steps=100,
            batch=32,
            optimisers={
                "critic": Optimiser(trains=("critic",), lr=2e-3, betas=(0.0, 0.99)),
                "generator": Optimiser(trains=("generator",), lr=1e-3, betas=(0.0, 0.99)),
            },
            ema=0.98,
            curriculum={0: {"blur": 0.3}, 50: {"blur": 0.0}},
        ),
    )

    def __init__(self) -> None:
        self.generator = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 2))
        self.critic = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
        self.network = nn.ModuleDict({"generator": self.generator, "critic": self.critic})

    def draw(self, stage: Stage, rng: np.random.Generator) -> Sample:
        """A point of the true ring."""
        angle = rng.uniform(0, 2 * np.pi)
        return {"point": torch.tensor([np.cos(angle), np.sin(angle)], dtype=torch.float32)}

    def losses(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
        """Of the one whose turn it is."""
        made = self.generator(turn.normal(2))
        if turn.name == "generator":
            return {"fool": -self.critic(made).mean()}
        blur = turn.setting("blur", 0.0)
        true = self.critic(batch["point"] + blur * turn.normal(2))
        false = self.critic(made.detach())
        return {"critic": (torch.relu(1 - true) + torch.relu(1 + false)).mean()}


train_system(Ring, Path("runs/ring"), changes=["steps=60", "optimisers.critic.lr=4e-3"])
print(*sorted(p.name for p in Path("runs/ring").iterdir()))
