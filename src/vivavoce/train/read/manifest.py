"""The folder of real clips: what may train a checkpoint that is given away."""

from __future__ import annotations

from pathlib import Path

from vivavoce.errors import RequestError
from vivavoce.systems.stage import Run


def real_folder(run: Run) -> Path:
    """The folder of real clips that --real names.

    Raises: RequestError: none is named, or it has no manifest.
    """
    if run.data is None:
        raise RequestError("Give the folder of real clips, with its manifest.csv: --real FOLDER.")
    if not (run.data / "manifest.csv").is_file():
        raise RequestError(
            f"There is no manifest.csv in {run.data}. Give the folder of real clips with --real; "
            "its manifest says for each clip whether it may train what ships."
        )
    return run.data
