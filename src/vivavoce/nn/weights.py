"""Read checkpoint files."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from vivavoce.errors import BadCheckpoint


def read_weights(file: Path, made_for: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file whose metadata says `part` = `made_for`.

    Raises: BadCheckpoint: the file is missing, damaged, or another part's.
    """
    if not file.is_file():
        raise BadCheckpoint(
            f"{file} is missing: the checkpoint is incomplete. Install vivavoce again, or train it "
            "with `make train-portrait`."
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
        raise BadCheckpoint(f"{file} does not hold {made_for}; it was made for something else.")
    return tensors, metadata
