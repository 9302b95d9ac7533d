"""Forks of a process whose threads are at work.

A forked child has one thread, and everything else as it was at that moment: a lock that another
thread held stays closed for ever, and native code that another thread was in is half-way through.
So a fork waits until the other threads have finished the piece of work that they are in (a chunk
of a clip takes a twentieth of a second) and holds all locks of ours. If the others do not finish
in time, the child is told so when it begins such work itself, instead of hanging.
"""

from __future__ import annotations

# These hold locks at a fork too. What is registered last is done first, and ours must wait first.
import concurrent.futures.thread  # noqa: F401
import logging  # noqa: F401
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from vivavoce.errors import VivavoceError

WAIT_S = 5.0
"""Longest time that a fork waits for the work of other threads, in seconds."""


class _Mine(threading.local):
    """State that each thread keeps for itself."""

    depth = 0
    """In how many pieces of work, one inside the other, the thread is."""


_mine = _Mine()
_changed = threading.Condition()
_working = 0
_forking: int | None = None
_amid = False
_locks: list[tuple[threading.Lock, Callable[[], None] | None]] = []
_got: list[bool] = []


def hold_at_fork(lock: threading.Lock, in_child: Callable[[], None] | None = None) -> None:
    """Hold `lock` while the process forks, and call `in_child` in the child before it is freed."""
    _locks.append((lock, in_child))


@contextmanager
def piece_of_work(part_of_another: bool = False) -> Iterator[None]:
    """A piece of work that a fork in another thread waits for.

    `part_of_another`: a thread that waits for this piece is in one itself, so that a fork that has
    begun to wait must let it begin.

    Raises: VivavoceError: the process was forked amid such work of a thread that is gone.
    """
    _begin(part_of_another)
    try:
        yield
    finally:
        _end()


def _begin(part_of_another: bool) -> None:
    global _working
    if _amid:
        raise VivavoceError(
            "This process was forked while other threads were making clips, and has half of their "
            'work. Start it by multiprocessing.get_context("spawn"), or fork before.'
        )
    _mine.depth += 1
    if _mine.depth > 1:
        return
    with _changed:
        while _forking not in (None, threading.get_ident()) and not part_of_another:
            _changed.wait()
        _working += 1


def _end() -> None:
    global _working
    _mine.depth -= 1
    if _mine.depth == 0:
        with _changed:
            _working -= 1
            _changed.notify_all()


def _others() -> int:
    return _working - (_mine.depth > 0)


def _before() -> None:
    global _forking
    _changed.acquire()
    _forking, end = threading.get_ident(), monotonic() + WAIT_S
    while _others() and _changed.wait(end - monotonic()):
        pass
    # A lock may be held by a thread whose work did not end in time.
    _got[:] = [lock.acquire(timeout=max(0.01, end - monotonic())) for lock, _ in _locks]


def _in_parent() -> None:
    global _forking
    for (lock, _), got in zip(_locks, _got, strict=True):
        if got:
            lock.release()
    _forking = None
    _changed.notify_all()
    _changed.release()


def _in_child() -> None:
    global _changed, _forking, _amid, _working
    _amid = _amid or _others() > 0 or not all(_got)
    _working = int(_mine.depth > 0)
    for (lock, then), got in zip(_locks, _got, strict=True):
        if then is not None:
            then()
        if got:
            lock.release()
    _forking = None
    _changed = threading.Condition()


os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
