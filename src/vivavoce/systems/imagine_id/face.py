"""The 3D face that PAD speaks of: coefficients become a mesh, a picture, a mouth.

"face478" is ours; "bfm" is Deep3DFace's Basel model, which a user holds (O24). Both are linear, so
gradients flow from a mouth to its coefficients.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vivavoce.errors import BadCheckpoint, RequestError
from vivavoce.look import face478
from vivavoce.render.shaded import INNER_LIPS, OUTER_LIPS
from vivavoce.systems.imagine_id.settings import ImagineSettings
from vivavoce.types import ALL_68, ARKIT, OUTER_EYES, Float

EYES = tuple(i for i, name in enumerate(ARKIT) if name.startswith(("eyeBlink", "eyeLook")))
"""ARKit coefficients of lids and gaze, which no sound tells: they are driven, as the pose is."""
POINTS = 478
"""The tracker's points."""
LIPS_68 = (tuple(range(60, 68)), tuple(range(48, 60)))
"""Rims of the open mouth and of the red, among the 68 points of iBUG."""


class FaceSpace(nn.Module):
    """A linear face: neutral shape + identity [I] + expression [E]."""

    neutral: Tensor
    identity: Tensor
    expression: Tensor

    def __init__(
        self, neutral: Float, identity: Float, expression: Float, triangles: NDArray[np.int32],
        rims: tuple[tuple[int, ...], tuple[int, ...]], eyes: tuple[int, int],
        framing: tuple[int, ...],
    ) -> None:  # fmt: skip
        """`neutral` [V, 3] and bases [K, V, 3]: x right, y up, z to the viewer; `rims` are the
        vertices around the open mouth and around the red, `eyes` the outer corners, `framing` what
        stands for the tracker's 478 points."""
        super().__init__()
        self.triangles, self.rims, self.framing = triangles, rims, framing
        right, left = neutral[eyes[0]], neutral[eyes[1]]
        self.unit, self.middle = float(np.linalg.norm(right - left)), (right + left) / 2
        self.landmarks = len(neutral) == POINTS
        """Whether the vertices are the tracker's points."""
        for name, value in (("neutral", neutral), ("identity", identity),
                            ("expression", expression)):  # fmt: skip
            self.register_buffer(name, torch.from_numpy(np.asarray(value, np.float32)), False)

    def vertices(self, shape: Tensor, expression: Tensor) -> Tensor:
        """Faces [..., V, 3] with shapes [..., I] and expressions [..., E], looking ahead."""
        moved = torch.einsum("...i,ivd->...vd", shape, self.identity)
        return self.neutral + moved + torch.einsum("...e,evd->...vd", expression, self.expression)

    def lips(self, shape: Tensor, expression: Tensor) -> tuple[Tensor, Tensor]:
        """Rims of the open mouth [..., K, 2] and of the red [..., R, 2] about the mouth's middle at
        rest, in outer-eye distances; gradients flow to the coefficients."""
        every = [*self.rims[0], *self.rims[1]]
        part = self.neutral[every] + torch.einsum("...i,ivd->...vd", shape, self.identity[:, every])
        rest = part[..., :2].mean(-2, keepdim=True)
        part = part + torch.einsum("...e,evd->...vd", expression, self.expression[:, every])
        flat = (part[..., :2] - rest) / self.unit
        inner = len(self.rims[0])
        return flat[..., :inner, :], flat[..., inner:, :]


def face_space(settings: ImagineSettings) -> FaceSpace:
    """The face of the settings.

    Raises: RequestError: the Basel model's file is not named. BadCheckpoint: it is another file.
    """
    if settings.face == "bfm":
        return basel(settings.bfm)
    model = face478.load()
    return FaceSpace(
        model.neutral, model.identity, model.expression, model.triangles,
        (INNER_LIPS, OUTER_LIPS), OUTER_EYES, tuple(range(POINTS)),
    )  # fmt: skip


def basel(file: str) -> FaceSpace:
    """Deep3DFace's Basel model from BFM_model_front.mat (Deng et al., CVPRW 2019).

    Raises: RequestError: no file is named, or there is none. BadCheckpoint: it is another file.
    """
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    if not file or not Path(file).is_file():
        raise RequestError(
            "The preset paper of imagine-id needs Deep3DFace's BFM_model_front.mat, which its "
            "owners give under their own licence: --set model.bfm=FILE. Or take our face: "
            "--set model.face=face478"
        )
    try:
        held: dict[str, Any] = loadmat(file)
        mean = held["meanshape"].reshape(-1, 3)
        bases = [held[n].reshape(len(mean), 3, -1).transpose(2, 0, 1) for n in ("idBase", "exBase")]
        points = held["keypoints"].reshape(-1).astype(int) - 1
        triangles = np.ascontiguousarray(held["tri"].astype(np.int32) - 1)
    except (MatReadError, ValueError, KeyError, NotImplementedError) as error:
        raise BadCheckpoint(f"{file} is not Deep3DFace's BFM_model_front.mat: {error}") from None
    inner, outer = (tuple(int(points[i]) for i in part) for part in LIPS_68)
    # The rule of the square asks for the tracker's points: each is its nearest of the 68.
    ours = [min(range(68), key=lambda k: ALL_68[k] != i and _apart(ALL_68[k], i))
            for i in range(POINTS)]  # fmt: skip
    eyes = int(points[36]), int(points[45])
    framing = tuple(int(points[k]) for k in ours)
    return FaceSpace(mean, bases[0], bases[1], triangles, (inner, outer), eyes, framing)


def _apart(a: int, b: int) -> float:
    """Distance of two of the tracker's points on the mean face."""
    neutral = face478.load().neutral
    return float(np.linalg.norm(neutral[a] - neutral[b]))
