"""The one training loop, on a toy that has all a system may have."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

pytest.importorskip("lightning_fabric")
from toy_gan import FIT, GAN, TINY, Toy, Undropped, curve

from vivavoce.errors import (
    BadCheckpoint,
    CannotWrite,
    OutputRefused,
    RequestError,
    TrainingStopped,
    UnknownName,
)
from vivavoce.systems.stage import Files, Optimiser, Run, Sample, Stage, Together, Turn
from vivavoce.train import make, train_system
from vivavoce.train.engine.checkpoint import State, check_fits, read_state, state_file, write_state
from vivavoce.train.engine.devices import Options, make_fabric
from vivavoce.train.engine.loop import StageRun, Trainer
from vivavoce.train.engine.optimise import Mean, build, schedule
from vivavoce.train.engine.sampling import batches

PROGRAM = [sys.executable, str(Path(__file__).with_name("toy_gan.py"))]


def fit(toy: Toy, out: Path, stages: tuple[Stage, ...], **how: Any) -> list[dict[str, float]]:
    """Train `toy` here; the losses of every step."""
    options = Options(out, **how)
    state = State(toy.system, toy.preset, seed=3)
    Trainer(make_fabric(options), toy, state, options).run(stages)
    return curve(out)


def toy(kind: type[Toy] = Toy) -> Toy:
    torch.manual_seed(0)
    return kind()


def changed(stage: Stage, **fields: Any) -> Stage:
    return Stage(**{name: getattr(stage, name) for name in stage.__dataclass_fields__} | fields)


def run(*words: str, timeout: float = 250) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*PROGRAM, *words], capture_output=True, text=True, timeout=timeout, env=environment
    )


# ---------------------------------------------------------------- what learns, what stands still


def test_a_stage_changes_what_it_trains_and_nothing_else(tmp_path: Path) -> None:
    pair = toy()
    before = {name: t.clone() for name, t in pair.network.state_dict().items()}
    fit(pair, tmp_path, (GAN,))
    moved = {
        n.split(".")[0] for n, t in pair.network.state_dict().items() if not t.equal(before[n])
    }
    assert moved == {"generator", "critic"}  # the encoder's norm statistics stood still as well


class Meddler(Toy):
    """Writes to a part that the stage freezes."""

    def losses(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
        if turn.step == 7:
            with torch.no_grad():
                self.network["encoder"][1].running_mean[0] += 1e-6
        return super().losses(stage, batch, turn)


def test_a_stage_that_touches_a_frozen_part_is_caught(tmp_path: Path) -> None:
    with pytest.raises(TrainingStopped, match=r"'gan' changed encoder.1.running_mean"):
        fit(toy(Meddler), tmp_path, (GAN,))
    assert not (tmp_path / "model.safetensors").exists()


def test_a_turn_moves_its_own_parts_only(tmp_path: Path) -> None:
    stage = changed(
        GAN, losses={"critic": 1.0, "fool": 0.0, "distance": 0.0}, ema=None, curriculum={}
    )
    pair = toy()
    before = [p.clone() for p in pair.network["generator"].parameters()]
    fit(pair, tmp_path, (stage,))
    # The critic's loss reaches the generator's turn through nothing: without weight decay and
    # with losses of weight 0 its parameters stay.
    after = list(pair.network["generator"].parameters())
    assert all(a.equal(b) for a, b in zip(after, before, strict=True))


def test_an_unknown_part_is_named_with_the_nearest(tmp_path: Path) -> None:
    stage = changed(FIT, optimisers={"encoder": Optimiser(trains=("encodr",), lr=0.1)})
    with pytest.raises(UnknownName, match=r"encodr.*'encoder'"):
        fit(toy(), tmp_path, (stage,))


def test_losses_that_the_stage_does_not_weigh_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="gave distance"):
        fit(toy(), tmp_path, (changed(FIT, losses={"other": 1.0}),))


def test_it_learns(tmp_path: Path) -> None:
    rows = fit(toy(), tmp_path, (changed(FIT, steps=300),))
    assert rows[-1]["distance"] < 0.3 * rows[0]["distance"]


# ---------------------------------------------------------------- the arithmetic


def test_accumulated_batches_are_one_large_batch(tmp_path: Path) -> None:
    large = fit(toy(Undropped), tmp_path / "large", (changed(GAN, batch=12),))
    small = fit(toy(Undropped), tmp_path / "small", (changed(GAN, batch=4, accumulate=3),))
    assert _apart(large, small) < 1e-4


def test_the_mean_of_weights_is_its_closed_form() -> None:
    network = nn.ModuleDict({"a": nn.Linear(1, 1, bias=False), "b": nn.Linear(1, 1)})
    weight = network["a"].weight
    mean, values = Mean(network, ("a",), 0.75), [2.0, -1.0, 4.0, 0.5, 3.0, 7.0]
    start = weight.item()
    for value in values:
        weight.data.fill_(value)
        mean.update()
    # 1/2, 1/3, 1/4 are the plain mean; from then on the new weight counts 1/4 (decay 0.75).
    expected = sum([start, *values[:3]]) / 4
    for value in values[3:]:
        expected = 0.75 * expected + 0.25 * value
    with mean.applied():
        assert weight.item() == pytest.approx(expected, rel=1e-6)
    assert weight.item() == values[-1]
    assert list(mean.mean) == ["a.weight"]


@pytest.mark.parametrize("kind", ["constant", "cosine", "one-cycle"])
def test_learning_rates(kind: str) -> None:
    optimiser = Optimiser(trains=("",), lr=0.1, warmup=0.2, schedule=kind)  # type: ignore[arg-type]
    adam = build(optimiser, nn.Linear(1, 1))
    plan, rates = schedule(optimiser, adam, 50), []
    for _ in range(50):
        rates.append(adam.param_groups[0]["lr"])
        adam.step()
        plan.step()
    assert max(rates) == pytest.approx(0.1)
    assert rates[0] < 0.02
    assert rates[9] == pytest.approx(0.1, rel=0.02)
    assert rates[-1] == pytest.approx(0.1) if kind == "constant" else rates[-1] < 0.005


def test_the_curriculum_changes_weights_and_settings() -> None:
    assert GAN.weights_at(5)["distance"] == 0.1
    assert GAN.weights_at(6)["distance"] == 0
    assert GAN.settings_at(11) == {"distance": 0, "spread": 0.5}


def test_half_precision_makes_a_step_on_a_cpu(tmp_path: Path) -> None:
    full = fit(toy(), tmp_path / "32", (FIT,))
    half = fit(toy(), tmp_path / "bf16", (FIT,), precision="bf16")
    assert 0 < _apart(full, half) < 0.2
    kept = load_file(tmp_path / "bf16" / "model.safetensors").values()
    assert {t.dtype for t in kept if t.is_floating_point()} == {torch.float32}


def test_noise_belongs_to_the_sample() -> None:
    together = Turn("a", 0, {}, torch.arange(4), seed=9)
    apart = Turn("a", 0, {}, torch.arange(2, 4), seed=9)
    first = together.normal(3)
    assert first[2:].equal(apart.normal(3))
    assert not first.equal(together.normal(3))
    assert together.uniform(1000).min() >= 0
    assert together.uniform(1000).mean().item() == pytest.approx(0.5, abs=0.03)


def test_samples_are_dealt_without_repetition_over_processes() -> None:
    pair = toy()
    alone = batches(pair, changed(FIT, batch=4), seed=1)
    first, second = (batches(pair, changed(FIT, batch=2), 1, 0, rank, 2) for rank in (0, 1))
    for _ in range(3):
        numbers, whole = next(alone)
        parts = [next(first), next(second)]
        assert torch.cat([n for n, _ in parts]).equal(numbers)
        assert torch.cat([b["point"] for _, b in parts]).equal(whole["point"])


# ---------------------------------------------------------------- resuming


def test_a_killed_run_resumes_to_the_same_curve(tmp_path: Path) -> None:
    short = ["fit.steps=16", "gan.steps=24"]
    train_system("toy", tmp_path / "whole", changes=short)
    broken = tmp_path / "broken"
    process = subprocess.Popen(
        [*PROGRAM, "slow", str(broken), *short, "minutes=0"], stderr=subprocess.DEVNULL
    )
    while not state_file(broken).is_file() or len(_lines(broken)) < 24:
        time.sleep(0.01)
        assert process.poll() is None, "it ended before it could be killed"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    at = read_state(broken)
    assert at.stage == "gan"
    assert 0 < at.step < 24
    train_system("toy", broken, resume=True)
    assert curve(broken) == curve(tmp_path / "whole")
    one, two = (load_file(f / "model.safetensors") for f in (broken, tmp_path / "whole"))
    assert all(one[name].equal(two[name]) for name in two)


def _lines(out: Path) -> list[str]:
    file = out / "training" / "losses.jsonl"
    return file.read_text().splitlines() if file.is_file() else []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_says_how_to_go_on(tmp_path: Path, number: signal.Signals) -> None:
    class Interrupted(Toy):
        def watch(self, stage: Stage, step: int, losses: Mapping[str, float]) -> None:  # type: ignore[override]
            if step == 4:
                os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    with pytest.raises(TrainingStopped, match=r"after step 5 of stage 'fit'.*--resume"):
        fit(toy(Interrupted), tmp_path, (FIT,))
    assert (read_state(tmp_path).stage, read_state(tmp_path).step) == ("fit", 5)
    assert signal.getsignal(number) is before


def test_two_processes_see_the_losses_of_one_with_twice_the_batch(tmp_path: Path) -> None:
    """In DDP and in FSDP; what they settle is the first process's."""
    train_system("undropped", tmp_path / "one", changes=["batch=16"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ended = run("forked", str(tmp_path), str(port), "ddp", "fsdp")
    assert ended.returncode == 0, ended.stderr
    one = load_file(tmp_path / "one" / "model.safetensors")
    for strategy in ("ddp", "fsdp"):
        two = load_file(tmp_path / strategy / "model.safetensors")
        assert _apart(curve(tmp_path / "one"), curve(tmp_path / strategy)) < 1e-4
        assert all(torch.allclose(one[name], two[name], atol=1e-4) for name in one)


def _apart(one: list[dict[str, float]], two: list[dict[str, float]]) -> float:
    """The largest difference of any loss at any step."""
    assert [r["step"] for r in one] == [r["step"] for r in two]
    losses = [n for n in one[0] if n not in ("stage", "step")]
    return max(abs(a[n] - b[n]) for a, b in zip(one, two, strict=True) for n in losses)


# ---------------------------------------------------------------- trouble


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    pair = toy()
    pair.poison = ("fool", 5)
    with pytest.raises(TrainingStopped) as told:
        fit(pair, tmp_path, (GAN,), minutes=0)
    assert all(word in str(told.value) for word in ("fool is nan", "Step 5", "'gan'", "--resume"))
    state = read_state(tmp_path)
    assert (state.stage, state.step) == ("gan", 5)
    assert all(t.isfinite().all() for t in state.network.values())


class Steep(Toy):
    """Its loss is a number, its gradient is not."""

    def losses(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
        found = super().losses(stage, batch, turn)
        return {
            n: x + (0 * self.network["encoder"][0].weight.sum()).sqrt() for n, x in found.items()
        }


def test_a_gradient_that_is_no_number_stops_before_the_weights_are_touched(tmp_path: Path) -> None:
    pair = toy(Steep)
    before = pair.network["encoder"][0].weight.clone()
    with pytest.raises(TrainingStopped, match=r"gradient of 'encoder'.*nothing was saved"):
        fit(pair, tmp_path, (FIT,))
    assert pair.network["encoder"][0].weight.equal(before)


def test_a_full_disk_leaves_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = State("toy", "tiny", 0, step=1)
    write_state(state, tmp_path)
    good = state_file(tmp_path).read_bytes()

    class Full:
        def __init__(self, file: Any) -> None:
            self.file, self.room = file, 4000

        def write(self, data: bytes) -> int:
            self.room -= len(data)
            if self.room < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            return int(self.file.write(data))

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *error: object) -> None:
            self.file.close()

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

    plain = Path.open
    monkeypatch.setattr(Path, "open", lambda path, *a, **k: Full(plain(path, *a, **k)))
    state.network = {"weight": torch.zeros(5000)}
    with pytest.raises(CannotWrite, match="disk is full"):
        write_state(state, tmp_path)
    monkeypatch.undo()
    assert state_file(tmp_path).read_bytes() == good
    assert [p.name for p in state_file(tmp_path).parent.iterdir()] == ["state.pt"]


@pytest.mark.parametrize("keep", [0, 10, 500, -100])
def test_a_truncated_checkpoint_is_refused(tmp_path: Path, keep: int) -> None:
    write_state(State("toy", "tiny", 0), tmp_path)
    file = state_file(tmp_path)
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(BadCheckpoint, match="damaged or no checkpoint"):
        read_state(tmp_path)


def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path) -> None:
    pair = toy()
    state = State("toy", "tiny", 3, network=pair.network.state_dict())
    check_fits(state, pair, None, tmp_path)
    check_fits(state, pair, 3, tmp_path)
    with pytest.raises(BadCheckpoint, match="seed 3, not 4"):
        check_fits(state, pair, 4, tmp_path)
    with pytest.raises(BadCheckpoint, match="preset 'tiny', not 'paper'"):
        check_fits(state, make(Toy, "paper"), None, tmp_path)
    with pytest.raises(BadCheckpoint, match="system 'sdm', not 'toy'"):
        check_fits(State("sdm", "tiny", 3), pair, None, tmp_path)
    pair.network["critic"].append(nn.Linear(1, 1))
    with pytest.raises(BadCheckpoint, match=r"differs: critic.3.bias is absent there"):
        check_fits(state, pair, None, tmp_path)
    write_state(State("toy", "tiny", 0, format=99, version="9.9"), tmp_path)
    with pytest.raises(BadCheckpoint, match=r"format 99 .vivavoce 9.9."):
        read_state(tmp_path)


def test_a_run_is_not_overwritten_and_a_missing_one_not_resumed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BadCheckpoint, match="no run to resume"):
        train_system("toy", tmp_path, resume=True)
    train_system("toy", tmp_path, changes=["steps=1"])
    with pytest.raises(OutputRefused, match="holds a run already"):
        train_system("toy", tmp_path)
    train_system("toy", tmp_path, resume=True)
    assert "trained already" in capsys.readouterr().out
    assert len(curve(tmp_path)) == 2


