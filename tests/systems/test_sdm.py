"""SDM against the checklist of its specification (one test an item), and as people call it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

from vivavoce.data.corpus.make import Recipe, make_person
from vivavoce.data.shards import open_set, write_set
from vivavoce.errors import BadCheckpoint, RequestError, UnknownName
from vivavoce.listen.mel import log_mel
from vivavoce.look.landmark_motion import LandmarkMotion
from vivavoce.look.landmarks68 import ALL_68
from vivavoce.move.pose_rhythm import (
    ContentEncoder,
    correlations,
    independence_loss,
    mel_windows,
    regularity_loss,
)
from vivavoce.move.shallow_diffusion import divergence, meeting_step
from vivavoce.systems import WEIGHTS
from vivavoce.systems.sdm.net import PRESETS, STAGES, WIDEST, SdmNet, SdmSettings, load_net, within
from vivavoce.systems.sdm.sitter import as_motion, nobody, settled
from vivavoce.systems.sdm.talker import BLOCK, Blocks, How, Sdm, frame_noise, smoothed
from vivavoce.systems.stage import Run, Turn
from vivavoce.train import train_system
from vivavoce.train.sdm.training import SdmTraining, prosody_of
from vivavoce.types import Speech

SMALL = SdmSettings(
    size=64, points=478, axes=3, motion=12, width=16, layers=4, steps=20, renderer=(8, 8)
)
HOW = How("shallow", 5, frozenset(), 0)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people, two sentences each."""
    folder = tmp_path_factory.mktemp("corpus")
    for index in (0, 1):
        make_person(folder, Recipe(5, 128, 2, 0.0, layers=False), index)
    write_set(folder, {"name": "corpus", "people": 2})
    return folder


@pytest.fixture(scope="module")
def net(corpus: Path) -> SdmNet:
    """A small network whose space of motion is fitted, its weights as they begin."""
    torch.manual_seed(0)
    net = SdmNet(SMALL).eval()
    found = []
    for sample in open_set(corpus).samples("train", ("tracks",)):
        marks = sample.tracks["landmarks"]
        found.append(net.space.of(marks, marks[0], 128.0))
    net.space.fit(np.concatenate(found))
    net.k.fill_(5)
    return net


