"""HDTF (Zhang et al., CVPR 2021): high-definition talking heads from YouTube.

Annotations as released (github.com/MRzzm/HDTF, folder HDTF_dataset, README.md and download.py): for
the subsets RD, WDA and WRA four text files, values apart by spaces. `annotion_time` (its own
spelling) lists the intervals of a video; `crop_wh` has a line for each interval: left, width, top,
height in pixels of a picture as high as `resolution` says (16:9 is taken for its shape). Videos are
what the user fetched: whole ones in `videos/` or `_videos_raw/`, or intervals that are cut and
cropped already, named as the README (`clips/Radio1_0.mp4`) or download.py (`RD_Radio1_000.mp4`)
name them. WDA and WRA name videos by speaker and number them: BarbaraLee0 and BarbaraLee1 are one
person. No split is released: one person in thirty is for validation, one for testing (ten each).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from vivavoce.data.layouts.base import Found, Layout, held_out, need, plain
from vivavoce.errors import RequestError

SUBSETS = ("RD", "WDA", "WRA")
EVERY = 30
TREE = """  RD_video_url.txt      Radio1 https://...
  RD_annotion_time.txt  Radio1.mp4 1:08-2:35 3:00-3:40
  RD_resolution.txt     Radio1.mp4 720
  RD_crop_wh.txt        Radio1_0.mp4 429 412 90 412   (left width top height)
  (the same for WDA and WRA; or all of them in HDTF_dataset/)
  videos/Radio1.mp4     or the finished clips/Radio1_0.mp4"""


def find(root: Path) -> Iterator[Found]:
    """Every annotated interval of every subset that is there."""
    need(root, TREE)
    lists = root / "HDTF_dataset" if (root / "HDTF_dataset").is_dir() else root
    there = [s for s in SUBSETS if (lists / f"{s}_annotion_time.txt").is_file()]
    if not there:
        raise RequestError(f"{lists} has no *_annotion_time.txt. Expected below {root}:\n{TREE}")
    for subset in there:
        need(lists, TREE, f"{subset}_crop_wh.txt", f"{subset}_resolution.txt")
        times, crops, heights = (
            _table(lists / f"{subset}_{what}.txt")
            for what in ("annotion_time", "crop_wh", "resolution")
        )
        people = sorted({person_of(subset, name) for name in times})
        for name in sorted(times):
            person = person_of(subset, name)
            split = split_of(people.index(person))
            for i, interval in enumerate(times[name]):
                box = _box(crops.get(f"{Path(name).stem}_{i}.mp4"), heights.get(name))
                yield _found(root, subset, split, person, Path(name).stem, i, interval, box)


def split_of(number: int) -> str:
    """The split of the person with this number in the order of names."""
    if held_out(number, EVERY):
        return "test"
    return "val" if held_out(number + EVERY // 2, EVERY) else "train"


def person_of(subset: str, name: str) -> str:
    """Who is seen in the video `name`; RD's are numbered programmes, each taken for a person."""
    stem = Path(name).stem
    return f"{subset}_{stem if subset == 'RD' else re.sub(r'[0-9]+$', '', stem)}"


def _found(
    root: Path,
    subset: str,
    split: str,
    person: str,
    stem: str,
    i: int,
    interval: str,
    box: tuple[float, float, float, float] | None,
) -> Found:
    key, clip = plain(subset, stem, str(i)), f"{stem}_{i}"
    cut = [root / "clips" / f"{clip}.mp4", root / f"{subset}_{stem}_{i:03d}.mp4"]
    whole = [
        root / f / f"{n}.mp4" for f in ("videos", "_videos_raw") for n in (f"{subset}_{stem}", stem)
    ]
    finished = next((p for p in cut if p.is_file()), None)
    if finished is not None:
        return Found(key, split, person, clip, finished)
    video = next((p for p in whole if p.is_file()), None)
    if video is None:
        return Found(key, split, person, clip, whole[1], flaw="video not fetched")
    try:
        start, _, end = interval.partition("-")
        times = seconds(start), seconds(end)
    except ValueError:
        return Found(key, split, person, clip, video, flaw="unreadable interval")
    return Found(key, split, person, clip, video, start_s=times[0], end_s=times[1], box=box)


def seconds(clock: str) -> float:
    """Seconds that a clock such as "1:08" or "1:02:03" shows.

    Raises: ValueError: it is neither.
    """
    total = 0.0
    for part in clock.strip().split(":"):
        total = 60 * total + float(part)
    return total


def _box(
    crop: list[str] | None, resolution: list[str] | None
) -> tuple[float, float, float, float] | None:
    """Left, top, right, bottom as shares of the picture; None where they are not annotated."""
    try:
        left, width, top, height = (float(v) for v in crop or ())
        high = float((resolution or [""])[0])
    except ValueError:
        return None
    wide = high * 16 / 9
    return left / wide, top / high, (left + width) / wide, (top + height) / high


def _table(file: Path) -> dict[str, list[str]]:
    """Name → values of a line."""
    lines = (line.split() for line in file.read_text("utf-8").splitlines())
    return {parts[0]: parts[1:] for parts in lines if parts}


LAYOUT = Layout(
    "hdtf", "HDTF", "some 16 hours of 720p and 1080p talking heads", TREE,
    "CC BY 4.0 for the annotations", find,
)  # fmt: skip
