"""Weights spread over processes (FSDP): cut them up, put them together again."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, distribute_tensor

from vivavoce.errors import RequestError


def shard(module: nn.Module, mesh: DeviceMesh) -> nn.Module:
    """Spread the parameters of every part over the processes (Zhao et al., "PyTorch FSDP", 2023).

    Each part of the network is spread by itself, so that any of them may be called alone. Called
    once for each stage; parts that are spread already stay as they are.
    """
    from torch.distributed.fsdp import FSDPModule, fully_shard

    network = module.get_submodule("network")
    if next(network.parameters(recurse=False), None) is not None:
        raise RequestError(
            "--strategy fsdp spreads the parts of a network; this one has parameters outside of "
            "its parts. Use --strategy ddp."
        )
    for part in network.children():
        if next(part.parameters(), None) is not None and not isinstance(part, FSDPModule):
            # Without resharding, a part that was frozen in one turn would go into the next with the
            # weights it had before its own last update: only a backward pass would let go of them.
            fully_shard(part, mesh=mesh["data_parallel"], reshard_after_forward=True)
    return module


@torch.no_grad()
def same_buffers(network: nn.Module) -> None:
    """Norm statistics of the first process for all, as DDP does by itself before each step."""
    for buffer in network.buffers():
        torch.distributed.broadcast(buffer, 0)


def whole(tensor: Tensor) -> Tensor:
    """The tensor with the shards of all processes; every process must ask."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def gathered(tree: Any) -> Any:
    """The same nest of dictionaries, lists and tensors, on the CPU and whole."""
    if isinstance(tree, Tensor):
        return whole(tree.detach()).cpu()
    if isinstance(tree, dict):
        return {key: gathered(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(gathered(value) for value in tree)
    return tree


def like(tensor: Tensor, pattern: Tensor) -> Tensor:
    """A whole tensor, on the device and spread as `pattern` is."""
    if isinstance(pattern, DTensor) and tensor.shape == pattern.shape:
        return distribute_tensor(tensor.to(pattern.device), pattern.device_mesh, pattern.placements)
    return tensor.to(pattern.device)


@torch.no_grad()
def load_into(network: nn.Module, saved: dict[str, Tensor]) -> None:
    """Copy whole tensors into a network whose tensors may be spread."""
    for name, tensor in network.state_dict().items():
        tensor.copy_(like(saved[name], tensor))