@pytest.fixture(scope="module")
def folder(net: SdmNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its checkpoint."""
    path = tmp_path_factory.mktemp("sdm-small")
    about = {"system": "sdm", "settings": net.settings.model_dump(mode="json")}
    (path / "config.json").write_text(json.dumps(about))
    weights = {k: v.contiguous() for k, v in net.state_dict().items()}
    save_file(weights, path / "sdm.safetensors", {"part": "sdm"})
    return path


def speech(frames: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Mel [4 T, 80] and prosody [T, 3] of nothing in particular."""
    rng = np.random.default_rng(seed)
    mel = rng.normal(-5, 3, (4 * frames, 80)).astype(np.float32)
    return mel, rng.random((frames, 3)).astype(np.float32)


def made(net: SdmNet, frames: int, how: How = HOW) -> torch.Tensor:
    """F* of a clip given in one part."""
    return Blocks(net, how)(*speech(frames), True)


class Calls(nn.Module):
    """Counts how often the denoiser is asked."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner, self.count = inner, 0
        self.conditions = inner.conditions

    def forward(self, *told: torch.Tensor) -> torch.Tensor:
        self.count += 1
        return self.inner(*told)


@pytest.fixture
def counted(net: SdmNet) -> Iterator[Calls]:
    """The network's denoiser, counting."""
    inner = net.denoiser
    net.denoiser = Calls(inner)  # type: ignore[assignment]
    yield net.denoiser  # type: ignore[misc]
    net.denoiser = inner


def test_01_content_encoder_has_four_convolutions() -> None:
    layers = [m for m in ContentEncoder(32).modules() if isinstance(m, nn.Conv1d)]
    assert len(layers) == 4


def test_02_a_second_gives_25_frames_and_windows_are_centred(net: SdmNet) -> None:
    assert made(net, 25).shape == (25, 12)
    mel = torch.arange(100.0)[None, :, None].expand(1, 100, 80)
    windows = mel_windows(mel)
    assert windows.shape == (1, 25, 80, 20)
    middle = windows[0, 5:-5].mean((1, 2))
    torch.testing.assert_close(middle, 4 * torch.arange(5.0, 20.0) + 1.5)


def test_03_landmarks_are_not_aligned(net: SdmNet) -> None:
    """A rolled head stays rolled: movements are differences of points as they lie."""
    rng = np.random.default_rng(0)
    reference = rng.uniform(20, 100, (478, 3)).astype(np.float32)
    turn = np.array([[0.9, -0.4, 0], [0.4, 0.9, 0], [0, 0, 1]], np.float32)
    rolled = reference @ turn.T
    moved = net.space.of(rolled[None], reference, 128.0)
    again = net.space.everywhere(moved, reference, 128.0)
    np.testing.assert_allclose(again[0], rolled, atol=1e-3)


def test_04_encode_decode_learns_a_small_set(net: SdmNet) -> None:
    torch.manual_seed(0)
    fresh = SdmNet(SMALL.model_copy(update={"width": 64}))
    motion = torch.randn(4, 8, 12)
    optimiser = torch.optim.Adam(fresh.pose.parameters(), 3e-3)
    for step in range(1500):
        for group in optimiser.param_groups:
            group["lr"] = 3e-3 * (1 - step / 1500)
        loss = regularity_loss(fresh.pose, motion)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float((fresh.pose.again(motion) - motion).abs().mean()) < 0.02


def heard_of(net: SdmNet, frames: int = 12) -> object:
    mel, prosody = (torch.from_numpy(x)[None] for x in speech(frames))
    return net.hear(mel, prosody)


def test_05_auxiliary_is_the_sum(net: SdmNet) -> None:
    heard = heard_of(net)
    made = net.coarse(heard, torch.zeros(1, 12))
    assert torch.equal(made.aux, made.pose + heard.rhythm)


def test_06_l_total_is_5_2_1() -> None:
    for preset, settings in PRESETS.items():
        coarse = STAGES[preset][0]
        told = {"z": 0.3} if settings.drawn else {}  # the option of O5, not of Eq. 11
        assert coarse.losses == {"reg": 5.0, "ind": 2.0, "rec": 1.0} | told
        assert coarse.weights_at(0) == coarse.losses


def test_07_independence_is_measured() -> None:
    torch.manual_seed(0)
    a, b = torch.randn(4000, 6), torch.randn(4000, 6)
    assert float(independence_loss(a, b)) < 0.002
    torch.testing.assert_close(correlations(a, a).diagonal(), torch.ones(6), atol=1e-3, rtol=0)
    assert float(independence_loss(a, a)) > 0.1
    literal = float((b - a).square().sum(1).sqrt().mean())
    assert float(independence_loss(a, b, literal=True)) == pytest.approx(literal, rel=1e-5)


def test_08_optimiser_is_the_papers() -> None:
    for stage in STAGES["paper"]:
        adam = stage.optimisers["adam"]
        assert (adam.lr, *adam.betas) == (2e-4, 0.4, 0.999)


def test_09_forward_chain_and_10_what_is_kept(net: SdmNet) -> None:
    """The chain itself is tested in tests/nn/test_diffusion.py; here the paper preset's T."""
    kept = SdmNet(PRESETS["tiny"]).diffusion.kept
    assert len(kept) == 100
    assert (kept[1:] < kept[:-1]).all()
    assert float(kept[-1]) < 0.01


def test_11_a_true_denoiser_leads_back_from_any_k(net: SdmNet) -> None:
    x0 = torch.randn(1, 9, 12)

    def oracle(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        kept = net.diffusion.kept[t - 1].view(-1, 1, 1)
        return (x - kept.sqrt() * x0) / (1 - kept).sqrt()

    for k in (1, 7, 20):
        noisy = net.diffusion.corrupt(x0, torch.randn_like(x0), torch.tensor([k]))
        torch.testing.assert_close(net.diffusion.back(oracle, noisy, k), x0, atol=1e-4, rtol=0)


def test_12_divergence_falls_with_t(net: SdmNet) -> None:
    d = divergence(net.diffusion, torch.ones(3, 12), torch.zeros(3, 12))
    assert (d[1:] < d[:-1]).all()
    kept = net.diffusion.kept[6]
    assert float(d[6]) == pytest.approx(float(kept / (2 * (1 - kept)) * 36), rel=1e-5)


def test_13_k_is_kept_with_the_weights(folder: Path, net: SdmNet) -> None:
    assert int(load_net(folder).k) == int(net.k) == 5
    assert 1 <= int(net.k) <= net.settings.steps


@pytest.mark.parametrize(
    ("sampler", "calls"), [("shallow", 5), ("full", 20), ("auxiliary", 0), ("recursive", 5 * 9)]
)
def test_14_calls_of_the_denoiser(sampler: str, calls: int, net: SdmNet, counted: Calls) -> None:
    made(net, 9, How(sampler, 5, frozenset(), 0))
    assert counted.count == calls


def test_15_where_truth_and_coarse_are_one_k_is_1() -> None:
    assert meeting_step(torch.full((100,), 0.5)) == 1
    apart = torch.cat([torch.full((30,), 0.01), torch.full((70,), 0.45)])
    assert meeting_step(apart) == 31 - 3  # 95 % of the later steps are enough
    assert meeting_step(torch.zeros(100)) == 100


def test_16_later_stages_leave_the_first_alone(corpus: Path, tmp_path: Path) -> None:
    changes = ("steps=2", "batch=2")

    def small(preset: str) -> SdmTraining:
        training = SdmTraining(preset)
        training.net = SdmNet(SMALL)
        training.network = training.net
        return training

    out = tmp_path / "run"
    train_system(small, out, corpus, stage="coarse", changes=changes, seed=0)
    before = load_net(out).state_dict()
    for stage in ("diffusion", "predictor", "renderer"):
        train_system(small, out, corpus, stage=stage, changes=changes, resume=True)
    after = load_net(out).state_dict()
    first = ("content.", "pose.", "rhythm.", "space.")
    for name, value in before.items():
        if name.startswith(first):
            assert torch.equal(value, after[name]), name
    assert not torch.equal(before["denoiser.first.weight"], after["denoiser.first.weight"])
    assert not torch.equal(before["renderer.net.last.weight"], after["renderer.net.last.weight"])
    assert 1 <= int(after["k"]) <= SMALL.steps


def test_17_seeds(net: SdmNet) -> None:
    again, other = HOW, How("shallow", 5, frozenset(), 1)
    assert torch.equal(made(net, 30), made(net, 30, again))
    assert not torch.allclose(made(net, 30), made(net, 30, other), atol=1e-3)


def test_18_recursive_frames_do_not_depend_on_later_ones(net: SdmNet) -> None:
    """The sound of a second before and after is heard; generated frames only flow forwards."""
    how = How("recursive", 5, frozenset(), 0)
    mel, prosody = speech(60)
    whole = Blocks(net, how)(mel, prosody, True)
    mel, prosody = mel.copy(), prosody.copy()
    mel[4 * 45 :] = 0.0
    changed = Blocks(net, how)(mel, prosody, True)
    torch.testing.assert_close(changed[:28], whole[:28])
    assert not torch.allclose(changed[45:], whole[45:], atol=1e-3)


def test_19_switches_leave_out_one_part_each(net: SdmNet, counted: Calls) -> None:
    heard = heard_of(net)
    first = torch.zeros(1, 12)
    coarse = net.coarse(heard, first, without=frozenset({"pose"}))
    assert not coarse.pose.any()
    torch.testing.assert_close(coarse.aux, heard.rhythm)
    coarse = net.coarse(heard, first, without=frozenset({"rhythm"}))
    torch.testing.assert_close(coarse.aux, coarse.pose)
    made(net, 9, How("auxiliary", 5, frozenset({"diffusion"}), 0))
    assert counted.count == 0


def test_20_metrics_of_identical_clips_are_perfect() -> None:
    """Tested for every metric in tests/measure/test_measure_metric.py; here what LMD leaves out."""
    from vivavoce.measure.metrics.face import lmd

    points = np.random.default_rng(0).uniform(0, 256, (4, 478, 3)).astype(np.float32)
    assert lmd(points, points, 256) == 0
    assert lmd(points + np.float32(7), points, 256) == pytest.approx(0, abs=1e-4)
    assert lmd(points + np.float32(7), points, 256, mouth=False) > 5


@pytest.mark.parametrize("samples", [16000, 100_333])
def test_21_video_is_as_long_as_the_speech(folder: Path, astronaut: Path, samples: int) -> None:
    sound = 0.1 * np.random.default_rng(0).standard_normal(samples).astype(np.float32)
    clip = Sdm(folder)(portrait=astronaut, speech=Speech(sound), size=64)
    chunks = list(clip)
    frames = sum(len(c.frames) for c in chunks)
    assert 0 <= frames * 640 - samples < 640
    assert sum(len(c.samples) for c in chunks) == frames * 640
    assert chunks[0].frames.shape[1:] == (64, 64, 3)


def test_parts_of_any_length_give_the_same_motion(net: SdmNet) -> None:
    """Blocks that meet agree: noise belongs to the frame."""
    frames = 3 * BLOCK + 17
    mel, prosody = speech(frames)
    blocks = Blocks(net, HOW)
    parts = [
        blocks(mel[4 * a : 4 * (a + 40)], prosody[a : a + 40], a + 40 >= frames)
        for a in range(0, frames, 40)
    ]
    pieces = torch.cat(parts)
    assert pieces.shape == (frames, 12)
    whole = Blocks(net, HOW)(mel, prosody, True)
    torch.testing.assert_close(pieces, whole, atol=1e-4, rtol=1e-3)
    steps = (whole[1:] - whole[:-1]).norm(dim=1)
    assert float(steps[BLOCK - 3 : BLOCK + 3].max()) < 2 * float(steps.max())


def test_long_speech_does_not_run_away(corpus: Path) -> None:
    """What ships, over 80 s of speech: each frame begins from the one before, so errors add up."""
    net = load_net(WEIGHTS / "sdm-tiny")
    clips = [
        s.samples for s in open_set(corpus).samples("train", ("wav",)) if s.samples is not None
    ]
    samples = np.resize(np.concatenate(clips), 80 * 16_000).astype(np.float32)
    code = Blocks(net, How("auxiliary", 0, frozenset(), 0))(
        log_mel(samples), prosody_of(samples), True
    )
    size = code.square().mean(1).sqrt()
    assert len(size) == 2000
    assert float(size.max()) < 1.5  # of true frames nine in ten are smaller


def test_motion_has_a_bound() -> None:
    torch.testing.assert_close(within(torch.full((2, 4), 100.0)), torch.full((2, 4), WIDEST))
    small = torch.tensor([[1.0, -2.0, 0.5]])
    assert torch.equal(within(small), small)


def test_smoothing_keeps_the_mean_and_takes_the_trembling() -> None:
    torch.manual_seed(0)
    code = 3 + torch.randn(1, 400, 2)
    calm = smoothed(code, 1.0)
    assert calm.shape == code.shape
    assert torch.equal(smoothed(code, 0.0), code)
    assert float(calm.mean()) == pytest.approx(float(code.mean()), abs=0.02)
    assert float(calm.std()) == pytest.approx((2 * 3.1416**0.5) ** -0.5, rel=0.1)


def test_noise_belongs_to_the_frame() -> None:
    whole = frame_noise(3, 7, 0, 250, 4)
    torch.testing.assert_close(frame_noise(3, 7, 60, 100, 4), whole[60:160])
    assert not torch.equal(frame_noise(3, 8, 0, 10, 4), whole[:10])
    assert float(whole.std()) == pytest.approx(1.0, abs=0.1)


def test_motion_is_the_common_currency(real: Path) -> None:
    """Landmarks of a real face that talks become a common face that opens its mouth alike."""
    from vivavoce.look import face478
    from vivavoce.look.follow import filled
    from vivavoce.look.track import track_video
    from vivavoce.media.read import read_video
    from vivavoce.types import lip_gap

    clip = sorted((real / "video").glob("grid*.mp4"))[0]
    found = list(track_video(read_video(clip, max_seconds=2.0)))
    marks = filled(found, np.array([p is not None for p in found]))
    gap = lip_gap(marks)
    motion = as_motion(marks, marks[int(gap.argmin())])
    model = face478.load()
    zero = np.zeros(len(model.identity), np.float32)
    again = lip_gap(model.vertices(zero, motion.expression))
    assert np.corrcoef(again, gap)[0, 1] > 0.8


def test_68_points_are_the_papers_136_numbers() -> None:
    space = LandmarkMotion(ALL_68, 2, None)
    assert space.size == 136
    moved = np.random.default_rng(0).normal(3, 2, (500, 68, 2)).astype(np.float32)
    space.fit(moved)
    code = space.code(torch.from_numpy(moved))
    assert float(code.mean().abs()) < 1e-4
    torch.testing.assert_close(code.std(0), torch.ones(136), atol=0.01, rtol=0)
    torch.testing.assert_close(space.movements(code), torch.from_numpy(moved), atol=1e-3, rtol=0)


def test_a_still_head_keeps_what_the_face_does(net: SdmNet) -> None:
    from vivavoce.look import face478

    reference = nobody(128.0)
    turn = np.array([[0.95, 0.0, 0.31], [0.0, 1.0, 0.0], [-0.31, 0.0, 0.95]])
    talking = np.repeat(reference[None], 3, 0)
    talking[1:, 14, 1] += 6  # the lower lip
    moved_away = (talking @ turn.T.astype(np.float32)) + np.float32([9, -4, 0])
    calm = settled(moved_away.astype(np.float32), reference)
    steady = list(face478.STABLE)
    assert np.abs(calm[:, steady] - reference[steady]).max() < 0.5
    assert calm[1, 14, 1] - reference[14, 1] == pytest.approx(6, abs=0.8)


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        ({"sampler": "shalow"}, UnknownName, "shallow"),
        ({"k": 99}, RequestError, "0 to 20"),
        ({"without": ["poses"]}, UnknownName, "pose"),
        ({"render": "mesh"}, UnknownName, "own"),
        ({"speech": None}, RequestError, "--text"),
    ],
)
def test_wrong_requests(
    asked: dict[str, object], error: type[Exception], words: str, folder: Path, astronaut: Path
) -> None:
    request: dict[str, object] = {"speech": Speech(np.zeros(6400, np.float32))} | asked
    with pytest.raises(error, match=words):
        list(Sdm(folder)(portrait=astronaut, **request))  # type: ignore[arg-type]


