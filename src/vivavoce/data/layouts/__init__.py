"""layouts: where each data set keeps its clips, words and labels; one file a set."""

from __future__ import annotations

from importlib import import_module

from vivavoce.data.layouts.base import Layout
from vivavoce.errors import UnknownName

LAYOUTS = (
    "voxceleb2", "lrs2", "lrs3", "lrw", "mead", "meadtext", "instructavatar", "hdtf", "ravdess",
    "celebvhq", "fakeavceleb", "clips",
)  # fmt: skip
"""Names of the layouts that `vivavoce data prepare` can read."""


def find_layout(name: str) -> Layout:
    """The layout called `name` (hyphens and case do not matter).

    Raises: UnknownName: there is none.
    """
    plain = name.lower().replace("-", "").replace("_", "")
    plain = {"lrs3ted": "lrs3"}.get(plain, plain)
    if plain not in LAYOUTS:
        raise UnknownName("data set", name, LAYOUTS)
    layout: Layout = import_module(f"vivavoce.data.layouts.{plain}").LAYOUT
    return layout
