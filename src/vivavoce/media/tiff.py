"""TIFF pictures of floating-point numbers, which Pillow does not read in colour (OpenCV)."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO

import numpy as np
from PIL.TiffImagePlugin import ImageFileDirectory_v2

WIDTH, HEIGHT, LAYOUT, SAMPLE_FORMAT = 256, 257, 284, 339
"""Tags of a TIFF directory (TIFF 6.0)."""
PLANES = 2
"""The layout of colours one after the other, which OpenCV decodes wrongly."""
FLOATS = 3
"""The sample format of floating-point numbers."""


def read_float_tiff(
    data: IO[bytes], check_size: Callable[[tuple[int, int]], None]
) -> np.ndarray | None:
    """Values [H, W] or [H, W, 3 or 4] of a TIFF of floats, upright.

    Args:
        data: The open file.
        check_size: Called with width and height in pixels before the pixels are decoded.

    Returns: None: it is no such file, damaged, or stores each colour by itself.
    """
    tags = _tags(data)
    if tags is None or FLOATS not in np.atleast_1d(tags.get(SAMPLE_FORMAT, 1)):
        return None
    if tags.get(LAYOUT) == PLANES:
        return None
    check_size((int(tags[WIDTH]), int(tags[HEIGHT])))
    import cv2

    level = cv2.getLogLevel()
    cv2.setLogLevel(0)  # it prints about files that it cannot read
    try:
        data.seek(0)
        values = cv2.imdecode(np.frombuffer(data.read(), np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    finally:
        cv2.setLogLevel(level)
    if values is None:
        return None
    if values.ndim == 3:
        values = values[..., [2, 1, 0, 3][: values.shape[2]]]  # BGR(A) -> RGB(A)
    return values


def _tags(data: IO[bytes]) -> ImageFileDirectory_v2 | None:
    """Tags of the first page; None: not a TIFF, or damaged."""
    data.seek(0)
    head = data.read(8)
    if head[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return None
    if head[2] == 43 or head[3] == 43:  # BigTIFF
        head += data.read(8)
    try:
        tags = ImageFileDirectory_v2(head)
        data.seek(tags.next)
        tags.load(data)
    except Exception:  # Pillow raises many kinds on damaged data
        return None
    return tags if WIDTH in tags and HEIGHT in tags else None
