"""Hopenet by the names of natanielruiz/deep-head-pose (`hopenet_robust_alpha1.pkl`).

Ruiz et al., "Fine-grained head pose estimation without keypoints", CVPR workshops 2018: a ResNet-50
with a distribution over 66 bins of 3 degrees for each angle.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.measure.judges.official.files import load_into
from vivavoce.measure.judges.tensors import beside
from vivavoce.nn.threads import one_thread
from vivavoce.types import Bytes, Float

SIDE, BINS = 224, 66
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
WHAT = "Hopenet of deep-head-pose (hopenet_robust_alpha1.pkl)"


class _Bottleneck(nn.Module):
    """He et al., CVPR 2016, fig. 5, right; the stride is in the 3x3."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample = None if stride == 1 and inputs == 4 * width else nn.Sequential(
            nn.Conv2d(inputs, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width)
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(F.relu(self.bn2(self.conv2(y)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class HopenetNet(nn.Module):
    """Pictures [B, 3, 224, 224] → logits of yaw, pitch, roll [B, 66] each."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        inputs = 64
        for i, (count, width) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512)), 1):
            first = _Bottleneck(inputs, width, 1 if i == 1 else 2)
            rest = [_Bottleneck(4 * width, width, 1) for _ in range(count - 1)]
            self.add_module(f"layer{i}", nn.Sequential(first, *rest))
            inputs = 4 * width
        self.fc_yaw, self.fc_pitch, self.fc_roll = (nn.Linear(2048, BINS) for _ in range(3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of yaw, pitch and roll, [B, 66] each, in this order."""
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for i in range(1, 5):
            x = self.get_submodule(f"layer{i}")(x)
        x = x.mean((2, 3))
        return self.fc_yaw(x), self.fc_pitch(x), self.fc_roll(x)


class Hopenet:
    """The judge of head motion in SadTalker's and TTSF's tables."""

    official = True
    name = "Hopenet (robust, alpha 1)"

    def __init__(self, path: str, device: str = "cpu") -> None:
        def used(name: str) -> bool:
            return not name.startswith("fc_finetune")

        self.net = load_into(HopenetNet(), path, WHAT, used, device)

    @torch.no_grad()
    def angles(self, frames: Bytes, landmarks: Float) -> Float:
        """Yaw, pitch, roll [T, 3] in degrees: expectations over the bins."""
        bins = beside(self.net, 3 * torch.arange(BINS) - 99.0)
        found = []
        for frame, points in zip(frames, landmarks, strict=True):
            with one_thread():
                said = self.net(beside(self.net, _prepared(frame, points)))
            found.append([float((s.softmax(1) @ bins)[0]) for s in said])
        return np.array(found, np.float32).reshape(-1, 3)


def _prepared(frame: Bytes, points: Float) -> Tensor:
    """The box of the face, widened by half at the sides, by 3/4 above and 1/4 below, as the
    authors' test script does with its detector's boxes."""
    (left, top), (right, bottom) = points[:, :2].min(0), points[:, :2].max(0)
    wide, tall = right - left, bottom - top
    x0, x1 = (int(v) for v in (left - wide / 2, right + wide / 2))
    y0, y1 = (int(v) for v in (top - 0.75 * tall, bottom + 0.25 * tall))
    height, width = frame.shape[:2]
    crop = frame[max(y0, 0) : min(y1, height), max(x0, 0) : min(x1, width)]
    crop = crop if crop.size else frame
    sized = np.asarray(cv2.resize(crop, (SIDE, SIDE)), np.float32) / 255
    x = (sized - np.array(MEAN, np.float32)) / np.array(SPREAD, np.float32)
    return torch.from_numpy(x.transpose(2, 0, 1)[None].astype(np.float32))
