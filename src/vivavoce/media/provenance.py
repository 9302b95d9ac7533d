"""What every file that we write says about itself: that it is synthetic, and how it was made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import vivavoce
from vivavoce.errors import BadMedia
from vivavoce.media.files import PathLike, existing

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""IPTC's digital source type (NewsCodes, 2022) for media made by a trained model."""


@dataclass(frozen=True)
class Provenance:
    """What a file says about the way it was made."""

    model: str
    """Name of the system and its checkpoint, e.g. "portrait"."""
    seed: int | None = None
    """The seed that makes it again; None where nothing is drawn."""
    version: str = vivavoce.__version__
    """Version of vivavoce that made the clip."""
    voice: str = ""
    """Name of the voice that was heard; "" for a recording."""
    imagined: bool = False
    """Whether the person that is seen was imagined, and does not exist."""

    def tags(self) -> dict[str, str]:
        """The metadata of a file: plain words for people, keys for programs."""
        drawn = "" if self.seed is None else f", seed {self.seed}"
        nobody = " The person does not exist." if self.imagined else ""
        tags = {
            "title": "Synthetic media made with vivavoce",
            "comment": f"Synthetic media: made by vivavoce {self.version} with the model "
            f"{self.model}{drawn}. It is not a recording.{nobody}",
            "synthetic-media": "yes",
            "digital-source-type": SOURCE_TYPE,
            "vivavoce-version": self.version,
            "vivavoce-model": self.model,
        }
        if self.voice:
            tags["vivavoce-voice"] = self.voice
        return tags if self.seed is None else tags | {"vivavoce-seed": str(self.seed)}


def read_provenance(path: PathLike) -> dict[str, str]:
    """The metadata of a video or sound file, its names in small letters, for some formats have them
    in capitals; one of ours has "synthetic-media": "yes".

    Raises: BadMedia: not such a file.
    """
    import av

    file: Path = existing(path, "video")
    try:
        with av.open(str(file.absolute()), metadata_errors="ignore") as container:
            return {key.lower(): words for key, words in container.metadata.items()}
    except (av.FFmpegError, OSError) as error:
        raise BadMedia(f"{file} is not a video that can be read ({error.strerror}).") from None
