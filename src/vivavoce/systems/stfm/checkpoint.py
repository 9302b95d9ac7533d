"""STFM's checkpoints: a file for each part, over the published weights that its settings name."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from vivavoce.nn.weights import check_shipped, read_into, read_settings
from vivavoce.systems.stfm.net import PARTS, StfmNet
from vivavoce.systems.stfm.official import fill
from vivavoce.systems.stfm.settings import StfmSettings


def load_net(folder: Path) -> StfmNet:
    """The network of the checkpoint in `folder`, with the official weights that its settings name.

    Raises: BadCheckpoint: not there, incomplete, damaged, or its weights are another preset's.
    """
    check_shipped(folder, "stfm")
    net = StfmNet(read_settings(folder, "stfm", StfmSettings))
    from_users = fill(net)
    for part in PARTS:
        module: nn.Module | None = getattr(net, part)
        if module is None or not any(True for _ in module.state_dict()):
            continue
        file = folder / f"{part}.safetensors"
        there = tuple(n.removeprefix(f"{part}.") for n in from_users if n.startswith(f"{part}."))
        read_into(module, file, f"stfm-{part}", there)
    return net.eval().requires_grad_(False)
