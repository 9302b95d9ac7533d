"""The face half of TTSF warms up: a driving frame is made from a source frame of the same clip.

Stage 0 of docs/systems/ttsf.md. Nothing is heard yet, so a small teacher gives the lip code from
the driving frame's mouth coefficients, while the driving frame's own mouth is hidden from E_m:
that is how lips come to be moved by slots 6 and 7 alone, and what the audio mapper learns from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.measure.judges.networks import Face
from vivavoce.nn.equalised import GAIN, EqualLinear, leaky
from vivavoce.systems.stage import Sample
from vivavoce.train.read.square import Sight
from vivavoce.train.read.windows import Clip, Window
from vivavoce.types import ARKIT, INNER_LOWER_LIP, INNER_UPPER_LIP, LIP_CORNERS, Bytes, Float

TYPICAL = 0.1
"""Of a mouth coefficient: what it is divided by, so that lip codes are as large as motion codes."""
MOUTH = tuple(i for i, n in enumerate(ARKIT) if n.startswith(("jaw", "mouth", "tongue")))
"""The 28 coefficients that move the mouth."""
_OTHER_SIDE = tuple(
    ARKIT.index(n.replace("Left", "_").replace("Right", "Left").replace("_", "Right"))
    for n in ARKIT
)


LIPS_FROM = 32
"""Side in px of the first flow that is steered by f_lip."""
LIPS = [*INNER_UPPER_LIP, *INNER_LOWER_LIP, *LIP_CORNERS]
MIDDLE, SIZE = np.array([0.0, 0.11]), -1.207
"""Where a face's points lie in a close crop on average, and the logarithm of their spread."""
DRIVING = 3
"""Driving frames of a warm-up sample; E_v sees the first of them."""
GUIDES = 14
"""Numbers that `held` tells of a frame."""
IDENTITY = 64
"""Length of the face judge's embedding."""
REACH = 4.0
"""What a motion code's amount is when what it tells is one standard deviation from rest: as
large as the rest of f, so that the generator cannot overlook it."""


def held(window: Window, frames: np.ndarray, points: Float, mirrored: bool) -> Float:
    """How the head and the upper face are held in `frames` of a window [n, 14], each about N(0, 1)
    on talking faces: turn, place and size in the picture, gaze, lids, brows, wide eyes. `points`
    [n, 478, 2] are the tracker's, -1..1."""
    turn, gaze = window.track("pose")[frames, :3], window.track("gaze")[frames]
    face = window.track("expression")[frames]
    place = points.mean(1)
    size = np.log(points.std(1).mean(1, keepdims=True))
    if mirrored:
        turn, gaze, place = turn * [-1, 1, -1], gaze * [-1, 1], place * [-1, 1]
        face = face[:, list(_OTHER_SIDE)]

    def of(*names: str) -> np.ndarray:
        return face[:, [ARKIT.index(n) for n in names]].mean(1, keepdims=True)

    told = [
        turn / np.array([0.1, 0.07, 0.05]), (place - MIDDLE) / np.array([0.07, 0.055]),
        (size - SIZE) / 0.025, gaze / np.array([0.07, 0.05]),
        of("eyeBlinkLeft") / 0.18, of("eyeBlinkRight") / 0.18,
        of("browDownLeft", "browDownRight") / 0.14, of("browInnerUp") / 0.2,
        of("browOuterUpLeft", "browOuterUpRight") / 0.15, of("eyeWideLeft", "eyeWideRight") / 0.15,
    ]  # fmt: skip
    return np.concatenate(told, 1).astype(np.float32)


