"""Metrics of pictures against torchmetrics and their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from vivavoce.measure.metrics import picture
from vivavoce.types import Bytes


def pair(noise: float = 12) -> tuple[Bytes, Bytes]:
    """Three smooth pictures [3, 40, 48, 3], and the same with noise."""
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (3, 5, 6, 3)).repeat(8, 1).repeat(8, 2)
    made = small + noise * rng.standard_normal(small.shape)
    return made.clip(0, 255).astype(np.uint8), small.astype(np.uint8)


def test_psnr_as_torchmetrics_computes_it() -> None:
    import torch
    from torchmetrics.functional.image import peak_signal_noise_ratio

    made, true = pair()
    expected = peak_signal_noise_ratio(
        torch.from_numpy(made).double(), torch.from_numpy(true).double(), data_range=255.0
    )
    assert picture.psnr(made, true) == pytest.approx(float(expected), abs=1e-4)
    assert picture.psnr(true, true) == float("inf")


def test_ssim_as_torchmetrics_computes_it() -> None:
    """Where the window lies within the picture; torchmetrics' own mean takes the border too."""
    import torch
    from torchmetrics.functional.image import structural_similarity_index_measure

    made, true = pair()
    luma = [
        torch.from_numpy(x @ np.array([0.299, 0.587, 0.114]))[:, None].float() for x in (made, true)
    ]
    _, full = structural_similarity_index_measure(
        *luma, sigma=1.5, data_range=255.0, return_full_image=True
    )
    expected = float(full[..., 5:-5, 5:-5].mean())
    assert 0.2 < expected < 0.99
    assert picture.ssim(made, true) == pytest.approx(expected, abs=1e-4)
    assert picture.ssim(true, true) == pytest.approx(1)


def test_a_face_that_was_moved_is_laid_over_the_true_one() -> None:
    """A turn by 90 degrees about the middle and back: nothing is lost but rounding."""
    _, true = pair()
    square = true[:, :40, :40]
    turned = np.rot90(square, axes=(1, 2)).copy()
    points = np.array([[10, 12], [30, 14], [20, 31]], np.float32)[None].repeat(3, 0)
    there = np.stack([points[..., 1], 39 - points[..., 0]], -1)  # np.rot90 takes (x, y) there
    again = picture.laid_over(turned, there, points)
    assert np.abs(again.astype(int) - square)[:, 1:-1, 1:-1].max() <= 1
    assert picture.ssim(again, square) > 0.99 > picture.ssim(turned, square)


def test_ssim_as_scikit_image_computes_it() -> None:
    from skimage.metrics import structural_similarity

    made, true = pair()
    lumas = [x @ np.array([0.299, 0.587, 0.114]) for x in (made, true)]
    expected = [
        structural_similarity(
            a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
        )
        for a, b in zip(*lumas, strict=True)
    ]
    assert picture.ssim(made, true) == pytest.approx(np.mean(expected), abs=1e-4)


def test_ssim_falls_with_noise_and_is_negative_for_the_negative() -> None:
    values = [picture.ssim(*pair(noise)) for noise in (2, 10, 30, 60)]
    assert values == sorted(values, reverse=True)
    _, true = pair()
    assert picture.ssim(255 - true, true) < 0


def test_perceptual_distance_by_hand() -> None:
    one = np.zeros((2, 3, 1, 2), np.float32)
    two = np.zeros((2, 3, 1, 2), np.float32)
    one[:, 0] = 5  # the same direction at the first place, however long;
    two[:, 0, :, 0] = 2
    two[:, 1, :, 1] = 2  # at right angles at the second: squared distance 2
    assert picture.perceptual([one], [two]) == pytest.approx(1, abs=1e-6)
    assert picture.perceptual([one, one], [two, one]) == pytest.approx(1, abs=1e-6)
    assert picture.perceptual([one], [one]) == 0


def test_perceptual_distance_is_lpips_with_weights_of_one() -> None:
    from torch import from_numpy
    from torchmetrics.functional.image.lpips import _normalize_tensor

    rng = np.random.default_rng(0)
    layers = [(4, 6, 6), (8, 3, 3)]
    made, true = (
        [rng.standard_normal((2, *shape)).astype(np.float32) for shape in layers] for _ in "ab"
    )
    expected = sum(
        ((_normalize_tensor(from_numpy(a)) - _normalize_tensor(from_numpy(b))) ** 2)
        .sum(1).mean((1, 2)).mean()
        for a, b in zip(made, true, strict=True)
    )  # fmt: skip
    assert picture.perceptual(made, true) == pytest.approx(float(expected), rel=1e-4)


def test_inception_score_against_its_definition() -> None:
    from scipy.special import softmax
    from scipy.stats import entropy

    chances = softmax(2 * np.random.default_rng(0).standard_normal((50, 7)), axis=1)
    expected = np.exp(np.mean([entropy(row, chances.mean(0)) for row in chances]))
    assert picture.inception_score(chances) == pytest.approx(expected, rel=1e-5)
    assert picture.inception_score(np.eye(6)) == pytest.approx(6)  # sure, and all different
    assert picture.inception_score(chances[:1].repeat(9, 0)) == pytest.approx(1)  # all alike