def test_a_checkpoint_that_ships_is_no_run_to_begin_with(tmp_path: Path) -> None:
    (tmp_path / "shipped").mkdir()
    (tmp_path / "shipped" / "config.json").write_text("{}")
    with pytest.raises(
        BadCheckpoint, match="finished checkpoint without the state of its training"
    ):
        train_system("toy", tmp_path / "out", start=[str(tmp_path / "shipped")])
    with pytest.raises(BadCheckpoint, match="sdm-tiny is a finished checkpoint"):
        train_system("toy", tmp_path / "out", start=["sdm"])


def test_a_run_is_saved_when_the_time_has_come_and_not_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = []
    save = StageRun.save
    monkeypatch.setattr(StageRun, "save", lambda self: (saved.append(self), save(self))[1])
    fit(toy(), tmp_path / "often", (FIT,), minutes=0)
    often = len(saved)
    saved.clear()
    fit(toy(), tmp_path / "seldom", (FIT,), minutes=60)
    assert often >= FIT.steps
    assert len(saved) <= 4 < often / 2


def test_a_product_that_cannot_be_written_is_written_by_the_resumed_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(CannotWrite, match="disk is full"):
        train_system("toy", tmp_path, stage="fit", minutes=0)
    monkeypatch.undo()
    assert not (tmp_path / "model.safetensors").exists()
    train_system("toy", tmp_path, stage="fit", resume=True)
    assert load_file(tmp_path / "model.safetensors")


