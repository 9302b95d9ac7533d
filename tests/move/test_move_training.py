"""The teacher, the tracks and the splines that the movers learn from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vivavoce.data.corpus.articulation import articulate
from vivavoce.listen.sounds import CLASSES
from vivavoce.move.lips import CONTROL_INDEX, CONTROLS
from vivavoce.train.portrait.head import blink_starts, spline_knots
from vivavoce.train.portrait.lips import Lesson, Windows, find_lag
from vivavoce.train.portrait.tracks import TrackedClip, load_tracks, save_tracks, track_clip
from vivavoce.types import FPS, Float, Phone

LOUD = np.full(40, 0.8, np.float32)


def in_a_row(*symbols: str, each_s: float = 0.16) -> list[Phone]:
    return [Phone(s, i * each_s, (i + 1) * each_s) for i, s in enumerate(symbols)]


def test_teacher_opens_rounds_and_closes() -> None:
    aim = articulate(in_a_row("_", "a", "m", "u", "_", "_", "_"), 28, LOUD[:28])
    jaw, pucker = (aim.free[:, CONTROL_INDEX[name]] for name in ("jaw", "pucker"))
    assert jaw[4:8].max() > 0.2
    assert pucker[12:16].max() > 0.3
    assert pucker[4] < 0.15
    assert aim.closed[8:12].all()
    assert not aim.closed[:8].any()
    assert aim.rest[20:].min() == 1
    assert not aim.rest[4:16].any()


def test_rounding_begins_before_its_vowel() -> None:
    round_next = articulate(in_a_row("_", "s", "u", "_"), 16, LOUD[:16])
    spread_next = articulate(in_a_row("_", "s", "i", "_"), 16, LOUD[:16])
    pucker = CONTROL_INDEX["pucker"]
    assert round_next.free[6, pucker] > spread_next.free[6, pucker] + 0.05


@pytest.mark.parametrize("start_s", [0.30, 0.31, 0.325, 0.33])
def test_the_shortest_closure_still_seals_a_frame(start_s: float) -> None:
    phones = [Phone("a", 0, start_s), Phone("p", start_s, start_s + 0.02)]
    phones.append(Phone("a", start_s + 0.02, 0.8))
    assert 1 <= articulate(phones, 20, LOUD[:20]).closed.sum() <= 2


def test_louder_speech_opens_wider() -> None:
    phones = in_a_row("_", "a", "_", each_s=0.3)
    quiet, loud = (articulate(phones, 22, np.full(22, e, np.float32)) for e in (0.3, 1.0))
    assert loud.free.max() > 1.2 * quiet.free.max()


def a_clip(frames: int = 60) -> TrackedClip:
    rng = np.random.default_rng(0)
    openness = np.ones(frames, np.float32)
    openness[20:24] = [0.5, 0.1, 0.3, 0.7]
    return TrackedClip(
        name="video/x.mp4",
        person="x",
        samples=rng.uniform(-0.5, 0.5, frames * 640).astype(np.float32),
        expression=rng.random((frames, 52), np.float32),
        pose=rng.random((frames, 6), np.float32),
        gaze=rng.random((frames, 2), np.float32),
        gap=rng.random(frames, np.float32),
        rest_gap=0.002,
        openness=openness,
        words="0.1 0.4 bin",
    )


def test_tracks_read_back_equal(tmp_path: Path) -> None:
    clips = [a_clip(60), a_clip(35)]
    save_tracks(clips, tmp_path / "t.npz")
    back = load_tracks(tmp_path / "t.npz")
    assert [len(c.gap) for c in back] == [60, 35]
    for one, two in zip(clips, back, strict=True):
        assert (one.name, one.person, one.words) == (two.name, two.person, two.words)
        np.testing.assert_array_equal(one.pose, two.pose)
        np.testing.assert_allclose(one.samples, two.samples, atol=1 / 32767)


def test_blinks_are_found() -> None:
    assert blink_starts(a_clip()) == [21]


@pytest.mark.parametrize("offset", range(4))
def test_knots_describe_smooth_motion(offset: int) -> None:
    t = np.arange(100) / FPS
    curves = np.stack([np.sin(2 * t), np.cos(1.3 * t)], 1).astype(np.float32)
    knots = spline_knots(curves, offset)
    at = np.arange(offset, 100, 4)
    middle = knots[1:-1]
    shown = (knots[:-2] + 4 * middle + knots[2:]) / 6
    np.testing.assert_allclose(shown[1:-2], curves[at][2 : len(shown) - 1], atol=0.02)


def a_lesson(frames: int, late: int = 0) -> Lesson:
    content = np.zeros((frames, len(CLASSES)), np.float32)
    wide = (np.arange(frames) // 7) % 2 == 0
    content[wide, CLASSES.index("a")] = 1
    content[~wide, CLASSES.index("pbm")] = 1
    cues = np.concatenate([content, np.zeros((frames, 3), np.float32)], 1)
    gap: Float = np.roll(0.12 * wide, late).astype(np.float32)
    zeros = np.zeros(frames, np.float32)
    free = np.zeros((frames, len(CONTROLS)), np.float32)
    return Lesson((cues,), free, zeros, zeros, gap, zeros + 1, 1.0)


@pytest.mark.parametrize("late", [-3, 0, 2])
def test_late_pictures_are_noticed(late: int) -> None:
    lag, fit = find_lag(a_lesson(100, late))
    assert lag == late
    assert fit > 0.8


def test_windows_are_cut_with_their_context() -> None:
    windows, rng = Windows([a_lesson(20), a_lesson(90)]), np.random.default_rng(0)
    for _ in range(8):
        drawn = windows.draw(50, rng)
        assert drawn.pop("cues").shape == (11 + 50 + 5, len(CLASSES) + 3)
        assert {name: x.shape for name, x in drawn.items()} == {
            "free": (50, 14), "closed": (50,), "rest": (50,), "gap": (50,), "known": (50,),
            "trust": (),
        }  # fmt: skip


def test_a_real_clip_is_tracked(real: Path) -> None:
    clip = track_clip(real, "video/lipnet_grid_sbia1a.mp4", "g8")
    assert clip is not None
    assert len(clip.gap) == 75
    assert len(clip.samples) == 75 * 640
    assert 0 <= clip.rest_gap < 0.02
    assert 0.08 < np.quantile(clip.gap, 0.9) < 0.2
    assert np.degrees(clip.pose[:, :3]).std(0).max() < 3
