"""The graphs of mediapipe, made safe for threads and forks.

A graph of mediapipe takes one picture after another, it is broken for good after an error, its own
threads do not exist in a forked child, and there whoever has run mediapipe before cannot run it
again. So one thread of ours runs all graphs; a graph that failed is made anew for the next
picture; and a forked child begins with a new thread and new graphs.
"""

from __future__ import annotations

import ctypes
import logging
import os
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any
from weakref import WeakSet

import numpy as np

from vivavoce.nn.forks import hold_at_fork
from vivavoce.types import Bytes

_CHATTER = re.compile(
    rb"INFO: Created TensorFlow Lite|WARNING: All log messages before absl|[IW]\d{4} .*\.cc:\d+\]"
)
"""The beginnings of the lines that mediapipe's native code prints while a graph starts."""


def _blank() -> Bytes:
    return np.zeros((64, 64, 3), np.uint8)


class Graph:
    """A graph of mediapipe that any thread may use; it is made when the first picture comes."""

    def __init__(self, make: Callable[[], Any], first: Callable[[], Bytes] = _blank) -> None:
        """Keep how the graph is made.

        Args:
            make: Imports mediapipe and returns one of its solutions.
            first: Makes the picture that a new graph is shown before any other; on it the native
                code prints what it prints once.
        """
        self._make = make
        self._first = first
        self._solution: Any = None
        _graphs.add(self)

    def start(self) -> None:
        """Make the graph now, if it is not there yet."""
        _runner.submit(self._start).result()

    def process(self, picture: Bytes) -> Any:
        """What mediapipe finds in `picture` [H, W, 3] RGB; pictures of other threads wait."""
        return _runner.submit(self._process, np.ascontiguousarray(picture)).result()

    def close(self) -> None:
        """End the threads of the graph soon; another picture would make a new one."""
        with suppress(RuntimeError):  # the interpreter is at its end, and the graph with it
            _runner.submit(self._close)

    def abandon(self) -> None:
        """Forget the graph in a forked child, where ending it would wait for ever for threads that
        only the parent has."""
        if self._solution is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._solution))
            self._solution = None

    def _start(self) -> None:
        if self._solution is None:
            with _busy, _without_chatter():
                solution = self._make()
                solution.process(self._first())
                self._solution = solution

    def _process(self, picture: Bytes) -> Any:
        self._start()
        try:
            with _busy:
                return self._solution.process(picture)
        except Exception:
            self._close()
            raise

    def _close(self) -> None:
        solution, self._solution = self._solution, None
        if solution is not None:
            with _busy, suppress(Exception):  # a broken graph complains once more
                solution.close()


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Keep mediapipe's own lines from standard error, and those of matplotlib, which it imports,
    about its caches; lines of others come when the block ends."""
    _open_standard_error()
    plots = logging.getLogger("matplotlib")
    level = plots.level
    plots.setLevel(logging.ERROR)
    caught, before = os.memfd_create("vivavoce"), os.dup(2)
    os.dup2(caught, 2)
    try:
        yield
    finally:
        plots.setLevel(level)
        os.dup2(before, 2)
        os.close(before)
        os.lseek(caught, 0, os.SEEK_SET)
        with open(caught, "rb") as lines:
            others = b"".join(line for line in lines if not _CHATTER.match(line))
        if others:
            os.write(2, others)


def _open_standard_error() -> None:
    """Where standard error is closed, open it on nothing: otherwise the next file that is opened
    gets its number, and with it whatever native code prints."""
    try:
        os.fstat(2)
    except OSError:
        nothing = os.open(os.devnull, os.O_WRONLY)
        if nothing != 2:
            os.dup2(nothing, 2)
            os.close(nothing)


_graphs: WeakSet[Graph] = WeakSet()
_busy = threading.Lock()
_runner = ThreadPoolExecutor(1, "mediapipe")


def _in_a_forked_child() -> None:
    global _runner
    _runner = ThreadPoolExecutor(1, "mediapipe")
    for graph in list(_graphs):
        graph.abandon()


hold_at_fork(_busy, _in_a_forked_child)  # so that the child gets nothing half-done
