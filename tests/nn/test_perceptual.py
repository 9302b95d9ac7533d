"""VGG19 under its official names, and the distance by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from vivavoce.errors import BadCheckpoint
from vivavoce.nn.perceptual import (
    MEAN,
    SPREAD,
    Lpips,
    Vgg16,
    Vgg19,
    held_lpips,
    load_lpips,
    load_vgg19,
    perceptual_distance,
)


def test_the_network_is_vgg19s_convolutions() -> None:
    """20,024,384 of VGG19's 143,667,240 parameters are in its sixteen convolutions."""
    net = Vgg19()
    assert sum(p.numel() for p in net.parameters()) == 20_024_384
    names = list(net.state_dict())
    assert names[0] == "features.0.weight"
    assert names[-1] == "features.34.bias"
    assert net.state_dict()["features.28.weight"].shape == (512, 512, 3, 3)


def test_taps_are_the_first_relu_of_each_size() -> None:
    torch.manual_seed(0)
    net = Vgg19()
    with torch.no_grad():
        maps = net(torch.rand(1, 3, 32, 32) * 2 - 1)
    assert [tuple(m.shape[1:]) for m in maps] == [
        (64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4), (512, 2, 2)
    ]  # fmt: skip
    assert all(float(m.min()) >= 0 for m in maps)
    picture = torch.zeros(1, 3, 32, 32)
    plain = (0.5 - torch.tensor(MEAN)) / torch.tensor(SPREAD)
    first = net.features[:2](plain.view(1, 3, 1, 1).expand(1, 3, 32, 32))
    torch.testing.assert_close(net(picture)[0], first)


def test_official_weights_load_by_path_and_others_are_refused(tmp_path: Path) -> None:
    torch.manual_seed(0)
    weights = Vgg19().state_dict() | {"classifier.0.bias": torch.zeros(4)}
    file = tmp_path / "vgg19-dcbb9e9d.pth"
    torch.save(weights, file)
    net = load_vgg19(file)
    assert not any(p.requires_grad for p in net.parameters())
    torch.testing.assert_close(net.state_dict()["features.0.bias"], weights["features.0.bias"])
    torch.save({"conv1.weight": torch.zeros(1)}, tmp_path / "resnet.pth")
    (tmp_path / "page.html").write_text("<html>")
    for name in ("resnet.pth", "page.html", "missing.pth"):
        with pytest.raises(BadCheckpoint, match=name):
            load_vgg19(tmp_path / name)


def test_the_distance_by_hand() -> None:
    def maps(x: torch.Tensor) -> list[torch.Tensor]:
        return [x, 2 * x[..., ::2, ::2]]

    true = torch.zeros(1, 3, 4, 4)
    made = torch.full((1, 3, 4, 4), 0.5, requires_grad=True)
    distance = perceptual_distance(maps, made, true)
    assert float(distance) == pytest.approx((0.5 + 1.0) / 2, abs=1e-3)
    distance.backward()
    assert made.grad is not None
    assert float(perceptual_distance(maps, true, true)) < 2e-4


def test_lpips_by_hand() -> None:
    """Eq. 1 of Zhang et al. on the same maps, place by place."""
    torch.manual_seed(0)
    net = Lpips()
    for weight in net.weights:
        weight.data.uniform_(0, 1)
    a, b = torch.rand(2, 1, 3, 32, 32) * 2 - 1
    wanted = 0.0
    with torch.no_grad():
        for one, two, weight in zip(net.eye(a), net.eye(b), net.weights, strict=True):
            side = one.shape[-1]
            for y in range(side):
                for x in range(side):
                    u, v = one[0, :, y, x], two[0, :, y, x]
                    u, v = u / (u.norm() + 1e-10), v / (v.norm() + 1e-10)
                    wanted += float((weight[0, :, 0, 0] * (u - v) ** 2).sum()) / side**2
        assert float(net(a, b)) == pytest.approx(wanted, rel=1e-4)
        assert float(net(a, a)) == 0
    assert [tuple(m.shape[1:]) for m in net.eye(a)] == [
        (64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4), (512, 2, 2)
    ]  # fmt: skip


def test_lpips_weights_load_by_their_official_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    eye, own = tmp_path / "checkpoints" / "vgg16-397923af.pth", tmp_path / "vgg.pth"
    eye.parent.mkdir()
    torch.save(Vgg16().state_dict(), eye)
    held = {f"lin{i}.model.1.weight": torch.rand(1, w, 1, 1)
            for i, w in enumerate((64, 128, 256, 512, 512))}  # fmt: skip
    torch.save(held, own)
    net = load_lpips(eye, own)
    assert torch.equal(net.weights[4], held["lin4.model.1.weight"])
    assert not any(p.requires_grad for p in net.parameters())
    with pytest.raises(BadCheckpoint, match="LPIPS on VGG16"):
        load_lpips(eye, eye)
    # torchmetrics brings LPIPS' own weights in its wheel
    pytest.importorskip("torchmetrics")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    seen, real = held_lpips()
    assert seen == eye
    assert all(bool((w >= 0).all()) for w in load_lpips(seen, real).weights)
