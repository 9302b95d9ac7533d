"""What every file that we write says about itself: that it is synthetic, and how it was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import vivavoce
from vivavoce.errors import BadMedia
from vivavoce.media.files import PathLike, existing

SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
"""Where IPTC's digital source types (NewsCodes, 2022) are named."""
MADE, COMPOSED = "trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"
"""Types of media that a trained model made, and that it made of a photograph or a recording."""
LAYOUT = 1
"""Version of what the 32 bits of the mark mean."""


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
    composed: bool = False
    """Whether the picture of a person was animated, in whose pixels the model only had a part."""

    @property
    def source_type(self) -> str:
        """IPTC's digital source type, as a URI."""
        return SOURCE_TYPES + (COMPOSED if self.composed else MADE)

    @property
    def message(self) -> int:
        """The 32 bits of the mark: 4 of its layout, 1 that says whether the person was imagined,
        and 27 of a hash of model, seed and version, which `mark_fits` compares with metadata."""
        return LAYOUT << 28 | self.imagined << 27 | _hash(self.model, self.seed, self.version)

    def tags(self) -> dict[str, str]:
        """The metadata of a file: plain words for people, keys for programs."""
        drawn = "" if self.seed is None else f", seed {self.seed}"
        nobody = " The person does not exist." if self.imagined else ""
        tags = {
            "title": "Synthetic media made with vivavoce",
            "comment": f"Synthetic media: made by vivavoce {self.version} with the model "
            f"{self.model}{drawn}. It is not a recording.{nobody}",
            "synthetic-media": "yes",
            "digital-source-type": self.source_type,
            "vivavoce-version": self.version,
            "vivavoce-model": self.model,
        }
        if self.voice:
            tags["vivavoce-voice"] = self.voice
        return tags if self.seed is None else tags | {"vivavoce-seed": str(self.seed)}


def mark_fits(message: int, tags: Mapping[str, str]) -> bool:
    """Whether a mark of 32 bits is that of the clip which metadata speaks of."""
    seed = tags.get("vivavoce-seed")
    wanted = _hash(tags.get("vivavoce-model", ""), seed, tags.get("vivavoce-version", ""))
    return message & (1 << 27) - 1 == wanted


def _hash(model: str, seed: int | str | None, version: str) -> int:
    words = f"{model}|{'' if seed is None else seed}|{version}"
    return int.from_bytes(sha256(words.encode()).digest()[:4], "big") >> 5


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
