"""SDM's wiring: what is handed to which part, and numbers that its checkpoints rely on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from known import brief, filled, numbers, tensor
from vivavoce.media.clock import Clock
from vivavoce.render.shape import LOWER
from vivavoce.systems.sdm.blocks import (
    BLENDED,
    BLOCK,
    Blocks,
    SamplerOptions,
    blended,
    frame_noise,
    motion_of,
    smoothed,
)
from vivavoce.systems.sdm.net import Coarse, Heard, SdmNet
from vivavoce.systems.sdm.person import as_motion, crop_person, mean_face_landmarks, with_head_fixed
from vivavoce.systems.sdm.renderers import CompositeRenderer, WarpRenderer
from vivavoce.systems.sdm.settings import SdmSettings
from vivavoce.systems.sdm.talker import Sdm
from vivavoce.systems.talker import About
from vivavoce.types import Face, Float, Speech

Golden = Callable[..., None]
TINY = SdmSettings(
    size=64, points=478, axes=3, motion=6, width=8, layers=3, steps=12, fast_k=2, feedback=0.9,
    clamp_norm=2.5, smoothing=1.0, sample_z=True, lowpass_hz=1.0, renderer=(8, 8), composite=True,
    perceptual="corpus",
)  # fmt: skip
"""The small preset's choices, smaller."""
PAPER = SdmSettings(
    size=64, width=8, layers=3, steps=12, fast_k=2, renderer=(8, 8), perceptual="corpus"
)
"""The paper preset's choices, smaller."""
SAMPLERS = ("shallow", "full", "auxiliary", "recursive")


def known_net(settings: SdmSettings) -> SdmNet:
    """A network of known weights, whose space of motion is fitted."""
    net = filled(SdmNet(settings))
    net.space.fit(0.1 * numbers(300, len(net.space.points), net.space.axes, seed=99))
    net.predictor.k.fill_(4)
    return net


@pytest.fixture(scope="module", params=["tiny", "paper"])
def net(request: pytest.FixtureRequest) -> SdmNet:
    return known_net(TINY if request.param == "tiny" else PAPER)


@pytest.fixture(scope="module")
def tiny() -> SdmNet:
    return known_net(TINY)


def said(frames: int) -> tuple[Float, Float]:
    """Mel [4 T, 80] and prosody [T, 3]."""
    return 2 * numbers(4 * frames, 80) - 5, np.abs(numbers(frames, 3, seed=1))


def heard_by(net: SdmNet, frames: int = 12) -> Heard:
    mel, prosody = (torch.from_numpy(x)[None] for x in said(frames))
    with torch.no_grad():
        return net.hear(mel, prosody)


def in_parts(net: SdmNet, frames: int, options: SamplerOptions, part: int = 70) -> Tensor:
    """F* of a clip that arrives in parts."""
    mel, prosody = said(frames)
    blocks = Blocks(net, options)
    return torch.cat([
        blocks(mel[4 * a : 4 * (a + part)], prosody[a : a + part], a + part >= frames)
        for a in range(0, frames, part)
    ])  # fmt: skip


# Numbers that checkpoints rely on.


def test_what_the_network_makes(net: SdmNet, golden: Golden) -> None:
    name = "tiny" if net.settings.sample_z else "paper"
    heard, k = heard_by(net), net.space.size
    first, pose, truth = tensor(1, k, seed=2), tensor(1, k, seed=3), tensor(1, 13, k, seed=4)
    noise = tensor(1, 12, 8, seed=5) if net.settings.sample_z else None
    free = torch.arange(12)[None] % 3 == 0
    with torch.no_grad():
        for part in ("content", "rhythm", "features"):
            golden(f"{name}, {part}", brief(getattr(heard, part)))
        coarse = net.coarse(heard, first, first_pose=pose, noise=noise)
        golden(f"{name}, pose", brief(coarse.pose))
        golden(f"{name}, aux", brief(coarse.aux))
        taught = net.coarse_from_truth(heard, truth, free, noise)
        golden(f"{name}, pose, taught", brief(taught.pose))
        golden(f"{name}, aux, taught", brief(taught.aux))
        assert (taught.z_divergence is None) == (noise is None)
        for pure in (False, True):
            found = net.refine(heard, coarse, 5, lambda t: tensor(1, 12, k, seed=50 + t), pure)
            golden(f"{name}, refined, {pure}", brief(found))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_what_a_clip_in_parts_comes_to(sampler: str, net: SdmNet, golden: Golden) -> None:
    name = "tiny" if net.settings.sample_z else "paper"
    frames = BLOCK + 25 if sampler == "recursive" else 2 * BLOCK + 37
    options = SamplerOptions(sampler, 4, frozenset(), 3)  # type: ignore[arg-type]
    found = in_parts(net, frames, options)
    assert found.shape == (frames, net.space.size)
    golden(f"{name}, {sampler}", brief(found), atol=1e-3)


