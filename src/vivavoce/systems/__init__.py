"""systems: the rooms composed, one file a system."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

from vivavoce.errors import BadCheckpoint, RequestError, UnknownName

SYSTEMS = {
    "portrait": "vivavoce.systems.portrait.talker:Portrait",
    "sdm": "vivavoce.systems.sdm.talker:Sdm",
    "ttsf": "vivavoce.systems.ttsf.talker:Ttsf",
}
"""Name → where its class is; imported on demand."""
WEIGHTS = Path(__file__).parents[1] / "weights"
"""The checkpoints that ship, <system>-<preset>/."""


def load_system(name: str) -> Any:
    """The system called `name`: a built-in name, a checkpoint folder, or a hub id "owner/name".

    Raises: UnknownName: nothing is called so. RequestError: the folder is no checkpoint.
    BadCheckpoint: it is incomplete, or for a system that this version does not have.
    """
    if name in SYSTEMS:
        return _class_of(name)(WEIGHTS / f"{name}-tiny")
    folder = Path(name)
    if not folder.is_dir():
        if name.count("/") != 1 or folder.is_absolute() or name.startswith("."):
            raise UnknownName("system", name, SYSTEMS, "Or give a checkpoint folder.")
        folder = _from_hub(name)
    return _class_of(_system_of(folder))(folder)


def _class_of(system: str) -> Any:
    module, _, class_name = SYSTEMS[system].partition(":")
    return getattr(import_module(module), class_name)


def _system_of(folder: Path) -> str:
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
