"""ImagineID's claims on corpus people that it was not trained on.

    python scripts/claims_imagine_id.py CHECKPOINT --corpus SHARDS [--voices 14] [--seconds 2]

Prints Markdown: what PAD hears (shape, expression, lips, feeling, whose voice is whose), what is
drawn for it (sex, age, FID, whether a prompt shows), how one person is held (by frame index), what
a swap changes, and what a frame costs. Pictures are looked at by the corpus's judges at the
tracker's points, on pictures enlarged four times, because the tracker misses small ones; intervals
are 95 % bootstraps over voices. `--sheet FILE` draws eight voices.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from time import perf_counter
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image

from vivavoce.data.shards import open_set
from vivavoce.look.track import find_faces
from vivavoce.measure.figures import bootstrap
from vivavoce.measure.judges.corpus import FaceJudge
from vivavoce.measure.metrics.sound import frechet
from vivavoce.nn.weights import SHIPPED
from vivavoce.systems.imagine_id.face import EYES
from vivavoce.systems.imagine_id.hearing import Factors, expression, factors, swapped
from vivavoce.systems.imagine_id.meshes import Mesh, mesh_of, placed
from vivavoce.systems.imagine_id.talker import ImagineId, ImagineOptions
from vivavoce.train.read.windows import Clip, Windows
from vivavoce.types import RATE, Bytes, Float, lip_gap

ENLARGED = 4


def seen_by(judge: FaceJudge, pictures: list[Bytes]) -> list[dict[str, Any] | None]:
    """Features, embedding, age and sex of each picture; None where no face is found."""
    found: list[dict[str, Any] | None] = []
    for picture in pictures:
        large = np.asarray(
            cv2.resize(picture, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC),
            np.uint8,
        )
        faces = find_faces(large)
        if not faces:
            found.append(None)
            continue
        where = faces[0].landmarks[None]
        told = judge.attributes(large[None], where)
        found.append({
            "features": judge.features(large[None], where)[0],
            "who": judge.embedding(large[None], where)[0],
            "age": float(told["age"][0]), "female": float(told["female"][0]),
        })  # fmt: skip
    return found


def row(name: str, values: list[float] | Float) -> str:
    """A line of a table: mean and interval of the values that are numbers."""
    known = np.asarray(values, float)
    known = known[np.isfinite(known)]
    if not len(known):
        return f"| {name} | no face is found | 0 |"
    interval = bootstrap([np.array([v]) for v in known], lambda v: float(v.mean()))
    between = f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else ""
    return f"| {name} | {known.mean():.3f}{between} | {len(known)} |"


def cosine(a: Float, b: Float) -> float:
    """Cosine of two vectors."""
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-9))


class Claims:
    """The system, held-out clips, and what was heard in them."""

    def __init__(self, talker: ImagineId, corpus: Path, voices: int, seconds: float) -> None:
        self.talker, self.net = talker, talker.net
        windows = Windows(open_set(corpus), "test", 32)
        chosen = [numbers[-1] for numbers in windows.people.values()][:voices]
        self.clips = [windows.clip(n) for n in chosen]
        self.others = [windows.clip(numbers[0]) for numbers in windows.people.values()][:voices]
        self.heard = [factors(self.net, sound(clip, 60)) for clip in self.clips]
        self.heard_others = [factors(self.net, sound(clip, 60)) for clip in self.others]
        self.judge, self.seconds = FaceJudge(SHIPPED / "judges"), seconds
        self.options = ImagineOptions(**talker.about.options)

    def listening(self) -> list[str]:
        """Table 1's shape, Table 2's lips through content and through emotion, Fig. 6, Fig. 7."""
        mean = np.mean([clip.sample.tracks["identity"] for clip in self.clips], 0)
        shapes = [h.shape[0].numpy() - mean for h in self.heard]
        true = [c.sample.tracks["identity"] - mean for c in self.clips]
        pairs = range(len(shapes))
        lines = [
            row("shape, cosine about the mean", [cosine(shapes[i], true[i]) for i in pairs]),
            row("- of another person's voice", [cosine(shapes[i - 1], true[i]) for i in pairs]),
        ]
        for through in ("content", "emotion"):
            found = [expression(self.net.pad, h, through) for h in self.heard]
            lines.append(row(f"lip gap through {through}, correlation with the truth",
                             [self._lips(i, f) for i, f in enumerate(found)]))  # fmt: skip
            lines.append(row(f"expression through {through}, mean absolute error",
                             [self._error(i, f) for i, f in enumerate(found)]))  # fmt: skip
        nothing = [np.zeros_like(f) for f in found]
        lines.append(row("- a face at rest", [self._error(i, f) for i, f in enumerate(nothing)]))
        codes = np.stack([h.semantics[0].numpy() for h in self.heard])
        keys = np.stack([h.semantics[0].numpy() for h in self.heard_others])
        lines += self._retrieval(codes, keys)
        return lines

    def _retrieval(self, codes: Float, keys: Float) -> list[str]:
        """Of each voice: whether its own other recording is nearest, and whether the nearest other
        person has its sex; the age between them."""
        near = np.array([[cosine(a, b) for b in keys] for a in codes])
        first = [float(near[i].argmax() == i) for i in range(len(near))]
        np.fill_diagonal(near, -2)
        about = [c.sample.about["attributes"] for c in self.clips]
        best = near.argmax(1)
        sexes = [float(about[i]["sex"] == about[b]["sex"]) for i, b in enumerate(best)]
        apart = [abs(about[i]["age"] - about[b]["age"]) for i, b in enumerate(best)]
        chance = [abs(a["age"] - b["age"]) for a in about for b in about if a is not b]
        return [
            row(f"own other recording is nearest (chance {1 / len(keys):.2f})", first),
            row("nearest other person has the sex (chance 0.5)", sexes),
            row(f"years to the nearest other person (chance {np.mean(chance):.1f})", apart),
        ]

    def _lips(self, number: int, found: Float) -> float:
        return float(np.corrcoef(self._gap(number, found), self._gap(number))[0, 1])

    def _gap(self, number: int, found: Float | None = None) -> Float:
        """Lip gap [T] of a clip's own shape with an expression; its own is the truth."""
        tracks = self.clips[number].sample.tracks
        beta = tracks["expression"] if found is None else found.clip(0, 1)
        still = np.zeros((len(beta), 6), np.float32)
        return lip_gap(placed(self.talker.face, tracks["identity"], beta, still, 128))

    def _error(self, number: int, found: Float) -> float:
        true = self.clips[number].sample.tracks["expression"].copy()
        true[:, list(EYES)] = 0
        count = min(len(true), len(found))
        return float(np.abs(true[:count] - found[:count]).mean())

    def sheet(self) -> Bytes:
        """Eight voices, two a row: the speaker, whom nobody was trained on, then who is imagined:
        at rest, and five frames while they speak; nothing is picked."""
        tiles = []
        for i in range(min(8, len(self.clips))):
            true, still = self.clips[i].sample.frames[0], self._face(self.heard[i], i)
            frames = self._frames(i, tuple(self.options.without))
            some = [frames[k] for k in np.linspace(2, len(frames) - 1, 5).astype(int)]
            tiles.append(np.hstack([true, still, *some]))
        rows = [np.hstack(tiles[i : i + 2]) for i in range(0, len(tiles) - 1, 2)]
        return np.vstack(rows)

    def faces(self) -> list[str]:
        """Table 1: sex, age and FID of the faces that are imagined for voices."""
        made = [self._face(h, seed) for seed, h in enumerate(self.heard)]
        seen = seen_by(self.judge, made)
        true = seen_by(self.judge, [clip.sample.frames[0] for clip in self.clips])
        about = [c.sample.about["attributes"] for c in self.clips]
        ok = [i for i, s in enumerate(seen) if s is not None]
        sexes = [float((seen[i]["female"] > 0.5) == (about[i]["sex"] == "female")) for i in ok]
        ages = [seen[i]["age"] for i in ok]
        told = [about[i]["age"] for i in ok]
        both = [np.stack([s["features"] for s in side if s is not None]) for side in (seen, true)]
        return [
            row("a face is found", [float(s is not None) for s in seen]),
            row("sex of the face is the speaker's", sexes),
            f"| age of face and speaker, correlation | {np.corrcoef(ages, told)[0, 1]:.3f} "
            f"| {len(ok)} |",
            f"| FID (corpus judge, {len(both[0])} faces) | {frechet(*both):.3f} | {len(ok)} |",
        ]

    def prompts(self) -> list[str]:
        """How much a prompt changes what is drawn where it should: glasses, hair, a beard."""
        lines = []
        for prompt in ("round glasses", "long white hair", "a full beard", "a red sweater"):
            apart = []
            for seed, heard in enumerate(self.heard[:6]):
                plain, asked = (self._face(heard, seed, p).astype(float) for p in ("", prompt))
                apart.append(float(np.abs(plain - asked).mean()))
            lines.append(row(f'"{prompt}", mean change of a pixel, levels', apart))
        return lines

    def held(self) -> list[str]:
        """O20: how the person and the backdrop drift by frame index, whole and without a part."""
        names = ("all", "no neighbour", "no neighbour, no identity", "no neighbour, no background")
        without: tuple[tuple[str, ...], ...] = (
            (), ("adjacent",), ("adjacent", "identity"), ("adjacent", "background"),
        )  # fmt: skip
        lines = []
        for name, parts in zip(names, without, strict=True):
            clips = [self._frames(i, parts) for i in range(min(3, len(self.clips)))]
            for at in (1, 20):
                who, behind = zip(*(self._drift(c, at) for c in clips), strict=True)
                lines.append(row(f"{name}: identity cosine, frame {at} and 0", list(who)))
                lines.append(row(f"{name}: corners, levels, frame {at} and 0", list(behind)))
        return lines

    def _drift(self, frames: list[Bytes], at: int) -> tuple[float, float]:
        at = min(at, len(frames) - 1)
        first, later = seen_by(self.judge, [frames[0], frames[at]])
        corners = np.r_[0:24, 104:128]
        behind = np.abs(frames[0][:24][:, corners].astype(float) - frames[at][:24][:, corners])
        if first is None or later is None:
            return float("nan"), float(behind.mean())
        return cosine(first["who"], later["who"]), float(behind.mean())

    def costs(self) -> list[str]:
        """Seconds a frame of 50, 20 and 8 steps."""
        lines = []
        for steps in (50, 20, 8):
            begin, frames = perf_counter(), self._frames(0, (), steps=steps, most=6)
            lines.append(f"| {steps} steps | {(perf_counter() - begin) / len(frames):.3f} s "
                         f"| {len(frames)} frames |")  # fmt: skip
        return lines

    def swaps(self) -> list[str]:
        """Fig. 5: what a swap of one factor changes of expression and person."""
        lines = []
        for name in ("content", "semantics", "feeling"):
            moved, drawn = [], []
            for i in range(min(6, len(self.heard))):
                own, other = self.heard[i], self.heard[i - 1]
                found = swapped(own, **{name: other})
                before, after = (expression(self.net.pad, h) for h in (own, found))
                moved.append(float(np.abs(before - after).mean()))
                a, b = (self._face(h, i).astype(float) for h in (own, found))
                drawn.append(float(np.abs(a - b).mean()))
            lines.append(row(f"{name}: change of beta", moved))
            lines.append(row(f"{name}: change of the face, levels", drawn))
        return lines

    def _face(self, heard: Factors, seed: int, prompt: str = "") -> Bytes:
        person = self.talker.imagination(heard, prompt, seed, self.options)
        rest = np.zeros((1, 52), np.float32)
        return next(person.frames([self._mesh(heard.shape[0].numpy(), rest)[0]]))

    def _frames(
        self, number: int, without: tuple[str, ...], steps: int = 0, most: int = 10**6
    ) -> list[Bytes]:
        """The clip's person, its head as the clip's, for some seconds."""
        options = self.options.model_copy(
            update={"without": frozenset(without), "steps": steps or self.options.steps}
        )
        heard = self.heard[number]
        person = self.talker.imagination(heard, "", number, options)
        count = min(heard.frames, round(25 * self.seconds), most)
        beta = expression(self.net.pad, heard).clip(0, 1)[:count]
        return list(person.frames(self._mesh(heard.shape[0].numpy(), beta)))

    def _mesh(self, shape: Float, beta: Float) -> list[Mesh]:
        still = np.zeros((len(beta), 6), np.float32)
        points = placed(self.talker.face, shape, beta, still, 128)
        return [mesh_of(self.talker.face, p, 128) for p in points]


def sound(clip: Clip, seconds: float) -> Float:
    """The beginning of a clip's sound."""
    assert clip.sample.samples is not None
    return clip.sample.samples[: round(seconds * RATE)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--voices", type=int, default=14)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--only", default="listening,faces,prompts,swaps,held,costs")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    claims = Claims(ImagineId.load(asked.checkpoint), asked.corpus, asked.voices, asked.seconds)
    for part in asked.only.split(","):
        print(f"\n| {part} | | voices |\n|---|---|---|", flush=True)
        print("\n".join(getattr(claims, part)()), flush=True)
    if asked.sheet:
        Image.fromarray(claims.sheet()).save(asked.sheet, quality=88)


if __name__ == "__main__":
    main()
