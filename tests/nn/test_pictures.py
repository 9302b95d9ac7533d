"""Pictures to tensors and back, and crops that gradients flow through."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from vivavoce.nn.pictures import as_pictures, as_tensor, crop


def pictures(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("shape", [(5, 7, 3), (2, 5, 7, 3), (2, 3, 5, 7, 3)])
def test_pictures_return_as_they_were(shape: tuple[int, ...]) -> None:
    one = pictures(*shape)
    tensor = as_tensor(one)
    assert tensor.shape == (*shape[:-3], 3, *shape[-3:-1])
    assert tensor.min() >= -1
    assert tensor.max() <= 1
    assert np.array_equal(as_pictures(tensor), one)


def test_black_is_minus_one_and_white_one() -> None:
    one = np.zeros((1, 2, 3), np.uint8)
    one[0, 1] = 255
    assert as_tensor(one)[:, 0].tolist() == [[-1, 1]] * 3


def test_what_is_outside_is_cut_off() -> None:
    assert as_pictures(torch.tensor([-3.0, 0.0, 3.0]).view(3, 1, 1)).ravel().tolist() == [
        0,
        128,
        255,
    ]


def test_the_tensor_lies_where_the_network_is() -> None:
    net = nn.Linear(1, 1, device="meta")
    assert as_tensor(pictures(4, 4, 3), net).device.type == "meta"
    assert as_tensor(pictures(4, 4, 3), net.weight).device.type == "meta"
    assert as_tensor(pictures(4, 4, 3)).device.type == "cpu"


def test_a_crop_is_the_rectangle_of_its_box() -> None:
    many = as_tensor(pictures(2, 12, 20, 3))
    boxes = torch.tensor([[3.0, 2.0, 11.0, 10.0], [12.0, 4.0, 20.0, 12.0]])
    cut = crop(many, boxes, 8)
    torch.testing.assert_close(cut[0], many[0, :, 2:10, 3:11])
    torch.testing.assert_close(cut[1], many[1, :, 4:12, 12:20])


def test_a_crop_beyond_the_edge_repeats_it() -> None:
    one = as_tensor(pictures(1, 6, 6, 3))
    cut = crop(one, torch.tensor([[-6.0, 0.0, 6.0, 12.0]]), 12)
    torch.testing.assert_close(cut[0, :, 0, 0], one[0, :, 0, 0])
    torch.testing.assert_close(cut[0, :, 11, 0], one[0, :, 5, 0])


def test_gradients_flow_through_a_crop_to_its_rectangle_alone() -> None:
    one = as_tensor(pictures(1, 8, 8, 3)).requires_grad_()
    crop(one, torch.tensor([[2.0, 2.0, 6.0, 6.0]]), 4).sum().backward()
    assert one.grad is not None
    assert one.grad[..., 2:6, 2:6].eq(1).all()
    assert one.grad.sum() == 3 * 16
