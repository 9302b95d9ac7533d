"""Dubbing, measured on real talking videos: do the new lips fit the new words, does the rest stay?

    python scripts/measure_dub.py ../shared/real/video [--clips N] [--seconds S]

Each clip says a sentence by a voice of ours, whose phones are known, and is silent for as long.
Prints Markdown: lips closed on p, b, m (gap of the inner lips under 0.03 outer-eye distances within
a frame of the phone's middle), how the gap goes with the jaw that was asked for, lips closed in
silence and in the clip itself, the largest change above the nose, and the step at the border: how
much larger the mean change from pixel to pixel gets where the lower face is put back.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import vivavoce
from vivavoce.look.track import track_video
from vivavoce.media.provenance import Provenance
from vivavoce.media.read import read_video
from vivavoce.media.write import VideoWriter
from vivavoce.speak.voices import find_voice
from vivavoce.types import ARKIT_INDEX, FPS, RATE, Chunk, Emotion, Speech, lip_gap

TEXT = "My mum bakes bread, and Bob buys it."
CLOSED = 0.03


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=2.0)
    given = parser.parse_args()
    portrait = vivavoce.load("portrait")
    said = list(find_voice("en-us").speak(TEXT, Emotion()))
    jaw = np.concatenate([m.expression for m in portrait.motion(speech=said, still=True)])
    jaw = jaw[:, ARKIT_INDEX["jawOpen"]]
    print("| clip | closed on p, b, m | gap with jaw (r) | closed in silence / before | "
          "largest change above the nose | border |")  # fmt: skip
    print("|---|---|---|---|---|---|")
    clips = sorted(given.folder.iterdir())
    for clip in clips[:: max(1, len(clips) // given.clips)][: given.clips]:
        frames = round(given.seconds * FPS)
        before = list(read_video(clip, max_seconds=given.seconds))
        height, width = (side // 2 * 2 for side in before[0].shape[:2])
        with TemporaryDirectory() as folder:
            film = Path(folder) / "cut.mp4"
            with VideoWriter(film, (width, height), Provenance("suite"), marked=False) as video:
                stack = np.stack(before)[:, :height, :width]
                video.add(Chunk(stack, np.zeros(len(before) * 640, np.float32)))
            own = np.stack(list(read_video(film)))
            new = np.concatenate([c.frames for c in portrait(film, speech=said)])[:frames]
            quiet = Speech(np.zeros(len(own) * RATE // FPS, np.float32))
            shut = np.concatenate([c.frames for c in portrait(film, speech=quiet)])
        print(_row(clip.stem, own, new, shut, said, jaw[: len(new)]), flush=True)


def _row(
    name: str, own: np.ndarray, new: np.ndarray, shut: np.ndarray, said: list[Speech],
    jaw: np.ndarray,
) -> str:  # fmt: skip
    points = list(track_video(own))
    gaps, quiet, was = (_gaps(track) for track in (track_video(new), track_video(shut), points))
    start, hits, of = 0.0, 0, 0
    for piece in said:
        for phone in piece.phones or ():
            k = round((start + (phone.start_s + phone.end_s) / 2) * FPS)
            if phone.symbol.strip("ː") in ("p", "b", "m") and k + 2 <= len(gaps):
                of += 1
                hits += bool(np.nanmin(gaps[max(k - 1, 0) : k + 2]) < CLOSED)
        start += piece.seconds
    known = np.isfinite(gaps)
    fits = np.corrcoef(gaps[known], jaw[known])[0, 1]
    count = min(len(own), len(new))
    change = max(
        (int(np.abs(own[t, : int(p[1, 1]) - 2].astype(int) - new[t, : int(p[1, 1]) - 2]).max())
         for t, p in enumerate(points[:count]) if p is not None), default=0,
    )  # fmt: skip
    shut_now, shut_then = (100 * np.nanmean(g < CLOSED) for g in (quiet, was))
    border = _border(own[:count], new[:count])
    return (
        f"| {name} | {hits} of {of} | {fits:.2f} | {shut_now:.0f} % / {shut_then:.0f} % | {change} "
        f"| {border:.2f} |"
    )


def _gaps(track: Iterable[np.ndarray | None]) -> np.ndarray:
    return np.array([np.nan if points is None else lip_gap(points) for points in track])


def _border(own: np.ndarray, new: np.ndarray) -> float:
    """Mean step from pixel to pixel at the edge of what changed, over that of the video there."""
    steps = []
    for old, made in zip(own[::5].astype(float), new[::5].astype(float), strict=True):
        changed = np.abs(made - old).max(2) > 1
        edge = changed[:, 1:] != changed[:, :-1]
        if edge.any():
            after, before = (np.abs(np.diff(x.mean(2), axis=1))[edge].mean() for x in (made, old))
            steps.append(after / (before + 1e-6))
    return float(np.mean(steps)) if steps else 1.0


if __name__ == "__main__":
    main()
