"""Reading weights that others published."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from vivavoce.errors import BadCheckpoint
from vivavoce.nn.devices import pick

Net = TypeVar("Net", bound=nn.Module)


def read_published(path: str, what: str) -> dict[str, Tensor]:
    """The tensors of a file of torch by their own names; "module." of data-parallel runs is taken
    away. Nothing in the file is executed.

    Raises: BadCheckpoint: missing, damaged, or no dictionary of tensors.
    """
    try:
        found = torch.load(Path(path), map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise refusal(path, what, error) from None
    if isinstance(found, Mapping) and "state_dict" in found:
        found = found["state_dict"]
    if not isinstance(found, Mapping) or not all(isinstance(v, Tensor) for v in found.values()):
        raise BadCheckpoint(f"{path} does not hold {what}: it is no dictionary of tensors.")
    return {str(k).removeprefix("module."): v for k, v in found.items()}


def load_into(
    net: Net,
    path: str,
    what: str,
    keep: Callable[[str], bool] = lambda name: True,
    device: str = "cpu",
) -> Net:
    """`net` with the weights of the file, frozen, on `device`; names that `keep` refuses are left
    out.

    Raises: BadCheckpoint: the file does not fit.
    """
    weights = {k: v for k, v in read_published(path, what).items() if keep(k)}
    try:
        net.load_state_dict(weights)
    except RuntimeError as error:
        raise refusal(path, what, error) from None
    return net.eval().requires_grad_(False).to(pick(device))


def refusal(path: str, what: str, error: Exception) -> BadCheckpoint:
    """One sentence about a file that does not fit."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    why = lines[1].strip() if len(lines) > 1 and "state_dict" in lines[0] else lines[0]
    return BadCheckpoint(f"{path} does not hold {what}: {why[:160]}")
