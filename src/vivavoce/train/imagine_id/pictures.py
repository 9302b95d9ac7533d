"""What the adapters learn from: a frame, its mesh, its person, its neighbour, their background."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from vivavoce.nn.latent import LatentBase
from vivavoce.nn.pictures import as_tensor
from vivavoce.systems.imagine_id.face import FaceSpace
from vivavoce.systems.imagine_id.imagining import person_mask, without_mouth, without_person
from vivavoce.systems.imagine_id.meshes import CROP, Mesh, face_mask, fitted, mesh_of, mouth_mask
from vivavoce.systems.imagine_id.settings import ImagineSettings
from vivavoce.systems.stage import Sample
from vivavoce.train.imagine_id.sounds import TRACKS
from vivavoce.train.read.square import Sight
from vivavoce.train.read.windows import Clip, Windows
from vivavoce.types import Bytes

QUADRUPLE = ("target", "mesh", "adjacent", "identity")
"""Pictures of a sample: I, I_rd, I_ad with its mouth masked, I_id."""


class Quadruples:
    """Maker of the training pictures of clips, for one linear face and size."""

    def __init__(self, face: FaceSpace, settings: ImagineSettings, size: int) -> None:
        self.face, self.settings, self.size = face, settings, size

    def pictures(self, clip: Clip, frame: int, other: int) -> Tensor:
        """`QUADRUPLE` [4, 3, S, S] in [-1, 1] of a frame (from 1 on); `other` is the one that
        shows who it is (I_id)."""
        seen, meshes = self._seen(clip, [frame, frame - 1, other])
        hidden = mouth_mask(
            self.face, meshes[1].points, self.size, self.settings.mouth_dilation
        )  # fmt: skip
        four = [seen[0], meshes[0].picture, without_mouth(seen[1], hidden), seen[2]]
        return as_tensor(np.stack(four))

    def background(self, clip: Clip, frame: int, other: int) -> Sample:
        """Picture and I_bg [3, S, S] and mask [1, S, S]: the background from another frame, the
        mask from the frame before, as in use."""
        seen, meshes = self._seen(clip, [frame, frame - 1, other])
        grown = self.settings.dilation
        nobody = without_person(seen[2], person_mask(seen[2], meshes[2], grown))
        mask = person_mask(seen[1], meshes[1], grown) | face_mask(meshes[0])
        return {
            "picture": as_tensor(seen[0]), "background": as_tensor(nobody),
            "mask": torch.from_numpy(mask).float()[None],
        }  # fmt: skip

    def _seen(self, clip: Clip, frames: Sequence[int]) -> tuple[Bytes, list[Mesh]]:
        """Pictures and meshes of some frames, in the square around the face of the first frame of
        the clip."""
        sight = Sight.of(clip, 0, self.size, CROP)
        shape, expression = (clip.sample.tracks[n] for n in TRACKS[self.settings.face])
        rows = np.asarray(frames, int)
        points = fitted(self.face, shape, expression[rows], sight.points(rows))
        return sight.pictures(rows), [mesh_of(self.face, p, self.size) for p in points]


def pair(frames: int, rng: np.random.Generator) -> tuple[int, int]:
    """A frame that has one before it, and any frame of the clip."""
    return int(rng.integers(1, frames)), int(rng.integers(frames))


def encoded(base: LatentBase, pictures: Tensor) -> Tensor:
    """Latents [..., C, h, w] of pictures [..., 3, S, S]."""
    with torch.no_grad():
        return base.encode(pictures.flatten(0, -4)).unflatten(0, pictures.shape[:-3])


def cached(
    file: Path, base: LatentBase, maker: Quadruples, windows: Windows, each: int, seed: int
) -> Tensor:
    """Latents [N, each, 4, C, h, w], half precision, of some frames of every clip, made once and
    kept in `file`."""
    if file.is_file():
        return load_file(file)["latents"]
    rng, found = np.random.default_rng(seed), []
    for number in range(len(windows)):
        clip = windows.clip(number)
        pictures = [maker.pictures(clip, *pair(len(clip.sample), rng)) for _ in range(each)]
        found.append(encoded(base, torch.stack(pictures).to(base.device)).half().cpu())
    latents = torch.stack(found)
    save_file({"latents": latents}, file)
    return latents
