"""The shortest system that can be trained."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from vivavoce.systems.stage import Optimiser, Sample, Stage, Trainable, Turn
from vivavoce.train import train_system


class Line(Trainable):
    """Learns y = 3 x - 1."""

    system = "line"
    stages = (
        Stage(
            "fit",
            losses={"error": 1.0},
            steps=200,
            batch=16,
            optimisers={"line": Optimiser(trains=("slope",), lr=0.05)},
        ),
    )

    def __init__(self) -> None:
        self.slope = nn.Linear(1, 1)
        self.network = nn.ModuleDict({"slope": self.slope})

    def draw(self, stage: Stage, rng: np.random.Generator) -> Sample:
        """One sample; `rng` is seeded by its number."""
        x = rng.normal(size=1).astype(np.float32)
        return {"x": torch.from_numpy(x), "y": torch.from_numpy(3 * x - 1)}

    def losses(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
        """Scalars by name; the stage weighs them."""
        made = self.slope(batch["x"])
        return {"error": (made - batch["y"]).square().mean()}

    def figures(self, stage: Stage) -> dict[str, float]:
        """Measured after the stage, for the model card."""
        return {"slope": self.slope.weight.item()}


train_system(Line, Path("runs/line"))
print(Path("runs/line/README.md").read_text())
