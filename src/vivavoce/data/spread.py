"""Work spread over processes, or over a Ray cluster: one function, many independent items.

for result in spread(make_person, range(100), workers=4): ...
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from typing import Any, Generic, TypeVar

from vivavoce.errors import RequestError, VivavoceError, needs

Item = TypeVar("Item")
Result = TypeVar("Result")

RAY = "ray"
"""Value of `workers` that asks for a Ray cluster."""
THREAD_SETTINGS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS",
)  # fmt: skip
"""Each worker computes on one thread: workers that share cores would wait for each other."""
_GRACE_S = 3.0  # for a worker to remove what it had half written
_AHEAD = 2  # items a worker has waiting, so that none idles and a long list is not all in flight


@dataclass(frozen=True)
class Done(Generic[Item, Result]):
    """Outcome of one item of work: a result or an error."""

    item: Item
    """Item that the work was done on."""
    result: Result | None = None
    """What the function gave back; None where it raised."""
    error: Exception | None = None
    """Error that the function raised for this item; None: it did not. Other items go on."""


def spread(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int | str = 1
) -> Iterator[Done[Item, Result]]:
    """`function` of every item, in the order in which they are finished.

    Args:
        function: Defined at the top of a module (or a `functools.partial` of such a one), for it is
            sent to processes that start afresh.
        items: Any number; they are drawn as workers become free.
        workers: 1: in this process. More: that many processes. "ray": the Ray cluster that
            RAY_ADDRESS names, or all cores of this machine.

    Raises: RequestError: `workers` is neither a positive number nor "ray", or Ray is missing.
    VivavoceError: a worker process died (killed, out of memory).
    """
    count = check_workers(workers)
    if count == RAY:
        return _over_ray(function, items)
    if count == 1:
        return (_attempt(function, item) for item in items)
    return _over_processes(function, items, int(count))


def check_workers(workers: int | str) -> int | str:
    """A positive number of processes, or "ray".

    Raises: RequestError: it is neither, or Ray is asked for and not installed.
    """
    words = str(workers).strip().lower()
    if words == RAY:
        needs("ray")
        return RAY
    if not words.isdecimal() or int(words) < 1:
        raise RequestError(f"--workers is a number of processes from 1, or ray, not {workers!r}.")
    return int(words)


def _attempt(function: Callable[[Item], Result], item: Item) -> Done[Item, Result]:
    try:
        return Done(item, function(item))
    except Exception as error:
        return Done(item, error=_portable(error))


def _portable(error: Exception) -> Exception:
    """The error if it survives the way between processes, otherwise one of ours that says it."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return VivavoceError(f"{type(error).__name__}: {error}")
    return error


def _over_processes(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Done[Item, Result]]:
    """In processes that are spawned, so that no lock or GPU handle of this one comes along."""
    waiting: set[Future[Done[Item, Result]]] = set()
    source = iter(items)
    with _one_thread_each():
        pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_quiet_worker)
        try:
            more = True
            while more or waiting:
                while more and len(waiting) < workers * _AHEAD:
                    try:
                        waiting.add(pool.submit(_attempt, function, next(source)))
                    except StopIteration:
                        more = False
                if waiting:
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in done)
            pool.shutdown()  # nobody is in the middle of anything: they leave by themselves
        except BrokenProcessPool:
            raise VivavoceError(
                "A worker process died; most often the memory was full. What was finished is "
                "whole: run the same command again with fewer --workers."
            ) from None
        finally:
            _stop(pool)


def _stop(pool: ProcessPoolExecutor) -> None:
    """End the workers, also those in the middle of an item (Ctrl-C, or the reader went away)."""
    processes = list((pool._processes or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(_GRACE_S)
        while process.is_alive():  # the pool took the signal for a failed item and began the next
            process.terminate()
            process.join(_GRACE_S)


def _quiet_worker() -> None:
    """Leave Ctrl-C to the parent, which ends us with SIGTERM; let that run our `finally`. Where the
    parent is killed, end likewise, instead of waiting for work for ever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        while True:  # the pool takes the first signal for a failed item and begins the next
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(_GRACE_S)


class _one_thread_each:
    """In the block new processes inherit one thread for every numeric library."""

    def __enter__(self) -> None:
        self._before = {name: os.environ.get(name) for name in THREAD_SETTINGS}
        os.environ.update(dict.fromkeys(THREAD_SETTINGS, "1"))

    def __exit__(self, *error: object) -> None:
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _over_ray(
    function: Callable[[Item], Result], items: Iterable[Item]
) -> Iterator[Done[Item, Result]]:
    """One core a task; a task whose machine is lost is tried again by Ray."""
    ray = needs("ray")
    started = not ray.is_initialized()
    if started:
        ray.init(
            log_to_driver=False,
            include_dashboard=False,
            configure_logging=False,
            runtime_env={"env_vars": dict.fromkeys(THREAD_SETTINGS, "1")},
        )
    try:
        task: Any = ray.remote(num_cpus=1)(_attempt)
        limit = max(1, int(ray.cluster_resources().get("CPU", 1))) * _AHEAD
        waiting: list[Any] = []
        for item in items:
            waiting.append(task.remote(function, item))
            if len(waiting) >= limit:
                done, waiting = ray.wait(waiting)
                yield from ray.get(done)
        while waiting:
            done, waiting = ray.wait(waiting)
            yield from ray.get(done)
    finally:
        if started:
            ray.shutdown()
