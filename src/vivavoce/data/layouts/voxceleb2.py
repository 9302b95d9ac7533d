"""VoxCeleb2 (Chung, Nagrani & Zisserman, Interspeech 2018): celebrities, by identity and video.

Layout as released (robots.ox.ac.uk/~vgg/data/voxceleb/vox2.html): `dev` and `test` trees of
`idXXXXX/VIDEO/UTTERANCE.mp4`; some releases keep sound apart in `aac/`. Genders: `vox2_meta.csv`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vivavoce.data.layouts.base import Found, Layout, held_out, need, plain, rows

VALIDATION = 50
"""One development speaker in so many, in the order of `vox2_meta.csv`, is held out (SDM: 2 %)."""
TREE = """  dev/mp4/id00012/VIDEO_ID/00001.mp4
  test/mp4/id00017/VIDEO_ID/00001.mp4
  dev/aac/id00012/VIDEO_ID/00001.m4a   (only where sound is kept apart)
  vox2_meta.csv                        (VoxCeleb2 ID, VGGFace2 ID, Gender, Set)"""


def find(root: Path) -> Iterator[Found]:
    """All utterances; the test speakers are the official 118."""
    (meta,) = need(root, TREE, "vox2_meta.csv")
    people = sorted(rows(meta), key=lambda r: r.get("VoxCeleb2 ID", ""))
    sexes = {r.get("VoxCeleb2 ID", ""): r.get("Gender", "") for r in people}
    order = {
        speaker: i
        for i, speaker in enumerate(r["VoxCeleb2 ID"] for r in people if r.get("Set") == "dev")
    }
    need(root, TREE, "test/mp4")
    for part in ("dev", "test"):
        speakers = sorted(p for p in (root / part / "mp4").glob("id*") if p.is_dir())
        for speaker in speakers:
            held = part == "dev" and held_out(order.get(speaker.name, 0), VALIDATION)
            split = "val" if held else part
            for video in sorted(speaker.glob("*/*.mp4")):
                yield _found(root, part, split.replace("dev", "train"), speaker.name, video, sexes)


def _found(
    root: Path, part: str, split: str, speaker: str, video: Path, sexes: dict[str, str]
) -> Found:
    sound = (root / part / "aac" / speaker / video.parent.name / video.name).with_suffix(".m4a")
    sex = {"m": "male", "f": "female"}.get(sexes.get(speaker, "").lower())
    return Found(
        plain(speaker, video.parent.name, video.stem),
        split,
        speaker,
        f"{video.parent.name}/{video.stem}",
        video,
        sound if sound.is_file() else None,
        attributes={"sex": sex} if sex else {},
    )


LAYOUT = Layout(
    "voxceleb2", "VoxCeleb2", "6,112 celebrities talking, 1 M utterances", TREE,
    "research, CC BY 4.0 for the annotations", find,
)  # fmt: skip
