"""What training is, as data: stages, their optimisers, and what a trainable system must offer.

A system says what it learns; `train/engine/loop.py` is the one loop that does it. The shortest
system that can be trained (docs/examples/train_own.py runs it):

    class Line(Trainable):
        system = "line"
        stages = (
            Stage("fit", losses={"error": 1.0}, steps=200, batch=16,
                  optimisers={"line": Optimiser(trains=("slope",), lr=0.05)}),
        )

        def __init__(self, preset: str) -> None:
            self.preset = preset
            self.slope = nn.Linear(1, 1)
            self.network = nn.ModuleDict({"slope": self.slope})

        def draw(self, stage: Stage, rng: np.random.Generator) -> Sample:
            x = rng.normal(size=1).astype(np.float32)
            return {"x": torch.from_numpy(x), "y": torch.from_numpy(3 * x - 1)}

        def losses(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
            made = self.slope(batch["x"])
            return {"error": (made - batch["y"]).square().mean()}

    train_system(Line, Path("runs/line"))

A pair of networks that compete has two optimisers; the loop gives each its turn in their order,
and `turn.name` says whose it is. While one has its turn, the other's parameters stand still.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as settings
from torch import Tensor, nn

Sample: TypeAlias = dict[str, Tensor]
"""Tensors by name: of one sample, or with a first dimension more, of a batch."""
Positive: TypeAlias = Annotated[float, Field(gt=0)]
Count: TypeAlias = Annotated[int, Field(ge=1)]
Natural: TypeAlias = Annotated[int, Field(ge=0)]
_CHECKED = ConfigDict(extra="forbid", use_attribute_docstrings=True)


@settings(frozen=True, config=_CHECKED)
class Optimiser:
    """AdamW (Loshchilov & Hutter 2019) over some parts of a network."""

    trains: tuple[str, ...]
    """Names of submodules or parameters, e.g. ("generator", "encoder.last"); "" is everything."""
    lr: Positive
    """Learning rate at its highest."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Decay of the two moments; GANs often take (0, 0.99)."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Decoupled from the gradient; 0 makes this plain Adam."""
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the stage's steps over which the rate rises, so that it fits any number of steps."""
    schedule: Literal["constant", "cosine", "one-cycle"] = "constant"
    """After the warm-up; "one-cycle" (Smith & Topin 2018) also moves the first beta."""
    clip: Positive | None = None
    """The gradient's norm is brought down to this; None leaves it."""


@settings(frozen=True, config=_CHECKED)
class Stage:
    """One stretch of training: what learns, from which losses, on which samples, for how long.

    Everything that no optimiser names is frozen: its gradients are off, its norm statistics stand
    still, and the loop proves after the stage that not a bit of it changed.
    """

    name: str
    """What --stage takes."""
    losses: dict[str, float]
    """Weight of each loss; the names are what `Trainable.losses` gives, over all turns."""
    steps: Count
    """Updates of every optimiser."""
    batch: Count
    """Samples of a forward pass in each process."""
    optimisers: dict[str, Optimiser]
    """By the name of their turn, in the order of the turns, e.g. "critic" then "generator"."""
    samples: str = "train"
    """Which samples: a split of the shards, or a name that the system's `draw` knows."""
    window: Natural = 0
    """Frames of a sample, 25 a second; 0 where samples have their own length."""
    accumulate: Count = 1
    """Batches whose gradients are averaged before an update."""
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Decay of the running mean of the trained weights, which is what the stage leaves behind."""
    curriculum: dict[int, dict[str, float]] = field(default_factory=dict)
    """From a step on, settings for `Turn.setting` and new weights of losses (by their names)."""
    workers: Natural = 0
    """Processes that draw samples ahead; 0 draws them in the loop."""

    @property
    def trains(self) -> tuple[str, ...]:
        """What learns: the union over the optimisers."""
        return tuple(part for o in self.optimisers.values() for part in o.trains)

    def settings_at(self, step: int) -> dict[str, float]:
        """The curriculum's settings in force at `step` (from 0); later entries override."""
        merged: dict[str, float] = {}
        for begin in sorted(self.curriculum):
            if begin <= step:
                merged |= self.curriculum[begin]
        return merged

    def weights_at(self, step: int) -> dict[str, float]:
        """Weight of each loss at `step`."""
        now = self.settings_at(step)
        return {name: now.get(name, weight) for name, weight in self.losses.items()}