class Settled(Toy):
    """Chooses a number after each stage, which the next one and the product must have."""

    def __init__(self, *chosen: Any) -> None:
        super().__init__(*chosen)
        self.network["encoder"].register_buffer("chosen", torch.tensor(0.0))
        self.order: list[str] = []

    def settle(self, stage: Stage) -> None:
        self.order.append(f"settle {stage.name}")
        self.network["encoder"].chosen += 3

    def files(self, stage: Stage) -> Files:
        self.order.append(f"files {stage.name}")
        return super().files(stage)

    def figures(self, stage: Stage) -> dict[str, float]:
        self.order.append(f"figures {stage.name}")
        return {"chosen": float(self.network["encoder"].chosen)}


def test_what_is_settled_is_kept_and_measured(tmp_path: Path) -> None:
    chosen = toy(Settled)
    fit(chosen, tmp_path, (FIT, GAN))
    kinds = [
        f"{what} {stage}" for stage in ("fit", "gan") for what in ("settle", "files", "figures")
    ]
    assert chosen.order == kinds
    assert read_state(tmp_path).network["encoder.chosen"] == 6
    assert load_file(tmp_path / "model.safetensors")["encoder.chosen"] == 6
    assert read_state(tmp_path).figures == {"fit: chosen": 3, "gan: chosen": 6}


