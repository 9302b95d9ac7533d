"""What is drawn: parts with their materials. Painters make parts; `draw.py` draws them.

Space: the head model's own, in centimetres: x towards the person's left (the picture's right when
they face us), y up, z out of the face; the origin between the eyes of the mean head. A part follows
the head (turned and moved by the pose) or the body (which follows softly, at the neck).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vivavoce.types import Float

LABELS = (
    "backdrop", "clothes", "neck", "skin", "lips", "mouth", "teeth", "tongue", "eye", "iris",
    "brow", "hair", "beard", "glasses",
)  # fmt: skip
"""What the masks of a shard tell apart, by index."""
LABEL_INDEX = {name: i for i, name in enumerate(LABELS)}
UNIT_CM = 9.075
"""An outer-eye distance of the mean head: the unit of `Motion.pose`'s translation."""

Follows = Literal["head", "body"]
"""What a part moves with, see `Part.follows`."""


@dataclass(frozen=True)
class Part:
    """A mesh with colours, fixed to the head or to the body."""

    vertices: Float
    """Places of the vertices [V, 3] in cm, of the face at rest."""
    triangles: NDArray[np.int32]
    """[F, 3] vertex indices; both sides are drawn."""
    normals: Float
    """[V, 3] unit length, outwards. For strands of hair: the tangent, see `strands`."""
    albedo: Float
    """[V, 3] linear light reflected, 0..1."""
    gloss: Float
    """[V] strength of the highlight, 0..1."""
    label: int
    """Number of what the part is, an index into `LABELS`."""
    follows: Follows
    """What the part moves with: "head", which the pose turns, or "body", which hardly moves."""
    strands: bool = False
    """Whether `normals` are strand tangents, shaded as hair (Kajiya & Kay 1989)."""
    opacity: float = 1.0
    """Below 1 for spectacle lenses: blended over what is behind; such parts come last."""
    bind: NDArray[np.int64] | None = None
    """[V] the head vertex that each vertex moves along with (beards, brows); None: none."""
    sway: Float | None = None
    """[V] how much of each vertex follows the body, though the part follows the head: long hair
    that lies on the shoulders, 0..1; None: nothing."""
