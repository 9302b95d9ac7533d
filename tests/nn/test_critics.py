"""Discriminators: what they see, how far, and that a batch of twins is found out."""

from __future__ import annotations

import pytest
import torch

from vivavoce.nn.critics import MultiScaleCritic, PatchCritic, PictureCritic, batch_deviation
from vivavoce.nn.equalised import halve

CHANNELS = {4: 16, 8: 16, 16: 8, 32: 8}


def test_one_logit_a_picture() -> None:
    critic = PictureCritic(32, CHANNELS)
    assert critic(torch.randn(4, 3, 32, 32)).shape == (4,)
    assert critic(torch.randn(3, 3, 32, 32)).shape == (3,)


def test_batch_deviation_is_the_mean_deviation() -> None:
    x = torch.randn(4, 5, 2, 2)
    expected = x.std(0, unbiased=False).mean()
    torch.testing.assert_close(batch_deviation(x), expected.expand(4, 1, 2, 2), atol=1e-4, rtol=0)
    assert batch_deviation(x[:1].expand(4, -1, -1, -1)).max() < 1.1e-4


def test_the_size_of_official_stylegan2_at_256() -> None:
    """28.9 M parameters: rosinality's Discriminator(256), which LIA uses, has 28,864,129."""
    channels = {4: 512, 8: 512, 16: 512, 32: 512, 64: 512, 128: 256, 256: 128}
    count = sum(p.numel() for p in PictureCritic(256, channels).parameters())
    assert count == 28_864_129


def test_a_patch_logit_sees_70_pixels() -> None:
    critic = PatchCritic(3, 8).eval()
    for layer in critic.modules():
        if isinstance(layer, torch.nn.InstanceNorm2d):  # it sees the whole map
            layer.forward = lambda x: x  # type: ignore[method-assign]
    picture = torch.randn(1, 3, 128, 128, requires_grad=True)
    logits = critic(picture)[-1]
    logits[0, 0, logits.shape[2] // 2, logits.shape[3] // 2].backward()
    seen = picture.grad.abs().sum((0, 1)) > 0
    rows = torch.nonzero(seen.any(1))[:, 0]
    assert int(rows[-1] - rows[0]) + 1 == 70


def test_scales_see_smaller_copies() -> None:
    critic = MultiScaleCritic(3, 8, scales=2)
    whole, half = critic(torch.randn(1, 3, 64, 64))
    assert whole[-1].shape[-1] == 6
    assert half[-1].shape[-1] == 2
    assert len(whole) == 5


@pytest.mark.parametrize("size", [8, 16])
def test_halving_keeps_the_mean_inside(size: int) -> None:
    x = torch.ones(1, 2, size, size)
    torch.testing.assert_close(
        halve(x)[..., 1:-1, 1:-1], torch.ones(1, 2, size // 2 - 2, size // 2 - 2)
    )
