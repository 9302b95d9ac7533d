"""STFM's voices and costs: is a voice like its sample, are words understood, what does it cost?

    python scripts/claims_stfm.py CHECKPOINT --corpus SHARDS [--real FOLDER] [--likeness 0]

For each person of the test split one clip is the sample, and the sentence of another is said in its
voice. Speaker similarity is the cosine of the corpus voice judge, to the sample and to the samples
of all others; the truth beside it is the person's other clip. Words are Whisper's; with `--table2`
FAD, MCD and STOI are against that clip. `--real` does the same with recordings of real people, one
sentence for all. Prints Markdown; intervals are 95 % bootstraps over people.

    python scripts/claims_stfm.py --cost

prints parameters and multiply-adds of the paper's encoders beside its 5.39 GFLOPs; no checkpoint.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import torch

from vivavoce.data.shards import open_set
from vivavoce.errors import VivavoceError
from vivavoce.measure.figures import bootstrap
from vivavoce.measure.judges import load_judge
from vivavoce.measure.metrics.sound import frechet, mcd, stoi
from vivavoce.measure.metrics.words import wer
from vivavoce.media.read import read_speech
from vivavoce.systems.stfm.entangle import Entangle
from vivavoce.systems.stfm.settings import PRESETS
from vivavoce.systems.stfm.talker import Stfm, _sample
from vivavoce.systems.talker import Request
from vivavoce.types import Float

SENTENCE = "The boats were moving slowly along the river in the morning."
"""Said in the voices of real people."""
LEAST_S = 2.0
"""Clips of the corpus that say a single word are left out."""


@dataclass
class Case:
    """A voice, what is said in it, and what was made."""

    name: str
    sample: Float
    text: str
    true: Float | None
    """The person's own recording of the text."""
    made: Float | None = None


def corpus_cases(folder: Path, people: int) -> list[Case]:
    """One case for each person of the test split."""
    clips: dict[str, list[tuple[str, Float]]] = {}
    for sample in open_set(folder).samples("test", ("wav",)):
        assert sample.samples is not None
        if sample.seconds < LEAST_S:
            continue
        about = sample.about
        clips.setdefault(str(about["person"]), []).append((str(about["text"]), sample.samples))
    return [
        Case(person, own[0][1], own[1][0], own[1][1])
        for person, own in list(clips.items())[:people] if len(own) > 1
    ]  # fmt: skip


def real_cases(folder: Path, people: int) -> list[Case]:
    """One case for each recording of `audio` that holds a voice, at most so many."""
    found: list[Case] = []
    for path in sorted((folder / "audio").glob("*.*")):
        if len(found) == people:
            break
        try:
            sound = np.concatenate([piece.samples for piece in read_speech(path)])
            _sample(path, 2.0)
        except (VivavoceError, ValueError):
            continue
        found.append(Case(path.stem, sound, SENTENCE, None))
    return found


@torch.no_grad()
def say(system: Stfm, cases: Sequence[Case], given: Mapping[str, float] | None = None) -> float:
    """Make each case's sound, with options that are `given`; seconds of work for a second of it."""
    options = system.options_type.chosen("stfm", given or {}, system.about.options)
    work = seconds = 0.0
    for case in cases:
        started = perf_counter()
        heard = system.heard((case.sample, 16_000))
        request = Request(text=case.text)
        case.made = np.concatenate(
            [s.speech.samples for s in system.spoken(heard, request, options)]
        )
        work += perf_counter() - started
        seconds += len(case.made) / 16_000
    return work / seconds


def similarity(cases: Sequence[Case]) -> Iterator[str]:
    """Rows of speaker similarity: own sample, others' samples, and the truth."""
    judge = load_judge("voice")
    samples = np.stack([judge.embedding(c.sample) for c in cases])
    made = np.stack([judge.embedding(c.made) for c in cases if c.made is not None])
    yield from _rows("made", made @ samples.T)
    if cases[0].true is not None:
        true = np.stack([judge.embedding(c.true) for c in cases if c.true is not None])
        yield from _rows("the person's other clip", true @ samples.T)


