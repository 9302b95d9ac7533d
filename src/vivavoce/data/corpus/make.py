"""`vivavoce corpus make`: people, each a shard, made in parallel and resumable.

A corpus folder holds `corpus.json` (what decides its bits), `<split>/p00012.tar` (a person each),
and when it is finished `set.json` and `report.json`. Shards appear whole; a run that was stopped
goes on with the people who are missing. More people can be added later: nobody who is there
changes, neither do the splits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from threadpoolctl import threadpool_limits

from vivavoce.data.corpus.ceiling import ceiling
from vivavoce.data.corpus.draw import Painter
from vivavoce.data.corpus.film import SET, Studio
from vivavoce.data.corpus.people import draw_person
from vivavoce.data.corpus.person import Person
from vivavoce.data.corpus.script import lines, record
from vivavoce.data.corpus.splits import split_of
from vivavoce.data.corpus.takes import load
from vivavoce.data.folder import claim, failure, write_json
from vivavoce.data.schema import Sample
from vivavoce.data.shards import ShardSet, read_shard, write_set, write_shard
from vivavoce.data.spread import check_workers, spread
from vivavoce.errors import RequestError
from vivavoce.media.clock import Clock

REVISION = 4
"""Number of the rules that decide the bits besides the recipe: it rises when people, voices,
movement or pictures change, so that one folder never mixes two kinds."""
SIZES = (128, 256, 512)
"""Sides of pictures that a corpus may have, in px."""
MOST_PEOPLE = 100_000
"""Largest number of people that one corpus may have."""
CEILING_PEOPLE = 200
"""Number of the seed's people on whom the best voice-to-face match is computed for `set.json`."""

OnProgress = Callable[[int, int, str], None]
"""Function that is called with people finished, people asked for, and a line about the last one."""


@dataclass(frozen=True)
class Recipe:
    """What decides the bits of a corpus. The number of people does not: each is on their own."""

    seed: int
    """Seed of everything that is drawn."""
    size: int
    """Side of the pictures in px."""
    clips: int
    """Number of clips of each person."""
    words_share: float
    """Share of the clips that are single words, 0 to 1."""
    layers: bool
    """Whether masks and depth are kept."""
    revision: int = REVISION
    """Value of `REVISION` with which the corpus was begun."""
    video: bool = True
    """Whether every clip is kept as an MP4 too, for people."""


@dataclass(frozen=True)
class Made:
    """Facts about one finished person: what was made and what it cost."""

    name: str
    """Name of the person, e.g. "p00012"."""
    clips: int
    """Number of clips of this person."""
    frames: int
    """Number of frames of all clips."""
    cpu_s: dict[str, float]
    """CPU seconds spent in each stage; empty if the shard was there already."""


def make_corpus(
    out: Path,
    people: int,
    clips: int,
    seed: int = 0,
    size: int = 128,
    workers: int | str = 1,
    words_share: float = 0.2,
    layers: bool = True,
    on_progress: OnProgress | None = None,
    video: bool = True,
    takes: Path | None = None,
) -> ShardSet:
    """Make a corpus in `out`, or what of it is missing.

    Args:
        out: A new or empty folder, or one with the same corpus begun.
        people: Number of people.
        clips: Clips of each person.
        seed: The same seed gives the same bits on one kind of machine, however many workers.
        size: Side of the pictures, one of `SIZES`.
        workers: Processes, or "ray".
        words_share: How many of the clips are single words in LRW's manner, 0 to 1.
        layers: Keep masks and depth too; they cost about a third of the time and space.
        on_progress: Called after each person.
        video: Keep each clip as an MP4 too, for people; that needs PyAV.
        takes: Folder of what is said, spoken beforehand (`takes.speak_takes`) with the same seed,
            clips and share of words; without it everything is spoken here.

    Raises: RequestError: a number out of range, or the folder holds something else. CannotWrite:
    no space or no permission; what was finished stays.
    """
    recipe = Recipe(seed, size, clips, words_share, layers, video=video)
    _check(recipe, people)
    workers = check_workers(workers)
    claim(out, "corpus.json", asdict(recipe), absent={"video": True})
    start = perf_counter()
    made: list[Made] = []
    for done in spread(partial(make_person, out, recipe, takes=takes), range(people), workers):
        if done.error is not None or done.result is None:
            raise failure(f"Person {done.item} of the corpus", done.error)
        made.append(done.result)
        if on_progress is not None:
            on_progress(len(made), people, _line(done.result))
    made.sort(key=lambda one: one.name)
    _sweep(out)
    _report(out, made, recipe, workers, perf_counter() - start)
    return write_set(out, _about(made, recipe))


