"""Every trainable, every preset: all stages run with the network on another device.

A run of one: `pytest tests/train/test_devices.py -k sdm`. A system that joins needs nothing here
but, if its presets are large, a line in `NARROW`.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.accelerators import CPUAccelerator
from lightning_fabric.strategies import SingleDeviceStrategy
from torch import Tensor, nn

from fake_device import FAR, FakeGpu
from vivavoce.nn.latent import TINY as LATENT
from vivavoce.speak.matcha import PRESETS
from vivavoce.systems.stage import Optimiser, Sample, Stage, Trainable, Turn
from vivavoce.train import make, names, trainable_of
from vivavoce.train.engine.checkpoint import State
from vivavoce.train.engine.devices import Options
from vivavoce.train.engine.loop import Trainer
from vivavoce.train.engine.settings import apply

NARROW = {
    "imagine-id": (
        "face=face478", "base=small", "width=16", "layers=1", "heads=2", "tia_width=16",
        "adapter=[64, 96, 128]", "adapter_blocks=1", "expert_width=16", "per_clip=1",
    ),
    "s2tf": (
        "start=2", "channels=[16, 16, 16, 12, 8, 8]", "hidden=16", "content=12",
        "face_layers=[1, 1, 1, 1]", "face_width=4", "face_groups=2",
        "frame_channels=[8, 8, 8, 8, 8, 8, 8]", "voice_layers=[1, 1, 1, 1]",
        "voice_filters=[4, 4, 8, 8]", "learning.perceptual=corpus", "learning.critic=4",
    ),
    "sdm": (
        "size=64", "width=16", "layers=1", "renderer=[8, 8, 8, 8]", "perceptual=corpus",
    ),
    "avi-talking": (
        "space=arkit52", "hearing=manner", "content_from=listener", "language_model=own",
        "text_from=own", "text_transformer=own", "queries=3", "query_width=16", "query_layers=1",
        "query_heads=4", "text_layers=1", "llama_width=16", "llama_layers=1", "llama_heads=4",
        "llama_hidden=32", "text_width=16", "aligned=16", "aligner_width=16", "style=16",
        "style_width=16", "style_layers=1", "style_heads=4", "references=8", "content=16",
        "generator_width=16", "generator_layers=1", "generator_heads=4", "prior_width=16",
        "prior_layers=1", "prior_heads=4", "subjects=8",
    ),
    "ttsf": (
        "size=64", 'channels={"4": 16, "8": 16, "16": 12, "32": 8, "64": 8}', "code=24",
        "motions=16", "compressed=5", "mapper_width=8", "prior_width=16", "prior_layers=1",
        "prior_heads=2", "sampler_width=16", "speech.code=24", "speech.width=16", "speech.voice=8",
        "speech.layers=1", "speech.filter=16", "speech.duration_width=16",
        "speech.decoder_width=16", "speech.decoder_middle=1", "vocoder.channels=16",
        "vocoder.critic_width=4", "learning.perceptual=corpus", "learning.identity=corpus",
        "learning.sync=corpus",
    ),
    "stfm": (
        "size=128", "image_side=128", "width=16", "heads=2", "hearing=small", "voicing=mel",
        "mel_width=8", "frames=3", "gpt.width=16", "gpt.layers=1", "gpt.heads=2", "gpt.text_ids=53",
        "gpt.text_start=-1", "gpt.text_stop=-1", "gpt.audio_ids=29", "gpt.start=27", "gpt.stop=28",
        "gpt.latents=2", "gpt.perceiver_depth=1", "gpt.perceiver_heads=2", "gpt.perceiver_head=8",
        "gpt.speaker=16", "gpt.told=80", f"guide={PRESETS['tiny'].model_dump_json()}",
        "codec.mels=82", "codec.width=8", "codec.blocks=1", "codec.dim=3", "codec.levels=[3, 3, 3]",
        "codec.ids=27", f"latent.latent_channels={LATENT.latent_channels}",
        f"hallo.latents={LATENT.latent_channels}", "hallo.channels=[8, 16]",
        "hallo.groups=4", "hallo.heads=2", "hallo.context=16", "hallo.layers=1",
        "hallo.audio_layers=1", "hallo.audio_width=16", "hallo.audio_hidden=8",
        "hallo.audio_tokens=2", "hallo.face=40", "hallo.locator=[4, 4, 4, 8]",
    ),
}  # fmt: skip
"""System → settings that make both of its presets small, without changing what they do."""
CASES = [(name, preset) for name in names() for preset in (trainable_of(name).presets or ("tiny",))]


class Pretended(CPUAccelerator):
    """What asks `FakeGpu` for its device."""

    def setup_device(self, device: torch.device) -> None:
        """It needs nothing."""


def train_far(
    trainable: Trainable, stages: tuple[Stage, ...], out: Path, data: Path | None = None
) -> None:
    """Train the stages with everything but the data on the pretended GPU."""
    strategy = SingleDeviceStrategy(FAR, accelerator=Pretended())
    state = State(trainable.system, trainable.preset, seed=0)
    options = Options(out, data)
    Trainer(Fabric(strategy=strategy), trainable, state, options).run(stages)


@pytest.fixture
def data(
    name: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """What the trainable `name` learns from."""
    if name == "portrait":
        return real_clips(tmp_path, monkeypatch)
    corpus: Path = request.getfixturevalue("corpus_128")
    return corpus


@pytest.mark.parametrize(("name", "preset"), CASES)
def test_every_stage_runs_on_another_device(
    name: str, preset: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Begin, draw, a step of every turn, picture, settle, figures and files of every stage."""
    torch.manual_seed(0)
    with FakeGpu():
        trainable = make(trainable_of(name), preset, NARROW.get(name, ()))
        stages = apply(trainable.stages, ("steps=1", "batch=2", "workers=0"))
        train_far(trainable, stages, tmp_path / "out", data)
        assert trainable.device == FAR
    assert "could not be measured" not in capsys.readouterr().out


