"""TTSF's training: the items of the specification's checklist that are about learning, that every
loss compares the right two things, and that what is written is what the system reads."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from ttsf_clips import CORPUS, clip, drawn, shards, small, stage_of, training

import vivavoce
from vivavoce.data.schema import Sample
from vivavoce.errors import RequestError
from vivavoce.listen.audio_mapper import surround
from vivavoce.look.boxes import mouth_box
from vivavoce.measure.bench.tables import PAPER_TABLES, Row, arranged
from vivavoce.measure.judges.official.arcface import POINTS, SIDE, TEMPLATE
from vivavoce.measure.metrics.measured import Measured
from vivavoce.nn.gan import critic_loss
from vivavoce.nn.perceptual import Lpips, Vgg19, held_vgg19, perceptual_distance
from vivavoce.nn.pictures import crop
from vivavoce.nn.syncnet import SyncNet
from vivavoce.render.landmark_drawing import drawing_of
from vivavoce.systems.stage import Run, Stage, Turn, is_part
from vivavoce.systems.ttsf.motion import MOST_GAIN
from vivavoce.systems.ttsf.net import PRESETS, Learning, TtsfNet
from vivavoce.systems.ttsf.stages import STAGES, WEIGHTS_OF_LOSSES
from vivavoce.train import make, train_system, trainable_of
from vivavoce.train.engine.loop import _weighed
from vivavoce.train.read.square import Sight
from vivavoce.train.read.windows import Window, Windows
from vivavoce.train.ttsf import joint as joint_stage
from vivavoce.train.ttsf.critics import (
    Critics,
    Judgement,
    LipReader,
    arcface_grids,
    face_boxes,
    official,
    syncnet_boxes,
)
from vivavoce.train.ttsf.face import (
    GUIDES,
    IDENTITY,
    REACH,
    FaceTraining,
    draw_pair,
    flow_distance,
    held,
    identity_targets,
    lips_distance,
    pose_supervision,
)
from vivavoce.train.ttsf.joint import RENDERED, draw_mouths, draw_talk
from vivavoce.train.ttsf.motion import draw_codes
from vivavoce.train.ttsf.speech import SpeechTraining
from vivavoce.train.ttsf.training import TtsfTraining

EQ_8 = ("gan", "rec", "id", "sync", "cfm", "ae", "prior", "tts")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    return shards(folder, [clip(0), clip(1)], [clip(2, split="test")])


@pytest.fixture(scope="module")
def windows(data: Path) -> Windows:
    from vivavoce.data.shards import open_set

    return Windows(open_set(data), "train", 32)


@pytest.fixture
def joint(data: Path) -> tuple[TtsfTraining, Stage, dict, Turn]:
    whole = training()
    whole.critics.reader.trained.fill_(True)
    stage = stage_of(whole, "joint")
    return (whole, stage, *drawn(whole, stage, data, 2))


# The checklist.


def test_10_frozen_networks_stay_as_they_are(joint: tuple) -> None:
    whole, stage, batch, turn = joint
    before = {k: v.clone() for k, v in whole.critics.state_dict().items()}
    losses = whole.losses(stage, batch, turn)
    _weighed(losses, stage.weights_at(0), stage).backward()
    for network in (whole.critics.face, whole.critics.sync):
        assert all(p.grad is None for p in network.parameters())
    assert all(torch.equal(v, before[k]) for k, v in whole.critics.state_dict().items())
    taught = [
        n for n, p in whole.network.named_parameters()
        if p.grad is not None and p.grad.any() and is_part(n, stage.optimisers["maker"].trains)
    ]  # fmt: skip
    for part in stage.optimisers["maker"].trains:
        assert any(is_part(n, (part,)) for n in taught), part


def test_the_critics_are_proved_frozen_since_they_are_children_of_the_network() -> None:
    names = {n.split(".")[1] for n, _ in training().network.named_parameters() if "critics." in n}
    assert {"face", "sync", "reader"} <= names


def test_11_the_whole_loss_is_the_weighted_sum(joint: tuple) -> None:
    whole, stage, batch, turn = joint
    losses = whole.losses(stage, batch, turn)
    assert losses.keys() == WEIGHTS_OF_LOSSES.keys()
    w = (0.1, 1, 0.3, 0.1, 0.1, 1, 0.1, 1)
    wanted = sum(a * losses[n] for a, n in zip(w, EQ_8, strict=True))
    assert torch.allclose(_weighed(losses, stage.weights_at(0), stage), wanted)


def test_the_discriminator_has_a_turn_of_its_own(joint: tuple) -> None:
    whole, stage, batch, _ = joint
    critic = whole.losses(stage, batch, Turn("critic", 0, {}, torch.arange(2), 0))
    assert list(critic) == ["critic"]
    critic["critic"].backward()
    assert all(p.grad is None for p in whole.net.parameters())
    even = torch.zeros(3)
    assert critic_loss(even, even).item() == pytest.approx(2 * np.log(2))


def test_r1_is_off_unless_asked_for(joint: tuple) -> None:
    whole, stage, batch, _ = joint
    asked = replace(stage, losses=stage.losses | {"r1": 5.0})
    losses = whole.losses(asked, batch, Turn("critic", 0, {}, torch.arange(2), 0))
    assert list(losses) == ["critic", "r1"]
    _weighed(losses, asked.weights_at(0), asked).backward()
    assert any(p.grad is not None and p.grad.any() for p in whole.parts[-1].critic.parameters())


def test_lpips_and_one_identity_are_off_unless_asked_for(
    joint: tuple, data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole, stage, batch, turn = joint
    asked = replace(stage, losses=stage.losses | {"identity_gap": 1.0})
    found = whole.losses(asked, batch, turn)
    assert found.keys() == WEIGHTS_OF_LOSSES.keys() | {"identity_gap"}
    asked = replace(stage, losses=stage.losses | {"lpips": 1.0})
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(RequestError, match=r"vgg16-397923af.pth in .*losses.lpips at 0"):
        whole.begin(asked, Run(data, data / "out", 0))
    whole.parts[-1].lpips.append(Lpips())
    losses = whole.losses(asked, batch, turn)
    losses["lpips"].backward()
    assert any(p.grad is not None and p.grad.any() for p in whole.net.generator.parameters())


def test_18_a_checkpoint_of_stage_a_loads_into_stage_b() -> None:
    settings = small("tiny")
    speech = SpeechTraining(settings.speech, settings.learning, ())
    saved, whole = speech.network.state_dict(), training()
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


# What the paper's preset does, and what only the small one does.


def test_the_stages_are_the_papers() -> None:
    stages = training("paper").stages
    assert [s.name for s in stages] == ["face", "vocoder", "speech", "reader", "joint"]
    of = {s.name: s for s in stages}
    assert of["face"].losses == {"rec": 1.0}
    assert of["speech"].losses == {"duration": 1.0, "prior": 1.0, "flow": 1.0}
    assert of["vocoder"].losses == {"critic": 1.0, "fool": 1.0, "match": 2.0, "mel": 45.0}
    assert of["joint"].window == 32
    for name in ("face", "speech", "joint"):
        assert all(o.lr == 1e-4 for o in of[name].optimisers.values())
    epochs = of["speech"].steps * of["speech"].batch * 8 / 150_498
    assert epochs == pytest.approx(2000, rel=1e-4)


def test_the_papers_voice_is_taught_without_our_helps() -> None:
    paper, tiny = (PRESETS[name].learning for name in ("paper", "tiny"))
    assert (paper.pitch_known, paper.blur, paper.lip_teacher, paper.mouth_weight) == (0, 0, 0, 0)
    assert min(tiny.pitch_known, tiny.blur, tiny.lip_teacher, tiny.mouth_weight) > 0


@pytest.mark.parametrize(("preset", "changes"), [("paper", False), ("tiny", True)])
def test_only_the_small_preset_knows_the_mouths_coefficients(
    preset: str, changes: bool, data: Path
) -> None:
    whole = training(preset)
    stage = stage_of(whole, "face")
    batch, _ = drawn(whole, stage, data, 2)
    with torch.no_grad():
        for block in whole.net.generator.blocks:
            block.flow.conv.weight.normal_()
        made = whole.parts[0].make(batch, torch.ones(2))[0]
        other = batch | {"mouth": batch["mouth"] + 1, "held": batch["held"] + 1}
        again = whole.parts[0].make(other, torch.ones(2))[0]
    assert (not torch.allclose(made, again, atol=1e-5)) is changes


def test_pure_reconstruction_follows_the_driving_pictures(data: Path) -> None:
    whole = training("paper")
    batch, _ = drawn(whole, stage_of(whole, "face"), data, 2)
    face = whole.parts[0]
    with torch.no_grad():
        for block in whole.net.generator.blocks:
            block.flow.conv.weight.normal_()
        made = face.make(batch, torch.ones(2))[0].unflatten(0, batch["driving"].shape[:2])
        driving = batch["driving"].clone()
        driving[:, 1] = driving[:, 1].flip(-1)
        again = face.make(batch | {"driving": driving}, torch.ones(2))[0].unflatten(
            0, made.shape[:2]
        )
    changed = (made - again).abs().amax((2, 3, 4)) > 1e-4
    assert changed.tolist() == [[False, True, False]] * 2


def test_the_reader_must_be_trained_before_the_joint_stage(data: Path, tmp_path: Path) -> None:
    whole = training()
    joint, reader = stage_of(whole, "joint"), stage_of(whole, "reader")
    run = Run(data, tmp_path / "out", 0)
    with pytest.raises(RequestError, match="train the stage `reader` before"):
        whole.check([joint], run)
    with pytest.raises(RequestError, match="would be noise"):
        whole.begin(joint, run)
    whole.check([reader, joint], run)
    whole.settle(reader)
    whole.check([joint], run)
    whole.begin(joint, run)


@pytest.mark.parametrize("loss", ["identity", "sync"])
def test_a_critic_that_nobody_chose_is_asked_for(loss: str, data: Path, tmp_path: Path) -> None:
    whole = training("paper", **{loss: ""})
    with pytest.raises(RequestError, match=rf"--set model.learning.{loss}=FILE, or say =corpus"):
        whole.check(whole.stages, Run(data, tmp_path / "out", 0))


def test_vgg19_is_never_silently_replaced(
    data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    whole = training("paper", perceptual="vgg19")
    with pytest.raises(RequestError, match=r"--set model.learning.perceptual=corpus"):
        whole.check(whole.stages, Run(data, tmp_path / "out", 0))
    assert held_vgg19() is None
    file = tmp_path / "checkpoints" / "vgg19-dcbb9e9d.pth"
    file.parent.mkdir()
    torch.save(Vgg19().state_dict(), file)
    whole = training("paper", perceptual="vgg19")
    whole.check(whole.stages, Run(data, tmp_path / "out", 0))
    maps = whole.parts[0].judgement.maps(torch.rand(1, 3, 32, 32))
    assert [m.shape[1] for m in maps] == [64, 128, 256, 512, 512]
    assert "perceptual" in whole.borrowed
    assert not any(p.requires_grad for p in whole.borrowed["perceptual"].parameters())
    assert any("Eq. 3" in note and "official" in note for note in whole.notes())
    assert any("Eq. 3" in note and "corpus judge" in note for note in training().notes())
    assert training().config()["settings"]["learning"]["perceptual"] == "corpus"  # type: ignore[index]


def test_settings_reach_the_network_that_is_written_down() -> None:
    made = make(trainable_of("ttsf"), "tiny", ("speech.width=48", "vocoder.channels=16"))
    assert isinstance(made, TtsfTraining)
    assert made.net.acoustic.embedding.weight.shape[1] == 48
    settings: Any = made.config()["settings"]
    assert settings["speech"]["width"] == 48
    assert made.net.acoustic is made.parts[2].acoustic  # type: ignore[attr-defined]
    assert made.net.vocoder is made.parts[1].vocoder  # type: ignore[attr-defined]


# What a sample may contain.


def test_the_source_lies_outside_of_the_window(windows: Windows) -> None:
    size = 64
    for seed in range(6):
        sample = draw_talk(windows, size, np.random.default_rng(seed))
        apart = (sample["driving"] - sample["source"]).abs().mean((1, 2, 3))
        assert apart.min() > 0.01, "the source is one of the driving frames"


def test_windows_begin_anywhere_and_know_where(windows: Windows) -> None:
    samples = [draw_talk(windows, 64, np.random.default_rng(seed)) for seed in range(12)]
    assert len({int(s["starts"]) for s in samples}) > 3
    assert len({int(s["at"]) for s in samples}) > 3
    for s in samples[:3]:
        assert s["faces"].shape == (RENDERED, 4)
        assert s["heard"].shape == (4 * RENDERED, 80)
        assert s["cepstra"].shape == (4 * RENDERED, 13)


def test_the_sound_that_is_judged_is_that_of_the_rendered_frames(windows: Windows) -> None:
    from vivavoce.measure.judges.official.sync import mfcc
    from vivavoce.measure.judges.views import heard

    samples = (draw_talk(windows, 64, np.random.default_rng(seed)) for seed in range(20))
    sample = next(s for s in samples if s["starts"] > 2 and s["at"] > 2)
    clips = [windows.clip(n).sample.samples for n in range(len(windows))]
    first = int(sample["starts"] + sample["at"])
    rows = slice(4 * first, 4 * first + 20)
    assert any(np.allclose(heard(c)[rows], sample["heard"]) for c in clips if c is not None)
    near = [
        np.abs(mfcc(c)[rows] - sample["cepstra"].numpy())[2:, 1:].max()
        for c in clips
        if c is not None
    ]
    assert min(near) < 1e-3


def test_boxes_that_are_judged_are_those_of_the_rendered_frames(
    windows: Windows, joint: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faces and mouths sway together, so they lie alike in every frame; critics get these boxes."""
    sample = draw_talk(windows, 64, np.random.default_rng(3))
    at = int(sample["at"])
    mouths = sample["mouths"][at : at + RENDERED]
    apart = (sample["faces"][:, 0] + sample["faces"][:, 2] - mouths[:, 0] - mouths[:, 2]) / 2
    assert torch.allclose(apart, apart[:1].expand(RENDERED), atol=1e-3)
    whole, stage, batch, turn = joint
    got: dict[str, Tensor] = {}
    judge = whole.parts[-1].judgement
    zero = torch.zeros(())
    monkeypatch.setattr(judge, "identity", lambda *a: (got.update(id=a[2]), zero)[1])
    monkeypatch.setattr(judge, "sync", lambda *a: (got.update(sync=a[1]), zero)[1])
    batch = batch | {"at": torch.tensor([4, 9])}
    whole.losses(stage, batch, turn)
    wanted = torch.stack(
        [b[a : a + RENDERED] for b, a in zip(batch["mouths"], (4, 9), strict=True)]
    )
    assert torch.equal(got["sync"], wanted)
    assert torch.equal(got["id"], wanted.flatten(0, 1))


