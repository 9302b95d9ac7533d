"""Paths in and out: who may write a file, and what a run that was killed leaves behind."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from vivavoce.errors import BadMedia, CannotWrite, OutputRefused
from vivavoce.media import files
from vivavoce.media.files import beside, check_output, existing, write_text

WRITES = """
import sys, time
from pathlib import Path
from vivavoce.media.files import beside
target, word, force = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "force"
with beside(target, force) as part:
    part.write_text(word)
    print("begun", flush=True)
    sys.stdin.readline()
"""


def writer(target: Path, word: str, force: str = "") -> subprocess.Popen[str]:
    """A program that has begun to write `target` and waits for a line."""
    work = subprocess.Popen(
        [sys.executable, "-c", WRITES, str(target), word, force],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert work.stdout is not None
    assert work.stdout.readline() == "begun\n"
    return work


@pytest.mark.parametrize("force", ["", "force"])
def test_of_two_writers_the_second_replaces_only_by_force(tmp_path: Path, force: str) -> None:
    target = tmp_path / "a.txt"
    first, second = writer(target, "first"), writer(target, "second", force)
    assert first.communicate("\n", timeout=20)[1] == ""
    told = second.communicate("\n", timeout=20)[1]
    assert target.read_text() == ("second" if force else "first")
    assert ("OutputRefused" in told) == (not force)
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appeared_meanwhile_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def none(*_: Any) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    if not links:
        monkeypatch.setattr(os, "link", none)
    with beside(tmp_path / "new.txt", force=False) as part:
        part.write_text("mine")
    assert (tmp_path / "new.txt").read_text() == "mine"

    def meanwhile() -> None:
        with beside(tmp_path / "a.txt", force=False) as part:
            part.write_text("mine")
            (tmp_path / "a.txt").write_text("yours")

    with pytest.raises(OutputRefused, match=r"made by another program meanwhile.*--force"):
        meanwhile()
    assert (tmp_path / "a.txt").read_text() == "yours"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.txt", "new.txt"]


def test_the_longest_names_are_written(tmp_path: Path) -> None:
    target = tmp_path / ("语" * 83 + ".txt")
    with beside(target, force=False) as part:
        part.write_text("mine")
    assert target.read_text() == "mine"


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGQUIT"])
def test_a_signal_that_ends_the_program_leaves_nothing(tmp_path: Path, name: str) -> None:
    number = getattr(signal, name)
    work = writer(tmp_path / "a.txt", "half")
    work.send_signal(number)
    work.communicate(timeout=20)
    assert work.returncode == 128 + number
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(number) is signal.SIG_DFL


def test_parts_of_dead_programs_are_removed_and_no_others(tmp_path: Path) -> None:
    killed, alive = writer(tmp_path / "a.txt", "half"), writer(tmp_path / "b.txt", "whole")
    killed.kill()
    killed.communicate(timeout=20)
    others = [".a.mp4.part", ".x.mp4.1234abcd.part", f".x.00000000-{killed.pid}.1234abcd.part"]
    for name in others:
        (tmp_path / name).write_text("not ours")
    found = list(tmp_path.glob(".a.txt.*.part"))
    assert len(found) == 1
    frames = tmp_path / found[0].name.replace(".a.txt.", ".f%04d.png.")  # a sequence's, killed too
    frames.mkdir()
    (frames / "f0001.png").write_text("half")
    files.remove_dead_parts.cache_clear()
    with beside(tmp_path / "c.txt") as part:
        part.write_text("c")
    assert not list(tmp_path.glob(".a.txt.*.part"))
    assert not frames.exists()
    alive.communicate("\n", timeout=20)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*others, "b.txt", "c.txt"])


@pytest.mark.parametrize(
    "address",
    ["https://x.org/a.png", "http://x/a.wav", "s3://b/a.png", "file:///a.png", "data:image/png,AA"],
)  # fmt: skip
def test_an_address_is_no_path(address: str) -> None:
    for path in (address, Path(address)):
        with pytest.raises(BadMedia, match=r"is an address.*Download the picture first") as caught:
            existing(path, "picture")
        assert str(caught.value).startswith(address.replace("file:///", "file://"))
        with pytest.raises(OutputRefused, match="is an address"):
            check_output(Path(address).parent / "b.mp4" if "//" in address else address)


def test_a_file_named_like_an_address_is_read(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data:x.png").write_text("x")
    assert existing("data:x.png", "picture") == Path("data:x.png")
    assert check_output("ab:c.mp4").name == "ab:c.mp4"


def test_a_text_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "bench.md"
    write_text(target, "good")

    def full(path: Path, text: str, encoding: str) -> int:
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(CannotWrite, match=r"disk is full: .*bench\.md was not written"):
        write_text(target, "better")
    assert target.read_text() == "good"
    assert os.listdir(tmp_path) == ["bench.md"]
