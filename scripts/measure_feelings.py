"""How feelings look at full strength: portrait's clips beside clips of real people who act them.

    python scripts/measure_feelings.py FOLDER [--pictures N] [--only FEELING ...]

FOLDER holds the acted clips of MEAD (level 3) that `REAL` names, one of them neutral. Each of N
pictures says one sentence neutrally and with every feeling; all clips are tracked, and a figure is
the median over a clip, less that of the same person's neutral clip: heights and widths in distances
of the outer eye corners on a face turned to the front, the head's pitch in degrees. Prints what
portrait shows (mean over the pictures) beside what people show, on which share of p, b and m its
lips close, and what a judge names: linear discriminants of those figures, face alone, fitted to the
single frames of the real clips. These are clips of one actor: the judge says how near portrait
comes to him, not what everybody would see.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np

import vivavoce
from vivavoce.look.face478 import fit
from vivavoce.look.follow import frontal
from vivavoce.measure.bounds.cases import find_cases, spread
from vivavoce.measure.bounds.take import spoken_phones
from vivavoce.measure.metrics.lips import CLOSED, closure_gaps
from vivavoce.types import EMOTIONS, Emotion, Float, lip_gap

SENTENCE = "My brother has a small boat at the harbour. Perhaps we paddle past the bridge."
VOICE = "hibari"
REAL = {
    "neutral": ("dreamtalk_mead_m030_neutral_l1",),
    "happy": ("dreamtalk_mead_m030_happy_l3",),
    "sad": ("dreamtalk_mead_m030_sad_l3", "eamm_mead_m030_sad"),
    "angry": ("dreamtalk_mead_m030_angry_l3", "spectre_mead_m030_level_3_angry_016"),
    "fearful": ("dreamtalk_mead_m030_fear_l3",),
    "disgusted": ("dreamtalk_mead_m030_disgusted_l3",),
    "surprised": ("dreamtalk_mead_m030_surprised_l3",),
    "contempt": ("dreamtalk_mead_m030_contempt_l3",),
}
"""Clips of one person and each feeling, by name, somewhere below the folder."""
HEIGHTS = {
    "inner brows": ((107, 55, 336, 285), (33, 133, 362, 263)),
    "outer brows": ((70, 46, 300, 276), (33, 133, 362, 263)),
    "open eyes": ((158, 159, 160, 385, 386, 387), (144, 145, 153, 373, 374, 380)),
    "upper lids": ((159, 386), (33, 133, 362, 263)),
    "lower lids": ((145, 374), (33, 133, 362, 263)),
    "upper lip to nose": ((0,), (2,)),
    "lip corners to nose": ((61, 291), (2, 2)),
    "lip corners to lips": ((61, 291), (0, 17)),
    "left corner over right": ((291,), (61,)),
    "lower lip to nose": ((17,), (2,)),
}
"""Names of heights: of the tracker's points over other points, means of both."""
WIDTHS = {"between the brows": (55, 285), "width of the mouth": (61, 291)}
"""Names of widths: from point to point."""


def figures(points: Float) -> dict[str, Float]:
    """Figures [T] of each frame of one person's `points` [T, 478, 3]."""
    pose = fit(points).pose
    face = frontal(points, pose)
    found = {
        name: face[:, list(above), 1].mean(1) - face[:, list(below), 1].mean(1)
        for name, (above, below) in HEIGHTS.items()
    }
    found |= {name: face[:, b, 0] - face[:, a, 0] for name, (a, b) in WIDTHS.items()}
    return found | {"pitch of the head": np.degrees(pose[:, 1])}


def tracked(frames: Iterable[np.ndarray]) -> Float:
    """The points [T, 478, 3] of the frames in which a face is seen."""
    from vivavoce.look.track import track_video

    return np.stack([p for p in track_video(frames) if p is not None])


def change(shown: dict[str, Float], neutral: dict[str, Float]) -> dict[str, Float]:
    """Figures less the medians of the neutral clip."""
    return {name: values - np.median(neutral[name]) for name, values in shown.items()}


def medians(shown: dict[str, Float]) -> Float:
    """The median of each figure."""
    return np.array([np.median(values) for values in shown.values()], np.float32)


def real(folder: Path) -> dict[str, list[dict[str, Float]]]:
    """Feeling → changes of each of its real clips."""
    from vivavoce.media.read import read_video

    files = {f.stem: f for f in folder.rglob("*.mp4")}
    seen = {
        feeling: [figures(tracked(read_video(files[name]))) for name in names]
        for feeling, names in REAL.items()
    }
    neutral = seen["neutral"][0]
    return {feeling: [change(clip, neutral) for clip in clips] for feeling, clips in seen.items()}


