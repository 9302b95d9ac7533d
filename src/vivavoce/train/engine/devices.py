"""Where training happens: on which devices, in how many processes, at which precision."""

from __future__ import annotations

import ctypes
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy, ModelParallelStrategy
from torch import Tensor, nn

from vivavoce.errors import RequestError
from vivavoce.nn.devices import pick
from vivavoce.systems.stage import Sample, Stage, Trainable, Turn
from vivavoce.train.engine.sharding import shard


@dataclass(frozen=True)
class Options:
    """How a run is trained: where to, on what devices, how often it is saved."""

    out: Path
    """Folder of the checkpoint that is made."""
    data: Path | None = None
    """Folder that the samples come from; None: the system draws them itself."""
    precision: Literal["32", "bf16"] = "32"
    """Numbers of the forward pass: 32-bit floats, or bfloat16 by autocast."""
    devices: int = 1
    """Number of processes on this machine, one a device."""
    strategy: Literal["ddp", "fsdp"] = "ddp"
    """With several devices, whether each holds all weights or a share of them."""
    minutes: float = 10.0
    """Time between two checkpoints in minutes."""
    log: Path | None = None
    """Folder for TensorBoard; None: no log."""
    device: str = "auto"
    """Kind of device: "cpu", "cuda", "cuda:1", "mps", or "auto", a GPU where there is one."""


def make_fabric(options: Options) -> Fabric:
    """One process a device: a CPU, a GPU, several (`torchrun` or --devices), DDP or FSDP.

    Raises: RequestError: more devices are asked for than there are, or another kind.
    """
    device = pick(options.device)
    if device.type == "cuda" and options.devices > torch.cuda.device_count():
        raise RequestError(
            f"There are {torch.cuda.device_count()} GPUs here, not {options.devices}: --devices."
        )
    torchrun = "TORCHELASTIC_RUN_ID" in os.environ
    processes = int(os.environ["WORLD_SIZE"]) if torchrun else options.devices
    strategy: Any = "auto"
    if options.strategy == "fsdp" and processes > 1:
        strategy = ModelParallelStrategy(
            shard, data_parallel_size=processes, tensor_parallel_size=1
        )
    elif processes > 1:
        # A turn leaves the other optimisers' parameters without gradients.
        strategy = DDPStrategy(find_unused_parameters=True)
    count: Any = options.devices if device.index is None else [device.index]
    return Fabric(
        accelerator=device.type,
        devices=int(os.environ["LOCAL_WORLD_SIZE"]) if torchrun else count,
        num_nodes=int(os.environ["GROUP_WORLD_SIZE"]) if torchrun else 1,
        strategy=strategy,
        precision="bf16-mixed" if options.precision == "bf16" else "32-true",
    )


class Forward(nn.Module):
    """What Fabric wraps: losses are made inside `forward`, so that gradients meet and precision
    holds whichever parts of the network a system calls."""

    def __init__(self, trainable: Trainable, stage: Stage) -> None:
        super().__init__()
        self.network = trainable.network
        self._losses, self._stage = trainable.losses, stage

    def forward(self, batch: Sample, turn: Turn) -> dict[str, Tensor]:
        """The losses of one turn at one batch, by their names."""
        return self._losses(self._stage, batch, turn)


def keep_memory() -> None:
    """Ask the C library to keep what is freed for the next step instead of giving it back.

    Every step frees and asks for the same large tensors; handing pages back and forth took a
    quarter of the time of TTSF's face stage on a processor. Elsewhere than with glibc: nothing.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    no_mapping, trim_at, largest = -4, -1, 2**31 - 1  # M_MMAP_MAX, M_TRIM_THRESHOLD of malloc.h
    libc.mallopt(no_mapping, 0)
    libc.mallopt(trim_at, largest)