def test_weights_of_another_preset_are_refused(folder: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(folder, tmp_path / "x")
    about = {"system": "sdm", "settings": SMALL.model_dump(mode="json") | {"width": 32}}
    (tmp_path / "x" / "config.json").write_text(json.dumps(about))
    with pytest.raises(BadCheckpoint, match="other settings"):
        load_net(tmp_path / "x")
    (tmp_path / "x" / "config.json").write_text("{}")
    with pytest.raises(BadCheckpoint, match=r"config\.json"):
        load_net(tmp_path / "x")


def test_the_portraits_renderer_shows_the_same_motion(folder: Path, astronaut: Path) -> None:
    sound = 0.1 * np.random.default_rng(0).standard_normal(9600).astype(np.float32)
    clip = Sdm(folder)(portrait=astronaut, speech=Speech(sound), size=128, render="portrait")
    frames = np.concatenate([c.frames for c in clip])
    assert frames.shape == (15, 128, 128, 3)


def varied(net: SdmNet, **changes: object) -> SdmNet:
    """Another network in the same space of motion."""
    torch.manual_seed(0)
    other = SdmNet(SMALL.model_copy(update=changes)).eval()
    other.space.load_state_dict(net.space.state_dict())
    return other


def test_z_may_be_drawn(net: SdmNet) -> None:
    """O5: then the coarse motion differs with the seed, and only then."""
    alone = [How("auxiliary", 0, frozenset(), seed) for seed in (0, 1)]
    assert torch.equal(*(made(net, 30, how) for how in alone))
    drawn = varied(net, drawn=True)
    assert torch.equal(made(drawn, 30, alone[0]), made(drawn, 30, alone[0]))
    assert not torch.allclose(*(made(drawn, 30, how) for how in alone), atol=1e-3)
    frames = 2 * BLOCK + 9
    mel, prosody = speech(frames)
    blocks = Blocks(drawn, HOW)
    parts = [blocks(mel[4 * a : 4 * (a + 60)], prosody[a : a + 60], a + 60 >= frames)
             for a in range(0, frames, 60)]  # fmt: skip
    whole = Blocks(drawn, HOW)(mel, prosody, True)
    torch.testing.assert_close(torch.cat(parts), whole, atol=1e-4, rtol=1e-3)


def test_the_distance_of_the_two_gaussians_is_theirs(net: SdmNet) -> None:
    modes = varied(net, drawn=True).pose
    before, true, content = torch.randn(3, 5, 12), torch.randn(3, 5, 12), torch.randn(3, 5, 16)
    _, apart = modes.taught(before, content, true, torch.randn(3, 5, 16))
    latent = modes.encode(before)
    said = modes.change(torch.cat([latent, content], -1)).chunk(2, -1)
    seen = modes.seen(torch.cat([modes.encode(true) - latent, content], -1)).chunk(2, -1)
    p, q = (torch.distributions.Normal(mean, spread.exp()) for mean, spread in (said, seen))
    torch.testing.assert_close(apart, torch.distributions.kl_divergence(q, p).mean())


def test_pose_modes_may_be_slow(net: SdmNet) -> None:
    """O11: F-bar is a one-pole low-pass, 1 Hz at 25 frames a second, of what it would be."""
    slow = varied(net, slow=1.0)
    heard = heard_of(slow, 60)
    coarse = slow.coarse(heard, torch.zeros(1, 12))
    before = F.pad(coarse.aux[:, :-1], (0, 0, 1, 0))
    quick = slow.pose(before * slow.settings.memory, heard.content)
    kept = np.exp(-2 * np.pi / 25)
    wanted = kept * F.pad(coarse.pose[:, :-1], (0, 0, 1, 0)) + (1 - kept) * quick
    torch.testing.assert_close(coarse.pose, wanted)


def test_the_pose_alone_may_be_refined(net: SdmNet) -> None:
    """O20: what diffusion gives back is F-bar, and F~ is added as it was."""
    heard = heard_of(net)
    for refined in ("motion", "pose"):
        other = varied(net, refined=refined)
        coarse = other.coarse(heard, torch.zeros(1, 12))
        kept = coarse.aux if refined == "motion" else coarse.pose
        assert torch.equal(other.diffused(coarse), kept)
        oracle = Oracle(other, kept)
        other.denoiser = oracle  # type: ignore[assignment]
        again = other.refine(heard, coarse, 7, lambda t: torch.full((1, 12, 12), float(t == 0)))
        torch.testing.assert_close(again, coarse.aux, atol=1e-4, rtol=0)


class Oracle(nn.Module):
    """Knows what lies under the noise."""

    def __init__(self, net: SdmNet, truth: torch.Tensor) -> None:
        super().__init__()
        self.kept, self.truth = net.diffusion.kept, truth

    def conditions(self, told: torch.Tensor) -> None:
        """None are needed."""

    def forward(self, x: torch.Tensor, t: torch.Tensor, told: None) -> torch.Tensor:
        kept = self.kept[t - 1].view(-1, 1, 1)
        return (x - kept.sqrt() * self.truth) / (1 - kept).sqrt()


@pytest.mark.parametrize("changes", [{}, {"drawn": True}, {"refined": "pose"}])
def test_every_variant_learns_in_every_stage(changes: dict, corpus: Path) -> None:
    training = SdmTraining("tiny")
    training.net = SdmNet(SMALL.model_copy(update=changes))
    training.network = training.net
    training.begin(training.stages[0], Run(corpus, corpus / "out", 0))
    for stage in training.stages[:3]:
        samples = [training.draw(stage, np.random.default_rng(n)) for n in range(2)]
        batch = {k: torch.stack([s[k] for s in samples]) for k in samples[0]}
        losses = training.losses(stage, batch, Turn("adam", 0, {}, torch.arange(2), 0))
        assert ("z" in losses) == (stage.name == "coarse" and "drawn" in changes)
        sum(losses.values()).backward()  # type: ignore[union-attr]
        for part in stage.trains:
            found = training.net.get_submodule(part).parameters()
            assert any(p.grad is not None and p.grad.any() for p in found), part
    assert 1 <= training.choose_k(np.random.default_rng(0))[0] <= SMALL.steps
