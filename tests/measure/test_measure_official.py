"""Official judges: their networks have the published sizes and names, load by path, and refuse the
files of others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from vivavoce.errors import BadCheckpoint
from vivavoce.measure.judges import load_judge
from vivavoce.measure.judges.official.arcface import DEPTHS, TEMPLATE, ArcFaceNet, laid
from vivavoce.measure.judges.official.hopenet import HopenetNet
from vivavoce.measure.judges.official.i3d import I3dNet
from vivavoce.measure.judges.official.inception import InceptionNet
from vivavoce.measure.judges.official.voices import VggishNet, vggish_patches
from vivavoce.nn.syncnet import SyncNet

PUBLISHED = {
    "inception": (InceptionNet, 23_850_960),  # torchvision's 23,834,568 without aux, + 8 classes
    "i3d": (I3dNet, 12_697_264),
    "vggish": (VggishNet, 72_141_184),
    "hopenet": (HopenetNet, 23_913_734),  # ResNet-50's 23,508,032 + 3 x (2048 x 66 + 66)
    "ir50": (lambda: ArcFaceNet(DEPTHS[24]), 43_590_848),
    "ir100": (lambda: ArcFaceNet(DEPTHS[49]), 65_156_160),
}  # fmt: skip


def empty(make: object) -> nn.Module:
    """The network without memory for its weights."""
    with torch.device("meta"):
        return make()  # type: ignore[operator]


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_are_as_many_as_published(name: str) -> None:
    make, count = PUBLISHED[name]
    assert sum(p.numel() for p in empty(make).parameters()) == count


@pytest.mark.parametrize(
    ("name", "key", "shape"),
    [
        ("inception", "Mixed_6b.branch7x7dbl_5.conv.weight", (192, 128, 1, 7)),
        ("inception", "Mixed_7c.branch3x3dbl_3b.bn.running_var", (384,)),
        ("inception", "fc.weight", (1008, 2048)),
        ("i3d", "Mixed_4e.b1b.conv3d.weight", (288, 144, 3, 3, 3)),
        ("i3d", "logits.conv3d.bias", (400,)),
        ("vggish", "features.13.weight", (512, 512, 3, 3)),
        ("vggish", "embeddings.4.weight", (128, 4096)),
        ("hopenet", "layer3.5.conv3.weight", (1024, 256, 1, 1)),
        ("hopenet", "fc_roll.bias", (66,)),
        ("ir50", "layer3.13.prelu.weight", (256,)),
        ("ir50", "layer1.0.downsample.1.running_mean", (64,)),
        ("ir100", "layer3.29.bn3.bias", (256,)),
        ("ir50", "fc.weight", (512, 25088)),
        ("ir50", "features.bias", (512,)),
    ],
)  # fmt: skip
def test_names_are_the_published_ones(name: str, key: str, shape: tuple[int, ...]) -> None:
    assert tuple(empty(PUBLISHED[name][0]).state_dict()[key].shape) == shape


def random_file(net: nn.Module, path: Path, more: dict[str, torch.Tensor] | None = None) -> str:
    """Weights as a user has them on disk."""
    torch.save({f"module.{k}": v for k, v in net.state_dict().items()} | (more or {}), path)
    return str(path)


@pytest.fixture(scope="module")
def clip() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """20 frames of noise, points in the middle of them, half a second more of sound."""
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 255, (20, 64, 64, 3)).astype(np.uint8)
    points = (32 + 12 * rng.standard_normal((1, 478, 3))).clip(4, 60).repeat(20, 0)
    return frames, points.astype(np.float32), 0.1 * rng.standard_normal(20800).astype(np.float32)


def test_inception_judges_pictures(tmp_path: Path, clip: tuple) -> None:
    judge = load_judge("picture", random_file(InceptionNet(), tmp_path / "inception.pth"))
    assert judge.features(clip[0][:2], clip[1][:2]).shape == (2, 2048)
    assert judge.official


def test_i3d_judges_clips(tmp_path: Path, clip: tuple) -> None:
    judge = load_judge("clip", random_file(I3dNet(), tmp_path / "rgb_imagenet.pt"))
    assert judge.features(clip[0][:16], clip[1][:16]).shape == (1, 400)
    assert judge.features(clip[0][:9], clip[1][:9]).shape == (0, 400)


def test_arcface_finds_its_depth_in_the_file(tmp_path: Path, clip: tuple) -> None:
    judge = load_judge("face", random_file(ArcFaceNet(DEPTHS[8]), tmp_path / "backbone.pth"))
    assert judge.name == "ArcFace IR-18"
    found = judge.embedding(clip[0][:2], clip[1][:2])
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)


def test_faces_are_laid_over_the_template() -> None:
    points = np.zeros((478, 3), np.float32)
    turn = np.array([[0.8, -0.6], [0.6, 0.8]]) * 1.7
    places = (TEMPLATE @ turn.T + [20, 30]).astype(np.float32)
    points[[468, 473, 1, 61, 291], :2] = places
    picture = np.zeros((260, 260, 3), np.uint8)
    x, y = places[2].round().astype(int)
    picture[y - 4 : y + 5, x - 4 : x + 5] = 255
    at = np.argwhere(laid(picture, points)[..., 0] > 128).mean(0)
    np.testing.assert_allclose(at[::-1], TEMPLATE[2], atol=1.0)


def test_hopenet_gives_degrees(tmp_path: Path, clip: tuple) -> None:
    net = HopenetNet()
    for head, bin_at in ((net.fc_yaw, 43), (net.fc_pitch, 33), (net.fc_roll, 23)):
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
        head.bias.data[bin_at] = 100.0
    extra = {"module.fc_finetune.weight": torch.zeros(3, 2051)}
    judge = load_judge("head", random_file(net, tmp_path / "hopenet.pkl", extra))
    np.testing.assert_allclose(judge.angles(clip[0][:1], clip[1][:1]), [[30, 0, -30]], atol=0.01)


def test_vggish_hears_patches_of_a_second(tmp_path: Path, clip: tuple) -> None:
    judge = load_judge("sound", random_file(VggishNet(), tmp_path / "vggish.pth"))
    assert judge.features(clip[2]).shape == (1, 128)
    assert vggish_patches(np.zeros(100, np.float32)).shape == (1, 1, 96, 64)
    tone = np.sin(2 * np.pi * 1000 * np.arange(32000) / 16000).astype(np.float32)
    patches = vggish_patches(tone)
    assert patches.shape == (2, 1, 96, 64)
    band = int(patches[0, 0].mean(0).argmax())
    edges = np.linspace(1127 * np.log1p(125 / 700), 1127 * np.log1p(7500 / 700), 66)
    assert edges[band] < 1127 * np.log1p(1000 / 700) < edges[band + 2]
    assert float(vggish_patches(np.zeros(16000, np.float32)).max()) == pytest.approx(np.log(0.01))


def test_syncnet_has_two_crop_rules_by_name(tmp_path: Path, clip: tuple) -> None:
    file = tmp_path / "syncnet_v2.model"
    torch.save(SyncNet().state_dict(), file)
    tracked, whole = load_judge("sync", str(file)), load_judge("sync", f"lrs:{file}")
    assert tracked.name != whole.name
    assert "lrs" in whole.name
    frames, points, samples = clip
    a, b = (j.distances(points[:7], samples[: 7 * 640], frames[:7]) for j in (tracked, whole))
    assert a.shape == b.shape == (2, 31)


@pytest.mark.parametrize("kind", ["picture", "clip", "face", "head", "sound", "sync"])
def test_files_of_others_are_refused_by_name(kind: str, tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    (tmp_path / "page.html").write_text("<html>")
    for name in ("other.pth", "list.pth", "page.html", "missing.pth"):
        with pytest.raises(BadCheckpoint, match=name):
            load_judge(kind, str(tmp_path / name))
