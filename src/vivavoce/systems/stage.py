"""What training is, as data: stages, their optimisers, and what a trainable system must offer.

A system says what it learns; `train/engine/loop.py` is the one loop that does it. The shortest
system that can be trained (docs/examples/train_own.py runs it):

    class Line(Trainable):
        system = "line"
        stages = (
            Stage("fit", losses={"error": 1.0}, steps=200, batch=16,
                  optimisers={"line": Optimiser(trains=("slope",), lr=0.05)}),
        )

        def __init__(self) -> None:
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

A system that comes in several sizes names them in `presets`; its constructor then takes the
settings and the stages of one of them, `Line(settings, stages)`, and never a preset's name.

Where things are: the loop moves `network` and `borrowed` to the device before `begin`, and each
batch before `losses` and `picture`. `draw` runs in processes that may not touch a GPU: it uses no
part of the network and gives tensors on the CPU. `begin`, `settle` and `figures` put what they feed
the network on `self.device` themselves.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeAlias, TypeVar

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from pydantic.dataclasses import dataclass as settings
from torch import Tensor, nn
from torch.utils.data import default_collate

Sample: TypeAlias = dict[str, Any]
"""Tensors by name, of one sample or, with one more first dimension, of a batch. A value may also be
a text; in a batch that is a list of texts, which stays where it is when tensors move."""
Model = TypeVar("Model", bound=BaseModel)
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
    """Highest learning rate of the stage."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Decay a step of the mean gradient and of its square; GANs often take (0, 0.99)."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Share of a weight, times the rate, that each step takes away; 0 makes this plain Adam."""
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the stage's steps over which the rate rises, so that it fits any number of steps."""
    schedule: Literal["constant", "cosine", "one-cycle", "halving"] = "constant"
    """Course of the rate after the warm-up: it stays, or falls to 0 along half a cosine, as in
    "one-cycle" too (Smith & Topin 2018), which also moves the first beta; "halving" halves it every
    1000 steps."""
    lowest: Annotated[float, Field(ge=0)] = 0.0
    """Rate that "halving" does not fall below."""
    clip: Positive | None = None
    """Largest norm of the gradient, which is scaled down to it; None leaves the gradient alone."""


@settings(frozen=True, config=_CHECKED)
class Stage:
    """One stretch of training: what learns, from which losses, on which samples, for how long.

    Everything that no optimiser names is frozen: its gradients are off, its norm statistics stand
    still, and the loop proves after the stage that not a bit of it changed.
    """

    name: str
    """Name of the stage, which --stage takes."""
    losses: dict[str, float]
    """Weights of the losses, by the names that `Trainable.losses` gives over all turns."""
    steps: Count
    """Number of updates of every optimiser."""
    batch: Count
    """Number of samples of a forward pass in each process."""
    optimisers: dict[str, Optimiser]
    """Optimisers by the name of their turn, in the order of the turns: "critic", "generator"."""
    window: Natural = 0
    """Length of a sample in frames, 25 a second; 0: samples have lengths of their own."""
    accumulate: Count = 1
    """Number of batches whose gradients are averaged before an update."""
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Decay of the running mean of the trained weights, which is what the stage leaves behind."""
    curriculum: dict[int, dict[str, float]] = field(default_factory=dict)
    """Step → settings for `Turn.setting`, and weights of losses by their names, from then on."""
    workers: Natural = 0
    """Number of processes that draw samples ahead; 0: the loop draws them itself."""

    @property
    def trains(self) -> tuple[str, ...]:
        """Names of all parts that learn, over all optimisers."""
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
    """Everything besides the batch that a loss may depend on: which optimiser is stepping, the
    step, the curriculum's settings, seeded noise.

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
        """Name of the optimiser whose turn it is."""
        self.step = step
        """Number of the step, from 0."""
        self.settings = settings
        """Settings of the curriculum at this step, see `Stage.settings_at`."""
        self.numbers = numbers
        """Numbers [B] of the samples in the stage, from 0, never repeated."""
        self.seed = seed
        """Seed of the noise, made of the run's, the stage's name and this turn."""
        self.device = device
        """Device that the noise is put on."""

    def setting(self, name: str, otherwise: float) -> float:
        """The curriculum's setting of that name; `otherwise` where it says none."""
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
    """Folder that --data names; None: none was given."""
    folder: Path
    """Checkpoint folder that is being made."""
    seed: int
    """Seed that all randomness of the run comes from."""
    done: tuple[str, ...] = ()
    """Names of the stages that this run has finished."""
    resumed: bool = False
    """Whether the stage goes on: the network holds weights of its middle, not of its start."""

    @property
    def scratch(self) -> Path:
        """A folder beside the checkpoint for what is prepared once and used again; made here."""
        self._scratch.mkdir(parents=True, exist_ok=True)
        return self._scratch

    def has_prepared(self, name: str) -> bool:
        """Whether `scratch` holds the file or folder of that name already; nothing is made."""
        return (self._scratch / name).exists()

    @property
    def _scratch(self) -> Path:
        return self.folder.with_name(self.folder.name + "-data")


