"""SDM's training: what a sample may contain, what each loss wants, sets of real layouts, both
presets, and the data sheet."""

from __future__ import annotations

import re
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vivavoce.data.schema import Pictures
from vivavoce.data.schema import Sample as Recording
from vivavoce.data.shards import open_set, read_shard, write_set, write_shard
from vivavoce.errors import RequestError
from vivavoce.look.landmark_motion import LandmarkMotion
from vivavoce.move.pose_rhythm import independence_loss, regularity_loss
from vivavoce.move.shallow_diffusion import StepPredictor, separability, step_loss
from vivavoce.nn.diffusion import Diffusion
from vivavoce.nn.weights import SHIPPED
from vivavoce.systems.sdm.net import Coarse, Heard, SdmNet, load_net
from vivavoce.systems.sdm.settings import PRESETS, SdmSettings
from vivavoce.systems.stage import Run, Sample, Turn, is_part
from vivavoce.train import make, train_system
from vivavoce.train.read.windows import Clip, Windows
from vivavoce.train.sdm import samples
from vivavoce.train.sdm.training import SdmTraining
from vivavoce.types import lip_gap

PAGE = Path(__file__).parents[2] / "docs" / "systems" / "sdm.md"
SMALL = ("size=64", "width=16", "layers=2", "renderer=[8, 8]", "steps=20", "fast_k=3")
"""Settings that make both presets small, without changing what they do."""
LAYOUTS = ("lrs2", "lrs3", "lrw", "voxceleb2", "hdtf", "mead")
"""Sets whose clips talk, the paper's three among them: VoxCeleb2, LRS3, LRW."""


def small(preset: str = "tiny", *changes: str) -> SdmTraining:
    """A small system in training, nothing learnt."""
    torch.manual_seed(0)
    trainable = make(SdmTraining, preset, (*SMALL, "perceptual=corpus", *changes))
    assert isinstance(trainable, SdmTraining)
    return trainable


def turn(number: int = 2, seed: int = 0, **settings: float) -> Turn:
    return Turn("adam", 0, settings, torch.arange(number), seed)


def batch_of(training: SdmTraining, stage: int, number: int = 2) -> Sample:
    found = [training.draw(training.stages[stage], np.random.default_rng(n)) for n in range(number)]
    return {k: torch.stack([s[k] for s in found]) for k in found[0]}


@pytest.fixture(scope="module")
def ready(corpus_128: Path) -> SdmTraining:
    """A small `tiny` whose space is fitted, in its first stage."""
    training = small()
    training.begin(training.stages[0], Run(corpus_128, corpus_128 / "out", 0))
    return training


@pytest.fixture(scope="module")
def clip(corpus_128: Path) -> Clip:
    return Windows(open_set(corpus_128), "train", 64).clip(0)


def with_tracks(clip: Clip, **tracks: np.ndarray) -> Clip:
    """The clip with other tracks."""
    return Clip(replace(clip.sample, tracks={**clip.sample.tracks, **tracks}))


# What a sample may contain.


def opened(marks: np.ndarray, frames: slice, px: float = 8) -> np.ndarray:
    """Landmarks whose lips are so far apart, each, in some frames."""
    out = marks.copy()
    out[frames, 14, 1] += px
    out[frames, 13, 1] -= px
    for upper, lower in ((82, 87), (312, 317), (81, 178), (311, 402)):
        out[frames, lower, 1] += px
        out[frames, upper, 1] -= px
    return out


def test_the_reference_is_at_rest_and_not_the_first_frame(clip: Clip) -> None:
    marks, pose = clip.sample.tracks["landmarks"], clip.sample.tracks["pose"]
    still, end = np.repeat(marks[:1], len(marks), 0), len(marks)
    talking = opened(still, slice(0, end - 14), 0.5)
    turned = np.zeros_like(pose)
    turned[-7:, 0] = 0.4  # closed, and looking away
    turned[:, 3] = np.linspace(-0.01, 0.01, end)
    rest = samples.rest_frame(with_tracks(clip, landmarks=talking, pose=turned))
    assert rest == end - 14  # closed, and of these the nearest to the median
    assert lip_gap(talking)[rest] == lip_gap(talking).min()


