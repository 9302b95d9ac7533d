"""Real talking clips → curves: what the movers learn from.

Every clip of the real-media folder is followed by the tracker at 25 frames a second and fitted
with `face478`. The result is two files: clips that may train what ships, and clips that may only
be used to evaluate it (`manifest.csv`, column `may_train_shipped`). Training reads these files
and needs neither the tracker nor a video decoder.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from vivavoce.look.follow import filled, frontal, gaze
from vivavoce.systems.stage import Run
from vivavoce.train.read.manifest import real_folder, rows
from vivavoce.types import (
    EYE_CORNERS,
    MIDDLE_LIP_PAIRS,
    SAMPLES_PER_FRAME,
    Float,
    Phone,
    Speech,
)

HELD_OUT = ("aoc", "vrt4", "g10")
"""People of the trainable clips that only validate."""
FOLDERS = ("video", "grid_s1", "video_silent", "video_hard")
"""Folders whose clips show one face that can be followed."""
_MIN_SEEN = 0.8  # of a clip's frames; the holes between are filled by straight lines
_SURE_WORD = 0.8
_ALIGN_UNITS_PER_S = 25_000  # GRID's word times: 1,000 units are one video frame


@dataclass(frozen=True)
class TrackedClip:
    """The curves of one clip, T frames at 25 a second, with 0 = the relaxed face of this clip."""

    name: str
    """Its path below the real-media folder."""
    person: str
    """Who it shows, so that people can be held out."""
    samples: Float
    """Its sound [T * 640] in [-1, 1] at 16 kHz; zeros where it has none."""
    expression: Float
    """ARKit coefficients [T, 52] above the clip's relaxed face, in [-1, 1]."""
    pose: Float
    """[T, 6] around the clip's median: yaw, pitch, roll in radians; x, y, z in eye distances."""
    gaze: Float
    """[T, 2]: yaw (picture's right > 0), pitch (up > 0) in radians, relative to the head."""
    gap: Float
    """Inner-lip gap over the outer-eye distance [T]."""
    rest_gap: float
    """Inner-lip gap of the relaxed face over the outer-eye distance."""
    openness: Float
    """How open the eyes are [T]: 1 = as the clip's open eyes, 0 = shut."""
    words: str
    """Word times, one "start_s end_s word" a line; "" where they are not known."""


def prepare_tracks(real: Path, out: Path, trainable: bool = True) -> int:
    """Track every clip of `real` that may (or, if not `trainable`, may not) train what ships.

    Args:
        real: The folder with `manifest.csv`.
        out: The .npz file to write.

    Returns:
        How many clips the file holds; clips whose face is mostly out of sight are left out.
    """
    clips = []
    for row in rows(real, trainable):
        clip = track_clip(real, row.file, row.person) if row.folder in FOLDERS else None
        if clip is not None:
            clips.append(clip)
    save_tracks(clips, out)
    return len(clips)


def track_clip(real: Path, name: str, person: str) -> TrackedClip | None:
    """Follow one clip; None where its face is out of sight too often."""
    from vivavoce.look.face478 import fit
    from vivavoce.look.track import track_video
    from vivavoce.media.read import read_video

    found = list(track_video(read_video(real / name)))
    seen = np.array([points is not None for points in found])
    if seen.mean() < _MIN_SEEN or len(found) < 20:
        return None
    landmarks = filled(found, seen)
    fitted = fit(landmarks)
    gap = _planar_gap(landmarks, fitted.pose)
    rest = gap <= np.quantile(gap, 0.1)
    pose = fitted.pose - np.median(fitted.pose, 0)
    return TrackedClip(
        name=name,
        person=person,
        samples=_sound(real / name, len(found)),
        expression=(fitted.expression - np.median(fitted.expression[rest], 0)).astype(np.float32),
        pose=pose.astype(np.float32),
        gaze=gaze(landmarks, fitted.pose),
        gap=gap,
        rest_gap=float(np.median(gap[rest])),
        openness=_openness(landmarks),
        words=_words(real / name),
    )


def _planar_gap(landmarks: Float, pose: Float) -> Float:
    """Inner-lip gap [T] after the head's turn is taken out."""
    local = frontal(landmarks, pose)
    pairs = [
        np.linalg.norm((local[:, a] - local[:, b])[:, :2], axis=-1) for a, b in MIDDLE_LIP_PAIRS
    ]
    return np.mean(pairs, axis=0).astype(np.float32)


def _openness(landmarks: Float) -> Float:
    """Lid distance over eye width [T], the mean of both eyes, over its 75th percentile."""

    def distance(a: int, b: int) -> Float:
        return np.linalg.norm(landmarks[:, a, :2] - landmarks[:, b, :2], axis=-1)

    right = (distance(160, 144) + distance(158, 153)) / distance(*EYE_CORNERS[0])
    left = (distance(385, 380) + distance(387, 373)) / distance(*EYE_CORNERS[1])
    both = (right + left) / 2
    return (both / np.quantile(both, 0.75)).astype(np.float32)


