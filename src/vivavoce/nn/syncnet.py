"""Networks that hear whether lips and sound belong together.

`SyncNet` is Chung & Zisserman's ("Out of time: automated lip sync in the wild", ACCV 2016) in the
layout of its published weights (github.com/joonson/syncnet_python, `syncnet_v2.model`), so that
they load by their own names. `LipSync` is ours: small, on lip points instead of pixels, so that it
judges a drawn face, a photograph and a mesh alike.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.errors import BadCheckpoint

WINDOW = 5
"""Video frames of one window, of lips and of sound alike: 0.2 s."""


def _conv2(i: int, o: int, **how: object) -> list[nn.Module]:
    return [nn.Conv2d(i, o, **how), nn.BatchNorm2d(o), nn.ReLU(inplace=True)]  # type: ignore[arg-type]


def _conv3(i: int, o: int, **how: object) -> list[nn.Module]:
    return [nn.Conv3d(i, o, **how), nn.BatchNorm3d(o), nn.ReLU(inplace=True)]  # type: ignore[arg-type]


class SyncNet(nn.Module):
    """Published network of Chung & Zisserman: 1024 numbers for 5 frames, and for 0.2 s of sound."""

    def __init__(self) -> None:
        super().__init__()
        self.netcnnaud = nn.Sequential(
            *_conv2(1, 64, kernel_size=3, padding=1),
            nn.MaxPool2d(1, 1),
            *_conv2(64, 192, kernel_size=3, padding=1),
            nn.MaxPool2d(3, (1, 2)),
            *_conv2(192, 384, kernel_size=3, padding=1),
            *_conv2(384, 256, kernel_size=3, padding=1),
            *_conv2(256, 256, kernel_size=3, padding=1),
            nn.MaxPool2d(3, 2),
            *_conv2(256, 512, kernel_size=(5, 4)),
        )
        self.netfcaud = _head()
        self.netfclip = _head()
        wide = {"kernel_size": (1, 3, 3), "padding": (0, 1, 1)}
        self.netcnnlip = nn.Sequential(
            *_conv3(3, 96, kernel_size=(5, 7, 7), stride=(1, 2, 2)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_conv3(96, 256, kernel_size=(1, 5, 5), stride=(1, 2, 2), padding=(0, 1, 1)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            *_conv3(256, 256, **wide),
            *_conv3(256, 256, **wide),
            *_conv3(256, 256, **wide),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_conv3(256, 512, kernel_size=(1, 6, 6)),
        )

    def hear(self, mfcc: Tensor) -> Tensor:
        """Features [B, 1024] of 0.2 s of sound from 13 MFCCs at 100 a second [B, 1, 13, 20]."""
        out: Tensor = self.netfcaud(self.netcnnaud(mfcc).flatten(1))
        return out

    def see(self, frames: Tensor) -> Tensor:
        """Features [B, 1024] of 5 frames from face crops in 0..255, blue first as OpenCV reads them
        [B, 3, 5, 224, 224]."""
        out: Tensor = self.netfclip(self.netcnnlip(frames).flatten(1))
        return out

    @classmethod
    def load(cls, path: Path) -> SyncNet:
        """Network with the published weights in `path`, a plain state dict.

        Raises: BadCheckpoint: they are none.
        """
        net = cls()
        try:
            net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        except Exception as error:
            raise BadCheckpoint(
                f"{path} does not hold SyncNet's weights ({str(error).splitlines()[0]}). Give "
                "syncnet_v2.model of joonson/syncnet_python."
            ) from None
        return net.eval()


def _head() -> nn.Sequential:
    return nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 1024))


class LipSync(nn.Module):
    """Unit vectors for lips and for sound that are near where they belong together.

    Trained as an N-way match over the offsets of one clip (Chung, Chung & Kang, "Perfect match",
    ICASSP 2019) beside Wav2Lip's binary loss (Prajwal et al., ACM MM 2020, sec. 3.1).
    """

    def __init__(self, points: int = 42, width: int = 96, size: int = 96) -> None:
        super().__init__()
        self.lips = nn.Sequential(
            nn.Conv1d(points, width, 3, padding=1),
            nn.GELU(),
            nn.Conv1d(width, width, 3),
            nn.GELU(),
            nn.Conv1d(width, 2 * width, 3),
            nn.GELU(),
            nn.Conv1d(2 * width, size, 1),
        )
        self.sound = nn.Sequential(
            nn.Conv1d(80, 2 * width, 5),
            nn.GELU(),
            nn.Conv1d(2 * width, 2 * width, 4, stride=2),
            nn.GELU(),
            nn.Conv1d(2 * width, 2 * width, 4),
            nn.GELU(),
            nn.Conv1d(2 * width, size, 4, stride=2),
        )
        self.sharpness = nn.Parameter(torch.tensor(2.3))

    def see(self, lips: Tensor) -> Tensor:
        """Unit vectors [B, T - 4, S] of every window of lip points [B, T, 42]."""
        return F.normalize(self.lips(lips.transpose(1, 2)), dim=1).transpose(1, 2)

    def hear(self, mel: Tensor) -> Tensor:
        """Unit vectors [B, T - 4, S] of every window of log-mel frames [B, 4 T, 80]."""
        found = self.sound(mel.transpose(1, 2))
        return F.normalize(found, dim=1).transpose(1, 2)

    def scores(self, seen: Tensor, heard: Tensor, most: int) -> Tensor:
        """Cosines [B, N, 2 * most + 1] of each lip window with the sounds up to `most` frames
        earlier and later; windows [B, T, S] of both, N = T - 2 * most."""
        count = seen.shape[1] - 2 * most
        middle = seen[:, most : most + count]
        around = heard.unfold(1, count, 1).permute(0, 3, 1, 2)  # [B, N, offsets, S]
        return torch.einsum("bns,bnos->bno", middle, around)