def ours(
    folder: Path, pictures: int, feelings: list[str]
) -> tuple[dict[str, list[dict[str, Float]]], dict[str, list[bool]]]:
    """Feeling → changes of portrait's clip of each picture; feeling → whether the lips were seen to
    close on each p, b and m."""
    system = vivavoce.load("portrait")
    made: dict[str, list[dict[str, Float]]] = {feeling: [] for feeling in feelings}
    closed: dict[str, list[bool]] = {feeling: [] for feeling in ("neutral", *feelings)}
    for seed, picture in enumerate(spread(find_cases(folder).portraits, pictures)):
        face = system.look(picture)
        seen = {}
        for feeling in ("neutral", *feelings):
            clip = system(face, SENTENCE, voice=VOICE, emotion=feeling, seed=seed)
            points = tracked(frame for chunk in clip for frame in chunk.frames)
            seen[feeling] = figures(points)
            phones = spoken_phones(SENTENCE, VOICE, Emotion(feeling))
            closed[feeling] += list(closure_gaps(lip_gap(points), phones) < CLOSED)
        for feeling in feelings:
            made[feeling].append(change(seen[feeling], seen["neutral"]))
    return made, closed


class Judge:
    """Names the feeling of a clip by the nearest mean of the real clips' frames, measured by the
    frames' spread around their means (linear discriminants, Fisher 1936); the pose is not seen."""

    def __init__(self, clips: dict[str, list[dict[str, Float]]]) -> None:
        frames = {name: np.concatenate([_face(c) for c in found]) for name, found in clips.items()}
        self.names = list(frames)
        self.means = np.stack([f.mean(0) for f in frames.values()])
        rest = np.concatenate([f - f.mean(0) for f in frames.values()])
        spread_of = np.cov(rest.T)
        self.inverse = np.linalg.inv(spread_of + 0.1 * np.diag(np.diag(spread_of)))

    def name(self, shown: dict[str, Float]) -> str:
        """The feeling that a clip shows."""
        apart = np.median(_face(shown), 0) - self.means
        return self.names[int(np.einsum("ki,ij,kj->k", apart, self.inverse, apart).argmin())]


def _face(shown: dict[str, Float]) -> Float:
    """Figures [T, K] of the face alone."""
    return np.stack([v for name, v in shown.items() if name != "pitch of the head"], 1)


def table(made: dict[str, list[dict[str, Float]]], true: dict[str, list[dict[str, Float]]]) -> str:
    """Markdown: ours / real of every figure and feeling; the two real clips of a feeling apart."""
    names = list(next(iter(made.values()))[0])
    lines = ["| change, ours / real | " + " | ".join(made) + " |", "|---" * (len(made) + 1) + "|"]
    for k, name in enumerate(names):
        digits = 1 if name.startswith("pitch") else 3
        cells = []
        for feeling, clips in made.items():
            mine = float(np.mean([medians(c)[k] for c in clips]))
            theirs = ", ".join(f"{medians(c)[k]:+.{digits}f}" for c in true[feeling])
            cells.append(f"{mine:+.{digits}f} / {theirs}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def confusion(judge: Judge, made: dict[str, list[dict[str, Float]]]) -> str:
    """Markdown: how many clips of each feeling (rows) the judge calls what (columns)."""
    lines = ["| asked for | " + " | ".join(judge.names) + " |"]
    lines.append("|---" * (len(judge.names) + 1) + "|")
    for feeling, clips in made.items():
        said = [judge.name(c) for c in clips]
        counts = [str(said.count(name) or "") for name in judge.names]
        lines.append(f"| {feeling} | " + " | ".join(counts) + " |")
    return "\n".join(lines)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=10)
    parser.add_argument("--only", nargs="+", default=list(EMOTIONS[1:]), choices=EMOTIONS[1:])
    asked = parser.parse_args()
    true = real(asked.folder)
    made, closed = ours(asked.folder, asked.pictures, asked.only)
    judge = Judge(true)
    print(table(made, true), confusion(judge, made), sep="\n\n")
    shares = ", ".join(f"{name} {100 * np.mean(c):.0f} %" for name, c in closed.items())
    print(f"\nLips closed on p, b, m, of {len(closed['neutral'])} each: {shares}")


if __name__ == "__main__":
    main()
