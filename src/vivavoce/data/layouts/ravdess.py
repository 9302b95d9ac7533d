"""RAVDESS (Livingstone & Russo, PLoS ONE 13(5), 2018): 24 actors, two sentences, eight emotions.

Files as released (zenodo.org/record/1188976): `Actor_01/01-01-06-01-02-01-01.mp4`, seven codes:
modality, vocal channel, emotion, intensity, statement, repetition, actor. Read are speech clips
with sound and picture (01-01-...). "Calm" has no name of its own among MEAD's eight: it is neutral
here and keeps "calm" among the attributes. Actors 1 to 6 are for testing (AVI-Talking), 7 and 8 for
validation.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vivavoce.data.layouts.base import Found, Layout, need
from vivavoce.errors import RequestError

TREE = """  Actor_01/01-01-06-01-02-01-01.mp4   (also below Video_Speech_Actor_01/)
  Actor_02/..."""
EMOTIONS = {
    "01": "neutral", "02": "neutral", "03": "happy", "04": "sad", "05": "angry", "06": "fearful",
    "07": "disgusted", "08": "surprised",
}  # fmt: skip
STATEMENTS = {"01": "Kids are talking by the door.", "02": "Dogs are sitting by the door."}
LEVELS = {"01": 2, "02": 3}
"""Its normal and strong on MEAD's scale of three."""


def find(root: Path) -> Iterator[Found]:
    """Every file whose name has seven codes; other modalities and songs are passed over."""
    need(root, TREE)
    files = sorted(root.rglob("Actor_*/*.mp4"))
    if not files:
        raise RequestError(f"{root} has no Actor_XX folder with clips. Expected:\n{TREE}")
    for video in files:
        codes = video.stem.split("-")
        if len(codes) == 7 and (codes[0], codes[1]) != ("01", "01"):
            continue
        yield _found(video, codes)


def _found(video: Path, codes: list[str]) -> Found:
    actor = video.parent.name
    bad = len(codes) != 7 or not codes[6].isdecimal()
    bad = bad or codes[2] not in EMOTIONS or codes[3] not in LEVELS or codes[4] not in STATEMENTS
    if bad:
        return Found(
            f"{actor}_{video.stem}",
            "train",
            actor,
            video.stem,
            video,
            flaw="name with unknown codes",
        )
    number = int(codes[6])
    attributes = {"sex": "male" if number % 2 else "female"}
    if codes[2] == "02":
        attributes["emotion_in_set"] = "calm"
    return Found(
        f"{actor}_{video.stem}",
        split_of(number),
        actor,
        video.stem,
        video,
        text=STATEMENTS[codes[4]],
        emotion=EMOTIONS[codes[2]],
        intensity=LEVELS[codes[3]],
        attributes=attributes,
    )


def split_of(actor: int) -> str:
    """Split that all clips of an actor belong to."""
    return "test" if actor <= 6 else "val" if actor <= 8 else "train"


LAYOUT = Layout(
    "ravdess", "RAVDESS", "24 actors, 8 emotions, 2 intensities, 2 sentences", TREE,
    "CC BY-NC-SA 4.0", find,
)  # fmt: skip
