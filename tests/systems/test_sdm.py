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

from vivavoce.data.shards import open_set
from vivavoce.errors import BadCheckpoint, RequestError, UnknownName
from vivavoce.listen.mel import log_mel
from vivavoce.listen.prosody import prosody
from vivavoce.look.landmark_motion import LandmarkMotion
from vivavoce.look.landmarks68 import ALL_68
from vivavoce.move.pose_rhythm import (
    ContentEncoder,
    correlations,
    independence_loss,
    mel_windows,
    regularity_loss,
)
from vivavoce.move.shallow_diffusion import divergence, meeting_step, separability
from vivavoce.nn.weights import SHIPPED
from vivavoce.systems.sdm.blocks import BLOCK, Blocks, SamplerOptions, frame_noise, smoothed
from vivavoce.systems.sdm.net import Heard, SdmNet, clamp_norm, load_net
from vivavoce.systems.sdm.person import as_motion, mean_face_landmarks, with_head_fixed
from vivavoce.systems.sdm.settings import PRESETS, SdmSettings
from vivavoce.systems.sdm.talker import Sdm
from vivavoce.systems.talker import About
from vivavoce.types import Speech

SMALL = SdmSettings(
    size=64, points=478, axes=3, motion=12, width=16, layers=4, steps=20, fast_k=3,
    renderer=(8, 8), perceptual="corpus",
)  # fmt: skip
SHALLOW = SamplerOptions("shallow", 5)


@pytest.fixture(scope="module")
def net(corpus_128: Path) -> SdmNet:
    """A small network whose space of motion is fitted, its weights as they begin."""
    torch.manual_seed(0)
    net = SdmNet(SMALL).eval()
    found = []
    for sample in open_set(corpus_128).samples("train", ("tracks",)):
        marks = sample.tracks["landmarks"]
        found.append(net.space.of(marks, marks[0], 128.0))
    net.space.fit(np.concatenate(found))
    net.predictor.k.fill_(5)
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


def made(net: SdmNet, frames: int, options: SamplerOptions = SHALLOW) -> torch.Tensor:
    """F* of a clip given in one part."""
    return Blocks(net, options)(*speech(frames), True)


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
    with torch.no_grad():
        assert float((fresh.pose.reconstruct(motion) - motion).abs().mean()) < 0.02


def heard_of(net: SdmNet, frames: int = 12) -> Heard:
    mel, prosody = (torch.from_numpy(x)[None] for x in speech(frames))
    return net.hear(mel, prosody)


def test_05_auxiliary_is_the_sum(net: SdmNet) -> None:
    heard = heard_of(net)
    made = net.coarse(heard, torch.zeros(1, 12))
    assert torch.equal(made.aux, made.pose + heard.rhythm)


def test_06_l_total_is_5_2_1() -> None:
    for preset in PRESETS.values():
        coarse = preset.stages[0]
        more = {"z": 0.3} if preset.settings.sample_z else {}  # the option of O5, not of Eq. 11
        assert coarse.losses == {"reg": 5.0, "ind": 2.0, "rec": 1.0} | more
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
    for stage in PRESETS["paper"].stages:
        adam = stage.optimisers["adam"]
        assert (adam.lr, *adam.betas) == (2e-4, 0.4, 0.999)


def test_09_and_10_at_the_end_hardly_anything_is_left_of_the_motion() -> None:
    """By the presets' schedule; the chain, item 11 too, is tested in tests/nn/test_diffusion.py."""
    for preset in PRESETS.values():
        kept = SdmNet(preset.settings.model_copy(update={"width": 8, "layers": 1})).diffusion.kept
        assert len(kept) == 100
        assert (kept[1:] < kept[:-1]).all()
        assert float(kept[-1]) < 0.01


def test_12_divergence_falls_with_t(net: SdmNet) -> None:
    d = divergence(net.diffusion, torch.ones(3, 12), torch.zeros(3, 12))
    assert (d[1:] < d[:-1]).all()
    kept = net.diffusion.kept[6]
    assert float(d[6]) == pytest.approx(float(kept / (2 * (1 - kept)) * 36), rel=1e-5)