def test_where_landmarks_and_pictures_lie(tiny: SdmNet, golden: Golden) -> None:
    face = mean_face_landmarks(128)
    golden("mean face", brief(face))
    moved = face + 2 * numbers(1, 1, 3) + np.linspace(0, 3, 478, dtype=np.float32)[:, None]
    motion = as_motion(moved.astype(np.float32), face)
    golden("motion, pose", motion.pose, atol=1e-3)
    golden("motion, expression", brief(motion.expression), atol=1e-3)
    golden("head fixed", brief(with_head_fixed(moved.astype(np.float32), face)), atol=1e-2)
    picture = np.kron(
        np.random.default_rng(0).integers(0, 255, (16, 20, 3)), np.ones((8, 8, 1))
    ).astype(np.uint8)
    nothing = np.zeros(6, np.float32)
    whole = np.ones(picture.shape[:2], np.float32)
    identity, expression = np.zeros(50, np.float32), np.zeros(52, np.float32)
    at = Face(picture, face, identity, expression, nothing, whole, (10, 0, 120, 110))
    person = crop_person(at, 64)
    golden("square", person.square)
    golden("person, landmarks", brief(person.landmarks))
    golden("person, picture", brief(person.picture), atol=0.5)
    small = person.landmarks[None] + np.float32([0, 1, 0])
    renderer = WarpRenderer(tiny, person, 96)
    layers = renderer.layers(small)
    for part, values in vars(layers).items():
        golden(f"layers, {part}", brief(values), atol=1e-3)
    for kind in (WarpRenderer, CompositeRenderer):
        (frames,) = kind(tiny, person, 96).draw(small)
        golden(f"frames, {kind.__name__}", brief(frames), atol=0.5)
    opened = turned_open(person.landmarks)
    plain = [np.full((96, 96, 3), 128, np.uint8) for _ in opened]
    mouth = CompositeRenderer(tiny, person, 96).mouth
    mouth.paint(plain, opened)
    for name, frame in zip(("opened", "opened and turned"), plain, strict=True):
        changed = np.argwhere((frame != 128).any(2))
        assert len(changed) > 20
        golden(f"mouth, {name}, where", [len(changed), *changed.mean(0)], atol=3)
        golden(f"mouth, {name}, pixels", brief(frame[tuple(changed.T)]), atol=6)


def turned_open(marks: Float) -> Float:
    """Landmarks [2, 478, 3] px with an open mouth, the second with the head turned and rolled."""
    opened = np.repeat(marks[None], 2, 0)
    opened[:, LOWER, 1] += 4
    turn = np.array([[0.95, -0.25, 0.2], [0.28, 0.95, 0.1], [-0.2, -0.1, 0.97]], np.float32)
    middle = marks.mean(0)
    opened[1] = (opened[1] - middle) @ turn.T + middle
    return opened


# Samplers.


