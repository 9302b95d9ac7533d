"""Inception-v3 as FID uses it, by the names of `pt_inception-2015-12-05-6726825d.pth`.

Szegedy et al., "Rethinking the Inception architecture", CVPR 2016; the weights are TensorFlow's of
2015, brought to torch by mseitzer/pytorch-fid, whose three departures are kept: averages leave the
border out, the last block pools by the maximum, and 1008 classes.
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

SIDE = 299
WHAT = "Inception-v3 of pytorch-fid (pt_inception-2015-12-05-6726825d.pth)"
Size = int | tuple[int, int]


class _Conv(nn.Module):
    """A convolution with batch norm and ReLU behind it."""

    def __init__(
        self, inputs: int, outputs: int, kernel: Size, stride: int = 1, pad: Size = 0
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, pad, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


def _average(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)


class _BlockA(nn.Module):
    """Mixed_5b to 5d."""

    def __init__(self, inputs: int, pooled: int) -> None:
        super().__init__()
        self.branch1x1 = _Conv(inputs, 64, 1)
        self.branch5x5_1 = _Conv(inputs, 48, 1)
        self.branch5x5_2 = _Conv(48, 64, 5, pad=2)
        self.branch3x3dbl_1 = _Conv(inputs, 64, 1)
        self.branch3x3dbl_2 = _Conv(64, 96, 3, pad=1)
        self.branch3x3dbl_3 = _Conv(96, 96, 3, pad=1)
        self.branch_pool = _Conv(inputs, pooled, 1)

    def forward(self, x: Tensor) -> Tensor:
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([
            self.branch1x1(x), self.branch5x5_2(self.branch5x5_1(x)), double,
            self.branch_pool(_average(x)),
        ], 1)  # fmt: skip


class _BlockB(nn.Module):
    """Mixed_6a."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.branch3x3 = _Conv(inputs, 384, 3, 2)
        self.branch3x3dbl_1 = _Conv(inputs, 64, 1)
        self.branch3x3dbl_2 = _Conv(64, 96, 3, pad=1)
        self.branch3x3dbl_3 = _Conv(96, 96, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), double, F.max_pool2d(x, 3, 2)], 1)


class _BlockC(nn.Module):
    """Mixed_6b to 6e."""

    def __init__(self, inputs: int, c: int) -> None:
        super().__init__()
        along, across = (1, 7), (7, 1)
        pads = {along: (0, 3), across: (3, 0)}

        def conv(i: int, o: int, kernel: tuple[int, int]) -> _Conv:
            return _Conv(i, o, kernel, pad=pads[kernel])

        self.branch1x1 = _Conv(inputs, 192, 1)
        self.branch7x7_1 = _Conv(inputs, c, 1)
        self.branch7x7_2 = conv(c, c, along)
        self.branch7x7_3 = conv(c, 192, across)
        self.branch7x7dbl_1 = _Conv(inputs, c, 1)
        self.branch7x7dbl_2 = conv(c, c, across)
        self.branch7x7dbl_3 = conv(c, c, along)
        self.branch7x7dbl_4 = conv(c, c, across)
        self.branch7x7dbl_5 = conv(c, 192, along)
        self.branch_pool = _Conv(inputs, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        single = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        return torch.cat([self.branch1x1(x), single, double, self.branch_pool(_average(x))], 1)


class _BlockD(nn.Module):
    """Mixed_7a."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.branch3x3_1 = _Conv(inputs, 192, 1)
        self.branch3x3_2 = _Conv(192, 320, 3, 2)
        self.branch7x7x3_1 = _Conv(inputs, 192, 1)
        self.branch7x7x3_2 = _Conv(192, 192, (1, 7), pad=(0, 3))
        self.branch7x7x3_3 = _Conv(192, 192, (7, 1), pad=(3, 0))
        self.branch7x7x3_4 = _Conv(192, 192, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        seven = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x)))
        three = self.branch3x3_2(self.branch3x3_1(x))
        return torch.cat([three, self.branch7x7x3_4(seven), F.max_pool2d(x, 3, 2)], 1)


class _BlockE(nn.Module):
    """Mixed_7b (average) and 7c (maximum)."""

    def __init__(self, inputs: int, maximum: bool) -> None:
        super().__init__()
        self.maximum = maximum
        self.branch1x1 = _Conv(inputs, 320, 1)
        self.branch3x3_1 = _Conv(inputs, 384, 1)
        self.branch3x3_2a = _Conv(384, 384, (1, 3), pad=(0, 1))
        self.branch3x3_2b = _Conv(384, 384, (3, 1), pad=(1, 0))
        self.branch3x3dbl_1 = _Conv(inputs, 448, 1)
        self.branch3x3dbl_2 = _Conv(448, 384, 3, pad=1)
        self.branch3x3dbl_3a = _Conv(384, 384, (1, 3), pad=(0, 1))
        self.branch3x3dbl_3b = _Conv(384, 384, (3, 1), pad=(1, 0))
        self.branch_pool = _Conv(inputs, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        three = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        pooled = F.max_pool2d(x, 3, 1, 1) if self.maximum else _average(x)
        return torch.cat([
            self.branch1x1(x), self.branch3x3_2a(three), self.branch3x3_2b(three),
            self.branch3x3dbl_3a(double), self.branch3x3dbl_3b(double), self.branch_pool(pooled),
        ], 1)  # fmt: skip


class InceptionNet(nn.Module):
    """Pictures [B, 3, 299, 299] in -1..1 → features [B, 2048]."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = _Conv(3, 32, 3, 2)
        self.Conv2d_2a_3x3 = _Conv(32, 32, 3)
        self.Conv2d_2b_3x3 = _Conv(32, 64, 3, pad=1)
        self.Conv2d_3b_1x1 = _Conv(64, 80, 1)
        self.Conv2d_4a_3x3 = _Conv(80, 192, 3)
        self.Mixed_5b, self.Mixed_5c = _BlockA(192, 32), _BlockA(256, 64)
        self.Mixed_5d = _BlockA(288, 64)
        self.Mixed_6a = _BlockB(288)
        self.Mixed_6b, self.Mixed_6c = _BlockC(768, 128), _BlockC(768, 160)
        self.Mixed_6d, self.Mixed_6e = _BlockC(768, 160), _BlockC(768, 192)
        self.Mixed_7a = _BlockD(768)
        self.Mixed_7b, self.Mixed_7c = _BlockE(1280, False), _BlockE(2048, True)
        self.fc = nn.Linear(2048, 1008)

    def forward(self, x: Tensor) -> Tensor:
        """Features [B, 2048] of pictures [B, 3, 299, 299]: means of the last maps."""
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(F.max_pool2d(x, 3, 2)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(F.max_pool2d(x, 3, 2))))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        return x.mean((2, 3))


class Inception:
    """The judge of FID and KID: whole pictures, not crops of faces."""

    official = True
    name = "Inception-v3 (FID, 2015)"

    def __init__(self, path: str, device: str = "cpu") -> None:
        self.net = load_into(InceptionNet(), path, WHAT, device=device)

    @torch.no_grad()
    def features(self, frames: Bytes, landmarks: Float) -> Float:
        """Features [T, 2048] of frames, one row each."""
        found = []
        for frame in frames:
            x = as_tensor(frame, self.net)[None]
            x = F.interpolate(x, (SIDE, SIDE), mode="bilinear", align_corners=False)
            with one_thread():
                found.append(answer(self.net(x)[0]))
        return np.stack(found)
