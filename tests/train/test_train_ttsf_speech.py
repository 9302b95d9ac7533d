"""TTSF's speech half in training: what it reads, what it draws, that a step teaches it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from vivavoce.data.schema import Sample
from vivavoce.data.shards import write_set, write_shard
from vivavoce.listen.mel import log_mel
from vivavoce.nn.weights import read_weights
from vivavoce.speak.matcha import Matcha
from vivavoce.speak.voices import find_voice
from vivavoce.systems.stage import Run, Stage, Trainable, Turn
from vivavoce.systems.ttsf.net import PRESETS
from vivavoce.systems.ttsf.stages import STAGES
from vivavoce.train.ttsf.speech import (
    CROP,
    Looker,
    SpeechTraining,
    cropped,
    pitch_loss,
    pitch_of,
)
from vivavoce.train.ttsf.vocoder import VocoderTraining, mel_of, spectra_loss
from vivavoce.types import SAMPLES_PER_FRAME, Emotion

TEXTS = ("A small boat came home.", "Five birds sing in the big tree.", "We like warm rain.")


def clip(number: int, split: str) -> Sample:
    """One sentence, in whole frames."""
    speech = next(iter(find_voice("en-us").speak(TEXTS[number], Emotion())))
    frames = len(speech.samples) // SAMPLES_PER_FRAME
    phones = [[p.symbol, p.start_s, p.end_s] for p in speech.phones or ()]
    about = {"set": "made", "split": split, "person": f"p{number}", "frames": frames, "size": 8,
             "clip": "c0", "phones": phones}  # fmt: skip
    return Sample(f"p{number}-c0", about, speech.samples[: frames * SAMPLES_PER_FRAME])


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    write_shard(folder / "train" / "a.tar", [clip(0, "train"), clip(1, "train")])
    write_shard(folder / "test" / "b.tar", [clip(2, "test")])
    write_set(folder, {"name": "made"})
    return folder


def turn(stage: Stage, batch: int, name: str) -> Turn:
    return Turn(name, 0, {}, torch.arange(batch), 1)


def batch_of(part: Trainable, stage: Stage, count: int) -> dict[str, torch.Tensor]:
    drawn = [part.draw(stage, np.random.default_rng([5, n])) for n in range(count)]
    return part.collate(stage, drawn)


class Faces(Looker):
    """Faces that need no pictures: each clip's own code."""

    def picture(self, clip: object, frame: int) -> torch.Tensor:
        return torch.full((3, 2, 2), float(len(clip.sample.samples)) / 30_000)  # type: ignore[attr-defined]


def see(pictures: torch.Tensor) -> torch.Tensor:
    rng = torch.Generator().manual_seed(0)
    return pictures.mean((1, 2, 3))[:, None] * torch.randn(256, generator=rng)


def speech(looker: Looker | None = None, preset: str = "tiny") -> SpeechTraining:
    """The tiny voice; it reads sound alone, since these clips have no pictures."""
    torch.manual_seed(0)
    settings = PRESETS[preset]
    stages = tuple(s for s in STAGES[preset] if s.name.startswith("speech"))
    return SpeechTraining(settings.speech, settings.learning, stages, looker)


@pytest.fixture
def _sound_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vivavoce.train.ttsf.speech.ALL", ("wav",))