def test_movements_are_measured_from_rest(clip: Clip) -> None:
    space = LandmarkMotion(tuple(range(478)), 3, 12)
    marks = clip.sample.tracks["landmarks"]
    open_first = with_tracks(clip, landmarks=opened(marks, slice(0, 5)))
    moves = samples.movements(open_first, space)
    rest = samples.rest_frame(open_first)
    assert rest >= 5
    assert not moves[rest].any()
    assert float(np.abs(moves[0, 14]).max()) > 0.05  # an open mouth is a movement


@pytest.mark.parametrize("scale", [0.6, 1.4])
def test_movements_do_not_depend_on_the_shards_crop(clip: Clip, scale: float) -> None:
    """A face that fills more of the shard's pictures, or lies elsewhere, moves alike."""
    space = LandmarkMotion(tuple(range(478)), 3, 12)
    marks = clip.sample.tracks["landmarks"]
    other = marks * np.float32(scale)
    other[..., :2] += np.float32(7)
    moves = [samples.movements(with_tracks(clip, landmarks=m), space) for m in (marks, other)]
    np.testing.assert_allclose(*moves, atol=1e-4)
    assert float(np.abs(moves[0]).max()) > 0.02


@pytest.mark.parametrize("size", [48, 96])
def test_pictures_have_the_size_they_are_used_at(clip: Clip, size: int) -> None:
    pair = samples.pair_of_pictures(clip, size, np.random.default_rng(0))
    for name in ("reference", "target", "drawn_before", "drawn_after"):
        assert pair[name].shape == (3, size, size), name
    assert pair["inside"].shape == (1, size, size)
    assert 0.005 < float(pair["inside"].mean()) < 0.15


def test_a_pair_is_two_pictures_of_one_square(clip: Clip) -> None:
    """Reference and target, each with its own points; the box is the target's mouth."""
    marks = clip.sample.tracks["landmarks"].copy()
    marks[10:, 14, 1] += 6
    shown = with_tracks(clip, landmarks=marks)
    pair = samples.pair_of_pictures(shown, 128, np.random.default_rng(1))
    assert not torch.equal(pair["reference"], pair["target"])
    ys, xs = np.nonzero(pair["inside"][0].numpy())
    mouth = (pair["after"][48:68] + 1) * 64
    assert xs.min() - 2 <= float(mouth[:, 0].min())
    assert float(mouth[:, 0].max()) <= xs.max() + 2
    assert ys.min() - 2 <= float(mouth[:, 1].min())
    assert float(mouth[:, 1].max()) <= ys.max() + 2


def test_references_are_mostly_at_rest(clip: Clip) -> None:
    rest = samples.pair_of_pictures(clip, 32, np.random.default_rng(0))  # draws 0.64 < AT_REST
    first = [
        samples.pair_of_pictures(clip, 32, np.random.default_rng(n))["before"] for n in range(40)
    ]
    alike = sum(torch.equal(f, rest["before"]) for f in first)
    assert 20 <= alike <= 36


def test_a_window_begins_with_the_frame_before_it(ready: SdmTraining, corpus_128: Path) -> None:
    windows = Windows(open_set(corpus_128), "train", 16, ("wav", "tracks"))
    window = replace(windows.draw(np.random.default_rng(0)), start=5)
    space = ready.net.space
    sample = samples.speech_and_movements(window, space)
    moves = samples.movements(window.clip, space)
    np.testing.assert_array_equal(sample["movements"].numpy(), moves[4:21])
    np.testing.assert_array_equal(sample["mel"].numpy(), window.clip.mel[20:84])
    np.testing.assert_array_equal(sample["prosody"].numpy(), window.clip.prosody[5:21])
    first = samples.speech_and_movements(replace(window, start=0), space)
    np.testing.assert_array_equal(first["movements"][0], first["movements"][1])


