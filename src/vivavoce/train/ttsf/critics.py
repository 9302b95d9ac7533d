"""The frozen critics of TTSF's losses: who it is, whether lips and sound fit, what it looks like.

The paper's are an ArcFace network, a SyncNet and VGG19. Each is read from the user's own file, or,
where the settings say "corpus", a judge that ships and was trained on the corpus takes its place;
the lip reader lets that sync judge, which looks at points, see pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.errors import RequestError
from vivavoce.measure.judges.corpus import FaceJudge, SyncJudge
from vivavoce.measure.judges.official.arcface import POINTS, SIDE, TEMPLATE, ArcFace
from vivavoce.measure.judges.official.sync import CROP_MARGIN, CROP_PX
from vivavoce.nn.perceptual import held_vgg19, load_vgg19
from vivavoce.nn.pictures import crop, levels_of
from vivavoce.nn.syncnet import LipSync, SyncNet
from vivavoce.nn.weights import SHIPPED
from vivavoce.systems.ttsf.net import Learning
from vivavoce.types import Float

FACE_PX, MOUTH_PX = 64, 32
"""Sides in px of what the corpus's face judge and the lip reader look at."""
JUDGES = SHIPPED / "judges"
CORPUS = "corpus"


def face_boxes(mouths: Tensor) -> Tensor:
    """Squares [B, 4] that the corpus face judge looks at, from the mouths' boxes [B, 4] px."""
    side = mouths[:, 2] - mouths[:, 0]
    x, y = (mouths[:, 0] + mouths[:, 2]) / 2, (mouths[:, 1] + mouths[:, 3]) / 2 - 0.43 * side
    half = 1.05 * side
    return torch.stack([x - half, y - half, x + half, y + half], 1)


def syncnet_boxes(points: Float) -> Float:
    """Squares [n, 4] px that SyncNet's authors crop around tracked faces [n, 478, 3]: the box of
    the face, widened by 0.4 to the sides and by 0.8 below."""
    low, high = points[..., :2].min(1), points[..., :2].max(1)
    (x, y), half = ((low + high) / 2).T, (high - low).max(1) / 2
    wide = half * (1 + CROP_MARGIN)
    top, bottom = y - half, y + half * (1 + 2 * CROP_MARGIN)
    return np.stack([x - wide, top, x + wide, bottom], 1).astype(np.float32)


def arcface_grids(points: Float, size: int) -> Float:
    """Matrices [n, 2, 3] that take places of ArcFace's 112 px square to places of a picture with
    faces [n, 478, 3] px, both in -1..1 as `affine_grid` counts them; `size` is the picture's."""
    found = []
    for face in points:
        matrix, _ = cv2.estimateAffinePartial2D(
            TEMPLATE, np.ascontiguousarray(face[list(POINTS), :2], np.float32), method=cv2.LMEDS
        )
        if matrix is None:  # all five points lie in one place
            matrix = np.float64([[1, 0, 0], [0, 1, 0]])
        turn, shift = matrix[:, :2], matrix[:, 2]
        middle = turn @ np.full(2, (SIDE - 1) / 2) + shift  # px of the picture
        theta = np.column_stack([turn * SIDE / size, (2 * middle + 1) / size - 1])
        found.append(theta)
    return np.asarray(found, np.float32)


class LipReader(nn.Module):
    """Mouth crops [B, 3, 32, 32] → lip curves [B, 42] as `measure.judges.views.lip_curves` gives
    them from points: with it the sync judge's network sees pixels, and gradients reach them."""

    trained: Tensor

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, width, 3, 2, 1), nn.GroupNorm(4, width), nn.GELU(),
            nn.Conv2d(width, 2 * width, 3, 2, 1), nn.GroupNorm(4, 2 * width), nn.GELU(),
            nn.Conv2d(2 * width, 3 * width, 3, 2, 1), nn.GELU(), nn.Flatten(),
            nn.Linear(3 * width * 16, 128), nn.GELU(), nn.Linear(128, 42),
        )  # fmt: skip
        # Whether it has been taught: through random weights L_sync would be noise.
        self.register_buffer("trained", torch.tensor(False))

    def forward(self, mouths: Tensor) -> Tensor:
        """Lip curves [B, 42]."""
        out: Tensor = self.layers(mouths)
        return out


