"""One picture that was made: the face of somebody who does not exist, to save or to keep."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from vivavoce.errors import BadMedia, OutputRefused
from vivavoce.media.files import PathLike, beside, check_output, writing
from vivavoce.media.mark import Mark
from vivavoce.media.provenance import Provenance
from vivavoce.media.signature import check_signed
from vivavoce.media.signature import sign as put_signature
from vivavoce.types import Bytes

STILL_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
"""Kinds of files that a still can be written to."""
KEPT, FACE = "person.json", "face.png"
"""Files of a folder that holds an imagined person: what is known of them, and their picture."""


def is_still(path: PathLike) -> bool:
    """Whether a path names one picture, and not a video or a sequence of pictures."""
    target = Path(path)
    return target.suffix.lower() in STILL_SUFFIXES and "%" not in target.name


@dataclass(frozen=True)
class Still:
    """A picture of an imagined person, and what is known of it."""

    picture: Bytes
    """The picture, RGB uint8 [H, W, 3]."""
    provenance: Provenance
    """How it was made; `save` writes it into the file."""
    words: Mapping[str, str] = field(default_factory=dict)
    """What is told of the person, by name, e.g. the `person`: "a woman of about 40"."""

    def save(
        self, path: PathLike, force: bool = False, sign: str | None = None, marked: bool = True
    ) -> Path:
        """Write the picture to a .png, .jpg or .webp file, whole or not at all; its metadata says
        that the person does not exist.

        `sign`: who signs it, as `find_signer` says; None: nobody. `marked`: whether it gets the
        mark of `media.mark`.

        Raises: RequestError: it cannot be signed by that one. OutputRefused: another kind of file,
        no such folder, or it exists and not `force`. CannotWrite: no permission, no space.
        """
        target = check_output(path, force, STILL_SUFFIXES)
        signer = check_signed(sign, target.suffix) if sign is not None else None
        picture = self.picture.copy()
        height, width = picture.shape[:2]
        if marked:
            Mark(self.provenance.message, (width, height)).add(picture)
        image = Image.fromarray(picture)
        with writing(target), beside(target, force) as part:
            image.save(part, _format(target), **_said(image, target, self.provenance.tags()))
            if signer is not None:
                put_signature(part, target.suffix, self.provenance, signer)
        return Path(path)


def keep(folder: PathLike, still: Still, known: Mapping[str, Any], force: bool = False) -> Path:
    """Store an imagined person in a folder, so that the same one can speak again: `vivavoce speak
    FOLDER --text ...`.

    Args:
        folder: A new or empty folder, or with `force` one that holds such a person.
        still: The picture of the person, facing us.
        known: What else is known, as JSON can hold it: the system, the seed, the looks.
        force: Whether another person in the folder is replaced.

    Raises: OutputRefused: the folder holds something else, or a person and not `force`.
    CannotWrite: no permission, no space.
    """
    kept = Path(folder)
    there = sorted(path.name for path in kept.iterdir()) if kept.is_dir() else []
    if kept.exists() and not kept.is_dir():
        raise OutputRefused(f"{folder} is a file; --keep takes a folder.")
    foreign = [name for name in there if not force or name not in (KEPT, FACE)]
    if foreign:
        raise OutputRefused(f"{folder} holds {foreign[0]}. Give --keep a new or empty folder.")
    with writing(kept):
        kept.mkdir(parents=True, exist_ok=True)
    still.save(kept / FACE, force=True)
    with writing(kept / KEPT), beside(kept / KEPT, force=True) as part:
        part.write_text(json.dumps({**known, "words": dict(still.words)}, indent=1), "utf-8")
    return kept


def kept_face(folder: Path) -> Path:
    """The picture of the person that `keep` stored in `folder`.

    Raises: BadMedia: the folder holds no such person.
    """
    if (folder / KEPT).is_file() and (folder / FACE).is_file():
        return folder / FACE
    raise BadMedia(
        f"{folder} is a folder that holds no imagined person. Give a picture, or a folder of "
        "`vivavoce imagine --keep`."
    )


def _format(target: Path) -> str:
    return {".png": "PNG", ".webp": "WEBP"}.get(target.suffix.lower(), "JPEG")


def _said(image: Image.Image, target: Path, tags: Mapping[str, str]) -> dict[str, Any]:
    """How Pillow writes the tags into a file of this kind: text chunks, or Exif."""
    if _format(target) == "PNG":
        info = PngInfo()
        for key, words in tags.items():
            info.add_text(key, words)
        return {"pnginfo": info}
    exif = image.getexif()
    exif[0x010E] = f"{tags['title']}. {tags['comment']}"  # ImageDescription
    exif[0x0131] = f"vivavoce {tags['vivavoce-version']}"  # Software
    return {"exif": exif.tobytes(), "quality": 95}
