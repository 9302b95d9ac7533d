"""The pretended GPU refuses what a GPU refuses, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fake_device import FAR, FakeGpu


def far(*shape: int) -> Tensor:
    return torch.ones(*shape, device=FAR)


@pytest.mark.parametrize(
    "mix",
    [
        lambda: far(2) + torch.ones(2),
        lambda: torch.ones(2, 2) @ far(2, 2),
        lambda: torch.cat([far(2), torch.ones(2)]),
        lambda: nn.Linear(2, 2)(far(2)),
        lambda: nn.Linear(2, 2).to(FAR)(torch.ones(2)),
        lambda: nn.functional.cross_entropy(far(2, 3), torch.zeros(2, dtype=torch.long)),
        lambda: nn.Linear(2, 2).to(FAR)(far(2)).detach().cpu() + far(2),
        lambda: torch.ones(3)[far(1).long()],
        lambda: torch.randn(2, generator=torch.Generator(), device=FAR),
    ],
)
def test_two_devices_in_one_operation_are_refused(mix: Callable[[], Any]) -> None:
    with FakeGpu(), pytest.raises(RuntimeError, match=r"same device|device type"):
        mix()


def test_numpy_wants_the_cpu() -> None:
    with FakeGpu():
        with pytest.raises(TypeError, match="numpy"):
            far(2).numpy()
        with pytest.raises(TypeError, match="numpy"):
            np.asarray(far(2))
        assert far(2).cpu().numpy().tolist() == [1, 1]
        assert far(2).tolist() == [1, 1]


def test_what_a_gpu_allows_is_allowed() -> None:
    with FakeGpu():
        x = far(3)
        assert (x * torch.tensor(2.0)).device == FAR
        assert x[torch.tensor([0, 2])].device == FAR
        assert x.clone().copy_(torch.zeros(3)).device == FAR
        assert torch.zeros(3).copy_(x).device.type == "cpu"
        assert torch.ones(1).expand_as(x).device.type == "cpu"
        assert x.to(torch.float16).device == x[1:].device == x.new_zeros(2).device == FAR
        assert torch.ones(2).to(x).device == torch.arange(2, device=x.device).device == FAR
        assert x.to("cpu").device.type == torch.zeros(3).device.type == "cpu"


def test_networks_move_and_learn_there() -> None:
    with FakeGpu():
        net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)).to(FAR)
        assert {t.device for t in [*net.parameters(), *net.buffers()]} == {FAR}
        adam = torch.optim.AdamW(net.parameters(), 0.1)
        before = net[0].weight.detach().clone()
        net(torch.randn(4, 2, device=FAR)).square().sum().backward()
        assert net[0].weight.grad.device == FAR
        adam.step()
        assert not torch.equal(net[0].weight, before)
        net.load_state_dict({k: v.cpu() for k, v in net.state_dict().items()})
        assert net[0].weight.device == FAR
        assert next(net.to("cpu").parameters()).device.type == "cpu"


def test_memory_that_is_used_again_is_not_taken_for_the_gpu() -> None:
    with FakeGpu():
        for _ in range(100):
            far(1000)
            assert torch.ones(1000).device.type == "cpu"