class Critics(nn.Module):
    """The critics that ship; all are frozen but the lip reader, which has a stage of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.face = FaceJudge(JUDGES).net.requires_grad_(False).eval()
        self.sync: LipSync = SyncJudge(JUDGES).net.requires_grad_(False).eval()
        self.reader = LipReader()

    def embedding(self, faces: Tensor) -> Tensor:
        """Unit vectors [B, 64] of the face judge for crops [B, 3, 64, 64] in -1..1."""
        return self.face.heads.embedding(self.face.features(faces))


def official(learning: Learning) -> dict[str, nn.Module]:
    """The networks that the settings ask for by file, by the name of their loss; frozen. VGG19 is
    left out where torchvision's file is not in torch's cache: `check_vgg19` refuses that.

    Raises: BadCheckpoint: a file is missing, damaged, or another network's.
    """
    found: dict[str, nn.Module] = {}
    file = held_vgg19()
    if learning.perceptual == "vgg19" and file is not None:
        found["perceptual"] = load_vgg19(file)
    if learning.identity not in ("", CORPUS):
        found["identity"] = ArcFace(learning.identity).net
    if learning.sync not in ("", CORPUS):
        found["sync"] = SyncNet.load(Path(learning.sync))
    return {name: net.eval().requires_grad_(False) for name, net in found.items()}


def check_vgg19(learning: Learning) -> None:
    """Raises: RequestError: Eq. 3 is to compare VGG19's maps, and VGG19 is not here."""
    if learning.perceptual == "vgg19" and held_vgg19() is None:
        raise RequestError(
            "Eq. 3 of the paper compares VGG19's feature maps, and torchvision's file of it is not "
            "in torch's cache. Put it there, or say --set model.learning.perceptual=corpus to "
            "compare those of the face judge that ships."
        )


class Judgement:
    """L_id, L_sync and phi of Eq. 3, by the corpus critics or by official networks."""

    def __init__(self, critics: Critics, borrowed: dict[str, nn.Module]) -> None:
        self.critics, self.borrowed = critics, borrowed

    def maps(self, pictures: Tensor) -> Sequence[Tensor]:
        """phi of Eq. 3: feature maps of pictures [B, 3, S, S] in -1..1."""
        eye = self.borrowed.get("perceptual")
        found: Sequence[Tensor] = self.critics.face.maps(pictures) if eye is None else eye(pictures)
        return found

    def identity(self, made: Tensor, wanted: Tensor, mouths: Tensor, grids: Tensor) -> Tensor:
        """L_id: 1 - cos of identity embeddings of pictures [B, 3, S, S] in -1..1, with the mouths'
        boxes [B, 4] px for the corpus judge, and `arcface_grids` [B, 2, 3] for ArcFace."""
        net = self.borrowed.get("identity")
        if net is None:
            boxes = face_boxes(mouths)
            mine, theirs = (self.critics.embedding(crop(p, boxes, FACE_PX)) for p in (made, wanted))
        else:
            grid = F.affine_grid(grids, [len(made), 3, SIDE, SIDE], align_corners=False)
            mine, theirs = (
                F.normalize(net(F.grid_sample(p, grid, align_corners=False)), dim=1)
                for p in (made, wanted)
            )
        return (1 - (mine * theirs).sum(1)).mean()

    def sync(
        self, made: Tensor, mouths: Tensor, heard: Tensor, faces: Tensor, cepstra: Tensor
    ) -> Tensor:  # fmt: skip
        """L_sync: 1 - cos(S_v, S_a) of runs of pictures [B, 5, 3, S, S] in -1..1 and the clip's own
        sound: mouths [B, 5, 4] px and log-mel [B, 20, 80] for the corpus judge, `syncnet_boxes`
        [B, 5, 4] and MFCCs [B, 20, 13] for the official one."""
        net = self.borrowed.get("sync")
        if isinstance(net, SyncNet):
            crops = crop(made.flatten(0, 1), faces.flatten(0, 1), CROP_PX)
            levels = levels_of(crops.flip(1).clamp(-1, 1))  # blue first
            seen = net.see(levels.unflatten(0, made.shape[:2]).transpose(1, 2))
            sound = net.hear(cepstra.transpose(1, 2)[:, None])
            return (1 - F.cosine_similarity(seen, sound)).mean()
        crops = crop(made.flatten(0, 1), mouths.flatten(0, 1), MOUTH_PX)
        curves = self.critics.reader(crops).unflatten(0, made.shape[:2])
        seen, sound = self.critics.sync.see(curves), self.critics.sync.hear(heard)
        return (1 - (seen * sound).sum(-1)).mean()
