"""FakeAVCeleb (Khalid et al., NeurIPS 2021), the real part: VoxCeleb2 clips balanced over groups.

Layout as released (github.com/DASH-Lab/FakeAVCeleb): `RealVideo-RealAudio/ETHNICITY/GENDER/idXXXXX`
and `meta_data.csv`. Fakes are not read. About one person in ten (by the
number's lot) is for testing, one for validation.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vivavoce.data.layouts.base import Found, Layout, lot, need, plain
from vivavoce.errors import RequestError

REAL = "RealVideo-RealAudio"
TREE = f"""  {REAL}/African/men/id00076/00109.mp4
  {REAL}/Asian (East)/women/...
  meta_data.csv   (source, ..., category, type, race, gender, path)"""
SPLITS = {4: "val", 9: "test"}


def find(root: Path) -> Iterator[Found]:
    """Every real clip below `root`; faked ones are left out."""
    need(root, TREE, REAL)
    people = sorted(p for p in (root / REAL).glob("*/*/id*") if p.is_dir())
    if not people:
        raise RequestError(f"{root / REAL} holds no person. Expected below {root}:\n{TREE}")
    for person in people:
        split = split_of(person.name)
        group, gender = person.parts[-3], person.parts[-2]
        sex = {"men": "male", "women": "female"}.get(gender.lower())
        for video in sorted(person.glob("*.mp4")):
            yield Found(
                plain(person.name, video.stem),
                split,
                person.name,
                video.stem,
                video,
                attributes={"sex": sex, "group": group},
                flaw=None if sex else "unknown gender",
            )


def split_of(person: str) -> str:
    """Split that all clips of a person belong to."""
    return SPLITS.get(lot(person) % 10, "train")


LAYOUT = Layout(
    "fakeavceleb", "FakeAVCeleb (real part)", "500 real clips, balanced over groups", TREE,
    "research, by request", find,
)  # fmt: skip
