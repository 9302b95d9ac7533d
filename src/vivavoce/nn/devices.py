"""Devices by name: where a network runs."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import TypeVar

import torch
from torch import nn

from vivavoce.errors import RequestError

Network = TypeVar("Network", bound=nn.Module)


def pick(device: str | torch.device = "cpu") -> torch.device:
    """The device called "cpu", "cuda", "cuda:1", "mps" or "auto".

    Args:
        device: "cuda" is the first NVIDIA (or AMD ROCm) GPU and "cuda:1" the second, "mps" the GPU
            of an Apple computer; "auto" is the first GPU there is, or else the CPU.

    Raises: RequestError: there is no such device on this machine, or no device of such a name.
    """
    name = str(device)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if _has_mps() else "cpu"
    if name == "meta":  # shapes without numbers: of tests and counts
        return torch.device(name)
    found = re.fullmatch(r"(cpu|mps|cuda)(?::(\d+))?", name)
    if found is None or (found[2] and found[1] != "cuda"):
        raise RequestError(
            f"There is no device {name!r}. Known: cpu, cuda, cuda:0, cuda:1, ..., mps, auto."
        )
    if found[1] == "mps" and not _has_mps():
        raise RequestError("This machine has no Apple GPU that torch can use: take cpu or auto.")
    if found[1] == "cuda" and not torch.cuda.is_available():
        raise RequestError(
            "This machine has no GPU that torch can use: take cpu or auto, or install torch for "
            "CUDA (see https://pytorch.org/get-started)."
        )
    count = torch.cuda.device_count()
    if found[2] and int(found[2]) >= count:
        raise RequestError(f"There is no {name}: this machine has {count} GPUs, from cuda:0 on.")
    return torch.device(name)


def cpu_copy(network: Network) -> Network:
    """A copy on the CPU, ready for use: for small networks that answer a few numbers at a time."""
    return deepcopy(network).cpu().eval()


def _has_mps() -> bool:
    return torch.backends.mps.is_available()