def _rows(name: str, cosines: np.ndarray) -> Iterator[str]:
    own = np.diag(cosines)
    others = (cosines.sum(1) - own) / (len(own) - 1)
    nearest = 100 * float((cosines.argmax(1) == np.arange(len(own))).mean())
    rank = float((cosines > own[:, None]).sum(1).mean() / (len(own) - 1))
    cells = [_interval(values) for values in (own, others, own - others)]
    yield f"| {name} | {' | '.join(cells)} | {nearest:.0f} | {100 * (1 - rank):.0f} |"


def _interval(values: np.ndarray) -> str:
    found = bootstrap([np.array([value]) for value in values], lambda drawn: float(drawn.mean()))
    told = "" if found is None else f" ({found[0]:.3f} to {found[1]:.3f})"
    return f"{values.mean():.3f}{told}"


def words(cases: Sequence[Case]) -> str:
    """Word error rate of what was made, and of the recordings."""
    judge = load_judge("words")
    made = np.array([wer(c.text, judge.text(c.made)) for c in cases])
    told = f"words wrong: {_interval(made)} %"
    if cases[0].true is not None:
        true = np.array([wer(c.text, judge.text(c.true)) for c in cases])
        told += f"; of the recordings {_interval(true)} %"
    return f"{told} ({judge.name})"


def sounds(cases: Sequence[Case]) -> str:
    """Table 2's columns against the recordings."""
    judge = load_judge("sound")
    made, true = (
        np.concatenate([judge.features(getattr(c, name)) for c in cases])
        for name in ("made", "true")
    )
    pairs = [(c.true, c.made) for c in cases if c.true is not None and c.made is not None]
    distortion = np.array([mcd(a, b) for a, b in pairs])
    heard = np.array([stoi(a, b) for a, b in pairs])
    return (
        f"FAD {frechet(true, made):.3f} ({judge.name}), MCD {_interval(distortion)} dB (warped), "
        f"STOI {_interval(heard[np.isfinite(heard)])}"
    )


def cost() -> None:
    """Parameters and multiply-adds of the paper's encoders, by text length."""
    with torch.device("meta"):
        encoders = Entangle(PRESETS["paper"])
    count = sum(p.numel() for p in encoders.parameters())
    print(f"Both encoders: {count:,} parameters, one {count // 2:,} (the paper: 1,575,936).\n")
    print(
        "| text tokens | projections and layers, G multiply-adds | with the products of attention |"
    )
    print("|---|---|---|")
    for text in (10, 30, 100, 402):
        audio, image, width = 271, 3136, 512
        plain = sum(
            width * width * (4 * queries + 2 * keys)
            for queries, keys in ((audio, text + image), (image, text + audio))
        )
        products = 2 * width * (audio * (text + image) + image * (text + audio))
        print(f"| {text} | {plain / 1e9:.2f} | {(plain + products) / 1e9:.2f} |")


def report(system: Stfm, title: str, cases: list[Case], asked: argparse.Namespace) -> None:
    """Print all figures of some cases."""
    given = {} if asked.likeness is None else {"likeness": asked.likeness}
    pace = say(system, cases, given)
    print(f"\n## {title}: {len(cases)} voices\n")
    columns = (
        "voice",
        "to its sample",
        "to others' samples",
        "difference",
        "its own is nearest, %",
        "others that are further, %",
    )
    print(f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
    for row in similarity(cases):
        print(row)
    print(f"\n{words(cases)}.")
    if asked.table2 and cases[0].true is not None:
        print(f"{sounds(cases)}.")
    print(f"{pace:.2f} s of work for a second of sound.")


def main() -> None:
    """Read the command line and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("checkpoint", type=Path, nargs="?")
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--real", type=Path)
    parser.add_argument("--people", type=int, default=40)
    parser.add_argument("--likeness", type=float, help="instead of the checkpoint's default")
    parser.add_argument("--table2", action="store_true", help="FAD, MCD and STOI too")
    parser.add_argument("--cost", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.cost:
        cost()
        return
    system = Stfm.load(asked.checkpoint)
    if asked.corpus:
        report(system, "Corpus", corpus_cases(asked.corpus, asked.people), asked)
    if asked.real:
        report(system, "Real recordings", real_cases(asked.real, asked.people), asked)


if __name__ == "__main__":
    main()
