"""The checkpoint that people use: config.json, *.safetensors, and a model card."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import save

import vivavoce
from vivavoce.media.files import beside, writing
from vivavoce.systems.stage import Files, Trainable
from vivavoce.train.engine.checkpoint import State


def write_product(
    trainable: Trainable, files: Files, state: State, out: Path, data: Path | None
) -> None:
    """Write the files of the checkpoint, each whole or not at all.

    Raises: CannotWrite: no space, no permission.
    """
    about = {
        "system": trainable.system,
        "preset": trainable.preset,
        "version": vivavoce.__version__,
    } | trainable.config()
    if trainable.notes():
        about["notes"] = list(trainable.notes())
    for name, (tensors, metadata) in files.items():
        plain = {key: tensor.contiguous() for key, tensor in tensors.items()}
        _write(out / name, save(plain, metadata))
    _write(out / "config.json", (json.dumps(about, indent=1) + "\n").encode())
    _write(out / "README.md", model_card(trainable, state, data).encode())


def model_card(trainable: Trainable, state: State, data: Path | None) -> str:
    """What is known of how the checkpoint came to be; limits are for a person to add."""
    rows = [
        f"| {name} | {', '.join(part for o in s['optimisers'].values() for part in o['trains'])} "
        f"| {', '.join(f'{n} {w:g}' for n, w in s['losses'].items())} "
        f"| {s['steps']} x {s['batch'] * s['accumulate']} |"
        for name, s in state.settings.items()
        if name in state.done
    ]
    figures = [f"| {name} | {value:.4g} |" for name, value in state.figures.items()]
    source = f" on `{data.name}`" if data is not None else ""
    lines = [
        "---", "library_name: vivavoce", "---", "", f"# {trainable.system}-{trainable.preset}", "",
        f"Trained with vivavoce {state.version}, seed {state.seed}{source}:",
        f"`vivavoce train {trainable.system} --preset {trainable.preset} --seed {state.seed}"
        f"{''.join(f' --set model.{pair}' for pair in state.model)}`.", "",
        *([f"It began with weights of {', '.join(state.begun)}.", ""] if state.begun else []),
        *(line for note in trainable.notes() for line in (note, "")),
        "| stage | learns | losses and weights | steps x samples |", "|---|---|---|---|", *rows,
    ]  # fmt: skip
    if figures:
        lines += ["", "| figure, measured at the end of its stage | value |", "|---|---|", *figures]
    return "\n".join(lines) + "\n"


def _write(target: Path, content: bytes) -> None:
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    with beside(target) as part, writing(target):
        part.write_bytes(content)
