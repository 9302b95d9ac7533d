"""The one training loop: every system, every stage, on one processor or many.

Lightning Fabric places the network, spreads the work and picks the precision; what happens in
which order stands in `_train` and `_turn`, for all to see.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from time import monotonic
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from vivavoce.errors import RequestError, TrainingStopped
from vivavoce.nn.threads import one_thread
from vivavoce.systems.stage import Files, Run, Sample, Stage, Trainable, Turn
from vivavoce.train.engine.checkpoint import LossLog, State, state_file, write_state
from vivavoce.train.engine.devices import Forward, Options
from vivavoce.train.engine.export import write_product
from vivavoce.train.engine.freezing import (
    check_parts,
    fingerprints,
    learn_only,
    prove_frozen,
    set_modes,
    trained_by,
)
from vivavoce.train.engine.optimise import Mean, build, schedule
from vivavoce.train.engine.progress import Watcher, write_strip
from vivavoce.train.engine.sampling import batches, seed_of
from vivavoce.train.engine.sharding import gathered, like, load_into, same_buffers
from vivavoce.train.engine.signals import Signals

STRIPS = 20
"""Pictures of a stage, evenly spread."""
SMALL = 1_000_000
"""Networks with fewer parameters run on one thread of a CPU, see `nn.threads`."""


class Trainer:
    """Runs stages of one system, one after the other."""

    def __init__(
        self, fabric: Fabric, trainable: Trainable, state: State, options: Options
    ) -> None:
        self.fabric, self.trainable, self.state, self.options = fabric, trainable, state, options
        self._advised: set[str] = set()

    def run(self, stages: Sequence[Stage]) -> None:
        """Train the stages that are not done yet and write the product after each.

        Raises: TrainingStopped: a signal, a loss that is no number, a frozen part that changed.
        CannotWrite: no space; the checkpoint before is whole.
        """
        log = LossLog(self.options.out, self.state) if self.fabric.is_global_zero else None
        try:
            with Signals() as signals:
                left = [stage for stage in stages if stage.name not in self.state.done]
                if not left:
                    self.say(f"All of it is trained already: {self.options.out}")
                    return
                self.prepare(left)
                for stage in left:
                    StageRun(self, stage, signals, log).run()
        finally:
            if log is not None:
                log.close()

    def prepare(self, stages: Sequence[Stage]) -> None:
        """Refuse what a stage to come could not work on; say what was chosen; take the device."""
        run = Run(self.options.data, self.options.out, self.state.seed, tuple(self.state.done))
        self.trainable.check(stages, run)
        for note in self.trainable.notes():
            self.say(note)
        self.fabric.to_device(self.trainable.network)
        for module in self.trainable.borrowed.values():
            self.fabric.to_device(module.requires_grad_(False).eval())

    def say(self, line: str) -> None:
        """Print a line for the person who watches; only the first process does."""
        if self.fabric.is_global_zero:
            print(line, flush=True)

    def advise(self, step: int, advice: str | None) -> None:
        """Tell the person what a system has noticed, once in the run."""
        if advice and advice not in self._advised:
            self.say(f"step {step}: {advice}")
            self._advised.add(advice)


class StageRun:
    """One stage of a run: begin or resume it, train, prove, save, measure."""

    def __init__(
        self, trainer: Trainer, stage: Stage, signals: Signals, log: LossLog | None
    ) -> None:
        self.fabric, self.trainable = trainer.fabric, trainer.trainable
        self.state, self.options = trainer.state, trainer.options
        self.trainer, self.stage, self.signals, self.log = trainer, stage, signals, log
        self.sharded = trainer.options.strategy == "fsdp" and trainer.fabric.world_size > 1
        self.saved_at = monotonic()

    def run(self) -> None:
        """Begin or resume the stage, train it, and finish it."""
        stage, network = self.stage, self.trainable.network
        resumed = self.state.stage == stage.name
        check_parts(network, stage)
        with self.fabric.rank_zero_first(local=True), self._threads():
            self.trainable.begin(stage, self._run(resumed))
        learn_only(network, stage.trains)
        self.model = self.fabric.setup_module(Forward(self.trainable, stage))
        self._optimisers()
        self.mean = Mean(network, stage.trains, stage.ema) if stage.ema else None
        if resumed:
            self._restore()
        else:
            self.state.stage, self.state.step, self.state.drawn = stage.name, 0, 0
            self.state.frozen = fingerprints(network, stage)
        with self._threads():
            self._train()
            self._finish()

    def _run(self, resumed: bool) -> Run:
        options, state = self.options, self.state
        return Run(options.data, options.out, state.seed, tuple(state.done), resumed)

    def _threads(self) -> Any:
        count = sum(p.numel() for p in self.trainable.network.parameters() if p.requires_grad)
        small = count < SMALL and self.fabric.device.type == "cpu"
        return one_thread() if small else nullcontext()

    def _optimisers(self) -> None:
        self.optimisers: dict[str, Any] = {}
        self.schedules: dict[str, Any] = {}
        for name, optimiser in self.stage.optimisers.items():
            adam = build(optimiser, self.trainable.network)
            self.schedules[name] = schedule(optimiser, adam, self.stage.steps)
            self.optimisers[name] = self.fabric.setup_optimizers(adam)

    def _train(self) -> None:
        """Take the steps that are left: draw, every turn, mean, note, save."""
        stage, state, fabric = self.stage, self.state, self.fabric
        watcher = Watcher(stage, state.step, self.options.log) if fabric.is_global_zero else None
        source = batches(
            self.trainable, stage, state.seed, state.drawn, fabric.global_rank, fabric.world_size
        )
        set_modes(self.trainable.network, stage.trains)
        try:
            for step in range(state.step, stage.steps):
                self._strip(step)
                if self.sharded:
                    same_buffers(self.trainable.network)
                drawn = [next(source) for _ in range(stage.accumulate)]
                losses: dict[str, float] = {}
                for name in stage.optimisers:
                    losses |= self._turn(name, step, drawn)
                if self.mean is not None:
                    self.mean.update()
                state.step = step + 1
                state.drawn += stage.batch * stage.accumulate * fabric.world_size
                self._note(step, losses, watcher)
                self._save_if_due()
        finally:
            if watcher is not None:
                watcher.close()

    def _turn(self, name: str, step: int, drawn: list[tuple[Tensor, Sample]]) -> dict[str, float]:
        """One optimiser's update; its losses, averaged over batches and processes."""
        stage, fabric, optimiser = self.stage, self.fabric, self.optimisers[name]
        learn_only(self.trainable.network, stage.optimisers[name].trains)
        weights, made = stage.weights_at(step), []
        optimiser.zero_grad()
        for i, (numbers, batch) in enumerate(drawn):
            batch = fabric.to_device(batch)
            seed = seed_of(self.state.seed, stage.name, step, name)
            torch.manual_seed(seed_of(seed, i, fabric.global_rank))  # dropout
            turn = Turn(name, step, stage.settings_at(step), numbers, seed, fabric.device)
            with fabric.no_backward_sync(self.model, enabled=i + 1 < len(drawn)):
                losses = self.model(batch, turn)
                fabric.backward(_weighed(losses, weights, stage) / len(drawn))
            made.append(torch.stack([loss.detach().float() for loss in losses.values()]))
        found = dict(zip(losses, self._everywhere(torch.stack(made).mean(0), "mean"), strict=True))
        self._check_finite(found, name, step)
        self._clip(name, step)
        optimiser.step()
        self.schedules[name].step()
        return found

    def _check_finite(self, losses: dict[str, float], turn: str, step: int) -> None:
        bad = [f"{name} is {v}" for name, v in losses.items() if not -1e38 < v < 1e38]
        if bad:
            self._fail(f"the loss {', '.join(bad)} in the turn of {turn!r}", step)

    def _clip(self, name: str, step: int) -> None:
        """Bring the gradient's norm down to the limit; a gradient that is no number ends it."""
        limit = self.stage.optimisers[name].clip or float("inf")
        norm = self.fabric.clip_gradients(
            self.model, self.optimisers[name], max_norm=limit, error_if_nonfinite=False
        )
        if norm is not None and not torch.isfinite(norm):
            self._fail(f"the gradient of {name!r} is no number, though its losses are", step)

    def _fail(self, what: str, step: int) -> None:
        file = state_file(self.options.out)
        kept = f"{file} is of an earlier step and good" if file.is_file() else "nothing was saved"
        raise TrainingStopped(
            f"Step {step} of stage {self.stage.name!r}: {what}. Stopped before this update; "
            f"{kept}. Lower a learning rate or clip the gradient (--set, see "
            "`vivavoce train --help`), and go on with --resume."
        )

    def _note(self, step: int, losses: dict[str, float], watcher: Watcher | None) -> None:
        if watcher is None or self.log is None:
            return
        self.log.add(self.stage.name, step, losses)
        watcher.step(step, losses)
        self.trainer.advise(step, self.trainable.watch(self.stage, step, losses))

    def _strip(self, step: int) -> None:
        """Now and then a picture of how far it is; always of the stage's first samples."""
        due = step % max(1, self.stage.steps // STRIPS) == 0
        if not due or not (self.sharded or self.log):
            return
        if type(self.trainable).picture is Trainable.picture:
            return
        _, batch = next(batches(self.trainable, self.stage, self.state.seed))
        torch.manual_seed(seed_of(self.state.seed, "picture"))
        self.trainable.network.eval()
        with torch.no_grad(), self.mean.applied() if self.mean else nullcontext():
            picture = self.trainable.picture(self.stage, self.fabric.to_device(batch))
        set_modes(self.trainable.network, self.stage.trains)
        if picture is not None and self.log is not None:
            folder = state_file(self.options.out).parent / "strips"
            write_strip(picture, folder / f"{self.stage.name}-{step:07d}.png")

    def _save_if_due(self) -> None:
        """Save when the time has come or a signal has; all processes agree on it."""
        late = monotonic() - self.saved_at > self.options.minutes * 60
        asked = torch.tensor([float(late), float(self.signals.caught or 0)])
        due, caught = self._everywhere(asked, "sum")
        if due or caught:
            self.save()
        if caught:
            raise TrainingStopped(
                f"Stopped by a signal after step {self.state.step} of stage {self.stage.name!r}; "
                f"{state_file(self.options.out)} is written. Go on with --resume."
            )

    def _everywhere(self, values: Tensor, how: str) -> list[float]:
        """The mean or sum of each value over the processes."""
        there = values.to(self.fabric.device)
        found: Tensor = self.fabric.all_reduce(there, reduce_op=how)  # type: ignore[assignment]
        return found.tolist()

    def save(self) -> None:
        """Write the run's state, from which it can go on."""
        state = self.state
        state.network = gathered(self.trainable.network.state_dict())
        state.optimisers = {n: gathered(o.state_dict()) for n, o in self.optimisers.items()}
        state.schedules = {n: s.state_dict() for n, s in self.schedules.items()}
        state.mean = gathered(self.mean.state()) if self.mean else None
        if self.log is not None:
            self.log.flush()
            write_state(state, self.options.out)
        self.saved_at = monotonic()

    def _restore(self) -> None:
        state = self.state
        load_into(self.trainable.network, state.network)
        for name, optimiser in self.optimisers.items():
            saved = state.optimisers[name]
            parameters = trained_by(self.trainable.network, self.stage.optimisers[name])
            for number, parameter in enumerate(parameters):
                held = saved["state"].get(number, {})
                saved["state"][number] = {
                    k: like(v, parameter) if v.shape == parameter.shape else v
                    for k, v in held.items()
                }
            optimiser.optimizer.load_state_dict(saved)
            self.schedules[name].load_state_dict(state.schedules[name])
        if self.mean is not None and state.mean is not None:
            self.mean.restore(state.mean)

    def _finish(self) -> None:
        """The mean becomes the weights; proof, choices, product, checkpoint; figures at last."""
        stage, state, network = self.stage, self.state, self.trainable.network
        if self.mean is not None:
            self.mean.keep()
        if self.sharded:
            same_buffers(network)
        prove_frozen(network, stage, state.frozen)
        network.eval()
        self.save()  # what follows may fail, and no step is lost then
        self.trainable.settle(stage)
        if self.fabric.world_size > 1:
            same_buffers(network)
        state.done.append(stage.name)
        state.stage = ""
        self.optimisers, self.schedules, self.mean = {}, {}, None
        files = self._write_product(None)
        self.save()
        figures = self._figures()
        if figures:
            state.figures |= {f"{stage.name}: {name}": value for name, value in figures.items()}
            self._write_product(files)
            self.save()
        self.fabric.barrier()

    def _write_product(self, files: Files | None) -> Files:
        """Write the checkpoint that people use; `files` are made anew where they are None."""
        if files is None:
            # Weights that are spread are only whole where every process takes part.
            mine = self.sharded or self.log
            files = gathered(self.trainable.files(self.stage)) if mine else {}
        if self.log is not None:
            write_product(self.trainable, files, self.state, self.options.out, self.options.data)
        return files

    def _figures(self) -> dict[str, float]:
        """What is measured after the stage; nothing, with a warning, where that fails."""
        if not (self.sharded or self.log):
            return {}
        try:
            with torch.no_grad():
                figures = self.trainable.figures(self.stage)
        except Exception as error:
            self.trainer.say(
                f"Warning: the figures of stage {self.stage.name!r} could not be measured "
                f"({type(error).__name__}: {error}). The stage is finished and saved without them."
            )
            return {}
        for name, value in figures.items():
            self.trainer.say(f"  {self.stage.name}: {name} {value:.4g}")
        return figures


def _weighed(losses: dict[str, Tensor], weights: dict[str, float], stage: Stage) -> Tensor:
    unknown = sorted(losses.keys() - weights.keys())
    if unknown or not losses:
        raise RequestError(
            f"Stage {stage.name!r} weighs the losses {', '.join(weights)}, but its turn gave "
            f"{', '.join(unknown) or 'none'}. Name them alike in the stage and in `losses`."
        )
    return torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()
