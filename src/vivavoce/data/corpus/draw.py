"""Draw a corpus person: a rasteriser and shader for the CPU, compiled by numba; no GPU, no display.

A frame is: vertices moved by the action, placed by the pose, lit one by one, and filled into a
picture of twice the size that is then averaged down. Light is linear until the last step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vivavoce.data.corpus.backdrop import backdrop
from vivavoce.data.corpus.draw_math import vertex_normals
from vivavoce.data.corpus.head import Head, person_scale
from vivavoce.data.corpus.looks import parts_of
from vivavoce.data.corpus.person import Person
from vivavoce.data.corpus.scene import LABEL_INDEX, Part
from vivavoce.data.corpus.skin import iris_colours, linear, paint
from vivavoce.render.mesh import compiled
from vivavoce.types import NECK, Bytes, Float, rotation_matrix

SPAN_CM = 33.0
"""What the picture shows at the eyes' depth, from edge to edge."""
EYES_AT = 0.44
"""Height of the resting eyes in the picture, from its top."""
CAMERA_CM = 120.0
"""Distance of the camera: a portrait lens."""
UNIT_CM = 9.075
"""An outer-eye distance of the mean head: the unit of `Motion.pose`'s translation."""
FINER = 2
"""Sub-pixels along each side of a pixel."""
BODY_FOLLOWS = (0.18, 0.55)
"""How much of the head's turn and shift the shoulders make."""
EXPOSURE = 1.25
SKIN, HAIR, EYE, MATT = 0, 1, 2, 3
"""How a vertex answers light."""


@dataclass(frozen=True)
class Drawn:
    """One frame."""

    picture: Bytes
    """RGB [H, W, 3]."""
    labels: Bytes
    """[H, W], indices of `scene.LABELS`."""
    depth: NDArray[np.uint16]
    """[H, W], distance to the camera in 0.1 mm; 0 = backdrop."""
    landmarks: Float
    """[478, 3] px; z away from the viewer, 0 at the head's middle, like the tracker's."""


class Painter:
    """Draws one person; made once for all their clips."""

    def __init__(self, person: Person, size: int) -> None:
        self.size = size
        self.head = Head(person.looks.identity, person_scale(person.age, person.height_cm))
        self.lights = _lights(person)
        self.backdrop = linear(backdrop(person, size).astype(np.float32) / 255)
        albedo, gloss = paint(person, self.head)
        self.mesh = _Mesh(self.head, albedo, gloss, person, parts_of(person, self.head))

    def frame(self, expression: Float, pose: Float, gaze: Float) -> Drawn:
        """The person with these ARKit coefficients [52], pose [6] and gaze [2]."""
        face = self.head.vertices(expression)
        points = self.head.landmarks(face, gaze)
        turn, shift = rotation_matrix(pose[:3]).astype(np.float32), pose[3:] * UNIT_CM
        mesh = self.mesh
        vertices, normals = mesh.posed(face, gaze, turn, shift.astype(np.float32), expression)
        colour = np.empty_like(vertices)
        shade(vertices, normals, mesh.albedo, mesh.gloss, mesh.sky(expression), mesh.kind,
              self.lights, colour)  # fmt: skip
        side = self.size * FINER
        pixels = project(vertices, side)
        canvas = np.repeat(np.repeat(self.backdrop, FINER, 0), FINER, 1)
        depth = np.full((side, side), -1e9, np.float32)
        labels = np.zeros((side, side), np.uint8)
        fill(pixels, vertices[:, 2], mesh.triangles, colour, mesh.label, mesh.alpha, canvas, depth,
             labels)  # fmt: skip
        self._highlights(gaze, turn, shift, canvas, labels)
        picture = finish(canvas, FINER, EXPOSURE)
        marks = project(_placed(points, turn, shift), self.size)
        marks[:, 2] = -points_depth(points, turn) * self.size / SPAN_CM
        far = np.where(depth > -1e8, np.clip((CAMERA_CM - depth) * 100, 0, 65535), 0)
        return Drawn(picture, labels[::FINER, ::FINER].copy(),
                     far[::FINER, ::FINER].astype(np.uint16), marks.astype(np.float32))  # fmt: skip

    def _highlights(
        self, gaze: Float, turn: Float, shift: Float, canvas: Float, labels: Bytes
    ) -> None:
        """The main light mirrored in the corneas: what makes eyes alive."""
        half = self.lights[0, :3] + np.array([0, 0, 1], np.float32)
        half /= np.linalg.norm(half)
        side = canvas.shape[0]
        reach = 0.085 * self.head.scale * side / SPAN_CM
        for eye in self.head.eyes:
            ball = _placed(eye.centre[None], turn, shift)[0]
            axis = turn @ eye.turned(gaze) @ np.array([0, 0, 1], np.float32)
            lean = 0.45 * half + 0.55 * axis
            spot = ball + lean / np.linalg.norm(lean) * 1.62 * eye.scale
            x, y, _ = project(spot[None].astype(np.float32), side)[0]
            glint(canvas, labels, x, y, reach, 2.2)


