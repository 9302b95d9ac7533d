"""Eyeballs: what lies behind the lids, moved by the gaze and covered by the lids."""

from __future__ import annotations

import cv2
import numpy as np

from vivavoce.render.light import eye_outline
from vivavoce.render.scene import Scene
from vivavoce.render.shape import FLIP, SLEEPING, HeadShape
from vivavoce.types import EYE_CORNERS, EYEBALL, IRISES, Bytes, Float, rotation_matrix


class Eye:
    """One eyeball, cut out of the picture once, with what the lids hide filled in."""

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
        self.plate = _fill(_crop(scene.image, low, high), self.outline - low, self)

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
        px, py = self._unlook(px, py, look)
        ball = cv2.remap(
            self.plate,
            px - self.corner[0],
            py - self.corner[1],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        blend(frame[top:bottom, left:right], ball, mask)

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


def _fill(crop: Bytes, outline: Float, eye: Eye) -> Bytes:
    """The eyeball without lids: the iris completed by its mirror image, the rest continued."""
    height, width = crop.shape[:2]
    known = (polygon_mask(outline, height, width) > 0.6).astype(np.uint8)
    centre = eye.centre - eye.corner
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    mirrored = np.clip(np.round(2 * centre[1] - rows), 0, height - 1).astype(int)
    disc = np.hypot(columns - centre[0], rows - centre[1]) < eye.radius * 1.08
    from_below = disc & (known == 0) & (known[mirrored, columns.astype(int)] > 0)
    full = crop.copy()
    full[from_below] = crop[mirrored, columns.astype(int)][from_below]
    known[from_below] = 1
    shrink = min(1.0, 120 / max(height, width))
    small = cv2.resize(full, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    seen = cv2.resize(known, (small.shape[1], small.shape[0]), interpolation=cv2.INTER_AREA)
    inpainted = cv2.inpaint(small, 1 - seen, 3, cv2.INPAINT_TELEA)
    inpainted = cv2.resize(inpainted, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.where(known[..., None] > 0, full, inpainted)


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
