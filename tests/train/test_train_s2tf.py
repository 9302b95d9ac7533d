"""S2TF's training: what a sample may contain, what each loss wants, what each stage feeds, trains
and freezes; items 7, 9 to 13, 19 and 22 of the specification's checklist.

Item 23 (S2TF beats the same without centroids, 3.2 s beats 0.8 s and 4.8 s) needs full runs:
docs/systems/s2tf.md says what was measured.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from vivavoce.data.shards import open_set
from vivavoce.errors import RequestError
from vivavoce.nn.pictures import as_pictures
from vivavoce.systems.s2tf.net import load_net
from vivavoce.systems.s2tf.settings import Learning
from vivavoce.systems.s2tf.stages import ALL, EQ_4_8, EQ_4_9, HAND_OVER, RECIPES, SPEECH, VISUAL
from vivavoce.systems.stage import Run, Sample, Stage, Turn, is_part
from vivavoce.train import make, train_system
from vivavoce.train.engine.freezing import learn_only, set_modes
from vivavoce.train.engine.optimise import build
from vivavoce.train.engine.settings import apply
from vivavoce.train.read.windows import Window, Windows
from vivavoce.train.s2tf import clips
from vivavoce.train.s2tf.augment import Augmentation
from vivavoce.train.s2tf.training import Codes, S2tfTraining, changes

SMALL = (
    "start=2", "channels=[16, 16, 16, 12, 8, 8]", "hidden=16", "content=12",
    "face_layers=[1, 1, 1, 1]", "face_width=4", "face_groups=2",
    "frame_channels=[8, 8, 8, 8, 8, 8, 8]", "voice_layers=[1, 1, 1, 1]",
    "voice_filters=[4, 4, 8, 8]", "learning.perceptual=corpus", "learning.critic=4",
)  # fmt: skip
"""Settings that make both presets small, without changing what they do; pictures of 64 px."""


def small(preset: str = "tiny", *changed: str) -> S2tfTraining:
    """A small system in training, nothing learnt."""
    torch.manual_seed(0)
    training = make(S2tfTraining, preset, (*SMALL, *changed))
    assert isinstance(training, S2tfTraining)
    return training


def turn(name: str = "maker", number: int = 2) -> Turn:
    return Turn(name, 0, {}, torch.arange(number), 0)


def stage_of(training: S2tfTraining, name: str) -> Stage:
    return next(stage for stage in training.stages if stage.name == name)


def begun(data: Path, name: str, preset: str = "tiny", *changed: str) -> tuple[S2tfTraining, Stage]:
    """A small system at the begin of a stage, W made for the set's people."""
    training = small(preset, *changed)
    run = Run(data, data / "out", 0)
    training.begin(stage_of(training, "1"), run)
    stage = stage_of(training, name)
    training.begin(stage, run)
    training.network.eval()
    return training, stage


def batch_of(training: S2tfTraining, stage: Stage, number: int = 2) -> Sample:
    found = [training.draw(stage, np.random.default_rng(n)) for n in range(number)]
    return {k: torch.stack([s[k] for s in found]) for k in found[0]}


@pytest.fixture(scope="module")
def windows(corpus_128: Path) -> Windows:
    return Windows(open_set(corpus_128), "train", 13)


# What a sample may contain.


