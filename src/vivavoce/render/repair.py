"""A small learned network that corrects what a warp cannot know: the light inside the mouth, the
skin of closing lids.

It sees small upright crops and gives back a soft difference at half their resolution, so it can
change light and colour but not blur the picture's own detail. The difference counts only inside a
feathered mask that is empty while nothing moves.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from vivavoce.errors import BadCheckpoint
from vivavoce.nn.weights import SHIPPED, read_weights
from vivavoce.render.eyes import clip_box
from vivavoce.render.mouth import OUTLINE
from vivavoce.render.scene import Scene
from vivavoce.render.shape import LOWER_LIDS, UPPER_LIDS, HeadShape
from vivavoce.types import EYE_CORNERS, OUTER_EYES, Bytes, Float

SIDES = {"mouth": 96, "eye": 64}
"""Side of the crop of each kind of region, in pixels."""
REACH = {"mouth": 0.46, "eye": 0.27}
"""Half of what a crop shows, in outer-eye distances."""
WIDTHS = (16, 32, 64, 96)
"""Channels of the network at 1/2, 1/4, 1/8 of the crop's side, and inside."""
STRENGTH = {"mouth": 0.5, "eye": 1.0}
"""How much of the network's answer is used. It leans to the mean of all mouths; half of it keeps
three quarters of the gain in error and the dark of an open mouth."""
CHANNELS = 8
"""Rendered RGB, the picture's RGB, mask, 1 for eyes: what the network sees."""


class RepairNet(nn.Module):
    """A U-Net (Ronneberger et al., MICCAI 2015) whose last stage is left out: its answer has half
    the resolution of its question."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d = WIDTHS
        self.enter = _block(CHANNELS, a, stride=2)
        self.down = nn.ModuleList([_block(a, b, 2), _block(b, c, 2)])
        self.deep = _block(c, d, 1)
        self.up = nn.ModuleList([_block(d + b, b), _block(b + a, a)])
        self.answer = nn.Conv2d(a, 3, 3, padding=1)
        for parameter in self.answer.parameters():
            nn.init.zeros_(parameter)  # an untrained network changes nothing

    def forward(self, crops: Tensor) -> Tensor:
        """Differences [B, 3, S/2, S/2] in [-0.5, 0.5] for `crops` [B, 8, S, S], S a multiple of 8,
        RGB in [0, 1]."""
        half = self.enter(crops)  # [B, 16, S/2, S/2]
        quarter = self.down[0](half)  # [B, 32, S/4, S/4]
        deep = self.deep(self.down[1](quarter))  # [B, 96, S/8, S/8]
        wide = self.up[0](torch.cat([_double(deep), quarter], 1))
        full = self.up[1](torch.cat([_double(wide), half], 1))
        return 0.5 * torch.tanh(self.answer(full))

    @classmethod
    def load(cls, path: Path) -> RepairNet:
        """Read the weights at `path` (safetensors), ready to use.

        Raises: BadCheckpoint: missing, damaged, or not of this network."""
        weights, _ = read_weights(path, "repair")
        net = cls()
        try:
            net.load_state_dict({k: v.float() for k, v in weights.items()})
        except RuntimeError as error:
            raise BadCheckpoint(f"{path} is damaged ({error}). Copy or train it again.") from None
        return net.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @classmethod
    def shipped(cls) -> RepairNet:
        """The network that ships with the system portrait."""
        return cls.load(SHIPPED / "portrait-tiny" / "repair.safetensors")


def _block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1),
        nn.LeakyReLU(0.1),
        nn.Conv2d(outputs, outputs, 3, 1, 1),
        nn.LeakyReLU(0.1),
    )


def _double(image: Tensor) -> Tensor:
    return nn.functional.interpolate(image, scale_factor=2.0, mode="nearest")


class Region:
    """Where a crop lies: "mouth", or the "eye" of one side (0 = the person's right)."""

    def __init__(self, kind: Literal["mouth", "eye"], side: int = 0) -> None:
        self.kind, self.side = kind, side
        self.size = SIDES[kind]

    def matrix(self, points: Float, unit: float) -> Float:
        """The 2x3 map from pixels around `points` [478, 2] to the crop; a left eye is mirrored, so
        that the network sees one kind of eye."""
        across = points[OUTER_EYES[1]] - points[OUTER_EYES[0]]
        across = across / np.linalg.norm(across)
        zoom = self.size / 2 / (REACH[self.kind] * unit)
        linear = zoom * np.asarray([[across[0], across[1]], [-across[1], across[0]]], np.float32)
        if self.kind == "mouth":
            centre = points[[61, 291, 61, 291, 0, 17]].mean(0)
        else:
            centre = points[list(EYE_CORNERS[self.side])].mean(0)
            if self.side == 1:
                linear[0] *= -1
        shift = (self.size - 1) / 2 - linear @ centre
        return np.column_stack([linear, shift]).astype(np.float32)

    def mask(self, points: Float, rest: Float, matrix: Float, unit: float) -> Float:
        """Where and how much [S, S] the difference counts: inside the lips once they are open;
        on the lids as far as they have closed since the picture (`rest` [478, 2])."""
        if self.kind == "mouth":
            upper, lower = points[OUTLINE[1:10]], points[OUTLINE[11:]][::-1]
            gap = float(np.linalg.norm(lower - upper, axis=1).max()) / unit
            amount = np.clip((gap - 0.01) / 0.04, 0, 1)
            outline = points[OUTLINE]
        else:
            amount = np.clip((1 - self._height(points) / self._height(rest) - 0.1) / 0.5, 0, 1)
            above, below = UPPER_LIDS[self.side][1], LOWER_LIDS[self.side][1]
            first, last = EYE_CORNERS[self.side]
            outline = points[[first, *above, last, *below[::-1]]]
        mask = np.zeros((self.size, self.size), np.uint8)
        if amount > 0:
            inside = outline @ matrix[:, :2].T + matrix[:, 2]
            cv2.fillPoly(
                mask, [np.asarray(np.round(inside * 16), np.int32)], (255,), cv2.LINE_AA, 4
            )
        soft = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), 1.2)
        soft[[0, -1]] = 0
        soft[:, [0, -1]] = 0
        return soft * amount

    def _height(self, points: Float) -> float:
        """Height of the open eye in px, half a pixel at least."""
        upper, lower = UPPER_LIDS[self.side][0], LOWER_LIDS[self.side][0]
        return float(np.linalg.norm(points[list(upper)] - points[list(lower)], axis=1).max()) + 0.5

    def crop(self, image: np.ndarray, matrix: Float) -> np.ndarray:
        """The crop [S, S, ...] of `image`."""
        size = (self.size, self.size)
        return cv2.warpAffine(
            image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )


