"""ArcFace's IResNet by the names of insightface's arcface_torch (`backbone.pth`).

Deng et al., "ArcFace: additive angular margin loss", CVPR 2019. Faces are laid over five points.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from vivavoce.errors import BadCheckpoint
from vivavoce.measure.judges.official.files import load_into, read_published
from vivavoce.measure.judges.tensors import answer
from vivavoce.nn.pictures import as_tensor
from vivavoce.nn.threads import one_thread
from vivavoce.types import Bytes, Float

SIDE = 112
TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655],
     [70.7299, 92.2041]], np.float32
)  # fmt: skip
"""Where eyes, tip of the nose and corners of the mouth stand in its 112 px."""
POINTS = (468, 473, 1, 61, 291)
"""The same of ours; the first eye is the one at the left of the picture."""
DEPTHS = {24: (3, 4, 14, 3), 49: (3, 13, 30, 3), 8: (2, 2, 2, 2), 16: (3, 4, 6, 3)}
"""Number of blocks → blocks of each stage: IR-50, IR-100, IR-18, IR-34."""
WHAT = "an IResNet of arcface_torch (backbone.pth)"


class _Block(nn.Module):
    """Norm, convolution, norm, PReLU, convolution, norm, beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs, eps=1e-5)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs, eps=1e-5)
        self.prelu = nn.PReLU(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, stride, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs, eps=1e-5)
        self.downsample = None if stride == 1 and inputs == outputs else nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs, eps=1e-5)
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn3(self.conv2(self.prelu(self.bn2(self.conv1(self.bn1(x))))))
        past = x if self.downsample is None else self.downsample(x)
        out: Tensor = y + past
        return out


class ArcFaceNet(nn.Module):
    """Faces [B, 3, 112, 112] in -1..1 → [B, 512]."""

    def __init__(self, blocks: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64, eps=1e-5)
        self.prelu = nn.PReLU(64)
        inputs = 64
        for i, (count, width) in enumerate(zip(blocks, (64, 128, 256, 512), strict=True), 1):
            stage = [_Block(inputs, width, 2), *(_Block(width, width, 1) for _ in range(count - 1))]
            self.add_module(f"layer{i}", nn.Sequential(*stage))
            inputs = width
        self.bn2 = nn.BatchNorm2d(512, eps=1e-5)
        self.fc = nn.Linear(512 * 49, 512)
        self.features = nn.BatchNorm1d(512, eps=1e-5)

    def forward(self, x: Tensor) -> Tensor:
        """Vectors [B, 512] of identity, not yet of unit length."""
        x = self.prelu(self.bn1(self.conv1(x)))
        for i in range(1, 5):
            x = self.get_submodule(f"layer{i}")(x)
        out: Tensor = self.features(self.fc(self.bn2(x).flatten(1)))
        return out


class ArcFace:
    """The official judge of CSIM (ArcFace): identity of a face."""

    official = True

    def __init__(self, path: str, device: str = "cpu") -> None:
        names = read_published(path, WHAT)
        count = len({n.rsplit(".", 2)[0] for n in names if n.endswith("conv2.weight")})
        if count not in DEPTHS:
            raise BadCheckpoint(f"{path} does not hold {WHAT}: it has {count} residual blocks.")
        self.net = load_into(ArcFaceNet(DEPTHS[count]), path, WHAT, device=device)
        self.name = f"ArcFace IR-{2 * count + 2}"

    @torch.no_grad()
    def embedding(self, frames: Bytes, landmarks: Float) -> Float:
        """Unit vectors of identity [T, 512], one a frame."""
        crops = np.stack([laid(f, p) for f, p in zip(frames, landmarks, strict=True)])
        x = as_tensor(crops, self.net)
        with one_thread():
            found = torch.cat([self.net(one[None]) for one in x])
        return answer(torch.nn.functional.normalize(found, dim=1))


def laid(frame: Bytes, landmarks: Float) -> Bytes:
    """The face laid over the template [112, 112, 3], by the best similarity (least squares)."""
    matrix, _ = cv2.estimateAffinePartial2D(
        np.ascontiguousarray(landmarks[list(POINTS), :2], np.float32), TEMPLATE, method=cv2.LMEDS
    )
    if matrix is None:  # all five points in one place
        matrix = np.float32([[1, 0, 0], [0, 1, 0]])
    return np.asarray(cv2.warpAffine(frame, matrix, (SIDE, SIDE)), np.uint8)
