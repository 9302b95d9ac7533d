"""A mark in the picture: 32 bits in the luma, one level up or down, the same in every frame.

The shorter side of a picture has 128 cells; the pattern goes on in tiles of 128 by 128 cells. Each
cell is one level of 255 lighter or darker: a sign that a key gives, turned by a bit of the message.
A quarter of the cells carry no bit; they tell where the pattern lies, after cropping and scaling.
36 bits (32, and 4 that check them) are 72 by an extended Golay code, and each of these has some 170
cells. The pattern is found by what is left of the mean picture without its large shapes, as spread
spectrum is (Cox et al., "Secure spread spectrum watermarking for multimedia", IEEE TIP 1997).
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2, rfft2

from vivavoce.types import Bytes, Float

CELLS = 128
"""Cells along the shorter side of a picture, and along both sides of a tile."""
LEAST_SIDE = 192
"""Pictures with a shorter side under this, in pixels, get no mark: no cell would be left of it."""
BITS, CHECKED, CODED = 32, 36, 72
"""Bits of a message, of a message with its check, and of the code."""
KEY = b"vivavoce: this face did not say this"
FOUND = 7.0
"""Height of the pattern's peak over the spread of all places where it might lie, from which on it
counts as found. Chance goes over it less than once in 100,000 pictures, for 3 million places."""
SCALES = tuple(np.linspace(1.0, 0.78, 38))
"""Sides of a cropped picture over the whole one's that are tried."""
_SAMPLES = 2
"""Samples along a cell when a pattern is looked for."""
_SIDE = _SAMPLES * CELLS
_WIDTH = 1.3
"""Shapes larger than this, in samples, tell nothing: the Gaussian that is taken off."""
_GOLAY = 0b110001110101
"""Generator polynomial of the Golay code (23, 12)."""
_FRAMES = 100
"""Frames that are averaged."""


@dataclass(frozen=True)
class Found:
    """A mark that was read."""

    message: int
    """Its 32 bits."""
    strength: float
    """Height of its peak over the spread; at least `FOUND`."""


