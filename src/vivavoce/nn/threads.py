"""How many threads small networks get."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

Item = TypeVar("Item")


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread inside the block.

    For networks under a million parameters a second thread gains nothing, and when another program
    keeps a core busy the threads wait for each other: measured, 10 to 100 times as long.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def one_threaded(items: Iterable[Item]) -> Iterator[Item]:
    """The same items, each made with one thread; between them the setting is the caller's."""
    source = iter(items)
    while True:
        with one_thread():
            try:
                item = next(source)
            except StopIteration:
                return
        yield item