def test_means_come_from_a_bounded_number_of_clips(
    ready: SdmTraining, corpus_128: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows = Windows(open_set(corpus_128), "train", 2, ("tracks",))
    read: list[int] = []
    clip = windows.clip
    monkeypatch.setattr(windows, "clip", lambda n: (read.append(n), clip(n))[1])
    monkeypatch.setattr(samples, "FITTED_CLIPS", 2)
    found = samples.movements_to_fit(windows, ready.net.space, np.random.default_rng(0))
    assert len(windows) == 4
    assert len(read) == len(set(read)) == 2
    frames = sum(windows.about[n]["frames"] for n in read)
    assert found.shape == (frames, 478, 3)
    monkeypatch.setattr(samples, "FITTED_FRAMES", 20)
    assert len(samples.movements_to_fit(windows, ready.net.space, np.random.default_rng(0))) == 20


# What each loss wants.


def test_l_reg_wants_both_frames_back(ready: SdmTraining) -> None:
    modes = ready.net.pose
    truth = torch.randn(2, 5, 20)

    class Same(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x

    perfect = type(modes)(16, 20)
    perfect.encode = perfect.decode = Same()  # type: ignore[assignment]
    assert float(regularity_loss(perfect, truth)) == 0
    perfect.decode = nn.Linear(20, 20, bias=False)  # type: ignore[assignment]
    perfect.decode.weight.data.copy_(1.1 * torch.eye(20))
    wanted = 0.1 * (truth[:, 1:].abs().mean() + truth[:, :-1].abs().mean())
    torch.testing.assert_close(regularity_loss(perfect, truth), wanted)


def test_l_ind_wants_branches_that_know_nothing_of_each_other() -> None:
    torch.manual_seed(0)
    pose, other = torch.randn(2000, 4), torch.randn(2000, 4)
    mixed = [float(independence_loss(pose, torch.lerp(other, pose, w))) for w in (0.0, 0.3, 0.8)]
    assert mixed[0] < mixed[1] < mixed[2]
    assert float(independence_loss(pose, -pose)) == pytest.approx(
        float(independence_loss(pose, pose)), rel=1e-4
    )


def test_l_rec_holds_the_sum_against_the_frames_of_the_window(ready: SdmTraining) -> None:
    heard, truth = heard_and_truth(ready)

    def rec(aux: Tensor) -> float:
        ready.net.coarse_from_truth = lambda *_: Coarse(aux, aux)  # type: ignore[method-assign]
        try:
            return float(ready.l_total(heard, truth, turn())["rec"])
        finally:
            del ready.net.coarse_from_truth

    assert rec(truth[:, 1:]) == 0
    assert rec(truth[:, :-1]) > 0.01  # those of the frames before
    assert rec(truth[:, 1:] + 0.5) == pytest.approx(0.5, rel=1e-5)


def heard_and_truth(training: SdmTraining, frames: int = 64) -> tuple[Heard, Tensor]:
    batch = batch_of(training, 0)
    heard = training.net.hear(batch["mel"], batch["prosody"])
    return heard, training.net.space.code(batch["movements"])


def test_the_coarse_loss_is_told_which_frames_are_free(ready: SdmTraining) -> None:
    heard, truth = heard_and_truth(ready)
    with torch.no_grad():
        losses = [float(ready.l_total(heard, truth, turn(free=f))["rec"]) for f in (0, 0, 0.5, 1)]
        untold = float(ready.l_total(heard, truth, turn())["rec"])
        plain = ready.net.coarse_from_truth(heard, truth, torch.zeros(2, 64) > 0, None)
    assert losses[0] == losses[1] == untold
    assert len(set(losses)) == 3
    assert plain.z_divergence is None


def test_free_frames_continue_themselves_and_others_the_truth(ready: SdmTraining) -> None:
    """What is free depends on frames made before; what is not depends on the true one alone."""
    heard, truth = heard_and_truth(ready)
    net, changed = ready.net, truth.clone()
    changed[:, 10] += 3
    none, all_ = torch.zeros(2, 64) > 0, torch.zeros(2, 64) < 1
    with torch.no_grad():
        a, b = (net.coarse_from_truth(heard, f, none, None).aux for f in (truth, changed))
        c, d = (net.coarse_from_truth(heard, f, all_, None).aux for f in (truth, changed))
    moved = (a - b).abs().amax((0, 2)) > 1e-6  # F_(10) is the frame before the window's tenth
    assert moved[10]
    assert not moved[:10].any()
    assert torch.equal(c, d)


def test_l_diff_is_0_for_who_knows_the_noise_in_the_truth(ready: SdmTraining) -> None:
    heard, truth = heard_and_truth(ready)
    truth = truth[:, 1:]
    kept = ready.net.diffusion.kept
    coarse = Coarse(torch.randn_like(truth), torch.randn_like(truth))

    class Oracle(nn.Module):
        def __init__(self, clean: Tensor) -> None:
            super().__init__()
            self.clean = clean

        def conditions(self, told: Tensor) -> list[Tensor]:
            return []

        def forward(self, x: Tensor, t: Tensor, told: list[Tensor]) -> Tensor:
            share = kept[t - 1].view(-1, 1, 1)
            return (x - share.sqrt() * self.clean) / (1 - share).sqrt()

    t, inner = torch.tensor([3, 17]), ready.net.denoiser
    try:
        found = []
        for clean in (truth, coarse.aux):
            ready.net.denoiser = Oracle(clean)  # type: ignore[assignment]
            found.append(float(ready.l_diff(heard, coarse, truth, t, turn())))
    finally:
        ready.net.denoiser = inner
    assert found[0] == pytest.approx(0, abs=1e-4)
    assert found[1] > 0.1


def test_diffusion_is_told_what_is_heard_and_f_aux(ready: SdmTraining) -> None:
    """Content, rhythm's features and F^aux, in this order, and nothing else."""
    heard, truth = heard_and_truth(ready)
    coarse = Coarse(torch.randn_like(truth[:, 1:]), torch.randn_like(truth[:, 1:]))
    seen: list[Tensor] = []
    inner = ready.net.denoiser.conditions
    ready.net.denoiser.conditions = lambda told: seen.append(told) or inner(told)  # type: ignore[method-assign, func-returns-value]
    try:
        ready.l_diff(heard, coarse, truth[:, 1:], torch.tensor([3, 17]), turn())
    finally:
        del ready.net.denoiser.conditions
    (told,) = seen
    assert torch.equal(told[..., :16], heard.content)
    assert torch.equal(told[..., 16:32], heard.features)
    assert torch.equal(told[..., 32:], coarse.aux)


def test_the_later_stages_see_the_coarse_motion_as_in_use(ready: SdmTraining) -> None:
    """It continues its own frames from the frame before the window, and not the true ones."""
    heard, truth = heard_and_truth(ready)
    seen: list[tuple[Tensor, Tensor]] = []

    def spy(heard: Heard, coarse: Coarse, truth: Tensor, *_: object) -> Tensor:
        seen.append((coarse.aux, truth))
        return torch.zeros(())

    batch = batch_of(ready, 1)
    ready.l_diff = spy  # type: ignore[method-assign]
    try:
        ready.losses(ready.stages[1], batch, turn(seed=4))
    finally:
        del ready.l_diff
    aux, target = seen[0]
    noise = turn(seed=4).normal(64, 16)
    with torch.no_grad():
        wanted = ready.net.coarse(heard, truth[:, 0], noise=noise).aux
    torch.testing.assert_close(aux, wanted)
    assert torch.equal(target, truth[:, 1:])


@pytest.mark.parametrize("number", [1, 2])
def test_steps_are_drawn_evenly(
    number: int, ready: SdmTraining, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of 1 to T, each sample its own."""
    batch, drawn = batch_of(ready, number, 1), []
    seen = Counter[int]()
    name = ("l_diff", "l_step")[number - 1]
    monkeypatch.setattr(ready, name, lambda *given: drawn.append(given[-2]) or torch.zeros(()))
    monkeypatch.setattr(ready, "_coarse", lambda *_: Coarse(torch.zeros(1), torch.zeros(1)))
    for n in range(400):
        ready.losses(ready.stages[number], batch, Turn("adam", 0, {}, torch.tensor([n]), 0))
    seen.update(int(t) for t in drawn)
    assert sorted(seen) == list(range(1, 21))
    assert max(seen.values()) < 45


def test_a_trained_step_predictor_believes_the_truth() -> None:
    """Separable data: B(truth) > B(F^aux), less so the more noise there is."""
    torch.manual_seed(0)
    predictor, diffusion = StepPredictor(4, 16, 20), Diffusion(20, 1e-4, 0.3)
    adam = torch.optim.Adam(predictor.parameters(), 5e-3)

    def pair(number: int, t: Tensor) -> tuple[Tensor, Tensor]:
        true, made = torch.randn(number, 16, 4), 0.3 * torch.randn(number, 16, 4)
        return tuple(diffusion.corrupt(x, torch.randn_like(x), t) for x in (true, made))  # type: ignore[return-value]

    for _ in range(150):
        t = torch.randint(1, 21, (32,))
        true, made = pair(32, t)
        loss = step_loss(predictor, true, made, t)
        adam.zero_grad()
        loss.backward()
        adam.step()
    with torch.no_grad():
        auc = []
        for step in (1, 20):
            t = torch.full((200,), step)
            true, made = (predictor(x, t)[:, None] for x in pair(200, t))
            auc.append(float(separability(true, made)))
    assert auc[0] > 0.95
    assert 0.35 < auc[1] < 0.7


def test_l_step_takes_truth_for_truth_and_f_aux_for_f_aux(ready: SdmTraining) -> None:
    """A predictor that knows F^aux by its size: right labels cost little, swapped ones much."""

    class ByLevel(nn.Module):
        def logits(self, noisy: Tensor, t: Tensor) -> Tensor:
            return 5 * noisy.mean((1, 2)).sign()

    truth = torch.full((2, 8, 20), 50.0)
    t, inner = torch.tensor([1, 2]), ready.net.predictor
    ready.net.predictor = ByLevel()  # type: ignore[assignment]
    try:
        right = float(ready.l_step(Coarse(-truth, -truth), truth, t, turn()))
        swapped = float(ready.l_step(Coarse(truth, truth), -truth, t, turn()))
    finally:
        ready.net.predictor = inner
    assert right < 0.1
    assert swapped > 5


def test_l_ren_wants_the_target_and_most_of_all_its_mouth(ready: SdmTraining) -> None:
    torch.manual_seed(0)
    target, reference = torch.rand(2, 3, 64, 64) - 0.5, torch.rand(2, 3, 64, 64) - 0.5
    inside = torch.zeros(2, 1, 64, 64)
    inside[:, :, 40:48, 24:40] = 1
    batch = {"target": target, "reference": reference, "inside": inside}

    def cost(made: Tensor) -> dict[str, float]:
        ready._rendered = lambda _: made  # type: ignore[method-assign]
        try:
            return {k: float(v) for k, v in ready.l_ren(batch).items()}
        finally:
            del ready._rendered

    perfect, other = cost(target), cost(reference)
    assert perfect["rec"] == perfect["mouth"] == 0
    assert perfect["perceptual"] < 1e-3 < other["perceptual"]
    within, without = cost(target + inside), cost(target + 1 - inside)
    assert within["mouth"] == pytest.approx(1)
    assert without["mouth"] == pytest.approx(0, abs=1e-6)
    assert within["rec"] == pytest.approx(128 / 4096, rel=1e-4)


def test_the_renderer_gets_its_arguments_in_their_order(ready: SdmTraining) -> None:
    batch = {n: torch.tensor(float(i)) for i, n in enumerate(
        ("reference", "before", "after", "drawn_before", "drawn_after"))}  # fmt: skip
    inner = ready.net.renderer
    seen: list[object] = []

    class Spy(nn.Module):
        def forward(self, *given: object) -> Tensor:
            seen.extend(given)
            return torch.zeros(1)

    ready.net.renderer = Spy()  # type: ignore[assignment]
    try:
        ready._rendered(batch)
    finally:
        ready.net.renderer = inner
    a, b, c, (d, e) = seen  # type: ignore[misc]
    assert [float(x) for x in (a, b, c, d, e)] == [0, 1, 2, 3, 4]


def test_each_branch_hears_its_own(ready: SdmTraining) -> None:
    """Prosody reaches F~ alone; mel reaches both."""
    batch = batch_of(ready, 0, 1)
    net = ready.net
    with torch.no_grad():
        plain = net.hear(batch["mel"], batch["prosody"])
        loud = net.hear(batch["mel"], batch["prosody"] + 1)
        other = net.hear(batch["mel"] + 1, batch["prosody"])
    assert torch.equal(plain.content, loud.content)
    assert not torch.allclose(plain.rhythm, loud.rhythm)
    assert not torch.allclose(plain.content, other.content)
    assert not torch.allclose(plain.rhythm, other.rhythm)
    torch.testing.assert_close(net.rhythm.last(plain.features), plain.rhythm)


# k.


def test_k_is_found_after_the_predictor_and_kept(ready: SdmTraining) -> None:
    stage = ready.stages[2]
    ready.settle(ready.stages[1])
    assert ready.net.k == 10  # T / 2: untouched
    ready.settle(stage)
    figures = ready.figures(stage)
    assert 1 <= ready.net.k == figures["k"] <= 20
    assert set(figures) == {"k", "AUC at k", "belief, truth at k", "belief, F^aux at k",
                            "D_t, nats a number at k"}  # fmt: skip
    assert ready.figures(ready.stages[0]) == {}


def test_k_is_where_truth_and_f_aux_meet(ready: SdmTraining) -> None:
    """A predictor that sees through the noise up to step 7 gives k 8; one that guesses gives 1."""

    class Until(nn.Module):
        def __init__(self, last: int) -> None:
            super().__init__()
            self.last = last

        def forward(self, noisy: Tensor, t: Tensor) -> Tensor:
            kept = ready.net.diffusion.kept[t - 1]
            known = (noisy.mean((1, 2)) > 25 * kept.sqrt()).float()
            return torch.where(t <= self.last, known, 0.5 * torch.ones_like(known))

    inner, coarse, truth = ready.net.predictor, ready._coarse, ready._refined_truth
    level = torch.full((1, 64, 20), 50.0)
    ready._coarse = lambda *_: Coarse(-level, -level)  # type: ignore[method-assign]
    ready._refined_truth = lambda *_: level  # type: ignore[method-assign]
    try:
        for last, k in ((7, 8), (0, 1), (20, 20)):
            ready.net.predictor = Until(last)  # type: ignore[assignment]
            found = ready.find_k(ready.stages[2])
            assert found["k"] == k
        assert found["AUC at k"] == 1
        kept = float(ready.net.diffusion.kept[19])
        nats = kept / (2 * (1 - kept)) * 100**2
        assert found["D_t, nats a number at k"] == pytest.approx(nats, rel=1e-4)
    finally:
        ready.net.predictor, ready._coarse, ready._refined_truth = inner, coarse, truth  # type: ignore[method-assign]


# Stages, sets, presets.


@pytest.mark.parametrize(
    "changes", [(), ("sample_z=false",), ("refined=pose",), ("literal_ind=true",)]
)
def test_every_variant_learns_in_every_stage(changes: tuple[str, ...], corpus_128: Path) -> None:
    training = small("tiny", *changes)
    training.begin(training.stages[0], Run(corpus_128, corpus_128 / "out", 0))
    for number, stage in enumerate(training.stages[:3]):
        losses = training.losses(stage, batch_of(training, number), turn())
        assert ("z" in losses) == (stage.name == "coarse" and "sample_z=false" not in changes)
        training.net.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        for part in stage.trains:
            found = training.net.get_submodule(part).parameters()
            assert any(p.grad is not None and p.grad.any() for p in found), part


def test_later_stages_leave_the_first_alone(corpus_128: Path, tmp_path: Path) -> None:
    """Spec item 16; and the frozen critic is among what is proved frozen, and not in the file."""
    changes = ("steps=2", "batch=2", *(f"model.{c}" for c in SMALL))
    out = tmp_path / "run"
    train_system("sdm", out, corpus_128, stage="coarse", changes=changes, seed=0)
    before = load_net(out).state_dict()
    for stage in ("diffusion", "predictor", "renderer"):
        train_system("sdm", out, corpus_128, stage=stage, changes=changes[:2], resume=True)
    after = load_net(out).state_dict()
    first = ("content.", "pose.", "rhythm.", "space.")
    for name, value in before.items():
        if name.startswith(first):
            assert torch.equal(value, after[name]), name
    assert not torch.equal(before["denoiser.first.weight"], after["denoiser.first.weight"])
    assert not torch.equal(before["renderer.net.last.weight"], after["renderer.net.last.weight"])
    assert 1 <= int(after["predictor.k"]) <= 20
    assert "corpus face judge" in (out / "README.md").read_text()


def test_the_eye_is_part_of_the_network_and_learns_nothing(ready: SdmTraining) -> None:
    names = [n for n, _ in ready.network.named_parameters() if n.startswith("eye.")]
    assert len(names) > 10
    assert not any(is_part(name, stage.trains) for stage in ready.stages for name in names)
    assert not any(
        name.startswith("eye") for name in ready.files(ready.stages[0])["sdm.safetensors"][0]
    )


def copy_of(corpus: Path, folder: Path, change: object) -> Path:
    """A set of the corpus's training clips, each changed by a function of a sample."""
    for number, shard in enumerate(open_set(corpus).shards("train")):
        found = [change(s) for s in read_shard(shard)]  # type: ignore[operator]
        write_shard(folder / "train" / f"{number}.tar", found)
    write_set(folder, {"name": "copy", "people": 2})
    return folder


def shortened(sample: Recording, frames: int) -> Recording:
    """The beginning of a clip."""
    assert sample.frames is not None
    assert sample.samples is not None
    tracks = {k: v if k == "identity" else v[:frames] for k, v in sample.tracks.items()}
    ends = sample.frames.ends[:frames]
    return Recording(
        sample.key, sample.about | {"frames": frames}, sample.samples[: 640 * frames],
        Pictures(sample.frames.data, ends), tracks,
    )  # fmt: skip


def test_clips_as_short_as_lrws_are_told_at_once(corpus_128: Path, tmp_path: Path) -> None:
    short = copy_of(corpus_128, tmp_path / "lrw", lambda s: shortened(s, 29))
    with pytest.raises(RequestError, match=r"29 frames.*windows of 64.*--set window=28"):
        train_system("sdm", tmp_path / "out", short, changes=("steps=1",))


@pytest.mark.parametrize(
    ("lacks", "words"),
    [("samples", "no sound"), ("frames", "no pictures"), ("tracks", "no tracks")],
)
def test_what_a_later_stage_lacks_is_told_at_once(
    lacks: str, words: str, corpus_128: Path, tmp_path: Path
) -> None:
    empty: dict[str, object] = {"samples": None, "frames": None, "tracks": {}}
    bare = copy_of(corpus_128, tmp_path / "set", lambda s: replace(s, **{lacks: empty[lacks]}))
    with pytest.raises(RequestError, match=words):
        train_system("sdm", tmp_path / "out", bare, changes=("steps=1",))


def test_the_papers_perceptual_loss_is_vgg19s_or_said(
    corpus_128: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    torch.manual_seed(0)
    paper = make(SdmTraining, "paper", SMALL)
    with pytest.raises(RequestError, match=r"vgg19-dcbb9e9d.pth.*model\.perceptual=corpus"):
        paper.check(paper.stages, Run(corpus_128, tmp_path, 0))
    paper.check(paper.stages[:3], Run(corpus_128, tmp_path, 0))
    assert "official VGG19" in " ".join(paper.notes())
    assert "corpus face judge" in " ".join(small("paper").notes())


@pytest.fixture(scope="module")
def layouts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trees in the layouts of real sets, prepared."""
    pytest.importorskip("mediapipe")
    sys.path.insert(0, str(Path(__file__).parents[1] / "data"))
    try:
        import layout_trees
    finally:
        sys.path.pop(0)
    from vivavoce.data.prepare import prepare

    home = tmp_path_factory.mktemp("layouts")
    (home / "media").mkdir()
    media = layout_trees.make_media(home / "media")
    for name in LAYOUTS:
        getattr(layout_trees, name)(home / name, media)
        prepare(name, home / name, home / f"{name}-set")
    return home


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("preset", PRESETS)
def test_a_set_of_real_layout_goes_through_every_stage(
    name: str, preset: str, layouts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    train_system(
        "sdm", out, layouts / f"{name}-set", preset=preset,
        changes=("steps=1", "batch=2", "coarse.window=12", "diffusion.window=12",
                 "predictor.window=12", *(f"model.{c}" for c in SMALL),
                 "model.perceptual=corpus",
                 *(["model.motion=8"] if preset == "tiny" else [])),
    )  # fmt: skip
    net = load_net(out)
    assert net.settings.size == 64
    assert 1 <= net.k <= 20


@pytest.fixture(scope="module")
def paper() -> SdmTraining:
    """The paper's network, in training."""
    torch.manual_seed(0)
    trainable = make(SdmTraining, "paper", ("perceptual=corpus",))
    assert isinstance(trainable, SdmTraining)
    return trainable


@pytest.mark.parametrize("number", range(4), ids=[s.name for s in PRESETS["paper"].stages])
def test_a_paper_stage_takes_a_step_at_batch_1(
    number: int, paper: SdmTraining, corpus_256: Path, tmp_path: Path
) -> None:
    stage = paper.stages[number]
    paper.begin(stage, Run(corpus_256, tmp_path, seed=0))
    batch = batch_of(paper, number, 1)
    if stage.window:
        assert batch["movements"].shape == (1, 65, 68, 2)  # 64 frames and the one before
    else:
        assert batch["reference"].shape == (1, 3, 256, 256)
    own = {n: p for n, p in paper.net.named_parameters() if is_part(n, stage.trains)}
    before = {n: p.detach().clone() for n, p in own.items()}
    (optimiser,) = stage.optimisers.values()
    adam = torch.optim.Adam(list(own.values()), optimiser.lr, optimiser.betas)
    losses = paper.losses(stage, batch, turn(1))
    assert set(losses) == set(stage.losses)
    torch.stack([stage.losses[name] * value for name, value in losses.items()]).sum().backward()
    adam.step()
    assert all(torch.isfinite(value) for value in losses.values())
    assert all(torch.isfinite(p).all() for p in own.values())
    moved = [n for n, p in own.items() if not torch.equal(p, before[n])]
    assert len(moved) > 0.9 * len(own)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_data_sheet_counts_the_parameters(preset: str) -> None:
    """Motion and renderer, in millions, as the page says."""
    with torch.device("meta"):
        net = SdmNet(PRESETS[preset].settings)
    assert len(net.denoiser.layers) == {"paper": 12, "tiny": 8}[preset]
    renderer = sum(p.numel() for p in net.renderer.parameters()) / 1e6
    motion = sum(p.numel() for p in net.parameters()) / 1e6 - renderer
    line = next(x for x in PAGE.read_text("utf-8").splitlines() if x.startswith("| parameters"))
    tiny, paper = (re.findall(r"([\d.]+) M", cell) for cell in line.split("|")[2:4])
    for said, counted in zip(tiny if preset == "tiny" else paper, (motion, renderer), strict=True):
        digits = len(said.partition(".")[2])
        assert float(said) == round(counted, digits)


def test_the_presets_are_what_the_page_says() -> None:
    paper, tiny = PRESETS["paper"], PRESETS["tiny"]
    s = paper.settings
    assert (s.size, s.points, s.axes, s.motion, s.steps) == (256, 68, 2, None, 100)
    assert (s.feedback, s.clamp_norm, s.smoothing, s.lowpass_hz) == (1.0, None, 0.0, 0.0)
    assert (s.noise_low, s.noise_high, s.sample_z, s.composite) == (1e-4, 0.1, False, False)
    assert (s.literal_ind, s.refined, s.perceptual) == (False, "motion", "vgg19")
    assert load_net(SHIPPED / "sdm-tiny").settings == tiny.settings
    free = {
        name: [preset.stages[0].settings_at(int(at * preset.stages[0].steps))["free"]
               for at in (0, 0.15, 0.3, 0.6)]
        for name, preset in PRESETS.items()
    }  # fmt: skip
    assert free == {"paper": [0.0, 0.0, 0.15, 0.3], "tiny": [0.3, 0.7, 1.0, 1.0]}
    for name, preset in PRESETS.items():
        shape = [(s.steps, s.batch, s.window, s.ema) for s in preset.stages]
        schedule = [s.optimisers["adam"].schedule for s in preset.stages]
        if name == "paper":
            assert shape == [(100_000, 32, 64, None), (100_000, 32, 64, None),
                             (20_000, 32, 64, None), (100_000, 8, 0, None)]  # fmt: skip
            assert schedule == ["constant"] * 4
        else:
            assert shape == [(1200, 16, 64, None), (5600, 16, 64, 0.99), (2500, 16, 64, None),
                             (1500, 8, 0, 0.99)]  # fmt: skip
            assert schedule == ["cosine"] * 4
        assert preset.stages[3].losses == {"rec": 1.0, "mouth": 1.0, "perceptual": 0.1}
        assert [s.optimisers["adam"].trains for s in preset.stages] == [
            ("content", "pose", "rhythm"), ("denoiser",), ("predictor",), ("renderer",)
        ]  # fmt: skip


def test_every_setting_says_what_it_does() -> None:
    for name, about in SdmSettings.model_fields.items():
        assert len(about.description or "") > 15, name
