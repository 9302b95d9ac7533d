"""Relative attention against the plain formula; padding, lengths and order."""

from __future__ import annotations

import torch

from vivavoce.nn.conformer import Conformer, RelativeAttention
from vivavoce.nn.embeddings import waves
from vivavoce.nn.flow_unet import FlowUNet


def test_attention_is_transformer_xls_sum_over_pairs() -> None:
    torch.manual_seed(0)
    layer = RelativeAttention(8, 2)
    torch.nn.init.normal_(layer.content_bias)
    torch.nn.init.normal_(layer.distance_bias)
    x = torch.randn(1, 5, 8)
    q, k, v = (f(x)[0].view(5, 2, 4) for f in (layer.ask, layer.key, layer.value))
    out = torch.zeros(5, 2, 4)
    for h in range(2):
        scores = torch.zeros(5, 5)
        for i in range(5):
            for j in range(5):
                r = layer.distance(waves(torch.tensor([i - j]), 8))[0].view(2, 4)[h]
                scores[i, j] = (q[i, h] + layer.content_bias[h]) @ k[j, h]
                scores[i, j] += (q[i, h] + layer.distance_bias[h]) @ r
        out[:, h] = (scores / 2.0).softmax(1) @ v[:, h]
    torch.testing.assert_close(layer(x)[0], layer.out(out.reshape(5, 8)), atol=1e-5, rtol=1e-4)


def test_frames_after_the_end_change_nothing() -> None:
    torch.manual_seed(0)
    net = Conformer(16, 2, 4, 7).eval()
    x = torch.randn(1, 12, 16)
    longer = torch.cat([x, torch.randn(1, 5, 16)], 1)
    mask = torch.arange(17)[None] < 12
    torch.testing.assert_close(net(longer, mask)[:, :12], net(x), atol=1e-5, rtol=1e-4)


def test_it_is_not_blind_to_order() -> None:
    torch.manual_seed(0)
    net = Conformer(16, 1, 4, 7).eval()
    x = torch.randn(1, 12, 16)
    assert not torch.allclose(net(x.flip(1)).flip(1), net(x), atol=1e-3)


def test_a_field_takes_any_length_and_ignores_the_padding() -> None:
    torch.manual_seed(0)
    net = FlowUNet(6, 4, width=16, heads=2).eval()
    t = torch.tensor([0.3])
    for frames in (33, 100):
        assert net(torch.randn(1, frames, 6), t).shape == (1, frames, 4)
    x = torch.randn(1, 13, 6)
    mask = torch.arange(20)[None] < 13
    longer = torch.cat([x, torch.randn(1, 7, 6)], 1)
    torch.testing.assert_close(net(longer, t, mask)[:, :13], net(x, t), atol=1e-5, rtol=1e-3)


def test_a_field_knows_the_time() -> None:
    torch.manual_seed(0)
    net = FlowUNet(6, 4, width=16, heads=2).eval()
    x = torch.randn(1, 8, 6)
    assert not torch.allclose(net(x, torch.tensor([0.1])), net(x, torch.tensor([0.9])), atol=1e-3)
