"""What the command line shows while work is done: bars on a terminal, lines elsewhere."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

    from vivavoce.types import Motion, Progress


def say(line: str, quiet: bool = False) -> None:
    """Print a line for people; nothing if `quiet`."""
    if not quiet:
        print(line)


def print_json(value: Any, wanted: bool = True) -> None:
    """Print `value` as JSON, if it is `wanted`."""
    if wanted:
        print(json.dumps(value, ensure_ascii=False, indent=2))


@contextmanager
def seconds_bar(what: str, hidden: bool) -> Iterator[Callable[[float | None], Progress | None]]:
    """A bar of seconds of finished clip; called with their number, if it is known, it gives what
    `Clip.save` calls. Nothing is shown when `hidden` or where stderr is no terminal."""
    if hidden or not on_terminal():
        yield lambda total: None
        return
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(),
        TextColumn("{task.completed:.1f} s of video"),
    )  # fmt: skip
    with _bar(*columns) as bar:

        def begin(total: float | None) -> Progress:
            task = bar.add_task(what, total=total)
            return lambda seconds, step: bar.update(task, completed=seconds)

        yield begin


@contextmanager
def count_bar(what: str, quiet: bool) -> Iterator[Callable[[int, int, str], None]]:
    """Things finished of things asked for: a bar on a terminal, lines elsewhere."""
    if quiet:
        yield lambda done, of, line: None
        return
    if not on_terminal():
        yield _line
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )  # fmt: skip
    with _bar(*columns) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, of, line: bar.update(task, completed=done, total=of, description=line)


def told(moves: Iterator[Motion], progress: Progress | None) -> Iterator[Motion]:
    """The same motion; `progress` hears how many seconds of it there are."""
    seconds = 0.0
    for move in moves:
        seconds += len(move) / move.fps
        if progress is not None:
            progress(seconds, "move")
        yield move


def _bar(*columns: Any) -> RichProgress:
    from rich.console import Console
    from rich.progress import Progress as RichProgress

    return RichProgress(*columns, console=Console(stderr=True), transient=True)


def on_terminal() -> bool:
    """Whether what is shown goes to a terminal."""
    return sys.stderr is not None and sys.stderr.isatty()


def _line(done: int, of: int, line: str) -> None:
    if sys.stderr is not None:
        print(f"{done}/{of} {line}", file=sys.stderr, flush=True)
