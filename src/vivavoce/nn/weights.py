"""Checkpoint files: small to carry, checked when read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import torch
from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError, safe_open
from torch import Tensor

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
