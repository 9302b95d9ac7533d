"""TTSF's training: the items of the specification's checklist that are about learning, and that
every stage draws, learns and writes what the system reads."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import vivavoce
from vivavoce.data.schema import Pictures, Sample
from vivavoce.data.shards import write_set, write_shard
from vivavoce.errors import RequestError
from vivavoce.look.face478 import TO_MODEL, load
from vivavoce.measure.bench.tables import PAPER_TABLES, Row, arranged
from vivavoce.measure.metrics.measured import Measured
from vivavoce.nn.gan import critic_loss
from vivavoce.nn.perceptual import Lpips, Vgg19, held_vgg19
from vivavoce.systems.stage import Run, Stage, Turn, is_part
from vivavoce.systems.ttsf.net import PRESETS, STAGES, WEIGHTS_OF_LOSSES
from vivavoce.train import train_system
from vivavoce.train.engine.loop import _weighed
from vivavoce.train.ttsf.critics import Critics, LipReader, crop
from vivavoce.train.ttsf.face import (
    GUIDES,
    IDENTITY,
    REACH,
    flow_distance,
    guide_loss,
    lips_distance,
    who_it_is,
)
from vivavoce.train.ttsf.speech import SpeechTraining
from vivavoce.train.ttsf.training import TtsfTraining

sys.path.append(str(Path(__file__).parents[1] / "systems"))
from small_ttsf import SMALL

PAPER = PRESETS["paper"]
PHONES = ("_", "m", "aɪ", "m", "ʌ", "m", "_")


def clip(number: int, frames: int = 40) -> Sample:
    """A face of coloured noise whose points move a little, with sound and phones."""
    rng = np.random.default_rng(number)
    sway = 3 * np.sin(np.arange(frames) / 5)[:, None, None]
    points = load().neutral * TO_MODEL * 16 + [32, 30, 0] + sway * [1, 0, 0]
    ends = np.linspace(0, frames / 25, len(PHONES) + 1)
    phones = [[p, a, b] for p, a, b in zip(PHONES, ends, ends[1:], strict=False)]
    middle = points[:, [13]][..., :2]
    boxes = np.concatenate([middle[:, 0] - 8, middle[:, 0] + 8], 1)
    return Sample(
        f"c{number}",
        {"set": "test", "split": "train", "person": f"p{number}", "frames": frames,
         "phones": phones, "attributes": {}},
        rng.uniform(-0.1, 0.1, 640 * frames).astype(np.float32),
        Pictures.encode(rng.integers(0, 255, (frames, 64, 64, 3), np.uint8)),
        {"landmarks": points.astype(np.float32),
         "expression": rng.uniform(0, 0.3, (frames, 52)).astype(np.float32),
         "pose": rng.normal(0, 0.05, (frames, 6)).astype(np.float32),
         "gaze": np.zeros((frames, 2), np.float32), "mouth_box": boxes.astype(np.float32)},
    )  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    for split, numbers in (("train", (0, 1)), ("test", (2,))):
        write_shard(folder / split / "000.tar", [clip(n) for n in numbers])
    write_set(folder, {"name": "test"})
    return folder


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, small in (("ttsf", SMALL), ("ttsf_speech", SMALL.speech),
                          ("ttsf_vocoder", SMALL.vocoder)):  # fmt: skip
        monkeypatch.setattr(f"vivavoce.train.{module}.PRESETS", {"tiny": small})


def stage_of(training: TtsfTraining, name: str) -> Stage:
    return next(s for s in training.stages if s.name == name)


def drawn(training: TtsfTraining, stage: Stage, data: Path, count: int) -> tuple[dict, Turn]:
    training.begin(stage, Run(data, data / "out", 0))
    samples = [training.draw(stage, np.random.default_rng(n)) for n in range(count)]
    batch = {k: torch.stack([s[k] for s in samples]) for k in samples[0]}
    name = list(stage.optimisers)[-1]
    return batch, Turn(name, 0, {}, torch.arange(count), 0)


@pytest.fixture
def joint(data: Path) -> tuple[TtsfTraining, Stage, dict, Turn]:
    torch.manual_seed(0)
    training = TtsfTraining()
    stage = stage_of(training, "joint")
    return (training, stage, *drawn(training, stage, data, 2))


def test_10_frozen_networks_stay_as_they_are(joint: tuple) -> None:
    training, stage, batch, turn = joint
    before = {k: v.clone() for k, v in training.critics.state_dict().items()}
    losses = training.losses(stage, batch, turn)
    _weighed(losses, stage.weights_at(0), stage).backward()
    for network in (training.critics.face, training.critics.sync):
        assert all(p.grad is None for p in network.parameters())
    assert all(torch.equal(v, before[k]) for k, v in training.critics.state_dict().items())
    taught = [
        n for n, p in training.network.named_parameters()
        if p.grad is not None and p.grad.any() and is_part(n, stage.optimisers["maker"].trains)
    ]  # fmt: skip
    for part in stage.optimisers["maker"].trains:
        assert any(is_part(n, (part,)) for n in taught), part


def test_11_the_whole_loss_is_the_weighted_sum(joint: tuple) -> None:
    training, stage, batch, turn = joint
    losses = training.losses(stage, batch, turn)
    assert losses.keys() == WEIGHTS_OF_LOSSES.keys()
    w = (0.1, 1, 0.3, 0.1, 0.1, 1, 0.1, 1)
    names = ("gan", "rec", "id", "sync", "cfm", "ae", "prior", "tts")
    wanted = sum(a * losses[n] for a, n in zip(w, names, strict=True))
    assert torch.allclose(_weighed(losses, stage.weights_at(0), stage), wanted)


def test_the_discriminator_has_a_turn_of_its_own(joint: tuple) -> None:
    training, stage, batch, _ = joint
    critic = training.losses(stage, batch, Turn("critic", 0, {}, torch.arange(2), 0))
    assert list(critic) == ["critic"]
    critic["critic"].backward()
    assert all(p.grad is None for p in training.net.parameters())
    even = torch.zeros(3)
    assert critic_loss(even, even).item() == pytest.approx(2 * np.log(2))


def test_r1_is_off_unless_asked_for(joint: tuple) -> None:
    training, stage, batch, _ = joint
    asked = replace(stage, losses=stage.losses | {"r1": 5.0})
    losses = training.losses(asked, batch, Turn("critic", 0, {}, torch.arange(2), 0))
    assert list(losses) == ["critic", "r1"]
    _weighed(losses, asked.weights_at(0), asked).backward()
    assert any(p.grad is not None and p.grad.any() for p in training.critic.parameters())


def test_lpips_and_one_identity_are_off_unless_asked_for(
    joint: tuple, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    training, stage, batch, turn = joint
    asked = replace(stage, losses=stage.losses | {"same": 1.0})
    assert training.losses(asked, batch, turn).keys() == WEIGHTS_OF_LOSSES.keys() | {"same"}
    asked = replace(stage, losses=stage.losses | {"lpips": 1.0})
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(RequestError, match=r"vgg16-397923af.pth in .*losses.lpips at 0"):
        training.losses(asked, batch, turn)
    training.critics.judge.append(Lpips())
    losses = training.losses(asked, batch, turn)
    losses["lpips"].backward()
    assert any(p.grad is not None and p.grad.any() for p in training.net.generator.parameters())


def test_eq_3_compares_vgg19_where_its_file_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    assert held_vgg19() is None
    file = tmp_path / "checkpoints" / "vgg19-dcbb9e9d.pth"
    file.parent.mkdir()
    torch.save(Vgg19().state_dict(), file)
    assert held_vgg19() == file
    picture = torch.rand(1, 3, 32, 32)
    with_it, without = Critics(file), Critics()
    assert [m.shape[1] for m in with_it.maps(picture)] == [64, 128, 256, 512, 512]
    assert len(without.maps(picture)) == len(without.face.maps(picture))
    assert not any(p.requires_grad for p in with_it.eye[0].parameters())


def test_the_recogniser_is_told_who_it_is() -> None:
    judge = Critics().face
    truth = who_it_is(judge, torch.rand(3, 3, 64, 64))
    assert truth.shape == (3, IDENTITY + 1)
    assert torch.allclose(truth[:, :IDENTITY].norm(dim=1), torch.ones(3))
    assert (truth[:, -1].abs() <= 1).all()


def test_18_a_checkpoint_of_stage_a_loads_into_stage_b() -> None:
    speech, whole = SpeechTraining("tiny"), TtsfTraining()
    saved = speech.network.state_dict()
    assert saved.keys() == {k for k in whole.network.state_dict() if k.startswith("acoustic.")}
    missing, unknown = whole.network.load_state_dict(saved, strict=False)
    assert not unknown
    assert not any(name.startswith("acoustic.") for name in missing)


def test_20_all_metrics_of_the_paper_stand_in_its_tables() -> None:
    """That they run over clips is tested in tests/measure."""
    names = [*PAPER_TABLES["TTSF, tables 1 and 2"], *PAPER_TABLES["TTSF, table 3: speech"]]
    assert len(names) == 8
    per_clip = {n: {"a": 1.0, "b": 2.0} for n in names if n != "FID"}
    tables = arranged([Row("ttsf", (Measured(per_clip, {"FID": 3.0}),))], {})
    shown = {t.title: [c.name for c in t.columns] for t in tables}
    assert shown["TTSF, tables 1 and 2"] == list(PAPER_TABLES["TTSF, tables 1 and 2"])
    assert shown["TTSF, table 3: speech"] == list(PAPER_TABLES["TTSF, table 3: speech"])


def test_the_stages_are_the_papers() -> None:
    assert [s.name for s in STAGES["paper"]] == ["face", "joint"]
    assert STAGES["paper"][-1].window == 32
    assert all(o.lr == 1e-4 for s in STAGES["paper"] for o in s.optimisers.values())


@pytest.mark.parametrize("name", ["encoder", "face", "generator", "motion", "reader"])
def test_a_stage_learns_what_it_shows(name: str, data: Path) -> None:
    """A few steps on one batch bring its weighted loss down."""
    torch.manual_seed(0)
    training = TtsfTraining()
    stage = stage_of(training, name)
    batch, turn = drawn(training, stage, data, 3)
    parts = [p for n, p in training.network.named_parameters() if is_part(n, stage.trains)]
    adam = torch.optim.Adam(parts, 3e-3)
    training.network.train()

    def loss() -> Tensor:
        torch.manual_seed(0)
        made = training.losses(stage, batch, Turn(turn.name, 0, {"taught": 1.0}, turn.numbers, 0))
        return _weighed(made, stage.weights_at(0), stage)

    first = loss().item()
    for _ in range(12):
        adam.zero_grad()
        loss().backward()
        adam.step()
    assert loss().item() < 0.95 * first


def test_what_training_writes_is_what_the_system_reads(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "ttsf"
    train_system("ttsf", out, data, changes=("steps=1", "batch=2"), seed=0, minutes=60)
    names = {p.name for p in out.glob("*.safetensors")}
    assert names == {"face.safetensors", "acoustic.safetensors", "vocoder.safetensors"}
    system = vivavoce.load(str(out))
    assert system.net.settings == SMALL


def test_the_guide_is_content_with_the_truth() -> None:
    told = torch.randn(4, GUIDES).clamp(-2, 2)
    amounts = torch.cat([REACH * told, torch.zeros(4, 2)], 1)
    assert guide_loss(amounts, amounts, told) == 0
    assert guide_loss(amounts, amounts + 1, told) > 0
    assert guide_loss(amounts + 1, amounts + 1, told) > 0


def test_the_flow_is_measured_at_the_points() -> None:
    source = torch.rand(2, 478, 2) - 0.5
    driving = source + torch.tensor([0.1, -0.05])
    flat = torch.tensor([-0.1, 0.05]).atanh()[:, None, None].expand(2, 16, 16)
    raw = torch.cat([flat, torch.zeros(1, 16, 16)])[None].expand(2, -1, -1, -1)
    assert flow_distance([raw], source, driving) < 1e-6
    assert flow_distance([torch.zeros_like(raw)], source, driving) == pytest.approx(0.075, rel=1e-3)


def test_the_lips_flow_is_measured_among_the_lips() -> None:
    source = torch.rand(2, 478, 2) - 0.5
    raw = torch.zeros(2, 3, 32, 32)
    assert lips_distance([raw], source, source + torch.tensor([0.1, -0.05])) < 1e-6
    opened = source.clone()
    opened[:, 14] += 0.1  # one of the 20 points of the lips, of the two axes
    both = torch.tensor([0.1 * 19 / 20, *[0.1 / 20] * 19]).sum() / 20
    assert lips_distance([raw], source, opened) == pytest.approx(float(both), rel=1e-3)
    coarse = torch.ones(2, 3, 16, 16)  # is not steered by lips
    assert lips_distance([coarse, raw], source, opened) == lips_distance([raw], source, opened)


def test_a_crop_is_the_box() -> None:
    picture = torch.zeros(1, 3, 64, 64)
    picture[..., 20:28, 8:16] = 1.0
    inside = crop(picture, torch.tensor([[8.0, 20, 16, 28]]), 8)
    assert torch.equal(inside, torch.ones(1, 3, 8, 8))
    assert LipReader()(crop(picture, torch.tensor([[8.0, 20, 40, 52]]), 32)).shape == (1, 42)


def test_the_papers_sizes_take_a_step(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batch 1, all eight losses; eight driving frames instead of 32, for time."""
    for module, paper in (("ttsf", PAPER), ("ttsf_speech", PAPER.speech),
                          ("ttsf_vocoder", PAPER.vocoder)):  # fmt: skip
        monkeypatch.setattr(f"vivavoce.train.{module}.PRESETS", {"paper": paper})
    torch.manual_seed(0)
    training = TtsfTraining("paper")
    assert sum(p.numel() for p in training.net.parameters()) == pytest.approx(124.7e6, rel=1e-3)
    stage = replace(stage_of(training, "joint"), window=8)
    batch, turn = drawn(training, stage, data, 1)
    losses = training.losses(stage, batch, turn)
    total = _weighed(losses, stage.weights_at(0), stage)
    total.backward()
    assert torch.isfinite(total)
    optimiser = stage.optimisers["maker"]
    parts = [(n, p) for n, p in training.network.named_parameters() if is_part(n, optimiser.trains)]
    before = {n: p.detach().clone() for n, p in parts}
    torch.optim.Adam([p for _, p in parts], optimiser.lr, optimiser.betas).step()
    for part in optimiser.trains:
        assert any(not torch.equal(p, before[n]) for n, p in parts if is_part(n, (part,))), part
