"""How fast and how large: work, first frame, memory, start-up; and what machine this is."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

GIGA = 1e9


@dataclass(frozen=True)
class Machine:
    """The machine that a measurement ran on."""

    cores: int
    """Cores that this process may use."""
    memory_gb: float
    """Memory of the machine in GB."""
    processor: str
    """The processor's name as the system tells it."""
    gpu: str
    """Name of the GPU that torch sees; "" if none."""

    def __str__(self) -> str:
        gpu = f", {self.gpu}" if self.gpu else ", no GPU"
        return f"{self.cores} cores ({self.processor}), {self.memory_gb:.0f} GB{gpu}"


def this_machine() -> Machine:
    """The machine that this process runs on."""
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else ""
    return Machine(cores or 1, _memory_gb(), _processor(), gpu)


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIGA


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def first_frame_s(system: Any, rounds: int = 5, **request: Any) -> list[float]:
    """Seconds from a request to its first frames, `rounds` times, warm (one more is thrown away).

    Lower is better. A text of a few sentences shows whether the system waits for all of it.
    """
    taken = []
    for _ in range(rounds + 1):
        started = perf_counter()
        chunks = iter(system(**request))
        next(chunks)
        taken.append(perf_counter() - started)
        chunks.close()
    return taken[1:]


def command_s(*command: str, rounds: int = 3) -> float:
    """Wall seconds of a command, the best of `rounds`; lower is better.

    Raises: subprocess.CalledProcessError: the command failed.
    """
    best = float("inf")
    for _ in range(rounds):
        started = perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        best = min(best, perf_counter() - started)
    return best


_PEAK = """
import sys
from pathlib import Path
import vivavoce
from vivavoce.measure.memory import peak_gb
system, portrait, given, out = sys.argv[1:]
said = {"text": Path(given).read_text("utf-8")} if given.endswith(".txt") else {"speech": given}
clip = vivavoce.load(system)(portrait=portrait, seed=1, **said)
print(clip.save(out, force=True).seconds, peak_gb())
"""


@dataclass(frozen=True)
class Peak:
    """The memory that one clip took."""

    seconds: float
    """Length of the clip in seconds."""
    memory_gb: float
    """Largest resident memory of the process in GB: Python, libraries, weights, buffers."""


def peak_memory(portrait: Path, said: Path, out: Path, system: str = "portrait") -> Peak:
    """The peak of a fresh process that loads the system (a name or a checkpoint folder), lets
    `portrait` say the text (a .txt file) or follow the recording in `said` at 512 px and writes the
    clip to `out`.

    Raises: subprocess.CalledProcessError: the clip could not be made.
    """
    command = [sys.executable, "-c", _PEAK, system, str(portrait), str(said), str(out)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, memory = done.stdout.split()[-2:]
    return Peak(float(seconds), float(memory))
