"""The 68 points of iBUG by the name that they had here; they are in `vivavoce.types`."""

from __future__ import annotations

from vivavoce.types import ALL_68, FACE_68, MOUTH_68

__all__ = ["ALL_68", "FACE_68", "MOUTH_68"]
