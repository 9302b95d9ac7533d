"""S2TF's tables on people that nobody was trained on, as far as a corpus can tell.

    python scripts/claims_s2tf.py CHECKPOINT --corpus CORPUS [--without OTHER] [--clips 12]
    python scripts/claims_s2tf.py CHECKPOINT --corpus CORPUS --sheet docs/s2tf-people.jpg

OTHER is a checkpoint that was trained without centroids (--set losses.c=0). Faces are compared by
the corpus face judge, in the place of FaceNet and VGGFace. People are those of the corpus's
validation and test splits, one clip each; the pose picture is a frame of the next person, as in
section 4.3.1. Intervals are 95 %, over people or clips. The sheet shows the first eight people,
unpicked: the true face, and four frames of a sentence of theirs as S2TF imagines them, seed 0.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import vivavoce
from vivavoce.data.shards import open_set
from vivavoce.errors import NoFace
from vivavoce.listen.mel import log_mel
from vivavoce.look import look
from vivavoce.look.track import track_video
from vivavoce.measure.figures import bootstrap
from vivavoce.measure.judges.corpus import FaceJudge, SyncJudge
from vivavoce.measure.metrics.face import lmd
from vivavoce.measure.metrics.lipsync import lse_c, offset
from vivavoce.measure.metrics.matching import retrieval, unit, verification
from vivavoce.nn.weights import SHIPPED
from vivavoce.systems.s2tf.net import CROP
from vivavoce.systems.s2tf.sound import WINDOW, level_of, looped
from vivavoce.systems.s2tf.talker import S2tf, S2tfOptions
from vivavoce.train.read.square import Sight
from vivavoce.train.read.windows import Clip, Windows
from vivavoce.types import Bytes, Float, Speech, lip_gap

SPLITS = 10
"""Parts that VFS is measured on, for its deviation."""
LENGTHS = (0.8, 1.6, 3.2, 4.8)
"""Seconds of Table 4.4."""
TILE = 144
"""Side of a picture of the sheet in px."""
MEMBERS = ("wav", "frames", "tracks")


@dataclass(frozen=True)
class Somebody:
    """A person held out."""

    clip: Clip
    """What is heard."""
    other: Clip
    """Another clip of the same person: the true face."""
    sex: str
    accent: str
    age: float

    @property
    def sound(self) -> Float:
        """The voice [n]."""
        assert self.clip.sample.samples is not None
        return self.clip.sample.samples


def loaded(place: str) -> S2tf:
    """The system of a checkpoint."""
    system = vivavoce.load(place)
    assert isinstance(system, S2tf)
    return system


def held_out(corpus: Path) -> list[Somebody]:
    """One clip of each person of the validation and test splits that is a sentence, and another."""
    found = []
    for split in ("val", "test"):
        windows = Windows(open_set(corpus), split, 1, MEMBERS)
        for numbers in windows.people.values():
            long = sorted(numbers, key=lambda n: -windows.about[n]["frames"])
            told = windows.about[long[0]]["attributes"]
            found.append(Somebody(windows.clip(long[0]), windows.clip(long[1]), told["sex"],
                                  told["accent"], told["age"]))  # fmt: skip
    return found


def seen(picture: Bytes, judge: FaceJudge) -> tuple[Float, Float, Float] | None:
    """Embedding [64], features [128], probabilities of people [K] of a face; None: no face."""
    try:
        face = look(picture)
    except NoFace:
        return None
    frames, points = face.picture[None], face.landmarks[None]
    found = judge.embedding, judge.features, judge.people
    a, b, c = (f(frames, points)[0] for f in found)
    return a, b, c


def square(clip: Clip, frame: int, size: int = 256) -> Bytes:
    """A frame of a clip as S2TF sees people."""
    return Sight.of(clip, frame, size, CROP).pictures([frame])[0]


def vfs(probabilities: Float) -> str:
    """VGGFace score: the Inception score's formula on people's probabilities [N, K], mean and
    deviation over `SPLITS` parts."""
    parts = []
    for p in np.array_split(probabilities.astype(np.float64), SPLITS):
        divergence = (p * (np.log(p + 1e-12) - np.log(p.mean(0) + 1e-12))).sum(1)
        parts.append(np.exp(divergence.mean()))
    return f"{np.mean(parts):.2f} ± {np.std(parts):.2f}"


def spread(values: np.ndarray, how: Callable[[np.ndarray], float] = np.mean) -> str:
    """The figure and its interval."""
    known = values[np.isfinite(values)]
    bounds = bootstrap([np.array([v]) for v in known], lambda v: float(how(v)))
    span = "" if bounds is None else f" ({bounds[0]:.3f} to {bounds[1]:.3f})"
    return f"{how(known):.3f}{span}"


def likeness(name: str, made: list[Any], true: list[Any]) -> str:
    """A row of Table 4.1 or 4.4: made faces against true ones; a face that is not found is left
    out and counted."""
    both = [(m, t) for m, t in zip(made, true, strict=True) if m is not None and t is not None]
    one, two = (np.array([pair[i][0] for pair in both]) for i in (0, 1))
    raw, raw_true = (np.array([pair[i][1] for pair in both]) for i in (0, 1))
    cosines = (unit(one) * unit(two)).sum(1)
    ranks = retrieval(one, two)
    l1 = np.abs(one - two).sum(1).mean(), np.abs(raw - raw_true).sum(1).mean()
    quality = vfs(np.array([pair[0][2] for pair in both]))
    found = " | ".join(f"{value:.1f}" for value in ranks.values())
    return (f"| {name} | {spread(cosines)} | {l1[0]:.2f} / {l1[1]:.1f} | {found} | {quality} | "
            f"{len(made) - len(both)} |")  # fmt: skip


def faces(system: S2tf, crowd: list[Somebody], seconds: float = 3.2) -> list[Bytes]:
    """P5 for everybody: the pose picture is the next person's."""
    found = []
    for n, somebody in enumerate(crowd):
        pose = look(square(crowd[(n + 1) % len(crowd)].other, 0))
        speech = Speech(somebody.sound)
        still = system.imagine(speech=speech, pose=pose, size=256, identity_s=seconds, variety=0.0)
        found.append(still.picture)
    return found


