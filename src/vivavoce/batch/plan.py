"""Every row of a list is checked before the first clip is made: names, files, faces, places."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import vivavoce
from vivavoce.batch.rows import FILES, Job, Row
from vivavoce.batch.sidecar import Sidecar, checkpoint_digest, digest, files_of, is_done
from vivavoce.data.spread import spread
from vivavoce.errors import OutputRefused, RequestError, VivavoceError
from vivavoce.look import look
from vivavoce.look.face import Seen
from vivavoce.media.clip import check_sound
from vivavoce.media.files import existing
from vivavoce.media.read import check_whole, probe_speech, read_picture
from vivavoce.media.signature import check_signed
from vivavoce.media.still import kept_face
from vivavoce.media.write import check_kind, check_see_through
from vivavoce.speak.voices import AUTO, find_voice
from vivavoce.systems import located
from vivavoce.systems.portrait.dub import is_film
from vivavoce.systems.talker import About
from vivavoce.types import Voice

OnCheck = Callable[[int, int, str], None]
"""Function that is called with pictures looked at, pictures in all, and the name of the last."""
KINDS = {
    "portrait": "picture", "text_file": "text file", "speech": "recording",
    "voice_sample": "recording", "pose": "picture",
}  # fmt: skip
"""How messages call the files of each column."""

MANY = 30
"""Pictures from which on workers look at them: to start these takes as long as to look at 30."""


@dataclass(frozen=True)
class Work:
    """A row of a list, and all that a worker must know to make its clip."""

    number: int
    """Place of the row in the list, from 1."""
    job: Job | None
    beside: Path
    """Folder of the list, from which its paths count."""
    folder: Path
    """Folder of the batch, below which clips are written."""
    flaw: Exception | None = None
    """What is wrong with the row; None: it can be made."""
    recipe: dict[str, Any] | None = None
    """Version, options, and hashes of all inputs: what decides the bits of the clip."""
    seen: Seen | None = None
    """The person of the portrait, where there is one."""
    done: bool = False
    """Whether the clip is there, made by the same recipe."""

    @property
    def name(self) -> str:
        """Path of the clip below the folder of the batch."""
        named = self.job.output if self.job is not None else ""
        return named or f"{self.number:04d}.mp4"

    @property
    def output(self) -> Path:
        """The clip; of a sequence the pattern."""
        return self.folder / self.name

    @property
    def keep(self) -> Path | None:
        """Folder where the person is stored who is imagined; None: nowhere."""
        return self.folder / self.job.keep if self.job is not None and self.job.keep else None

    @property
    def picture(self) -> Path | None:
        """The file of the portrait; None: the row has none."""
        path = self.job.file("portrait", self.beside) if self.job is not None else None
        return kept_face(path) if path is not None and path.is_dir() else path

    def files(self) -> list[Path]:
        """The files of the clip, and of the stored person, that are there."""
        kept = sorted(self.keep.glob("*.*")) if self.keep is not None else []
        return [*files_of(self.output), *kept]


def plan(
    rows: Iterable[Row],
    beside: Path,
    folder: Path,
    shard: tuple[int, int] = (1, 1),
    workers: int | str = 1,
    force: bool = False,
    on_check: OnCheck | None = None,
) -> list[Work]:
    """All rows of a list, checked: what is wrong with each, and which are done already.

    Nothing is written. Whether a row makes sense is checked for all; files are read and pictures
    looked at for the rows of the `shard` alone, each picture once.

    Args:
        rows: Those of `read_rows`.
        beside: Folder from which paths in the list count.
        folder: Folder of the batch; it need not be there.
        shard: Number i of n: every n-th row from the i-th on; see `in_shard`.
        workers: Processes that look at pictures, or "ray".
        force: Make rows again that are done, and replace files that are no batch's.
        on_check: Called after each picture.
    """
    found = [_formed(Work(row.number, row.job, beside, folder, row.flaw)) for row in rows]
    found = _alone(found)
    hashed = _Hashes()
    found = [
        _read(work, hashed, force) if work.flaw is None and in_shard(work.number, shard) else work
        for work in found
    ]
    return _looked_at(found, workers, on_check)


def in_shard(number: int, shard: tuple[int, int]) -> bool:
    """Whether row `number` (from 1) belongs to shard i of n: those go round in turns."""
    return (number - 1) % shard[1] == shard[0] - 1


def _formed(work: Work) -> Work:
    """Whether the row makes sense by itself, and its files are there."""
    job = work.job
    if job is None:
        return work
    try:
        _check_places(work)
        job.check()
        for column in FILES:
            path = work.picture if column == "portrait" else job.file(column, work.beside)
            if path is not None:
                existing(path, KINDS[column])
        _check_request(work, job)
    except VivavoceError as error:
        return replace(work, flaw=error)
    return work


def _check_places(work: Work) -> None:
    assert work.job is not None
    for name in filter(None, (work.name, work.job.keep)):
        path = Path(name)
        if path.is_absolute() or ".." in path.parts or name == "-":
            raise OutputRefused(f"The output {name} is not below the folder of the batch.")
    if not work.job.is_face:
        check_kind(work.name, work.job.fps)


def _check_request(work: Work, job: Job) -> None:
    """Hold the row against its system and its voice; nothing is loaded but the voice's tables."""
    check_sound(job.sound)
    if (signer := job.signer(work.beside)) is not None:
        check_signed(signer, work.output.suffix)
    talker, checkpoint = located(job.talker)
    asked = job.asked(work.beside)
    options = About.read(checkpoint).options
    request, _ = talker.check("face" if job.is_face else "pictures", asked, options)
    if request.background is not None and request.background.picture is None:
        check_see_through(work.output.suffix.lower())
    if request.text is not None and "voice" in talker.inputs():
        _voice(str(request.voice or AUTO)).speak(request.text, request.emotion, request.rate)