class FirstSeen:
    """Notes what the denoiser is asked first, and lets nothing of it through."""

    def __init__(self, net: SdmNet, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[tuple[Tensor, int]] = []
        monkeypatch.setattr(net.denoiser, "forward", self)

    def __call__(self, x: Tensor, t: Tensor, conditions: list[Tensor]) -> Tensor:
        self.seen.append((x.clone(), int(t[0])))
        return torch.zeros_like(x)


def test_full_starts_from_noise_alone_and_shallow_from_noised_f_aux(
    tiny: SdmNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy = FirstSeen(tiny, monkeypatch)
    noise = frame_noise(3, 0, 0, 20, 6)[None]
    in_parts(tiny, 20, SamplerOptions("full", 4, frozenset(), 3))
    x, t = spy.seen[0]
    assert t == 12
    torch.testing.assert_close(x, noise)
    spy.seen.clear()
    aux = in_parts(tiny, 20, SamplerOptions("auxiliary", 4, frozenset(), 3))
    monkeypatch.setattr("vivavoce.systems.sdm.blocks.smoothed", lambda code, _: code)
    aux = in_parts(tiny, 20, SamplerOptions("auxiliary", 4, frozenset(), 3))
    in_parts(tiny, 20, SamplerOptions("shallow", 4, frozenset(), 3))
    x, t = spy.seen[0]
    assert t == 4
    kept = tiny.diffusion.kept[3]
    torch.testing.assert_close(x, kept.sqrt() * aux[None] + (1 - kept).sqrt() * noise)


def test_recursive_goes_on_from_the_refined_frame(
    tiny: SdmNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eq. 12: F*_(i-1) and not F^aux_(i-1) is the frame before; the pose goes on from the pose."""
    refined: list[Tensor] = []
    begun: list[tuple[Tensor, Tensor]] = []
    poses: list[Tensor] = []
    coarse = tiny.coarse

    def refine(heard: Heard, alone: Coarse, k: int, *_: object) -> Tensor:
        assert k == 4
        refined.append(alone.aux + 1 + len(refined))
        return refined[-1]

    def spied(heard: Heard, first: Tensor, **told: object) -> Coarse:
        made = coarse(heard, first, **told)  # type: ignore[arg-type]
        if heard.content.shape[1] == 1:
            begun.append((first, told["first_pose"]))  # type: ignore[arg-type]
            poses.append(made.pose[:, 0])
        return made

    monkeypatch.setattr(tiny, "refine", refine)
    monkeypatch.setattr(tiny, "coarse", spied)
    monkeypatch.setattr("vivavoce.systems.sdm.blocks.smoothed", lambda code, _: code)
    found = in_parts(tiny, 9, SamplerOptions("recursive", 4))
    assert len(refined) == 9
    torch.testing.assert_close(found, torch.cat(refined, 1)[0])
    for (first, pose), before, pose_before in zip(begun[1:], refined, poses, strict=False):
        assert torch.equal(first, before[:, 0])
        assert torch.equal(pose, pose_before)


def test_recursive_frames_have_noise_of_their_own(
    tiny: SdmNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Tensor] = []

    def refine(heard: Heard, alone: Coarse, k: int, noise: Callable[[int], Tensor]) -> Tensor:
        drawn.append(noise(2))
        return alone.aux

    monkeypatch.setattr(tiny, "refine", refine)
    in_parts(tiny, 9, SamplerOptions("recursive", 4, frozenset(), 7))
    torch.testing.assert_close(torch.cat(drawn, 1)[0], frame_noise(7, 2, 0, 9, 6))


def test_z_has_noise_that_no_step_has(tiny: SdmNet, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the same for a frame, whichever block draws it."""
    seen: list[Tensor] = []
    coarse = tiny.coarse

    def spied(heard: Heard, first: Tensor, **told: object) -> Coarse:
        seen.append(told["noise"])  # type: ignore[arg-type]
        return coarse(heard, first, **told)  # type: ignore[arg-type]

    monkeypatch.setattr(tiny, "coarse", spied)
    in_parts(tiny, 2 * BLOCK, SamplerOptions("auxiliary", 0, frozenset(), 5))
    whole = frame_noise(5, 13, 0, 2 * BLOCK, 8)
    begins = (0, BLOCK)
    for noise, begin in zip(seen, begins, strict=True):
        torch.testing.assert_close(noise[0], whole[begin : begin + noise.shape[1]])
    steps = [frame_noise(5, t, 0, 2 * BLOCK, 8) for t in range(13)]
    assert not any(torch.equal(whole, step) for step in steps)


def test_parts_are_left_out_in_every_block(tiny: SdmNet) -> None:
    for part in ("pose", "rhythm"):
        for sampler in ("auxiliary", "recursive"):
            options = SamplerOptions(sampler, 2, frozenset({part}))  # type: ignore[arg-type]
            whole = SamplerOptions(sampler, 2)  # type: ignore[arg-type]
            found, other = (in_parts(tiny, 20, o) for o in (options, whole))
            assert not torch.allclose(found, other, atol=1e-3), (part, sampler)


# Blocks.


def test_a_block_takes_over_evenly() -> None:
    old, new = torch.zeros(BLENDED, 1), torch.ones(30, 1)
    mixed = blended(old, new)[:, 0]
    assert (mixed[1 : BLENDED + 1] > mixed[:BLENDED]).all()
    torch.testing.assert_close(mixed[:BLENDED], torch.arange(1, BLENDED + 1) / (BLENDED + 1))
    assert (mixed[BLENDED:] == 1).all()
    assert torch.equal(blended(old[:0], new), new)
    assert blended(old, new[:4]).shape == (4, 1)


def test_blocks_agree_where_they_meet(tiny: SdmNet, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a block saw of the frames to come is what the next one makes of them."""
    seen: list[tuple[Tensor, Tensor]] = []

    def spied(before: Tensor, mine: Tensor) -> Tensor:
        seen.append((before, mine[: len(before)]))
        return blended(before, mine)

    monkeypatch.setattr("vivavoce.systems.sdm.blocks.blended", spied)
    in_parts(tiny, 3 * BLOCK, SamplerOptions("shallow", 4, frozenset(), 3))
    assert [len(before) for before, _ in seen] == [0, BLENDED, BLENDED]
    for before, mine in seen[1:]:
        assert float((before - mine).abs().max()) < 0.02 * float(mine.std())


def test_sound_stays_with_its_frames(tiny: SdmNet) -> None:
    """Blocks of sound, put together, are the speech, filled up to whole frames with silence."""
    sound = 0.1 * numbers(16_000 * 9 + 123)
    pieces = [Speech(part) for part in np.split(sound, range(7000, len(sound), 7000))]
    made = list(motion_of(tiny, pieces, SamplerOptions("auxiliary", 0), Clock()))
    samples = np.concatenate([part for _, part in made])
    assert all(len(part) == 640 * len(code) for code, part in made)
    np.testing.assert_array_equal(samples[: len(sound)], sound)
    assert not samples[len(sound) :].any()
    assert len(samples) - len(sound) < 640
    assert len(made[0][0]) == BLOCK


def test_smoothing_is_even_to_both_sides() -> None:
    peak = torch.zeros(1, 21, 1)
    peak[:, 10] = 1
    found = smoothed(peak, 1.5)[0, :, 0]
    torch.testing.assert_close(found, found.flip(0))
    torch.testing.assert_close(found.sum(), torch.tensor(1.0))
    assert float(found[9] / found[10]) == pytest.approx(np.exp(-0.5 / 1.5**2), rel=1e-4)


# What people ask for.


@pytest.fixture(scope="module")
def sdm(tiny: SdmNet) -> Sdm:
    return Sdm(About("small"), tiny)


def motion(sdm: Sdm, **asked: object) -> tuple[Float, Float]:
    """Expression and pose of a second of noise."""
    sound = Speech((0.1 * numbers(16_000)).astype(np.float32))
    parts = list(sdm.motion(speech=sound, **asked))  # type: ignore[arg-type]
    return (np.concatenate([p.expression for p in parts]), np.concatenate([p.pose for p in parts]))


def test_every_option_reaches_the_motion(sdm: Sdm) -> None:
    plain = motion(sdm, seed=1)
    assert all(np.array_equal(a, b) for a, b in zip(plain, motion(sdm, seed=1), strict=True))
    for asked in (
        {"seed": 2}, {"k": 11}, {"k": "fast"}, {"sampler": "full"}, {"sampler": "auxiliary"},
        {"sampler": "recursive"}, {"without": "pose"}, {"without": "rhythm"},
        {"without": "diffusion"},
    ):  # fmt: skip
        other = motion(sdm, **{"seed": 1, **asked})
        assert not np.allclose(plain[1], other[1], atol=1e-4), asked
    expression, pose = motion(sdm, seed=1, still=True)
    assert not pose.any()
    np.testing.assert_allclose(expression, plain[0], atol=0.05)


def test_a_still_clip_holds_the_head(sdm: Sdm) -> None:
    anyone = mean_face_landmarks(64)
    sound = [Speech((0.1 * numbers(16_000)).astype(np.float32))]
    sampling = SamplerOptions("auxiliary", 0)
    moving, still = (
        next(iter(sdm.landmarks(anyone, 64, sound, sampling, Clock(), still)))[0]
        for still in (False, True)
    )
    np.testing.assert_allclose(still, with_head_fixed(moving, anyone), atol=1e-4)
    assert np.abs(still - moving).mean() > 0.01


@pytest.mark.parametrize("still", [False, True])
def test_a_clip_is_told_whether_the_head_is_still(
    still: bool, sdm: Sdm, astronaut: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[bool] = []
    landmarks = Sdm.landmarks

    def spied(self: Sdm, *given: object, still: bool = False) -> object:
        told.append(still)
        return landmarks(self, *given, still=still)  # type: ignore[arg-type]

    monkeypatch.setattr(Sdm, "landmarks", spied)
    sound = Speech((0.1 * numbers(640)).astype(np.float32))
    list(sdm(portrait=astronaut, speech=sound, size=64, still=still))
    assert told == [still]
