"""The memory that this process itself took: its own peak, not one that it inherited.

On Linux a child's `ru_maxrss` starts at the resident size of the process that started it and stays
there, so a small program under a large one would report the large one's memory. The kernel's
high-water mark of the process's own address space, VmHWM, begins anew with the program.
"""

from __future__ import annotations

import sys
from pathlib import Path

GIGA = 1e9
STATUS, CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")
RESET_PEAK = "5"
"""What the kernel resets the high-water mark of the resident size for (proc(5), clear_refs)."""


def peak_gb() -> float:
    """Largest resident memory of this process since it began, or since `reset_peak`, in GB (1e9
    bytes): VmHWM of /proc/self/status; where there is no /proc, `ru_maxrss`."""
    kilobytes = _own_peak_kb()
    if kilobytes is not None:
        return kilobytes * 1024 / GIGA
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / GIGA


def reset_peak() -> bool:
    """Begin the high-water mark anew at what is resident now; False where this system cannot, so
    that `peak_gb` goes on to count from the process's beginning."""
    try:
        CLEAR_REFS.write_text(RESET_PEAK)
    except OSError:
        return False
    return True


def _own_peak_kb() -> int | None:
    try:
        lines = STATUS.read_text().splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(found[0]) if found else None
