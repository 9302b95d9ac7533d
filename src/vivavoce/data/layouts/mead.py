"""MEAD (Wang et al., ECCV 2020): actors, eight emotions, three intensities, seven views.

Layout as released (github.com/uniBruce/Mead): a folder an actor, `video/VIEW/EMOTION/level_N`, and
the sound in `audio/EMOTION/level_N`. Only the front view is read. No split is released; ours is by
actor.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vivavoce.data.layouts.base import Found, Layout, need, plain
from vivavoce.errors import RequestError

TREE = """  M003/video/front/angry/level_1/001.mp4
  M003/audio/angry/level_1/001.m4a
  W009/..."""
EMOTIONS = {
    "angry": "angry", "contempt": "contempt", "disgusted": "disgusted", "fear": "fearful",
    "happy": "happy", "neutral": "neutral", "sad": "sad", "surprised": "surprised",
}  # fmt: skip
"""Names of MEAD's folders, each with the emotion of `types.EMOTIONS` that it holds."""
TEST = frozenset(
    ["M003", "M007", "M019", "M030", "M035", "M041", "W015", "W018", "W024", "W029", "W036", "W038"]
)
"""Twelve actors, as many as Imagine-ID tests on; among them InstructAvatar's five."""
VALIDATION = frozenset(["M009", "M027", "W009", "W021"])


def find(root: Path) -> Iterator[Found]:
    """Every clip of the front view below `root`."""
    need(root, TREE)
    actors = sorted(p for p in root.glob("[MW][0-9]*") if (p / "video").is_dir())
    if not actors:
        raise RequestError(f"{root} has no folder of an actor. Expected below it:\n{TREE}")
    for actor in actors:
        for video in sorted((actor / "video" / "front").glob("*/level_*/*.mp4")):
            yield _found(actor, split_of(actor.name), video)


def split_of(actor: str) -> str:
    """Split that all clips of an actor belong to."""
    return "test" if actor in TEST else "val" if actor in VALIDATION else "train"


def _found(actor: Path, split: str, video: Path) -> Found:
    emotion, level = video.parts[-3], video.parts[-2]
    clip = f"{emotion}/{level}/{video.stem}"
    sound = (actor / "audio" / emotion / level / video.stem).with_suffix(".m4a")
    number = level.removeprefix("level_")
    known = emotion in EMOTIONS and number.isdecimal() and 1 <= int(number) <= 3
    return Found(
        plain(actor.name, emotion, level, video.stem),
        split,
        actor.name,
        clip,
        video,
        sound if sound.is_file() else None,
        emotion=EMOTIONS.get(emotion),
        intensity=int(number) if known else None,
        attributes={"sex": "female" if actor.name.startswith("W") else "male"},
        flaw=None if known else "unknown emotion or level",
    )


LAYOUT = Layout(
    "mead", "MEAD", "60 actors, 8 emotions x 3 intensities, front view", TREE,
    "research only", find,
)  # fmt: skip
