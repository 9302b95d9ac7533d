"""`--dry-run`: what would be trained, and what memory it takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from vivavoce.systems.stage import Run, Stage, Trainable, Turn, is_part
from vivavoce.train.engine.freezing import check_parts, learn_only, set_modes
from vivavoce.train.engine.sampling import batches

_MB = 1e6


def report(
    trainable: Trainable, stages: Sequence[Stage], data: Path | None, out: Path, seed: int
) -> str:
    """A text: the parts with their parameters, then each stage.

    Memory is of one process in 32 bits: weights, gradients, Adam's two moments, the mean; and,
    where `data` is given, the activations that one forward pass of a stage keeps, measured.
    """
    network = trainable.network
    if data is not None:
        trainable.check(stages, Run(data, out, seed))
    counts = {name: _count(part) for name, part in network.named_children()}
    counts |= {"(own)": _count(network) - sum(counts.values())}
    lines = [f"{trainable.system}-{trainable.preset}: {_count(network):,} parameters"]
    lines += [f"  {name:24s} {count:>13,}" for name, count in counts.items() if count]
    for stage in stages:
        check_parts(network, stage)
        lines += ["", *_stage(trainable, stage, data, Run(data, out, seed))]
    return "\n".join(lines)


def _stage(trainable: Trainable, stage: Stage, data: Path | None, run: Run) -> list[str]:
    network = trainable.network
    frozen = [n for n, _ in network.named_children() if not _touches(n, stage.trains)]
    losses = ", ".join(f"{name} x {weight:g}" for name, weight in stage.losses.items())
    lines = [f"stage {stage.name}: {stage.steps} steps of {stage.batch} x {stage.accumulate}"]
    for name, optimiser in stage.optimisers.items():
        count = sum(p.numel() for p in _learning(network, optimiser.trains))
        parts = ", ".join(part or "everything" for part in optimiser.trains)
        lines.append(
            f"  {name}: trains {parts} ({count:,}); lr {optimiser.lr:g} {optimiser.schedule}"
        )
    lines += [f"  frozen: {', '.join(frozen) or 'nothing'}", f"  losses: {losses}"]
    learning = sum(p.numel() for p in _learning(network, stage.trains))
    sizes = {"weights": _bytes(network), "gradients": 4 * learning, "Adam": 8 * learning}
    sizes |= {"mean": 4 * learning} if stage.ema else {}
    if data is not None:
        trainable.begin(stage, run)
        sizes["activations"] = activations(trainable, stage, run.seed)
    words = ", ".join(f"{name} {size / _MB:.1f}" for name, size in sizes.items())
    lines.append(f"  memory: {sum(sizes.values()) / _MB:.1f} MB ({words})")
    return [*lines, *(["  activations: give --data to measure them"] if data is None else [])]


def activations(trainable: Trainable, stage: Stage, seed: int) -> int:
    """Bytes that the forward pass of the hungriest turn keeps for its gradients, weights apart."""
    network = trainable.network
    numbers, batch = next(batches(trainable, stage, seed))
    weights = {p.untyped_storage().data_ptr() for p in network.parameters()}
    most = 0
    set_modes(network, stage.trains)
    buffers = {name: b.clone() for name, b in network.named_buffers()}
    for name, optimiser in stage.optimisers.items():
        learn_only(network, optimiser.trains)
        kept: dict[int, int] = {}

        def keep(tensor: Tensor, kept: dict[int, int] = kept) -> Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in weights:
                kept[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            turn = Turn(name, 0, stage.settings_at(0), numbers, seed)
            losses = trainable.losses(stage, batch, turn)
        most = max(most, sum(kept.values()))
        del losses
    for name, buffer in network.named_buffers():
        buffer.copy_(buffers[name])
    return most


def _count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def _bytes(module: nn.Module) -> int:
    return sum(t.numel() * t.element_size() for t in [*module.parameters(), *module.buffers()])


def _learning(network: nn.Module, parts: tuple[str, ...]) -> list[nn.Parameter]:
    return [p for name, p in network.named_parameters() if is_part(name, parts)]


def _touches(name: str, parts: tuple[str, ...]) -> bool:
    """Whether something of the part `name` learns."""
    return is_part(name, parts) or any(part.startswith(name + ".") for part in parts)