Files: TypeAlias = Mapping[str, tuple[Mapping[str, Tensor], dict[str, str]]]
"""File name → its tensors and metadata."""


@dataclass(frozen=True)
class Preset(Generic[Model]):
    """One size of a system: what its network is made of, and the stages that train it."""

    settings: Model
    """Settings of the network and of its training; `--set model.NAME=VALUE` changes one."""
    stages: tuple[Stage, ...]
    """Stages in their order; `--set NAME=VALUE` changes a setting of them."""


class Trainable(ABC):
    """A system as the trainer sees it: a network, its stages, and six questions about them.

    `system`, `network`, `stages`, `draw` and `losses` are needed, the rest has a default.
    """

    system: str
    """Name of the system, as in config.json."""
    presets: ClassVar[Mapping[str, Preset[Any]]] = {}
    """Name → preset. If it is empty, there is "tiny" alone and the constructor takes nothing."""
    preset: str = "tiny"
    """Name of the chosen preset, for config.json and the model card only; set by `train_system`."""
    network: nn.Module
    """All parts that learn or are saved, as named submodules; frozen critics are among them."""
    borrowed: Mapping[str, nn.Module] = {}
    """Large frozen parts that are loaded by name. They are on the device, in evaluation mode and
    without gradients, and never in `network`, `state.pt`, the checkpoint or the fingerprints."""
    stages: tuple[Stage, ...]
    """Stages of the training, in their order."""

    @property
    def device(self) -> torch.device:
        """Device of the network's parameters, which is where `begin`, `settle` and `figures` must
        put what they feed it."""
        return next((p.device for p in self.network.parameters()), torch.device("cpu"))

    def check(self, stages: Sequence[Stage], run: Run) -> None:  # noqa: B027
        """Refuse, before anything runs, what a later one of the `stages` to come could not work on.

        Examples are clips without phones or words, no test split, too short clips, another crop.

        Raises: RequestError: what is missing, for which stage, and what to do.
        """

    def begin(self, stage: Stage, run: Run) -> None:  # noqa: B027
        """Open or prepare the samples of a stage; the network is on its device already.

        A resumed run calls this too, so it must give the same samples again.
        """

    @abstractmethod
    def draw(self, stage: Stage, rng: np.random.Generator) -> Sample:
        """One sample, drawn with `rng` alone (it is seeded by the sample's number).

        All tensors are on the CPU, and the network is not asked: with `Stage.workers` this runs in
        a forked process, where a GPU cannot be used.
        """

    def collate(self, stage: Stage, samples: list[Sample]) -> Sample:
        """One batch of the samples, by default torch's: tensors are stacked, texts become a list.

        Like `draw` it may run in a forked process: its tensors are on the CPU.
        """
        batch: Sample = default_collate(samples)
        return batch

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

    def settle(self, stage: Stage) -> None:  # noqa: B027
        """Choose what can only be chosen after the stage, such as a step to begin from or a gain.

        Every process runs this, with the same weights and data. The choice is kept in buffers of
        `network` (those of the first process are then given to all), so it is saved with them. If
        it fails, the run stops with all steps saved, and a resumed run settles again.
        """

    def figures(self, stage: Stage) -> dict[str, float]:
        """Measurements after the stage, on what was held out, for the model card.

        The weights are saved before this is called. It changes nothing; if it fails, the run goes
        on with a warning.
        """
        return {}

    def make_room(self, saved: Mapping[str, Tensor]) -> None:  # noqa: B027
        """Give the network the sizes of the `saved` tensors that are about to be read into it; only
        for parts whose size depends on the data, such as a head with a row for each person."""

    def notes(self) -> Sequence[str]:
        """Sentences on choices that a reader of the results must know, such as which network a
        perceptual loss compares; they are printed at the start and go to config.json and card."""
        return ()

    def config(self) -> dict[str, Any]:
        """What config.json needs to build the network again, beside system, preset, version."""
        return {}

    def files(self, stage: Stage) -> Files:
        """Tensors and metadata of the safetensors files that are written after `stage`."""
        return {"model.safetensors": (self.network.state_dict(), {"part": self.system})}


