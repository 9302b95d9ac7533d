"""Where the time goes: seconds spent in each stage of a chain of generators."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TypeVar

Item = TypeVar("Item")


class Clock:
    """A stop watch that charges time to the innermost stage that is running; stages may nest.

    Every clip has one of its own, so clips that are read in turns, or in several threads, do not
    count each other's time.
    """

    def __init__(self, now: Callable[[], float] = perf_counter) -> None:
        """`now` is the counter that is read: seconds, or another one, e.g. of arithmetic done."""
        self.now = now
        self.seconds: dict[str, float] = defaultdict(float)
        """Seconds spent in each stage so far, by its name."""
        self._running: list[str] = []
        self._since = 0.0

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Charge what happens inside to `stage`, except what nested stages take."""
        self._charge()
        self._running.append(stage)
        try:
            yield
        finally:
            self._charge()
            self._running.pop()

    def watch(self, stage: str, items: Iterable[Item]) -> Iterator[Item]:
        """The same items; the time to make each is charged to `stage`."""
        source = iter(items)
        while True:
            with self(stage):
                try:
                    item = next(source)
                except StopIteration:
                    return
            yield item

    def _charge(self) -> None:
        now = self.now()
        if self._running:
            self.seconds[self._running[-1]] += now - self._since
        self._since = now
