from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from scipy.interpolate import PchipInterpolator

from vivavoce.move.rate import at_rate
from vivavoce.types import FPS, RATES, Motion


def motion(frames: int, seed: int = 0) -> Motion:
    rng = np.random.default_rng(seed)
    parts = [rng.uniform(0, 1, (frames, n)).astype(np.float32) for n in (52, 6, 2)]
    return Motion(*parts)


def joined(parts: Iterator[Motion]) -> Motion:
    got = list(parts)
    return Motion(
        *(np.concatenate([getattr(m, n) for m in got]) for n in ("expression", "pose", "gaze")),
        got[0].space,
        got[0].fps,
    )


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("frames", [1, 2, 3, 25, 61])
def test_every_frame_is_a_moment_of_its_own(fps: int, frames: int) -> None:
    """A movement that is as steady as a clock shows the time k / fps in its frame k."""
    clock = np.arange(frames, dtype=np.float32)[:, None] / FPS
    steady = Motion(np.repeat(clock, 52, 1), np.repeat(clock, 6, 1), np.repeat(clock, 2, 1))
    got = joined(at_rate([steady], fps))
    assert got.fps == fps
    assert len(got) == -(-frames * fps // FPS)  # the last frame begins before the movement ends
    shown, real = got.pose[:, 0], np.arange(len(got)) / fps
    inside = (real >= 1 / FPS) & (real <= (frames - 2) / FPS)
    assert np.abs(shown - np.minimum(real, (frames - 1) / FPS)).max() < 0.01
    assert np.abs(shown - real)[inside].max(initial=0) < 1e-5


@pytest.mark.parametrize("fps", [24, 30, 50, 60])
def test_it_is_the_monotone_cubic(fps: int) -> None:
    """SciPy's own monotone cubic with rows repeated at both ends gives the same numbers."""
    given = motion(40)
    got = joined(at_rate([given], fps))
    padded = np.concatenate([given.expression[:1], given.expression, given.expression[-1:]])
    curve = PchipInterpolator(np.arange(-1, 41), padded)
    at = np.arange(len(got)) * FPS / fps
    inside = (at >= 0) & (at <= 39)
    assert np.abs(got.expression - curve(at))[inside].max() < 1e-5
    assert got.expression.min() >= given.expression.min() - 1e-6
    assert got.expression.max() <= given.expression.max() + 1e-6


def test_rows_of_the_source_are_hit_exactly() -> None:
    given = motion(30)
    got = joined(at_rate([given], 50))
    assert np.array_equal(got.expression[::2], given.expression)
    assert np.array_equal(joined(at_rate([given], FPS)).pose, given.pose)


@pytest.mark.parametrize("fps", [24, 30, 60])
def test_pieces_do_not_matter(fps: int) -> None:
    given = motion(57)
    whole = joined(at_rate([given], fps))
    for size in (1, 2, 5, 10):
        pieces = (given[i : i + size] for i in range(0, 57, size))
        parts = joined(at_rate(pieces, fps))
        for name in ("expression", "pose", "gaze"):
            assert np.array_equal(getattr(parts, name), getattr(whole, name))


def test_nothing_stays_nothing_and_it_streams() -> None:
    assert list(at_rate([], 60)) == []
    pulled: list[int] = []

    def pieces() -> Iterator[Motion]:
        for k in range(100):
            pulled.append(k)
            yield motion(5, k)

    next(iter(at_rate(pieces(), 60)))
    assert len(pulled) <= 2
