"""Adding a system touches five places: its package, its line in SYSTEMS, its test, its page and its
checkpoint. A copy of the repository gets a toy by just those, and everything finds it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import vivavoce

ROOT = Path(__file__).parents[2]
PACKAGE = Path(vivavoce.__file__).parent

NET = '''"""toy: a picture that brightens with the sound; it shows how a system is added."""

TALKER = "vivavoce.systems.toy.talker:Toy"
TRAINING = "vivavoce.train.toy.training:ToyTraining"
'''
TALKER = '''"""toy, as people call it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from vivavoce.media.clip import Clip
from vivavoce.nn.devices import pick
from vivavoce.nn.weights import read_weights
from vivavoce.systems.options import Options
from vivavoce.systems.talker import About, Request, Talker, spoken
from vivavoce.types import SAMPLES_PER_FRAME, Chunk


class ToyOptions(Options):
    """What only toy can be asked."""

    bright: float = 1.0
    """How much brighter loud sound makes the picture."""


class Toy(Talker[ToyOptions]):
    """The system."""

    name = "toy"
    needs = (frozenset({"portrait"}), frozenset({"text", "speech"}))
    gives = frozenset({"pictures"})
    options_type = ToyOptions

    def __init__(self, about, net):
        super().__init__(about)
        self.net = net

    @classmethod
    def load(cls, folder: Path, device: str = "cpu"):
        net = nn.Linear(1, 1)
        net.load_state_dict(read_weights(folder / "toy.safetensors", "toy")[0])
        return cls(About.read(folder), net.to(pick(device)))

    def make(self, request, options, clock):
        face, side = self.look(request.portrait, request.face), request.size
        said = spoken(request, clock, face)
        picture = face.picture
        if side is not None:
            rows = np.linspace(0, picture.shape[0] - 1, side).astype(int)
            columns = np.linspace(0, picture.shape[1] - 1, side).astype(int)
            picture = picture[rows][:, columns]
        size = (picture.shape[1], picture.shape[0])
        chunks = self._chunks(picture, said.pieces, request.seed, options.bright, clock)
        return Clip(chunks, size, self.provenance(request), said.seconds, clock, said.words)

    @torch.no_grad()
    def _chunks(self, picture, said, seed, bright, clock):
        waiting = np.zeros(0, np.float32)
        for piece in said:
            waiting = np.concatenate([waiting, piece.samples])
            while len(waiting) >= SAMPLES_PER_FRAME:
                yield self._chunk(picture, waiting[:SAMPLES_PER_FRAME], seed, bright, clock)
                waiting = waiting[SAMPLES_PER_FRAME:]
        if len(waiting):
            rest = np.pad(waiting, (0, SAMPLES_PER_FRAME - len(waiting)))
            yield self._chunk(picture, rest, seed, bright, clock)

    def _chunk(self, picture, samples, seed, bright, clock):
        with clock("render"):
            loud = torch.tensor([[float(np.abs(samples).mean())]]).to(self.net.weight.device)
            gain = 1 + bright * float(self.net(loud).cpu()) + seed / 50
            frame = np.clip(picture * gain, 0, 255).astype(np.uint8)
        return Chunk(frame[None], samples)
'''
TRAINING = '''"""toy, trained."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from vivavoce.systems.stage import Optimiser, Stage, Trainable


class ToyTraining(Trainable):
    """One number is learned."""

    system = "toy"
    stages = (Stage("fit", {"error": 1.0}, 10, 4, {"line": Optimiser(("line",), 0.1)}),)

    def __init__(self):
        self.network = nn.ModuleDict({"line": nn.Linear(1, 1)})

    def draw(self, stage, rng: np.random.Generator):
        return {"x": torch.from_numpy(rng.normal(size=1).astype(np.float32))}

    def losses(self, stage, batch, turn):
        return {"error": (self.network["line"](batch["x"]) - 3 * batch["x"]).square().mean()}
'''
CARD = """# toy-tiny

## Good for

Showing how a system is added.
"""
TEST = """from vivavoce.systems.toy.talker import Toy


