"""CelebV-HQ (Zhu et al., ECCV 2022): celebrities with labels of appearance, action and emotion.

Annotations as released (github.com/CelebV-HQ/CelebV-HQ, README.md: celebvhq_info.json): for each
clip the YouTube id, start and end, the face's box as shares of the picture, and labels. Videos as
its download_and_process.py names them: the finished `processed/NAME.mp4`, or the raw
`raw/YOUTUBE_ID.mp4`, which are cut here; both may lie in `downloaded_celebvhq/`. Who is seen is not
released: a YouTube video stands for a person. One in ten videos is held out for testing, one in ten
for validation. Of a clip with several emotions only the list is kept, among the attributes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vivavoce.data.layouts.base import Found, Layout, need, plain
from vivavoce.errors import RequestError

FILE = "celebvhq_info.json"
TREE = f"""  {FILE}                 (meta_info, clips)
  downloaded_celebvhq/processed/M2Ohb0FAaJU_1.mp4   finished clips, or
  downloaded_celebvhq/raw/M2Ohb0FAaJU.mp4           whole videos"""
EMOTIONS = {
    "neutral": "neutral", "happy": "happy", "happiness": "happy", "sad": "sad", "sadness": "sad",
    "anger": "angry", "angry": "angry", "fear": "fearful", "disgust": "disgusted",
    "surprise": "surprised", "contempt": "contempt",
}  # fmt: skip
SPLITS = {4: "val", 9: "test"}
Names = dict[str, list[str]]
"""Kind of label → what its places mean."""


def find(root: Path) -> Iterator[Found]:
    """Every annotated clip that lies below `root`."""
    (file,) = need(root, TREE, FILE)
    try:
        info = json.loads(file.read_text("utf-8"))
        clips, meta = info["clips"], info.get("meta_info", {})
        names = {kind: list(meta.get(f"{kind}_mapping", [])) for kind in ("appearance", "action")}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RequestError(f"{file} is not CelebV-HQ's ({error}).") from None
    videos = sorted({str(c.get("ytb_id", n)) for n, c in clips.items()})
    order = {video: i for i, video in enumerate(videos)}
    for name in sorted(clips):
        about = clips[name]
        number = order[str(about.get("ytb_id", name))]
        yield _found(root, name, about, SPLITS.get(number % 10, "train"), names)


def _found(root: Path, name: str, about: dict[str, Any], split: str, names: Names) -> Found:
    key, person = plain(name), str(about.get("ytb_id", name))
    whole, raw = (_video(root, *place) for place in (("processed", name), ("raw", person)))
    try:
        emotion, attributes = _labels(about.get("attributes", {}), names)
        box, cut = about["bbox"], about["duration"]
        left, top, right, bottom = (float(box[k]) for k in ("left", "top", "right", "bottom"))
        start, end = float(cut["start_sec"]), float(cut["end_sec"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return Found(key, split, person, name, raw, flaw="unreadable annotation")
    if whole.is_file():
        return Found(key, split, person, name, whole, emotion=emotion, attributes=attributes)
    return Found(
        key,
        split,
        person,
        name,
        raw,
        start_s=start,
        end_s=end,
        emotion=emotion,
        attributes=attributes,
        box=(left, top, right, bottom),
        flaw=None if raw.is_file() else "video not fetched",
    )


def _video(root: Path, kind: str, name: str) -> Path:
    places = [root / folder / kind / f"{name}.mp4" for folder in ("downloaded_celebvhq", ".")]
    return next((p for p in places if p.is_file()), places[0])


def _labels(labels: dict[str, Any], names: Names) -> tuple[str | None, dict[str, Any]]:
    """The emotion, if the clip has one only, and what else is labelled."""
    attributes: dict[str, Any] = {
        kind: [n for n, on in zip(names[kind], labels.get(kind, []), strict=False) if on]
        for kind in ("appearance", "action")
    }
    if names["appearance"]:
        male = any(n.lower() == "male" for n in attributes["appearance"])
        attributes["sex"] = "male" if male else "female"
    feeling = labels.get("emotion", {})
    if feeling.get("sep_flag"):
        attributes["emotions"] = feeling["labels"]
        return None, attributes
    return EMOTIONS.get(str(feeling.get("labels", "")).lower()), attributes


LAYOUT = Layout(
    "celebvhq", "CelebV-HQ", "35,666 clips of 15,653 people with 83 labels", TREE,
    "research only", find,
)  # fmt: skip
