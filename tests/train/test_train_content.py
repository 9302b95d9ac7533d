from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("pocketsphinx")
from vivavoce.errors import RequestError
from vivavoce.listen.content import ContentModel
from vivavoce.listen.sounds import CLASSES, CLOSED, INDEX, SILENCE
from vivavoce.systems.stage import Run
from vivavoce.train import train_system
from vivavoce.train.engine.checkpoint import read_state
from vivavoce.train.portrait.content import (
    PLANS,
    UNKNOWN,
    Clip,
    Plan,
    filled,
    label_rows,
    synthetic_clips,
)
from vivavoce.train.portrait.training import PortraitTraining
from vivavoce.train.read.augment import masked, other_voice, spoil
from vivavoce.train.read.manifest import rows
from vivavoce.train.read.phrases import draw_text, spoken_sentences
from vivavoce.types import Phone


def test_labels_of_phones() -> None:
    phones = (Phone("p", 0.0, 0.05), Phone("aɪ", 0.05, 0.15), Phone("?", 0.15, 0.2))
    labels = label_rows(phones, 25)
    expected = [CLOSED] * 5 + [INDEX["a"]] * 5 + [INDEX["e"]] * 5 + [UNKNOWN] * 5 + [SILENCE] * 5
    assert labels.tolist() == expected


def test_a_faster_voice_keeps_its_labels_in_time() -> None:
    sound = np.zeros(16_000, np.float32)
    sound[8_000:] = np.random.default_rng(0).normal(0, 0.1, 8_000)
    labels = np.repeat(np.array([SILENCE, INDEX["a"]], np.int8), 50)
    for seed in range(5):
        faster, moved = other_voice(sound, labels, np.random.default_rng(seed))
        start = np.flatnonzero(np.abs(faster) > 0.02)[0]
        assert (moved == INDEX["a"]).argmax() == pytest.approx(start / 160, abs=1.5)


def test_spoilt_sound_stays_in_range_and_in_time() -> None:
    rng = np.random.default_rng(3)
    click = np.zeros(16_000, np.float32)
    click[8_000:8_200] = rng.normal(0, 1, 200)
    for _ in range(20):
        heard = spoil(click, rng.normal(0, 0.1, 20_000).astype(np.float32), rng)
        assert heard.shape == click.shape
        assert np.abs(heard).max() <= 1
        assert np.isfinite(heard).all()
        loud = np.convolve(heard**2, np.ones(400), "same").argmax()
        assert loud == pytest.approx(8_100, abs=400)


def test_masking_keeps_most_of_what_is_heard() -> None:
    rng = np.random.default_rng(0)
    rows = np.repeat(np.linspace(-1, 1, 80, dtype=np.float32)[None], 100, 0)
    for _ in range(20):
        seen = masked(rows.copy(), rng)
        assert seen.shape == rows.shape
        assert (np.abs(seen - rows) < 0.3).mean() > 0.6


def test_a_network_learns_from_synthetic_speech(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "manifest.csv").write_text("file,notes,may_train_shipped\n")
    monkeypatch.setitem(PLANS, "content-1", Plan(voices=36, copies={"voice": 1}))
    out = tmp_path / "out"
    short = ["steps=60", "batch=8", "window=50"]
    train_system("portrait", out, tmp_path, stage="content-1", changes=short)
    figures = read_state(out).figures
    assert figures["content-1: voice_accuracy"] > 0.25  # 23 classes
    assert figures["content-1: voice_silence"] > 0.5
    assert ContentModel.load(out / "content.safetensors").settings == ContentModel().settings
    assert not (out / "lips.safetensors").exists()


def test_a_teacher_fills_gaps_and_leaves_the_rest() -> None:
    torch.manual_seed(0)
    teacher = ContentModel().eval()
    with torch.no_grad():
        teacher.head.weight.zero_()
        teacher.head.bias.fill_(0)
        teacher.head.bias[[INDEX["o"], INDEX["o"] + len(CLASSES)]] = 20  # sure of one answer
    labels = np.array([CLOSED] * 10 + [UNKNOWN] * 10, np.int8)
    clip = Clip(np.zeros(3_200, np.float32), labels, "real", "someone", test=False)
    assert filled(clip, teacher).labels.tolist() == [CLOSED] * 10 + [INDEX["o"]] * 10
    assert filled(replace(clip, test=True), teacher).labels.tolist() == labels.tolist()


def test_synthetic_clips_are_the_same_for_a_seed() -> None:
    first, again = list(synthetic_clips(3, 5)), list(synthetic_clips(3, 5))
    assert all(np.array_equal(a.sound, b.sound) for a, b in zip(first, again, strict=True))
    assert all(len(c.labels) == len(c.sound) // 160 for c in first)


MANIFEST = """file,kind,notes,may_train_shipped
video/a.mp4,video,person=ann; smiles,yes
video/b.mp4,video,AI-GENERATED,yes
video/c.mp4,video,,no
audio/d.wav,audio,,yes
"""


def test_only_real_clips_of_a_free_licence_may_train(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text(MANIFEST)
    may = rows(tmp_path)
    assert [(row.file, row.person) for row in may] == [
        ("video/a.mp4", "ann"),
        ("audio/d.wav", "audio/d.wav"),
    ]
    assert [row.file for row in rows(tmp_path, may_train=False)] == ["video/b.mp4", "video/c.mp4"]
    (tmp_path / "manifest.csv").write_text("file,kind,notes\nx.wav,audio,\n")
    with pytest.raises(RequestError, match="no column 'may_train_shipped'"):
        rows(tmp_path)


def test_without_a_video_the_stages_that_need_one_are_refused_first(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(MANIFEST.replace("smiles,yes", "smiles,no"))
    portrait, run = PortraitTraining(), Run(tmp_path, tmp_path / "out", 0)
    portrait.check(portrait.stages[:3], run)
    with pytest.raises(RequestError, match="lips, head, repair learn from videos"):
        portrait.check(portrait.stages, run)
    (run.scratch / "pairs").mkdir()
    with pytest.raises(RequestError, match="lips, head learn from videos"):
        portrait.check(portrait.stages, run)
    manifest.write_text(MANIFEST)
    portrait.check(portrait.stages, run)


def test_the_same_seed_speaks_the_same_phrases() -> None:
    first, second = (list(spoken_sentences(2, seed)) for seed in (3, 3))
    for (phones, sound), (same, again) in zip(first, second, strict=True):
        assert phones == same
        assert np.array_equal(sound, again)
        assert phones[-1].end_s == pytest.approx(len(sound) / 16_000, abs=0.05)
    texts = {draw_text("de", np.random.default_rng(seed)) for seed in range(20)}
    assert len(texts) == 20
    assert all(text[-1] in ".?!" and text[-2] != "," for text in texts)
    lengths = {len(draw_text("de", np.random.default_rng(seed)).split()) for seed in range(300)}
    assert lengths == set(range(3, 11))