def test_what_could_not_be_settled_is_settled_by_the_resumed_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    fit(toy(Settled), tmp_path / "whole", (FIT, GAN))
    with monkeypatch.context() as broken:
        broken.setattr(Settled, "settle", fail)
        with pytest.raises(ZeroDivisionError):
            fit(toy(Settled), tmp_path / "broken", (FIT, GAN))
    state = read_state(tmp_path / "broken")
    assert (state.stage, state.step, state.done) == ("fit", FIT.steps, [])
    again = toy(Settled)
    again.network.load_state_dict(state.network)
    options = Options(tmp_path / "broken")
    Trainer(make_fabric(options), again, state, options).run((FIT, GAN))
    one, two = (load_file(tmp_path / n / "model.safetensors") for n in ("broken", "whole"))
    assert all(one[name].equal(two[name]) for name in two)


def test_a_figure_that_fails_is_a_warning_and_costs_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Failing(Toy):
        def figures(self, stage: Stage) -> dict[str, float]:
            assert read_state(tmp_path).done[-1] == stage.name
            assert (tmp_path / "model.safetensors").is_file()
            raise ZeroDivisionError("nobody was held out")

    fit(toy(Failing), tmp_path, (FIT, GAN))
    told = capsys.readouterr().out
    assert (
        "figures of stage 'fit' could not be measured (ZeroDivisionError: nobody was held" in told
    )
    assert read_state(tmp_path).done == ["fit", "gan"]
    whole = fit_weights(tmp_path / "whole")
    assert all(
        torch.equal(load_file(tmp_path / "model.safetensors")[n], w) for n, w in whole.items()
    )


