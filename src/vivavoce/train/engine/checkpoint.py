"""The state of a run on disk: `<out>/training/state.pt` and `losses.jsonl` beside it.

It is written beside its place and renamed when it is whole, so there is always a good one. It
holds tensors, numbers and names only, and is read without running any code.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, BinaryIO, TextIO

import torch

import vivavoce
from vivavoce.errors import BadCheckpoint, RequestError
from vivavoce.media.files import beside, writing
from vivavoce.systems import SYSTEMS, located
from vivavoce.systems.stage import Trainable

FORMAT = 1
"""Version of the file's layout; a file of another version is refused."""


@dataclass
class State:
    """Everything that a run needs to go on: where it stands, its settings, all its tensors."""

    system: str
    preset: str
    seed: int
    done: list[str] = field(default_factory=list)
    """Names of the stages that are finished."""
    stage: str = ""
    """Name of the stage in progress; "" between stages."""
    step: int = 0
    """Number of its steps that are done."""
    drawn: int = 0
    """Number of its samples that are used up, over all processes."""
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Name of a stage → its settings, as numbers and names."""
    model: list[str] = field(default_factory=list)
    """Settings of the network that differ from the preset, as "key=value"."""
    figures: dict[str, float] = field(default_factory=dict)
    """Figures that were measured so far, by "stage: figure"."""
    network: dict[str, Any] = field(default_factory=dict)
    """Tensors of the network by their names."""
    optimisers: dict[str, Any] = field(default_factory=dict)
    """Name of a turn → state of its optimiser; empty between stages."""
    schedules: dict[str, Any] = field(default_factory=dict)
    """Name of a turn → state of its learning rate; empty between stages."""
    mean: dict[str, Any] | None = None
    """Running mean of the weights that learn; None: the stage keeps none."""
    frozen: dict[str, str] = field(default_factory=dict)
    """Name of a tensor that stands still → its fingerprint when the stage began."""
    begun: list[str] = field(default_factory=list)
    """Runs that the network's first weights were taken from, "FOLDER" or "FOLDER:PART"."""
    format: int = FORMAT
    """Version of the layout of the file."""
    version: str = vivavoce.__version__
    """Version of vivavoce that began the run."""


def state_file(out: Path) -> Path:
    """The checkpoint of the run whose product goes to `out`."""
    return out / "training" / "state.pt"


def write_state(state: State, out: Path) -> None:
    """Replace the checkpoint; the old one stays if that fails.

    Raises: CannotWrite: no space, no permission.
    """
    target = state_file(out)
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    content = {f.name: getattr(state, f.name) for f in fields(State)}
    with writing(target), beside(target) as part, part.open("wb") as file:
        _save(content, file)
        file.flush()
        os.fsync(file.fileno())


def _save(content: dict[str, Any], file: BinaryIO) -> None:
    try:
        torch.save(content, file)
    except RuntimeError as error:  # torch's zip writer hides the file's own failure in it
        raise error.__context__ if isinstance(error.__context__, OSError) else error from None


def read_state(out: Path) -> State:
    """State of the run that lies in `out`.

    Raises: BadCheckpoint: there is none, it is damaged, or of another format.
    """
    file = state_file(out)
    if (out / "config.json").is_file() and not file.is_file():
        raise BadCheckpoint(
            f"{out} is a finished checkpoint without the state of its training: critics, averages "
            f"and optimisers are not in it. Give the folder of a run, which has {file.parent.name}/"
            f"{file.name}."
        )
    if not file.is_file():
        raise BadCheckpoint(
            f"{out} holds no run to resume: there is no {file.name} in {file.parent}."
        )
    try:
        content = torch.load(file, "cpu", weights_only=True)
        found = content["format"]
    except (RuntimeError, UnpicklingError, EOFError, OSError, ValueError, KeyError, TypeError) as e:
        reason = (str(e).splitlines() or [type(e).__name__])[0][:100]
        raise BadCheckpoint(
            f"{file} is damaged or no checkpoint ({reason}). Restore it from a copy, or start "
            "again in another folder."
        ) from None
    if found != FORMAT:
        raise BadCheckpoint(
            f"{file} has format {found} (vivavoce {content.get('version', '?')}); this version "
            f"reads {FORMAT}. Go on with the version that wrote it, or start again."
        )
    return State(**content)