def test_12_a_sample_is_of_one_person_and_one_time(
    corpus_128: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training, stage = begun(corpus_128, "3b")
    asked: list[Window] = []
    real = clips.heard

    def watched(window: Window, frames: np.ndarray, *rest: Any) -> Any:
        asked.append(window)
        assert frames[0] == window.start
        assert frames[-1] < window.start + window.frames
        return real(window, frames, *rest)

    monkeypatch.setattr(clips, "heard", watched)
    for n in range(8):
        sample = training.draw(stage, np.random.default_rng(n))
        window = asked[-1]
        sight = clips.Sight.of(window.clip, window.start, training.settings.size, "close")
        frames = window.start + clips.steps_of(stage)
        assert np.array_equal(as_pictures(sample["pictures"]), sight.pictures(frames))
        assert training.people[str(window.about["person"])] == int(sample["person"])
    assert len({int(training.people[str(w.about["person"])]) for w in asked}) == 2


def test_windows_of_sound_are_those_of_the_frames(windows: Windows) -> None:
    """A click in the middle of a frame is loudest in the middle of that frame's window."""
    window = windows.draw(np.random.default_rng(0))
    for frame in (3, 20, 40):
        sound = 1e-3 * np.random.default_rng(0).normal(size=640 * 60).astype(np.float32)
        sound[640 * frame + 160 : 640 * frame + 480] += 0.5
        identity, content = clips.sound_codes(sound, np.array([frame]))
        assert identity.shape == (320, 80)
        assert int(content[0].mean(0).argmax()) in (9, 10)
    clip = replace(window.clip.sample, samples=None)
    assert clip.samples is None


def test_spoiled_voices_are_other_sounds_of_the_same_moment(windows: Windows) -> None:
    window = windows.draw(np.random.default_rng(0))
    frames = window.start + np.arange(13)
    clean = clips.heard(window, frames, 0.0, np.random.default_rng(1))
    spoiled = clips.heard(window, frames, 1.0, np.random.default_rng(1))
    for one, two in zip(clean, spoiled, strict=True):
        assert one.shape == two.shape
        assert not torch.equal(one, two)
        both = torch.stack([one.flatten(), two.flatten()])
        assert float(torch.corrcoef(both)[0, 1]) > 0.5


def test_13_all_frames_of_a_clip_share_one_augmentation() -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, (1, 32, 32, 3), np.uint8)
    drawn = Augmentation.drawn(rng, 0.1, 0.1)
    both = drawn.of(np.concatenate([picture, picture]))
    assert np.array_equal(both[0], both[1])
    assert np.abs(both[0].astype(int) - picture[0]).mean() > 5
    assert not np.array_equal(Augmentation.drawn(rng, 0.1, 0.1).of(picture), drawn.of(picture))
    same = np.repeat(picture, 3, 0)
    for first_too, expected in ((True, True), (False, False)):
        how = Learning(augmented_first=first_too)
        changed = clips.augmented(same, how, np.random.default_rng(1))
        assert np.array_equal(changed[0], changed[1]) is expected
    assert np.array_equal(changed[0], picture[0])  # the literal reading


