"""Modulated convolution against one convolution a sample with its weights written out."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from vivavoce.nn.equalised import GAIN
from vivavoce.nn.modulated import Modulated


@pytest.mark.parametrize("demodulate", [True, False])
def test_it_is_one_convolution_a_style(demodulate: bool) -> None:
    torch.manual_seed(0)
    layer = Modulated(4, 6, 3, 5, demodulate=demodulate)
    x, styles = torch.randn(3, 4, 8, 8), torch.randn(3, 5)
    expected = []
    for one, s in zip(x, layer.modulation(styles), strict=True):
        weight = layer.weight / (4 * 9) ** 0.5 * s[None, :, None, None]
        if demodulate:
            weight = GAIN * weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        expected.append(F.conv2d(one[None], weight, padding=1))
    torch.testing.assert_close(layer(x, styles), torch.cat(expected), atol=1e-5, rtol=1e-4)


def test_going_up_doubles_and_keeps_a_flat_map_flat_inside() -> None:
    torch.manual_seed(0)
    layer = Modulated(2, 3, 3, 5, up=True)
    out = layer(torch.ones(1, 2, 6, 6), torch.randn(1, 5))
    assert out.shape == (1, 3, 12, 12)
    inside = out[..., 3:-3, 3:-3]
    spread = (inside - inside.mean((2, 3), keepdim=True)).abs().max()
    assert float(spread.detach()) < 0.3 * float(inside.detach().abs().max())


def test_demodulation_keeps_the_variance_whatever_the_style() -> None:
    torch.manual_seed(0)
    layer = Modulated(64, 64, 3, 5)
    x = torch.randn(1, 64, 16, 16)
    small, large = (float(layer(x, k * torch.ones(1, 5)).var().detach()) for k in (0.2, 50.0))
    assert small == pytest.approx(large, rel=0.2)
    assert large == pytest.approx(GAIN**2, rel=0.25)
