"""`vivavoce data prepare`: a data set as people have it on disk → shards, resumable, nothing lost.

The clips are listed first, in a fixed order, and dealt to shards; a shard is made whole or not at
all, with a note beside it of what was skipped and why. A run that was stopped goes on with the
shards that are missing. Pictures are read twice (once to track, once to crop), so memory does not
grow with a clip's resolution times its length.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from vivavoce.data import annotate
from vivavoce.data.flame_fits import flame_fit
from vivavoce.data.folder import claim, failure, write_json
from vivavoce.data.layouts import find_layout
from vivavoce.data.layouts.base import Found
from vivavoce.data.schema import Pictures, Sample
from vivavoce.data.shards import SPLITS, ShardSet, write_set, write_shard
from vivavoce.data.spread import check_workers, spread
from vivavoce.errors import BadMedia, RequestError, VivavoceError
from vivavoce.look.boxes import face_box, mouth_box
from vivavoce.look.crop import CropRule, cropped, moved, squares
from vivavoce.types import FPS, SAMPLES_PER_FRAME, Bytes, Float

CLIPS_A_SHARD = 200
"""Largest number of clips in one shard."""
LONGEST_S = 20.0
"""Longest sample in seconds; what is longer is cut there (STFM, sec. 4.1)."""
SHORTEST_S = 0.48
"""Shortest sample in seconds (12 frames); a shorter clip is skipped."""
LEAST_SEEN = 0.8
"""Share of the frames in which the tracker must see a face."""
EXAMPLES = 5
"""Skipped files that the report names, for each reason."""

OnProgress = Callable[[int, int, str], None]
"""Function that is called with shards finished, shards in all, and a line about the last one."""


class Skipped(Exception):
    """A clip that cannot be used; its text is the reason, the same for all of its kind."""


@dataclass(frozen=True)
class Plan:
    """Plan of one shard: which clips go into it."""

    split: str
    """Split that the shard belongs to, one of `shards.SPLITS`."""
    number: int
    """Place of the shard in its split, from 0."""
    clips: tuple[Found, ...]
    """Clips that go into it, in order."""

    @property
    def name(self) -> str:
        """Path of the shard below the set."""
        return f"{self.split}/{self.number:05d}.tar"


@dataclass(frozen=True)
class Rules:
    """Rules by which the clips of a set become samples."""

    set: str
    """Name of the layout that the set is read by."""
    crop: CropRule
    """Rule of the square that is kept, see `look.crop`."""
    licence: str
    """Licence of the set, as every sample repeats it."""
    size: int
    """Side of the pictures in px."""
    longest_s: float = LONGEST_S
    """Length in seconds at which longer clips are cut."""


def prepare(
    name: str,
    root: Path,
    out: Path,
    size: int = 256,
    workers: int | str = 1,
    split: str = "all",
    limit: int | None = None,
    longest_s: float = LONGEST_S,
    on_progress: OnProgress | None = None,
) -> ShardSet:
    """Make shards of the data set `name` that lies in `root`, or what of them is missing.

    Args:
        name: One of `layouts.LAYOUTS`.
        root: Its folder, in the set's own layout.
        out: A new folder, or one with the same preparation begun.
        size: Side of the pictures in px.
        workers: Processes, or "ray".
        split: Only this one; "all".
        limit: At most so many clips of each split: to try things out.
        longest_s: Longer clips are cut.
        on_progress: Called after each shard.

    Raises: RequestError: a wrong root, a missing list, nothing found, or `out` holds something
    else. CannotWrite: no space. What was finished stays.
    """
    layout = find_layout(name)
    workers = check_workers(workers)
    rules = Rules(layout.name, layout.crop, layout.licence, size, longest_s)
    plans = _plans(layout.find(root), split, limit)
    if not plans:
        raise RequestError(
            f"No clip of {layout.title} was found in {root}. Expected below it:\n{layout.tree}"
        )
    claim(
        out,
        "prepare.json",
        {
            "set": layout.name,
            "size": size,
            "split": split,
            "limit": limit,
            "longest_s": longest_s,
            "shards": [p.name for p in plans],
        },
    )
    for number, done in enumerate(spread(partial(make_shard, out, rules), plans, workers), 1):
        if done.error is not None:
            raise failure(done.item.name, done.error)
        if on_progress is not None:
            on_progress(number, len(plans), f"{done.item.name}: {_line(done.result or {})}")
    report = _report(out, plans)
    about = {
        "name": layout.name,
        "title": layout.title,
        "size": size,
        "crop": layout.crop,
        "licence": layout.licence,
    } | report["totals"]
    return write_set(out, about)


def make_shard(out: Path, rules: Rules, plan: Plan) -> dict[str, Any]:
    """Make one shard and the note of what was skipped; what workers do."""
    path = out / plan.name
    note = path.with_suffix(".json")
    if path.is_file() and note.is_file():
        found: dict[str, Any] = json.loads(note.read_text("utf-8"))
        return found
    skipped: dict[str, list[str]] = {}
    kept = {"clips": 0, "frames": 0}

    def samples() -> Iterator[Sample]:
        for clip in plan.clips:
            try:
                sample = make_sample(clip, rules, plan.split)
            except Skipped as reason:
                skipped.setdefault(str(reason), []).append(str(clip.video))
                continue
            kept["clips"] += 1
            kept["frames"] += len(sample)
            yield sample

    with threadpool_limits(1):  # sums of several threads end in other bits
        write_shard(path, samples())
    reasons = {r: {"clips": len(v), "examples": v[:EXAMPLES]} for r, v in skipped.items()}
    made = {"split": plan.split, **kept, "skipped": reasons}
    write_json(note, made)
    return made


def prepare_clip(path: Path, size: int, longest_s: float = LONGEST_S) -> Sample | None:
    """A loose talking clip as a sample with the portrait's crop; None if it cannot be used."""
    found = Found(path.stem.replace(".", "-"), "test", path.stem, path.stem, path)
    try:
        return make_sample(found, Rules("clips", "portrait", "", size, longest_s), "test")
    except Skipped:
        return None


