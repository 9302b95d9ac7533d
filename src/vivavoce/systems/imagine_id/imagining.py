"""Algorithm 1: the frames of one person, the first imagined freely, the others held to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import torch
from torch import Tensor

from vivavoce.look.matte import matte
from vivavoce.nn.latent import LatentBase
from vivavoce.nn.pictures import as_pictures, as_tensor
from vivavoce.systems.imagine_id.face import FaceSpace
from vivavoce.systems.imagine_id.meshes import Mesh, face_mask, grown, mouth_mask
from vivavoce.systems.imagine_id.net import ImagineNet
from vivavoce.types import Bytes

Mode = Literal["coherent", "diverse"]
"""What follows the first frame: the same person ("coherent"), or a new one every frame."""
Part = Literal["identity", "adjacent", "background", "mask"]
"""What can be left out, for the studies of Figs. 9 and 10."""


@dataclass(frozen=True)
class Drawing:
    """How frames are drawn."""

    steps: int
    """T: steps of DDIM."""
    guidance: float
    """Guidance of the first frame (and of all in diverse mode)."""
    coherent_guidance: float
    """Guidance of the frames that follow."""
    mode: Mode = "coherent"
    """What follows the first frame."""
    without: frozenset[str] = frozenset()
    """Parts that are left out."""


class Imagination:
    """One person: noise z_T and description Y, which all frames share."""

    def __init__(
        self, net: ImagineNet, base: LatentBase, face: FaceSpace, drawing: Drawing,
        context: Tensor, nobody: Tensor, noise: Tensor,
    ) -> None:  # fmt: skip
        """`context` is Y, `nobody` that of the quality prompt alone [1, L, d], for guidance;
        `noise` is z_T [1, C, h, w]."""
        self.net, self.base, self.face, self.drawing = net, base, face, drawing
        self.context, self.nobody, self.noise = context, nobody, noise
        self.size = base.settings.size

    @torch.no_grad()
    def frames(self, meshes: Iterable[Mesh]) -> Iterator[Bytes]:
        """Frames [S, S, 3], one a mesh, in their order (Algorithm 1)."""
        meshes = iter(meshes)
        before = next(meshes, None)
        if before is None:
            return
        latents = self._sampled(before, self.drawing.guidance)  # i = 1: diverse mode
        picture = as_pictures(self.base.decode(latents))[0]
        yield picture
        held = None if self.drawing.mode == "diverse" else _Held(self, picture, before)
        for mesh in meshes:  # i = 2 ... H
            if held is None:
                latents = self._sampled(mesh, self.drawing.guidance)
                picture = as_pictures(self.base.decode(latents))[0]
            else:
                picture = held.next(picture, before, mesh)
            yield picture
            before = mesh

    def _sampled(
        self, mesh: Mesh, guidance: float, identity: Tensor | None = None,
        adjacent: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """z_0 from z_T, Y and F_sc; with guidance, F_sc steers both branches."""
        residuals = self.net.sca(self.seen(mesh.picture), identity, adjacent)
        return self.base.sample(
            self.noise, self.context, self.drawing.steps, guidance, self.nobody, residuals
        )

    def seen(self, picture: Bytes) -> Tensor:
        """E(I) [1, C, h, w] of a picture [S, S, 3]."""
        return self.base.encode(as_tensor(picture[None], self.base.vae))


class _Held:
    """Coherent mode: what stays as in the first frame, and what the neighbour tells."""

    def __init__(self, own: Imagination, first: Bytes, mesh: Mesh) -> None:
        self.own = own
        self.without = own.drawing.without
        self.identity = None if "identity" in self.without else own.seen(first)  # I_id
        nobody = without_person(first, person_mask(first, mesh, own.net.settings.dilation))  # I_bg
        self.background = own.base.features(as_tensor(nobody[None], own.base.vae))

    def next(self, picture: Bytes, before: Mesh, mesh: Mesh) -> Bytes:
        """The frame of `mesh`, after the frame `picture` of the mesh `before`."""
        own, settings = self.own, self.own.net.settings
        adjacent = None
        if "adjacent" not in self.without:
            hidden = mouth_mask(own.face, before.points, own.size, settings.mouth_dilation)
            adjacent = own.seen(without_mouth(picture, hidden))  # I_ad = M(I_(i-1))
        latents = own._sampled(mesh, own.drawing.coherent_guidance, self.identity, adjacent)
        if "background" in self.without:
            return as_pictures(own.base.decode(latents))[0]
        mask = person_mask(picture, before, settings.dilation) | face_mask(mesh)  # m_i; O19
        inside = torch.from_numpy(mask).float().to(own.noise.device)[None, None]
        if "mask" in self.without:
            inside = torch.full_like(inside, 0.5)
        blend = own.net.mba.over(self.background, inside)
        return as_pictures(own.base.decode(latents, blend))[0]


def person_mask(picture: Bytes, mesh: Mesh, dilation: int) -> Bytes:
    """G_MOD: mask [S, S], 1 where the person of a frame is, grown by `dilation` px."""
    person = matte(picture, mesh.landmarks) > 0.5
    return grown(np.asarray(person, np.uint8), dilation)


def without_person(picture: Bytes, person: Bytes) -> Bytes:
    """G_IA: the picture [S, S, 3] with what is around put in the place of a person [S, S]."""
    return np.asarray(cv2.inpaint(picture, person, 3, cv2.INPAINT_TELEA), np.uint8)


def without_mouth(picture: Bytes, mouth: Bytes) -> Bytes:
    """M: the picture [S, S, 3] with grey (0 in [-1, 1]) in the place of a mouth [S, S]."""
    return np.where(mouth[..., None] > 0, np.uint8(128), picture)