def make_person(out: Path, recipe: Recipe, index: int, takes: Path | None = None) -> Made:
    """Write the shard of one person, if it is not there; what workers do."""
    split = split_of(index)
    person = draw_person(recipe.seed, index)
    path = out / split / f"{person.name}.tar"
    if path.exists():
        frames = [len(sample) for sample in read_shard(path, ())]
        return Made(person.name, len(frames), sum(frames), {})
    clock = Clock()
    frames = []

    def samples() -> Iterator[Sample]:
        for sample in _film(person, split, recipe, clock, takes):
            frames.append(len(sample))
            with clock("write"):
                yield sample

    with threadpool_limits(1):  # sums of several threads end in other bits
        write_shard(path, samples())
    return Made(person.name, len(frames), sum(frames), dict(clock.seconds))


def _film(
    person: Person, split: str, recipe: Recipe, clock: Clock, takes: Path | None
) -> Iterator[Sample]:
    """Samples of all clips of a person, one after the other."""
    spoken = load(takes / f"{person.name}.npz") if takes else {}
    with clock("build"):
        painter = Painter(person, recipe.size)
    studio = Studio(person, painter, split, recipe.seed, recipe.layers, clock, recipe.video)
    for line in lines(person, recipe.clips, recipe.words_share):
        with clock("voice"):
            take = spoken[line.name] if takes else record(person, line)
        yield studio.film(line, take)


def _check(recipe: Recipe, people: int) -> None:
    if recipe.size not in SIZES:
        sizes = ", ".join(map(str, SIZES))
        raise RequestError(f"--size is one of {sizes}, not {recipe.size}.")
    if not 1 <= people <= MOST_PEOPLE:
        raise RequestError(f"--people is a number from 1 to {MOST_PEOPLE}, not {people}.")
    if recipe.clips < 1:
        raise RequestError(f"--clips is a number from 1, not {recipe.clips}.")
    if recipe.seed < 0:
        raise RequestError(f"--seed is a number from 0, not {recipe.seed}.")
    if not 0 <= recipe.words_share <= 1:
        raise RequestError(f"--words-share is a number from 0 to 1, not {recipe.words_share}.")


def _sweep(out: Path) -> None:
    """Remove what runs that were killed left beside the shards."""
    for part in out.glob("*/.p*.tar.part-*"):
        part.unlink(missing_ok=True)


def _line(one: Made) -> str:
    spent = sum(one.cpu_s.values())
    how = f"{spent:.1f} s, {1000 * spent / one.frames:.0f} ms a frame" if spent else "was there"
    return f"{one.name}: {one.clips} clips, {one.frames / 25:.1f} s of video ({how})"


def _about(made: list[Made], recipe: Recipe) -> dict[str, Any]:
    splits = Counter(split_of(int(one.name[1:])) for one in made)
    return {
        "name": SET,
        **asdict(recipe),
        "people": len(made),
        "clips_in_all": sum(one.clips for one in made),
        "seconds": sum(one.frames for one in made) / 25,
        "people_by_split": dict(sorted(splits.items())),
        "ceiling": ceiling(recipe.seed, CEILING_PEOPLE).report(),
    }


def _report(out: Path, made: list[Made], recipe: Recipe, workers: int | str, wall_s: float) -> None:
    """`report.json`: what this run made, how fast, and where its time went."""
    new = [one for one in made if one.cpu_s]
    frames = sum(one.frames for one in new)
    stages: Counter[str] = Counter()
    for one in new:
        stages.update(one.cpu_s)
    report = {
        "people_made": len(new),
        "people_there_before": len(made) - len(new),
        "size": recipe.size,
        "workers": workers,
        "frames": frames,
        "seconds_of_video": frames / 25,
        "wall_s": round(wall_s, 2),
        "frames_per_s": round(frames / wall_s, 1),
        "ms_per_frame": {k: round(1000 * v / frames, 3) for k, v in sorted(stages.items())}
        if frames
        else {},
    }
    write_json(out / "report.json", report)