def make_sample(clip: Found, rules: Rules, split: str) -> Sample:
    """Read, cut, track, fit and crop one clip.

    Raises: Skipped: it cannot be used; the text says why.
    """
    if clip.flaw:
        raise Skipped(clip.flaw)
    landmarks, seen, (width, height) = _track(clip, rules.longest_s)
    sound = _sound(clip, len(landmarks))
    places = squares(landmarks, width, height, rules.crop)
    points = moved(landmarks, places, rules.size)
    pictures = Pictures.encode(cropped(_frames(clip, rules.longest_s), places, rules.size))
    about: dict[str, Any] = {
        "set": rules.set,
        "split": split,
        "person": clip.person,
        "clip": clip.clip,
        "frames": len(landmarks),
        "size": rules.size,
        "crop": rules.crop,
        "licence": rules.licence,
        **{
            k: v
            for k, v in (
                ("text", clip.text),
                ("emotion", clip.emotion),
                ("intensity", clip.intensity),
                ("instruction", clip.instruction),
            )
            if v is not None
        },
        "attributes": clip.attributes,
    }
    tracks = _tracks(points, seen)
    fit = flame_fit(clip.video, round(clip.start_s * FPS), len(landmarks))
    if fit is not None:
        tracks["flame"] = fit
    if clip.instruction is None and rules.set in annotate.SETS:
        about["instruction"] = annotate.annotate(
            clip.key, clip.emotion, clip.intensity, tracks["expression"]
        )
    if clip.words:
        end = len(landmarks) / FPS
        about["words"] = [[w, a, min(b, end)] for w, a, b in clip.words if a < end]
    return Sample(clip.key, about, sound, pictures, tracks)


def _frames(clip: Found, longest_s: float) -> Iterator[Bytes]:
    """The pictures of the cut, inside the annotated box where there is one."""
    from vivavoce.media.read import read_video

    first = round(clip.start_s * FPS)
    most = round(longest_s * FPS)
    last = first + most
    if clip.end_s is not None:
        last = min(last, round(clip.end_s * FPS))
    for frame in islice(read_video(clip.video, max_seconds=last / FPS), first, last):
        yield frame if clip.box is None else _inside(frame, clip.box)


def _inside(frame: Bytes, box: tuple[float, float, float, float]) -> Bytes:
    """The annotated box, widened by a fifth, so that a portrait fits around the face."""
    height, width = frame.shape[:2]
    left, top, right, bottom = box
    wide, tall = 0.2 * (right - left), 0.2 * (bottom - top)
    x = [round(np.clip(v, 0, 1) * width) for v in (left - wide, right + wide)]
    y = [round(np.clip(v, 0, 1) * height) for v in (top - tall, bottom + tall)]
    return np.ascontiguousarray(frame[y[0] : y[1], x[0] : x[1]])


