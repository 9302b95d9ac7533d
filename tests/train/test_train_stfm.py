"""STFM's training: samples, losses against oracles, what is frozen, splits."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from ttsf_clips import clip, shards

from vivavoce.errors import RequestError
from vivavoce.systems.stage import Run, Stage, Turn
from vivavoce.systems.stfm.film import clean_estimate, velocity
from vivavoce.systems.stfm.settings import Learning, StfmSettings
from vivavoce.systems.stfm.stages import STAGES, STATED
from vivavoce.train import train_system
from vivavoce.train.stfm import joint as joint_module
from vivavoce.train.stfm import speech as speech_module
from vivavoce.train.stfm import voice as voice_module
from vivavoce.train.stfm.joint import Drawn, JointTraining, Spoken
from vivavoce.train.stfm.scenes import Scenes, moved, reference_places, stretch_about
from vivavoce.train.stfm.speech import Talks, coded, together
from vivavoce.train.stfm.training import StfmTraining
from vivavoce.train.stfm.voice import pitch_loss
from vivavoce.types import RATE, SAMPLES_PER_FRAME

sys.path.append(str(Path(__file__).parents[1] / "systems"))
from small_stfm import SMALL, small_base, wake

PEOPLE = {"p0": ("c0", "c1"), "p1": ("c2", "c3")}


@pytest.fixture(autouse=True)
def without_shipped_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small network begins at random; what ships is of another size."""
    monkeypatch.setattr(voice_module, "take_ttsf", lambda voice: None)
    monkeypatch.setattr(joint_module, "take_unet", lambda net: None)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people with two clips each, and a third who is held out."""
    folder = tmp_path_factory.mktemp("stfm-data")

    def of(person: str, number: int, split: str = "train") -> Any:
        made = clip(number, 60, split)
        made.about["person"] = person
        return made

    train = [of("p0", 0), of("p0", 1), of("p1", 2), of("p1", 3)]
    return shards(folder / "set", train, [of("p9", 8, "test"), of("p9", 9, "test")])


def training(preset: str = "tiny", **changes: Any) -> StfmTraining:
    torch.manual_seed(0)
    settings = SMALL.model_copy(update=changes)
    made = StfmTraining(settings, STAGES[preset], small_base())
    wake(made.net)
    return made


def stage_of(made: StfmTraining, name: str) -> Stage:
    return next(s for s in made.stages if s.name == name)


def batch_of(made: StfmTraining, name: str, data: Path, count: int = 1) -> dict[str, Any]:
    stage = stage_of(made, name)
    made.begin(stage, Run(data, data / "out", 0))
    samples = [made.draw(stage, np.random.default_rng(n)) for n in range(count)]
    return made.collate(stage, samples)


def turn(count: int = 1, seed: int = 5) -> Turn:
    return Turn("adam", 0, {}, torch.arange(count), seed)


# Samples.


def test_a_voice_is_sampled_from_another_clip_of_the_same_person(data: Path) -> None:
    talks = Talks(Run(data, data / "out", 0), "train", SMALL)
    asked: list[int] = []
    whole = talks.windows.clip
    talks.windows.clip = lambda n: (asked.append(n), whole(n))[1]  # type: ignore[method-assign]
    for seed in range(8):
        asked.clear()
        talks.draw(np.random.default_rng(seed))
        target, *samples = asked
        person = talks.windows.about[target]["person"]
        assert all(talks.windows.about[n]["person"] == person for n in samples)
        assert target not in samples


def test_reference_speech_never_overlaps_the_segment() -> None:
    settings = SMALL.model_copy(update={"frames": 14})
    length = round(settings.reference_s * RATE)
    for first in (2, 40, 80, 136):
        for start in reference_places(150 * SAMPLES_PER_FRAME, first, settings):
            heard = range(start, start + length)
            begin, end = (first - 2) * SAMPLES_PER_FRAME, (first + 14) * SAMPLES_PER_FRAME
            assert heard[-1] < begin or heard[0] >= end
    assert reference_places(50 * SAMPLES_PER_FRAME, 20, settings) == []


def test_a_lone_clip_gives_a_sample_from_outside(tmp_path: Path) -> None:
    folder = shards(tmp_path / "s", [clip(0, 150)])
    scenes = Scenes(Run(folder, tmp_path, 0), "train", SMALL, lambda text: None)  # type: ignore[arg-type, return-value]
    samples = scenes.windows.clip(0).sample.samples
    assert samples is not None
    part = scenes._reference(0, 100, np.random.default_rng(0))
    assert part is not None
    at = next(i for i in range(len(samples)) if np.array_equal(samples[i : i + 50], part[:50]))
    assert at + len(part) <= 98 * SAMPLES_PER_FRAME or at >= 104 * SAMPLES_PER_FRAME


def test_a_stretch_holds_its_segment() -> None:
    assert stretch_about(5, 14, 100) == (0, 100)
    for first in (2, 200, 480):
        start, end = stretch_about(first, 14, 500)
        assert end - start == 150
        assert start <= first
        assert first + 14 <= end


def test_no_person_is_in_two_splits(data: Path) -> None:
    run = Run(data, data / "out", 0)
    train, test = (Talks(run, split, SMALL).windows.people for split in ("train", "test"))
    assert not train.keys() & test.keys()


def test_frames_are_those_of_the_segment(data: Path) -> None:
    made = training()
    batch = moved(batch_of(made, "A", data), "0")
    assert batch["frames"].shape == (1, SMALL.frames + 2, 3, 64, 64)
    assert made.parts[1].scenes is not None  # type: ignore[attr-defined]
    first = int(batch["first"])
    assert 2 <= first <= 60 - SMALL.frames


def test_without_words_it_says_so(tmp_path: Path) -> None:
    folder = shards(tmp_path / "s", [clip(n, 40, person="p", note="x") for n in range(2)])
    for made in folder.rglob("*.tar"):
        assert made.exists()
    talks = Talks(Run(folder, tmp_path, 0), "train", SMALL)
    with pytest.raises(RequestError, match="says what is spoken"):
        talks.draw(np.random.default_rng(0))


def test_one_clip_a_person_teaches_no_voice(tmp_path: Path) -> None:
    folder = shards(tmp_path / "s", [clip(n) for n in range(2)])
    with pytest.raises(RequestError, match="two or more of each person"):
        Talks(Run(folder, tmp_path, 0), "train", SMALL)
    with pytest.raises(RequestError, match="give shards with --data"):
        Talks(Run(None, tmp_path, 0), "train", SMALL)


def test_what_is_coded_says_nothing_of_level_and_pitch() -> None:
    rng = torch.Generator().manual_seed(0)
    mel, octaves = torch.randn(1, 40, 80, generator=rng), torch.rand(1, 40, generator=rng)
    voiced = (torch.rand(1, 40, generator=rng) > 0.5).float()
    plain = coded(mel, octaves, voiced)
    assert plain.shape == (1, 40, 82)
    assert torch.allclose(plain, coded(mel + torch.randn(80), octaves + 0.7, voiced), atol=1e-5)
    assert not torch.allclose(plain, coded(mel * 1.1, octaves, voiced))
    filled = [torch.nn.functional.pad(x, p, value=torch.nan) for x, p in (
        (mel, (0, 0, 0, 8)), (octaves, (0, 8)), (voiced, (0, 8)))]  # fmt: skip
    assert torch.allclose(coded(*filled)[:, :40], plain, atol=1e-5)
    assert not coded(*filled)[:, 40:].any()


# Losses against oracles.


@pytest.fixture
def spoken_batch(data: Path) -> tuple[StfmTraining, dict[str, Any]]:
    made = training()
    return made, batch_of(made, "voice", data, 3)


def test_the_losses_of_the_voice_fall_when_it_learns(
    spoken_batch: tuple[StfmTraining, dict[str, Any]],
) -> None:
    made, batch = spoken_batch
    stage = stage_of(made, "voice")
    learns = [p for n, p in made.network.named_parameters() if n.startswith(stage.trains)]
    adam = torch.optim.Adam(learns, 3e-3)
    found: list[dict[str, float]] = []
    for _ in range(25):
        losses = made.losses(stage, batch, turn(3))
        found.append({k: float(v.detach()) for k, v in losses.items()})
        adam.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        adam.step()
    assert set(found[0]) == set(stage.losses)
    assert all(found[-1][name] < found[0][name] for name in ("codes", "mel", "pitch"))


def test_the_true_pitch_is_the_least_loss() -> None:
    octaves, voiced = torch.rand(1, 9), torch.tensor([[1.0, 1, 1, 0, 0, 1, 1, 0, 1]])
    real = torch.ones(1, 9, dtype=torch.bool)
    batch = {"octaves": octaves, "voiced": voiced}

    def loss(shift: float, sign: float) -> float:
        rows = torch.zeros(1, 9, 82)
        rows[..., -2], rows[..., -1] = octaves + shift, sign * 9 * (2 * voiced - 1)
        return float(pitch_loss(rows, batch, real))

    assert loss(0, 1) < 1e-3
    assert loss(0.3, 1) > loss(0, 1)
    assert loss(0, -1) > loss(0, 1)


def test_the_true_voice_is_told_from_others(
    spoken_batch: tuple[StfmTraining, dict[str, Any]],
) -> None:
    """The contrast compares two samples of the same people, in their order."""
    made, batch = spoken_batch
    part = made.parts[0]
    one, two = (part.heard(batch, name).speaker for name in ("one", "two"))  # type: ignore[attr-defined]
    assert one.shape == two.shape == (3, 16)
    assert not torch.allclose(one, two)


@pytest.fixture
def scene_batch(data: Path) -> tuple[StfmTraining, JointTraining, dict[str, Tensor]]:
    made = training(learning=Learning(forget=0.0))
    batch = batch_of(made, "A", data)
    return made, made.parts[1], moved(batch, "0")  # type: ignore[return-value]


def drawn(t: int = 300, free: bool = False) -> Drawn:
    rng = torch.Generator().manual_seed(1)
    noise = torch.randn(1, 4, SMALL.frames, 8, 8, generator=rng)
    return Drawn(noise, torch.tensor([t]), torch.arange(SMALL.frames), free)


def test_l_video_is_least_for_the_true_latents(
    scene_batch: tuple[StfmTraining, JointTraining, dict[str, Tensor]],
) -> None:
    _, part, batch = scene_batch
    assert part.base is not None
    clean = part.base.encode(batch["frames"][0, 2:])[None].transpose(1, 2)
    copy = part.base.decode(clean[0].transpose(0, 1))
    true = {"frames": torch.cat([batch["frames"][:, :2], copy[None]], 1)}
    d = drawn()
    v = velocity(clean, d.noise, d.t)
    from vivavoce.systems.stfm.film import noised

    noisy = noised(clean, d.noise, d.t)
    assert float(part.seen(true, clean_estimate(noisy, v, d.t), d)) < 1e-4
    assert float(part.seen(true, clean_estimate(noisy, v + 0.3, d.t), d)) > 1e-4
    turned = {"frames": true["frames"].flip(1)}  # frames in another order
    assert float(part.seen(turned, clean, d)) > 1e-3


def test_l_video_weighs_noise_and_sums_as_set(
    scene_batch: tuple[StfmTraining, JointTraining, dict[str, Tensor]],
) -> None:
    _, part, batch = scene_batch
    clean = torch.randn(1, 4, SMALL.frames, 8, 8)
    early, late = (float(part.seen(batch, clean, drawn(t))) for t in (100, 900))
    assert late < 0.1 * early
    stated = part.settings.learning.model_copy(update={"sums": True, "by_noise": False})
    part.settings = part.settings.model_copy(update={"learning": stated})
    same = [float(part.seen(batch, clean, drawn(t))) for t in (100, 900)]
    assert same[0] == same[1] > 1000 * early


def test_l_audio_is_least_for_the_true_sound(
    scene_batch: tuple[StfmTraining, JointTraining, dict[str, Tensor]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, part, batch = scene_batch
    real = torch.ones_like(batch["ids"], dtype=torch.bool)
    heard = made.net.hear(batch["sample mel"], batch["sample wave"])
    image = torch.randn(1, 64, 16)
    spoken: Spoken = part.spoken(batch, made.net.tell(heard, batch["ids"], real, image), real)
    middle = torch.randn(1, SMALL.frames, 16, 4, 4)
    first = int(batch["first"]) * SAMPLES_PER_FRAME
    true = batch["sound"][:, first : first + SMALL.frames * SAMPLES_PER_FRAME]
    plain = float(part.sounded(batch, spoken, middle))

    def says(sound: Tensor) -> float:
        monkeypatch.setattr(type(made.net.voice), "sound", lambda *_: sound)
        return float(part.sounded(batch, spoken, middle))

    assert says(true) < 1e-9
    assert says(true.roll(200)) > 1e-6
    assert says(0.5 * true) > 1e-6
    assert plain > 1e-6


def test_the_total_is_as_stated(
    scene_batch: tuple[StfmTraining, JointTraining, dict[str, Tensor]],
) -> None:
    _, part, batch = scene_batch
    found = part.of_scene(batch, drawn())
    total = sum(STATED[name] * float(loss.detach()) for name, loss in found.items())
    expected = 0.1 * float(found["audio"].detach()) + float(found["video"].detach())
    assert total == pytest.approx(expected, rel=1e-6)


def test_the_codes_are_those_of_the_clip(
    scene_batch: tuple[StfmTraining, JointTraining, dict[str, Tensor]],
) -> None:
    made, part, batch = scene_batch
    real = torch.ones_like(batch["ids"], dtype=torch.bool)
    heard = made.net.hear(batch["sample mel"], batch["sample wave"])
    voice = made.net.tell(heard, batch["ids"], real, torch.randn(1, 64, 16))
    spoken = part.spoken(batch, voice, real)
    assert spoken.codes.shape[1] == 60
    oracle = torch.full_like(spoken.written.logits, -20.0)
    oracle[:, :-1].scatter_(2, spoken.codes[..., None], 20.0)
    right = replace(spoken, written=replace(spoken.written, logits=oracle))
    wrong = torch.full_like(oracle, -20.0)
    wrong[:, :-1].scatter_(2, (spoken.codes[..., None] + 1) % 27, 20.0)
    others = replace(spoken, written=replace(spoken.written, logits=wrong))
    assert float(part.coded(right)) < 1e-3
    assert float(part.coded(others)) > 1.0


@pytest.mark.parametrize("name", ["sample mel", "source", "frames", "around mel", "mel", "face"])
def test_every_part_of_a_scene_counts(
    scene_batch: tuple[StfmTraining, JointTraining, dict[str, Tensor]], name: str
) -> None:
    _, part, batch = scene_batch
    with torch.no_grad():
        plain = part.of_scene(batch, drawn())
        other = part.of_scene({**batch, name: batch[name] * 0.5 + 0.2}, drawn())
    assert any(not torch.allclose(plain[k], other[k], rtol=1e-5) for k in plain)


def test_a_scene_without_conditions_sees_no_sound(
    scene_batch: tuple[StfmTraining, JointTraining, dict[str, Tensor]],
) -> None:
    _, part, batch = scene_batch
    with torch.no_grad():
        plain = part.of_scene(batch, drawn(free=True))
        loud = part.of_scene({**batch, "around mel": batch["around mel"] + 2}, drawn(free=True))
    assert torch.equal(plain["denoising"], loud["denoising"])


# Stages.


@pytest.mark.parametrize("name", ["codec", "voice", "film", "A", "B"])
def test_a_stage_trains_its_own_parts_and_no_others(name: str, data: Path, tmp_path: Path) -> None:
    """The loop itself proves that what is frozen keeps its checksums, and raises otherwise."""

    class Small(StfmTraining):
        def __init__(self, settings: StfmSettings, stages: tuple[Stage, ...]) -> None:
            super().__init__(SMALL, stages, small_base())

    train_system(
        Small, tmp_path / "out", data, stage=name, device="cpu",
        changes=["steps=2", "accumulate=1", "batch=2"],
    )  # fmt: skip
    assert (tmp_path / "out" / "voice.safetensors").exists()
    assert (tmp_path / "out" / "film.safetensors").exists()


def test_every_weight_of_stage_b_gets_a_gradient(data: Path) -> None:
    made = training(learning=Learning(forget=0.0))
    stage = stage_of(made, "B")
    losses = made.losses(stage, batch_of(made, "B", data), turn())
    torch.stack(list(losses.values())).sum().backward()
    none = [
        name for name, p in made.network.named_parameters()
        if name.startswith(stage.trains) and (p.grad is None or not p.grad.any())
    ]  # fmt: skip
    # A shift of all keys alike changes no softmax, and GPT-2's text logits are not taught.
    assert [n for n in none if "norm.bias" not in n] == []


def test_a_base_is_needed_for_pictures(data: Path, tmp_path: Path) -> None:
    made = StfmTraining(SMALL.model_copy(update={"filmed": False}), STAGES["tiny"])
    with pytest.raises(RequestError, match="leave filmed at true"):
        made.check([stage_of(made, "A")], Run(data, tmp_path, 0))
    with pytest.raises(RequestError, match="--data"):
        made.check([stage_of(made, "voice")], Run(None, tmp_path, 0))


def test_batches_of_the_voice_are_filled_up() -> None:
    def sample(frames: int, tokens: int) -> dict[str, Tensor]:
        return {
            "mel": torch.ones(frames, 80), "octaves": torch.ones(frames),
            "voiced": torch.ones(frames), "ids": torch.ones(tokens, dtype=torch.long),
        }  # fmt: skip

    batch = together([sample(8, 3), sample(4, 5)])
    assert batch["mel"].shape == (2, 8, 80)
    assert batch["octaves"].isnan().sum(1).tolist() == [0, 4]
    assert batch["tokens"].tolist() == [3, 5]
    assert speech_module.GAIN_DB > 0
