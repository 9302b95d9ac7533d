"""`make bench`: the figures of the default system over a folder of portraits and recordings."""

from __future__ import annotations

import sys
from pathlib import Path

from vivavoce.measure.bench import run_bench


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    if folder is not None and not folder.is_dir():
        print(f"There is no folder {folder}: only the one portrait that comes along is used.")
        folder = None
    raise SystemExit(0 if run_bench(folder, Path("out")).passed else 1)


if __name__ == "__main__":
    main()
