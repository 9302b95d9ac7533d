"""How different two pictures look to a network that has learnt to see.

With the official VGG19 weights (torchvision's `vgg19-dcbb9e9d.pth`, a user's file) it is the
distance that the papers use; without, the same distance on features of a network that was trained
here. Every figure and every loss log carries `name`, which says which.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vivavoce.errors import BadCheckpoint

VGG19 = (64, 64, "M", 128, 128, "M", 256, 256, 256, 256, "M", 512, 512, 512, 512, "M",
         512, 512, 512, 512, "M")  # fmt: skip
"""Configuration E (Simonyan & Zisserman, ICLR 2015, table 1): widths of 3x3 convolutions, pools."""
VGG19_FILE = "vgg19-dcbb9e9d.pth"
TAPS = (2, 7, 12, 21, 30)
"""Layers whose input is compared: relu1_1, 2_1, 3_1, 4_1, 5_1, counted as torchvision does."""
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

Maps = Callable[[Tensor], Sequence[Tensor]]
"""Of pictures [B, 3, H, W] in -1..1 the feature maps of some layers."""


class Vgg19(nn.Module):
    """The convolutions of VGG19 under their official names, `features.0.weight` and so on."""

    name = "VGG19"
    mean: Tensor
    spread: Tensor

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        for width in VGG19:
            if isinstance(width, int):
                layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()]
                inputs = width
            else:
                layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("spread", torch.tensor(SPREAD).view(3, 1, 1), persistent=False)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Maps at relu1_1 to relu5_1 of pictures in -1..1."""
        x = ((pictures + 1) / 2 - self.mean) / self.spread
        found = []
        for i in range(1, TAPS[-1] + 1):
            x = self.features[i - 1](x)
            if i in TAPS:
                found.append(x)
        return found


def held_vgg19() -> Path | None:
    """The official file where torchvision keeps it, if the user has it; nothing is fetched."""
    file = Path(torch.hub.get_dir()) / "checkpoints" / VGG19_FILE
    return file if file.is_file() else None


def load_vgg19(file: Path) -> Vgg19:
    """The official network from torchvision's file; frozen, its classifier left out.

    Raises: BadCheckpoint: missing, damaged, or another network's.
    """
    try:
        weights = torch.load(file, map_location="cpu", weights_only=True)
        kept = {k: v for k, v in weights.items() if k.startswith("features.")}
        net = Vgg19()
        net.load_state_dict(kept)
    except (OSError, RuntimeError, AttributeError, ValueError, EOFError) as error:
        raise _refusal(file, error) from None
    except Exception as error:  # torch.load raises pickle's own kinds for damaged files
        raise _refusal(file, error) from None
    return net.eval().requires_grad_(False)


def _refusal(file: Path, error: Any) -> BadCheckpoint:
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return BadCheckpoint(
        f"{file} does not hold VGG19 as torchvision publishes it (vgg19-dcbb9e9d.pth): {first}"
    )


def perceptual_distance(maps: Maps, made: Tensor, true: Tensor) -> Tensor:
    """Mean over layers and places of the Euclidean distance of features (TTSF, Eq. 3: (1/N_f) sum
    of |phi_i(made) - phi_i(true)|_2, at every place, so that layers of all sizes count alike)."""
    with torch.no_grad():
        wanted = maps(true)
    pairs = zip(maps(made), wanted, strict=True)
    return torch.stack([((a - b).square().mean(1) + 1e-8).sqrt().mean() for a, b in pairs]).mean()