def test_inference_augments_nothing(corpus_128: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vivavoce.systems.s2tf import talker

    assert not hasattr(talker, "Augmentation")
    assert "augment" not in Path(talker.__file__).read_text("utf-8")


def test_augmentation_is_bounded_as_stated() -> None:
    rng = np.random.default_rng(0)
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    grey = np.full((1, 8, 8, 3), 128, np.uint8)
    for _ in range(50):
        drawn = Augmentation.drawn(rng, 0.1, 0.1)
        assert np.abs(drawn.corners - corners).max() <= 0.1 + 0.05 + 1e-6
        levels = drawn.of(grey)[0, 4, 4]
        assert levels.std() <= 1  # hue and saturation leave grey alone
    still = Augmentation(np.eye(3, dtype=np.float32), np.zeros(3, np.float32),
                         corners.astype(np.float32))  # fmt: skip
    picture = rng.integers(0, 255, (1, 16, 16, 3), np.uint8)
    assert np.array_equal(still.of(picture), picture)


def test_11_hard_negatives_are_the_same_speaker_elsewhere(windows: Windows) -> None:
    rng = np.random.default_rng(0)
    kinds = set()
    for _ in range(20):
        anchor = windows.draw(rng)
        for other in clips.negatives(windows, anchor, 2, rng):
            assert other.about["person"] == anchor.about["person"]
            same = other.about["clip"] == anchor.about["clip"]
            kinds.add(same)
            if same:
                assert abs(other.start - anchor.start) >= max(anchor.frames, clips.AWAY)
            assert other.start + other.frames <= len(other.clip.sample)
    assert kinds == {True, False}


def test_11_the_loss_of_2a_pushes_nobody_from_himself(corpus_128: Path) -> None:
    """Two clips of one person in a batch are no negatives of each other: a batch of one person
    alone has a loss of 0."""
    training, stage = begun(corpus_128, "2a")
    batch = batch_of(training, stage, 3)
    batch["person"] = torch.zeros(3, dtype=torch.long)
    losses = training.l_sync(training.codes(stage, batch), batch)
    assert float(losses["sync_id"]) == pytest.approx(0, abs=1e-6)
    assert float(losses["sync_s"]) == pytest.approx(0, abs=1e-6)
    batch["person"] = torch.arange(3)
    losses = training.l_sync(training.codes(stage, batch), batch)
    assert min(float(v) for v in losses.values()) > 0.1


def test_22_people_do_not_cross_over(corpus_128: Path) -> None:
    training, _ = begun(corpus_128, "1")
    assert training.windows is not None
    assert training.held_out is not None
    assert training.windows.people.keys() == training.people.keys()
    assert not training.windows.people.keys() & training.held_out.people.keys()


# What each loss wants.


def codes(count: int = 4, frames: int = 3) -> Codes:
    torch.manual_seed(1)
    who, held = torch.randn(count, 32), torch.randn(count, frames, 12)
    return Codes(who, held, who.clone(), held - held[:, :1] + 0.0)


def test_sync_losses_are_least_where_speech_and_faces_agree(corpus_128: Path) -> None:
    training = small()
    batch = {"person": torch.arange(4)}
    right = codes()
    assert right.heard_id is not None
    assert right.said is not None
    agree = training.l_sync(right, batch)
    swapped = replace(right, heard_id=right.heard_id.roll(1, 0))
    assert training.l_sync(swapped, batch)["sync_id"] > agree["sync_id"] + 1
    assert torch.equal(training.l_sync(swapped, batch)["sync_s"], agree["sync_s"])
    swapped = replace(right, said=right.said.roll(1, 0))
    assert training.l_sync(swapped, batch)["sync_s"] > agree["sync_s"] + 1
    assert torch.equal(training.l_sync(swapped, batch)["sync_id"], agree["sync_id"])
    backwards = replace(right, said=torch.cat([right.said[:, :1], right.said[:, 1:].flip(1)], 1))
    assert training.l_sync(backwards, batch)["sync_s"] > agree["sync_s"] + 0.2


def test_negatives_of_eq_4_2_are_faces(corpus_128: Path) -> None:
    """Eq. 4.2: each voice against all faces, not each face against all voices."""
    training = small()
    one = Codes(torch.eye(3), torch.randn(3, 2, 4), torch.eye(3)[[0, 0, 2]], torch.randn(3, 2, 4))
    found = training.l_sync(one, {"person": torch.arange(3)})["sync_id"]
    t = training.settings.learning.temperature
    cosines = torch.eye(3)[[0, 0, 2]] / t
    wanted = -(cosines.diag() - cosines.exp().sum(1).log()).mean()
    torch.testing.assert_close(found, wanted)
    assert not torch.allclose(found, -(cosines.T.diag() - cosines.T.exp().sum(1).log()).mean())


def test_a_constant_in_every_frame_leaves_sync_s_alone() -> None:
    """Item 8: what does not change between frames, such as the pose, is not compared."""
    training, right = small(), codes()
    assert right.held is not None
    shifted = replace(right, held=right.held + torch.randn(4, 1, 12))
    batch = {"person": torch.arange(4)}
    one, two = (training.l_sync(c, batch)["sync_s"] for c in (right, shifted))
    torch.testing.assert_close(one, two, atol=1e-5, rtol=0)
    torch.testing.assert_close(
        changes(right.held)[:, :12], right.held[:, 1] - right.held[:, 0]
    )  # fmt: skip


def test_hard_negatives_are_what_2b_compares_with(corpus_128: Path) -> None:
    """The loss falls when the negatives go away from the speech; its own people do not count."""
    training, stage = begun(corpus_128, "2b")
    batch = batch_of(training, stage)
    assert batch["negatives"].shape[:3] == (2, 2, len(clips.steps_of(stage)))
    found = training.codes(stage, batch)
    assert found.held is not None
    own = replace(
        found, said=torch.cat([found.held[:, :1], found.held[:, 1:] - found.held[:, :1]], 1)
    )
    easy = training.l_sync(own, batch)["sync_s"]
    batch["negatives"] = batch["augmented"][:, None].expand(-1, 2, -1, -1, -1, -1)
    hard = training.l_sync(own, batch)["sync_s"]
    assert float(hard) == pytest.approx(np.log(3), abs=1e-3)
    assert easy < hard
    del batch["negatives"]
    assert not torch.equal(training.l_sync(own, batch)["sync_s"], easy)


def test_reconstruction_is_0_for_the_frames_as_they_are(corpus_128: Path) -> None:
    """Against the frames themselves, not the augmented ones; the mouth counts within its box."""
    training, stage = begun(corpus_128, "1")
    batch = batch_of(training, stage)
    true = batch["pictures"].flatten(0, 1)
    assert all(float(v) == 0 for v in training.l_rec(true, batch).values())
    assert all(
        float(v) > 0.01 for v in training.l_rec(batch["augmented"].flatten(0, 1), batch).values()
    )
    spoilt = true.clone()
    left, top, right, bottom = (int(v) for v in batch["mouths"][0, 0].round())
    spoilt[0, :, top + 1 : bottom - 1, left + 1 : right - 1] += 0.5
    inside = training.l_rec(spoilt, batch)
    assert inside["mouth"] > 3 * inside["l1"] > 0
    spoilt = true.clone()
    spoilt[:, :, :2] += 0.5
    assert float(training.l_rec(spoilt, batch)["mouth"]) == 0


def test_adversarial_losses_fall_when_they_should(monkeypatch: pytest.MonkeyPatch) -> None:
    """The maker's where critics believe, the critics' where they tell apart; at both sizes."""
    training = small()
    pictures = torch.rand(2, 3, 64, 64)

    def saying(true: float, made: float) -> None:
        def judged(x: Tensor) -> list[list[Tensor]]:
            value = true if x is pictures else made
            return [[torch.full((2, 1, 3, 3), value)], [torch.full((2, 1, 2, 2), value)]]

        monkeypatch.setattr(training, "critic", judged)

    made = pictures.clone()
    saying(3.0, -3.0)
    knows, fooled_not = training.l_critic(pictures, made), training.l_adv(made)
    saying(-3.0, 3.0)
    errs, fooled = training.l_critic(pictures, made), training.l_adv(made)
    assert knows < 0.3 < 5 < errs
    assert fooled < 0.15 < 5 < fooled_not


def test_critics_look_at_two_sizes_with_patches_of_70_px() -> None:
    training = small("paper")
    with torch.no_grad():
        found = training.critic(torch.zeros(1, 3, 64, 64))
    assert [f[-1].shape[2:] for f in found] == [(6, 6), (2, 2)]


def test_l_c_of_a_person_at_the_own_centroid_is_least(corpus_128: Path) -> None:
    training, _ = begun(corpus_128, "1")
    w = training.net.centroids.weight.detach()
    right, wrong = (training.l_c(w, torch.tensor(p)) for p in ([0, 1], [1, 0]))
    assert right < wrong


def test_07_both_modalities_learn_the_same_w(corpus_128: Path) -> None:
    training, stage = begun(corpus_128, "3b")
    batch = batch_of(training, stage)
    found = training.codes(stage, batch)
    w = training.net.centroids.weight
    assert len([p for p in training.network.parameters() if p.data_ptr() == w.data_ptr()]) == 1
    for f_id in (found.seen_id, found.heard_id):
        (slope,) = torch.autograd.grad(training.l_c(f_id, batch["person"]), w, retain_graph=True)
        assert slope.abs().max() > 0
    both = training.losses(stage, batch, turn())["c"]
    each = [training.l_c(f, batch["person"]) for f in (found.seen_id, found.heard_id)]
    torch.testing.assert_close(both, each[0] + each[1])


# What each stage feeds, trains and freezes.


def fed(training: S2tfTraining, stage: Stage, batch: Sample) -> tuple[Tensor, Tensor]:
    """What the generator is given."""
    given: list[Tensor] = []
    real = training.net.draw

    def watched(f_id: Tensor, f_ir: Tensor, blocks: int) -> Tensor:
        given[:] = [f_id, f_ir]
        return real(f_id, f_ir, blocks)

    training.net.draw = watched  # type: ignore[method-assign]
    training.made(stage, batch, training.codes(stage, batch), None)
    del training.net.draw
    return given[0], given[1]


@torch.no_grad()
def test_style_inputs_of_the_stages(corpus_128: Path) -> None:
    """Section 4's table: who, and how it is held, for every frame in its place."""
    for name in ("1", "3a", "3b"):
        training, stage = begun(corpus_128, name)
        batch, net = batch_of(training, stage), training.net
        f_id, f_ir = fed(training, stage, batch)
        frames = batch["pictures"].shape[1]
        held = training.hold(batch["augmented"])
        if name == "1":
            who = net.who_is_seen(batch["pictures"][[0, 1], batch["reference"]])
            how = held
        else:
            who = net.who_is_seen(batch["pictures"][:, 0])
            who = who if name == "3a" else net.who_is_heard(batch["identity"])
            how = net.what_is_said(batch["content"]) + held[:, :1]
        torch.testing.assert_close(f_id, who.repeat_interleave(frames, 0))
        torch.testing.assert_close(f_ir, how.flatten(0, 1))


def test_pose_is_dropped_where_it_is_asked_for(corpus_128: Path) -> None:
    training, stage = begun(corpus_128, "3a", "tiny", "learning.pose_dropout=1.0")
    batch = batch_of(training, stage)
    with torch.no_grad():
        found = training.codes(stage, batch)
        assert found.said is not None
        without = training.made(stage, batch, found, turn())
        bare = training.net.draw(found.seen_id.repeat_interleave(4, 0), found.said.flatten(0, 1))
        torch.testing.assert_close(without, bare)
        posed = training.made(stage, batch, found, None)
    assert not torch.allclose(posed, without)


def test_the_generator_learns_nothing_from_what_a_stage_leaves_out(corpus_128: Path) -> None:
    training, stage = begun(corpus_128, "3a")
    batch = batch_of(training, stage)
    batch["identity"] = torch.full_like(batch["identity"], torch.nan)
    found = training.losses(stage, batch, turn())
    assert all(torch.isfinite(v) for v in found.values())
    training, stage = begun(corpus_128, "1")
    assert not {"identity", "content"} & batch_of(training, stage).keys()


def stepped(training: S2tfTraining, stage: Stage, batch: Sample) -> set[str]:
    """The parts of the network that one step of every turn of a stage changes."""
    before = {k: v.clone() for k, v in training.network.state_dict().items()}
    set_modes(training.network, stage.trains)
    for name, optimiser in stage.optimisers.items():
        learn_only(training.network, optimiser.trains)
        adam = build(optimiser, training.network)
        found = training.losses(stage, batch, turn(name))
        torch.stack([stage.losses[k] * v for k, v in found.items()]).sum().backward()
        adam.step()
        training.network.zero_grad()
    after = training.network.state_dict()
    return {k for k, v in before.items() if not torch.equal(v, after[k])}


@pytest.mark.parametrize(
    ("name", "moved", "still"),
    [
        ("1", (*VISUAL, "critic"), SPEECH),
        ("2a", SPEECH, (*VISUAL, "critic")),
        ("2b", SPEECH, (*VISUAL, "critic")),
        ("3a", (*HAND_OVER, "critic"),
         ("face_identity", "face_motion", "voice_identity", "centroids", "voice_content.blocks",
          "voice_content.stem", "voice_content.attention")),
        ("3b", (*ALL, "critic"), ()),
    ],
)  # fmt: skip
def test_09_and_10_what_a_step_changes(
    name: str, moved: tuple[str, ...], still: tuple[str, ...], corpus_128: Path
) -> None:
    training, stage = begun(corpus_128, name, "paper")
    stage = replace(stage, window=9, curriculum={0: {"stride": 4}})
    assert set(stage.trains) == set(moved)
    changed = stepped(training, stage, batch_of(training, stage))
    for part in moved:
        assert any(is_part(key, (part,)) for key in changed), part
    assert not [key for key in changed if is_part(key, (*still, "eye"))]


def test_the_stages_are_the_sources() -> None:
    """Section 4.2.4, all lambdas 1; tiny has the same order and trains the same parts."""
    paper, tiny = (RECIPES[name].stages for name in ("paper", "tiny"))
    assert [stage.name for stage in paper] == ["1", "2a", "2b", "3a", "3b"]
    assert [stage.name for stage in tiny] == ["warm", *(stage.name for stage in paper)]
    for stage in paper:
        assert set(stage.losses.values()) == {1.0}
        assert stage.window == 16
        assert len(clips.steps_of(stage)) == 16
    assert {stage.name: stage.losses for stage in paper} == {
        "1": EQ_4_8, "2a": {"c": 1, "sync_id": 1, "sync_s": 1},
        "2b": {"c": 1, "sync_id": 1, "sync_s": 1},
        "3a": {"l1": 1, "per": 1, "adv": 1, "critic": 1}, "3b": EQ_4_9,
    }  # fmt: skip
    for one, two in zip(paper, tiny[1:], strict=True):
        assert set(one.trains) == set(two.trains)
        assert one.losses.keys() <= two.losses.keys()
    learning = RECIPES["paper"].settings.learning
    assert (learning.scale, learning.margin, learning.temperature) == (64, 0.5, 1)
    assert learning.pose_dropout == learning.spoiled == 0


def test_paper_losses_are_all_there(corpus_128: Path) -> None:
    """What a stage weighs is what its turns give, no more and no less."""
    for preset in RECIPES:
        for stage in small(preset).stages:
            training, stage = begun(corpus_128, stage.name, preset)
            stage = replace(stage, window=9, curriculum={0: {"stride": 4}})
            batch = batch_of(training, stage)
            found: dict[str, Tensor] = {}
            for name in stage.optimisers:
                found |= training.losses(stage, batch, turn(name))
            assert found.keys() == stage.losses.keys(), (preset, stage.name)


def test_19_eight_clips_are_learnt_and_their_voices_find_their_faces(corpus_128: Path) -> None:
    """Small: stage 1 on the set's four clips lowers L_1 threefold in a few steps (the item asks for
    five times on eight clips, which takes minutes), then stage 2 finds every face by its voice."""
    training, stage = begun(
        corpus_128, "warm", "tiny", "channels=[32, 32, 32, 24, 16, 16]", "hidden=32",
        "learning.spoiled=0",
    )  # fmt: skip
    stage = replace(stage, window=2, curriculum={})
    batch = batch_of(training, stage, 4)
    set_modes(training.network, stage.trains)
    learn_only(training.network, stage.trains)
    adam = torch.optim.Adam([p for p in training.network.parameters() if p.requires_grad], 1e-2)
    losses = []
    for _ in range(150):
        found = training.losses(stage, batch, turn(number=4))
        losses.append(float(found["l1"]))
        adam.zero_grad()
        (found["l1"] + 0.05 * found["c"]).backward()
        adam.step()
    assert losses[-1] < losses[0] / 3
    stage = replace(stage_of(training, "2a"), window=2, curriculum={})
    training.begin(stage, Run(corpus_128, corpus_128 / "out", 0))
    batch = batch_of(training, stage, 4)
    set_modes(training.network, stage.trains)
    learn_only(training.network, stage.trains)
    adam = torch.optim.Adam([p for p in training.network.parameters() if p.requires_grad], 5e-3)
    for _ in range(60):
        found = training.losses(stage, batch, turn(number=4))
        adam.zero_grad()
        torch.stack([stage.losses[k] * v for k, v in found.items()]).sum().backward()
        adam.step()
    heard, seen = training.codes(stage, batch).heard_id, training.codes(stage, batch).seen_id
    assert heard is not None
    nearest = (heard @ seen.T).argmax(1)
    assert torch.equal(batch["person"][nearest], batch["person"])


# Runs.


def test_every_stage_of_tiny_runs_and_its_checkpoint_loads(
    corpus_128: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    changed = [f"model.{s}" for s in SMALL]
    train_system(
        "s2tf", out, corpus_128, device="cpu", changes=[*changed, "steps=1", "batch=2"],
    )  # fmt: skip
    net = load_net(out)
    assert net.settings.people == 2
    told = (out / "README.md").read_text("utf-8")
    assert "corpus face judge" in told
    assert "held-out l1" in told
    assert "R@1" in told


def test_what_cannot_be_learnt_from_is_refused(corpus_128: Path, tmp_path: Path) -> None:
    training = small()
    run = Run(corpus_128, tmp_path / "out", 0)
    with pytest.raises(RequestError, match="give shards with --data"):
        training.check(training.stages, Run(None, tmp_path, 0))
    long = apply(training.stages, ("window=5000",))
    with pytest.raises(RequestError, match="no clip of 5000 frames"):
        training.check(long, run)
    paper = make(S2tfTraining, "paper", SMALL[:-2])
    with pytest.raises(RequestError, match=r"perceptual=corpus"):
        paper.check(paper.stages, run)
    with pytest.raises(RequestError, match="goes on with the set of stage 1"):
        training.begin(stage_of(training, "2a"), run)
