"""Work over processes and over Ray: every item once, errors as values, a clean stop."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vivavoce.data.spread import check_workers, spread
from vivavoce.errors import RequestError, ShapeError, VivavoceError


def square(x: int) -> int:
    if x == 3:
        raise ValueError("three")
    return x * x


def misshapen(_: int) -> None:
    raise ShapeError("Motion.pose", "[T, 6]", (3, 5))


def environment(_: int) -> tuple[str | None, int]:
    return os.environ.get("OMP_NUM_THREADS"), os.getpid()


def slow(folder: str) -> None:
    Path(folder, str(os.getpid())).touch()
    time.sleep(60)


def die(_: int) -> None:
    os._exit(9)


@pytest.mark.parametrize("workers", [1, 2])
def test_every_item_once_and_an_error_is_a_value(workers: int) -> None:
    done = sorted(spread(square, range(6), workers), key=lambda d: d.item)
    assert [d.item for d in done] == list(range(6))
    assert [d.result for d in done] == [0, 1, 4, None, 16, 25]
    assert [str(d.error) for d in done if d.error] == ["three"]


def test_our_own_errors_come_back_from_another_process() -> None:
    (done,) = spread(misshapen, [0], 2)
    assert "Motion.pose must have shape [T, 6], but has [3, 5]" in str(done.error)


def test_workers_are_other_processes_with_one_thread_and_ours_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    seen = [d.result for d in spread(environment, range(4), 2)]
    assert {threads for threads, _ in seen if threads} == {"1"}
    assert os.getpid() not in {pid for _, pid in seen}
    assert os.environ["OMP_NUM_THREADS"] == "7"


def test_leaving_early_ends_the_workers(tmp_path: Path) -> None:
    results = spread(_slow_or_quick, [("", 0), (str(tmp_path), 1), (str(tmp_path), 1)], 2)
    assert next(results).item == ("", 0)
    start = time.monotonic()
    while not list(tmp_path.iterdir()) and time.monotonic() - start < 30:
        time.sleep(0.05)
    results.close()  # type: ignore[attr-defined]
    for file in tmp_path.iterdir():
        assert not Path("/proc", file.name).exists()
    assert time.monotonic() - start < 30


def _slow_or_quick(job: tuple[str, int]) -> None:
    if job[1]:
        slow(job[0])


def test_a_dead_worker_is_told() -> None:
    with pytest.raises(VivavoceError, match="died"):
        list(spread(die, range(2), 2))


@pytest.mark.parametrize("workers", [0, -1, "many", "1.5", ""])
def test_wrong_numbers_are_refused(workers: int | str) -> None:
    with pytest.raises(RequestError, match="--workers"):
        check_workers(workers)


def test_numbers_may_be_words() -> None:
    assert check_workers("3") == 3


@pytest.mark.slow(reason="Ray takes half a minute to start")
def test_ray_does_the_same() -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'vivavoce[cluster]'")
    # Ray's workers import the function by name, so it is one that is installed.
    done = sorted(spread(math.sqrt, [16, 9, -1, 4], "ray"), key=lambda d: d.item)
    assert [d.result for d in done] == [None, 2, 3, 4]
    assert isinstance(done[0].error, ValueError)


def test_workers_end_where_the_parent_is_killed(tmp_path: Path) -> None:
    code = (
        "from test_spread import slow\nfrom vivavoce.data.spread import spread\n"
        f"if __name__ == '__main__': list(spread(slow, [{str(tmp_path)!r}] * 4, 2))\n"
    )
    script = tmp_path / "parent.py"
    script.write_text(code)
    paths = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    parent = subprocess.Popen([sys.executable, script], env={**os.environ, "PYTHONPATH": paths})
    workers: list[Path] = []
    for _ in range(1200):
        workers = [file for file in tmp_path.iterdir() if file.name.isdecimal()]
        if len(workers) == 2:
            break
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    for _ in range(400):
        if not any(lives(file.name) for file in workers):
            break
        time.sleep(0.05)
    assert len(workers) == 2
    assert not any(lives(file.name) for file in workers)


def lives(process: str) -> bool:
    stat = Path("/proc", process, "stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"
