"""STFM's checkpoints: a file for each part, over the published weights that its settings name."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from vivavoce.errors import BadCheckpoint
from vivavoce.nn.weights import read_settings, read_weights
from vivavoce.systems.stfm.net import PARTS, StfmNet
from vivavoce.systems.stfm.official import fill
from vivavoce.systems.stfm.settings import StfmSettings


def load_net(folder: Path) -> StfmNet:
    """The network of the checkpoint in `folder`, with the official weights that its settings name.

    Raises: BadCheckpoint: not there, incomplete, damaged, or its weights are another preset's.
    """
    if not folder.is_dir():
        raise BadCheckpoint(
            f"No {folder.name} ships with this version. Train one with `vivavoce train stfm --data "
            "SHARDS -o FOLDER` and give its folder: --system FOLDER."
        )
    net = StfmNet(read_settings(folder, "stfm", StfmSettings))
    from_users = fill(net)
    for part in PARTS:
        module: nn.Module | None = getattr(net, part)
        if module is None or not any(True for _ in module.state_dict()):
            continue
        weights, _ = read_weights(folder / f"{part}.safetensors", f"stfm-{part}")
        _fill(module, {k: v.float() for k, v in weights.items()}, from_users, part, folder)
    return net.eval().requires_grad_(False)


def _fill(
    module: nn.Module,
    weights: dict[str, Tensor],
    elsewhere: frozenset[str],
    part: str,
    folder: Path,
) -> None:
    try:
        missing, unknown = module.load_state_dict(weights, strict=False)
    except RuntimeError:
        missing, unknown = ["sizes"], []
    if unknown or any(f"{part}.{name}" not in elsewhere for name in missing):
        raise BadCheckpoint(
            f"{folder / part}.safetensors does not fit the settings in config.json beside it: it "
            "was trained for another preset. Copy all files from one checkpoint."
        )