class Together(Trainable):
    """A system made of trainables, each with stages of its own; it hands every question on.

    Its network holds the children of all of theirs. A child class overrides what it does itself.
    """

    def __init__(self, *parts: Trainable, stages: Sequence[Stage] = ()) -> None:
        """`stages`: the order in which they are trained; without it, the parts' one after the
        other."""
        self.parts = parts
        self.stages = tuple(stages) or tuple(stage for part in parts for stage in part.stages)
        self.network = nn.ModuleDict(
            {name: net for part in parts for name, net in part.network.named_children()}
        )
        self.borrowed = {name: net for part in parts for name, net in part.borrowed.items()}
        self._of = {stage.name: part for part in parts for stage in part.stages}

    def part_of(self, stage: Stage) -> Trainable:
        """The trainable whose stage this is."""
        return self._of[stage.name]

    def check(self, stages: Sequence[Stage], run: Run) -> None:
        """Each part refuses for its own stages."""
        for part in self.parts:
            own = [stage for stage in stages if self._of.get(stage.name) is part]
            if own:
                part.check(own, run)

    def begin(self, stage: Stage, run: Run) -> None:
        """Begin as the part does."""
        self.part_of(stage).begin(stage, run)

    def draw(self, stage: Stage, rng: np.random.Generator) -> Sample:
        """One sample of the part."""
        return self.part_of(stage).draw(stage, rng)

    def collate(self, stage: Stage, samples: list[Sample]) -> Sample:
        """One batch, as the part makes it."""
        return self.part_of(stage).collate(stage, samples)

    def losses(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
        """Losses of the part."""
        return self.part_of(stage).losses(stage, batch, turn)

    def picture(self, stage: Stage, batch: Sample) -> np.ndarray | None:
        """A strip of the part."""
        return self.part_of(stage).picture(stage, batch)

    def watch(self, stage: Stage, step: int, losses: Mapping[str, float]) -> str | None:
        """Advice of the part."""
        return self.part_of(stage).watch(stage, step, losses)

    def settle(self, stage: Stage) -> None:
        """Settle as the part does."""
        self.part_of(stage).settle(stage)

    def figures(self, stage: Stage) -> dict[str, float]:
        """Figures of the part."""
        return self.part_of(stage).figures(stage)

    def make_room(self, saved: Mapping[str, Tensor]) -> None:
        """Every part makes room for its own tensors."""
        for part in self.parts:
            part.make_room(saved)

    def notes(self) -> Sequence[str]:
        """Notes of all parts."""
        return [note for part in self.parts for note in part.notes()]

    def files(self, stage: Stage) -> Files:
        """Files of the part."""
        return self.part_of(stage).files(stage)


def is_part(name: str, parts: tuple[str, ...]) -> bool:
    """Whether the parameter or module `name` is one of `parts` or inside one of them."""
    return any(part in ("", name) or name.startswith(part + ".") for part in parts)