def table_1(systems: dict[str, S2tf], crowd: list[Somebody], judge: FaceJudge) -> None:
    """Table 4.1, with the next person's true face (chance) and another frame of the own (ceiling of
    the judge)."""
    true = [seen(square(p.other, len(p.other.sample) // 2), judge) for p in crowd]
    print("\n| 4.1 | cosine | L1, unit / raw | R@1 | R@2 | R@5 | R@10 | VFS | no face |")
    print("|---|---|---|---|---|---|---|---|---|")
    print(likeness("somebody else's true face", true[1:] + true[:1], true))
    for name, system in systems.items():
        made = [seen(picture, judge) for picture in faces(system, crowd)]
        print(likeness(name, made, true))
    own = [seen(square(p.clip, len(p.clip.sample) // 2), judge) for p in crowd]
    print(likeness("the own face in another clip", own, true))
    print(f"{len(crowd)} people; the gallery is {min(100, len(crowd))} faces")


@torch.inference_mode()
def codes(system: S2tf, crowd: list[Somebody], seconds: float = 3.2) -> tuple[Float, Float]:
    """f_id^a and f_id^v [N, D] of everybody."""
    heard, found = [], []
    for somebody in crowd:
        level = level_of(looped(log_mel(somebody.sound, WINDOW)))
        options = S2tfOptions(identity_s=seconds)
        heard.append(system.who_is_heard(somebody.sound, level, options)[0].numpy())
        clip = somebody.other
        sight = Sight.of(clip, 0, system.net.settings.size, CROP)
        picture = torch.from_numpy(sight.pictures([0])).permute(0, 3, 1, 2) / 127.5 - 1
        found.append(system.net.who_is_seen(picture)[0].numpy())
    return np.array(heard), np.array(found)


def table_2(systems: dict[str, S2tf], crowd: list[Somebody]) -> None:
    """Table 4.2: AUC of cos(f_id^v, f_id^a); N is the accent."""
    print("\n| 4.2, AUC % | any | G | N (accent) | A | GNA |\n|---|---|---|---|---|---|")
    for name, system in systems.items():
        told = ([getattr(p, k) for p in crowd] for k in ("sex", "accent", "age"))
        found = verification(*codes(system, crowd), *told)
        print(f"| {name} | " + " | ".join(f"{v:.1f}" for v in found.values()) + " |")


def table_4(system: S2tf, crowd: list[Somebody], judge: FaceJudge) -> None:
    """Table 4.4: how many seconds tell who speaks; those who speak shorter are looped."""
    true = [seen(square(p.other, len(p.other.sample) // 2), judge) for p in crowd]
    print("\n| 4.4 | cosine | L1, unit / raw | R@1 | R@2 | R@5 | R@10 | VFS | no face | AUC any |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    told = [[getattr(p, k) for p in crowd] for k in ("sex", "accent", "age")]
    for seconds in LENGTHS:
        made = [seen(picture, judge) for picture in faces(system, crowd, seconds)]
        auc = verification(*codes(system, crowd, seconds), *told)["any"]
        print(likeness(f"{seconds} s", made, true) + f" {auc:.1f} |")


def lips_of(
    pictures: Bytes, samples: Float, true: Float, size: int, judge: SyncJudge
) -> list[float]:
    """LMD of the mouth in px of 256, correlation of the lip gap with the true one, LSE-C, offset in
    frames; NaN: no face in most frames."""
    found = list(track_video(pictures))
    if sum(points is not None for points in found) < 0.9 * len(found):
        return [float("nan")] * 4
    marks = np.array([p if p is not None else found[0] for p in found])
    count = min(len(marks), len(true))
    marks, true = marks[:count], true[:count]
    gaps = float(np.corrcoef(lip_gap(marks), lip_gap(true))[0, 1])
    scale = np.ptp(true[..., :2], axis=1).mean() / np.ptp(marks[..., :2], axis=1).mean()
    curve = judge.distances(marks, samples)
    sync = [lse_c(curve.mean(0)), float(offset(curve.mean(0)))] if len(curve) else [np.nan] * 2
    return [lmd(marks * scale, true, size), gaps, *sync]


def table_3(system: S2tf, crowd: list[Somebody], clips: int) -> None:
    """Table 4.3: the lips, with the clip's true first frame as the pose (O16) and with the next
    person's (as stated); beside them the same imagined still moved by portrait."""
    judge = SyncJudge(SHIPPED / "judges")
    rows: dict[str, list[list[float]]] = {}
    for n, somebody in enumerate(crowd[:clips]):
        clip, sound = somebody.clip, somebody.sound
        size = int(clip.sample.about["size"])
        true = clip.sample.tracks["landmarks"]
        poses = {"own first frame": square(clip, 0), "next person": square(crowd[n + 1].other, 0)}
        for name, picture in poses.items():
            made = list(system(speech=Speech(sound), pose=look(picture), size=256, variety=0.0))
            frames = np.concatenate([chunk.frames for chunk in made])
            rows.setdefault(f"s2tf, pose: {name}", []).append(
                lips_of(frames, sound, true, size, judge)
            )
        made = list(system(speech=Speech(sound), size=256, variety=0.0))
        frames = np.concatenate([chunk.frames for chunk in made])
        rows.setdefault("s2tf, no pose", []).append(lips_of(frames, sound, true, size, judge))
        try:
            made = list(system(speech=Speech(sound), size=256, variety=0.0, render="portrait"))
            frames = np.concatenate([chunk.frames for chunk in made])
            measured = lips_of(frames, sound, true, size, judge)
        except NoFace:
            measured = [float("nan")] * 4
        rows.setdefault("its still, moved by portrait", []).append(measured)
        shown = np.stack([square(clip, i) for i in range(len(true))])
        rows.setdefault("the true video", []).append(lips_of(shown, sound, true, size, judge))
    print("\n| 4.3 | LMD, px of 256 | lip gap, correlation | LSE-C | offset, frames | clips |")
    print("|---|---|---|---|---|---|")
    for name, values in rows.items():
        table = np.array(values)
        lag = np.nanmedian(table[:, 3])
        print(f"| {name} | {spread(table[:, 0])} | {spread(table[:, 1])} | {spread(table[:, 2])} | "
              f"{lag:.0f} | {np.isfinite(table[:, 1]).sum()} of {len(table)} |")  # fmt: skip


def one_voice_two_poses(system: S2tf, crowd: list[Somebody], judge: FaceJudge) -> None:
    """How alike, by the judge's cosine: one voice with two poses, two voices with one pose."""
    some = crowd[:20]
    posed = [faces(system, some), faces(system, [replace(p, other=q.other) for p, q in
             zip(some, some[7:] + some[:7], strict=True)])]  # fmt: skip
    one, two = ([seen(picture, judge) for picture in made] for made in posed)
    known = [(a[0], b[0]) for a, b in zip(one, two, strict=True) if a is not None and b is not None]
    same = np.array([float(a @ b) for a, b in known])
    pose = look(square(some[0].other, 0))
    still = [system.imagine(speech=Speech(p.sound), pose=pose, size=256, variety=0.0) for p in some]
    third = [s for s in (seen(x.picture, judge) for x in still) if s is not None]
    others = np.array([float(a[0] @ b[0]) for a, b in pairwise(third)])
    print(f"\none voice, two poses: cosine {spread(same)}; two voices, one pose: {spread(others)}")


def sheet(system: S2tf, crowd: list[Somebody], file: Path) -> None:
    """The true face and four imagined frames of eight people, two people a row."""
    rows = []
    for somebody in crowd[:8]:
        made = [chunk.frames for chunk in system(speech=Speech(somebody.sound), size=TILE)]
        frames = np.concatenate(made)
        shown = frames[np.linspace(len(frames) // 5, 4 * len(frames) // 5, 4).astype(int)]
        true = square(somebody.clip, len(somebody.clip.sample) // 2, TILE)
        gap = np.full((TILE, 8, 3), 250, np.uint8)
        rows.append(np.hstack([true, gap, *shown, gap]))
    pairs = [np.hstack(rows[n : n + 2]) for n in range(0, len(rows), 2)]
    Image.fromarray(np.vstack(pairs)).save(file, "JPEG", quality=88)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("checkpoint")
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--without", help="a checkpoint that was trained without centroids")
    parser.add_argument("--clips", type=int, default=12, help="clips of Table 4.3")
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--sheet", type=Path, help="draw the sheet there and measure nothing")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    names = {"S2TF": asked.checkpoint, "S2TF w/o CL": asked.without}
    systems = {name: loaded(place) for name, place in names.items() if place}
    crowd = held_out(asked.corpus)[: asked.people]
    if asked.sheet is not None:
        sheet(systems["S2TF"], crowd, asked.sheet)
        return
    judge = FaceJudge(SHIPPED / "judges")
    table_1(systems, crowd, judge)
    table_2(systems, crowd)
    table_3(systems["S2TF"], crowd, asked.clips)
    table_4(systems["S2TF"], crowd, judge)
    one_voice_two_poses(systems["S2TF"], crowd, judge)


if __name__ == "__main__":
    main()
