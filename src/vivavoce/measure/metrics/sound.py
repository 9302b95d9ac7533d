"""Metrics of voices and of feature sets. Samples are float32 [n] at 16 kHz.

Two recordings of the same words differ in timing, so paired metrics first align their mel-cepstra
by dynamic time warping.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np

from vivavoce.errors import needs
from vivavoce.types import RATE, SAMPLES_PER_FRAME, Float

FRAME_MS = 5.0
"""Step of WORLD's analysis in milliseconds."""
ORDER, WARP = 24, 0.42
"""Mel-cepstral order and all-pass constant at 16 kHz (Kubichek's measure as commonly computed)."""
KUBICHEK = 10 / np.log(10) * np.sqrt(2)
"""Cepstral distance to dB (Kubichek, IEEE PACRIM 1993)."""
TOO_SHORT = 1e-5
"""What pystoi says of less than 30 frames of speech."""
SHORTEST = round(0.4 * RATE)
"""Samples that 30 frames take; pystoi breaks on much less."""


class Analysis(NamedTuple):
    """Pitch and spectral envelope of a recording, as WORLD sees them every 5 ms."""

    f0: np.ndarray
    """Hz [T], 0 where unvoiced."""
    cepstra: np.ndarray
    """Mel-cepstra [T, 25]; c0 is the level."""


def analysed(samples: Float) -> Analysis:
    """F0 by Harvest and mel-cepstra of the CheapTrick envelope (Morise et al. 2016).

    Raises: ValueError: there are no samples, or some are no numbers.
    """
    if not len(samples) or not np.isfinite(samples).all():
        raise ValueError("a recording is empty, or holds values that are no numbers")
    return _analysed(samples.astype(np.float32).tobytes())


@lru_cache(maxsize=64)  # three metrics ask for the same two recordings
def _analysed(data: bytes) -> Analysis:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own imports
        pyworld = needs("pyworld", "measure")

    x = np.frombuffer(data, np.float32).astype(np.float64)
    f0, times = pyworld.harvest(x, RATE, frame_period=FRAME_MS)
    envelope = pyworld.cheaptrick(x, f0, times, RATE)
    return Analysis(f0, np.log(envelope + 1e-12) @ _to_cepstra(envelope.shape[1]).T)


@cache
def _to_cepstra(bins: int) -> np.ndarray:
    """The matrix [25, bins] from a log power spectrum to mel-cepstra: cosine transform on the
    frequency axis warped by a first-order all-pass (Tokuda et al. 1994)."""
    omega = np.linspace(0, np.pi, bins)
    warped = omega + 2 * np.arctan2(WARP * np.sin(omega), 1 - WARP * np.cos(omega))
    width = np.gradient(warped) / np.pi
    basis = np.cos(np.arange(ORDER + 1)[:, None] * warped) * width
    basis[1:] *= 2
    return np.asarray(basis / 2)  # of log magnitude, half the log power