def test_a_mouth_and_its_curves_are_of_one_frame(
    windows: Windows, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[int] = []
    pictures = Sight.pictures
    monkeypatch.setattr(
        Sight, "pictures", lambda self, at: (shown.extend(at), pictures(self, at))[1]
    )
    monkeypatch.setattr(joint_stage, "lip_curves", lambda points: np.arange(len(points))[:, None])
    told = [int(draw_mouths(windows, 64, np.random.default_rng(s))["curves"]) for s in range(8)]
    assert told == shown
    assert len({*told}) > 4


def test_driving_frames_of_a_pair_are_not_the_source(data: Path, windows: Windows) -> None:
    pair = draw_pair(windows.clip(0), 64, np.random.default_rng(0))
    assert (pair.driving - pair.source).abs().mean((1, 2, 3)).min() > 0.01


def test_a_mirrored_pair_is_mirrored_in_all_that_is_told(windows: Windows) -> None:
    """With the same frames, points and boxes of a mirrored sample lie where the pictures' do."""
    pairs = [draw_pair(windows.clip(0), 64, np.random.default_rng(s)) for s in range(8)]
    for pair in pairs:
        middle = pair.points[..., 13, 0]
        box = (pair.box[:, 0] + pair.box[:, 2]) / 64 - 1
        assert torch.allclose(middle, box, atol=0.12)


def test_a_pair_brings_a_drawing_of_its_own_source(windows: Windows) -> None:
    for seed in range(4):  # mirrored ones among them
        pair = draw_pair(windows.clip(0), 64, np.random.default_rng(seed))
        pixels = pair.points[0].numpy() * 63 / 2 + 32
        assert torch.equal(pair.drawing, drawing_of(pixels, 64))
        assert 0 <= pair.drawing.min() < pair.drawing.max() <= 1


def reading_landmarks() -> TtsfTraining:
    torch.manual_seed(0)
    settings = small("tiny").model_copy(update={"flow_reads": "landmarks"})
    whole = TtsfTraining(settings, STAGES["tiny"])
    with torch.no_grad():
        for block in whole.net.generator.blocks:
            block.flow.conv.weight.normal_()
    return whole


def test_the_drawing_reaches_the_flow_while_the_face_learns(data: Path) -> None:
    whole = reading_landmarks()
    batch, _ = drawn(whole, stage_of(whole, "face"), data, 2)
    own = torch.ones(2)
    made, flows, _ = whole.parts[0].make(batch, own)  # type: ignore[attr-defined]
    blind, other, _ = whole.parts[0].make(  # type: ignore[attr-defined]
        batch | {"drawing": 0 * batch["drawing"]}, own
    )
    assert not torch.allclose(made, blind)
    assert all(not torch.allclose(a, b) for a, b in zip(flows, other, strict=True))


def test_the_drawing_reaches_the_pictures_of_the_joint_stage(data: Path) -> None:
    whole = reading_landmarks()
    whole.critics.reader.trained.fill_(True)
    batch, turn = drawn(whole, stage_of(whole, "joint"), data, 2)
    joint = whole.parts[-1]
    with torch.no_grad():
        made, blind = (
            whole.net(joint.talk(batch | {"drawing": much * batch["drawing"]}, turn)).pictures  # type: ignore[attr-defined]
            for much in (1, 0)
        )
    assert not torch.allclose(made, blind)


def test_mouths_are_read_out_of_the_lip_codes(data: Path) -> None:
    """The right mouth costs less than a wrong one, and teaches decoder and mapper."""
    whole = training()
    stage = stage_of(whole, "motion")
    batch, turn = drawn(whole, stage, data, 2)
    with torch.no_grad():
        f_lip = whole.net.audio_mapper(batch["heard"], batch["f_m"].shape[1])
        told = whole.net.lip_decoder.guess(f_lip)
    right = whole.losses(stage, batch | {"mouth": told}, turn)["mouth"]
    wrong = whole.losses(stage, batch | {"mouth": told + 0.1}, turn)["mouth"]
    assert right.item() == pytest.approx(0, abs=1e-5)
    assert wrong.item() == pytest.approx(1, abs=1e-4)  # a typical coefficient off
    whole.losses(stage, batch, turn)["mouth"].backward()
    for module in (whole.net.lip_decoder, whole.net.audio_mapper):
        assert any(p.grad is not None and p.grad.any() for p in module.parameters())


def test_the_end_of_the_motion_stage_lets_mouths_vary_as_true_ones(data: Path) -> None:
    whole = training()
    stage = stage_of(whole, "motion")
    drawn(whole, stage, data, 1)
    decoder = whole.net.lip_decoder
    assert decoder is not None
    whole.network.eval()
    whole.settle(stage)
    codes = whole.parts[3].codes  # type: ignore[attr-defined]
    true = torch.cat([code.mouth for code in codes])
    with torch.no_grad():
        told = [
            whole.net.audio_mapper(
                surround(
                    c.heard[None], torch.tensor([len(c.heard)]), torch.zeros(1, dtype=torch.long),
                    len(c.f_m), whole.net.audio_mapper.context,
                ),
                len(c.f_m),
            )[0]
            for c in codes
        ]  # fmt: skip
        guessed = decoder.guess(torch.cat(told))
    assert torch.allclose(decoder.middle, guessed.mean(0), atol=1e-6)
    wanted = (true.std(0) / guessed.std(0).clamp(min=1e-4)).clamp(1, MOST_GAIN)
    assert torch.allclose(decoder.gain, wanted, atol=1e-4)


def test_codes_come_from_anywhere_in_a_clip(data: Path) -> None:
    whole = training()
    stage = stage_of(whole, "motion")
    drawn(whole, stage, data, 1)
    codes = whole.parts[3].codes  # type: ignore[attr-defined]
    starts = Counter()
    for seed in range(20):
        sample = draw_codes(codes, whole.net, 32, np.random.default_rng(seed))
        for code in codes:
            for first in range(len(code.f_m) - 31):
                if torch.equal(code.f_m[first : first + 32], sample["f_m"]):
                    starts[first] += 1
                    assert torch.equal(code.f_lip[first : first + 32], sample["f_lip"])
    assert len(starts) > 3


def test_a_motion_starts_from_the_window_or_from_a_source(data: Path) -> None:
    whole = training()
    drawn(whole, stage_of(whole, "motion"), data, 1)
    codes = whole.parts[3].codes  # type: ignore[attr-defined]
    kinds = Counter()
    for seed in range(30):
        sample = draw_codes(codes, whole.net, 32, np.random.default_rng(seed))
        own = torch.equal(sample["start"], sample["f_m"][0])
        source = any(torch.equal(sample["start"], row) for c in codes for row in c.sources)
        assert own or source
        kinds[own] += 1
    assert min(kinds[True], kinds[False]) > 5


# Any set that says words, long clips too.


def words_of(text: str, seconds: float) -> list[list[Any]]:
    each = seconds / len(text.split())
    return [[w, i * each, (i + 1) * each] for i, w in enumerate(text.split())]


def test_a_text_or_words_do_where_no_phones_are(tmp_path: Path) -> None:
    from vivavoce.speak.acoustic import phones_of
    from vivavoce.speak.tokens import tokens_of
    from vivavoce.train.ttsf.script import script_of

    frames = 50
    wanted = tokens_of(phones_of("HELLO THERE")).ids
    by_text = script_of({"frames": frames, "text": "HELLO THERE"}, "a")
    assert by_text is not None
    assert np.array_equal(by_text.tokens.ids, wanted)
    assert by_text.starts is None
    times = [["HELLO", 0.1, 0.5], ["THERE", 0.6, 1.0], ["MY", 2.1, 2.3], ["FRIEND", 2.4, 3.0]]
    cut = {"frames": frames, "text": "HELLO THERE MY FRIEND", "words": times}
    by_words = script_of(cut, "a")  # 2 s of it are left
    assert by_words is not None
    assert np.array_equal(by_words.tokens.ids, wanted)
    by_phones = script_of(cut | {"phones": [["_", 0, 0.1], ["m", 0.1, 0.3]]}, "a")
    assert by_phones is not None
    assert by_phones.starts is not None
    assert by_phones.starts.tolist() == pytest.approx([0, 0.1])
    for frames, text in ((50, ""), (50, "..."), (50, "世界"), (500, "Hello."), (2, "Hello there.")):
        assert script_of({"frames": frames, "text": text}, "a") is None, text
    said_later = cut | {"words": [["MY", 2.1, 2.3]]}
    for known in (said_later, cut | {"words": []}, said_later | {"frames": 501}):
        assert script_of(known, "a") is None
    assert script_of(said_later | {"frames": 500}, "a") is not None


def texts(tmp_path: Path, frames: int = 130, **about: Any) -> Path:
    """A set with texts alone and clips longer than the corpus's."""
    said = about or {"text": "HELLO THERE MY FRIEND"}
    return shards(tmp_path / "set", [clip(n, frames, **said) for n in (0, 1)],
                  [clip(2, frames, "test", **said)])  # fmt: skip


@pytest.mark.parametrize("preset", ["tiny", "paper"])
def test_a_set_of_long_clips_with_texts_goes_through_every_stage(
    preset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = training(preset)
    monkeypatch.setattr(TtsfTraining, "presets", {preset: _Preset(whole.net.settings, preset)})
    data = texts(tmp_path)
    out = tmp_path / "out"
    train_system("ttsf", out, data, preset=preset, changes=("steps=1", "batch=2", "workers=0"))
    names = {p.name for p in out.glob("*.safetensors")}
    assert names == {"face.safetensors", "acoustic.safetensors", "vocoder.safetensors"}
    system = vivavoce.load(str(out))
    assert system.net.settings == whole.net.settings  # type: ignore[attr-defined]
    card = (out / "README.md").read_text()
    assert "corpus judge" in card


class _Preset:
    def __init__(self, settings: Any, preset: str) -> None:
        self.settings, self.stages = settings, STAGES[preset]


def test_sets_that_say_nothing_are_refused_before_anything_runs(tmp_path: Path) -> None:
    whole = training()
    data = texts(tmp_path, emotion="happy")
    with pytest.raises(RequestError, match="No clip says what is spoken in it"):
        whole.check(whole.stages, Run(data, tmp_path / "out", 0))
    whole.check([stage_of(whole, "face")], Run(data, tmp_path / "out", 0))


def test_clips_shorter_than_a_window_are_told_before_anything_runs(tmp_path: Path) -> None:
    whole = training()
    with pytest.raises(RequestError, match="no clip of 32 frames"):
        whole.check(whole.stages, Run(texts(tmp_path, 20), tmp_path / "out", 0))


def test_what_is_left_out_and_what_is_not_measured_is_said(tmp_path: Path) -> None:
    said, silent = {"text": "HELLO THERE"}, {"emotion": "happy"}
    data = shards(tmp_path / "set", [clip(0, 40, **said), clip(1, 40, **silent)])
    whole = training()
    whole.check(whole.stages, Run(data, tmp_path / "out", 0))
    assert any("50 % of the clips are left out" in note for note in whole.notes())
    assert any("No clip of 32 frames is held out" in note for note in whole.notes())
    drawn(whole, stage_of(whole, "speech"), data, 3)
    for stage in whole.stages[:4]:
        whole.begin(stage, Run(data, tmp_path / "out", 0))
        assert whole.figures(stage) == {}


# Every loss compares the right two things: the truth costs less.


def test_rec_is_least_for_the_truth(joint: tuple) -> None:
    whole, _, batch, _ = joint
    face = whole.parts[0]
    true, mouths = batch["driving"][:, 0], batch["mouths"][:, 0]
    costs = [
        float(face.rec(true + e * torch.randn_like(true), true, mouths)) for e in (0, 0.1, 0.3)
    ]
    assert costs[0] < 1e-3
    assert costs[0] < costs[1] < costs[2]


def test_pixels_of_the_mouth_count_more_where_the_settings_say_so(joint: tuple) -> None:
    whole = joint[0]
    true, mouths = torch.zeros(1, 3, 64, 64), torch.tensor([[20.0, 30, 40, 50]])
    inside, outside = true.clone(), true.clone()
    inside[..., 35:45, 25:35] = 0.5
    outside[..., 5:15, 5:15] = 0.5

    def pixels(face: Any, made: Tensor) -> float:
        maps = face.judgement.maps
        return float(face.rec(made, true, mouths) - perceptual_distance(maps, made, true))

    tiny, paper = whole.parts[0], training("paper").parts[0]
    assert pixels(tiny, inside) == pytest.approx(4 * pixels(tiny, outside), rel=1e-3)
    assert pixels(paper, inside) == pytest.approx(pixels(paper, outside), rel=1e-3)


def test_eq_3_sees_what_pixels_alone_do_not() -> None:
    critics = Critics()
    true = torch.rand(1, 3, 64, 64) * 2 - 1
    assert perceptual_distance(critics.face.maps, true, true) < 1e-3
    near, far = (perceptual_distance(critics.face.maps, true + e, true) for e in (0.05, 0.5))
    assert near < far


def corpus_faces(corpus: Path, size: int = 64) -> dict[str, Sample]:
    """A sample of each person of the corpus."""
    from vivavoce.data.shards import open_set

    return {str(s.about["person"]): s for s in open_set(corpus).samples("all")}


def seen(sample: Sample, frames: np.ndarray) -> tuple[Tensor, Tensor]:
    """Pictures and mouth boxes of frames of a sample."""
    from vivavoce.train.read.square import Sight
    from vivavoce.train.read.windows import Clip

    sight = Sight.of(Clip(sample), int(frames[0]), 128)
    from vivavoce.nn.pictures import as_tensor

    return as_tensor(sight.pictures(frames)), torch.from_numpy(sight.mouths(frames))


def test_the_same_person_costs_less_identity_than_another(corpus_128: Path) -> None:
    people = list(corpus_faces(corpus_128).values())
    judge = Judgement(Critics(), {})
    frames = np.array([2, 12, 22])
    mine, boxes = seen(people[0], frames)
    later, _ = seen(people[0], frames + 5)
    others, _ = seen(people[1], frames)
    grids = torch.zeros(3, 2, 3)
    assert judge.identity(mine, mine, boxes, grids) < 1e-5
    same, other = (float(judge.identity(p, mine, boxes, grids)) for p in (later, others))
    assert same < other - 0.1


def test_lips_in_time_cost_less_sync_than_shifted_ones(corpus_128: Path) -> None:
    """With a reader that gives the true curves: the wires from pictures to the judge are right."""
    from vivavoce.measure.judges.views import heard, lip_curves

    critics = Critics()
    judge = Judgement(critics, {})
    costs: dict[int, list[float]] = {0: [], 9: []}
    for sample in corpus_faces(corpus_128).values():
        curves = torch.from_numpy(lip_curves(sample.tracks["landmarks"]))
        rows = torch.from_numpy(heard(sample.samples))  # type: ignore[arg-type]
        for first in range(5, len(sample) - 25, 5):
            for shift, found in costs.items():
                shown = curves[first + shift : first + shift + 5]
                critics.reader = _Told(shown)  # type: ignore[assignment]
                made, mouths = torch.zeros(1, 5, 3, 64, 64), torch.zeros(1, 5, 4) + 32
                sound = rows[None, 4 * first : 4 * first + 20]
                found.append(float(judge.sync(made, mouths, sound, mouths, sound[..., :13])))
    assert np.mean(costs[0]) < np.mean(costs[9]) - 0.1


class _Told(torch.nn.Module):
    """A reader that reads what it was told."""

    def __init__(self, curves: Tensor) -> None:
        super().__init__()
        self.curves = curves

    def forward(self, mouths: Tensor) -> Tensor:
        assert mouths.shape[1:] == (3, 32, 32)
        return self.curves


def test_official_critics_see_the_face_where_they_were_taught_to() -> None:
    """ArcFace's grid lays the five points over its template; SyncNet's square is the authors'."""
    points = np.zeros((1, 478, 3), np.float32)
    turn = np.array([[0.8, -0.3], [0.3, 0.8]]) * 0.9
    points[0, list(POINTS), :2] = TEMPLATE @ turn.T + [40, 20]
    theta = torch.from_numpy(arcface_grids(points, 160))
    spots = (2 * torch.from_numpy(TEMPLATE) + 1) / SIDE - 1  # as affine_grid counts
    there = spots @ theta[0, :, :2].T + theta[0, :, 2]
    px = ((there + 1) * 160 - 1) / 2
    np.testing.assert_allclose(px.numpy(), points[0, list(POINTS), :2], atol=0.3)
    square = np.zeros((1, 478, 3), np.float32)
    square[0, 0, :2], square[0, 1, :2] = (10, 20), (50, 60)
    square[0, 2:, :2] = 30, 40
    assert syncnet_boxes(square)[0].tolist() == [30 - 28, 20, 30 + 28, 40 + 20 * 1.8]


def test_official_networks_judge_where_their_files_are_given(joint: tuple, tmp_path: Path) -> None:
    whole, _, batch, _ = joint
    torch.manual_seed(0)
    file = tmp_path / "syncnet_v2.model"
    torch.save(SyncNet().state_dict(), file)
    nets = official(Learning(**CORPUS | {"sync": str(file)}))
    assert list(nets) == ["sync"]
    judge = Judgement(whole.critics, nets)
    made = batch["driving"][:, :RENDERED].clone().requires_grad_()
    boxes = batch["mouths"][:, :RENDERED]
    cost = judge.sync(made, boxes, batch["heard"], batch["faces"], batch["cepstra"])
    cost.backward()
    assert made.grad is not None
    assert made.grad.any()
    other = judge.sync(made, boxes, batch["heard"] + 1, batch["faces"], batch["cepstra"])
    assert torch.equal(cost, other)  # it hears the cepstra
    assert not torch.equal(cost, judge.sync(made, boxes, batch["heard"], batch["faces"],
                                            batch["cepstra"].flip(1)))  # fmt: skip


def test_what_is_realistic_costs_the_maker_less_and_the_critic_more() -> None:
    from vivavoce.nn.gan import maker_loss

    high, low = torch.full((4,), 3.0), torch.full((4,), -3.0)
    assert maker_loss(high) < maker_loss(low)
    assert critic_loss(high, low) < critic_loss(low, high)


def taught(whole: TtsfTraining, loss: Tensor) -> set[str]:
    """The parts of the network that a loss gives gradients to."""
    whole.network.zero_grad()
    loss.backward(retain_graph=True)
    return {
        ".".join(name.split(".")[:2])
        for name, p in whole.net.named_parameters()
        if p.grad is not None and p.grad.any()
    }


def test_joint_losses_teach_whom_they_should(joint: tuple) -> None:
    whole, stage, batch, turn = joint
    found = whole.losses(stage, batch, turn)
    tts = taught(whole, found["tts"])
    assert {"acoustic.mean", "acoustic.durations", "acoustic.field"} <= tts
    assert not any(part.startswith(("prior", "sampler", "normaliser")) for part in tts)
    prior = taught(whole, found["prior"])
    assert any(part.startswith("prior") for part in prior)
    assert any(part.startswith("audio_mapper") for part in prior)
    assert not any(part.startswith("normaliser") for part in prior)
    ae = taught(whole, found["ae"])
    assert {part.split(".")[0] for part in ae} == {"normaliser"}
    for name in ("gan", "rec", "id", "sync"):
        pictures = taught(whole, found[name])
        assert any(part.startswith("generator") for part in pictures), name


def test_the_share_of_windows_that_start_from_the_source(joint: tuple) -> None:
    whole, _, batch, turn = joint
    whole.net.acoustic.level.fill_(2.0)
    for share in (0.0, 1.0):
        s = whole.net.settings
        whole.net.settings = s.model_copy(update={"random_start": share})
        talk = whole.parts[-1].talk(batch, turn)
        assert talk.from_source.tolist() == [bool(share)] * 2
        assert torch.allclose(talk.mel, whole.net.acoustic.normalised(batch["mel"]))


def test_joint_losses_are_of_the_right_things(
    joint: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a network that gives the truth, every loss that has a best value is at it."""
    whole, stage, batch, turn = joint
    talk = whole.parts[-1].talk(batch, turn)
    true = torch.stack(
        [d[a : a + RENDERED] for d, a in zip(batch["driving"], batch["at"], strict=True)]
    )
    found = whole.net(talk)

    def losses(**changes: Tensor) -> dict[str, float]:
        fake = replace(found, **changes)
        monkeypatch.setattr(whole.net, "forward", lambda _: fake)
        return {k: float(v) for k, v in whole.losses(stage, batch, turn).items()}

    best = losses(pictures=true, f_m_rebuilt=found.f_m, mu=found.f_c)
    assert best["rec"] < 1e-3
    assert best["id"] < 1e-5
    assert best["ae"] == 0
    noisy = losses(pictures=true + 0.2 * torch.randn_like(true), f_m_rebuilt=found.f_m + 0.1,
                   mu=found.f_c + 0.5)  # fmt: skip
    for name in ("rec", "id", "ae", "prior"):
        assert best[name] + 1e-3 < noisy[name], name
    whole.parts[-1].critic = lambda pictures: pictures.mean((1, 2, 3))  # likes them bright
    bright, dark = (losses(pictures=true + e) for e in (0.5, -0.5))
    assert bright["gan"] < dark["gan"]
    own = Turn("critic", 0, {}, torch.arange(2), 0)
    fooled, right = (
        float(whole.losses(stage, batch, own)["critic"])
        for e in (0.5, -0.5)
        if losses(pictures=true + e)
    )
    assert right < fooled


# Every wire: a change of one thing changes what it should.


def a_net() -> TtsfNet:
    from small_ttsf import small_net

    return small_net()


def test_render_gives_motion_and_lips_slots_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    net = a_net()
    seen_styles: list[Tensor] = []
    generate = net.generator.forward
    monkeypatch.setattr(
        net.generator,
        "forward",
        lambda s, maps, drawn: (seen_styles.append(s), generate(s, maps, drawn))[1],
    )
    source = net.see(torch.rand(1, 3, 64, 64))
    zero = torch.zeros(1, 24)
    for f_m, f_lip in ((zero, zero), (zero + 1, zero), (zero, zero + 1)):
        net.render(source, f_m, f_lip)
    still, moved, spoken = seen_styles
    differs = [
        [n for n in range(still.shape[1]) if not torch.equal(still[:, n], s[:, n])]
        for s in (moved, spoken)
    ]
    assert differs[0] == [1, 2, 3, 4, 5]
    assert differs[1] == [6, 7]


@pytest.mark.parametrize("other", ["identity", "source"])
def test_the_slots_that_are_not_manipulated_hold_what_the_settings_say(
    other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from small_ttsf import small_net

    net = small_net(other_slots=other)
    styles: list[Tensor] = []
    monkeypatch.setattr(net.generator, "forward", lambda s, maps, drawn: styles.append(s))
    source = net.see(torch.rand(1, 3, 64, 64))
    net.render(source, torch.ones(1, 24), torch.ones(1, 24))
    rest = [n for n in range(net.generator.slots) if n not in net.settings.manipulated]
    held = source.f if other == "source" else source.f_id
    assert not torch.allclose(source.f, source.f_id)
    assert all(torch.equal(styles[0][:, n], held) for n in rest)


def test_the_mean_motion_depends_on_lips_and_start(joint: tuple) -> None:
    net = a_net()
    start, f_lip = torch.randn(1, 24), torch.randn(1, 12, 24)
    mu = net.prior(start, f_lip)
    assert not torch.allclose(mu, net.prior(start, f_lip + 1), atol=1e-4)
    assert not torch.allclose(mu, net.prior(start + 1, f_lip), atol=1e-4)
    noise = torch.randn(1, 12, 5)
    made = net.move(start, f_lip, noise, 2)
    for other in ((start + 1, f_lip, noise), (start, f_lip + 1, noise), (start, f_lip, noise + 1)):
        assert not torch.allclose(made, net.move(*other, 2), atol=1e-5)


def test_what_the_mapper_hears_matters_each(joint: tuple) -> None:
    net = a_net()
    e, f = torch.randn(1, 48, 16), torch.randn(1, 48, 80)
    told = torch.tensor([48]), torch.tensor([2]), 6
    heard = net.hear(e, f, *told)
    assert not torch.allclose(heard, net.hear(e + torch.randn_like(e), f, *told), atol=1e-5)
    assert not torch.allclose(heard, net.hear(e, f + torch.randn_like(f), *told), atol=1e-5)
    assert not torch.allclose(heard, net.hear(e, f, told[0], torch.tensor([4]), 6), atol=1e-5)


def test_the_joint_path_uses_all_that_it_is_given(joint: tuple) -> None:
    whole, _, batch, turn = joint
    net, talk = whole.net.eval(), whole.parts[-1].talk(batch, turn)
    with torch.no_grad():
        for block in net.generator.blocks:
            block.flow.conv.weight.normal_()
        found = net(talk)
        others = {
            "source": net(replace(talk, source=talk.source.flip(-1))),
            "driving": net(replace(talk, driving=talk.driving.flip(-1))),
            "mel": net(replace(talk, mel=talk.mel.flip(1))),
            "ids": net(replace(talk, ids=(talk.ids + 1) % 9)),
            "starts": net(replace(talk, starts=talk.starts + 1)),
            "from_source": net(replace(talk, from_source=~talk.from_source)),
            "noise": net(replace(talk, noise=talk.noise + 1)),
            "at": net(replace(talk, at=(talk.at + 3) % 20)),
        }
    for name in ("source", "driving", "mel", "ids", "starts", "at"):
        assert not torch.allclose(found.pictures, others[name].pictures, atol=1e-5), name
    for name in ("noise", "from_source"):
        assert torch.allclose(found.pictures, others[name].pictures), name
        assert not torch.allclose(found.cfm, others[name].cfm), name
    assert not torch.allclose(found.mu, others["from_source"].mu)
    assert torch.equal(found.f_id, others["driving"].f_id)


def test_voices_are_made_for_f_id_or_for_all_of_f() -> None:
    from small_ttsf import small_net

    from vivavoce.systems.talker import About
    from vivavoce.systems.ttsf.talker import Ttsf, TtsfOptions

    system = Ttsf(About("small"), small_net())
    asked: list[Tensor] = []
    net = system.net
    net.speak = lambda text, who, *rest: (asked.append(who), TtsfNet.speak(net, text, who, *rest))[
        1
    ]  # type: ignore[method-assign]
    seen_now = net.see(torch.rand(1, 3, 64, 64))
    from vivavoce.speak.text import Piece

    for way in ("without-motion", "with-motion"):
        system._speak(Piece("Hi.", 0.1), seen_now, TtsfOptions(voice_from=way, steps=1))  # type: ignore[arg-type]
    assert torch.equal(asked[0], seen_now.f_id)
    assert torch.equal(asked[1], seen_now.f)


def test_a_given_motion_is_played_to_and_fro_without_a_halt() -> None:
    from small_ttsf import small_net

    from vivavoce.systems.ttsf.talker import TtsfOptions, _Moves

    given = torch.arange(4.0)[:, None].expand(4, 24)
    moves = _Moves(small_net(), 0, TtsfOptions(), given[:1], given)
    rows = torch.cat([moves(torch.zeros(5, 24)), moves(torch.zeros(6, 24))])[:, 0]
    assert rows.tolist() == [0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2]


def test_a_sentence_begins_with_the_motion_that_the_last_ended_in() -> None:
    from small_ttsf import small_net

    from vivavoce.systems.ttsf.talker import TtsfOptions, _Moves

    net, starts = small_net(), []
    move = net.move
    net.move = lambda start, *rest: (starts.append(start), move(start, *rest))[1]  # type: ignore[method-assign]
    moves = _Moves(net, 0, TtsfOptions(steps=2), torch.ones(1, 24), None)
    first = moves(torch.randn(7, 24))
    moves(torch.randn(7, 24))
    assert torch.equal(starts[0], torch.ones(1, 24))
    assert torch.equal(starts[1][0], first[-1])


def test_the_temperature_scales_the_noise_of_the_motion() -> None:
    from small_ttsf import small_net

    from vivavoce.systems.ttsf.talker import TtsfOptions, _Moves

    noises = {}
    for much in (0.5, 1.0, 2.0):
        net = small_net()
        move = net.move
        net.move = lambda start, lip, noise, steps, much=much, move=move: (  # type: ignore[method-assign]
            noises.setdefault(much, noise), move(start, lip, noise, steps)
        )[1]  # fmt: skip
        options = TtsfOptions(steps=1, temperature=much)
        _Moves(net, 3, options, torch.ones(1, 24), None)(torch.randn(7, 24))
    assert torch.allclose(noises[0.5], noises[1.0] / 2)
    assert torch.allclose(noises[2.0], 2 * noises[1.0])
    assert 0.5 < float(noises[1.0].std()) < 1.5


def test_a_motion_that_does_not_flow_is_the_noise_it_began_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Noise is what is carried and the prior's mean what it is told: not the other way round."""
    from small_ttsf import small_net

    net = small_net()
    lips, start = torch.randn(1, 7, 24), torch.ones(1, 24)
    noise = torch.randn(1, 7, net.settings.sampled)
    told = []

    def still(carried: Tensor, mu: Tensor, steps: int) -> Tensor:
        told.append(mu)
        return carried

    monkeypatch.setattr(net.sampler, "forward", still)
    assert torch.allclose(net.move(start, lips, noise, 3), net.normaliser.decode(noise))
    assert torch.equal(told[0], net.prior(start, lips))


# The warm-up's own losses and samples.


def test_identity_supervision_is_content_with_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    part = next(p for p in training().parts if isinstance(p, FaceTraining))
    person = torch.randn(2, 8)
    monkeypatch.setattr("vivavoce.train.ttsf.face.identity_targets", lambda *_: person)
    batch = {"source": torch.zeros(2, 3, 64, 64), "box": torch.tensor([[[8, 8, 56, 56]] * 4] * 2)}

    def cost(said: Tensor) -> float:
        monkeypatch.setattr(part, "recogniser", lambda _: said)
        told = part._supervision(torch.randn(4, 24), torch.randn(4, 14), batch)
        return float(told["identity_supervision"])

    assert cost(person) == 0 < cost(person + 0.1) < cost(-person)


def test_what_is_told_of_a_frame_has_the_scales_that_checkpoints_know() -> None:
    """A frame whose every track is 1 tells the scale of each number."""

    class One:
        def track(self, name: str) -> np.ndarray:
            return np.ones((1, {"pose": 6, "gaze": 2, "expression": 52}[name]), np.float32)

    points = np.float32([[[-1, 0], [1, 0], [0, -1], [0, 1]]])
    told = held(One(), np.array([0]), points, False)[0]  # type: ignore[arg-type]
    spread = (np.log(0.5**0.5) + 1.207) / 0.025
    expected = [
        1 / 0.1, 1 / 0.07, 1 / 0.05, 0, -0.11 / 0.055, spread, 1 / 0.07, 1 / 0.05, 1 / 0.18,
        1 / 0.18, 1 / 0.14, 1 / 0.2, 1 / 0.15, 1 / 0.15,
    ]  # fmt: skip
    assert np.allclose(told, expected, rtol=1e-4)


def test_what_is_told_of_a_mirrored_frame_is_mirrored(windows: Windows) -> None:
    window = Window(windows.clip(0), 0, len(windows.clip(0).sample))
    frames = np.array([1, 9, 17])
    points = np.random.default_rng(0).normal(size=(3, 478, 2)).astype(np.float32)
    straight = held(window, frames, points, False)
    flipped = held(window, frames, points, True)
    same = [1, 4, 5, 7]  # pitch, height, size, gaze up and down
    turned = [0, 2, 3, 6]  # yaw, roll, place, gaze to the side
    assert np.allclose(flipped[:, same], straight[:, same], atol=1e-4)
    assert np.allclose(flipped[:, turned], -straight[:, turned], atol=1e-4)


@pytest.mark.parametrize("name", ["encoder", "face", "generator", "motion", "reader"])
def test_a_stage_learns_what_it_shows(name: str, data: Path) -> None:
    """A few steps on one batch bring its weighted loss down."""
    whole = training()
    stage = stage_of(whole, name)
    batch, turn = drawn(whole, stage, data, 3)
    parts = [p for n, p in whole.network.named_parameters() if is_part(n, stage.trains)]
    adam = torch.optim.Adam(parts, 3e-3)
    whole.network.train()

    def loss() -> Tensor:
        torch.manual_seed(0)
        known = {"teacher_forcing": 1.0}
        made = whole.losses(stage, batch, Turn(turn.name, 0, known, turn.numbers, 0))
        assert made.keys() <= stage.losses.keys()
        return _weighed(made, stage.weights_at(0), stage)

    first = loss().item()
    for _ in range(12):
        adam.zero_grad()
        loss().backward()
        adam.step()
    assert loss().item() < 0.95 * first


def test_the_recogniser_is_told_who_it_is() -> None:
    judge = Critics().face
    truth = identity_targets(judge, torch.rand(3, 3, 64, 64))
    assert truth.shape == (3, IDENTITY + 1)
    assert torch.allclose(truth[:, :IDENTITY].norm(dim=1), torch.ones(3))
    assert (truth[:, -1].abs() <= 1).all()


def test_pose_supervision_is_content_with_the_truth() -> None:
    truth = torch.randn(4, GUIDES).clamp(-2, 2)
    amounts = torch.cat([REACH * truth, torch.zeros(4, 2)], 1)
    assert pose_supervision(amounts, amounts, truth) == 0
    assert pose_supervision(amounts, amounts + 1, truth) > 0
    assert pose_supervision(amounts + 1, amounts + 1, truth) > 0


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


def test_the_face_judge_looks_at_the_face_above_the_mouth() -> None:
    mouth = torch.tensor([[40.0, 60, 60, 70]])
    left, top, right, bottom = face_boxes(mouth)[0].tolist()
    assert (left + right) / 2 == pytest.approx(50)
    assert (top + bottom) / 2 == pytest.approx(65 - 0.43 * 20)
    assert right - left == pytest.approx(bottom - top) == pytest.approx(42)
    assert mouth_box(np.zeros((1, 478, 3), np.float32)).shape == (1, 4)


# Sizes.


def test_the_papers_parameters() -> None:
    with torch.device("meta"):
        net = TtsfNet(PRESETS["paper"])
    assert sum(p.numel() for p in net.parameters()) == pytest.approx(124.7e6, rel=1e-3)


@pytest.mark.slow(reason="124.7 million parameters take a step: 30 s and 6 GB")
def test_the_papers_sizes_take_a_step(data: Path) -> None:
    """Batch 1, all eight losses; eight driving frames instead of 32, for time."""
    torch.manual_seed(0)
    settings = PRESETS["paper"].model_copy(update={"learning": Learning(**CORPUS)})
    whole = TtsfTraining(settings, STAGES["paper"])
    whole.critics.reader.trained.fill_(True)
    stage = replace(stage_of(whole, "joint"), window=8)
    batch, turn = drawn(whole, stage, data, 1)
    losses = whole.losses(stage, batch, turn)
    total = _weighed(losses, stage.weights_at(0), stage)
    total.backward()
    assert torch.isfinite(total)
    optimiser = stage.optimisers["maker"]
    parts = [(n, p) for n, p in whole.network.named_parameters() if is_part(n, optimiser.trains)]
    before = {n: p.detach().clone() for n, p in parts}
    torch.optim.Adam([p for _, p in parts], optimiser.lr, optimiser.betas).step()
    for part in optimiser.trains:
        assert any(not torch.equal(p, before[n]) for n, p in parts if is_part(n, (part,))), part