def _track(clip: Found, longest_s: float) -> tuple[Float, np.ndarray, tuple[int, int]]:
    """Landmarks [T, 478, 3] px with holes filled, where they were seen [T], and the size."""
    from vivavoce.look.follow import filled
    from vivavoce.look.track import track_video

    size = [0, 0]

    def watched() -> Iterator[Bytes]:
        for frame in _frames(clip, longest_s):
            size[:] = frame.shape[1], frame.shape[0]
            yield frame

    try:
        found = list(track_video(watched()))
    except (BadMedia, ValueError, IndexError) as error:
        raise Skipped("unreadable video") from error
    if len(found) < SHORTEST_S * FPS:
        raise Skipped("too short")
    seen = np.array([points is not None for points in found])
    if not seen.any():
        raise Skipped("no face")
    if seen.mean() < LEAST_SEEN:
        raise Skipped("face lost too often")
    return filled(found, seen), seen, (size[0], size[1])


def _sound(clip: Found, frames: int) -> Float:
    """Sound of the cut [640 * frames] in [-1, 1] at 16 kHz."""
    from vivavoce.media.read import read_speech

    first, length = round(clip.start_s * FPS) * SAMPLES_PER_FRAME, frames * SAMPLES_PER_FRAME
    parts, count = [], 0
    try:
        for piece in read_speech(clip.audio or clip.video):
            parts.append(piece.samples)
            count += len(piece.samples)
            if count >= first + length:
                break
    except VivavoceError as error:
        raise Skipped("no sound that can be read") from error
    samples = np.concatenate(parts)[first : first + length] if parts else np.zeros(0, np.float32)
    if len(samples) < 0.9 * length:
        raise Skipped("sound shorter than the pictures")
    if float(np.abs(samples).max()) < 1e-4:
        raise Skipped("silent")
    return np.pad(samples, (0, length - len(samples))).astype(np.float32)


def _tracks(points: Float, seen: np.ndarray) -> dict[str, np.ndarray]:
    """Everything that is measured on the points of the crop."""
    from vivavoce.look.face478 import fit
    from vivavoce.look.follow import gaze

    fitted = fit(points)
    pose = fitted.pose.copy()
    pose[:, 3:] -= np.median(pose[:, 3:], 0)
    return {
        "landmarks": points.astype(np.float32),
        "expression": fitted.expression.astype(np.float32),
        "identity": fitted.identity.astype(np.float32),
        "pose": pose.astype(np.float32),
        "gaze": gaze(points, fitted.pose),
        "mouth_box": mouth_box(points),
        "face_box": face_box(points),
        "seen": seen,
    }


def _plans(clips: Iterator[Found], split: str, limit: int | None) -> list[Plan]:
    """Clips dealt to shards, split by split, in their order."""
    by_split: dict[str, list[Found]] = {s: [] for s in SPLITS}
    for clip in clips:
        if split in ("all", clip.split) and (limit is None or len(by_split[clip.split]) < limit):
            by_split[clip.split].append(clip)
    return [
        Plan(name, i // CLIPS_A_SHARD, tuple(found[i : i + CLIPS_A_SHARD]))
        for name, found in by_split.items()
        for i in range(0, len(found), CLIPS_A_SHARD)
    ]


def _line(made: dict[str, Any]) -> str:
    lost = sum(v["clips"] for v in made.get("skipped", {}).values())
    seconds = made.get("frames", 0) / FPS
    return f"{made.get('clips', 0)} clips, {seconds:.1f} s of video, {lost} skipped"


def _report(out: Path, plans: list[Plan]) -> dict[str, Any]:
    """`report.json`: what was made and what was skipped, why, with examples."""
    made = [json.loads((out / p.name).with_suffix(".json").read_text("utf-8")) for p in plans]
    clips: Counter[str] = Counter()
    reasons: dict[str, dict[str, Any]] = {}
    for one in made:
        clips[one["split"]] += one["clips"]
        for reason, lost in one["skipped"].items():
            entry = reasons.setdefault(reason, {"clips": 0, "examples": []})
            entry["clips"] += lost["clips"]
            entry["examples"] = (entry["examples"] + lost["examples"])[:EXAMPLES]
    totals = {
        "clips": dict(clips),
        "seconds": sum(one["frames"] for one in made) / FPS,
        "skipped": sum(entry["clips"] for entry in reasons.values()),
    }
    report = {"totals": totals, "skipped": reasons}
    write_json(out / "report.json", report)
    return report
