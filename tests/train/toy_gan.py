"""A pair of small networks on points of a ring: everything that the trainer can do, in seconds.

Run as a program it trains, so that tests can kill it or run it on two processes:
`python toy_gan.py OUT [key=value ...]`, where a key is an argument of `train_system` or, with a
dot in it, a setting.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
import torch
from pydantic import BaseModel, Field
from torch import Tensor, nn

from vivavoce.errors import VivavoceError
from vivavoce.systems.stage import Optimiser, Preset, Sample, Stage, Trainable, Turn
from vivavoce.train import OTHERS, train_system

FIT = Stage(
    "fit",
    losses={"distance": 1.0},
    steps=12,
    batch=8,
    optimisers={
        "encoder": Optimiser(trains=("encoder",), lr=1e-2, schedule="one-cycle", warmup=0.3)
    },
)
GAN = Stage(
    "gan",
    losses={"critic": 1.0, "fool": 0.5, "distance": 0.1},
    steps=12,
    batch=8,
    optimisers={
        "critic": Optimiser(trains=("critic",), lr=1e-3, betas=(0.0, 0.99), clip=1.0),
        "generator": Optimiser(trains=("generator",), lr=1e-3, warmup=0.5, schedule="cosine"),
    },
    ema=0.9,
    curriculum={6: {"distance": 0.0, "spread": 0.5}},
)


class ToySettings(BaseModel):
    """How wide the pair is."""

    width: Annotated[int, Field(ge=1)] = 16


TINY = ToySettings()


class Toy(Trainable):
    """Three parts: an encoder that the first stage trains, and a pair that competes over it."""

    system = "toy"
    presets: ClassVar = {
        "tiny": Preset(TINY, (FIT, GAN)),
        "paper": Preset(ToySettings(width=24), (FIT, GAN)),
    }

    pause = 0.0

    def __init__(
        self, settings: ToySettings = TINY, stages: tuple[Stage, ...] = (FIT, GAN)
    ) -> None:
        self.settings, self.stages, width = settings, stages, settings.width
        self.network = nn.ModuleDict(
            {
                "encoder": nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)),
                "generator": nn.Sequential(
                    nn.Linear(4, width), nn.ReLU(), nn.Dropout(0.1), nn.Linear(width, 2)
                ),
                "critic": nn.Sequential(
                    nn.Linear(2, width), nn.LeakyReLU(0.2), nn.Linear(width, 1)
                ),
            }
        )
        self.poison: tuple[str, int] | None = None
        self.seen: list[tuple[str, int, dict[str, float]]] = []

    def draw(self, stage: Stage, rng: np.random.Generator) -> Sample:
        time.sleep(self.pause)
        angle = rng.uniform(0, 2 * np.pi)
        point = np.array([np.cos(angle), np.sin(angle)]) + rng.normal(0, 0.05, 2)
        return {"point": torch.tensor(point, dtype=torch.float32)}

    def losses(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
        point = batch["point"]
        code = self.network["encoder"](point)
        if stage.name == "fit":
            found = {"distance": (code - point).square().mean()}
        else:
            noise = turn.normal(2) * turn.setting("spread", 1.0)
            made = self.network["generator"](torch.cat([code, noise], -1))
            answer = self.network["critic"](made if turn.name == "generator" else made.detach())
            if turn.name == "critic":
                true = self.network["critic"](point)
                hinge = torch.relu(1 - true).mean() + torch.relu(1 + answer).mean()
                found = {"critic": hinge}
            else:
                distance = (made - point).square().mean()
                found = {"fool": -answer.mean(), "distance": distance}
        if self.poison and self.poison[1] == turn.step and self.poison[0] in found:
            found[self.poison[0]] = found[self.poison[0]] * float("nan")
        return found

    def picture(self, stage: Stage, batch: Sample) -> np.ndarray:
        shade = self.network["critic"](batch["point"]).sigmoid().numpy()
        return np.repeat((shade[None] * 255).astype(np.uint8), 3, 2)

    def watch(self, stage: Stage, step: int, losses: dict[str, float]) -> str | None:  # type: ignore[override]
        self.seen.append((stage.name, step, dict(losses)))
        return "half way" if step >= stage.steps // 2 else None

    def figures(self, stage: Stage) -> dict[str, float]:
        return {"weight": float(self.network["generator"][0].weight.detach().abs().mean())}


class Undropped(Toy):
    """Without what depends on the process: dropout, and norms over the batch."""

    presets: ClassVar = {"tiny": Preset(TINY, (GAN,))}

    def __init__(self, settings: ToySettings = TINY, stages: tuple[Stage, ...] = (GAN,)) -> None:
        super().__init__(settings, stages)
        self.network["generator"][2] = nn.Identity()


class Chosen(Undropped):
    """Each process would choose its own number after a stage."""

    made: ClassVar[list[Chosen]] = []

    def __init__(self, settings: ToySettings = TINY, stages: tuple[Stage, ...] = (GAN,)) -> None:
        super().__init__(settings, stages)
        self.network["critic"].register_buffer("chosen", torch.tensor(0.0))
        self.made.append(self)

    def settle(self, stage: Stage) -> None:
        self.network["critic"].chosen.fill_(1 + int(os.environ["RANK"]))


class Slow(Toy):
    """The toy at a pace that lets a test interrupt it."""

    pause = 0.002


OTHERS |= {"toy": "toy_gan:Toy", "undropped": "toy_gan:Undropped", "slow": "toy_gan:Slow"}


def curve(out: Path) -> list[dict[str, float]]:
    """The losses of every step of the run in `out`."""
    return [json.loads(x) for x in (out / "training" / "losses.jsonl").read_text().splitlines()]


def forked(out: Path, port: int, strategies: list[str]) -> None:
    """Train as two processes that `torchrun` would have started, once with each strategy.

    They are forked here, so that torch and Fabric are imported once.
    """
    import torch.distributed.fsdp  # noqa: F401

    import vivavoce.train.engine.loop  # noqa: F401

    torchrun = {
        "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "GROUP_WORLD_SIZE": "1", "GROUP_RANK": "0",
        "MASTER_ADDR": "127.0.0.1", "TORCHELASTIC_RUN_ID": "toy",
    }  # fmt: skip
    for number, strategy in enumerate(strategies):
        ranks = []
        for rank in range(2):
            child = os.fork()
            if child == 0:
                own = {
                    "RANK": str(rank),
                    "LOCAL_RANK": str(rank),
                    "MASTER_PORT": str(port + number),
                }
                os.environ.update(torchrun | own)
                try:
                    train_system(Chosen, out / strategy, strategy=strategy)
                    assert Chosen.made[-1].network["critic"].chosen == 1
                    os._exit(0)
                finally:
                    traceback.print_exc()
                    os._exit(1)
            ranks.append(child)
        if any(os.waitpid(child, 0)[1] for child in ranks):
            sys.exit(1)


def main() -> None:
    torch.set_num_threads(1)
    if sys.argv[1] == "forked":
        _, _, out, port, *strategies = sys.argv
        return forked(Path(out), int(port), strategies)
    system, out, *rest = sys.argv[1:]
    pairs = dict(word.split("=", 1) for word in rest)
    changes = [f"{k}={v}" for k, v in pairs.items() if "." in k]
    known = {k: json.loads(v) for k, v in pairs.items() if "." not in k}
    try:
        train_system(system, Path(out), changes=changes, **known)
    except VivavoceError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    return None


if __name__ == "__main__":
    main()
