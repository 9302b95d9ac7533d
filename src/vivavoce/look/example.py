"""A portrait that every installation has."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vivavoce.types import Bytes

ASTRONAUT = Path(__file__).with_name("astronaut.jpg")
"""The file of a portrait, 512x512 px: Eileen Collins, by NASA, in the public domain."""


def astronaut() -> Bytes:
    """The picture in `ASTRONAUT` as RGB uint8 [512, 512, 3]."""
    from PIL import Image

    return np.asarray(Image.open(ASTRONAUT))