class _Mesh:
    """Head, eyes and parts as one list of vertices and triangles."""

    def __init__(
        self, head: Head, albedo: Float, gloss: Float, person: Person, parts: list[Part]
    ) -> None:
        self.head, self.parts = head, parts
        a = head.arrays
        self.skin = a.triangles[~_is_eyeball(head)[a.triangles].any(1)]
        eyes = head.eyes
        counts = [len(head.rest), *(len(e.local) for e in eyes), *(len(p.vertices) for p in parts)]
        starts = np.cumsum([0, *counts])
        lists = [self.skin, *(e.triangles for e in eyes), *(p.triangles for p in parts)]
        self.triangles = np.concatenate(
            [t + s for t, s in zip(lists, starts, strict=False)]
        ).astype(np.int32)
        coloured = [iris_colours(person, e.angle, e.around) for e in eyes]
        self.albedo = _stack([albedo, *coloured, *(p.albedo for p in parts)])
        self.gloss = _stack([gloss, *(np.zeros(len(e.local)) for e in eyes),
                             *(p.gloss for p in parts)])  # fmt: skip
        skin = np.where(a.is_part("face", "head_neck"), SKIN, MATT)
        worn = [np.full(len(p.vertices), HAIR if p.strands else MATT) for p in parts]
        kinds = [skin, *(np.full(len(e.local), EYE) for e in eyes), *worn]
        self.kind = np.concatenate(kinds).astype(np.int32)
        labels = [np.full(len(p.triangles), p.label) for p in parts]
        skin_labels = _skin_labels(head)[self.skin[:, 0]]
        self.label = _stack([skin_labels, *map(_eye_labels, eyes), *labels]).astype(np.uint8)
        opacities = [np.full(len(p.triangles), p.opacity) for p in parts]
        self.alpha = _stack([np.ones(sum(len(t) for t in lists[:3])), *opacities])
        sky = [np.ones(len(p.vertices)) for p in parts]
        self.open = _stack([a.open**0.8, *(_eye_sky(e.local) for e in eyes), *sky])
        self.mouth = np.flatnonzero(a.is_part("teeth", "gums_tongue", "mouth_socket"))
        depth = head.rest[self.mouth, 2] - head.rest[self.mouth, 2].max()
        self.mouth_light = np.clip(1 + depth / 6.5, 0.05, 1) ** 1.5
        self.starts = starts

    def sky(self, expression: Float) -> Float:
        """How open each vertex is [V]; the mouth fills with light as it opens."""
        self.open[self.mouth] = self.mouth_light * min(0.45 + 1.6 * float(expression[17]), 1.0)
        return self.open

    def posed(
        self, face: Float, gaze: Float, turn: Float, shift: Float, expression: Float
    ) -> tuple[Float, Float]:
        """All vertices [V, 3] in front of the camera, and their normals (strands: tangents)."""
        head = self.head
        stay = head.arrays.masks["head"][:, None]
        normal = vertex_normals(face, self.skin)
        small, moved = BODY_FOLLOWS
        body_turn = np.eye(3, dtype=np.float32) + small * (turn - np.eye(3, dtype=np.float32))
        body_shift = moved * shift
        head_at = _placed(face, turn, shift)
        body_at = _placed(face, body_turn, body_shift)
        vertices = [stay * head_at + (1 - stay) * body_at]
        normals = [normal @ turn.T]
        for eye in head.eyes:
            ball = eye.vertices(gaze)
            vertices.append(_placed(ball, turn, shift))
            normals.append((ball - eye.centre) @ turn.T / 1.5)
        for part in self.parts:
            at = (
                part.vertices
                if part.bind is None
                else part.vertices + face[part.bind] - head.rest[part.bind]
            )
            t, s = (turn, shift) if part.follows == "head" else (body_turn, body_shift)
            vertices.append(_placed(at, t, s))
            normals.append(part.normals @ t.T)
        return np.concatenate(vertices).astype(np.float32), np.concatenate(normals).astype(
            np.float32
        )