class Recogniser(nn.Module):
    """f_id [..., D] → what the face judge sees of a person [..., 65]; training alone has it."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.layer = EqualLinear(code, IDENTITY + 1)

    def forward(self, f_id: Tensor) -> Tensor:
        """Identity, a unit vector, and sex, -1..1."""
        out: Tensor = self.layer(f_id)
        return out


def who_it_is(judge: Face, faces: Tensor) -> Tensor:
    """What a `Recogniser` should say [B, 65] of crops of faces [B, 3, 64, 64]."""
    with torch.no_grad():
        features = judge.features(faces)
        sex = judge.heads(features)["sex"].div(4).tanh()
        return torch.cat([judge.heads.embedding(features), sex[:, None]], 1)


class LipTeacher(nn.Module):
    """Mouth coefficients [..., 28] → lip codes [..., D]; training alone has it."""

    def __init__(self, code: int, width: int = 128) -> None:
        super().__init__()
        self.one = EqualLinear(len(MOUTH), width, gain=GAIN / TYPICAL)
        self.two = EqualLinear(width, width, gain=GAIN)
        self.three = EqualLinear(width, code)

    def forward(self, mouth: Tensor) -> Tensor:
        """f_lip as it should be."""
        out: Tensor = self.three(leaky(self.two(leaky(self.one(mouth)))))
        return out


@dataclass(frozen=True)
class Pair:
    """What a warm-up sample holds."""

    source: Tensor
    """[3, S, S] in -1..1."""
    driving: Tensor
    """[K, 3, S, S]."""
    mouth: Tensor
    """Coefficients [K, 28]."""
    box: Tensor
    """Mouth boxes of source and driving [1 + K, 4] in px of the pictures."""
    held: Tensor
    """See `held`, of source and driving [1 + K, 14]."""
    points: Tensor
    """The tracker's points [1 + K, 478, 2] of source and driving, -1..1 from first to last px."""

    def sample(self) -> Sample:
        """As the loop wants it."""
        return dict(vars(self))


def draw_pair(clip: Clip, size: int, rng: np.random.Generator) -> Pair:
    """A source and `DRIVING` driving pictures of a clip, mirrored and tinted alike."""
    window = Window(clip, 0, len(clip.sample))
    chosen = rng.permutation(window.frames)[: DRIVING + 1]
    sight = Sight.of(clip, int(chosen[0]), size)
    pictures, boxes = sight.pictures(chosen), sight.mouths(chosen)
    mouth = window.track("expression")[chosen]
    points = 2 * (sight.points(chosen)[..., :2] - 0.5) / (size - 1) - 1
    mirrored = rng.random() < 0.5
    told = held(window, chosen, points, mirrored)
    if mirrored:
        points = points * np.array([-1, 1], np.float32)
        pictures, mouth = pictures[:, :, ::-1], mouth[:, list(_OTHER_SIDE)]
        boxes = np.stack([size - boxes[:, 2], boxes[:, 1], size - boxes[:, 0], boxes[:, 3]], 1)
    tensor = to_tensor(pictures) + torch.from_numpy(rng.uniform(-0.1, 0.1, (3, 1, 1))).float()
    tensor = tensor.clamp(-1, 1)
    shapes = mouth[1:, list(MOUTH)].astype(np.float32), boxes, told, points
    return Pair(tensor[0], tensor[1:], *map(torch.from_numpy, shapes))


def to_tensor(pictures: Bytes) -> Tensor:
    """RGB [T, H, W, 3] → [T, 3, H, W] in -1..1."""
    return (
        torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))).float() / 127.5 - 1
    )


def flow_distance(raws: list[Tensor], source: Tensor, driving: Tensor) -> Tensor:
    """How far the flows of all resolutions [B, 3, s, s] look past the source's points [B, V, 2]
    from where the driving picture has them [B, V, 2]: mean distance per axis in half sides, of all
    points and of the lips'."""
    errors = []
    for raw in raws:
        apart = _past(raw, source, driving).abs()
        errors += [apart.mean(), apart[:, LIPS].mean()]
    return torch.stack(errors).mean()


def lips_distance(raws: list[Tensor], source: Tensor, driving: Tensor) -> Tensor:
    """The same of the lips among themselves: what is left when they all look past by as much is
    not counted, so it is the mouth's shape alone. Only of flows that lips can steer (32 px on)."""
    errors = []
    for raw in raws:
        if raw.shape[-1] >= LIPS_FROM:
            past = _past(raw, source[:, LIPS], driving[:, LIPS])
            errors.append((past - past.mean(1, keepdim=True)).abs().mean())
    return torch.stack(errors).mean()


def _past(raw: Tensor, source: Tensor, driving: Tensor) -> Tensor:
    """From each point's place in the driving picture the flow looks so far past its place in the
    source picture [B, V, 2]."""
    there = F.grid_sample(
        raw[:, :2].tanh(), driving[:, None], padding_mode="border", align_corners=True
    )
    return there[:, :, 0].transpose(1, 2) - (source - driving)


def guide_loss(amounts: Tensor, along: Tensor, told: Tensor) -> Tensor:
    """What E_m says is true, and f says it too: the first amounts a [..., M] are what is `told`
    [..., 14], and f's own part along the codes, D^T f [..., M], is a: none of it stays in f_id.
    """
    truth = (amounts[..., :GUIDES] / REACH - told).clamp(-4, 4)
    own = (along - amounts) / REACH
    return truth.square().mean() + own.square().mean()
