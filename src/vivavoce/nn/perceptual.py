"""How different two pictures look to a network that has learnt to see.

With the official VGG19 weights (torchvision's `vgg19-dcbb9e9d.pth`, a user's file) it is the
distance that the papers use; without, the same distance on features of a network that was trained
here. Every figure and every loss log carries `name`, which says which. LPIPS (Zhang et al., CVPR
2018) is there for who holds its weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vivavoce.errors import BadCheckpoint, RequestError

VGG16 = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M")
VGG19 = (64, 64, "M", 128, 128, "M", 256, 256, 256, 256, "M", 512, 512, 512, 512, "M",
         512, 512, 512, 512, "M")  # fmt: skip
"""Configurations D and E (Simonyan & Zisserman, ICLR 2015, table 1): widths of 3x3 convolutions,
pools."""
VGG16_FILE, VGG19_FILE = "vgg16-397923af.pth", "vgg19-dcbb9e9d.pth"
TAPS = (2, 7, 12, 21, 30)
"""Layers of VGG19 whose input is compared: relu1_1, 2_1, 3_1, 4_1, 5_1, counted as torchvision
does."""
LPIPS_TAPS = (4, 9, 16, 23, 30)
"""Layers of VGG16 whose input LPIPS compares: relu1_2, 2_2, 3_3, 4_3, 5_3."""
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

Maps = Callable[[Tensor], Sequence[Tensor]]
"""Function that gives the feature maps of some layers for pictures [B, 3, H, W] in -1..1."""


class _Vgg(nn.Module):
    """The convolutions of a VGG under their official names, `features.0.weight` and so on."""

    name: str
    LAYERS: tuple[int | str, ...]
    TAPS: tuple[int, ...]
    mean: Tensor
    spread: Tensor

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        for width in self.LAYERS:
            if isinstance(width, int):
                layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()]
                inputs = width
            else:
                layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("spread", torch.tensor(SPREAD).view(3, 1, 1), persistent=False)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Maps at the taps of pictures in -1..1."""
        x = ((pictures + 1) / 2 - self.mean) / self.spread
        found = []
        for i in range(1, self.TAPS[-1] + 1):
            x = self.features[i - 1](x)
            if i in self.TAPS:
                found.append(x)
        return found


class Vgg19(_Vgg):
    """VGG19 up to relu5_1: its maps are compared in Eq. 3 of the TTSF paper."""

    name, LAYERS, TAPS = "VGG19", VGG19, TAPS


class Vgg16(_Vgg):
    """VGG16 up to relu5_3: its maps are compared by LPIPS."""

    name, LAYERS, TAPS = "VGG16", VGG16, LPIPS_TAPS


class Lpips(nn.Module):
    """LPIPS, version 0.1 on VGG16 (Zhang et al., "The unreasonable effectiveness of deep features
    as a perceptual metric", CVPR 2018, Eq. 1): 0 for equal pictures, lower is more alike."""

    def __init__(self) -> None:
        super().__init__()
        self.eye = Vgg16()
        widths = (64, 128, 256, 512, 512)
        self.weights = nn.ParameterList(nn.Parameter(torch.ones(1, w, 1, 1)) for w in widths)

    def forward(self, made: Tensor, true: Tensor) -> Tensor:
        """Mean over pictures [B, 3, H, W] in -1..1."""
        with torch.no_grad():
            wanted = self.eye(true)
        parts = [
            ((_unit(a) - _unit(b)).square() * w).sum(1).mean()
            for a, b, w in zip(self.eye(made), wanted, self.weights, strict=True)
        ]
        return torch.stack(parts).sum()


def _unit(x: Tensor) -> Tensor:
    """[B, C, H, W] with a length of 1 at every place."""
    return x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10)


def held_vgg19() -> Path | None:
    """The official file where torchvision keeps it, if the user has it; nothing is fetched."""
    return _held(VGG19_FILE)


def held_lpips() -> tuple[Path, Path]:
    """VGG16 where torchvision keeps it, and the weights that lpips or torchmetrics brings.

    Raises: RequestError: one of them is not there.
    """
    places = [
        Path(spec.origin).parent / inside
        for name, inside in (
            ("lpips", "weights/v0.1/vgg.pth"),
            ("torchmetrics", "functional/image/lpips_models/vgg.pth"),
        )
        if (spec := find_spec(name)) is not None and spec.origin
    ]
    eye, own = _held(VGG16_FILE), next((p for p in places if p.is_file()), None)
    if eye is None or own is None:
        raise RequestError(
            f"LPIPS needs torchvision's {VGG16_FILE} in {_checkpoints()} and the weights that the "
            "package lpips (or torchmetrics) brings. Put them there, or leave losses.lpips at 0."
        )
    return eye, own


def _checkpoints() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints"


def _held(name: str) -> Path | None:
    file = _checkpoints() / name
    return file if file.is_file() else None


def load_vgg19(file: Path) -> Vgg19:
    """The official network from torchvision's file; frozen, its classifier left out.

    Raises: BadCheckpoint: missing, damaged, or another network's.
    """
    net = Vgg19()
    _fill(net, file)
    return net.eval().requires_grad_(False)


def load_lpips(eye: Path, own: Path) -> Lpips:
    """LPIPS from VGG16's file and the file of its own weights; frozen.

    Raises: BadCheckpoint: missing, damaged, or another network's.
    """
    net = Lpips()
    _fill(net.eye, eye)
    held = _read(own)
    try:
        for i, weight in enumerate(net.weights):
            weight.data.copy_(held[f"lin{i}.model.1.weight"])
    except (KeyError, RuntimeError, TypeError) as error:
        raise BadCheckpoint(f"{own} does not hold the weights of LPIPS on VGG16: {error}") from None
    return net.eval().requires_grad_(False)


def _fill(net: _Vgg, file: Path) -> None:
    weights = _read(file)
    try:
        net.load_state_dict({k: v for k, v in weights.items() if k.startswith("features.")})
    except (RuntimeError, AttributeError) as error:
        raise _refusal(file, net.name, error) from None


def _read(file: Path) -> Any:
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises pickle's own kinds for damaged files
        raise _refusal(file, "weights", error) from None


def _refusal(file: Path, what: str, error: Any) -> BadCheckpoint:
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return BadCheckpoint(f"{file} does not hold {what} as they are published: {first}")


def perceptual_distance(maps: Maps, made: Tensor, true: Tensor) -> Tensor:
    """Distance of feature maps after TTSF's Eq. 3, the mean over layers of
    |phi_i(made) - phi_i(true)|_2. The norm is taken at every place and divided by the root of the
    number of channels (a root mean square), so that layers of all sizes count alike."""
    with torch.no_grad():
        wanted = maps(true)
    pairs = zip(maps(made), wanted, strict=True)
    return torch.stack([((a - b).square().mean(1) + 1e-8).sqrt().mean() for a, b in pairs]).mean()


def perceptual_l1(maps: Maps, made: Tensor, true: Tensor) -> Tensor:
    """Distance of feature maps as in S2TF's Eq. 4.5, the mean over layers of
    |phi_l(true) - phi_l(made)|_1, where the norm is a mean over a map's numbers, so that layers of
    all sizes count alike."""
    with torch.no_grad():
        wanted = maps(true)
    pairs = zip(maps(made), wanted, strict=True)
    return torch.stack([(a - b).abs().mean() for a, b in pairs]).mean()