def take_weights(trainable: Trainable, source: str) -> str:
    """Let the network begin with another run's weights (their mean, where the run kept one).

    Args:
        trainable: Weights of the same name and shape are taken.
        source: "FOLDER", or "FOLDER:PART" for one part, e.g. "runs/a:acoustic".

    Returns: The source without the path to its folder, for the card.

    Raises: BadCheckpoint: no run there. RequestError: nothing in it fits.
    """
    folder, _, part = source.partition(":")
    known = folder in SYSTEMS and not Path(folder).exists()
    state = read_state(located(folder)[1] if known else Path(folder))
    weights = state.network | {k: v for k, v in (state.mean or {}).items() if k in state.network}
    own = trainable.network.state_dict()
    fitting = {
        name: weight for name, weight in weights.items()
        if (not part or name.startswith(f"{part}."))
        and name in own and own[name].shape == weight.shape
    }  # fmt: skip
    if not fitting:
        parts = ", ".join(sorted({name.partition(".")[0] for name in weights}))
        raise RequestError(
            f"{source} holds no weights that fit {trainable.system} ({trainable.preset}); its "
            f"parts: {parts}."
        )
    trainable.network.load_state_dict(own | fitting)
    return ":".join([Path(folder).resolve().name, *([part] if part else [])])


def check_fits(state: State, trainable: Trainable, seed: int | None, out: Path) -> None:
    """Raise `BadCheckpoint` unless the run in `out` is of this system, preset, seed and network."""
    file = state_file(out)
    asked = {"system": trainable.system, "preset": trainable.preset}
    asked |= {} if seed is None else {"seed": seed}  # type: ignore[dict-item]
    for name, value in asked.items():
        found = getattr(state, name)
        if found != value:
            raise BadCheckpoint(
                f"{file} is a run of {name} {found!r}, not {value!r}. Ask for {found!r}, or start "
                "another run in another folder."
            )
    own = {name: tuple(t.shape) for name, t in trainable.network.state_dict().items()}
    saved = {name: tuple(t.shape) for name, t in state.network.items()}
    for name in sorted(own.keys() | saved.keys()):
        if own.get(name) != saved.get(name):
            raise BadCheckpoint(
                f"{file} was made by vivavoce {state.version}, whose network of "
                f"{trainable.system!r} differs: {name} is {saved.get(name, 'absent')} there and "
                f"{own.get(name, 'absent')} here. Go on with that version, or start again."
            )


class LossLog:
    """`losses.jsonl`: the losses of every step, a line each, so that curves can be compared.

    The file is opened with the first line; what a resumed run will do again is cut off then.
    """

    def __init__(self, out: Path, upto: State) -> None:
        self._path, self._upto = state_file(out).with_name("losses.jsonl"), upto
        self._file: TextIO | None = None

    def add(self, stage: str, step: int, losses: dict[str, float]) -> None:
        """Append the losses of one step to the file.

        Raises: CannotWrite: no space.
        """
        with writing(self._path):
            self._file = self._file or self._open(stage, step)
            print(json.dumps({"stage": stage, "step": step} | losses), file=self._file)

    def flush(self) -> None:
        """Let others see what was noted."""
        with writing(self._path):
            if self._file is not None:
                self._file.flush()

    def close(self) -> None:
        """Close the file; nothing more is noted."""
        with writing(self._path):
            if self._file is not None:
                self._file.close()

    def _open(self, stage: str, step: int) -> TextIO:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        done = self._upto.done
        kept = [
            line
            for line in self._lines()
            for row in (json.loads(line),)
            if row["stage"] in done or (row["stage"] == stage and row["step"] < step)
        ]
        with beside(self._path) as part:
            part.write_text("".join(kept), "utf-8")
        return self._path.open("a", encoding="utf-8")

    def _lines(self) -> Iterator[str]:
        if self._path.is_file():
            for line in self._path.read_text("utf-8").splitlines(keepends=True):
                if line.endswith("\n"):  # a killed run may leave half a line
                    yield line


def settings_of(stages: tuple[Any, ...]) -> dict[str, dict[str, Any]]:
    """Stage name → its settings, as numbers and names alone."""
    return {stage.name: asdict(stage) for stage in stages}
