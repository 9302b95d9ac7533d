"""Metrics of voices and of feature sets against closed forms and independent implementations."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from vivavoce.measure.metrics import sound
from vivavoce.types import RATE, Emotion, Float

KHZ16 = np.arange(RATE) / RATE


def spoken(text: str, voice: str = "en-us") -> Float:
    """A sentence by the built-in voice."""
    from vivavoce.speak.voices import find_voice

    found = find_voice(voice)
    return np.concatenate([piece.samples for piece in found.speak(text, Emotion("neutral"))])


@pytest.fixture(scope="module")
def speech() -> Float:
    return spoken("The quick brown fox jumps over the lazy dog.")


def tone(hz: float, seconds: float = 1.0) -> Float:
    """Pulses of this pitch through two formants: a steady vowel."""
    from scipy.signal import lfilter

    t = np.arange(round(seconds * RATE))
    x = (np.floor(t * hz / RATE) != np.floor((t - 1) * hz / RATE)).astype(float)
    for formant, width in ((700, 80), (1200, 100)):
        r = np.exp(-np.pi * width / RATE)
        x = lfilter([1], [1, -2 * r * np.cos(2 * np.pi * formant / RATE), r * r], x)
    return (0.3 * x / np.abs(x).max()).astype(np.float32)


def shaped(x: Float, gain: np.ndarray) -> Float:
    """`x` through a zero-phase filter with these gains over 0..8 kHz."""
    spectrum = np.fft.rfft(x)
    grid = np.linspace(0, 1, len(spectrum))
    return np.fft.irfft(
        spectrum * np.interp(grid, np.linspace(0, 1, len(gain)), gain), len(x)
    ).astype(np.float32)


def warped(bins: int) -> np.ndarray:
    """The mel-like axis of a first-order all-pass of 0.42, by the phase of the filter itself."""
    z = np.exp(1j * np.linspace(0, np.pi, bins))
    return np.abs(np.unwrap(np.angle((1 / z - 0.42) / (1 - 0.42 / z))))


@pytest.mark.parametrize("order", [0, 1, 5, 20])
def test_cepstra_of_a_known_spectrum(order: int) -> None:
    """log |H| = sum of c_m cos(m w~): the m-th coefficient comes back, the others are nothing."""
    log_power = 2 * 0.3 * np.cos(order * warped(513))
    found = sound._to_cepstra(513) @ log_power
    expected = np.zeros(25)
    expected[order] = 0.3
    assert found == pytest.approx(expected, abs=3e-3)


def test_mcd_of_equal_and_of_louder_speech_is_nothing(speech: Float) -> None:
    assert sound.mcd(speech, speech) == 0
    assert sound.mcd(speech, 0.5 * speech) < 0.3  # c0, the level, is left out


def test_mcd_of_a_known_filter() -> None:
    """A filter of log gain 0.2 cos(3 w~) changes c3 by 0.2 everywhere."""
    x = tone(110)
    y = shaped(x, np.exp(0.2 * np.cos(3 * warped(2049))))
    expected = 10 / np.log(10) * np.sqrt(2 * 0.2**2)
    assert sound.mcd(x, y) == pytest.approx(expected, rel=0.08)


def test_mcd_tells_sentences_apart_and_forgives_timing(speech: Float) -> None:
    later = np.concatenate([np.zeros(3200, np.float32), speech])
    other = spoken("She sells sea shells by the shore, every day.")
    assert sound.mcd(speech, later) < 1.5
    assert sound.mcd(speech, other) > 2 * sound.mcd(speech, later) + 3


def test_warping_is_the_cheapest_path() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((4, 2)), rng.standard_normal((5, 2))
    one, two = sound.warping(a, b)
    assert (one[0], two[0], one[-1], two[-1]) == (0, 0, 3, 4)
    steps = set(zip(np.diff(one), np.diff(two), strict=True))
    assert steps <= {(0, 1), (1, 0), (1, 1)}
    cost = np.linalg.norm(a[:, None] - b, axis=-1)
    best = np.inf
    for length in range(4, 9):
        for moves in product([(0, 1), (1, 0), (1, 1)], repeat=length):
            at = np.vstack([(0, 0), np.cumsum(moves, axis=0)])
            if tuple(at[-1]) == (3, 4) and (at <= (3, 4)).all():
                best = min(best, cost[at[:, 0], at[:, 1]].sum())
    assert cost[one, two].sum() == pytest.approx(best)


def test_f0_rmse_of_known_pitches() -> None:
    assert sound.f0_rmse(tone(120), tone(120)) == 0
    assert sound.f0_rmse(tone(120), tone(150)) == pytest.approx(30, abs=1)


def test_f0_rmse_counts_what_is_voiced_in_both_alone() -> None:
    rng = np.random.default_rng(0)
    noise = (0.05 * rng.standard_normal(RATE // 2)).astype(np.float32)
    one = np.concatenate([tone(120, 0.5), noise])
    two = np.concatenate([tone(140, 0.5), noise])
    assert sound.f0_rmse(one, two) == pytest.approx(20, abs=3)
    assert np.isnan(sound.f0_rmse(tone(120, 0.5), np.zeros(RATE // 2, np.float32)))


def test_stoi_is_pystoi_where_nothing_needs_to_move(speech: Float) -> None:
    from pystoi import stoi

    rng = np.random.default_rng(0)
    noisy = speech + (0.02 * rng.standard_normal(len(speech))).astype(np.float32)
    assert sound.stoi(speech, speech) == pytest.approx(1, abs=1e-6)
    assert sound.stoi(speech, noisy) == pytest.approx(float(stoi(speech, noisy, RATE)))
    assert sound.stoi(speech, noisy[:-200]) == pytest.approx(sound.stoi(speech, noisy), abs=0.01)
    assert sound.stoi(speech, noisy) < 0.99


def test_stoi_aligns_speech_of_other_timing(speech: Float) -> None:
    from pystoi import stoi

    gap = np.zeros(4000, np.float32)
    half = len(speech) // 2
    late = np.concatenate([gap, speech[:half], gap[:1600], speech[half:]])
    other = spoken("She sells sea shells by the shore, every day.")
    aligned = sound.stoi(speech, late)
    assert aligned > 0.85
    assert aligned > float(stoi(speech, late[: len(speech)], RATE)) + 0.4
    assert aligned > sound.stoi(speech, other) + 0.2


def test_stoi_of_too_little_speech_is_no_figure() -> None:
    assert np.isnan(sound.stoi(tone(120, 0.2), tone(120, 0.2)))
    assert np.isnan(sound.stoi(tone(120, 1.0), tone(120, 0.04)))
    mostly_silent = np.concatenate([tone(120, 0.1), np.zeros(RATE, np.float32)])
    assert np.isnan(sound.stoi(mostly_silent, mostly_silent))


def test_one_frame_of_sound_and_none() -> None:
    assert sound.mcd(tone(120, 0.04), tone(120, 0.04)) == 0
    for wrong in (np.zeros(0, np.float32), np.full(1600, np.nan, np.float32)):
        with pytest.raises(ValueError, match="no numbers"):
            sound.mcd(tone(120, 0.1), wrong)


def features(count: int, dim: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mixed = rng.standard_normal((count, dim)) @ rng.standard_normal((dim, dim))
    return mixed + rng.standard_normal(dim)


def test_frechet_against_the_root_of_the_product_and_torchmetrics() -> None:
    import torch
    from scipy.linalg import sqrtm
    from torchmetrics.image.fid import _compute_fid

    a, b = features(80, 12, 0), features(60, 12, 1)
    one, two = np.cov(a.T), np.cov(b.T)
    apart = ((a.mean(0) - b.mean(0)) ** 2).sum()
    expected = apart + np.trace(one + two - 2 * sqrtm(one @ two).real)
    found = sound.frechet(a, b)
    assert found == pytest.approx(expected, rel=1e-6)
    args = [torch.from_numpy(x) for x in (a.mean(0), one, b.mean(0), two)]
    assert found == pytest.approx(float(_compute_fid(*args)), rel=1e-6)
    assert sound.frechet(a, a) == pytest.approx(0, abs=1e-8)


def test_frechet_of_one_feature_and_of_few_rows() -> None:
    a, b = np.array([[0.0], [2.0]]), np.array([[5.0], [11.0]])
    deviations = np.sqrt(2), np.sqrt(18)
    expected = (1 - 8) ** 2 + (deviations[0] - deviations[1]) ** 2
    assert sound.frechet(a, b) == pytest.approx(expected)
    few, more = features(5, 20, 0), features(7, 20, 1)  # covariances without full rank
    assert np.isfinite(sound.frechet(few, more))
    assert sound.frechet(few, few + 3) == pytest.approx(20 * 9, rel=1e-5)


def test_kid_as_torchmetrics_computes_it() -> None:
    import torch
    from torchmetrics.image.kid import poly_mmd

    a, b = features(40, 10, 0), features(40, 10, 1)
    expected = float(poly_mmd(torch.from_numpy(a), torch.from_numpy(b)))
    assert sound.kid(a, b) == pytest.approx(expected, rel=1e-9)


def test_kid_is_unbiased() -> None:
    rng = np.random.default_rng(0)
    values = [
        sound.kid(rng.standard_normal((20, 4)), rng.standard_normal((30, 4))) for _ in range(400)
    ]
    assert abs(np.mean(values)) < 4 * np.std(values) / 20  # sets of one source: 0 on average
    assert sound.kid(rng.standard_normal((50, 4)), 2 + rng.standard_normal((50, 4))) > 1
