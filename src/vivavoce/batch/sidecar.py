"""The note beside each clip of a batch: what it was made of, so that a second run knows it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from vivavoce.media.files import write_text
from vivavoce.media.stills import frames_of, sound_beside

SUFFIX = ".json"
"""What the sidecar's name has behind that of the clip."""


def sidecar_of(output: Path) -> Path:
    """Where the note of a clip lies: behind its name stands .json."""
    return output.with_name(output.name + SUFFIX)


@dataclass(frozen=True)
class Sidecar:
    """What is known of a clip that was begun or made."""

    recipe: Mapping[str, Any]
    """Version, options, and hashes of the inputs and of the checkpoint."""
    made: Mapping[str, Any] | None = None
    """Hash and bytes of the output, seconds and frames; None: it was begun and is not whole."""

    def write(self, output: Path) -> None:
        """Write it beside `output`, whole or not at all.

        Raises: CannotWrite: no space, no permission.
        """
        about = {"recipe": self.recipe, "made": self.made}
        write_text(sidecar_of(output), json.dumps(about, indent=1, ensure_ascii=False) + "\n")

    @classmethod
    def read(cls, output: Path) -> Sidecar | None:
        """The note of `output`; None: there is none that can be read."""
        try:
            about = json.loads(sidecar_of(output).read_text("utf-8"))
            return cls(about["recipe"], about["made"])
        except (OSError, ValueError, KeyError, TypeError):
            return None


def is_done(output: Path, recipe: Mapping[str, Any], files: Sequence[Path]) -> bool:
    """Whether the clip `output` was made by this very `recipe`, and its `files` are what was made.

    Raises: OSError: a file cannot be read.
    """
    note = Sidecar.read(output)
    if note is None or note.made is None or note.recipe != recipe:
        return False
    return bool(files) and note.made.get("sha256") == digest(files)


def files_of(output: Path) -> list[Path]:
    """The files of a clip that are there: itself, or the frames and the sound of a sequence."""
    if "%" not in output.name:
        return [output] if output.is_file() else []
    if not output.parent.is_dir():
        return []
    frames = sorted(frames_of(output.parent, output.name))
    sound = sound_beside(output)
    return [*frames, sound] if frames and sound.is_file() else frames


def digest(files: Iterable[Path]) -> str:
    """One SHA-256 of the contents of files, in their order.

    Raises: OSError: one cannot be read.
    """
    whole = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()


@lru_cache(maxsize=64)
def checkpoint_digest(folder: Path) -> str:
    """One SHA-256 of a checkpoint: its settings and its weights."""
    return digest(sorted([*folder.glob("*.json"), *folder.glob("*.safetensors")]))