class Mark:
    """A message as the pattern that is added to pictures of one size."""

    def __init__(self, message: int, size: tuple[int, int]) -> None:
        """`message` of 32 bits; width and height of the pictures."""
        width, height = size
        self._field: NDArray[np.int8] | None = None
        if min(size) >= LEAST_SIDE:
            rows, columns = (np.arange(n) * CELLS // min(size) % CELLS for n in (height, width))
            self._field = pattern(message)[np.ix_(rows, columns)]

    def add(self, picture: Bytes) -> None:
        """Add it to a luma [H, W] or to a picture [H, W, 3], in place."""
        if self._field is None:
            return
        field = self._field if picture.ndim == 2 else np.repeat(self._field[..., None], 3, 2)
        cv2.add(picture, field, dst=picture, dtype=cv2.CV_8U)

    def added(self, picture: Bytes) -> Bytes:
        """A copy of a picture [H, W, 3], with the mark."""
        copy = np.ascontiguousarray(picture).copy()
        self.add(copy)
        return copy


def pattern(message: int) -> NDArray[np.int8]:
    """The tile [128, 128] of a message: -1 and 1."""
    place = _places()
    bits = np.append(_coded(message), 1).astype(np.int8)  # the last: cells that carry no bit
    return (place.chips * bits[place.bit]).reshape(CELLS, CELLS)


def find_mark(lumas: Iterable[Bytes]) -> Found | None:
    """The mark in pictures of one size [H, W] (their luma, or grey pictures), of which the first
    100 are averaged; None: none was found.

    They may have been encoded again, scaled, and cropped by up to a fifth of the shorter side.
    """
    mean: Float | None = None
    count = 0
    for luma in islice(lumas, _FRAMES):
        mean = luma.astype(np.float32) if mean is None else mean + luma
        count += 1
    if mean is None or min(mean.shape) < CELLS:
        return None
    return _search(mean / count)


def _search(mean: Float) -> Found | None:
    best = max((_peak(mean, scale) for scale in SCALES[:1]), key=lambda peak: peak[0])
    if best[0] < FOUND:
        best = max((_peak(mean, scale) for scale in SCALES[1:]), key=lambda peak: peak[0])
    if best[0] < FOUND:
        return None
    near = (_peak(mean, best[1] + step) for step in np.linspace(-0.004, 0.004, 9))
    best = max(near, key=lambda peak: peak[0])
    message = _read(best[2])
    return None if message is None else Found(message, round(float(best[0]), 1))


def _peak(mean: Float, scale: float) -> tuple[float, float, Float]:
    """Height of the highest peak of the pattern in a picture that shows `scale` of the shorter side
    of the marked one; `scale`; and the tile [256, 256], with the pattern's corner at its own."""
    tile = _tile(mean, scale)
    surface = irfft2(rfft2(tile) * _template(), s=tile.shape)
    row, column = np.unravel_index(int(np.argmax(surface)), surface.shape)
    height = float(surface[row, column] / (surface.std() + 1e-9))
    return height, scale, np.roll(tile, (-int(row), -int(column)), (0, 1))


def _tile(mean: Float, scale: float) -> Float:
    """What stands out in a picture [H, W], in samples, laid over each other in one tile."""
    zoom = scale * _SIDE / min(mean.shape)
    size = (round(mean.shape[1] * zoom), round(mean.shape[0] * zoom))
    seen = _outstanding(cv2.resize(mean, size, interpolation=cv2.INTER_AREA))
    tile = np.zeros((_SIDE, _SIDE), np.float32)
    for top in range(0, seen.shape[0], _SIDE):
        for left in range(0, seen.shape[1], _SIDE):
            part = seen[top : top + _SIDE, left : left + _SIDE]
            tile[: part.shape[0], : part.shape[1]] += part
    return tile


def _outstanding(samples: np.ndarray) -> Float:
    """`samples` [h, w] without large shapes, each with the weight that it has by its variance: a
    calm place tells more of the pattern than a lively one."""
    rest = samples - cv2.GaussianBlur(samples, (0, 0), _WIDTH)
    usual = np.sqrt(cv2.GaussianBlur(rest * rest, (0, 0), 2)) + 0.3
    return np.asarray(np.clip(rest / usual, -1.5, 1.5) / usual, np.float32)


def _read(tile: Float) -> int | None:
    """The message in a tile that lies right; None: its check is wrong."""
    place = _places()
    weights = (tile * _fine(place.chips)).reshape(CELLS, _SAMPLES, CELLS, _SAMPLES).sum((1, 3))
    soft = np.bincount(place.bit, weights.ravel(), CODED + 1)[:CODED]
    words = (soft.reshape(-1, 24) @ _codebook().T).argmax(1)
    bits = int(words[0]) << 24 | int(words[1]) << 12 | int(words[2])
    message = bits >> 4
    return message if _with_check(message) == bits else None


@dataclass(frozen=True)
class _Places:
    """What the key says of each cell of a tile."""

    chips: NDArray[np.int8]
    """Its sign [16384]."""
    bit: NDArray[np.int64]
    """Which bit of the code it carries [16384]; 72: none."""


@lru_cache(maxsize=1)
def _places() -> _Places:
    count = CELLS * CELLS
    stream = np.frombuffer(hashlib.shake_256(KEY).digest(5 * count), np.uint8)
    chips = np.where(stream[:count] & 1, 1, -1).astype(np.int8)
    order = np.argsort(stream[count:].view(">u4"), kind="stable")
    each = count * 3 // 4 // CODED
    bit = np.full(count, CODED)
    bit[order[: each * CODED]] = np.repeat(np.arange(CODED), each)
    return _Places(chips, bit)


def _fine(cells: np.ndarray) -> Float:
    """Cells [16384] as samples [256, 256], without large shapes, as `_outstanding` leaves them."""
    square = cells.reshape(CELLS, CELLS).astype(np.float32)
    samples = np.repeat(np.repeat(square, _SAMPLES, 0), _SAMPLES, 1)
    wrapped = np.pad(samples, 8, mode="wrap")
    return np.asarray(samples - cv2.GaussianBlur(wrapped, (0, 0), _WIDTH)[8:-8, 8:-8], np.float32)


@lru_cache(maxsize=1)
def _template() -> np.ndarray:
    """Spectrum of the cells that carry no bit, as they are looked for."""
    place = _places()
    return np.asarray(np.conj(rfft2(_fine(place.chips * (place.bit == CODED)))))


def _with_check(message: int) -> int:
    return message << 4 | zlib.crc32(message.to_bytes(4, "big")) & 15


def _coded(message: int) -> Float:
    """The code of a message: 72 times -1 or 1."""
    bits = _with_check(message)
    return np.concatenate([_codebook()[bits >> shift & 4095] for shift in (24, 12, 0)])


@lru_cache(maxsize=1)
def _codebook() -> Float:
    """All words of the extended Golay code (24, 12) [4096, 24] as -1 and 1; any two differ in at
    least eight places."""
    words = np.arange(4096) << 11
    rest = words.copy()
    for shift in range(11, -1, -1):
        rest ^= np.where(rest >> (shift + 11) & 1, _GOLAY << shift, 0)
    bits = (words | rest)[:, None] >> np.arange(22, -1, -1) & 1
    whole = np.concatenate([bits, bits.sum(1, keepdims=True) & 1], 1)
    return (2 * whole - 1).astype(np.float32)