def test_13_k_is_kept_with_the_weights(folder: Path, net: SdmNet) -> None:
    assert load_net(folder).k == net.k == 5


@pytest.mark.parametrize(
    ("sampler", "calls"), [("shallow", 5), ("full", 20), ("auxiliary", 0), ("recursive", 5 * 9)]
)
def test_14_calls_of_the_denoiser(sampler: str, calls: int, net: SdmNet, counted: Calls) -> None:
    made(net, 9, SamplerOptions(sampler, 5, frozenset(), 0))
    assert counted.count == calls


def test_15_where_truth_and_coarse_are_one_k_is_1() -> None:
    assert meeting_step(torch.full((100,), 0.5)) == 1
    for apart in (0.99, 0.01):  # a predictor that takes one for the other tells them apart, too
        auc = torch.cat([torch.full((30,), apart), torch.full((70,), 0.55)])
        assert meeting_step(auc) == 31 - 3  # 95 % of the later steps are enough
    assert meeting_step(torch.ones(100)) == 100


def test_separability_is_how_often_truth_is_believed_more() -> None:
    truth, coarse = torch.tensor([[0.9, 0.2], [0.8, 0.4]]), torch.tensor([[0.1, 0.3], [0.8, 0.3]])
    torch.testing.assert_close(separability(truth, coarse), torch.tensor([0.875, 0.5]))
    torch.testing.assert_close(separability(truth, truth), torch.tensor([0.5, 0.5]))


def test_17_seeds(net: SdmNet) -> None:
    again, other = SHALLOW, SamplerOptions("shallow", 5, frozenset(), 1)
    assert torch.equal(made(net, 30), made(net, 30, again))
    assert not torch.allclose(made(net, 30), made(net, 30, other), atol=1e-3)


def test_18_recursive_frames_do_not_depend_on_later_ones(net: SdmNet) -> None:
    """The sound of a second before and after is heard; generated frames only flow forwards."""
    how = SamplerOptions("recursive", 5, frozenset(), 0)
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
    made(net, 9, SamplerOptions("auxiliary", 5, frozenset({"diffusion"}), 0))
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
    clip = Sdm.load(folder)(portrait=astronaut, speech=Speech(sound), size=64)
    chunks = list(clip)
    frames = sum(len(c.frames) for c in chunks)
    assert 0 <= frames * 640 - samples < 640
    assert sum(len(c.samples) for c in chunks) == frames * 640
    assert chunks[0].frames.shape[1:] == (64, 64, 3)


def test_parts_of_any_length_give_the_same_motion(net: SdmNet) -> None:
    """Blocks that meet agree: noise belongs to the frame."""
    frames = 3 * BLOCK + 17
    mel, prosody = speech(frames)
    blocks = Blocks(net, SHALLOW)
    parts = [
        blocks(mel[4 * a : 4 * (a + 40)], prosody[a : a + 40], a + 40 >= frames)
        for a in range(0, frames, 40)
    ]
    pieces = torch.cat(parts)
    assert pieces.shape == (frames, 12)
    whole = Blocks(net, SHALLOW)(mel, prosody, True)
    torch.testing.assert_close(pieces, whole, atol=1e-4, rtol=1e-3)


def test_long_speech_does_not_run_away(corpus_128: Path) -> None:
    """What ships, over 80 s of speech: each frame begins from the one before, so errors add up."""
    net = load_net(SHIPPED / "sdm-tiny")
    clips = [
        s.samples for s in open_set(corpus_128).samples("train", ("wav",)) if s.samples is not None
    ]
    samples = np.resize(np.concatenate(clips), 80 * 16_000).astype(np.float32)
    code = Blocks(net, SamplerOptions("auxiliary", 0, frozenset(), 0))(
        log_mel(samples), prosody(samples), True
    )
    size = code.square().mean(1).sqrt()
    assert len(size) == 2000
    assert float(size.max()) < 1.5  # of true frames nine in ten are smaller


