"""Memory figures are the process's own, whoever started it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from vivavoce.measure import memory

CHILD = """
import resource
from vivavoce.measure.memory import peak_gb
print(peak_gb(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9)
"""
PARENT = f"""
import subprocess, sys
held = bytearray(1_200_000_000)
held[::4096] = b"x" * len(range(0, len(held), 4096))
print(subprocess.run([sys.executable, "-c", '''{CHILD}'''], capture_output=True, text=True).stdout)
"""


needs_proc = pytest.mark.skipif(not memory.STATUS.exists(), reason="there is no /proc here")


@needs_proc
def test_a_child_of_a_large_parent_reports_its_own_peak() -> None:
    ran = subprocess.run([sys.executable, "-c", PARENT], capture_output=True, text=True, check=True)
    own, inherited = map(float, ran.stdout.split())
    assert 0.005 < own < 0.2
    assert inherited > 1.1  # what ru_maxrss would have said: the parent's 1.2 GB


@needs_proc
def test_the_peak_counts_what_was_freed_until_it_is_reset() -> None:
    code = """
from vivavoce.measure.memory import peak_gb, reset_peak
before = peak_gb()
held = bytearray(b"x" * 300_000_000)
del held
print(before, peak_gb(), reset_peak(), peak_gb())
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after, _, fresh = ran.stdout.split()
    assert float(after) > float(before) + 0.29
    assert float(fresh) < float(before) + 0.1


def test_without_proc_the_process_is_asked(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(memory, "STATUS", tmp_path / "none")
    monkeypatch.setattr(memory, "CLEAR_REFS", tmp_path / "none" / "none")
    assert memory.peak_gb() > 0.01
    assert memory.reset_peak() is False