def _stack(arrays: list[np.ndarray]) -> Float:
    return np.ascontiguousarray(np.concatenate(arrays), np.float32)


def _is_eyeball(head: Head) -> NDArray[np.bool_]:
    return head.arrays.is_part("eyeball")


def _eye_sky(local: Float) -> Float:
    """The upper lid's shadow on an eyeball."""
    return np.clip(0.92 - 0.45 * np.clip(local[:, 1] / 0.75, -0.3, 1) ** 1, 0.3, 1)


def _skin_labels(head: Head) -> NDArray[np.uint8]:
    """The label of each vertex of the head."""
    a = head.arrays
    labels = np.full(len(a.part), LABEL_INDEX["skin"], np.uint8)
    labels[(a.neutral[:, 1] < -13.2) | a.is_part("head_neck") & (a.neutral[:, 1] < -8)] = (
        LABEL_INDEX["neck"]
    )
    labels[a.masks["lips"] > 0.5] = LABEL_INDEX["lips"]
    labels[a.is_part("mouth_socket", "gums_tongue")] = LABEL_INDEX["mouth"]
    labels[a.tongue] = LABEL_INDEX["tongue"]
    labels[a.is_part("teeth")] = LABEL_INDEX["teeth"]
    return labels


def _eye_labels(eye: object) -> NDArray[np.uint8]:
    angle, triangles = eye.angle, eye.triangles  # type: ignore[attr-defined]
    inner = np.degrees(angle[triangles].max(1)) < 23.7
    return np.where(inner, LABEL_INDEX["iris"], LABEL_INDEX["eye"]).astype(np.uint8)


def _placed(points: Float, turn: Float, shift: Float) -> Float:
    """Points [N, 3] of the head, turned at the neck and shifted."""
    neck = np.array(NECK, np.float32) * UNIT_CM
    return (points - neck) @ turn.T + (neck + shift)


def points_depth(points: Float, turn: Float) -> Float:
    """Depth of turned points towards the viewer, cm, about the head's middle [N]."""
    turned = points @ turn.T
    depth: Float = turned[:, 2] - turned[:, 2].mean()
    return depth


def project(points: Float, side: int) -> Float:
    """Pixels [N, 3] of points before the camera: x right, y down, z as it was."""
    near = CAMERA_CM / (CAMERA_CM - points[:, 2]) * side / SPAN_CM
    out = np.empty_like(points)
    out[:, 0] = points[:, 0] * near + side / 2 - 0.5
    out[:, 1] = side * EYES_AT - points[:, 1] * near - 0.5
    out[:, 2] = points[:, 2]
    return out


def _lights(person: Person) -> Float:
    """Key, fill, rim [3, 6]: direction to the light, colour; and the sky's colours [2 rows]."""
    k = person.looks
    yaw, pitch = k.light_yaw, k.light_pitch
    key = np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
    fill = np.array([-np.sign(yaw or 1) * 0.75, 0.1, 0.65])
    rim = np.array([-np.sign(yaw or 1) * 0.75, 0.45, -0.5])
    warm = np.array([1.0, 0.93 - 0.10 * k.light_warmth, 0.84 - 0.26 * k.light_warmth])
    warm *= 1.0 + 0.12 * k.light_warmth
    cool = np.array([0.86, 0.93, 1.06])
    hard = 1 - k.light_softness
    rows = np.zeros((5, 6))
    for row, direction, colour in (
        (0, key, warm * (0.62 + 0.62 * hard)), (1, fill, cool * (0.20 - 0.06 * hard)),
        (2, rim, cool * 0.42), (3, (0, 1, 0), np.array([1.0, 1.0, 1.03]) * (0.50 - 0.20 * hard)),
        (4, (0, -1, 0), np.array([0.95, 0.86, 0.80]) * (0.24 - 0.08 * hard)),
    ):  # fmt: skip
        rows[row, :3] = np.asarray(direction) / np.linalg.norm(direction)
        rows[row, 3:] = colour
    return rows.astype(np.float32)


