"""systems: the rooms composed, one package a system.

A system's package names its two classes as dotted strings, so that looking it up loads nothing:
`TALKER` makes clips (a `systems.talker.Talker`), `TRAINING` learns (a `systems.stage.Trainable`).
"""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vivavoce.errors import BadCheckpoint, RequestError, UnknownName

if TYPE_CHECKING:
    from vivavoce.systems.talker import Talker

SYSTEMS = {
    "portrait": "vivavoce.systems.portrait",
    "drawn": "vivavoce.systems.drawn",
    "imagine-id": "vivavoce.systems.imagine_id",
    "s2tf": "vivavoce.systems.s2tf",
    "sdm": "vivavoce.systems.sdm",
    "ttsf": "vivavoce.systems.ttsf",
    "avi-talking": "vivavoce.systems.avi_talking",
    "stfm": "vivavoce.systems.stfm",
}
"""Systems that ship: the name of each, and the package that it lives in."""


def load_system(name: str, device: str = "cpu") -> Talker:
    """The system called `name`: a built-in name, a checkpoint folder, or a hub id "owner/name".

    Args:
        name: What to load.
        device: Where its networks run: "cpu", "cuda", "cuda:1", or "auto" (a GPU if there is one).

    Raises: UnknownName: nothing is called so. RequestError: the folder is no checkpoint, or this
    machine has no such device. BadCheckpoint: it is incomplete, or for a system that this version
    does not have.
    """
    talker, folder = located(name)
    return talker.load(folder, device)


def located(name: str) -> tuple[type[Talker], Path]:
    """The class and the checkpoint folder of the system called `name`, which is fetched if it is a
    hub id; nothing is loaded.

    Raises: as `load_system`, but for a damaged checkpoint.
    """
    if name in SYSTEMS:
        from vivavoce.nn.weights import SHIPPED  # here: it imports torch

        return talker_of(name), SHIPPED / f"{name}-tiny"
    folder = Path(name)
    if not folder.is_dir():
        if name.count("/") != 1 or folder.is_absolute() or name.startswith("."):
            raise UnknownName("system", name, SYSTEMS, "Or give a checkpoint folder.")
        folder = _from_hub(name)
    return talker_of(system_of(folder)), folder


def talker_of(system: str) -> type[Talker]:
    """The class that makes clips with the system of that name.

    Raises: UnknownName: there is none.
    """
    if system not in SYSTEMS:
        raise UnknownName("system", system, SYSTEMS)
    found: type[Talker] = dotted(import_module(SYSTEMS[system]).TALKER)
    return found


def dotted(place: str) -> Any:
    """The object that "package.module:Name" names; its module is imported."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


def system_of(folder: Path) -> str:
    """The system that the checkpoint in `folder` was made for, as its config.json says."""
    try:
        system = json.loads((folder / "config.json").read_text("utf-8"))["system"]
    except FileNotFoundError:
        raise RequestError(f"{folder} is not a checkpoint: it has no config.json.") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise BadCheckpoint(f"{folder}/config.json does not say which system it is for.") from None
    if system not in SYSTEMS:
        known = ", ".join(SYSTEMS)
        raise BadCheckpoint(f"{folder} is for the system {system!r}; this version has: {known}.")
    return str(system)


def _from_hub(name: str) -> Path:
    """Fetch the checkpoint `owner/name`; the one place where the network is used, at your word."""
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError
    except ImportError:
        raise RequestError(
            f"There is no folder {name}. To fetch it from a hub: pip install huggingface_hub"
        ) from None
    try:
        return Path(snapshot_download(name, allow_patterns=["*.json", "*.safetensors", "*.md"]))
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise RequestError(
            f"There is no folder {name}, and it could not be fetched from the hub either "
            f"({type(error).__name__})."
        ) from None
