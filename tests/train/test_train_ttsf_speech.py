"""TTSF's speech half in training: what it reads, what it draws, that a step teaches it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from vivavoce.data.schema import Sample
from vivavoce.data.shards import write_set, write_shard
from vivavoce.listen.mel import log_mel
from vivavoce.nn.weights import read_weights
from vivavoce.speak.matcha import PRESETS, Matcha
from vivavoce.speak.voices import find_voice
from vivavoce.systems.stage import Run, Stage, Turn
from vivavoce.train.ttsf.speech import (
    CROP,
    SpeechTraining,
    cropped,
    pitch_loss,
    pitch_of,
    read_utterances,
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


def batch_of(
    part: SpeechTraining | VocoderTraining, stage: Stage, count: int
) -> dict[str, torch.Tensor]:
    drawn = [part.draw(stage, np.random.default_rng([5, n])) for n in range(count)]
    return {k: torch.stack([d[k] for d in drawn]) for k in drawn[0]}


def test_speech_learns_from_clips_that_say_their_phones(shards: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    part = SpeechTraining("tiny", lambda clip: torch.randn(3, 256))
    align, speech = part.stages
    part.begin(align, Run(shards, tmp_path / "out", 0))
    mels = np.concatenate([c.mel for c in part.clips])
    assert float(part.acoustic.level) == pytest.approx(mels.mean(), rel=1e-4)
    batch = batch_of(part, align, 4)
    assert batch["known"].all()
    adam = torch.optim.Adam(part.acoustic.parameters(), 2e-3)
    history = []
    for _ in range(6):
        losses = part.losses(align, batch, turn(align, 4, "speech"))
        adam.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        adam.step()
        history.append(losses["prior"].item())
    assert history[-1] < history[0] - 0.02
    found = part.losses(speech, batch, turn(speech, 4, "speech"))
    again = part.losses(speech, batch, turn(speech, 4, "speech"))
    assert set(found) == set(speech.losses)
    assert 0.5 < found["flow"].item() < 10
    part.acoustic.eval()
    assert {k: v.shape for k, v in found.items()} == {k: v.shape for k, v in again.items()}
    picture = part.picture(speech, batch)
    assert picture is not None
    assert picture.ndim == 3
    figures = part.figures(speech)
    assert 0 < figures["held-out phone onset error, s"] < 0.5
    weights, about = part.files(speech)["acoustic.safetensors"]
    assert about == {"part": "ttsf-acoustic"}
    save_file(weights, tmp_path / "a.safetensors", about)
    read, _ = read_weights(tmp_path / "a.safetensors", "ttsf-acoustic")
    Matcha(part.acoustic.settings).load_state_dict(read)


def test_nobody_speaks_where_no_face_is_known(shards: Path) -> None:
    found = read_utterances(str(shards), "train", None)
    assert [len(c.starts) for c in found] == [
        len(clip(n, "train").about["phones"]) for n in range(2)
    ]
    assert all(c.faces is None for c in found)


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


def test_the_vocoder_and_its_critics_take_turns(shards: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    part = VocoderTraining("tiny")
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


def test_the_papers_sizes_take_a_training_step(shards: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    run = Run(shards, tmp_path / "out", 0)
    speech = SpeechTraining("paper", lambda clip: torch.randn(2, 512))
    stage = speech.stages[1]
    speech.begin(stage, run)
    losses = speech.losses(stage, batch_of(speech, stage, 1), turn(stage, 1, "speech"))
    torch.stack(list(losses.values())).sum().backward()
    silent = [n for n, p in speech.acoustic.named_parameters() if p.grad is None]
    assert silent == []
    vocoder = VocoderTraining("paper")
    stage = vocoder.stages[1]
    vocoder.begin(stage, run)
    batch = {k: v[:, : v.shape[1] // 5] for k, v in batch_of(vocoder, stage, 1).items()}
    made = vocoder.losses(stage, batch, turn(stage, 1, "maker"))
    made["fool"].backward()
    assert all(p.grad is not None for p in vocoder.vocoder.parameters())


def test_a_face_is_moved_until_it_says_the_pitch() -> None:
    torch.manual_seed(0)
    model = SpeechTraining("tiny").acoustic
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
    assert Matcha(PRESETS["paper"]).led(f_id) is f_id


def test_pitch_is_the_median_of_voiced_frames() -> None:
    time = np.arange(16000) / 16000
    for hertz in (110.0, 220.0):
        saw = (0.3 * (2 * (time * hertz % 1) - 1)).astype(np.float32)
        assert np.exp(5.1 + 0.33 * pitch_of(saw)) == pytest.approx(hertz, rel=0.03)
    assert pitch_of(np.zeros(16000, np.float32)) == 0.0