@lru_cache(maxsize=64)
def _voice(name: str) -> Voice:
    return find_voice(name)


def _alone(works: list[Work]) -> list[Work]:
    """The same rows; those that would write where an earlier one writes are wrong."""
    first: dict[Path, int] = {}
    found = []
    for work in works:
        for path in filter(None, (work.output, work.keep)):
            earlier = first.setdefault(path, work.number)
            if earlier != work.number and work.flaw is None:
                name = path.relative_to(work.folder)
                work = replace(
                    work, flaw=OutputRefused(f"Row {earlier} writes {name}, too. Rename one.")
                )
        found.append(work)
    return found


class _Hashes:
    """SHA-256 of files; each is read once."""

    def __init__(self) -> None:
        self._known: dict[Path, str] = {}

    def __call__(self, path: Path) -> str:
        if path not in self._known:
            self._known[path] = digest([path])
        return self._known[path]


def _read(work: Work, hashed: _Hashes, force: bool) -> Work:
    """What the row is made of, and whether it is done; sound is probed if it is not."""
    job = work.job
    assert job is not None
    try:
        recipe = _recipe(work, job, hashed)
        if not force and is_done(work.output, recipe, work.files()):
            return replace(work, recipe=recipe, done=True)
        if not force and (there := work.files()) and Sidecar.read(work.output) is None:
            raise OutputRefused(
                f"{there[0]} exists and was made by no batch. Use --force to replace it."
            )
        for column in ("speech", "voice_sample"):
            if (path := job.file(column, work.beside)) is not None:
                probe_speech(path)
                if job.strict:
                    check_whole(path)
    except (VivavoceError, OSError) as error:
        return replace(work, flaw=error)
    return replace(work, recipe=recipe)


def _recipe(work: Work, job: Job, hashed: _Hashes) -> dict[str, Any]:
    options = job.model_dump(mode="json", exclude={*FILES, "output", "keep"})
    files = {column: job.file(column, work.beside) for column in FILES}
    files["portrait"] = work.picture
    if job.voice is not None and job.voice.lower().endswith(".onnx"):
        files["voice"] = work.beside / job.voice
    if (behind := Path(job.behind(work.beside) or "")).is_file():
        files["background"] = behind
    inputs = {column: hashed(path) for column, path in files.items() if path is not None}
    recipe: dict[str, Any] = {
        "vivavoce": vivavoce.__version__, "options": options | {"kind": work.output.suffix},
        "inputs": inputs, "checkpoint": checkpoint_digest(located(job.talker)[1]),
    }  # fmt: skip
    plain: dict[str, Any] = json.loads(json.dumps(recipe))  # as it comes back from the note
    return plain


def _looked_at(works: list[Work], workers: int | str, on_check: OnCheck | None) -> list[Work]:
    """The same rows with the persons in their portraits, each picture searched once."""
    wanted: dict[tuple[Path, int | None], None] = {}
    for work in works:
        if (key := _to_see(work)) is not None:
            wanted[key] = None
    found: dict[tuple[Path, int | None], Seen | Exception] = {}
    workers = workers if len(wanted) >= MANY else 1
    for number, done in enumerate(spread(_see, list(wanted), workers), 1):
        found[done.item] = done.result or done.error  # type: ignore[assignment]
        if on_check is not None:
            on_check(number, len(wanted), f"looking at {done.item[0].name}")

    def told(work: Work) -> Work:
        key = _to_see(work)
        seen = found[key] if key is not None else None
        return replace(work, flaw=seen) if isinstance(seen, Exception) else replace(work, seen=seen)

    return [told(work) for work in works]


def _to_see(work: Work) -> tuple[Path, int | None] | None:
    """The picture and the number of the face that a row wants searched; None: none."""
    if work.flaw is not None or work.recipe is None or work.done or work.picture is None:
        return None
    if is_film(work.picture):
        return None
    assert work.job is not None
    return work.picture, work.job.face


def _see(wanted: tuple[Path, int | None]) -> Seen:
    path, face = wanted
    return Seen.of(look(read_picture(path), face, str(path)))


def refusal(list_: Path, works: list[Work], shown: int = 20) -> RequestError | None:
    """What is said of a list with wrong rows, a line for each; None: all are right."""
    wrong = [work for work in works if work.flaw is not None]
    if not wrong:
        return None
    lines = [f"row {work.number}: {work.flaw}" for work in wrong[:shown]]
    if len(wrong) > shown:
        lines.append(f"and {len(wrong) - shown} more")
    rows = "1 row is" if len(wrong) == 1 else f"{len(wrong)} rows are"
    begin = f"{list_}: {rows} wrong of {len(works)}, so nothing was made (--keep-going makes the "
    return RequestError(begin + "others).\n  " + "\n  ".join(lines))
