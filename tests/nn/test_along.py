"""Convolutions along time: the numbers of torch's own, whatever the kernel, stride, dilation."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from vivavoce.nn.along import ConvAlong
from vivavoce.nn.flow_unet import FlowUNet


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation"),
    [(1, 1, 0, 1), (3, 1, 1, 1), (3, 2, 1, 1), (3, 1, 8, 8), (11, 1, 0, 5), (1, 2, 0, 1)],
)
def test_it_is_torchs_convolution(kernel: int, stride: int, padding: int, dilation: int) -> None:
    torch.manual_seed(0)
    ours = ConvAlong(5, 7, kernel, stride, padding, dilation)
    theirs = nn.Conv1d(5, 7, kernel, stride, padding, dilation)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 61, 5, requires_grad=True)
    made, wanted = ours(x), theirs(x.transpose(1, 2)).transpose(1, 2)
    torch.testing.assert_close(made, wanted, atol=1e-5, rtol=1e-4)
    grad = torch.autograd.grad(made.square().sum(), x)[0]
    torch.testing.assert_close(
        grad, torch.autograd.grad(wanted.square().sum(), x)[0], atol=1e-4, rtol=1e-3
    )


@pytest.mark.parametrize("frames", [20, 21])
def test_clips_that_end_together_need_no_mask(frames: int) -> None:
    """The U-Net gives the same with no mask, with a mask that says nothing, and beside a longer
    clip."""
    torch.manual_seed(0)
    net = FlowUNet(4, 3, 16).eval()
    x, t = torch.randn(1, frames, 4), torch.tensor([0.3])
    alone = net(x, t)
    torch.testing.assert_close(net(x, t, torch.ones(1, frames, dtype=torch.bool)), alone)
    longer = torch.cat([x, torch.randn(1, 9, 4)], 1).expand(2, -1, -1)
    ends = torch.arange(frames + 9) < torch.tensor([[frames], [frames + 9]])
    beside = net(longer, t.expand(2), ends)
    torch.testing.assert_close(beside[:1, :frames], alone, atol=1e-5, rtol=1e-4)
    assert not beside[0, frames:].any()
