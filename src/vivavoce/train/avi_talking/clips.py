"""Clips of AVI-Talking: what is heard of each, how the face moves, and what is said of it.

Everything is computed once from the shards and kept beside the run; pictures are not needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vivavoce.data.annotate import in_words
from vivavoce.data.schema import Sample
from vivavoce.data.shards import ShardSet, open_set
from vivavoce.errors import RequestError
from vivavoce.listen.instruction.asked import base
from vivavoce.listen.manner import manner
from vivavoce.listen.prosody import prosody
from vivavoce.listen.sounds import CLASSES
from vivavoce.move.emotion import look_of
from vivavoce.systems.avi_talking.style import without_blinks
from vivavoce.systems.stage import Run
from vivavoce.train.read.manifest import rows as manifest
from vivavoce.types import ARKIT, EMOTIONS, RATE, Emotion, Float, lip_gap

PIECE_S, PIECES = 5.0, 6
"""Length in seconds of the pieces that a real recording is cut into, and the most of them."""
MOST_OF_ONE = 2
"""Most recordings of one person."""
SEALED, APART = 0.010, 0.030
"""Lip gaps, in outer-eye distances, at which lips count as closed and as open."""


@dataclass(frozen=True)
class AviClip:
    """One clip."""

    key: str
    person: str
    emotion: str
    level: int
    coarse: str
    """Sentence for the feeling; "" if none is known."""
    fine: str
    """Sentence for the units that the face shows."""
    rows: Float
    """What the instruction half hears [T, listen.manner.SIZE]."""
    prosody: Float
    """`Cues.prosody` [T, 3]."""
    motion: Float
    """ARKit coefficients without blinks and glances, then yaw, pitch, roll of the head and yaw and
    pitch of the gaze that belong to the feeling [T, 57]; or FLAME's 53."""
    closed: Float
    """How closed the lips are [T] in [0, 1]."""
    samples: Float
    """Sound [640 T]; empty where no network of the system reads it."""

    @property
    def content(self) -> Float:
        """What the shipped content network hears, beside prosody [T, 26]."""
        return np.concatenate([self.rows[:, : len(CLASSES)], self.prosody], 1)

    @property
    def text(self) -> str:
        """The whole instruction."""
        return f"{self.coarse} {self.fine}".strip()


def of_set(run: Run, split: str, space: str, with_sound: bool) -> list[AviClip]:
    """The clips of a split of the run's set.

    Raises: RequestError: the set lacks what is needed; says what.
    """
    if run.data is None:
        raise RequestError("AVI-Talking learns from talking clips: give shards with --data.")
    shards = open_set(run.data)
    file = run.scratch / f"{split}-{space}.npz"
    if with_sound:  # sound is large: it is read anew
        return [_clip(sample, space, True) for sample in _samples(shards, split)]
    if not file.is_file():
        _save(file, [_clip(sample, space, False) for sample in _samples(shards, split)])
    return _load(file)


def _samples(shards: ShardSet, split: str) -> Iterator[Sample]:
    for sample in shards.samples(split, ("wav", "tracks")):
        if sample.samples is None or "expression" not in sample.tracks:
            raise RequestError(
                f"The clip {sample.key} of {shards.folder} has no sound or no tracks, which "
                "AVI-Talking learns from. Prepare the set again: vivavoce data prepare --help"
            )
        yield sample


def _clip(sample: Sample, space: str, with_sound: bool) -> AviClip:
    about, tracks = sample.about, sample.tracks
    told = about.get("emotion")
    emotion = str(told) if told in EMOTIONS else "neutral"
    level = int(about.get("intensity") or 2)
    said = about.get("instruction") or {}
    if "units" in said and said["units"].keys() <= set(map(base, ARKIT)):
        said = in_words(sample.key, emotion, level, said["units"])
    assert sample.samples is not None
    heard = manner(sample.samples)
    moves = flame_rows(sample) if space == "flame53" else _arkit_rows(tracks, emotion, level)
    gap = lip_gap(tracks["landmarks"])
    closed = np.clip((APART - gap) / (APART - SEALED), 0, 1)
    frames = min(len(heard), len(moves))
    return AviClip(
        sample.key, str(about["person"]), emotion, level, str(said.get("coarse", "")),
        str(said.get("fine", "")), heard[:frames], prosody(sample.samples)[:frames],
        moves[:frames].astype(np.float32), closed[:frames].astype(np.float32),
        sample.samples if with_sound else np.zeros(0, np.float32),
    )  # fmt: skip