def fit_weights(out: Path) -> dict[str, Tensor]:
    fit(toy(), out, (FIT, GAN))
    return load_file(out / "model.safetensors")


def test_what_a_later_stage_lacks_is_said_before_the_first_begins(tmp_path: Path) -> None:
    class Choosy(Toy):
        def check(self, stages: Sequence[Stage], run: Run) -> None:
            assert [stage.name for stage in stages] == ["fit", "gan"]
            raise RequestError(f"The stage gan needs more than {run.data}.")

        def begin(self, stage: Stage, run: Run) -> None:
            raise AssertionError("it has begun")

    with pytest.raises(RequestError, match="needs more than None"):
        train_system(Choosy, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_settings_of_the_network_are_set_once_and_kept(tmp_path: Path) -> None:
    train_system("toy", tmp_path, stage="fit", changes=["model.width=5", "steps=1"])
    assert read_state(tmp_path).network["critic.0.bias"].shape == (5,)
    assert "--set model.width=5`" in (tmp_path / "README.md").read_text()
    train_system("toy", tmp_path, resume=True)
    assert load_file(tmp_path / "model.safetensors")["critic.0.bias"].shape == (5,)
    with pytest.raises(RequestError, match="network of a run stays as it is"):
        train_system("toy", tmp_path, resume=True, changes=["model.width=6"])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("model.widht=3", "no setting 'widht'.*'width'"),
        ("model.width=0", "model.width cannot be 0"),
    ],
)
def test_a_wrong_setting_of_the_network_is_refused(tmp_path: Path, change: str, told: str) -> None:
    with pytest.raises(RequestError, match=told):
        train_system("toy", tmp_path, changes=[change])


def test_presets_make_their_own_network() -> None:
    assert make(Toy, "paper").network["critic"][0].out_features == 24
    assert make(Toy, "paper").preset == "paper"


def test_notes_are_said_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Noted(Toy):
        def notes(self) -> list[str]:
            return ["L_rec compares the judge's maps."]

    train_system(Noted, tmp_path, stage="fit", changes=["steps=1"])
    assert "L_rec compares" in capsys.readouterr().out
    assert "L_rec compares" in (tmp_path / "README.md").read_text()
    assert json.loads((tmp_path / "config.json").read_text())["notes"] == Noted().notes()


