"""vivavoce makes faces talk.

    clip = vivavoce.load("portrait")(portrait="me.jpg", text="Hello.", seed=7)
    clip.save("hello.mp4")

Importing the package loads nothing heavy; `load` does.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vivavoce.systems.talker import Talker

__version__ = "0.1.0"

# From version 1.29 on, onnxruntime reports its use to its makers from a thread of its own, which
# also keeps a forked child from ending. Nothing here may ask a network.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"


def load(name: str = "portrait", device: str = "cpu") -> Talker:
    """The system called `name`: a built-in name, a checkpoint folder, or a hub id "owner/name".

    Args:
        name: What to load; `vivavoce systems` lists the built-in ones.
        device: Where its networks run: "cpu", "cuda", "cuda:1", or "auto" (a GPU if there is one).

    Raises: UnknownName: no system or folder is called so. BadCheckpoint: the folder is damaged.
    RequestError: this machine has no such device.
    """
    from vivavoce.systems import load_system

    return load_system(name, device)