@pytest.mark.usefixtures("_sound_alone")
def test_speech_learns_from_clips_that_say_their_phones(shards: Path, tmp_path: Path) -> None:
    part = speech(Faces(see, 2))
    align, whole = part.stages
    part.begin(align, Run(shards, tmp_path / "out", 0))
    assert part.clips is not None
    mels = np.concatenate([part.clips.clip(n).mel for n in range(2)])
    assert float(part.acoustic.level) == pytest.approx(mels.mean(), rel=1e-4)
    batch = batch_of(part, align, 4)
    adam = torch.optim.Adam(part.acoustic.parameters(), 2e-3)
    history = []
    for _ in range(6):
        losses = part.losses(align, batch, turn(align, 4, "speech"))
        adam.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        adam.step()
        history.append(losses["prior"].item())
    assert history[-1] < history[0] - 0.02
    found = part.losses(whole, batch, turn(whole, 4, "speech"))
    assert set(found) == set(whole.losses)
    assert 0.5 < found["flow"].item() < 10
    part.acoustic.eval()
    picture = part.picture(whole, batch)
    assert picture.ndim == 3
    figures = part.figures(whole)
    assert 0 < figures["held-out phone onset error, s"] < 0.5
    weights, about = part.files(whole)["acoustic.safetensors"]
    assert about == {"part": "ttsf-acoustic"}
    save_file(weights, tmp_path / "a.safetensors", about)
    read, _ = read_weights(tmp_path / "a.safetensors", "ttsf-acoustic")
    Matcha(part.acoustic.settings).load_state_dict(read)


def test_batches_are_padded_to_the_longest_and_no_further(shards: Path, tmp_path: Path) -> None:
    part = speech()
    stage = part.stages[0]
    part.begin(stage, Run(shards, tmp_path / "out", 0))
    samples = [part.draw(stage, np.random.default_rng([5, n])) for n in range(6)]
    batch = part.collate(stage, samples)
    assert batch["tokens"].tolist() == [len(s["ids"]) for s in samples]
    assert batch["frames"].tolist() == [len(s["mel"]) for s in samples]
    assert batch["ids"].shape[1] == batch["tokens"].max()
    assert batch["mel"].shape[1] == batch["frames"].max()
    for sample, ids, mel in zip(samples, batch["ids"], batch["mel"], strict=True):
        assert torch.equal(ids[: len(sample["ids"])], sample["ids"])
        assert torch.equal(mel[: len(sample["mel"])], sample["mel"])
        assert not mel[len(sample["mel"]) :].any()


@pytest.mark.usefixtures("_sound_alone")
def test_whose_voice_it_is_matters_and_nobody_speaks_where_no_face_is_known(
    shards: Path, tmp_path: Path
) -> None:
    part, nobody = speech(Faces(see, 2)), speech()
    whole = part.stages[1]
    for p in (part, nobody):
        p.begin(whole, Run(shards, tmp_path / "out", 0))
    batch = batch_of(part, whole, 3)
    assert "picture" not in batch_of(nobody, whole, 3)
    other = batch | {"picture": batch["picture"] + 1}
    asked = turn(whole, 3, "speech")
    part.acoustic.eval()
    one, two = (part.losses(whole, b, turn(whole, 3, "speech")) for b in (batch, other))
    assert one["prior"] != two["prior"]
    assert one["pitch"] != two["pitch"]
    faces = part._speakers(batch, asked)
    assert len({tuple(f.tolist()) for f in faces}) > 1
    alone = nobody._speakers(batch, turn(whole, 3, "speech"))
    assert torch.equal(alone, nobody.acoustic.nobody.expand(3, -1))


