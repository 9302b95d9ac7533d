"""How much heads turn and how often eyes blink: portrait's clips, and clips of real people.

    python scripts/measure_liveliness.py FOLDER [--pictures N] [--set NAME=VALUE ...] [--keep DIR]

Each picture of FOLDER says one text of about 20 s; its number is the seed. "Moved" is what the
motion itself does, "seen" what the tracker sees on the finished frames; with --real, the same is
tracked on the clips of real people in FOLDER/video that last 8 s and more. Angles are standard
deviations over a clip in degrees, their mean over the clips. Prints Markdown; below it, of the
motion of 24 seeds, how fast the head turns while speaking and in pauses, and how far it dips on
stressed vowels and on other sounds.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import vivavoce
from vivavoce.measure.bounds.cases import find_cases, spread
from vivavoce.measure.bounds.take import spoken_phones
from vivavoce.measure.metrics.lips import inner_pauses, is_pause
from vivavoce.measure.metrics.motion import blink_rate, head_pose, shake
from vivavoce.systems.options import parsed
from vivavoce.types import ARKIT_INDEX, FPS, Float, Phone

TEXT = (
    "The old harbour lies quiet at this hour. A few boats come in with the tide, and the women on "
    "the quay call their prices to nobody in particular.\n\nBy noon all of it will be sold. Then "
    "the nets are hung up to dry, somebody puts a kettle on, and people begin to talk about the "
    "weather, which was better last year, and about the price of bread."
)
VOICE = "hibari"
SEEDS = 24
"""Clips of the motion alone whose rhythm is measured."""
LONG_ENOUGH_S = 8.0
"""Real clips shorter than this are left out: too few blinks, too little way for a head."""


@dataclass(frozen=True)
class Life:
    """How lively one clip is."""

    name: str
    turn: Float
    """Standard deviations [3] of yaw, pitch and roll in degrees."""
    blinks: float
    """Blinks a minute."""
    shake: float = float("nan")
    """Mean second difference of the rigid points, in outer-eye distances."""

    def row(self) -> str:
        """The clip as a row of a Markdown table."""
        yaw, pitch, roll = self.turn
        shaken = "" if np.isnan(self.shake) else f"{self.shake:.4f}"
        return (
            f"| {self.name} | {yaw:.1f} | {pitch:.1f} | {roll:.1f} | {self.blinks:.0f} | {shaken} |"
        )


def moved(system: Any, seed: int, **options: Any) -> Life:
    """What the motion itself does with `TEXT`."""
    parts = list(system.motion(TEXT, voice=VOICE, seed=seed, **options))
    pose = np.concatenate([p.pose for p in parts])
    lids = np.concatenate([p.expression[:, ARKIT_INDEX["eyeBlinkLeft"]] for p in parts])
    shut = np.diff((lids > 0.9).astype(int)) > 0
    return Life("moved", np.degrees(pose[:, :3].std(0)), 60 * FPS * shut.sum() / len(pose))


def rhythm(system: Any, phones: Sequence[Phone], seed: int, **options: Any) -> Float:
    """Of one clip's motion [4]: degrees a second while speaking, in pauses; degrees that the head
    is lower on stressed vowels, on other sounds, than 0.4 s before and after."""
    parts = list(system.motion(TEXT, voice=VOICE, seed=seed, **options))
    pose = np.degrees(np.concatenate([p.pose for p in parts])[:, :3])
    speed = FPS * np.linalg.norm(np.diff(pose, axis=0), axis=1)
    quiet = np.zeros(len(speed), bool)
    for pause in inner_pauses(phones):  # from its fourth frame to two before its end
        quiet[int(pause.start_s * FPS) + 3 : int(pause.end_s * FPS) - 2] = True

    def dip(phone: Phone) -> float:
        at = round(FPS * (phone.start_s + phone.end_s) / 2)
        if not 10 <= at < len(pose) - 10:
            return float("nan")
        return float(pose[[at - 10, at + 10], 1].mean() - pose[at - 3 : at + 5, 1].min())

    stressed = [p for p in phones if p.symbol.startswith("ˈ")]
    other = [p for p in phones if not is_pause(p.symbol) and p.symbol[0] not in "ˈˌ"]
    dips = [np.nanmean([dip(p) for p in some]) for some in (stressed, other)]
    return np.array([speed[~quiet].mean(), speed[quiet].mean(), *dips], np.float32)


def seen(name: str, frames: Iterable[np.ndarray]) -> Life:
    """What the tracker sees on `frames` of one person."""
    from vivavoce.look.track import track_video

    lost = np.full((478, 3), np.nan, np.float32)
    points = np.stack([lost if p is None else p for p in track_video(frames)])
    turn = np.nanstd(head_pose(points), 0)
    return Life(name, turn, blink_rate(points), shake(points))


def mean(name: str, lives: list[Life]) -> Life:
    """The mean of several clips."""
    return Life(
        name,
        np.mean([life.turn for life in lives], 0),
        float(np.mean([life.blinks for life in lives])),
        float(np.mean([life.shake for life in lives])),
    )


def real(folder: Path) -> list[Life]:
    """Clips of real people; of GRID none is long enough."""
    from vivavoce.media.read import read_clip_info, read_video

    found = []
    for clip in sorted((folder / "video").glob("*.mp4")):
        if "synth" in clip.name or read_clip_info(clip).seconds < LONG_ENOUGH_S:
            continue
        found.append(seen(clip.stem, read_video(clip)))
        print(found[-1].row(), flush=True)
    return found


def print_seeds(system: Any, **options: Any) -> None:
    """Tell what the motion alone does over `SEEDS` seeds."""
    phones, seeds = spoken_phones(TEXT, VOICE), range(SEEDS)
    lives = [moved(system, seed, **options) for seed in seeds]
    whole, blinks = mean("", lives), [life.blinks for life in lives]
    yaw, pitch, roll = whole.turn
    print(
        f"\nOf {SEEDS} seeds: yaw {yaw:.1f}, pitch {pitch:.1f}, roll {roll:.1f} degrees; no yaw "
        f"under {min(life.turn[0] for life in lives):.1f}; {min(blinks):.0f} to {max(blinks):.0f} "
        "blinks a minute"
    )
    fast, slow, down, else_ = np.mean([rhythm(system, phones, s, **options) for s in seeds], 0)
    print(
        f"{fast:.1f} degrees a second while speaking, {slow:.1f} in pauses; down by {down:.1f} "
        f"degrees on stressed vowels, {else_:.1f} on other sounds\n"
    )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=8)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--real", action="store_true", help="track clips of real people as well")
    parser.add_argument("--keep", type=Path, help="write the clips into this folder")
    asked = parser.parse_args()
    system, options = vivavoce.load("portrait"), parsed(asked.set)
    moves, sights = [], []
    print("| | yaw | pitch | roll | blinks a minute | shake |\n|---|---|---|---|---|---|")
    for seed, picture in enumerate(spread(find_cases(asked.folder).portraits, asked.pictures)):
        moves.append(moved(system, seed, **options))
        clip = system(picture, TEXT, voice=VOICE, seed=seed, **options)
        frames = np.concatenate([chunk.frames for chunk in clip])
        sights.append(seen(picture.stem, frames))
        print(sights[-1].row(), flush=True)
        if asked.keep is not None:
            asked.keep.mkdir(parents=True, exist_ok=True)
            np.save(asked.keep / f"{picture.stem}.npy", frames[::50])
    print(mean("**moved**", moves).row())
    print(mean("**seen**", sights).row())
    print_seeds(system, **options)
    if asked.real:
        print(mean("**real people**", real(asked.folder)).row())


if __name__ == "__main__":
    main()
