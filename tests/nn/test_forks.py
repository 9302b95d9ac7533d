"""A fork while other threads are at work."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from vivavoce.errors import VivavoceError
from vivavoce.nn import forks
from vivavoce.nn.forks import hold_at_fork, piece_of_work
from vivavoce.nn.threads import one_threaded, side_by_side


@contextmanager
def at_work(seconds: float) -> Iterator[threading.Event]:
    """Another thread does pieces of so many seconds, one after the other."""
    stop, begun = threading.Event(), threading.Event()

    def pieces() -> Iterator[None]:
        while not stop.is_set():
            begun.set()
            time.sleep(seconds)
            yield

    thread = threading.Thread(target=lambda: list(one_threaded(pieces())))
    thread.start()
    begun.wait()
    yield begun
    stop.set()
    thread.join()


def in_a_child(work: object) -> object:
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply_async(work).get(timeout=20)  # type: ignore[arg-type]


def _works() -> str:
    try:
        with piece_of_work():
            return str(side_by_side(abs, [-1, -2]))
    except VivavoceError as error:
        return str(error)


def test_a_fork_waits_for_the_others_piece_of_work() -> None:
    with at_work(0.2):
        start = time.monotonic()
        assert in_a_child(_works) == "[1, 2]"
        assert time.monotonic() - start > 0.05


def test_a_child_forked_amid_work_that_does_not_end_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(forks, "WAIT_S", 0.1)
    with at_work(1.0):
        said = in_a_child(_works)
    assert "forked while other threads were making clips" in str(said)
    assert "spawn" in str(said)
    assert _works() == "[1, 2]"


def test_a_fork_inside_a_piece_of_work_does_not_wait_for_itself() -> None:
    start = time.monotonic()
    with piece_of_work():
        assert in_a_child(_works) == "[1, 2]"
    assert time.monotonic() - start < forks.WAIT_S


def test_parts_of_a_piece_may_begin_while_a_fork_waits() -> None:
    inside, forked = threading.Event(), threading.Event()

    def whole() -> None:
        with piece_of_work():
            inside.set()
            while forks._forking is None and not forked.is_set():
                time.sleep(0.01)
            side_by_side(abs, [-1, -2])

    thread = threading.Thread(target=whole)
    thread.start()
    inside.wait()
    start = time.monotonic()
    assert in_a_child(_works) == "[1, 2]"
    forked.set()
    thread.join()
    assert time.monotonic() - start < forks.WAIT_S


def test_a_lock_is_free_in_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forks, "_locks", list(forks._locks))
    lock = threading.Lock()
    hold_at_fork(lock)

    def hold() -> None:
        with lock:
            time.sleep(0.3)

    thread = threading.Thread(target=hold)
    thread.start()
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=lambda: queue.put(lock.acquire(timeout=1)))
    child.start()
    assert queue.get()
    child.join()
    thread.join()
    assert not lock.locked()
