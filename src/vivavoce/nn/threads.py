"""How many threads small networks and small sums get, and work that is done side by side."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

import torch
from threadpoolctl import OpenBLASController, ThreadpoolController

from vivavoce.nn.forks import hold_at_fork, piece_of_work

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Mine(threading.local):
    """State that each thread of the process keeps for itself."""

    inside = 0
    """In how many nested blocks of `one_thread` it is."""
    before = 1
    """torch's number of threads outside of the blocks."""
    known = False
    """Whether torch's number of threads is this thread's own, and not taken over from another."""


_mine = _Mine()
_lock = threading.Lock()
_inside = 0
_usual = 1
_blas_before: Any = None
_workers: ThreadPoolExecutor | None = None


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread inside the block, for the thread of Python that is in it.

    The linear algebra of numpy and scipy gets one thread too, in the whole process, while any
    thread of Python is in a block: its idle threads wait by asking for the processor all the time.
    For networks under a million parameters a second thread gains nothing, and when another program
    keeps a core busy the threads wait for each other: measured, 10 to 100 times as long.

    torch keeps this number for each thread of Python apart, but a thread that calls torch for the
    first time takes over the number that was set last by any thread. Threads may be in such blocks
    at once, and each gets its own number back at the end; only a thread that meets torch elsewhere
    while another is in a block begins with 1.
    """
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _inside, _usual, _blas_before
    _mine.inside += 1
    if _mine.inside > 1:
        return
    with _lock:
        before = torch.get_num_threads()
        if _inside == 0:
            _usual = before
            OpenBLASController.clear_controlling_thread(force=True)  # else only one thread may
            _blas_before = _blas().limit(limits=1)
        elif not _mine.known and before == 1:
            before = _usual
        _inside += 1
        _mine.known, _mine.before = True, before
        torch.set_num_threads(1)


def _leave() -> None:
    global _inside
    _mine.inside -= 1
    if _mine.inside == 0:
        with _lock:
            _inside -= 1
            torch.set_num_threads(_mine.before)
            if _inside == 0:
                OpenBLASController.clear_controlling_thread(force=True)
                _blas_before.restore_original_limits()


def _blas() -> ThreadpoolController:
    """Control of the threads of linear algebra in the libraries that are loaded by now."""
    return _blas_of(len(sys.modules))  # a new module may have brought a new library


@lru_cache(1)
def _blas_of(modules: int) -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")


def _in_a_forked_child() -> None:
    global _inside, _workers
    _inside = int(_mine.inside > 0)
    _workers = None  # the threads of the parent do not exist here


hold_at_fork(_lock, _in_a_forked_child)


def one_threaded(items: Iterable[Item]) -> Iterator[Item]:
    """The same items, each a piece of work with one thread; between them the caller's setting."""
    source = iter(items)
    while True:
        with one_thread(), piece_of_work():
            try:
                item = next(source)
            except StopIteration:
                return
        yield item


def side_by_side(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Results of `work` on each of `items`, in their order, made on as many cores as there are.

    Each item is worked on by one thread, in which torch uses no other; so results do not depend on
    the number of cores. Of several errors the first item's is raised, when all work has ended.
    """
    if len(items) < 2 or _cores() < 2:
        return [work(item) for item in items]
    futures = [_pool().submit(_alone, work, item) for item in items]
    for future in futures:
        future.exception()
    return [future.result() for future in futures]


def _alone(work: Callable[[Item], Result], item: Item) -> Result:
    with one_thread(), piece_of_work(part_of_another=True):
        return work(item)


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _pool() -> ThreadPoolExecutor:
    global _workers
    with _lock:
        if _workers is None:
            _workers = ThreadPoolExecutor(_cores(), "vivavoce")
        return _workers
