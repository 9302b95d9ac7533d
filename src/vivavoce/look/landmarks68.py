"""The 68 points of iBUG (Sagonas et al. 2013), which papers speak of, among the tracker's 478."""

from __future__ import annotations

FACE_68 = (
    127, 234, 93, 132, 58, 136, 150, 176, 152, 400, 379, 365, 288, 361, 323, 454, 356,
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300, 168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
)  # fmt: skip
"""Points 0 to 47: jaw, brows, nose, eyes."""
MOUTH_68 = (61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91, 78, 81, 13, 311, 308, 402, 14, 178)
"""Points 48 to 67: outer, then inner lips."""
ALL_68 = (*FACE_68, *MOUTH_68)
"""Point k of the 68 is the tracker's point ALL_68[k], the nearest that it has."""
