"""Eyeballs: what lies behind the lids, moved by the gaze and covered by the lids."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np

from vivavoce.render.light import eye_outline
from vivavoce.render.scene import Scene
from vivavoce.render.shape import FLIP, SLEEPING, HeadShape
from vivavoce.types import EYE_CORNERS, EYEBALL, IRISES, Bytes, Float, rotation_matrix

LASHES = 0.2
"""Part of the eye's opening under the upper lid that its lashes and shadow darken."""
IN_SHADE = 0.8
"""Brightness of the white that the lids hide, to that of the white beside the iris."""


class Eye:
    """One eyeball, cut out of the picture once, with what the lids hide filled in.

    The shadow of the upper lid lies on it apart: it goes with the lid, not with the eyeball.
    """

    def __init__(self, scene: Scene, shape: HeadShape, side: int) -> None:
        points = scene.landmarks
        self.side, self.shape = side, shape
        self.outline = eye_outline(points, side)
        iris = points[list(IRISES[side])]
        self.centre = iris[0, :2]
        self.radius = float(np.linalg.norm(iris[1:, :2] - iris[0, :2], axis=1).mean())
        corners = shape.source[list(EYE_CORNERS[side])]
        self.middle = corners.mean(0)
        self.rest = shape.rest(self.middle[None])[0, :2]
        width = np.linalg.norm(self.outline[0] - self.outline[8])
        height = (self.outline[9:] - self.outline[1:8][::-1])[:, 1].max()
        self.asleep = bool(height < SLEEPING * width)
        low = np.floor(self.outline.min(0) - 0.35 * width).astype(int)
        high = np.ceil(self.outline.max(0) + 0.35 * width).astype(int)
        self.corner = low
        crop = _crop(scene.image, low, high)
        known = (polygon_mask(self.outline - low, *crop.shape[:2]) > 0.6).astype(np.uint8)
        below = _below(self._upper(self.outline) - low, crop.shape[:2])
        under_lashes = (known > 0) & (below < LASHES * height)
        self.plate = _fill(crop, (known > 0) & ~under_lashes, self)
        self.shadow = _shadow(crop, self.plate, known, under_lashes)

    def paint(self, frame: Bytes, points: Float, pose: Float, gaze: Float, origin: Float) -> None:
        """Draw into `frame` [H, W, 3], whose top left pixel is `origin` in the scene, between the
        lids of `points` [V, 3] (scene pixels), for one `pose` [6] and `gaze` [2]."""
        if self.asleep:
            return
        outline = eye_outline(points, self.side)
        if float((outline[9:] - outline[1:8][::-1])[:, 1].max()) < 1.0:
            soften(frame, outline[:9] - origin, 0.006 * self.shape.unit)
            return
        turn, shift = self._ball(pose)
        look = self._look(gaze)
        activity = self._activity(outline, turn, shift, look)
        if activity <= 0:
            return
        height, width = frame.shape[:2]
        box = clip_box(outline - origin, 2, height, width)
        if box is None:
            return
        left, top, right, bottom = box
        mask = polygon_mask(outline - origin - [left, top], bottom - top, right - left) * activity
        where = np.mgrid[top:bottom, left:right].astype(np.float32)
        x, y = where[1] + origin[0], where[0] + origin[1]
        back = np.linalg.inv(turn)
        px = back[0, 0] * (x - shift[0]) + back[0, 1] * (y - shift[1])
        py = back[1, 0] * (x - shift[0]) + back[1, 1] * (y - shift[1])
        lifted = self._lifted((outline - shift) @ back.T, px)
        shadow = self._read(self.shadow, px, py - lifted)
        ball = self._read(self.plate, *self._unlook(px, py, look)) * shadow
        blend(frame[top:bottom, left:right], ball, mask)

    def _read(self, plate: np.ndarray, x: Float, y: Float) -> np.ndarray:
        """The `plate` at places x, y of the picture's eye."""
        places = (
            np.asarray(x - self.corner[0], np.float32),
            np.asarray(y - self.corner[1], np.float32),
        )
        return cv2.remap(plate, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def _upper(self, outline: Float) -> Float:
        """The edge of the upper lid in an `outline` [9, 2], from left to right."""
        edge = outline[:9]
        return edge[np.argsort(edge[:, 0])]

    def _lifted(self, outline: Float, x: Float) -> Float:
        """How far below its place in the picture the upper lid's edge is at each `x`, in px."""
        now, rest = self._upper(outline), self._upper(self.outline)
        lid = np.interp(x, now[:, 0], now[:, 1]) - np.interp(x, rest[:, 0], rest[:, 1])
        return np.asarray(lid, np.float32)

    def _ball(self, pose: Float) -> tuple[np.ndarray, np.ndarray]:
        """The head's motion at the eyeball: target = turn @ source + shift, scene pixels."""
        flip = FLIP[:2]
        turn = rotation_matrix(pose[:3])[:2, :2] * np.outer(flip, flip)
        pair = self.shape.place(self.middle[None, None], pose[None])[0, 0, :2]
        return turn, pair - turn @ self.rest

    def _look(self, gaze: Float) -> Float:
        """How far the iris moves in the picture [2] px."""
        turned = np.asarray([np.sin(gaze[0]), -np.sin(gaze[1])], np.float32)
        return self.shape.unit * EYEBALL * turned

    def _unlook(self, x: Float, y: Float, look: Float) -> tuple[Float, Float]:
        """Where pixels of the moved eyeball come from: the iris shifts, the corners stay."""
        away = np.hypot(x - look[0] - self.centre[0], y - look[1] - self.centre[1]) / self.radius
        stay = np.clip((2.4 - away) / 1.25, 0, 1)
        stay = stay * stay * (3 - 2 * stay)
        return x - stay * look[0], y - stay * look[1]

    def _activity(self, outline: Float, turn: Float, shift: Float, look: Float) -> float:
        """0 while nothing moves relative to the head, 1 from half a pixel on."""
        rest = self.outline @ turn.T + shift
        moved = float(np.abs(outline - rest).max()) + float(np.abs(look).max())
        return float(np.clip((moved - 0.05) / 0.5, 0, 1))


def _crop(image: Bytes, low: np.ndarray, high: np.ndarray) -> Bytes:
    """`image` between two corners, its edge pixels repeated outside."""
    rows = np.clip(np.arange(low[1], high[1]), 0, image.shape[0] - 1)
    columns = np.clip(np.arange(low[0], high[0]), 0, image.shape[1] - 1)
    return np.ascontiguousarray(image[np.ix_(rows, columns)])


def _below(edge: Float, shape: tuple[int, ...]) -> Float:
    """How far each pixel of a picture of this `shape` is below an `edge` [N, 2], in px."""
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return np.asarray(rows - np.interp(columns, edge[:, 0], edge[:, 1]), np.float32)


def _shadow(crop: Bytes, plate: Bytes, known: np.ndarray, where: np.ndarray) -> Float:
    """How much darker [h, w, 3] the picture is than the bare eyeball `where` the lashes shade it,
    1 elsewhere; carried on a little over the edge."""
    ratio = (crop + np.float32(8)) / (plate + np.float32(8))
    shade = np.where(where[..., None], np.clip(ratio, 0.15, 1), 1).astype(np.float32)
    inside = known.astype(np.float32)
    weight = cv2.GaussianBlur(inside, (0, 0), 1.5)[..., None]
    carried = cv2.GaussianBlur(shade * inside[..., None], (0, 0), 1.5) / (weight + 1e-3)
    return np.where(known[..., None] > 0, shade, np.where(weight > 0.02, carried, 1))


def _fill(crop: Bytes, known: np.ndarray, eye: Eye) -> Bytes:
    """The eyeball without lids: the iris by its usual colour at each distance from the pupil, the
    white continued from the white beside it."""
    height, width = crop.shape[:2]
    centre = eye.centre - eye.corner
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    away = np.hypot(columns - centre[0], rows - centre[1]) / eye.radius
    white = known & (away > 1.15)
    if white.sum() < 12 or not (known & (away < 1)).any():
        return _inpainted(crop, known)
    inside = np.clip((1.15 - away) / 0.15, 0, 1)[..., None]
    hidden = IN_SHADE * _inpainted(crop, white)
    ball = inside * _rings(crop, known, away) + (1 - inside) * hidden
    sure = cv2.erode(known.astype(np.float32), np.ones((3, 3)))
    sure = cv2.GaussianBlur(sure, (0, 0), max(0.8, 0.06 * eye.radius))[..., None] * known[..., None]
    return np.asarray(sure * crop + (1 - sure) * ball + 0.5, np.uint8)


def _rings(crop: Bytes, known: np.ndarray, away: Float) -> Float:
    """A colour for each pixel [h, w, 3]: the median of the `known` ones as far `away` from the
    pupil's middle, in radii of the iris."""
    edges = np.linspace(0, 0.98, 8)
    found = [crop[known & (away >= a) & (away < b)] for a, b in pairwise(edges)]
    middles = [(a + b) / 2 for (a, b), f in zip(pairwise(edges), found, strict=True) if len(f)]
    colours = np.array([np.median(f, 0) for f in found if len(f)])
    return np.stack([np.interp(away, middles, c) for c in colours.T], -1).astype(np.float32)


def _inpainted(image: Bytes, known: np.ndarray) -> Bytes:
    """`image` with its pixels where they are `known`, and continued elsewhere."""
    height, width = known.shape
    shrink = min(1.0, 120 / max(height, width))
    small = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    size = small.shape[1], small.shape[0]
    seen = cv2.resize(known.astype(np.uint8), size, interpolation=cv2.INTER_AREA)
    continued = cv2.inpaint(small, 1 - seen, 3, cv2.INPAINT_TELEA)
    continued = cv2.resize(continued, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.where(known[..., None], image, continued)


def polygon_mask(outline: Float, height: int, width: int) -> Float:
    """How much of each pixel [height, width] lies inside `outline` [N, 2], 0 to 1."""
    fine = 4 if max(height, width) < 300 else 2
    mask = np.zeros((height * fine, width * fine), np.uint8)
    corners = np.round(((outline + 0.5) * fine - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(mask, [corners], (255,), shift=4)
    small = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / 255


def clip_box(
    points: Float, margin: int, height: int, width: int
) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom of the pixels around `points` [N, 2] inside the frame."""
    low = np.floor(points.min(0)).astype(int) - margin
    high = np.ceil(points.max(0)).astype(int) + margin + 1
    left, top = max(int(low[0]), 0), max(int(low[1]), 0)
    right, bottom = min(int(high[0]), width), min(int(high[1]), height)
    return (left, top, right, bottom) if right > left and bottom > top else None


def soften(frame: Bytes, line: Float, width: float) -> None:
    """Blur `frame` in place across `line` [N, 2] px, where two parts of the picture meet."""
    reach = max(1, round(width))
    box = clip_box(line, 4 * reach, *frame.shape[:2])
    if box is None:
        return
    left, top, right, bottom = box
    part = frame[top:bottom, left:right]
    mask = np.zeros(part.shape[:2], np.uint8)
    corners = np.round((line - [left, top]) * 16).astype(np.int32)
    cv2.polylines(mask, [corners], False, (255,), 2 * reach + 1, cv2.LINE_AA, 4)
    soft = cv2.GaussianBlur(mask, (0, 0), 0.6 * reach).astype(np.float32) / 255
    blend(part, cv2.GaussianBlur(part, (0, 0), 0.7 * reach), soft)


def blend(under: Bytes, over: np.ndarray, mask: Float) -> None:
    """Mix `over` into `under` in place where `mask` [H, W] is more than 0."""
    mixed = under + mask[..., None] * (over.astype(np.float32) - under)
    under[...] = np.clip(mixed + 0.5, 0, 255).astype(np.uint8)
