"""What `make train-gpu` packs, and how it shares out the time there."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from zipfile import ZipFile

import pytest

sys.path.append(str(Path(__file__).parents[2] / "scripts"))
from toy_gan import Toy

import train_gpu
import train_gpu_there
from vivavoce.train import names


def test_every_trainable_has_a_recipe_or_a_reason() -> None:
    assert set(names()) - set(train_gpu.RECIPES) <= {"portrait", "toy", "undropped", "slow"}
    for system, recipe in train_gpu.RECIPES.items():
        left = train_gpu_there.stages_of({"system": system, **recipe})
        assert left
        assert not {stage.name for stage in left} & set(recipe.get("without", ()))


def test_steps_are_scaled_alike_to_fill_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = {"system": "toy", "changes": ["batch=2"]}
    monkeypatch.setattr(train_gpu_there, "MOST_FACTOR", 1000.0)
    clock = Ticking(monkeypatch)
    changes = train_gpu_there.fitting(recipe, tmp_path, "32", end=clock() + 1000)
    steps = dict(change.split("=") for change in changes)
    assert set(steps) == {"fit.steps", "gan.steps"}
    assert int(steps["fit.steps"]) == int(steps["gan.steps"]) > 2 * 12
    assert Toy.watch is WATCH


def test_no_time_left_is_said(tmp_path: Path) -> None:
    recipe = {"system": "toy", "changes": []}
    with pytest.raises(SystemExit, match="No time is left"):
        train_gpu_there.fitting(recipe, tmp_path, "32", end=time.monotonic() - 1)


WATCH = Toy.watch


class Ticking:
    """A clock of which every look takes a tenth of a second."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(train_gpu_there.time, "monotonic", self)

    def __call__(self) -> float:
        self.now += 0.1
        return self.now


def test_what_comes_back_is_small(tmp_path: Path) -> None:
    made = tmp_path / "made"
    (made / "training" / "strips").mkdir(parents=True)
    for name in ("config.json", "model.safetensors", "training/state.pt", "training/losses.jsonl"):
        (made / name).write_text("x")
    for number in (1, 2):
        (made / f"training/strips/fit-{number:07d}.png").write_text("x")
    train_gpu_there.bring(made, tmp_path / "out")
    found = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"config.json", "model.safetensors", "losses.jsonl.gz"} <= found
    assert "state.pt" not in found
    assert len(found) == 4


@pytest.mark.slow  # makes a corpus and starts torch anew: a minute
@pytest.mark.parametrize("system", sorted(train_gpu.RECIPES))
def test_the_packed_folder_trains_by_itself(
    system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without network: the wheels are empty but for the names of what they bring."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    brought = [n.replace("-", "_") for n in train_gpu.WHEELS]
    brought += ["pkg_resources", "jaraco", "more_itertools", "platformdirs", "backports"]
    with ZipFile(wheels / "all-1-py3-none-any.whl", "w") as wheel:
        for name in brought:
            wheel.writestr(f"{name}/__init__.py", "")
    monkeypatch.setattr(train_gpu, "_wheels", lambda *_: wheels)
    train_gpu.pack(system, tmp_path / "pack", 8.0, "python3.12")
    train_gpu.rehearse(tmp_path / "pack")