def warping(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices [P] into the rows of `a` [T, C] and `b` [U, C] along the path of least distance."""
    path = _aligner()(a.astype(np.float64), b.astype(np.float64))
    return path[:, 0], path[:, 1]


@cache
def _aligner() -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """The function that finds the path [P, 2]; numba compiles it on first use."""
    import numba

    @numba.njit(cache=True)
    def align(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        rows, columns = len(a), len(b)
        came = np.zeros((rows, columns), np.uint8)  # from: 0 both before, 1 row above, 2 left
        least = np.full(columns, np.inf)  # sum of distances to each cell of the row above
        for i in range(rows):
            left, corner = np.inf, np.inf
            for j in range(columns):
                best, above = corner, least[j]
                if above < best:
                    best, came[i, j] = above, 1
                if left < best:
                    best, came[i, j] = left, 2
                square = 0.0
                for k in range(a.shape[1]):
                    square += (a[i, k] - b[j, k]) ** 2
                left = (0.0 if i + j == 0 else best) + np.sqrt(square)
                corner, least[j] = above, left
        path = np.zeros((rows + columns - 1, 2), np.int64)
        i, j, k = rows - 1, columns - 1, rows + columns - 2
        while True:
            path[k, 0], path[k, 1] = i, j
            if i + j == 0:
                return path[k:]
            way = came[i, j]
            i, j, k = i - (way != 2), j - (way != 1), k - 1

    return align


def mcd(true: Float, made: Float) -> float:
    """Mel-cepstral distortion (Kubichek 1993), dB, lower is better: mel-cepstra 1 to 24 of WORLD's
    envelope every 5 ms, aligned, mean over the path."""
    a, b = analysed(true).cepstra[:, 1:], analysed(made).cepstra[:, 1:]
    one, two = warping(a, b)
    return float(KUBICHEK * np.linalg.norm(a[one] - b[two], axis=1).mean())


def f0_rmse(true: Float, made: Float) -> float:
    """F0 error, Hz, lower is better: root mean square over aligned frames that are voiced in both;
    NaN if none is."""
    a, b = analysed(true), analysed(made)
    one, two = warping(a.cepstra[:, 1:], b.cepstra[:, 1:])
    voiced = (a.f0[one] > 0) & (b.f0[two] > 0)
    if not voiced.any():
        return float("nan")
    return float(np.sqrt(np.mean((a.f0[one][voiced] - b.f0[two][voiced]) ** 2)))


def stoi(true: Float, made: Float) -> float:
    """Short-time objective intelligibility (Taal et al., IEEE TASLP 19(7), 2011), 0..1, higher is
    better: of `made` against `true`; NaN if there are not 0.4 s of speech.

    Speech of other timing is aligned first, block by block of 5 ms, which costs a little; of equal
    timing, and a length that differs by at most a video frame, nothing is moved.
    """
    count = min(len(true), len(made))
    if count < SHORTEST:
        return float("nan")
    if max(len(true), len(made)) - count <= SAMPLES_PER_FRAME:
        true, made = true[:count], made[:count]
        if _together(true, made):
            return _stoi(true, made)
    one, two = warping(analysed(true).cepstra, analysed(made).cepstra)
    block = round(RATE * FRAME_MS / 1000)
    seat = np.full(one.max() + 1, 0)
    seat[one] = two  # one block of the made for each of the true
    sound = np.pad(made, (0, block * (seat.max() + 1)))
    moved = np.concatenate([sound[block * k : block * (k + 1)] for k in seat])
    count = min(len(moved), len(true))
    return _stoi(true[:count], moved[:count])


def _stoi(true: Float, made: Float) -> float:
    of = needs("pystoi").stoi

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where there is too little speech, told by NaN below
        value = float(of(true, made, RATE))
    return float("nan") if value == TOO_SHORT else value


def _together(a: Float, b: Float) -> bool:
    """Whether loudness rises and falls at the same times."""
    x, y = (np.abs(s[: len(s) // 160 * 160]).reshape(-1, 160).mean(1) for s in (a, b))
    if min(x.std(), y.std()) == 0:
        return True
    return bool(np.corrcoef(x, y)[0, 1] > 0.9)


def frechet(a: Float, b: Float) -> float:
    """Fréchet distance of two sets of features [N, F] and [M, F] taken as Gaussians (Heusel et al.,
    NeurIPS 2017, for FID; Unterthiner et al. 2018, FVD; Kilgour et al. 2019, FAD), 0 and up, lower
    is better: |mean difference|^2 + tr(A + B - 2 (A B)^(1/2)) of the covariances."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    one, two = np.atleast_2d(np.cov(a, rowvar=False)), np.atleast_2d(np.cov(b, rowvar=False))
    apart = ((a.mean(0) - b.mean(0)) ** 2).sum()
    # tr (A B)^(1/2) = tr (R B R)^(1/2) with R the root of A: symmetric, so all stays real
    values, vectors = np.linalg.eigh(one)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    inner = np.linalg.eigvalsh(root @ two @ root)
    shared = np.sqrt(np.maximum(inner, 0)).sum()
    return float(max(0.0, apart + np.trace(one) + np.trace(two) - 2 * shared))


def kid(a: Float, b: Float) -> float:
    """Kernel Inception distance (Binkowski et al., ICLR 2018, sec. 2.2), around 0 and up, lower is
    better: unbiased squared MMD with the kernel (x.y / F + 1)^3, of all features at once; each set
    has two rows or more."""
    a, b = a.astype(np.float64), b.astype(np.float64)

    def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.asarray((x @ y.T / x.shape[1] + 1) ** 3)

    n, m = len(a), len(b)
    aa, bb = kernel(a, a), kernel(b, b)
    within = (aa.sum() - np.trace(aa)) / (n * (n - 1)) + (bb.sum() - np.trace(bb)) / (m * (m - 1))
    return float(within - 2 * kernel(a, b).mean())