def test_it_is_a_toy():
    assert Toy.name == "toy"
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the house with a toy in five places."""
    import torch
    from safetensors.torch import save_file

    home = tmp_path_factory.mktemp("house")
    source, ignore = home / "src" / "vivavoce", shutil.ignore_patterns("__pycache__", "weights")
    shutil.copytree(PACKAGE, source, ignore=ignore)
    (source / "weights").mkdir()
    for folder in (PACKAGE / "weights").iterdir():
        (source / "weights" / folder.name).symlink_to(folder)
    shutil.copytree(ROOT / "tests", home / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", home)
    # 1. its package (and its training)
    for place, text in (
        ("systems/toy/__init__.py", NET), ("systems/toy/talker.py", TALKER),
        ("train/toy/__init__.py", '"""toy, trained."""\n'), ("train/toy/training.py", TRAINING),
    ):  # fmt: skip
        (source / place).parent.mkdir(exist_ok=True)
        (source / place).write_text(text, "utf-8")
    # 2. its line
    registry = source / "systems" / "__init__.py"
    line = '    "ttsf": "vivavoce.systems.ttsf",\n'
    assert line in registry.read_text("utf-8")
    toy = '    "toy": "vivavoce.systems.toy",\n'
    registry.write_text(registry.read_text("utf-8").replace(line, line + toy), "utf-8")
    # 3. its test, 4. its page
    (home / "tests" / "systems" / "test_toy.py").write_text(TEST)
    (home / "docs" / "systems").mkdir(parents=True)
    (home / "docs" / "systems" / "toy.md").write_text("# toy\n")
    # 5. its checkpoint
    checkpoint = source / "weights" / "toy-tiny"
    checkpoint.mkdir()
    weights = {"weight": torch.ones(1, 1), "bias": torch.zeros(1)}
    save_file(weights, checkpoint / "toy.safetensors", {"part": "toy"})
    about = {"system": "toy", "preset": "tiny", "settings": {}}
    (checkpoint / "config.json").write_text(json.dumps(about))
    (checkpoint / "README.md").write_text(CARD)
    return home


def run(house: Path, *words: str) -> str:
    """What a command says in the copied house."""
    known = {**os.environ, "PYTHONPATH": str(house / "src"), "OMP_NUM_THREADS": "1"}
    known.pop("PYTEST_XDIST_WORKER", None)
    ran = subprocess.run(
        [sys.executable, *words], cwd=house, env=known, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    return ran.stdout


def test_systems_lists_it(house: Path) -> None:
    assert "toy " in run(house, "-m", "vivavoce.cli", "systems")
    page = run(house, "-m", "vivavoce.cli", "systems", "toy")
    for words in ("a picture that brightens", "bright=1.0", "How much brighter", "Showing how"):
        assert words in page


def test_it_speaks_with_its_own_option(house: Path, astronaut: Path) -> None:
    asked = ("speak", str(astronaut), "--text", "Hi.", "--system", "toy", "--size", "64")
    run(house, "-m", "vivavoce.cli", *asked, "--set", "bright=2", "-o", "toy.mp4")
    assert (house / "toy.mp4").stat().st_size > 1000


def test_it_is_trained(house: Path) -> None:
    said = run(house, "-m", "vivavoce.cli", "train", "toy", "--dry-run")
    assert "toy-tiny" in said
    assert "stage fit" in said


@pytest.mark.slow(reason="a run of pytest within pytest")
def test_the_contract_and_the_devices_hold_it(house: Path) -> None:
    tests = (
        "tests/systems/test_contract.py",
        "tests/train/test_devices.py",
        "tests/systems/test_toy.py",
    )
    said = run(house, "-m", "pytest", "-v", "-p", "no:cacheprovider", "-k", "toy", *tests)
    assert said.count(" PASSED") > 15, said[-2000:]
    for words in ("test_same_seed_same_clip[toy]", "another_device[toy-tiny]", "test_it_is_a_toy"):
        assert f"{words} PASSED" in said


@pytest.mark.slow(reason="a bench in a process of its own, over clips that are made for it")
def test_bench_compares_it(house: Path) -> None:
    run(house, "-m", "vivavoce.cli", "bench", "toy", "--count", "3", "--seeds", "1", "--metrics",
        "PSNR", "-o", "bench")  # fmt: skip
    assert "toy" in (house / "bench" / "bench.md").read_text()
