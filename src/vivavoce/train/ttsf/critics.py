"""The frozen critics of TTSF's losses: who it is, whether lips and sound fit, what it looks like.

The paper's are an ArcFace network, a SyncNet and VGG19, none of which can be had here; these are
small ones that learned from the corpus. Other networks with the same methods take their place.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.measure.judges.corpus import FaceJudge, SyncJudge
from vivavoce.nn.perceptual import Lpips, Vgg19, held_lpips, load_lpips, load_vgg19
from vivavoce.nn.syncnet import LipSync
from vivavoce.systems import WEIGHTS

FACE_PX, MOUTH_PX = 64, 32
JUDGES = WEIGHTS / "judges"


def crop(pictures: Tensor, boxes: Tensor, side: int) -> Tensor:
    """The boxes [B, 4] px of pictures [B, 3, S, S], each as [B, 3, side, side]."""
    size = pictures.shape[-1]
    left, top, right, bottom = (2 * boxes / size - 1).T
    zero = torch.zeros_like(left)
    theta = torch.stack(
        [
            (right - left) / 2,
            zero,
            (right + left) / 2,
            zero,
            (bottom - top) / 2,
            (top + bottom) / 2,
        ],
        1,
    ).view(-1, 2, 3)
    grid = F.affine_grid(theta, [len(boxes), 3, side, side], align_corners=False)
    return F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)


def face_boxes(mouths: Tensor) -> Tensor:
    """The square that the face judge looks at, from the mouth's box [B, 4]."""
    side = mouths[:, 2] - mouths[:, 0]
    x, y = (mouths[:, 0] + mouths[:, 2]) / 2, (mouths[:, 1] + mouths[:, 3]) / 2 - 0.43 * side
    half = 1.05 * side
    return torch.stack([x - half, y - half, x + half, y + half], 1)


class LipReader(nn.Module):
    """Mouth crops [B, 3, 32, 32] → lip curves [B, 42] as `measure.judges.views.lip_curves` gives
    them from points: with it the sync judge's network sees pixels, and gradients reach them."""

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, width, 3, 2, 1), nn.GroupNorm(4, width), nn.GELU(),
            nn.Conv2d(width, 2 * width, 3, 2, 1), nn.GroupNorm(4, 2 * width), nn.GELU(),
            nn.Conv2d(2 * width, 3 * width, 3, 2, 1), nn.GELU(), nn.Flatten(),
            nn.Linear(3 * width * 16, 128), nn.GELU(), nn.Linear(128, 42),
        )  # fmt: skip

    def forward(self, mouths: Tensor) -> Tensor:
        """Lip curves."""
        out: Tensor = self.layers(mouths)
        return out


class Critics(nn.Module):
    """The corpus critics; frozen but for the lip reader, which has a stage of its own."""

    def __init__(self, vgg19: Path | None = None) -> None:
        """`vgg19`: the official weights; without them Eq. 3 compares the face judge's maps."""
        super().__init__()
        self.judge: list[Lpips] = []
        self.eye: list[Vgg19] = [] if vgg19 is None else [load_vgg19(vgg19)]
        self.face = FaceJudge(JUDGES).net.requires_grad_(False).eval()
        self.sync: LipSync = SyncJudge(JUDGES).net.requires_grad_(False).eval()
        self.reader = LipReader()

    def maps(self, pictures: Tensor) -> Sequence[Tensor]:
        """phi of Eq. 3: feature maps of pictures [B, 3, S, S] in -1..1."""
        seen = self.eye[0].to(pictures.device) if self.eye else self.face.maps
        return seen(pictures)

    def lpips(self, made: Tensor, wanted: Tensor) -> Tensor:
        """LPIPS of pictures [B, 3, S, S]; its weights are read when it is first asked for.

        Raises: RequestError: the official weights are not here.
        """
        if not self.judge:
            self.judge.append(load_lpips(*held_lpips()).to(made.device))
        return self.judge[0](made, wanted)

    def identity(self, made: Tensor, wanted: Tensor, mouths: Tensor) -> Tensor:
        """L_id: 1 - cos of identity embeddings of pictures [B, 3, S, S]."""
        boxes = face_boxes(mouths)
        mine, theirs = (self._embedding(crop(p, boxes, FACE_PX)) for p in (made, wanted))
        return (1 - (mine * theirs).sum(1)).mean()

    def sync_loss(self, made: Tensor, mouths: Tensor, heard: Tensor) -> Tensor:
        """L_sync: 1 - cos(S_v, S_a) of runs of at least 5 pictures [B, T, 3, S, S] with the mouths'
        boxes [B, T, 4] and the clip's own sound, log-mel [B, 4 T, 80]."""
        crops = crop(made.flatten(0, 1), mouths.flatten(0, 1), MOUTH_PX)
        curves = self.reader(crops).unflatten(0, made.shape[:2])
        seen, sound = self.sync.see(curves), self.sync.hear(heard)
        return (1 - (seen * sound).sum(-1)).mean()

    def _embedding(self, faces: Tensor) -> Tensor:
        return self.face.heads.embedding(self.face.features(faces))
