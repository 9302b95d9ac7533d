"""All that a person wears and grows on and around the head."""

from __future__ import annotations

from vivavoce.data.corpus.clothes import clothes
from vivavoce.data.corpus.face_hair import beard, brows, lashes
from vivavoce.data.corpus.glasses import glasses
from vivavoce.data.corpus.hair import hair
from vivavoce.data.corpus.head import Head
from vivavoce.data.corpus.person import Person
from vivavoce.data.corpus.scene import Part


def parts_of(person: Person, head: Head) -> list[Part]:
    """Every part of a person besides the head itself; see-through ones last."""
    parts = [
        *clothes(person, head),
        *hair(person, head),
        brows(person, head),
        lashes(person, head),
        *beard(person, head),
        *glasses(person, head),
    ]
    return sorted(parts, key=lambda part: part.opacity < 1)
