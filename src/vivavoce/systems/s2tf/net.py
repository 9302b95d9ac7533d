"""S2TF's network, in the source's order and with its symbols.

The source and its diagram stand in the package's docstring; decisions on what it leaves open are in
docs/systems/s2tf.md.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.listen.resnet_se import ResNetSE
from vivavoce.look.face_encoders import FrameEncoder, ResNeXt
from vivavoce.nn.weights import check_shipped, read_into, read_settings
from vivavoce.render.style_generator import StyleGenerator
from vivavoce.systems.s2tf.settings import S2tfSettings

CROP = "close"
"""What of a picture it sees, see `look.crop`."""
TRAINING_ONLY = ("centroids.",)
"""Parts that the checkpoint does without."""


class Centroids(nn.Module):
    """The centroids W: one unit vector for each person of training, for faces and for voices."""

    def __init__(self, people: int, code: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(people, code))

    def forward(self, f_id: Tensor) -> Tensor:
        """Cosines [B, P] of f_id [B, D] with every centroid."""
        return F.normalize(f_id, dim=1) @ F.normalize(self.weight, dim=1).T


class S2tfNet(nn.Module):
    """All parts. The source's symbols are in the comments."""

    def __init__(self, settings: S2tfSettings) -> None:
        super().__init__()
        s = self.settings = settings
        self.face_identity = ResNeXt(  # E_id^v
            s.face_layers, s.face_width, s.face_groups, s.centred
        )
        self.face_motion = FrameEncoder(  # E_ir^v
            s.size, s.frame_channels, s.content, s.frame_pool, s.centred
        )
        stem = s.voice_stem
        self.voice_identity = ResNetSE(  # E_id^a
            s.voice_layers, s.voice_filters, s.identity, ((stem, stem), (1, 1), *[(2, 2)] * 3)
        )
        self.voice_content = ResNetSE(  # E_s^a; along time it steps by 4 in all
            s.voice_layers, s.voice_filters, s.content,
            ((stem, 1), (1, 1), (2, 2), (2, 2), (2, 1)),
        )  # fmt: skip
        self.centroids = Centroids(s.people, s.identity)  # W
        self.generator = StyleGenerator(  # G
            s.start, s.channels, s.identity + s.content, s.hidden, s.placed
        )

    @property
    def of_pictures(self) -> tuple[nn.Module, ...]:
        """The parts that see or draw pictures."""
        return self.face_identity, self.face_motion, self.generator

    def who_is_seen(self, pictures: Tensor) -> Tensor:
        """f_id^v [B, D], unit vectors, of pictures [B, 3, S, S] in -1..1."""
        return F.normalize(self.face_identity(pictures), dim=1)

    def who_is_heard(self, mel: Tensor) -> Tensor:
        """f_id^a [B, D], unit vectors, of 3.2 s of scaled log-mel [B, 320, 80]; other lengths will
        do."""
        return F.normalize(self.voice_identity(mel.transpose(1, 2)), dim=1)

    def how_it_is_held(self, pictures: Tensor) -> Tensor:
        """f_ir^v [B, C] of pictures [B, 3, S, S] in -1..1: pose, expression, mouth."""
        out: Tensor = self.face_motion(pictures)
        return out

    def what_is_said(self, windows: Tensor) -> Tensor:
        """f_s^a [B, K, C] of windows of scaled log-mel [B, K, 80, 20], one a video frame."""
        out: Tensor = self.voice_content(windows.flatten(0, 1)).unflatten(0, windows.shape[:2])
        return out

    def feature(self, f_id: Tensor, f_ir: Tensor) -> Tensor:
        """cat(f_id, f_ir) [N, D + C] of unit vectors f_id [N, D] and f_ir [N, C]; f_id is scaled so
        that its numbers are about as large as those of f_ir."""
        return torch.cat([math.sqrt(f_id.shape[1]) * f_id, f_ir], 1)

    def draw(self, f_id: Tensor, f_ir: Tensor, blocks: int | None = None) -> Tensor:
        """Pictures [N, 3, S, S] in -1..1 of f_id [N, D] and f_ir [N, C]; smaller ones with fewer
        `blocks`."""
        out: Tensor = self.generator(self.feature(f_id, f_ir), blocks)
        return out


def load_net(folder: Path) -> S2tfNet:
    """The network of the checkpoint in `folder`, ready for use, on the CPU.

    Raises: BadCheckpoint: not there, incomplete, damaged, or its weights are another preset's.
    """
    check_shipped(folder, "s2tf")
    net = S2tfNet(read_settings(folder, "s2tf", S2tfSettings))
    read_into(net, folder / "s2tf.safetensors", "s2tf", TRAINING_ONLY)
    return ready(net)


def ready(net: S2tfNet) -> S2tfNet:
    """The network for use: its pictures lie channel beside channel, which is faster."""
    for part in net.of_pictures:
        part.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return net.eval()
