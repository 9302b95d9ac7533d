"""What each shared network computes from known weights: checkpoints rely on these numbers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from known import brief, filled, tensor
from vivavoce.nn.conformer import Conformer, RelativeAttention
from vivavoce.nn.critics import MultiScaleCritic, PatchCritic, PictureCritic, batch_deviation
from vivavoce.nn.diffusion import Diffusion
from vivavoce.nn.embeddings import waves
from vivavoce.nn.equalised import EqualConv2d, EqualLinear, double, halve, leaky
from vivavoce.nn.flow_unet import FlowUNet
from vivavoce.nn.modulated import Modulated
from vivavoce.nn.perceptual import MEAN, SPREAD, Vgg16
from vivavoce.nn.syncnet import LipSync
from vivavoce.nn.unet import UNet

Golden = Callable[..., None]
CHANNELS = {4: 6, 8: 5, 16: 4}


@pytest.mark.parametrize(
    ("name", "net", "inputs"),
    [
        ("conformer", lambda: Conformer(16, 2, 2, 5), [(2, 9, 16)]),
        ("unet", lambda: UNet(3, 2, (4, 8, 12)), [(2, 3, 16, 8)]),
        ("unet with a condition", lambda: UNet(3, 2, (4, 8), 5), [(2, 3, 8, 8), (2, 5)]),
        ("picture critic", lambda: PictureCritic(16, CHANNELS), [(4, 3, 16, 16)]),
        ("equal linear", lambda: EqualLinear(6, 4, 0.5, 1.4), [(3, 6)]),
        ("equal convolution", lambda: EqualConv2d(4, 5, 3, 2, gain=1.4), [(2, 4, 8, 8)]),
        ("modulated", lambda: Modulated(4, 5, 3, 6), [(2, 4, 8, 8), (2, 6)]),
        ("modulated, up", lambda: Modulated(4, 5, 3, 6, up=True), [(2, 4, 8, 8), (2, 6)]),
    ],
)  # fmt: skip
def test_networks(
    name: str, net: Callable[[], nn.Module], inputs: list[tuple[int, ...]], golden: Golden
) -> None:
    with torch.no_grad():
        made = filled(net())(*(tensor(*shape, seed=50 + i) for i, shape in enumerate(inputs)))
    golden(name, brief(made))


def test_modulated_with_a_bias_is_the_same_plus_the_bias(golden: Golden) -> None:
    for demodulate in (True, False):
        net = filled(Modulated(4, 5, 3, 6, demodulate=demodulate))
        x, style, bias = tensor(2, 4, 8, 8, seed=1), tensor(2, 6, seed=2), tensor(5, 1, 1, seed=3)
        torch.testing.assert_close(net(x, style, bias), net(x, style) + bias, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("frames", [8, 9])
def test_the_flow_unet(frames: int, golden: Golden) -> None:
    net = filled(FlowUNet(6, 4, 16, 2, 2, 1))
    x, t = tensor(2, frames, 6, seed=50), torch.tensor([0.2, 0.7])
    mask = torch.ones(2, frames, dtype=torch.bool)
    mask[1, 6:] = False
    with torch.no_grad():
        golden(f"flow unet, {frames} frames", brief(net(x, t)))
        masked = net(x, t, mask)
        golden(f"flow unet, {frames} frames, masked", brief(masked))
        assert not masked[1, 6:].any()
        torch.testing.assert_close(masked[1:, :6], net(x[1:, :6], t[1:]), atol=1e-5, rtol=1e-4)
        assert not torch.allclose(net(x, t), net(x, 1 - t), atol=1e-3)


def test_critics_of_patches(golden: Golden) -> None:
    pictures = tensor(2, 3, 32, 32, seed=50)
    with torch.no_grad():
        for i, found in enumerate(filled(PatchCritic(3, 4, 2))(pictures)):
            golden(f"patch critic, layer {i}", brief(found))
        scales = filled(MultiScaleCritic(3, 4, 2, 1))(pictures)
    assert [s[-1].shape[-1] for s in scales] == [14, 6]
    for i, found in enumerate(scales):
        golden(f"multi-scale critic, scale {i}", brief(found[-1]))


def test_the_critics_last_map_tells_how_much_a_group_differs() -> None:
    x = tensor(8, 3, 4, 4, seed=1)
    groups = x.view(4, 2, 3, 4, 4)
    wanted = (groups.var(0, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))
    found = batch_deviation(x)
    assert found.shape == (8, 1, 4, 4)
    torch.testing.assert_close(found[:, 0, 0, 0], wanted.repeat(4))
    assert float(batch_deviation(x[:1].expand(4, -1, -1, -1)).max()) < 1e-3


def test_vgg_sees_pictures_as_imagenets(golden: Golden) -> None:
    assert torch.tensor(MEAN).tolist() == pytest.approx([0.485, 0.456, 0.406])
    assert torch.tensor(SPREAD).tolist() == pytest.approx([0.229, 0.224, 0.225])
    net = filled(Vgg16())
    pictures = tensor(1, 3, 32, 32, seed=50).clamp(-1, 1)
    with torch.no_grad():
        for i, found in enumerate(net(pictures)):
            golden(f"vgg16, tap {i}", brief(found))


def test_waves(golden: Golden) -> None:
    position = torch.tensor([0.0, 1.0, -3.5, 100.0])
    found = waves(position, 8)
    golden("waves", found)
    assert found[0].tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    torch.testing.assert_close(found[:, 0], position.sin())
    torch.testing.assert_close(found[:, 4], position.cos())
    torch.testing.assert_close(found[:, 3], (position / 10_000).sin())


def test_attention_knows_before_from_after() -> None:
    """With content silenced, what a frame hears depends on how far before or after it something
    stands, and on nothing else."""
    net = filled(RelativeAttention(8, 2))
    with torch.no_grad():
        net.key.weight.zero_()
        x = torch.zeros(1, 7, 8)
        x[0, 3] = tensor(8, seed=9)
        found, later = net(x)[0], net(x.roll(1, 1))[0]
        assert not torch.allclose(found[2], found[4], atol=1e-4)
        mask = torch.ones(1, 7, dtype=torch.bool)
        mask[0, 3] = False
        still = net(x, mask)[0]
    assert float((later[3] - found[2]).abs().max()) < float((found[2] - found[4]).abs().max())
    torch.testing.assert_close(still, still[:1].expand(7, -1), atol=1e-5, rtol=1e-4)


def test_filters_between_resolutions() -> None:
    ramp = torch.arange(8.0).view(1, 1, 1, 8).expand(1, 2, 8, 8)
    inside = halve(ramp)[0, 0, 1, 1:-1]
    assert inside.tolist() == [2.5, 4.5]
    assert double(ramp)[0, 0, 4, 6:10].tolist() == [2.75, 3.25, 3.75, 4.25]
    assert leaky(torch.tensor([-1.0, 2.0])).tolist() == pytest.approx([-0.2, 2.0])


def test_lips_and_sound(golden: Golden) -> None:
    net = filled(LipSync(points=6, width=4, size=5))
    with torch.no_grad():
        seen, heard = net.see(tensor(2, 12, 6, seed=50)), net.hear(tensor(2, 48, 80, seed=51))
    assert seen.shape == heard.shape == (2, 8, 5)
    golden("lips seen", brief(seen))
    golden("sound heard", brief(heard))
    torch.testing.assert_close(heard.norm(dim=-1), torch.ones(2, 8))
    scores = net.scores(seen, heard, 2)
    assert scores.shape == (2, 4, 5)
    for offset in range(-2, 3):  # column 0: the sound two frames earlier
        wanted = (seen[:, 2:6] * heard[:, 2 + offset : 6 + offset]).sum(-1)
        torch.testing.assert_close(scores[..., 2 + offset], wanted)


def test_the_noise_schedule_and_the_way_back(golden: Golden) -> None:
    diffusion = Diffusion(20, 1e-3, 0.2)
    golden("variances", diffusion.betas)
    x0, noise, t = tensor(3, 4, seed=1), tensor(3, 4, seed=2), torch.tensor([1, 10, 20])
    kept = torch.cumprod(1 - torch.linspace(1e-3, 0.2, 20), 0)[t - 1][:, None]
    torch.testing.assert_close(
        diffusion.corrupt(x0, noise, t), kept.sqrt() * x0 + (1 - kept).sqrt() * noise
    )
    assert float(diffusion.loss(lambda x, t: noise, x0, noise, t).abs().max()) == 0

    def halved(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return 0.5 * x + 0.01 * t[:, None]

    golden("back", diffusion.back(halved, x0, 12))
    golden("back with noise", diffusion.back(halved, x0, 12, lambda t: tensor(3, 4, seed=t)))
    golden("quick", diffusion.quick(halved, x0, 5))