@compiled
def shade(
    vertices: Float,
    normals: Float,
    albedo: Float,
    gloss: Float,
    sky: Float,
    kind: NDArray[np.int32],
    lights: Float,
    out: Float,
) -> None:
    """The light that leaves each vertex towards the camera, linear, into `out` [V, 3].

    Skin wraps light around its edge, red furthest (a cheap stand-in for scattering; d'Eon and
    Luebke, GPU Gems 3, ch. 14); hair is Kajiya and Kay's (1989); the rest is Lambert and
    Blinn-Phong."""
    wrap = (0.42, 0.24, 0.16)
    for v in range(vertices.shape[0]):
        nx, ny, nz = normals[v, 0], normals[v, 1], normals[v, 2]
        px, py, pz = -vertices[v, 0], -vertices[v, 1], 120.0 - vertices[v, 2]
        size = 1 / np.sqrt(px * px + py * py + pz * pz)
        px, py, pz = px * size, py * size, pz * size
        k, openness = kind[v], sky[v]
        up = 0.5 + 0.5 * ny
        glow = 0.25 * (1 - openness) if k == 0 else 0.0  # light that bounces in skin is reddened
        red = (lights[3, 3] * up + lights[4, 3] * (1 - up)) * openness * (1 + glow)
        green = (lights[3, 4] * up + lights[4, 4] * (1 - up)) * openness
        blue = (lights[3, 5] * up + lights[4, 5] * (1 - up)) * openness
        shine_r, shine_g, shine_b = 0.0, 0.0, 0.0
        for i in range(3):
            lx, ly, lz = lights[i, 0], lights[i, 1], lights[i, 2]
            cosine = nx * lx + ny * ly + nz * lz
            blocked = min(1.0, openness * 1.5) if i < 2 else openness
            hx, hy, hz = lx + px, ly + py, lz + pz
            middle = (nx * hx + ny * hy + nz * hz) / (np.sqrt(hx * hx + hy * hy + hz * hz) + 1e-6)
            mirror = 0.0
            if k == 1:
                lit_r = lit_g = lit_b = 0.75 * np.sqrt(max(0.0, 1 - cosine * cosine))
                arc = max(0.0, 1 - middle * middle)
                arc8 = arc * arc * arc * arc
                arc16 = arc8 * arc8
                mirror = gloss[v] * (0.45 * arc16 * arc16 + 0.25 * arc8)
            elif k == 0:
                lit_r = max(0.0, (cosine + wrap[0]) / (1 + wrap[0]))
                lit_g = max(0.0, (cosine + wrap[1]) / (1 + wrap[1]))
                lit_b = max(0.0, (cosine + wrap[2]) / (1 + wrap[2]))
                if cosine > 0 and middle > 0:
                    edge = (1 - nz) * (1 - nz) * (1 - nz)
                    m4 = middle * middle * middle * middle
                    m16 = m4 * m4 * m4 * m4
                    mirror = gloss[v] * (0.35 + 0.65 * edge) * (0.30 * m16 + 0.30 * m16 * m16 * m16)
            else:
                lit_r = lit_g = lit_b = max(0.0, cosine)
                if cosine > 0 and middle > 0 and gloss[v] > 0:
                    mirror = 0.6 * gloss[v] * middle**48
            red += lit_r * lights[i, 3] * blocked
            green += lit_g * lights[i, 4] * blocked
            blue += lit_b * lights[i, 5] * blocked
            shine_r += mirror * lights[i, 3] * blocked
            shine_g += mirror * lights[i, 4] * blocked
            shine_b += mirror * lights[i, 5] * blocked
        tint = 0.10 if k == 1 else 0.5  # highlights of hair take most of their colour from it
        own = 1.6 if k == 1 else 0.0
        out[v, 0] = albedo[v, 0] * red + shine_r * (tint + own * albedo[v, 0])
        out[v, 1] = albedo[v, 1] * green + shine_g * (tint + own * albedo[v, 1])
        out[v, 2] = albedo[v, 2] * blue + shine_b * (tint + own * albedo[v, 2])


