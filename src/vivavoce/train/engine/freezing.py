"""What learns and what stands still: gradients off, statistics still, and the proof of it."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor, nn

from vivavoce.errors import TrainingStopped, UnknownName
from vivavoce.systems.stage import Optimiser, Stage, is_part
from vivavoce.train.engine.sharding import whole


def check_parts(network: nn.Module, stage: Stage) -> None:
    """Raise `UnknownName` unless every part that the stage trains has parameters."""
    names = [name for name, _ in network.named_parameters()]
    for part in stage.trains:
        if not any(is_part(name, (part,)) for name in names):
            known = sorted({name.partition(".")[0] for name in names} | set(names))
            raise UnknownName(f"part (stage {stage.name!r} trains it)", part, known)


def learn_only(network: nn.Module, parts: tuple[str, ...]) -> None:
    """Let gradients reach the parameters of `parts`, and no others."""
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(is_part(name, parts))


def set_modes(network: nn.Module, parts: tuple[str, ...]) -> None:
    """Training mode for `parts`, evaluation mode for the rest: norms there keep their statistics
    and nothing is dropped."""
    for name, module in network.named_modules():
        module.training = is_part(name, parts)


def trained_by(network: nn.Module, optimiser: Optimiser) -> list[nn.Parameter]:
    """The parameters that an optimiser moves."""
    return [p for name, p in network.named_parameters() if is_part(name, optimiser.trains)]


def fingerprints(network: nn.Module, stage: Stage) -> dict[str, str]:
    """A hash of every tensor that the stage does not train, buffers too."""
    return {
        name: _fingerprint(whole(tensor))
        for name, tensor in network.state_dict().items()
        if not is_part(name, stage.trains)
    }


def prove_frozen(network: nn.Module, stage: Stage, before: dict[str, str]) -> None:
    """Raise `TrainingStopped` if a bit of what the stage does not train has changed."""
    after = fingerprints(network, stage)
    changed = [name for name, mark in after.items() if before.get(name) != mark]
    if changed:
        raise TrainingStopped(
            f"Stage {stage.name!r} changed {', '.join(changed[:3])}"
            f"{f' and {len(changed) - 3} more' if len(changed) > 3 else ''}, which it should have "
            "left frozen. Nothing of this stage was kept as finished; either name the part in "
            "`trains` of one of its optimisers, or find what writes to it."
        )


def _fingerprint(tensor: Tensor) -> str:
    flat = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    return hashlib.blake2b(flat.numpy().tobytes(), digest_size=16).hexdigest()
