"""The U-Net: sizes, condition, and that fine detail passes through its skips."""

from __future__ import annotations

import torch

from vivavoce.nn.unet import UNet


def test_sizes_come_back() -> None:
    net = UNet(5, 3, (8, 16, 24))
    assert net(torch.randn(2, 5, 32, 24)).shape == (2, 3, 32, 24)


def test_a_condition_matters() -> None:
    torch.manual_seed(0)
    net = UNet(3, 3, (8, 16), condition=4)
    x = torch.randn(1, 3, 16, 16)
    assert not torch.allclose(net(x, torch.zeros(1, 4)), net(x, torch.ones(1, 4)))


def test_it_learns_to_copy_what_only_skips_can_carry() -> None:
    torch.manual_seed(0)
    net = UNet(1, 1, (8, 8))
    optimiser = torch.optim.Adam(net.parameters(), 1e-2)
    for _ in range(150):
        x = torch.randn(4, 1, 8, 8)  # noise of single pixels
        loss = (net(x) - x).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float(loss) < 0.05