def test_motion_has_a_bound() -> None:
    torch.testing.assert_close(clamp_norm(torch.full((2, 4), 100.0), 2.5), torch.full((2, 4), 2.5))
    small = torch.tensor([[1.0, -2.0, 0.5]])
    assert torch.equal(clamp_norm(small, 2.5), small)
    assert torch.equal(clamp_norm(100 * small, None), 100 * small)
    assert PRESETS["paper"].settings.clamp_norm is None


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

    reference = mean_face_landmarks(128.0)
    turn = np.array([[0.95, 0.0, 0.31], [0.0, 1.0, 0.0], [-0.31, 0.0, 0.95]])
    talking = np.repeat(reference[None], 3, 0)
    talking[1:, 14, 1] += 6  # the lower lip
    moved_away = (talking @ turn.T.astype(np.float32)) + np.float32([9, -4, 0])
    calm = with_head_fixed(moved_away.astype(np.float32), reference)
    steady = list(face478.STABLE)
    assert np.abs(calm[:, steady] - reference[steady]).max() < 0.5
    assert calm[1, 14, 1] - reference[14, 1] == pytest.approx(6, abs=0.8)


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        ({"sampler": "shalow"}, UnknownName, "shallow"),
        ({"k": 99}, RequestError, "0 to 20"),
        ({"k": "quick"}, RequestError, "k of sdm"),
        ({"without": ["poses"]}, UnknownName, "pose"),
        ({"render": "mesh"}, UnknownName, "own"),
    ],
)
def test_wrong_options(
    asked: dict[str, object], error: type[Exception], words: str, folder: Path, astronaut: Path
) -> None:
    sound = Speech(np.zeros(6400, np.float32))
    with pytest.raises(error, match=words):
        Sdm.load(folder)(portrait=astronaut, speech=sound, **asked)


def test_options_become_a_sampler(net: SdmNet) -> None:
    sdm = Sdm(About("small"), net)

    def sampling(**asked: object) -> SamplerOptions:
        return sdm.sampling(sdm.options_type.chosen("sdm", asked, {}), 3)

    assert sampling() == SamplerOptions("shallow", 5, frozenset(), 3)
    assert sampling(k="fast").k == SMALL.fast_k
    assert sampling(k=7, sampler="recursive") == SamplerOptions("recursive", 7, frozenset(), 3)
    assert sampling(k=0).sampler == sampling(without="diffusion,pose").sampler == "auxiliary"
    assert sampling(without="diffusion,pose").without == {"diffusion", "pose"}


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
    clip = Sdm.load(folder)(portrait=astronaut, speech=Speech(sound), size=128, render="portrait")
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
    alone = [SamplerOptions("auxiliary", 0, frozenset(), seed) for seed in (0, 1)]
    assert torch.equal(*(made(net, 30, how) for how in alone))
    drawn = varied(net, sample_z=True)
    assert torch.equal(made(drawn, 30, alone[0]), made(drawn, 30, alone[0]))
    assert not torch.allclose(*(made(drawn, 30, how) for how in alone), atol=1e-3)
    frames = 2 * BLOCK + 9
    mel, prosody = speech(frames)
    blocks = Blocks(drawn, SHALLOW)
    parts = [blocks(mel[4 * a : 4 * (a + 60)], prosody[a : a + 60], a + 60 >= frames)
             for a in range(0, frames, 60)]  # fmt: skip
    whole = Blocks(drawn, SHALLOW)(mel, prosody, True)
    torch.testing.assert_close(torch.cat(parts), whole, atol=1e-4, rtol=1e-3)


def test_pose_modes_may_be_slow(net: SdmNet) -> None:
    """O11: F-bar is a one-pole low-pass, 1 Hz at 25 frames a second, of what it would be."""
    slow = varied(net, lowpass_hz=1.0)
    heard = heard_of(slow, 60)
    coarse = slow.coarse(heard, torch.zeros(1, 12))
    before = F.pad(coarse.aux[:, :-1], (0, 0, 1, 0))
    quick = slow.pose(before * slow.settings.feedback, heard.content)
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
        assert torch.equal(other.refined_part(coarse), kept)
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
