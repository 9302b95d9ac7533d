"""What moves a face, part by part: golden numbers with known weights, signs, and what depends on
what."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from known import brief, filled, numbers, tensor
from vivavoce.move.as_people import AS_PEOPLE
from vivavoce.move.emotion import LOOKS, EmotionStream, felt, look_of
from vivavoce.move.eyes import (
    PEAK,
    VESTIBULO_OCULAR,
    BlinkStream,
    EyeHabits,
    GazeStream,
    show_eyes,
    since_bin,
    stretched,
)
from vivavoce.move.head import Head, HeadNet, HeadStream, context, knot_cues, times
from vivavoce.move.lips import (
    CONTROL_INDEX,
    CONTROLS,
    LipNet,
    Lips,
    certain,
    compose,
    control_matrix,
    stack_cues,
)
from vivavoce.move.motion_sampler import (
    Level,
    MotionNormaliser,
    MotionPrior,
    MotionSampler,
    prior_loss,
)
from vivavoce.move.mover import PortraitMover
from vivavoce.move.pose_rhythm import (
    ContentEncoder,
    PoseModes,
    RhythmicGenerator,
    correlations,
    independence_loss,
    mel_windows,
    regularity_loss,
)
from vivavoce.move.shallow_diffusion import (
    Denoiser,
    StepPredictor,
    divergence,
    meeting_step,
    separability,
    step_loss,
)
from vivavoce.nn.diffusion import Diffusion
from vivavoce.types import ARKIT, ARKIT_INDEX, EMOTIONS, FPS, Cues, Emotion

Golden = Callable[..., None]
CLASSES = 6


def habits(odds: float = -3.0) -> EyeHabits:
    """Eyes that blink with these log-odds, twice as surely in pauses."""
    shape = np.array([0.1, 0.3, 0.6, 0.9, 1, 0.9, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05], np.float32)
    hazard = np.stack([np.full(7, odds), np.full(7, odds + 1)], 1).astype(np.float32)
    targets = np.array([[0.2, 0.05], [-0.15, -0.1], [0.1, 0.12]], np.float32)
    return EyeHabits(hazard, shape, targets, np.array([0.4, 0.9, 1.7], np.float32))


@pytest.fixture(scope="module")
def lips() -> Lips:
    return Lips(filled(LipNet(CLASSES, 8)), 1.3)


@pytest.fixture(scope="module")
def head() -> Head:
    spread = np.array([0.08, 0.05, 0.04, 0.05, 0.04, 0.3], np.float32)
    return Head(filled(HeadNet(16)), spread, np.linspace(0.2, 0.4, 6, dtype=np.float32), 1.2)


@pytest.fixture(scope="module")
def mover(lips: Lips, head: Head) -> PortraitMover:
    return PortraitMover(lips, head, habits())


def cues(frames: int = 60, emotion: str = "neutral") -> Cues:
    content = np.abs(numbers(frames, CLASSES)) + 0.01
    prosody = np.abs(numbers(frames, 3, seed=1)).clip(0, 1)
    prosody[20:30] = 0
    return Cues(content / content.sum(1, keepdims=True), prosody, Emotion.parse(emotion))


@pytest.mark.parametrize("emotion", ["neutral", "contempt", "sad:0.5"])
def test_the_mover(emotion: str, mover: PortraitMover, golden: Golden) -> None:
    (made, *more) = mover([cues(60, emotion)], np.random.default_rng(3))
    frames = [np.concatenate([getattr(m, n) for m in (made, *more)]) for n in
              ("expression", "pose", "gaze")]  # fmt: skip
    for name, rows in zip(("expression", "pose", "gaze"), frames, strict=True):
        assert len(rows) == 60
        golden(f"mover, {emotion}, {name}", brief(rows), 2e-3)
    still = list(mover([cues(60, emotion)], np.random.default_rng(3), still=True))
    pose = np.concatenate([m.pose for m in still])
    assert not pose.any()


def test_the_brows_follow_the_drawn_height(mover: PortraitMover) -> None:
    """Raised brows show fully, lowered ones half; emotions come on top."""
    from vivavoce.move.mover import _Performance

    clip = _Performance(mover, np.random.default_rng(0), still=False)
    rows = np.zeros((2, 6), np.float32)
    rows[:, 5] = (0.5, -0.5)
    looks = np.tile(look_of(Emotion()), (2, 1))
    none = np.zeros(2, np.float32)
    made = clip._together(np.zeros((2, 52), np.float32), none, rows, none, none, looks)
    up, down = made.expression
    assert up[ARKIT_INDEX["browInnerUp"]] == pytest.approx(0.5)
    assert up[ARKIT_INDEX["browOuterUpLeft"]] == pytest.approx(0.4)
    assert up[ARKIT_INDEX["browDownLeft"]] == 0
    assert down[ARKIT_INDEX["browDownRight"]] == pytest.approx(0.25)
    assert down[ARKIT_INDEX["browInnerUp"]] == 0


def test_the_heads_motion_becomes_the_pose(mover: PortraitMover) -> None:
    from vivavoce.move.mover import _Performance

    clip = _Performance(mover, np.random.default_rng(0), still=False)
    rows = np.array([[0.1, 0.05, -0.02, 0.03, -0.04, 0.0]], np.float32)
    lips, none, nod = np.zeros((1, 52), np.float32), np.zeros(1), np.array([-0.03])
    sad, neutral = (look_of(Emotion(n), AS_PEOPLE)[None] for n in ("sad", "neutral"))
    made = clip._together(lips, none, rows, none, none, sad)
    wanted = 0.7 * rows[0, :5] + [0, *np.radians([-2, 2]), 0, 0]
    assert made.pose[0] == pytest.approx([*wanted, 0], abs=1e-5)
    plain = clip._together(lips, none, rows, none, none, neutral)
    assert plain.pose[0, :5] == pytest.approx(rows[0, :5])
    nodding = clip._together(lips, none, rows, nod, none, neutral)
    assert nodding.pose[0] - plain.pose[0] == pytest.approx([0, -0.03, 0, 0, 0, 0], abs=1e-6)
    calm = _Performance(mover, np.random.default_rng(0), still=False, lively=0.5)
    halved = calm._together(lips, none, rows, nod, none, neutral)
    assert halved.pose[0] - plain.pose[0] == pytest.approx([0, -0.015, 0, 0, 0, 0], abs=1e-6)


def test_lids_droop_with_a_feeling_and_still_blink(mover: PortraitMover) -> None:
    from vivavoce.move.mover import _Performance

    clip = _Performance(mover, np.random.default_rng(0), still=False)
    looks = np.tile(look_of(Emotion("sad"), AS_PEOPLE), (3, 1))
    none, blink = np.zeros(3), np.array([0, 0.5, 1], np.float32)
    made = clip._together(
        np.zeros((3, 52), np.float32), none, np.zeros((3, 6), np.float32), none, blink, looks
    )
    drooped = AS_PEOPLE["sad"].shape["eyeBlink"]
    for side in ("Left", "Right"):
        lids = made.expression[:, ARKIT_INDEX[f"eyeBlink{side}"]]
        assert lids == pytest.approx([drooped, drooped + (1 - drooped) / 2, 1])


def test_eyes_turn_against_the_head() -> None:
    fixed = np.zeros((50, 2), np.float32)
    turned = fixed + np.float32([0.1, -0.06])
    rest, against = (
        GazeStream(habits(), np.random.default_rng(1)).push(h) for h in (fixed, turned)
    )
    free = np.abs(rest).max(1) < 0.15
    assert (against - rest)[free] == pytest.approx(
        np.tile(-VESTIBULO_OCULAR * np.array([0.1, -0.06]), (free.sum(), 1)), abs=1e-3
    )
    assert np.mean(against[free, 0]) < np.mean(rest[free, 0])


def test_gaze_goes_away_and_comes_back(golden: Golden) -> None:
    found = GazeStream(habits(), np.random.default_rng(5)).push(np.zeros((2000, 2), np.float32))
    golden("gaze", brief(found), 1e-3)
    viewer = np.abs(found).max(1) < 0.03
    assert 0.5 < viewer.mean() < 0.95
    for target in habits().targets:
        assert (np.linalg.norm(found - target, axis=1) < 0.03).any()
    jumps = np.flatnonzero(np.abs(np.diff(found, axis=0)).max(1) > 0.02)
    assert len(jumps) > 20
    # a third of the way, then most of it, then there: no overshoot
    assert np.abs(np.diff(found, axis=0)).max() < 0.2


def test_blinks(golden: Golden) -> None:
    prosody = np.zeros((3000, 3), np.float32)
    prosody[:, 0] = 0.8
    speaking = BlinkStream(habits(), np.random.default_rng(2)).push(prosody)
    pausing = BlinkStream(habits(), np.random.default_rng(2)).push(0 * prosody)
    golden("blinks", brief(speaking), 1e-3)
    golden("blinks in a pause", brief(pausing), 1e-3)
    peaks = [np.flatnonzero(c >= 0.999) for c in (speaking, pausing)]
    assert len(peaks[1]) > 1.2 * len(peaks[0])
    gaps = np.diff(peaks[0]) / FPS
    assert gaps.min() > 0.7
    assert gaps.max() < 7.7
    rare = BlinkStream(habits(-30.0), np.random.default_rng(2)).push(prosody)
    assert np.diff(np.flatnonzero(rare >= 0.999)) / FPS == pytest.approx(7, abs=0.3)
    stop = prosody.copy()
    stop[::25, 0] = 0.0  # a closure of one frame is no pause
    assert np.array_equal(BlinkStream(habits(), np.random.default_rng(2)).push(stop), speaking)


def test_a_stretched_blink_keeps_its_peak() -> None:
    shape = habits().shape
    assert stretched(shape, 1.0) == pytest.approx(shape)
    longer = stretched(shape, 1.25)
    assert len(longer) == 15
    assert longer.argmax() == round(PEAK * 1.25)
    assert longer.max() == 1
    assert [since_bin(s) for s in (0, 0.5, 0.9, 1.0, 5, 6, 60)] == [0, 1, 1, 2, 5, 6, 6]


def test_eyes_show_what_they_do() -> None:
    rows = np.zeros((5, 52), np.float32)
    gaze = np.array([[0.2, 0], [-0.2, 0], [0, 0.2], [0, -0.2], [0.2, 0]], np.float32)
    closure = np.array([0, 0, 0, 0, 0.5], np.float32)
    show_eyes(rows, closure, gaze)
    part = 0.2 / 0.55
    for frame, names, amount in (
        (0, ("OutLeft", "InRight"), part),
        (1, ("InLeft", "OutRight"), part),
        (2, ("UpLeft", "UpRight"), part),
        (3, ("DownLeft", "DownRight"), part),
        (4, ("OutLeft", "InRight"), part / 2),
    ):
        for name in ("Out", "In", "Up", "Down"):
            for side in ("Left", "Right"):
                wanted = amount if name + side in names else 0
                found = rows[frame, ARKIT_INDEX[f"eyeLook{name}{side}"]]
                assert found == pytest.approx(wanted), (frame, name, side)
    assert rows[:, ARKIT_INDEX["eyeBlinkLeft"]].tolist() == [0, 0, 0, 0, 0.5]
    assert rows[:, ARKIT_INDEX["eyeBlinkRight"]].tolist() == [0, 0, 0, 0, 0.5]


def test_every_emotion(golden: Golden) -> None:
    for name in EMOTIONS:
        golden(f"look of {name}", look_of(Emotion(name)))
    half, full = look_of(Emotion("angry", 0.5)), look_of(Emotion("angry"))
    assert half[:52] == pytest.approx(full[:52] / 2)
    assert half[52:54] - 1 == pytest.approx((full[52:54] - 1) / 2)
    assert half[54:] == pytest.approx(full[54:] / 2)
    contempt = look_of(Emotion("contempt"))
    assert contempt[ARKIT_INDEX["mouthSmileLeft"]] > 0 == contempt[ARKIT_INDEX["mouthSmileRight"]]
    assert LOOKS["sad"].pose_deg[1] < 0 < LOOKS["surprised"].pose_deg[1]


def test_an_emotion_comes_within_a_quarter_of_a_second() -> None:
    stream = EmotionStream()
    first = stream.push(3, Emotion())
    rows = stream.push(30, Emotion("happy"))[:, ARKIT_INDEX["mouthSmileLeft"]]
    assert first[:, :52].max() == 0
    assert 0 < rows[0] < 0.15
    assert (np.diff(rows) > 0).all()
    assert 0.5 < rows[6] / 0.6 < 0.8
    assert rows[-1] == pytest.approx(0.6, abs=0.01)
    at_once = EmotionStream().push(1, Emotion("happy"))[0, ARKIT_INDEX["mouthSmileLeft"]]
    assert at_once == pytest.approx(0.6)


def test_emotion_and_closures(golden: Golden) -> None:
    lips, closed = np.abs(0.3 * numbers(4, 52)), np.array([0, 0.5, 1, 1], np.float32)
    looks = np.stack([look_of(Emotion(n)) for n in ("sad", "angry", "disgusted", "neutral")])
    found = felt(lips, closed, looks)
    golden("felt", found)
    assert found[3] == pytest.approx(lips[3])
    raised = ARKIT_INDEX["mouthUpperUpLeft"]
    assert found[2, raised] == pytest.approx(lips[2, raised] * 0.95)  # a closure takes it away
    assert found[2, ARKIT_INDEX["mouthClose"]] > lips[2, ARKIT_INDEX["mouthClose"]]
    assert found[2, ARKIT_INDEX["noseSneerLeft"]] > 0.5


def test_the_heads_network(head: Head, golden: Golden) -> None:
    x, t, past = tensor(3, 6), torch.tensor([[0.1], [0.5], [0.9]]), tensor(3, 6 * 13 + 14, seed=1)
    with torch.no_grad():
        golden("head, velocity", head.net(x, t, past))
    golden("head, times", times(t))
    tail, slow = numbers(12, 6, seed=2), numbers(6, seed=3)
    seen = numbers(16, 3, seed=4)
    row = context(tail, slow, knot_cues(seen, 0.4))
    assert row[:66] == pytest.approx((tail[:-1] - tail[-1]).ravel())
    assert row[66:72] == pytest.approx(tail[-1])
    assert row[72:78] == pytest.approx(tail[-1] - slow)
    assert row[78:81] == pytest.approx(seen[:4].mean(0))
    assert row[-5:] == pytest.approx([*seen[12:].mean(0), 0.4, 1])
    golden("head, draw", head.draw(row, numbers(6, seed=5)))
    louder = row.copy()
    louder[78:] += 0.5
    assert not np.allclose(head.draw(louder, numbers(6)), head.draw(row, numbers(6)), atol=1e-3)


def test_guidance_goes_past_what_was_learned(head: Head) -> None:
    """With the prosody zeroed and unknown, guidance has nothing to follow."""
    row = np.zeros(6 * 13 + 14)
    noise = numbers(6)
    past = torch.from_numpy(row.astype(np.float32))[None]
    x = torch.from_numpy(noise)[None]
    with torch.no_grad():
        for i in range(8):
            x = x + head.net(x, torch.full((1, 1), i / 8), past) / 8
    assert head.draw(row, noise) == pytest.approx(x[0].numpy() * head.step_spread, abs=1e-5)


def test_the_heads_stream(head: Head, golden: Golden) -> None:
    stream = HeadStream(head, np.random.default_rng(4))
    prosody = cues(120).prosody
    found = stream.push(prosody)
    golden("head, stream", brief(found), 1e-3)
    golden("head, stream's frames", found[[0, 3, 4, 50, -1]], 1e-3)
    assert len(found) == 4 * ((len(prosody) - 4) // 4 + 1)


def test_the_spline_is_smooth_and_stays_among_its_knots(head: Head) -> None:
    stream = HeadStream(head, np.random.default_rng(4))
    stream._knots = np.tile(np.array([0.0, 1.0, 2.0, 3.0])[:, None], (1, 6))
    assert stream._stretch()[:, 0] == pytest.approx([1, 1.25, 1.5, 1.75])
    points = np.array([0.5, -1.0, 6.0, 2.0])
    stream._knots = np.tile(points[:, None], (1, 6))
    t = np.arange(4)[:, None] / 4
    basis = np.hstack(
        [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    )
    assert stream._stretch()[:, 2] == pytest.approx(basis @ points / 6)


def test_silence_calms_the_head_and_it_breathes(head: Head) -> None:
    stream = HeadStream(head, np.random.default_rng(4))
    rows = np.array([stream._shown(np.zeros(6)) for _ in range(100)])
    assert rows[:, 1].std() == pytest.approx(0.006 / np.sqrt(2), rel=0.05)
    assert not rows[:, [0, 2, 3, 4, 5]].any()
    steps = np.flatnonzero((rows[1:, 1] > 0) & (rows[:-1, 1] <= 0))
    assert np.diff(steps).mean() * 4 / FPS == pytest.approx(1 / 0.24, rel=0.05)
    assert np.abs(stream._shown(np.full(6, 1e3))) == pytest.approx(
        [0.22, 0.15, 0.14, 0.10, 0.08, 0.7], rel=1e-3
    )
    loud = np.tile([0.8, 0, 1], (16, 1)).astype(np.float32)
    quick, slow = (np.abs(_steps(head, heard)).mean() for heard in (loud, 0 * loud))
    assert slow < 0.35 * quick


def _steps(head: Head, heard: np.ndarray) -> np.ndarray:
    """The ways [50, 5] from knot to knot of a head that hears the same for long."""
    stream = HeadStream(head, np.random.default_rng(4))
    for _ in range(60):
        stream._draw(heard)
    knots = []
    for _ in range(51):
        stream._draw(heard)
        knots.append(stream._tail[-1, :5])
    return np.diff(knots, axis=0)


def test_lively_scales_the_head_and_not_the_brows(head: Head) -> None:
    prosody = cues(120).prosody
    usual, half, none = (
        HeadStream(head, np.random.default_rng(4), lively).push(prosody)
        for lively in (1.0, 0.5, 0.0)
    )
    assert not none[:, :5].any()
    assert np.array_equal(none[:, 5], usual[:, 5])
    assert 0.5 < np.abs(half[:, :5]).sum() / np.abs(usual[:, :5]).sum() < 0.6  # limits bend it


def test_the_lips_network(lips: Lips, golden: Golden) -> None:
    rows = stack_cues(cues(40))
    assert rows.shape == (40, CLASSES + 3)
    golden("lips, stacked", brief(rows))
    with torch.no_grad():
        for name, found in zip(("free", "closed", "rest"), lips.net(torch.from_numpy(rows)[None]),
                               strict=True):  # fmt: skip
            golden(f"lips, {name}", brief(found))
    coefficients, closed = lips.expression(rows)
    golden("lips, coefficients", brief(coefficients))
    golden("lips, closure", closed)
    assert len(closed) == 40 - 16


def test_frames_are_decided_by_what_is_around_them(lips: Lips) -> None:
    rows = stack_cues(cues(60))
    other = rows.copy()
    other[30] += 1
    with torch.no_grad():
        a, b = (lips.net(torch.from_numpy(r)[None])[0][0] for r in (rows, other))
    changed = np.flatnonzero(np.abs(a - b).max(1).values.numpy() > 1e-6)
    assert (changed.min(), changed.max()) == (30 - 11 - 5, 30)  # row i is frame i + 11


def test_composed_lips() -> None:
    matrix = torch.from_numpy(control_matrix())
    free = torch.full((1, len(CONTROLS)), 0.4)
    awake = torch.zeros(1)

    def made(closed: float, rest: torch.Tensor = awake) -> dict[str, float]:
        found = compose(free, torch.full((1,), float(closed)), rest, matrix)[0]
        return dict(zip(ARKIT, found.tolist(), strict=True))

    open_, shut = made(0), made(1)
    assert open_["jawOpen"] == pytest.approx(0.4)
    assert shut["jawOpen"] == pytest.approx(0.1)
    assert shut["mouthClose"] == pytest.approx(0.1 * 0.347 / 0.424)
    assert open_["mouthClose"] == 0
    for name in ("mouthFunnel", "mouthLowerDownLeft", "mouthUpperUpRight", "mouthShrugUpper"):
        assert open_[name] == pytest.approx(0.4)
        assert shut[name] == 0
    assert shut["mouthPressLeft"] == pytest.approx(0.55)
    assert shut["mouthRollLower"] == pytest.approx(0.5)
    assert shut["mouthPucker"] == open_["mouthPucker"] == pytest.approx(0.4)
    assert not any(made(0.5, torch.ones(1)).values())
    logits = torch.logit(torch.tensor([0.1, 0.2, 0.35, 0.5, 0.9]))
    assert certain(logits).tolist() == pytest.approx([0, 0, 0.5, 1, 1], abs=1e-5)
    assert CONTROL_INDEX["jaw"] == 0


def test_the_motion_sampler(golden: Golden) -> None:
    lossy, prior = filled(MotionNormaliser(8, 3)), filled(MotionPrior(8, 3, 8, 1, 2, 3))
    f_m, start = tensor(2, 6, 8, seed=1), tensor(2, 8, seed=2)
    with torch.no_grad():
        golden("normaliser, down", brief(lossy.encode(f_m)))
        golden("normaliser, up", brief(lossy.decode(tensor(2, 6, 3))))
        golden("prior", brief(prior(start, f_m)))
        wider = filled(MotionPrior(8, 3, 16, 1, 2, 3))
        golden("prior, wider", brief(wider(start, f_m)))
        other = tensor(2, 8, seed=9)
        assert not torch.allclose(prior(start + other, f_m), prior(start, f_m), atol=1e-3)
        torch.testing.assert_close(  # it hears the sum of both
            prior(start + other, f_m), prior(start, f_m + other[:, None]), atol=1e-5, rtol=1e-4
        )
    mu, f_c, noise = (tensor(2, 6, 3, seed=s) for s in (3, 4, 5))
    t = torch.tensor([0.3, 0.8])
    for about in (False, True):
        sampler = filled(MotionSampler(3, 8, about_mean=about))
        with torch.no_grad():
            golden(f"sampler, {about}", brief(sampler(noise, mu, 3)))
            golden(f"sampler's loss, {about}", float(sampler.loss(f_c, mu, noise, t)))
            golden(f"velocity, {about}", brief(sampler.velocity(noise, mu, t)))
            assert not torch.allclose(
                sampler.velocity(noise, mu + 1, t), sampler.velocity(noise, mu, t), atol=1e-3
            )
    assert float(prior_loss(f_c, f_c)) == pytest.approx(0.5 * np.log(2 * np.pi))
    likely = -torch.distributions.Normal(mu, 1).log_prob(f_c).mean()
    assert float(prior_loss(f_c, mu)) == pytest.approx(float(likely), rel=1e-5)


def test_levels_are_running_means_of_all_that_was_seen() -> None:
    level = Level(3, momentum=0.25)
    first, second = 3 + 2 * tensor(40, 3), tensor(40, 3, seed=1) - 1
    level.eval()
    torch.testing.assert_close(level(first), first * (1 + 1e-5) ** -0.5)  # nothing seen yet
    level.train()
    level(first[None])
    torch.testing.assert_close(level.running_mean, first.mean(0))
    with torch.no_grad():
        level(second)  # no gradients, no learning
    torch.testing.assert_close(level.running_mean, first.mean(0))
    level(second)
    torch.testing.assert_close(level.running_mean, (first.mean(0) + second.mean(0)) / 2)
    for _ in range(100):
        level(second)
    torch.testing.assert_close(level.running_mean, second.mean(0), atol=1e-3, rtol=1e-3)
    made = level.eval()(second)
    torch.testing.assert_close(made.mean(0), torch.zeros(3), atol=1e-2, rtol=0)
    torch.testing.assert_close(made.std(0, unbiased=False), torch.ones(3), atol=1e-2, rtol=0)


def test_coarse_motion(golden: Golden) -> None:
    mel, prosody = tensor(2, 40, 80), tensor(2, 10, 3, seed=1)
    windows = mel_windows(mel)
    assert windows.shape == (2, 10, 80, 20)
    torch.testing.assert_close(windows[:, 4], mel[:, 8:28].transpose(1, 2))
    torch.testing.assert_close(windows[:, 0, :, 8:], mel[:, :12].transpose(1, 2))
    torch.testing.assert_close(windows[:, 0, :, :8], mel[:, :1].transpose(1, 2).expand(-1, -1, 8))
    encoder, rhythm = filled(ContentEncoder(8)), filled(RhythmicGenerator(6, 4))
    with torch.no_grad():
        golden("content", brief(encoder(windows)))
        moves, features = rhythm(mel, prosody)
        golden("rhythm", brief(moves))
        golden("rhythm, features", brief(features))
        later = prosody.clone()
        later[:, 9] += 5
        changed = (rhythm(mel, later)[0] - moves).abs().amax((0, 2)) > 1e-6
        assert changed.any()
        assert not torch.allclose(rhythm(mel + 1, prosody)[0], moves, atol=1e-3)


@pytest.mark.parametrize("drawn", [False, True])
def test_pose_modes(drawn: bool, golden: Golden) -> None:
    modes = filled(PoseModes(6, 4, drawn))
    previous, content, true = tensor(5, 4), tensor(5, 6, seed=1), tensor(5, 4, seed=2)
    noise = tensor(5, 6, seed=3)
    with torch.no_grad():
        golden(f"modes, {drawn}", modes(previous, content))
        golden(f"modes again, {drawn}", modes.reconstruct(true))
        golden(f"regularity, {drawn}", float(regularity_loss(modes, tensor(2, 5, 4))))
        if drawn:
            golden("modes, with noise", modes(previous, content, noise))
            found, apart = modes.from_true_change(previous, content, true, noise)
            golden("modes, taught", found)
            latent = modes.encode(previous)
            mean, spread = modes.change(torch.cat([latent, content], -1)).chunk(2, -1)
            own, width = modes.posterior(
                torch.cat([modes.encode(true) - latent, content], -1)
            ).chunk(2, -1)
            kept = torch.distributions.Normal
            wanted = torch.distributions.kl_divergence(
                kept(own, width.exp()), kept(mean, spread.exp())
            )
            assert float(apart) == pytest.approx(float(wanted.mean()), rel=1e-4)


def test_independence() -> None:
    a, b = tensor(400, 3), tensor(400, 3, seed=1)
    assert float(independence_loss(a, b)) < 0.02
    assert float(independence_loss(a, 2 * a + 1)) > 0.3
    assert float(independence_loss(a, -a)) == pytest.approx(float(independence_loss(a, a)))
    assert float(independence_loss(a, b, literal=True)) == pytest.approx(
        float((a - b).norm(dim=1).mean())
    )
    wanted = np.corrcoef(a.T.numpy(), b.T.numpy())[:3, 3:]
    assert correlations(a, b).numpy() == pytest.approx(wanted, abs=1e-3)


def test_refinement(golden: Golden) -> None:
    net, predictor = filled(Denoiser(4, 5, 8, 5)), filled(StepPredictor(4, 8, 20))
    noisy, told, t = tensor(2, 12, 4), tensor(2, 12, 5, seed=1), torch.tensor([3, 17])
    with torch.no_grad():
        conditions = net.conditions(told)
        found = net(noisy, t, conditions)
        golden("denoiser", brief(found))
        assert not torch.allclose(net(noisy, t + 20, conditions), found, atol=1e-3)
        assert not torch.allclose(net(noisy, t, net.conditions(told + 1)), found, atol=1e-3)
        golden("predictor", predictor(noisy, t))
        torch.testing.assert_close(predictor(noisy, t), predictor.logits(noisy, t).sigmoid())
        b_true, b_aux = predictor(noisy, t), predictor(noisy + 1, t)
        wanted = -b_true.log().mean() - (1 - b_aux).log().mean()
        found = float(step_loss(predictor, noisy, noisy + 1, t))
        assert found == pytest.approx(float(wanted), rel=1e-4)


def test_where_truth_and_coarse_motion_meet() -> None:
    auc = torch.cat([torch.full((30,), 0.98), torch.full((70,), 0.55)])
    assert meeting_step(auc) == 28  # of the 73 steps from 28 on 70 are alike: 0.959
    assert meeting_step(torch.full((50,), 0.9)) == 50
    assert meeting_step(torch.full((50,), 0.5)) == 1
    truth, coarse = torch.tensor([[0.9, 0.5], [0.7, 0.5]]), torch.tensor([[0.8, 0.5], [0.1, 0.4]])
    assert separability(truth, coarse).tolist() == pytest.approx([0.75, 0.75])
    coarse, truth, diffusion = tensor(6, 4), tensor(6, 4, seed=1), Diffusion(20)
    found = divergence(diffusion, coarse, truth)
    kept = diffusion.kept.double()
    wanted = [
        float(torch.distributions.kl_divergence(
            torch.distributions.Normal(k.sqrt() * coarse.double(), (1 - k).sqrt()),
            torch.distributions.Normal(k.sqrt() * truth.double(), (1 - k).sqrt())).sum())
        for k in kept
    ]  # fmt: skip
    assert found.numpy() == pytest.approx(wanted, rel=1e-3)
