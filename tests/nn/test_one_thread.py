"""torch's number of threads inside and after the blocks that set it, with several threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch

from vivavoce.nn.threads import one_thread, one_threaded


@pytest.fixture(autouse=True)
def _three() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_blocks_may_be_nested() -> None:
    with one_thread():
        with one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 3


def test_between_items_the_setting_is_the_callers() -> None:
    seen = []

    def items() -> Iterator[int]:
        for i in range(3):
            seen.append(torch.get_num_threads())
            yield i

    assert [(i, torch.get_num_threads()) for i in one_threaded(items())] == [(0, 3), (1, 3), (2, 3)]
    assert seen == [1, 1, 1]


def test_threads_that_overlap_get_their_numbers_back() -> None:
    entered, leave = threading.Event(), threading.Event()
    after: dict[str, int] = {}

    def other(name: str) -> None:
        with one_thread():
            assert torch.get_num_threads() == 1
        after[name] = torch.get_num_threads()

    def long() -> None:
        with one_thread():
            entered.set()
            leave.wait(20)
        after["long"] = torch.get_num_threads()

    first = threading.Thread(target=long)
    first.start()
    entered.wait(20)
    assert torch.get_num_threads() == 3, "the block of another thread is not this thread's"
    second = threading.Thread(target=other, args=("within",))
    second.start()
    second.join()
    leave.set()
    first.join()
    third = threading.Thread(target=other, args=("later",))
    third.start()
    third.join()
    assert after == {"within": 3, "long": 3, "later": 3}
