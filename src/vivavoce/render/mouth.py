"""The inside of the mouth, drawn between the inner lips: teeth that belong to the skull, teeth and
tongue that belong to the jaw, and the dark behind them, in the person's own light."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from vivavoce.render.eyes import blend, clip_box, polygon_mask, soften
from vivavoce.render.light import Light
from vivavoce.render.mesh import FAR, draw
from vivavoce.render.scene import Scene, sample
from vivavoce.render.shape import FLIP, LOWER, UPPER, HeadShape
from vivavoce.types import LIP_CORNERS, Bytes, Float, rotation_matrix

ARRAYS = Path(__file__).with_name("mouth.npz")
"""Sprites of the ICT-FaceKit mouth (MIT), made by `scripts/make_mouth_sprites.py`."""
CORNER_HALF = 0.25
"""Half the width of the mouth whose teeth the sprites are, in outer-eye distances."""
EDGE_BELOW = 0.06
"""The upper teeth end this far below the line where the lips meet."""
BEHIND = 0.03
"""The front teeth lie this far behind that line."""
DEPTH = 0.5
"""Factor on the depth of the rows of teeth: a sprite has no inner side to show, so they are drawn
flatter."""
OUTLINE = [LIP_CORNERS[0], *UPPER, LIP_CORNERS[1], *LOWER[::-1]]
CHIN_POINTS = (152, 148, 377)
"""Three points whose mean tells how far the jaw has moved."""
JAW_FOLLOW = (1.0, 1.22, 0.9)
"""Movement of the lower teeth (x, y, z) for a movement of the chin by 1; they are nearer to the
lip."""
LOWER_TEETH = 0.034
"""The lower teeth are this much higher than baked: their edge just behind the lower lip."""


class Mouth:
    """One person's mouth, coloured and scaled once."""

    def __init__(self, scene: Scene, shape: HeadShape, light: Light) -> None:
        self.shape, self.light = shape, light
        corners = shape.at_rest[list(LIP_CORNERS)]
        half = float(np.linalg.norm(corners[0] - corners[1])) / 2
        self.size = float(np.clip(np.sqrt(half / CORNER_HALF), 0.8, 1.2))
        line = (shape.at_rest[UPPER[4]] + shape.at_rest[LOWER[4]]) / 2
        middle = np.asarray([corners[:, 0].mean(), line[1], line[2]], np.float32)
        self.edge = middle - np.asarray([0, EDGE_BELOW, BEHIND], np.float32) * self.size
        self.edge_rest = shape.rest(self.edge[None])[0, :2]
        with np.load(ARRAYS) as arrays:
            self.upper = self._sprite(arrays["upper"], 1.0, 0.8)
            self.lower = self._sprite(arrays["lower"], 0.85, 1.6)
            self.upper_sheet = self._sheet(arrays["upper_depth"], arrays["extent"])
            self.lower_sheet = self._sheet(arrays["lower_depth"], arrays["extent"])
        self.own = self._own_pixels(scene) if shape.open_mouth else None

    def _sprite(self, baked: Bytes, teeth: float, flesh: float) -> np.ndarray:
        """Colour a baked sprite: premultiplied RGBA [h, w, 4] 0 to 255, as sharp as the picture."""
        light, tooth, cover = (baked[..., k, None].astype(np.float32) / 255 for k in range(3))
        colour = tooth * teeth * self.light.teeth + (1 - tooth) * flesh * self.light.flesh
        sprite = np.dstack([colour * light * cover, cover]) * 255
        zoom = min(1.0, self.shape.unit * self.size / 480 * 1.25)
        small = cv2.resize(sprite, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
        blur = 0.85 * self.light.blur * zoom * 480 / (self.shape.unit * self.size)
        return cv2.GaussianBlur(small, (0, 0), max(blur, 0.3))

    def _sheet(self, depth: np.ndarray, extent: Float) -> tuple[Float, np.ndarray, Float]:
        """Vertices [V, 3] relative to the teeth's edge, triangles, places on the sprite 0 to 1."""
        rows, columns = depth.shape
        half, top, bottom = extent
        x, y = np.meshgrid(np.linspace(-half, half, columns), np.linspace(top, bottom, rows))
        depth = DEPTH * depth.astype(np.float32)
        vertices = np.stack([x, y, depth], -1).reshape(-1, 3) * self.size
        u, v = np.meshgrid(np.linspace(0, 1, columns), np.linspace(0, 1, rows))
        index = np.arange(rows * columns).reshape(rows, columns)
        a, b = index[:-1, :-1].ravel(), index[:-1, 1:].ravel()
        c, d = index[1:, :-1].ravel(), index[1:, 1:].ravel()
        triangles = np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)])
        places = np.stack([u, v], -1).reshape(-1, 2)
        return vertices.astype(np.float32), triangles.astype(np.int32), places.astype(np.float32)

    def _own_pixels(self, scene: Scene) -> Float:
        """Where the picture itself shows the inside of the mouth, 0 to 1 [H, W] over the scene:
        its upper part, which belongs to the skull."""
        outline = scene.landmarks[OUTLINE, :2]
        height, width = scene.image.shape[:2]
        box = clip_box(outline, 4, height, width)
        mask = np.zeros((height, width), np.float32)
        if box is None:
            return mask
        left, top, right, bottom = box
        inside = polygon_mask(outline - [left, top], bottom - top, right - left)
        gap = float((scene.landmarks[LOWER, 1] - scene.landmarks[UPPER, 1]).max())
        soft = max(1.0, 0.06 * gap)
        inside = np.clip(cv2.GaussianBlur(inside, (0, 0), soft) * 2 - 1, 0, 1)
        lips = scene.landmarks[UPPER, :2] - [left, top]
        rows = np.arange(bottom - top, dtype=np.float32)[:, None]
        upper = np.interp(np.arange(right - left), *lips.T)[None]
        lower = np.interp(np.arange(right - left), *(scene.landmarks[LOWER, :2] - [left, top]).T)
        share = (rows - upper) / np.maximum(lower[None] - upper, 1)
        mask[top:bottom, left:right] = inside * np.clip((0.75 - share) / 0.3, 0, 1)
        return mask

    def outline(self, points: Float) -> Float:
        """The inner lips [20, 2] of `points` [V, 3]."""
        return points[OUTLINE, :2]

    def paint(
        self,
        frame: Bytes,
        scene: Scene,
        points: Float,
        local: Float,
        pose: Float,
        origin: Float,
    ) -> None:
        """Draw into `frame`, whose top left pixel is `origin` in the scene, between the lips of
        `points` [V, 3] (scene pixels); `local` [478, 3] are the same in the head's frame."""
        outline = self.outline(points) - origin
        gap = float((outline[11:20][::-1] - outline[1:10])[:, 1].max())
        box = clip_box(outline, 3, *frame.shape[:2])
        if self.own is not None and gap < 0.02 * self.shape.unit:
            soften(frame, outline[:11], 0.005 * self.shape.unit)
        if gap < 0.25 or box is None:
            return
        left, top, right, bottom = box
        height, width = bottom - top, right - left
        mask = polygon_mask(outline - [left, top], height, width)
        corner = origin + np.asarray([left, top], np.float32)
        inside = self._draw(local, pose, corner, height, width)
        dark = self.light.cavity * 255
        inside = dark + (inside - dark) * self._shade(mask, gap)[..., None]
        if self.own is not None:
            self._add_own(inside, scene, self.own, pose, corner)
        mask *= self._activity(outline + origin, pose)
        soft = cv2.GaussianBlur(mask, (0, 0), float(np.clip(0.5 * self.light.blur, 0.4, 3)))
        blend(frame[top:bottom, left:right], inside, np.minimum(soft, mask * 2))

    def _activity(self, outline: Float, pose: Float) -> float:
        """0 while the lips are as in the picture, whose own pixels then show; else 1."""
        rest = self.shape.place(self.shape.source[None, OUTLINE], pose[None])[0, :, :2]
        moved = float(np.abs(outline - rest).max()) / self.shape.unit
        return float(np.clip((moved - 0.002) / 0.015, 0, 1))

    def _draw(self, local: Float, pose: Float, corner: Float, height: int, width: int) -> Float:
        """Cavity, lower jaw, upper jaw [height, width, 3], 0 to 255."""
        chin = (local - self.shape.at_rest)[list(CHIN_POINTS)].mean(0)
        jaw = chin * np.asarray(JAW_FOLLOW, np.float32)
        jaw[1] = min(jaw[1], 0) + LOWER_TEETH
        image = np.empty((height, width, 3), np.float32)
        image[:] = self.light.cavity * 255
        for sprite, sheet, move in (
            (self.lower, self.lower_sheet, jaw),
            (self.upper, self.upper_sheet, np.zeros(3, np.float32)),
        ):
            vertices, triangles, places = sheet
            at = self.shape.place((self.edge + move + vertices)[None], pose[None])[0]
            at[:, :2] -= corner
            where = np.full((height, width, 2), -9, np.float32)
            size = np.asarray([sprite.shape[1] - 1, sprite.shape[0] - 1], np.float32)
            depth = np.full((height, width), FAR, np.float32)
            draw(at, triangles, places * size, where, depth)
            layer = sample(sprite, where, cv2.BORDER_CONSTANT)
            image *= 1 - layer[..., 3:] / 255
            image += layer[..., :3]
        return image

    def _shade(self, mask: Float, gap: float) -> Float:
        """The lips' shadow on what lies behind them [H, W]: deep in a small opening."""
        reach = max(0.022 * self.shape.unit, 0.8)
        around = cv2.GaussianBlur(mask, (0, 0), reach, borderType=cv2.BORDER_CONSTANT)
        light = np.clip((around - 0.35) / 0.55, 0, 1)
        opened = np.clip(gap / (0.06 * self.shape.unit), 0, 1)
        return (0.42 + 0.58 * light) * (0.4 + 0.6 * opened)

    def _add_own(
        self, inside: Float, scene: Scene, share: Float, pose: Float, corner: Float
    ) -> None:
        """Put the picture's own teeth over the drawn ones, moved with the skull."""
        turn = rotation_matrix(pose[:3])[:2, :2] * np.outer(FLIP[:2], FLIP[:2])
        at = self.shape.place(self.edge[None, None], pose[None])[0, 0, :2]
        back = np.linalg.inv(turn)
        shift = self.edge_rest - back @ (at - corner)
        matrix = np.column_stack([back, shift])
        size = (inside.shape[1], inside.shape[0])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        own = cv2.warpAffine(scene.image, matrix, size, flags=flags)
        weight = cv2.warpAffine(share, matrix, size, flags=flags)[..., None]
        inside += weight * (own.astype(np.float32) - inside)