def _arkit_rows(tracks: dict[str, np.ndarray], emotion: str, level: int) -> Float:
    """Motion [T, 57] of a tracked clip; blinks and glances are left out, for they are drawn, and
    the head's own movement too."""
    moves = without_blinks(tracks["expression"])
    look = look_of(Emotion(emotion, level / 3))
    held = np.concatenate([look[len(ARKIT) + 2 : len(ARKIT) + 5], np.median(tracks["gaze"], 0)])
    return np.concatenate([moves, np.repeat(held[None], len(moves), 0)], 1)


def flame_rows(sample: Sample) -> Float:
    """FLAME's jaw and expression [T, 53] of a clip.

    Raises: RequestError: it has none.
    """
    if "flame" not in sample.tracks:
        raise RequestError(
            f"The clip {sample.key} has no FLAME coefficients (tracks: flame [T, 53]). Put EMOCA's "
            "fit beside each video as NAME.flame.npz and prepare the set again, or learn ARKit's "
            "coefficients: --set model.space=arkit52"
        )
    return sample.tracks["flame"]


def calm_voices(folder: Path | None, run: Run) -> list[Float]:
    """Rows [T, SIZE] of real recordings that may train what ships, in pieces of `PIECE_S`, heard
    once for the run; none without a folder."""
    if folder is None:
        return []
    file = run.scratch / "voices.npz"
    if not file.is_file():
        found = list(_pieces(folder))
        ends = np.cumsum([len(rows) for rows in found])
        part = file.with_name(f".{file.name}")
        with part.open("wb") as out:
            np.savez(out, rows=np.concatenate(found), ends=ends)
        part.replace(file)
    with np.load(file, allow_pickle=False) as kept:
        return np.split(kept["rows"], kept["ends"][:-1])


def _pieces(folder: Path) -> Iterator[Float]:
    from vivavoce.media.read import read_speech

    people: dict[str, int] = {}
    for row in manifest(folder):
        people[row.person] = people.get(row.person, 0) + 1
        if row.folder not in ("audio", "video") or not _is_speech(row.notes):
            continue
        if people[row.person] > MOST_OF_ONE:
            continue
        samples = np.concatenate([p.samples for p in read_speech(folder / row.file)])
        length = int(PIECE_S * RATE)
        for start in range(0, max(len(samples) - 2 * RATE, 1), length)[:PIECES]:
            piece = samples[start : start + length]
            if len(piece) >= 2 * RATE:
                yield manner(piece)


def _is_speech(notes: str) -> bool:
    return "SINGING" not in notes and "NON-SPEECH" not in notes and "digit" not in notes


_ARRAYS = ("rows", "prosody", "motion", "closed")


def _save(file: Path, clips: list[AviClip]) -> None:
    """Keep clips in one file: the arrays end to end, and where each ends."""
    words = {
        name: np.array([str(getattr(c, name)) for c in clips])
        for name in ("key", "person", "emotion", "level", "coarse", "fine")
    }
    arrays = {n: np.concatenate([getattr(c, n) for c in clips]) for n in _ARRAYS}
    part = file.with_name(f".{file.name}")
    with part.open("wb") as out:
        np.savez(out, ends=np.cumsum([len(c.rows) for c in clips]), **words, **arrays)
    part.replace(file)


def _load(file: Path) -> list[AviClip]:
    with np.load(file, allow_pickle=False) as kept:
        arrays = {name: kept[name] for name in kept.files}
    ends, found = arrays["ends"], []
    for i, end in enumerate(ends):
        span = slice(int(ends[i - 1]) if i else 0, int(end))
        words: dict[str, Any] = {
            n: str(arrays[n][i]) for n in ("key", "person", "emotion", "coarse", "fine")
        }
        parts = {n: arrays[n][span] for n in _ARRAYS}
        level, nothing = int(arrays["level"][i]), np.zeros(0, np.float32)
        found.append(AviClip(**words, **parts, level=level, samples=nothing))
    return found
