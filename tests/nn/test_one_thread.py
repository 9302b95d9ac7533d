"""torch's number of threads inside and after the blocks that set it, with several threads."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator

import pytest
import torch
from threadpoolctl import OpenBLASController, ThreadpoolController

from vivavoce.nn import threads
from vivavoce.nn.threads import one_thread, one_threaded, side_by_side


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


def test_linear_algebra_gets_one_thread_inside() -> None:
    blas = ThreadpoolController().select(user_api="blas")

    def numbers() -> list[int]:
        return [library["num_threads"] for library in blas.info()]

    side_by_side(abs, [-1, -2])
    OpenBLASController.clear_controlling_thread(force=True)
    with blas.limit(limits=2):
        before = numbers()
        with one_thread():
            assert set(numbers()) == {1}
        assert numbers() == before


@pytest.mark.parametrize("cores", [1, 4])
def test_work_side_by_side_keeps_its_order(cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_cores", lambda: cores)

    def square(n: int) -> int:
        assert torch.get_num_threads() == (1 if cores > 1 else 3)
        return n * n

    assert side_by_side(square, range(9)) == [n * n for n in range(9)]


def test_of_several_errors_the_first_is_raised_when_all_work_has_ended() -> None:
    ended = []

    def work(n: int) -> None:
        ended.append(n)
        if n in (1, 3):
            raise ValueError(f"of {n}")

    with pytest.raises(ValueError, match="of 1"):
        side_by_side(work, range(6))
    if threads._cores() > 1:
        assert sorted(ended) == list(range(6))


def test_a_fork_after_work_side_by_side_works_side_by_side() -> None:
    side_by_side(abs, [-1, -2])
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply_async(_in_a_child).get(timeout=20) == [3, 4]


def _in_a_child() -> list[int]:
    return side_by_side(abs, [-3, -4])
