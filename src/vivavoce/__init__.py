"""vivavoce makes faces talk.

    clip = vivavoce.load("portrait")(portrait="me.jpg", text="Hello.", seed=7)
    clip.save("hello.mp4")

Importing the package loads nothing heavy; `load` does.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"


def load(name: str = "portrait", **settings: Any) -> Any:
    """The system called `name`: a built-in name, a checkpoint folder, or a hub id.

    Raises: UnknownName: no system or folder is called so. BadCheckpoint: the folder is damaged.
    """
    from vivavoce.systems import load_system

    return load_system(name, **settings)
