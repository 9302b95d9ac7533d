"""train: data → checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from vivavoce.errors import OutputRefused, RequestError, UnknownName, needs
from vivavoce.systems import SYSTEMS, dotted

if TYPE_CHECKING:
    from vivavoce.systems.stage import Stage, Trainable
    from vivavoce.train.engine.checkpoint import State

OTHERS = {
    "judges": "vivavoce.train.judges:JudgesTraining",
    "latent": "vivavoce.train.latent.training:LatentTraining",
}
"""Name → class of what is trained and is no system; a system's own package names its `TRAINING`."""
PRECISIONS = ("32", "bf16")
STRATEGIES = ("ddp", "fsdp")


def names() -> list[str]:
    """The names of all that can be trained: the systems, and what serves them."""
    return [*SYSTEMS, *OTHERS]


def trainable_of(name: str) -> type[Trainable]:
    """The class that trains the system of that name.

    Raises: UnknownName: there is none.
    """
    place = OTHERS.get(name)
    if name in SYSTEMS:
        place = getattr(import_module(SYSTEMS[name]), "TRAINING", None)
    if place is None:
        raise UnknownName("system to train", name, names())
    found: type[Trainable] = dotted(place)
    return found


def make(
    made: Callable[..., Trainable], preset: str = "tiny", changes: Sequence[str] = ()
) -> Trainable:
    """A trainable of a preset, with random weights.

    Args:
        made: Its class.
        preset: A name of its `presets`, or "tiny" where it has none.
        changes: "NAME=VALUE" settings of the preset, such as "width=192".

    Raises: UnknownName: no such preset or setting. RequestError: a setting of the wrong kind.
    """
    from vivavoce.train.engine import settings

    presets = getattr(made, "presets", {})
    if preset not in (presets or ("tiny",)):
        system = getattr(made, "system", made.__name__)
        raise UnknownName(f"preset of {system}", preset, presets or ("tiny",))
    if presets:
        chosen = presets[preset]
        trainable = made(settings.changed(chosen.settings, changes), chosen.stages)
    elif changes:
        raise UnknownName("setting", f"model.{changes[0].partition('=')[0]}", ())
    else:
        trainable = made()
    trainable.preset = preset
    return trainable


def train_system(
    system: str | type[Trainable],
    out: Path,
    data: Path | None = None,
    *,
    preset: str = "tiny",
    stage: str = "all",
    changes: Sequence[str] = (),
    resume: bool = False,
    start: Sequence[str] = (),
    dry_run: bool = False,
    seed: int | None = None,
    devices: int = 1,
    precision: str = "32",
    strategy: str = "ddp",
    minutes: float = 10.0,
    log: Path | None = None,
    device: str = "auto",
) -> None:
    """Train a stage of a system, or all of them, into the checkpoint folder `out`.

    Args:
        system: A name of `names()`; or a class of your own.
        out: Gets config.json, *.safetensors, README.md; `training/` in it holds the run.
        data: Shards, or what else the system learns from.
        preset: A name of the system's presets, such as "tiny" or "paper".
        stage: Its name, or "all".
        changes: "key=value" settings of the stages, or, as "model.key=value", of the network; see
            `train.engine.settings`.
        resume: Go on with the run in `out`, with its settings and seed; `changes` come on top.
        start: Runs whose weights it begins with, "FOLDER" or "FOLDER:PART"; the last one wins.
        dry_run: Print what would be trained, and what memory it takes.
        seed: Of weights, samples and noise; 0 for a new run.
        devices: Processes, one a device; under `torchrun` it decides.
        precision: "32" or "bf16".
        strategy: "ddp" or "fsdp", with several devices.
        minutes: Between checkpoints.
        log: TensorBoard's folder.
        device: "cpu", "cuda", "cuda:1", "mps", or "auto", a GPU where there is one.

    Raises: UnknownName: no such system, preset, stage, setting. RequestError: a setting of the
    wrong kind, no data. OutputRefused: `out` holds a run and not `resume`. BadCheckpoint: the run
    in `out` is damaged or of something else. TrainingStopped: see `train.engine.loop`.
    """
    for kind, value, known in (
        ("precision", precision, PRECISIONS),
        ("strategy", strategy, STRATEGIES),
    ):
        if value not in known:
            raise UnknownName(kind, value, known)
    needs("lightning_fabric")
    made = trainable_of(system) if isinstance(system, str) else system
    import torch

    from vivavoce.train.engine import checkpoint, loop, settings
    from vivavoce.train.engine import dry_run as table
    from vivavoce.train.engine.devices import Options, keep_memory, make_fabric

    state = checkpoint.read_state(out) if resume else None
    model, changes = settings.split(changes)
    if state and model:
        raise RequestError(
            "The network of a run stays as it is: leave out --set model.*, or start another run."
        )
    first_seed = state.seed if state else seed or 0
    torch.manual_seed(first_seed)
    trainable = make(made, preset, state.model if state else model)
    chosen = _stages(trainable, stage, changes, state)
    if dry_run:
        print(table.report(trainable, chosen, data, out, first_seed))
        return
    state = _state(trainable, state, seed, out)
    state.model = state.model or model
    if start and state.stage:
        raise RequestError(
            f"The run is in the middle of stage {state.stage!r}: weights can be taken only between "
            "stages. Leave out --from, or finish the stage."
        )
    state.begun += [checkpoint.take_weights(trainable, source) for source in start]
    state.settings |= checkpoint.settings_of(chosen)
    options = Options(out, data, precision, devices, strategy, minutes, log, device)  # type: ignore[arg-type]
    keep_memory()
    fabric = make_fabric(options)
    fabric.launch()
    loop.Trainer(fabric, trainable, state, options).run(chosen)


def _stages(
    trainable: Trainable, wanted: str, changes: Sequence[str], state: State | None
) -> tuple[Stage, ...]:
    """The stages to train with their settings: the system's, the resumed run's, then `changes`."""
    from vivavoce.train.engine import settings

    names = [stage.name for stage in trainable.stages]
    if wanted not in (*names, "all"):
        raise UnknownName("stage", wanted, (*names, "all"))
    known = state.settings if state else {}
    if state and state.stage and wanted not in (state.stage, "all"):
        raise RequestError(
            f"The run is in the middle of stage {state.stage!r}. Finish it first: --stage "
            f"{state.stage} --resume."
        )
    chosen = [
        settings.build(known[s.name]) if s.name in known else s
        for s in trainable.stages
        if wanted in (s.name, "all")
    ]
    return settings.apply(chosen, changes)


def _state(trainable: Trainable, state: State | None, seed: int | None, out: Path) -> State:
    """The run to go on with, its weights in the network; or a new one."""
    from vivavoce.train.engine import checkpoint
    from vivavoce.train.engine.sharding import load_into

    if state is None:
        file = checkpoint.state_file(out)
        if file.exists():
            raise OutputRefused(
                f"{out} holds a run already. Go on with it by --resume, or choose another folder."
            )
        return checkpoint.State(trainable.system, trainable.preset, seed or 0)
    trainable.make_room(state.network)
    checkpoint.check_fits(state, trainable, seed, out)
    load_into(trainable.network, state.network)
    return state
