"""Suites: what systems are compared on. Each case is a real or corpus clip that is to be made again
from its first picture and its speech, so every pixel and every lip has a truth to be held against.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from vivavoce.data.schema import Sample
from vivavoce.data.shards import open_set, write_set
from vivavoce.errors import RequestError
from vivavoce.types import FPS, RATE, SAMPLES_PER_FRAME, Bytes, Float

CORPUS_SEED = 20_251
"""The suite's own people: no training corpus may be made with this seed."""
CLIPS_EACH = 2
TEST_DIGIT = 6
"""Every tenth person from this one is in the test split (see `data/corpus/splits.py`)."""
LONGEST_S = 6.0
"""Clips are cut to this length."""
SHORTEST_S = 1.0
SIZE = 256
"""Side of the pictures of a suite that is made here, in pixels."""


@dataclass(frozen=True)
class Case:
    """One clip that systems are to make again from its first picture and its speech."""

    key: str
    person: str
    portrait: Bytes
    """The first picture of the clip, RGB [S, S, 3]."""
    samples: Float
    """Its speech [640 T], 16 kHz."""
    truth: Path
    """The clip itself: S x S, 25 frames a second, with its sound."""
    text: str | None = None
    about: dict[str, Any] | None = None
    """Facts about the clip: emotion, phones, attributes (see `data/schema.py`); None: unknown."""


@dataclass(frozen=True)
class Suite:
    """Cases, and where they come from."""

    name: str
    about: str
    """A description for the report: data, seed, crop."""
    cases: tuple[Case, ...]


def open_suite(name: str, work: Path, count: int) -> Suite:
    """The suite called "corpus", or one made from a folder.

    Args:
        name: "corpus"; a folder of shards (its test split is used); or a folder of talking clips.
        work: Where the truths are laid as files, `work/truth/0/KEY.mp4`.
        count: How many cases at most, people as evenly as possible.

    Raises: RequestError: no such folder, or nothing in it that can be used.
    """
    truth = work / "truth" / "0"
    truth.mkdir(parents=True, exist_ok=True)
    if name == "corpus":
        return _corpus(work, truth, count)
    folder = Path(name)
    if (folder / "set.json").is_file():
        found = open_set(folder)
        cases = tuple(_from_samples(found.samples("test"), truth, count))
        return _checked(Suite(found.name, f"{found.name}, test split", cases), folder)
    if not folder.is_dir():
        raise RequestError(
            f"There is no suite {name!r}: give corpus, a folder of shards, or a folder of clips."
        )
    cases = tuple(_from_clips(folder, truth, count))
    return _checked(Suite(folder.name, f"talking clips of {folder.name}/, cropped", cases), folder)


def _checked(suite: Suite, folder: Path) -> Suite:
    if not suite.cases:
        raise RequestError(f"{folder} holds no clip of at least {SHORTEST_S:g} s with one face.")
    return suite


def _corpus(work: Path, truth: Path, count: int) -> Suite:
    """Corpus people of the test split that nobody has trained on; made once, then kept."""
    from vivavoce.data.corpus.make import Recipe, make_person

    people = max(1, -(-count // CLIPS_EACH))
    folder = work / f"corpus-{people}"
    recipe = Recipe(CORPUS_SEED, SIZE, CLIPS_EACH, words_share=0.0, layers=False)
    for i in range(people):
        make_person(folder, recipe, TEST_DIGIT + 10 * i)
    write_set(folder, {"name": "corpus", "people": people, "seed": CORPUS_SEED})
    cases = tuple(_from_samples(open_set(folder).samples("test"), truth, count))
    about = f"open corpus, seed {CORPUS_SEED}, people of the test split, {SIZE} px"
    return _checked(Suite("corpus", about, cases), folder)


def _from_samples(samples: Iterator[Sample], truth: Path, count: int) -> Iterator[Case]:
    long_enough = (s for s in samples if s.seconds >= SHORTEST_S and s.frames is not None)
    for sample in islice(long_enough, count):
        assert sample.frames is not None
        assert sample.samples is not None
        frames = min(len(sample), round(LONGEST_S * FPS))
        sound = sample.samples[: frames * SAMPLES_PER_FRAME]
        path = truth / f"{sample.key}.mp4"
        write_clip(path, sample.frames[:frames], sound)
        yield Case(
            sample.key, str(sample.about["person"]), sample.frames[0], sound, path,
            sample.about.get("text"), sample.about,
        )  # fmt: skip


def _from_clips(folder: Path, truth: Path, count: int) -> Iterator[Case]:
    """The talking clips of a folder, cropped as `data prepare` does."""
    from vivavoce.data.layouts.grid import words_of_name
    from vivavoce.data.prepare import prepare_clip

    given = 0
    for path in _spread(sorted(folder.rglob("*.mp4"))):
        if given == count:
            return
        sample = prepare_clip(path, SIZE, LONGEST_S)
        if sample is not None:
            for case in _from_samples(iter([sample]), truth, 1):
                yield replace(case, text=words_of_name(path.name))
                given += 1


def _spread(paths: list[Path]) -> list[Path]:
    """Clips of many people first: those whose names begin alike take turns."""
    families: dict[str, list[Path]] = {}
    for path in paths:
        families.setdefault(path.stem.split("_")[0], []).append(path)
    ranked = [(i, path) for family in families.values() for i, path in enumerate(family)]
    return [path for _, path in sorted(ranked)]


def write_clip(path: Path, frames: Bytes, samples: Float) -> None:
    """Write pictures [T, H, W, 3] and sound [640 T] as an mp4; what a system shows is written in
    the same way, so that no row is coded better than another."""
    from vivavoce.media.provenance import Provenance
    from vivavoce.media.write import VideoWriter
    from vivavoce.types import Chunk

    height, width = frames.shape[1:3]
    with VideoWriter(
        path, (width, height), Provenance("suite", 0), force=True, marked=False
    ) as video:
        video.add(Chunk(np.ascontiguousarray(frames), fitted(samples, len(frames))))


def fitted(samples: Float, frames: int) -> Float:
    """Sound cut, or filled with silence, to `frames` frames [640 T]."""
    wanted = frames * SAMPLES_PER_FRAME
    return np.pad(samples, (0, max(0, wanted - len(samples))))[:wanted].astype(np.float32)


def seconds(case: Case) -> float:
    """Length of a case's speech in seconds."""
    return len(case.samples) / RATE