def _sound(path: Path, frames: int) -> Float:
    """The clip's sound, cut or padded to its pictures' length."""
    from vivavoce.errors import BadMedia
    from vivavoce.media.read import read_speech

    length = frames * SAMPLES_PER_FRAME
    try:
        samples = np.concatenate([piece.samples for piece in read_speech(path)])[:length]
    except BadMedia:
        samples = np.zeros(0, np.float32)
    return np.pad(samples, (0, length - len(samples)))


def _words(path: Path) -> str:
    """GRID's word times in seconds, from the `.align` file beside the clip."""
    align = path.with_suffix(".align")
    if not align.is_file():
        return ""
    lines = (line.split() for line in align.read_text("utf-8").splitlines() if line.strip())
    return "\n".join(
        f"{int(a) / _ALIGN_UNITS_PER_S:.3f} {int(b) / _ALIGN_UNITS_PER_S:.3f} {word}"
        for a, b, word in lines
    )


def save_tracks(clips: list[TrackedClip], out: Path) -> None:
    """Write clips end to end into one .npz; sound as 16-bit integers."""
    joined: dict[str, np.ndarray] = {"frames": np.array([len(clip.gap) for clip in clips])}
    for field in fields(TrackedClip):
        values = [getattr(clip, field.name) for clip in clips]
        if field.name == "samples":
            values = [np.round(v * 32767).astype(np.int16) for v in values]
        per_frame = isinstance(values[0], np.ndarray)
        joined[field.name] = np.concatenate(values) if per_frame else np.array(values)
    out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(out, **joined)


def load_tracks(path: Path) -> list[TrackedClip]:
    """The tracked clips of the file that `prepare_tracks` wrote."""
    with np.load(path) as arrays:
        data = {name: arrays[name] for name in arrays.files}
    ends = np.cumsum(data["frames"])
    clips = []
    for i, (end, frames) in enumerate(zip(ends, data["frames"], strict=True)):
        start = end - frames
        sound = data["samples"][start * SAMPLES_PER_FRAME : end * SAMPLES_PER_FRAME]
        curves = {k: data[k][start:end] for k in ("expression", "pose", "gaze", "gap", "openness")}
        clips.append(
            TrackedClip(
                name=str(data["name"][i]),
                person=str(data["person"][i]),
                samples=sound.astype(np.float32) / 32767,
                rest_gap=float(data["rest_gap"][i]),
                words=str(data["words"][i]),
                **curves,
            )
        )
    return clips


def align_tracks(tracks: Path, out: Path, most_of_one: int = 120) -> int:
    """Find the phones of tracked English clips and write them as JSON: name → [symbol, start, end].

    Known words are aligned; otherwise they are recognised, and phones of doubtful words are "?".
    Returns how many clips were aligned; of one person at most `most_of_one` are.
    """
    from vivavoce.measure.align import align_phones

    found: dict[str, list[tuple[str, float, float]]] = {}
    seen: Counter[str] = Counter()
    for clip in load_tracks(tracks):
        seen[clip.person] += 1
        if np.abs(clip.samples).max() < 0.01 or seen[clip.person] > most_of_one:
            continue
        text = " ".join(w for w in (x.split()[2] for x in clip.words.splitlines()) if w != "sil")
        phones = align_phones(Speech(clip.samples, text=text or None), surest=_SURE_WORD)
        found[clip.name] = [(p.symbol, round(p.start_s, 3), round(p.end_s, 3)) for p in phones]
    out.write_text(json.dumps(found), "utf-8")
    return len(found)


def load_phones(path: Path) -> dict[str, tuple[Phone, ...]]:
    """What `align_tracks` wrote: clip name → phones in seconds from its beginning."""
    found = json.loads(path.read_text("utf-8"))
    return {name: tuple(Phone(*phone) for phone in phones) for name, phones in found.items()}


def prepare(real: Path, folder: Path) -> None:
    """Write all that training and evaluation need into `folder`: train.npz, eval.npz and phones."""
    for name, trainable in (("eval", False), ("train", True)):
        clips = prepare_tracks(real, folder / f"{name}.npz", trainable)
        aligned = align_tracks(folder / f"{name}.npz", folder / f"{name}_phones.json")
        print(f"{name}: {clips} clips tracked, {aligned} aligned", flush=True)


def tracked(run: Run) -> Path:
    """The folder of tracked clips beside the checkpoint, made if it is not there."""
    real, folder = real_folder(run), run.scratch / "tracks"
    if not (folder / "train_phones.json").is_file():
        prepare(real, folder)
    return folder
