"""Takes that were spoken beforehand, for a machine that makes pictures and has no voices.

`speak_takes` writes a file for each person; `make_corpus(takes=FOLDER)` reads them instead of
speaking, and makes the same corpus to the bit: shards keep sound in 16 bits, as these files do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from vivavoce.data.corpus.people import draw_person
from vivavoce.data.corpus.script import Take, lines, record
from vivavoce.data.folder import claim, failure
from vivavoce.data.spread import check_workers, spread
from vivavoce.errors import RequestError
from vivavoce.types import Float, Phone, Speech

FULL_SCALE = 32768
"""Value of a sample of 16 bits that stands for 1."""


def speak_takes(
    out: Path,
    people: int,
    clips: int,
    seed: int = 0,
    words_share: float = 0.2,
    workers: int | str = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write what so many people of a corpus say into the folder `out`, or what of it is missing.

    Args:
        out: A new or empty folder, or one with the same takes begun.
        people: Number of people.
        clips: Clips of each person.
        seed: The corpus's seed.
        words_share: Share of the clips that are single words, as in the corpus.
        workers: Processes, or "ray".
        on_progress: Called after each person with how many are done, and how many there will be.
    """
    workers = check_workers(workers)
    claim(out, "takes.json", {"seed": seed, "clips": clips, "words_share": words_share})
    work = partial(_speak_person, out, seed, clips, words_share)
    for count, done in enumerate(spread(work, range(people), workers), 1):
        if done.error is not None:
            raise failure(f"The voice of person {done.item}", done.error)
        if on_progress is not None:
            on_progress(count, people)


def _speak_person(out: Path, seed: int, clips: int, words_share: float, index: int) -> str:
    person = draw_person(seed, index)
    path = out / f"{person.name}.npz"
    if not path.exists():
        save(path, {ln.name: record(person, ln) for ln in lines(person, clips, words_share)})
    return person.name


def save(path: Path, takes: dict[str, Take]) -> None:
    """Write a person's takes, by the names of their lines."""
    about = {name: described(take) for name, take in takes.items()}
    sounds = {
        name: np.round(take.speech.samples * FULL_SCALE).clip(-FULL_SCALE, FULL_SCALE - 1)
        for name, take in takes.items()
    }
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        np.savez_compressed(
            file, about=np.array(json.dumps(about)),
            **{name: sound.astype(np.int16) for name, sound in sounds.items()},
        )  # fmt: skip
    part.replace(path)


def load(path: Path) -> dict[str, Take]:
    """Read a person's takes.

    Raises: RequestError: the file is not there.
    """
    if not path.is_file():
        raise RequestError(f"{path} is missing: this person's takes were not spoken.")
    with np.load(path) as file:
        about = json.loads(str(file["about"]))
        return {
            name: take_of(said, file[name].astype(np.float32) / FULL_SCALE)
            for name, said in about.items()
        }


def described(take: Take) -> dict[str, Any]:
    """What is known of a take beside its samples, as JSON can hold it; see `take_of`."""
    return {
        "text": take.speech.text,
        "phones": [[p.symbol, p.start_s, p.end_s] for p in take.speech.phones or ()],
        "words": take.words,
    }


def take_of(said: Mapping[str, Any], samples: Float) -> Take:
    """The take of which `described` said this, with its samples [n]."""
    phones = tuple(Phone(*phone) for phone in said["phones"])
    words = tuple((word, start, end) for word, start, end in said["words"])
    return Take(Speech(samples, said["text"], phones), words)
