"""One clip made and looked at: timed while it is made, tracked when it is finished."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

import numpy as np

from vivavoce.measure.bounds.background import BackgroundChange, background_mask
from vivavoce.measure.metrics.metric import find_metric
from vivavoce.measure.metrics.view import NotMeasured, View
from vivavoce.types import RATE, Chunk, Emotion, Phone, lip_gap


def judge() -> str:
    """The name and version of the tracker that sees for us."""
    return f"mediapipe {version('mediapipe')} face mesh with irises, video mode"


Kind = Literal["text", "recording", "other language", "still", "seed a", "seed b", "real"]


@dataclass(frozen=True)
class Take:
    """A finished clip of T frames and what was seen on it."""

    name: str
    kind: Kind
    """What drove it, or how it was asked for; "real" is a clip of a real person."""
    path: Path
    seconds: float
    work_s: float
    """Seconds of work for it, from the picture's file to the finished mp4; NaN for real clips."""
    stages: dict[str, float]
    """Seconds of work by stage."""
    landmarks: np.ndarray
    """The tracker's points on the decoded frames [T, 478, 3] px; NaN where it lost the face."""
    gap: np.ndarray
    """The inner-lip gap [T], in outer-eye distances; NaN where the face was lost."""
    phones: tuple[Phone, ...]
    """The phones that are said, with their times; empty where they are not known."""
    samples: np.ndarray
    """The sound [n] at 16 kHz."""
    apart_s: float = 0.0
    """How much longer the file's picture track is than its sound track, in seconds."""
    raw_change: float = float("nan")
    """Largest change of a background pixel before encoding, of 255; NaN: no background."""
    change: float = float("nan")
    """Mean change of the background in the mp4, of 255."""

    @property
    def view(self) -> View:
        """The clip as the metrics see it, with the points that were tracked already."""
        known = [(p.symbol, p.start_s, p.end_s) for p in self.phones]
        about = {"phones": known} if known else {}
        return View(self.name, self.path, about=about, points=self.landmarks)


def measured(takes: Iterable[Take], metric: str) -> list[float]:
    """A metric's value of each take; NaN where it could not be measured."""
    function = find_metric(metric).function
    found = []
    for take in takes:
        try:
            found.append(float(function(take.view, None)))
        except NotMeasured:
            found.append(float("nan"))
    return found


def spoken_phones(text: str, voice: str, emotion: Emotion | None = None) -> tuple[Phone, ...]:
    """The phones of `text` as `voice` says it, with times from the clip's beginning: the voices
    are deterministic, so these are the ones that the system heard."""
    from vivavoce.speak.voices import find_voice

    phones: list[Phone] = []
    samples = 0
    for piece in find_voice(voice).speak(text, emotion or Emotion()):
        start = samples / RATE
        phones += [Phone(p.symbol, p.start_s + start, p.end_s + start) for p in piece.phones or ()]
        samples += len(piece.samples)
    return tuple(phones)


def film(
    system: Any,
    name: str,
    kind: Kind,
    path: Path,
    phones: Sequence[Phone] = (),
    **request: Any,
) -> Take:
    """Ask `system` for the clip that `request` describes, write it to `path`, and track it.

    Only the system's own work and the writing are timed; what we look at in between is not.
    """
    from vivavoce.media.write import VideoWriter

    started = perf_counter()
    clip = system(**request)
    work = perf_counter() - started
    sound, background = [], None
    with VideoWriter(path, clip.size, clip.provenance, force=True) as video:
        for chunk, seconds in _timed(clip):
            started = perf_counter()
            video.add(chunk)
            work += seconds + perf_counter() - started
            sound.append(chunk.samples)
            background = _watch(background, chunk)
        started = perf_counter()
    work += perf_counter() - started
    stages = dict(clip.clock.seconds)
    stages["encode"] = work - sum(stages.values())
    landmarks, change = watch(path)
    return Take(
        name=name, kind=kind, path=path, seconds=video.seconds, work_s=work, stages=stages,
        landmarks=landmarks, gap=lip_gap(landmarks), phones=tuple(phones),
        samples=np.concatenate(sound), apart_s=track_difference(path),
        raw_change=_largest(background), change=change,
    )  # fmt: skip


def _timed(clip: Iterable[Chunk]) -> Iterator[tuple[Chunk, float]]:
    """The chunks, each with the seconds it took to get it."""
    chunks = iter(clip)
    while True:
        started = perf_counter()
        chunk = next(chunks, None)
        if chunk is None:
            return
        yield chunk, perf_counter() - started


def _watch(background: BackgroundChange | None, chunk: Chunk) -> BackgroundChange | None:
    """The background's record with this chunk added; begun with the first chunk."""
    if background is None:
        points = next(iter(track(chunk.frames[:1])), None)
        if points is None:
            return None
        background = BackgroundChange(chunk.frames[0], background_mask(chunk.frames[0], points))
    background.add(chunk.frames)
    return background


def _largest(background: BackgroundChange | None) -> float:
    known = background is not None and np.isfinite(background.mean)
    return float(background.largest) if background is not None and known else float("nan")


def track(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray | None]:
    """The judge's points [478, 3] px on each frame, None where it sees no face."""
    from vivavoce.look.track import track_video

    return track_video(frames)


def watch(path: Path, max_seconds: float | None = None) -> tuple[np.ndarray, float]:
    """The judge's points on a video file [T, 478, 3] (NaN: lost), and the mean change of its
    background against the first frame, of 255 (NaN: there is none)."""
    from vivavoce.media.read import read_video

    rows, background = [], None
    frames = list(read_video(path, max_seconds=max_seconds))
    for frame, points in zip(frames, track(frames), strict=True):
        rows.append(np.full((478, 3), np.nan) if points is None else points)
        if background is None and points is not None:
            background = BackgroundChange(frame, background_mask(frame, points))
        if background is not None:
            background.add(frame[None])
    return np.stack(rows), background.mean if background else float("nan")


def track_difference(path: Path) -> float:
    """Seconds by which the picture track is longer than the sound track."""
    from vivavoce.media.read import read_clip_info

    about = read_clip_info(path)
    return about.seconds - (about.sound_seconds or 0.0)


def real_take(path: Path, phones: Sequence[Phone], max_seconds: float = 10.0) -> Take:
    """A real clip, looked at in the same way; at its own size, 25 frames a second."""
    landmarks, change = watch(path, max_seconds)
    samples = sound_of(path, max_seconds)
    seconds = len(landmarks) / 25
    return Take(
        name=path.stem, kind="real", path=path, seconds=seconds, work_s=float("nan"), stages={},
        landmarks=landmarks, gap=lip_gap(landmarks), phones=tuple(phones), samples=samples,
        change=change,
    )  # fmt: skip


def sound_of(path: Path, max_seconds: float) -> np.ndarray:
    """The first `max_seconds` of the sound of a file [n] at 16 kHz."""
    from vivavoce.media.read import read_speech

    parts, count = [], 0
    for piece in read_speech(path):
        parts.append(piece.samples)
        count += len(piece.samples)
        if count >= max_seconds * RATE:
            break
    return np.concatenate(parts)[: round(max_seconds * RATE)]