@compiled
def fill(
    pixels: Float,
    z: Float,
    triangles: NDArray[np.int32],
    colour: Float,
    label: Bytes,
    alpha: Float,
    canvas: Float,
    depth: Float,
    labels: Bytes,
) -> None:
    """Fill the triangles that face anywhere into canvas, depth and labels, nearer ones winning;
    those with `alpha` below 1 are blended over what is there and must come last."""
    height, width = depth.shape
    for f in range(triangles.shape[0]):
        i, j, k = triangles[f, 0], triangles[f, 1], triangles[f, 2]
        x0, y0, x1, y1 = pixels[i, 0], pixels[i, 1], pixels[j, 0], pixels[j, 1]
        x2, y2 = pixels[k, 0], pixels[k, 1]
        top = max(0, int(np.ceil(min(y0, y1, y2))))
        bottom = min(height - 1, int(np.floor(max(y0, y1, y2))))
        left = max(0, int(np.ceil(min(x0, x1, x2))))
        right = min(width - 1, int(np.floor(max(x0, x1, x2))))
        if top > bottom or left > right:
            continue
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if abs(area) < 1e-7:
            continue
        inverse = 1.0 / area
        a0, b0 = (y1 - y2) * inverse, (x2 - x1) * inverse
        c0 = (x1 * y2 - x2 * y1) * inverse
        a1, b1 = (y2 - y0) * inverse, (x0 - x2) * inverse
        c1 = (x2 * y0 - x0 * y2) * inverse
        see_through = alpha[f] < 1.0
        for y in range(top, bottom + 1):
            first, last = left, right
            for edge in range(3):  # each weight a x + r must not be negative
                if edge == 0:
                    a, r = a0, b0 * y + c0
                elif edge == 1:
                    a, r = a1, b1 * y + c1
                else:
                    a, r = -a0 - a1, 1.0 - (b0 + b1) * y - c0 - c1
                if a > 1e-9:
                    first = max(first, int(np.ceil(-r / a - 1e-3)))
                elif a < -1e-9:
                    last = min(last, int(np.floor(-r / a + 1e-3)))
                elif r < -1e-4:
                    last = -1
            for x in range(first, last + 1):
                w0 = a0 * x + b0 * y + c0
                w1 = a1 * x + b1 * y + c1
                w2 = 1.0 - w0 - w1
                near = w0 * z[i] + w1 * z[j] + w2 * z[k]
                if near <= depth[y, x]:
                    continue
                if see_through:
                    for c in range(3):
                        new = w0 * colour[i, c] + w1 * colour[j, c] + w2 * colour[k, c]
                        canvas[y, x, c] += alpha[f] * (new - canvas[y, x, c])
                    continue
                depth[y, x] = near
                labels[y, x] = label[f]
                for c in range(3):
                    canvas[y, x, c] = w0 * colour[i, c] + w1 * colour[j, c] + w2 * colour[k, c]


@compiled
def glint(canvas: Float, labels: Bytes, x: float, y: float, reach: float, bright: float) -> None:
    """A soft light spot where an eye is seen (labels 8 and 9)."""
    height, width = labels.shape
    for row in range(max(0, int(y - 3 * reach)), min(height, int(y + 3 * reach) + 2)):
        for column in range(max(0, int(x - 3 * reach)), min(width, int(x + 3 * reach) + 2)):
            if labels[row, column] == 8 or labels[row, column] == 9:
                r2 = ((row - y) ** 2 + (column - x) ** 2) / (reach * reach)
                much = bright * np.exp(-1.6 * r2 * r2)
                for c in range(3):
                    canvas[row, column, c] += much


@compiled
def finish(canvas: Float, finer: int, exposure: float) -> Bytes:
    """Average sub-pixels, expose (1 - exp(-x), a film's shoulder), encode as sRGB: uint8."""
    height, width = canvas.shape[0] // finer, canvas.shape[1] // finer
    out = np.empty((height, width, 3), np.uint8)
    for y in range(height):
        for x in range(width):
            for c in range(3):
                total = 0.0
                for i in range(finer):
                    for j in range(finer):
                        total += canvas[y * finer + i, x * finer + j, c]
                light = 1.0 - np.exp(-exposure * total / (finer * finer))
                code = 12.92 * light if light <= 0.0031308 else 1.055 * light**0.4166667 - 0.055
                out[y, x, c] = int(255 * code + 0.5)
    return out
