"""Metrics of pictures. Frames are RGB uint8 [T, H, W, 3], pairs of equal index and size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vivavoce.types import Bytes, Float


def psnr(made: Bytes, true: Bytes) -> float:
    """Peak signal-to-noise ratio, dB, higher is better: 10 log10(255^2 / mean squared error), of
    all frames together; infinite for equal clips."""
    error = np.mean((made.astype(np.float32) - true.astype(np.float32)) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def ssim(made: Bytes, true: Bytes) -> float:
    """Structural similarity (Wang et al., IEEE TIP 13(4), 2004), -1..1, higher is better: Gaussian
    window of 11 px, sigma 1.5, on luma, where it lies within the picture; mean over frames."""
    return float(np.mean([_ssim(_luma(a), _luma(b)) for a, b in zip(made, true, strict=True)]))


def laid_over(made: Bytes, points: Float, wanted: Float) -> Bytes:
    """Frames [T, H, W, 3], each moved, turned and scaled so that its `points` [T, P, 2] px come to
    lie on those `wanted` [T, P, 2] (least squares: Umeyama, PAMI 13(4), 1991); beyond a picture's
    edge it is repeated. What is left between two clips is not where the head was."""
    import cv2

    height, width = made.shape[1:3]
    frames = []
    for frame, here, there in zip(made, points.astype(float), wanted.astype(float), strict=True):
        a, b = (p[:, 0] + 1j * p[:, 1] for p in (here, there))
        turn = np.vdot(a - a.mean(), b - b.mean()) / np.vdot(a - a.mean(), a - a.mean())
        shift = b.mean() - turn * a.mean()
        matrix = np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
        frames.append(cv2.warpAffine(frame, matrix, (width, height), flags=cv2.INTER_LINEAR,
                                     borderMode=cv2.BORDER_REPLICATE))  # fmt: skip
    return np.stack(frames)


def _luma(frame: Bytes) -> Float:
    return (frame.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)).astype(
        np.float32
    )


def _ssim(a: Float, b: Float) -> float:
    import cv2

    def blurred(x: Float) -> Float:
        return np.asarray(cv2.GaussianBlur(x, (11, 11), 1.5)[5:-5, 5:-5], np.float32)

    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    ma, mb = blurred(a), blurred(b)
    va, vb = blurred(a * a) - ma * ma, blurred(b * b) - mb * mb
    both = blurred(a * b) - ma * mb
    top = (2 * ma * mb + c1) * (2 * both + c2)
    return float((top / ((ma**2 + mb**2 + c1) * (va + vb + c2))).mean())


def perceptual(made: Sequence[Float], true: Sequence[Float]) -> float:
    """Perceptual distance in the form of LPIPS (Zhang et al., CVPR 2018, eq. 1) without learned
    weights, 0 and up, lower is better: squared difference of feature maps [T, C, H, W] that are
    made unit vectors at every place, mean over places, summed over layers."""
    total = 0.0
    for a, b in zip(made, true, strict=True):
        ua, ub = (x / (np.linalg.norm(x, axis=1, keepdims=True) + 1e-8) for x in (a, b))
        total += float(((ua - ub) ** 2).sum(1).mean())
    return total


def inception_score(chances: Float) -> float:
    """Inception score (Salimans et al., NeurIPS 2016, eq. 1) of class probabilities [N, K], 1..K,
    higher is better; with an identity classifier this is the VGGFace score (S2TF, sec. 4.3)."""
    mean = chances.mean(0, keepdims=True)
    gain = chances * (np.log(chances + 1e-12) - np.log(mean + 1e-12))
    return float(np.exp(gain.sum(1).mean()))