@pytest.mark.usefixtures("_sound_alone")
def test_the_true_pitch_reaches_f_id_in_tiny_alone(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In `paper` f_id is what the face gives: nothing of the target leaks into it."""
    for share, leaks in ((0.0, False), (0.7, True)):
        part = speech(Faces(see, 2))
        part.learning = part.learning.model_copy(update={"pitch_known": share})
        stage = replace(part.stages[1], losses={"duration": 1.0, "prior": 1.0, "flow": 1.0})
        part.begin(stage, Run(shards, tmp_path / "out", 0))
        part.acoustic.eval()
        batch = batch_of(part, stage, 4)
        other = batch | {"pitch": batch["pitch"] + 2}
        one, two = (part.losses(stage, b, turn(stage, 4, "speech")) for b in (batch, other))
        assert (one["prior"] != two["prior"]) == leaks
    assert "pitch" not in STAGES["paper"][2].losses


def test_crops_of_mel_and_feature_lie_together() -> None:
    mel = torch.arange(300.0)[None, :, None].repeat(2, 1, 80)
    part = cropped(mel, 2 * mel, torch.tensor([300, 100]), torch.tensor([0.999, 0.5]))
    assert torch.equal(part.feature, 2 * part.mel)
    assert part.mel.shape == (2, CROP, 80)
    assert part.mel[0, -1, 0] == 299
    assert part.mel[1, 0, 0] == 0
    assert part.frames.tolist() == [CROP, 100]


def test_the_mel_that_is_learnt_from_is_the_one_that_is_heard() -> None:
    sound = (0.1 * np.random.default_rng(0).standard_normal(8000)).astype(np.float32)
    np.testing.assert_allclose(
        mel_of(torch.from_numpy(sound)[None])[0].numpy(), log_mel(sound), atol=1e-4
    )


def test_spectra_tell_sounds_apart() -> None:
    torch.manual_seed(0)
    true = 0.1 * torch.randn(2, 3200)
    assert spectra_loss(true, true).item() == 0
    near, far = (spectra_loss(true, true + s * torch.randn(2, 3200)).item() for s in (0.01, 0.1))
    assert 0 < near < far


def vocoder(preset: str = "tiny") -> VocoderTraining:
    torch.manual_seed(0)
    stages = tuple(s for s in STAGES[preset] if s.name.startswith("vocoder"))
    return VocoderTraining(PRESETS[preset].vocoder, stages)


def test_the_vocoder_and_its_critics_take_turns(shards: Path, tmp_path: Path) -> None:
    part = vocoder()
    stage = part.stages[1]
    part.begin(stage, Run(shards, tmp_path / "out", 0))
    batch = batch_of(part, stage, 2)
    assert batch["samples"].shape == (2, 10 * SAMPLES_PER_FRAME)
    assert batch["mel"].shape == (2, 40, 80)
    critic = part.losses(stage, batch, turn(stage, 2, "critic"))
    maker = part.losses(stage, batch, turn(stage, 2, "maker"))
    assert set(critic) | set(maker) == set(stage.losses)
    critic["critic"].backward()
    assert all(p.grad is None for p in part.vocoder.parameters())
    figures = part.figures(stage)
    assert set(figures) == {"held-out log-mel L1", "held-out STOI"}
    weights, _ = part.files(stage)["vocoder.safetensors"]
    assert {w.dtype for w in weights.values()} <= {torch.float16, torch.float32, torch.int8}


def test_the_mel_and_the_sound_of_a_window_belong_together(shards: Path, tmp_path: Path) -> None:
    part = vocoder()
    stage = part.stages[0]
    part.begin(stage, Run(shards, tmp_path / "out", 0))
    batch = batch_of(part, stage, 4)
    inside = slice(4, 36)  # its edges hear what lies beside the window
    made = mel_of(batch["samples"])[:, inside]
    assert torch.allclose(made, batch["mel"][:, inside], atol=1e-3)
    assert not torch.allclose(made[0], batch["mel"][1, inside], atol=0.1)


def test_every_loss_of_the_vocoder_is_least_for_the_truth(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = vocoder()
    stage = part.stages[1]
    part.begin(stage, Run(shards, tmp_path / "out", 0))
    batch = batch_of(part, stage, 2)

    def costs(made: torch.Tensor) -> dict[str, float]:
        monkeypatch.setattr(part.vocoder, "forward", lambda *_: made)
        return {k: float(v) for k, v in part.losses(stage, batch, turn(stage, 2, "maker")).items()}

    true = batch["samples"]
    best, noisy = costs(true), costs(true + 0.05 * torch.randn_like(true))
    for name in ("mel", "spectra", "match"):
        assert best[name] < 1e-4 < noisy[name], name


def test_the_pitch_that_is_read_is_least_wrong_for_the_true_pitch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    part = vocoder()
    octaves, voiced = torch.randn(2, 9), (torch.rand(2, 9) > 0.4).float()
    sure = 8 * (2 * voiced - 1)

    def cost(read: torch.Tensor, logits: torch.Tensor) -> float:
        monkeypatch.setattr(part.vocoder.pitch, "forward", lambda *_: (read, logits))
        return float(part._pitch_loss(torch.zeros(2, 9, 80), octaves, voiced))

    best = cost(octaves, sure)
    assert best < 1e-3
    assert cost(octaves + 0.5 * voiced, sure) > best + 0.4
    assert cost(octaves + 9 * (1 - voiced), sure) == pytest.approx(best)  # where nothing is voiced
    assert cost(octaves, -sure) == pytest.approx(0.3 * 8, rel=1e-2)


@pytest.mark.usefixtures("_sound_alone")
def test_faces_are_blurred_as_far_as_the_settings_say(shards: Path, tmp_path: Path) -> None:
    part = speech(Faces(see, 2))
    whole = part.stages[1]
    part.begin(whole, Run(shards, tmp_path / "out", 0))
    batch = batch_of(part, whole, 3)
    part.acoustic.face_spread.fill_(1.0)
    face = part.looker.see(batch["picture"])

    def spread(blur: float) -> float:
        part.learning = part.learning.model_copy(update={"blur": blur, "nobody": 0.0})
        return float((part._speakers(batch, turn(whole, 3, "speech")) - face).abs().mean())

    assert spread(0.0) == 0 < spread(0.5)
    assert spread(2.0) == pytest.approx(4 * spread(0.5), rel=1e-4)


@pytest.mark.slow(reason="the paper's voice and vocoder, 34 million parameters, take a step")
def test_the_papers_sizes_take_a_training_step(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(shards, tmp_path / "out", 0)
    part = speech(preset="paper")
    stage = part.stages[0]
    part.begin(stage, run)
    losses = part.losses(stage, batch_of(part, stage, 1), turn(stage, 1, "speech"))
    torch.stack(list(losses.values())).sum().backward()
    silent = [n for n, p in part.acoustic.named_parameters() if p.grad is None]
    assert silent == []
    own = vocoder("paper")
    stage = own.stages[0]
    own.begin(stage, run)
    batch = {k: v[:, : v.shape[1] // 5] for k, v in batch_of(own, stage, 1).items()}
    made = own.losses(stage, batch, turn(stage, 1, "maker"))
    assert made.keys() <= stage.losses.keys()
    made["fool"].backward()
    assert all(p.grad is not None for p in own.vocoder.parameters())


def test_a_set_of_one_clip_normalises_faces_by_numbers() -> None:
    model = speech().acoustic
    code = model.face_level.shape[0]
    model.normalise_by(torch.randn(9, 80), torch.randn(1, code))
    assert torch.isfinite(model.voice(torch.randn(2, code))).all()


def test_a_face_is_moved_until_it_says_the_pitch() -> None:
    torch.manual_seed(0)
    model = speech().acoustic
    model.face_spread.uniform_(0.1, 2.0)
    f_id, pitch = torch.randn(5, 256), torch.randn(5)
    moved = model.at_pitch(f_id, pitch)
    assert torch.allclose(model.voice(moved)[:, 0], pitch, atol=1e-4)
    assert pitch_loss(model, moved, pitch) < 1e-6 < pitch_loss(model, f_id, pitch)
    said = model.voice(f_id)[:, 0].detach()
    assert torch.allclose(model.at_pitch(f_id, said), f_id, atol=1e-4)
    lead = model.settings.pitch_lead
    assert lead > 1
    assert torch.allclose(model.voice(model.led(f_id))[:, 0], lead * said, atol=1e-4)
    assert Matcha(PRESETS["paper"].speech).led(f_id) is f_id


def test_pitch_is_the_median_of_voiced_frames() -> None:
    time = np.arange(16000) / 16000
    for hertz in (110.0, 220.0):
        saw = (0.3 * (2 * (time * hertz % 1) - 1)).astype(np.float32)
        assert np.exp(5.1 + 0.33 * pitch_of(saw)) == pytest.approx(hertz, rel=0.03)
    assert pitch_of(np.zeros(16000, np.float32)) == 0.0