REGIONS = (Region("mouth"), Region("eye", 0), Region("eye", 1))


def stack(rendered: np.ndarray, picture: np.ndarray, mask: np.ndarray, eye: bool) -> Tensor:
    """The network's input [B, 8, S, S] from crops [B, S, S, 3] uint8 and masks [B, S, S] in
    [0, 1]."""
    flag = np.full((*mask.shape, 1), float(eye), np.float32)
    layers = [rendered / np.float32(255), picture / np.float32(255), mask[..., None], flag]
    joined = torch.from_numpy(np.concatenate(layers, -1).astype(np.float32))
    return joined.permute(0, 3, 1, 2)


class Repair:
    """Repair network at work on the frames of one picture."""

    def __init__(self, net: RepairNet, scene: Scene, shape: HeadShape) -> None:
        self.net, self.unit = net, shape.unit
        self.device = next(net.parameters()).device
        self.rest = scene.landmarks[:, :2]
        self.own = [r.crop(scene.image, r.matrix(self.rest, self.unit)) for r in REGIONS]

    def correct(self, windows: list[Bytes], points: Float) -> None:
        """Correct `windows` (T of [h, w, 3]) in place; `points` [T, 478, 2] px in the window."""
        for region, own in zip(REGIONS, self.own, strict=True):
            jobs = []
            for window, at in zip(windows, points, strict=True):
                matrix = region.matrix(at, self.unit)
                mask = region.mask(at, self.rest, matrix, self.unit)
                if mask.any():
                    jobs.append((window, matrix, mask, region.crop(window, matrix)))
            if jobs:
                self._apply(region, own, jobs)

    @torch.inference_mode()
    def _apply(self, region: Region, own: Bytes, jobs: list) -> None:
        """Ask the network about all crops of one region at once and add its answers."""
        rendered = np.stack([job[3] for job in jobs])
        masks = np.stack([job[2] for job in jobs])
        asked = stack(rendered, np.broadcast_to(own, rendered.shape), masks, region.kind == "eye")
        asked = asked.to(self.device).contiguous(memory_format=torch.channels_last)
        answer = self.net(asked).cpu()
        changes = answer.float().permute(0, 2, 3, 1).numpy() * (255 * STRENGTH[region.kind])
        for (window, matrix, mask, _), change in zip(jobs, changes, strict=True):
            wide = cv2.resize(change, (region.size, region.size), interpolation=cv2.INTER_LINEAR)
            add(window, wide * mask[..., None], matrix)


def add(window: Bytes, change: Float, matrix: Float) -> None:
    """Add `change` [S, S, 3] (levels) to `window` in place, at the place `matrix` took it from."""
    side = len(change) - 1
    back = cv2.invertAffineTransform(matrix)
    corners = np.asarray([[0, 0], [side, 0], [side, side], [0, side]], np.float32)
    box = clip_box(corners @ back[:, :2].T + back[:, 2], 0, *window.shape[:2])
    if box is None:
        return
    left, top, right, bottom = box
    moved = matrix.copy()
    moved[:, 2] += matrix[:, :2] @ np.asarray([left, top], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    wide = cv2.warpAffine(change, moved, (right - left, bottom - top), flags=flags)
    part = window[top:bottom, left:right]
    part[...] = np.clip(part + wide + 0.5, 0, 255).astype(np.uint8)
