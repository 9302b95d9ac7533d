"""official: the papers' own judges, from files that the user has, by their published names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vivavoce.measure.judges.official.arcface import ArcFace
from vivavoce.measure.judges.official.hopenet import Hopenet
from vivavoce.measure.judges.official.i3d import I3d
from vivavoce.measure.judges.official.inception import Inception
from vivavoce.measure.judges.official.sync import load_sync
from vivavoce.measure.judges.official.voices import Vggish, Whisper, XVector

LOADERS: dict[str, Callable[[str, str], Any]] = {
    "picture": Inception, "clip": I3d, "face": ArcFace, "head": Hopenet, "sync": load_sync,
    "voice": XVector, "sound": Vggish, "words": Whisper,
}  # fmt: skip
"""Kind → the loader of its official judge, of a file and the name of a device."""
