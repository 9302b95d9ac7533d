"""The clips of a list, made one by one or side by side; what became of each stands in a file."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path
from time import perf_counter
from typing import IO, Any

from vivavoce.batch.plan import OnCheck, Work, in_shard, plan, refusal
from vivavoce.batch.rows import read_rows
from vivavoce.batch.sidecar import Sidecar, digest
from vivavoce.data.spread import check_workers, spread
from vivavoce.errors import MediaWarning, RequestError, VoiceWarning
from vivavoce.media.files import writing
from vivavoce.media.read import read_picture
from vivavoce.media.still import keep as keep_person
from vivavoce.systems import load_system
from vivavoce.systems.talker import Talker

OnProgress = Callable[[int, int, str], None]
"""Function that is called with rows finished, rows to make, and a line about the last one."""


@dataclass(frozen=True)
class Report:
    """What became of a batch, or of the shard of it that was made."""

    rows: int
    """Rows of the list, or of its shard."""
    made: int
    """Clips that were made now."""
    kept: int
    """Clips that had been made before and were left as they are."""
    failed: int
    """Rows that could not be made."""
    status: str
    """The file that says so row by row."""


@dataclass(frozen=True)
class Made:
    """A clip that was made, as a worker tells of it."""

    seconds: float
    """Length of the clip; 0 for a face alone."""
    took_s: float
    """Seconds of work."""
    notes: list[str]
    """What was warned of."""


def run_batch(
    jobs: Path,
    folder: Path,
    *,
    shard: str = "1/1",
    workers: int | str = 1,
    device: str = "cpu",
    keep_going: bool = False,
    force: bool = False,
    on_check: OnCheck | None = None,
    on_progress: OnProgress | None = None,
) -> Report:
    """Make the clips of a list, or what of them is missing.

    A row is done if its clip and the note beside it (its name and .json) agree with each other,
    with the row, its files, the checkpoint and this version; what is done is left alone.
    `status.jsonl` in the folder gets a line a row, as it is finished; of a shard it is
    `status-I-of-N.jsonl`.

    Args:
        jobs: The list, see `read_rows`.
        folder: Where clips are written; it is made.
        shard: "i/n": the i-th of n parts of the list, for several machines with one folder.
        workers: Processes; or "ray": the cluster that RAY_ADDRESS names, whose machines see list
            and folder under the same paths.
        device: Where networks run.
        keep_going: Make the right rows although others are wrong; these count as failed.
        force: Make again what is done, and replace files that no batch made.
        on_check: Called after each picture that was looked at.
        on_progress: Called after each row.

    Raises: RequestError: the list is wrong; says every row and why. CannotWrite: no permission.
    VivavoceError: a worker died.
    """
    part, workers = parse_shard(shard), check_workers(workers)
    rows = read_rows(jobs)
    if folder.exists() and not folder.is_dir():
        raise RequestError(f"{folder} is a file. Give a folder.")
    works = plan(rows, jobs.absolute().parent, folder.absolute(), part, workers, force, on_check)
    if not keep_going and (wrong := refusal(jobs, works)) is not None:
        raise wrong
    own = [work for work in works if in_shard(work.number, part)]
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / _status_name(part)).open("w", encoding="utf-8") as file:
            return _run(own, workers, device, file, on_progress)


def parse_shard(words: str) -> tuple[int, int]:
    """Number and count of "i/n".

    Raises: RequestError: it is not written so, or i is not from 1 to n.
    """
    number, slash, count = words.partition("/")
    if slash and number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count):
        return int(number), int(count)
    raise RequestError(f"--shard is written i/n with i from 1 to n, e.g. 2/8, not {words!r}.")


def _status_name(shard: tuple[int, int]) -> str:
    return "status.jsonl" if shard == (1, 1) else f"status-{shard[0]}-of-{shard[1]}.jsonl"


def _run(
    works: list[Work], workers: int | str, device: str, file: IO[str], told: OnProgress | None
) -> Report:
    def tell(work: Work, status: str, **more: Any) -> None:
        line = {"row": work.number, "output": work.name, "status": status, **more}
        file.write(json.dumps(line, ensure_ascii=False) + "\n")
        file.flush()

    counts = dict.fromkeys(("made", "kept", "failed"), 0)
    for work in works:
        if work.flaw is not None or work.done:
            counts["kept" if work.done else "failed"] += 1
            tell(work, "kept") if work.done else tell(work, "failed", **_told(work.flaw))
    todo = [work for work in works if work.flaw is None and not work.done]
    for number, done in enumerate(spread(partial(make_clip, device), todo, workers), 1):
        if done.result is not None:
            counts["made"] += 1
            tell(done.item, "made", **asdict(done.result))
        else:
            counts["failed"] += 1
            tell(done.item, "failed", **_told(done.error))
        if told is not None:
            told(number, len(todo), done.item.name)
    return Report(len(works), **counts, status=file.name)


def _told(error: Exception | None) -> dict[str, str]:
    return {"error": type(error).__name__, "message": str(error)}


def make_clip(device: str, work: Work) -> Made:
    """Make the clip of a row; what workers do. The note beside it is begun before and ended after,
    so that a clip that was cut short is known as ours and made again."""
    assert work.job is not None and work.recipe is not None  # noqa: PT018
    started = perf_counter()
    with writing(work.output):
        work.output.parent.mkdir(parents=True, exist_ok=True)
    Sidecar(work.recipe).write(work.output)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("ignore")
        for kind in (MediaWarning, VoiceWarning):
            warnings.simplefilter("always", kind)
        seconds = _make(work, device)
    files = work.files()
    size = sum(path.stat().st_size for path in files)
    made = {"sha256": digest(files), "bytes": size, "seconds": round(seconds, 3)}
    Sidecar(work.recipe, made).write(work.output)
    notes = list(dict.fromkeys(str(one.message) for one in warned))
    return Made(round(seconds, 3), round(perf_counter() - started, 3), notes)


def _make(work: Work, device: str) -> float:
    """Write the clip, or the face alone; seconds of the clip."""
    job = work.job
    assert job is not None
    signer = job.signer(work.beside)
    talker = _loaded(job.talker, device)
    asked = job.asked(work.beside)
    if work.seen is not None:
        assert work.picture is not None
        asked["portrait"] = work.seen.again(read_picture(work.picture))
    if job.is_face or work.keep is not None:
        motionless = {k: v for k, v in asked.items() if k not in ("still", "lively", "fps")}
        face = talker.imagine(**motionless)
        if work.keep is not None:
            known = {"system": talker.about.name, "seed": job.seed, "prompt": job.prompt}
            keep_person(work.keep, face, known, force=True)
        if job.is_face:
            face.save(work.output, force=True, sign=signer, marked=job.mark)
            return 0.0
    saved = talker(**asked).save(
        work.output, force=True, sound=job.sound, marked=job.mark, sign=signer,
        threads=1,  # of the encoder: the same bytes on every machine
    )  # fmt: skip
    return saved.seconds


@lru_cache(maxsize=4)
def _loaded(system: str, device: str) -> Talker[Any]:
    """The system; each process loads it once."""
    return load_system(system, device)