def test_together_hands_every_stage_to_its_part(tmp_path: Path) -> None:
    class Half(Settled):
        def __init__(self, name: str, stage: Stage) -> None:
            super().__init__(TINY, (stage,))
            self.network = nn.ModuleDict({name: self.network["encoder"]})
            self.name, self.borrowed = name, {name: nn.Linear(1, 1)}
            self.order = []

        def losses(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
            assert not self.borrowed[self.name].weight.requires_grad
            point = batch["point"]
            return {"distance": (self.network[self.name](point) - point).square().mean()}

        def settle(self, stage: Stage) -> None:
            self.order.append(stage.name)

        def picture(self, *_: object) -> None: ...  # type: ignore[override]

        def files(self, stage: Stage) -> Files:
            return {f"{self.name}.safetensors": (self.network[self.name].state_dict(), {})}

        def figures(self, stage: Stage) -> dict[str, float]:
            return {"one": 1.0}

    def stage(name: str) -> Stage:
        return changed(FIT, name=name, optimisers={"only": Optimiser((name,), 1e-2)})

    a, b = Half("a", stage("a")), Half("b", stage("b"))
    both = Together(a, b, stages=(b.stages[0], a.stages[0]))
    both.system = "both"
    assert set(both.borrowed) == {"a", "b"}
    fit(both, tmp_path, both.stages)  # type: ignore[arg-type]
    assert read_state(tmp_path).done == ["b", "a"]
    assert (a.order, b.order) == (["a"], ["b"])
    assert {p.name for p in tmp_path.glob("*.safetensors")} == {"a.safetensors", "b.safetensors"}
    assert {n.partition(".")[0] for n in read_state(tmp_path).network} == {"a", "b"}


# ---------------------------------------------------------------- what is left and what is shown


def test_the_product_is_whole(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    train_system("toy", tmp_path, seed=5)
    from vivavoce.nn.weights import read_weights

    weights, _ = read_weights(tmp_path / "model.safetensors", "toy")
    assert any(name.startswith("critic") for name in weights)
    assert '"system": "toy"' in (tmp_path / "config.json").read_text()
    card = (tmp_path / "README.md").read_text()
    assert "| gan | critic, generator | critic 1, fool 0.5, distance 0.1 | 12 x 8 |" in card
    assert "| gan: weight |" in card
    strips = sorted(p.name for p in (tmp_path / "training" / "strips").iterdir())
    assert strips[0] == "fit-0000000.png"
    told = capfd.readouterr()
    assert told.out.count("half way") == 1
    assert "gan 12/12: critic " in told.err
    assert "steps/s" in told.err


def test_stages_may_be_trained_one_by_one(tmp_path: Path) -> None:
    train_system("toy", tmp_path / "apart", stage="fit")
    train_system("toy", tmp_path / "apart", stage="gan", resume=True)
    train_system("toy", tmp_path / "once")
    assert curve(tmp_path / "apart") == curve(tmp_path / "once")


def test_a_run_begins_with_the_weights_of_another(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    train_system(Toy, first, stage="fit", seed=1)
    kept = read_state(first).network
    given = f"{first}:encoder"
    train_system(Toy, second, stage="gan", seed=2, start=[given], changes=["steps=1"])
    found = read_state(second)
    assert all(torch.equal(found.network[k], v) for k, v in kept.items() if "encoder" in k)
    assert not torch.equal(found.network["critic.0.weight"], kept["critic.0.weight"])
    assert found.begun == ["a:encoder"]
    assert "a:encoder" in (second / "README.md").read_text()
    with pytest.raises(RequestError, match="its parts: critic, encoder, generator"):
        train_system(Toy, tmp_path / "c", start=[f"{first}:lips"])


def test_on_a_terminal_there_is_a_bar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    train_system("toy", tmp_path, stage="fit")
    shown = capfd.readouterr().err
    assert "12/12" in shown
    assert "steps/s" in shown
    assert "distance 0." in shown


class Grown(Toy):
    """A head whose size only the data tells."""

    def __init__(self, *chosen: Any) -> None:
        super().__init__(*chosen)
        self._head(1)

    def _head(self, rows: int) -> None:
        self.network["head"] = nn.Linear(2, rows)

    def begin(self, stage: Stage, run: Run) -> None:
        if len(self.network["head"].bias) != 5:
            self._head(5)

    def make_room(self, saved: Mapping[str, Tensor]) -> None:
        self._head(len(saved["head.bias"]))


def test_parts_that_the_data_sizes_are_resumed(tmp_path: Path) -> None:
    train_system(Grown, tmp_path, stage="fit")
    head = load_file(tmp_path / "model.safetensors")["head.weight"]
    train_system(Grown, tmp_path, resume=True)
    assert load_file(tmp_path / "model.safetensors")["head.weight"].equal(head)
    with pytest.raises(BadCheckpoint, match=r"head.bias is"):
        train_system(Toy, tmp_path, resume=True)


def test_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train_system("toy", tmp_path / "out", stage="fit", log=tmp_path / "log")
    events = EventAccumulator(str(tmp_path / "log" / "fit")).Reload()
    logged = [event.value for event in events.Scalars("distance")]
    assert logged == pytest.approx([row["distance"] for row in curve(tmp_path / "out")])


def test_dry_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train_system("toy", tmp_path / "out", tmp_path, dry_run=True, changes=["gan.batch=64"])
    said = capsys.readouterr().out
    assert "toy-tiny: 209 parameters" in said
    assert "critic: trains critic (65); lr 0.001 constant" in said
    assert "frozen: generator, critic" in said
    assert "stage gan: 12 steps of 64 x 1" in said
    assert not (tmp_path / "out").exists()


def test_activations_are_measured() -> None:
    from vivavoce.train.engine.dry_run import activations

    class Plain(Toy):
        def losses(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
            return {"distance": (batch["point"] @ torch.ones(2, 3, requires_grad=True)).exp().sum()}

    size = activations(toy(Plain), changed(FIT, batch=10), 0)
    assert size == 10 * 2 * 4 + 10 * 3 * 4  # matmul keeps its input, exp its output


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from vivavoce import cli

    def command(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["vivavoce", "train", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0)

    out = str(tmp_path / "out")
    assert command("portrait", "--dry-run", "--out", out, "--set", "head.steps=7") == 0
    told = capsys.readouterr().out
    assert "stage content-3: 3500 steps of 16 x 1" in told
    assert "stage head: 7 steps of 256 x 1" in told
    assert "frozen: content, lips, repair" in told
    assert command("portrait", "--out", out, "--real", str(tmp_path), "--stage", "head") == 2
    assert "no manifest.csv" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("step=3", "no setting 'step'.*'steps'"),
        ("fit.lr=3", "Perhaps optimisers.encoder.lr"),
        ("losses.fol=1", "losses.fool"),
        ("gan.steps=many", "In stage 'gan', the setting steps cannot be 'many'.*valid integer"),
        ("batch=0", "greater than or equal to 1"),
        ("steps", "takes key=value"),
        ("name=x", "no setting 'name'"),
        ("optimisers.critic.schedule=cosin", "'constant', 'cosine', 'one-cycle' or 'halving'"),
    ],
)
def test_a_wrong_setting_is_refused(tmp_path: Path, change: str, told: str) -> None:
    with pytest.raises(RequestError, match=told):
        train_system("toy", tmp_path, changes=[change])
    assert not list(tmp_path.iterdir())


def test_settings_reach_their_stages() -> None:
    from vivavoce.train.engine.settings import apply

    changes = ["steps=7", "gan.batch=3", "losses.fool=2", "optimisers.critic.betas=[0.5, 0.9]",
               'curriculum={"2": {"fool": 0}}', "ema=null"]  # fmt: skip
    first, second = apply((FIT, GAN), changes)
    assert (first.steps, first.batch, second.steps, second.batch) == (7, 8, 7, 3)
    assert second.losses["fool"] == 2
    assert second.optimisers["critic"].betas == (0.5, 0.9)
    assert second.weights_at(3)["fool"] == 0
    assert second.ema is None


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"system": "toi"}, "'toy'"),
        ({"stage": "gann"}, "'gan'"),
        ({"preset": "papr"}, "'paper'"),
        ({"precision": "b16"}, "'bf16'"),
    ],
)
def test_unknown_names(tmp_path: Path, how: Mapping[str, Any], told: str) -> None:
    with pytest.raises(UnknownName, match=told):
        train_system(**{"system": "toy", "out": tmp_path} | how)


def test_training_needs_neither_tracker_nor_video_decoder() -> None:
    code = (
        "import sys\n"
        "sys.modules['av'] = sys.modules['mediapipe'] = None\n"
        "from vivavoce.train import make, names, trainable_of\n"
        "print(*[make(trainable_of(name)).system for name in names()])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "portrait" in told.stdout.split(), told.stderr
