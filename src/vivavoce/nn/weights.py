"""Checkpoint files: small to carry, checked when read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import torch
from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from vivavoce.errors import BadCheckpoint

Settings = TypeVar("Settings", bound=BaseModel)
SHIPPED = Path(__file__).parents[1] / "weights"
"""Folder of the checkpoints that ship: <system>-<preset>/, and judges/."""


def read_settings(folder: Path, system: str, made_of: type[Settings]) -> Settings:
    """What the network of a checkpoint is made of, as the config.json in `folder` says.

    Raises: BadCheckpoint: no such file, or it is not of this system; names what is wrong first.
    """
    try:
        return made_of(**json.loads((folder / "config.json").read_text("utf-8"))["settings"])
    except ValidationError as error:
        first = error.errors()[0]
        why = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    except KeyError as error:
        why = f"it has no {error}"
    except (OSError, ValueError, TypeError) as error:
        why = str(error)
    raise BadCheckpoint(
        f"{folder}/config.json does not describe a network of {system} ({why}). Copy all files "
        "from one checkpoint."
    )


SCALE = "|scale"
"""Follows the name of a matrix that is kept in bytes."""
MATRIX = 1024
"""Numbers in the smallest matrix that is."""


def packed(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights as a file keeps them: of matrices a byte a number and a scale a row (8-bit symmetric
    quantisation, a row's largest number becoming 127), the rest in half precision."""
    out: dict[str, Tensor] = {}
    for name, weight in weights.items():
        if not weight.is_floating_point():
            out[name] = weight.contiguous()
        elif weight.dim() < 2 or weight.numel() < MATRIX:
            out[name] = weight.half().contiguous()
        else:
            rows = weight.float().flatten(1)
            scale = rows.abs().amax(1).clamp(min=1e-9) / 127
            out[name] = (rows / scale[:, None]).round().to(torch.int8).view(weight.shape)
            out[name + SCALE] = scale
    return out


def _unpacked(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    scales = {n.removesuffix(SCALE): tensors.pop(n) for n in [*tensors] if n.endswith(SCALE)}
    for name, scale in scales.items():
        rows = tensors[name].flatten(1).float() * scale[:, None]
        tensors[name] = rows.view(tensors[name].shape)
    return tensors


def read_weights(file: Path, made_for: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file whose metadata says `part` = `made_for`.

    Raises: BadCheckpoint: the file is missing, damaged, or another part's.
    """
    if not file.is_file():
        raise BadCheckpoint(
            f"{file} is missing: the checkpoint is incomplete. Copy all its files again, or train "
            "it anew."
        )
    try:
        with safe_open(file, "pt") as opened:
            metadata = opened.metadata() or {}
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise BadCheckpoint(
            f"{file} is damaged ({error}). Copy or train the checkpoint again."
        ) from None
    if metadata.get("part") != made_for:
        raise BadCheckpoint(
            f"{file} does not hold {made_for}; it was made for something else. Copy all files from "
            "one checkpoint."
        )
    return _unpacked(tensors), metadata


def read_into(
    module: nn.Module, file: Path, made_for: str, lacks: tuple[str, ...] = ()
) -> dict[str, str]:
    """Give a module the weights of a file, in float32; the file's metadata comes back.

    Args:
        module: What the settings beside the file describe.
        file: A safetensors file whose metadata says `part` = `made_for`.
        made_for: Name of the part.
        lacks: Beginnings of the names of weights that the file may do without.

    Raises: BadCheckpoint: missing, damaged, another part's, or of other settings.
    """
    tensors, metadata = read_weights(file, made_for)
    fill(module, tensors, file, lacks)
    return metadata


def fill(
    module: nn.Module, tensors: Mapping[str, Tensor], file: Path, lacks: tuple[str, ...] = ()
) -> None:
    """Give a module tensors that were read from `file`; see `read_into`.

    Raises: BadCheckpoint: they are of other settings.
    """
    floats = {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}
    try:
        missing, unknown = module.load_state_dict(floats, strict=False)
    except RuntimeError:  # of other sizes
        missing, unknown = [], ["sizes"]
    if unknown or not all(name.startswith(lacks) for name in missing):
        raise BadCheckpoint(
            f"{file} does not fit its config.json: it was trained with other settings or for "
            "another preset. Copy all files from one checkpoint, or train it again."
        )


def check_shipped(folder: Path, system: str) -> None:
    """Refuse a built-in checkpoint that does not ship.

    Raises: BadCheckpoint: there is no such folder; says how to train one.
    """
    if not folder.is_dir():
        raise BadCheckpoint(
            f"No {folder.name} ships with this version. Train one with `vivavoce train {system} "
            "--data SHARDS -o FOLDER` and give its folder: --system FOLDER."
        )
