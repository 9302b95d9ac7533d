"""Light, fill and expose meshes: the corpus's rasteriser for the CPU, compiled by numba."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from vivavoce.render.mesh import compiled
from vivavoce.types import Bytes, Float

SKIN, HAIR, EYE, MATT = 0, 1, 2, 3
"""Numbers that say by which rule a vertex is lit."""


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
        tint = 0.035 if k == 1 else 0.5  # highlights of hair take most of their colour from it
        own = 1.9 if k == 1 else 0.0
        out[v, 0] = albedo[v, 0] * red + shine_r * (tint + own * albedo[v, 0])
        out[v, 1] = albedo[v, 1] * green + shine_g * (tint + own * albedo[v, 1])
        out[v, 2] = albedo[v, 2] * blue + shine_b * (tint + own * albedo[v, 2])


@compiled
def _turned_over(a: float) -> float:
    """-1 / a, or 0 where a is too flat to divide by."""
    return -1.0 / a if abs(a) > 1e-9 else 0.0


@compiled
def _cut(first: int, last: int, over: float, r: float) -> tuple[int, int]:
    """The pixels x from `first` to `last` where the weight a x + r is not negative."""
    if over < 0.0:
        return max(first, int(np.ceil(r * over - 1e-3))), last
    if over > 0.0:
        return first, min(last, int(np.floor(r * over + 1e-3)))
    return (first, last) if r >= -1e-4 else (first, -1)


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
        a1, b1 = (y2 - y0) * inverse, (x0 - x2) * inverse
        c0, c1 = (x1 * y2 - x2 * y1) * inverse, (x2 * y0 - x0 * y2) * inverse
        t0, t1, t2 = _turned_over(a0), _turned_over(a1), _turned_over(-a0 - a1)
        zk, zi, zj = z[k], z[i] - z[k], z[j] - z[k]
        see_through = alpha[f] < 1.0
        for y in range(top, bottom + 1):
            r0, r1 = b0 * y + c0, b1 * y + c1
            first, last = _cut(left, right, t0, r0)
            first, last = _cut(first, last, t1, r1)
            first, last = _cut(first, last, t2, 1.0 - r0 - r1)
            for x in range(first, last + 1):
                w0 = a0 * x + r0
                w1 = a1 * x + r1
                near = zk + w0 * zi + w1 * zj
                if near <= depth[y, x]:
                    continue
                w2 = 1.0 - w0 - w1
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


BRIGHTEST, FILM_STEPS = 6.0, 32768
"""Light at which film is white, and the steps in which it is looked up: finer than a grey level."""


@cache
def film(exposure: float) -> Bytes:
    """What light 0 to `BRIGHTEST` becomes [FILM_STEPS]: exposed by 1 - exp(-x), a film's shoulder,
    and encoded as sRGB."""
    light = 1 - np.exp(-exposure * np.linspace(0, BRIGHTEST, FILM_STEPS))
    code = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return (255 * code + 0.5).astype(np.uint8)


@compiled
def finish(canvas: Float, finer: int, film: Bytes) -> Bytes:
    """Average `finer` x `finer` sub-pixels and look the light up in `film`: uint8 [H, W, 3]."""
    height, width = canvas.shape[0] // finer, canvas.shape[1] // finer
    out = np.empty((height, width, 3), np.uint8)
    scale = np.float32((len(film) - 1) / (BRIGHTEST * finer * finer))
    for y in range(height):
        for x in range(width):
            for c in range(3):
                total = np.float32(0.5) / scale
                for i in range(finer):
                    for j in range(finer):
                        total += canvas[y * finer + i, x * finer + j, c]
                out[y, x, c] = film[min(int(total * scale), len(film) - 1)]
    return out