class Careless(Trainable):
    """Feeds its network from the CPU, in one of its methods."""

    system = "careless"
    where = "losses"
    stages = (Stage("all", {"error": 1.0}, 1, 2, {"all": Optimiser(("",), 0.1)}),)

    def __init__(self) -> None:
        self.network = nn.ModuleDict({"line": nn.Linear(1, 1)})
        self.borrowed = {"eye": nn.Linear(1, 1)}

    def _look(self, where: str) -> Tensor:
        assert self.borrowed["eye"].weight.device == self.device
        x = torch.zeros(1, 1) if where == self.where else torch.zeros(1, 1, device=self.device)
        return self.network["line"](x)

    def begin(self, *_: object) -> None:
        self._look("begin")

    def draw(self, stage: Stage, rng: np.random.Generator) -> Sample:
        return {"x": self._look("draw") if self.where == "draw" else torch.ones(1), "text": "a"}

    def losses(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
        assert batch["text"] == ["a", "a"]
        assert batch["x"].device == self.device
        return {"error": self._look("losses").sum()}

    def picture(self, stage: Stage, batch: Sample) -> None:
        self._look("picture")

    def settle(self, stage: Stage) -> None:
        self._look("settle")

    def figures(self, stage: Stage) -> dict[str, float]:
        return {"seen": self._look("figures").item()}


@pytest.mark.parametrize("where", ["begin", "draw", "losses", "picture", "settle", "figures", ""])
def test_a_tensor_that_was_left_behind_is_noticed(
    where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    careless = Careless()
    careless.where = where
    with FakeGpu():
        if where in ("figures", ""):
            train_far(careless, careless.stages, tmp_path)
            failed = "RuntimeError: Expected all tensors" in capsys.readouterr().out
            assert failed == (where == "figures")
        else:
            with pytest.raises((RuntimeError, TypeError), match=r"device|draw"):
                train_far(careless, careless.stages, tmp_path)


def real_clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of real clips as the portrait's stages find it once all is prepared: curves of two
    people, pairs of pictures, and nothing to track or to decode."""
    from vivavoce.train.portrait import content, lips, tracks
    from vivavoce.types import FPS, SAMPLES_PER_FRAME

    for number in (1, 2, 3):
        plan = content.Plan(voices=3, copies={"voice": 1})
        monkeypatch.setitem(content.PLANS, f"content-{number}", plan)
    monkeypatch.setattr(lips, "UTTERANCES", 3)
    rng = np.random.default_rng(0)

    def clip(person: str, frames: int = 200) -> tracks.TrackedClip:
        time = np.arange(frames) / FPS
        openness = np.ones(frames, np.float32)
        for at in range(30, frames - 10, 70):
            openness[at : at + 5] = [0.6, 0.2, 0.1, 0.4, 0.7]
        gaze = 0.08 * np.stack([np.sign(np.sin(time)), np.sign(np.cos(2 * time))], 1)
        sound = rng.uniform(-0.5, 0.5, frames * SAMPLES_PER_FRAME)
        return tracks.TrackedClip(
            name=f"video/{person}.mp4", person=person, samples=sound.astype(np.float32),
            expression=rng.random((frames, 52), np.float32),
            pose=rng.normal(0, 0.05, (frames, 6)).astype(np.float32),
            gaze=gaze.astype(np.float32), gap=rng.random(frames, np.float32), rest_gap=0.002,
            openness=openness, words="",
        )  # fmt: skip

    tracks.save_tracks([clip("someone"), clip("aoc")], tmp_path / "out-data/tracks/train.npz")
    phones = {f"video/{p}.mp4": [["a", 0.0, 8.0]] for p in ("someone", "aoc")}
    (tmp_path / "out-data/tracks/train_phones.json").write_text(json.dumps(phones))
    (tmp_path / "out-data/pairs").mkdir()
    for name in ("someone", "style_nice"):
        pairs = {
            f"{kind}_{part}": rng.integers(0, 255, (3, 64, 64, *last), np.uint8)
            for kind in ("mouth", "eye")
            for part, last in (
                ("rendered", (3,)),
                ("picture", (3,)),
                ("target", (3,)),
                ("mask", ()),
            )
        }
        np.savez(tmp_path / "out-data/pairs" / f"{name}.npz", **pairs)
    (tmp_path / "manifest.csv").write_text("file,notes,may_train_shipped\n")
    return tmp_path