class Turn:
    """One optimiser's turn at one batch: what `Trainable.losses` may depend on beside the batch.

    Its noise is a pure function of the seed, the stage, the turn and each sample's number, so a
    resumed run and a run on more processes see the same noise.
    """

    def __init__(
        self,
        name: str,
        step: int,
        settings: Mapping[str, float],
        numbers: Tensor,
        seed: int,
        device: torch.device | str = "cpu",
    ) -> None:
        self.name = name
        """The optimiser's."""
        self.step = step
        """From 0."""
        self.settings = settings
        """The curriculum's, see `Stage.settings_at`."""
        self.numbers = numbers
        """The samples' numbers in the stage [B], from 0, never repeated."""
        self.seed = seed
        """Of the run, the stage and this turn."""
        self.device = device

    def setting(self, name: str, otherwise: float) -> float:
        """A setting of the curriculum."""
        return self.settings.get(name, otherwise)

    def normal(self, *shape: int) -> Tensor:
        """Standard normal noise [B, *shape]; every call draws new numbers."""
        drawn = [torch.randn(shape, generator=g) for g in self._generators]
        return torch.stack(drawn).to(self.device)

    def uniform(self, *shape: int) -> Tensor:
        """Noise in [0, 1) [B, *shape]; every call draws new numbers."""
        drawn = [torch.rand(shape, generator=g) for g in self._generators]
        return torch.stack(drawn).to(self.device)

    @cached_property
    def _generators(self) -> list[torch.Generator]:
        # Knuth's odd constant spreads neighbouring numbers over the 32 bits that torch's
        # Mersenne twister is seeded with.
        seeds = [(self.seed + n * 2654435761) % 2**32 for n in self.numbers.tolist()]
        return [torch.Generator().manual_seed(seed) for seed in seeds]


@dataclass(frozen=True)
class Run:
    """What a stage may know about the run that it is part of."""

    data: Path | None
    """What --data names."""
    folder: Path
    """The checkpoint folder that is being made."""
    seed: int
    done: tuple[str, ...] = ()
    """Stages that this run has finished."""
    resumed: bool = False
    """Whether the stage goes on: the network holds weights of its middle, not of its start."""

    @property
    def scratch(self) -> Path:
        """A folder beside the checkpoint for what is prepared once and used again; made here."""
        made = self.folder.with_name(self.folder.name + "-data")
        made.mkdir(parents=True, exist_ok=True)
        return made


Files: TypeAlias = Mapping[str, tuple[Mapping[str, Tensor], dict[str, str]]]
"""File name → its tensors and metadata."""


class Trainable(ABC):
    """A system as the trainer sees it. Four things are needed, the rest has a default."""

    system: str
    """Its name in `train.TRAINABLE` and in config.json."""
    preset: str = "tiny"
    """"tiny" or "paper"."""
    network: nn.Module
    """All parts, frozen ones too, as named submodules."""
    stages: tuple[Stage, ...]
    """In order."""

    def begin(self, stage: Stage, run: Run) -> None:  # noqa: B027
        """Open or prepare the samples of a stage. A resumed run calls this too, so it must give
        the same samples again. Not every system has anything to prepare."""

    @abstractmethod
    def draw(self, stage: Stage, rng: np.random.Generator) -> Sample:
        """One sample, drawn with `rng` alone (it is seeded by the sample's number)."""

    @abstractmethod
    def losses(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
        """Scalars by name, each a mean over the batch; the loop weighs and sums them.

        Noise comes from `turn` (or from `draw`), dropout from torch's own generator, which the
        loop seeds at every turn.
        """

    def picture(self, stage: Stage, batch: Sample) -> np.ndarray | None:
        """A strip [H, W, 3] uint8 that shows how far training is; None: nothing to see."""
        return None

    def watch(self, stage: Stage, step: int, losses: Mapping[str, float]) -> str | None:
        """Advice when the losses look like a known trouble; printed once."""
        return None

    def figures(self, stage: Stage) -> dict[str, float]:
        """Measured after the stage, on what was held out; for the model card."""
        return {}

    def make_room(self, saved: Mapping[str, Tensor]) -> None:  # noqa: B027
        """Give the network the sizes of the `saved` tensors that are about to be read into it; only
        for parts whose size depends on the data, such as a head with a row for each person."""

    def config(self) -> dict[str, Any]:
        """What config.json needs to build the network again, beside system, preset, version."""
        return {}

    def files(self, stage: Stage) -> Files:
        """Tensors and metadata of the safetensors files that are written after `stage`."""
        return {"model.safetensors": (self.network.state_dict(), {"part": self.system})}


def is_part(name: str, parts: tuple[str, ...]) -> bool:
    """Whether the parameter or module `name` is one of `parts` or inside one of them."""
    return any(part in ("", name) or name.startswith(part + ".") for part in parts)
