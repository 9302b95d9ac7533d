"""The clips that TTSF learns from, and those it is measured on."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from vivavoce.data.shards import open_set
from vivavoce.errors import RequestError
from vivavoce.systems.stage import Run
from vivavoce.train.read.windows import Windows
from vivavoce.train.ttsf.script import Script, script_of

ALL = ("wav", "frames", "tracks")
TRIES = 200
"""How many clips are drawn until one says what is spoken in it."""
ASKED = 200
"""How many clips of a set, evenly spread, are asked for their words before training begins."""


def clips_of(
    run: Run, frames: int, members: Collection[str] = ALL, split: str = "train"
) -> Windows:
    """The clips of a split that have at least so many frames.

    Raises: RequestError: no data was given, or no clip is long enough. BadMedia: damaged shards.
    """
    if run.data is None:
        raise RequestError("TTSF learns from talking clips: give shards with --data.")
    return Windows(open_set(run.data), split, frames, members)


def spread(count: int, most: int) -> list[int]:
    """At most `most` of the numbers below `count`, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(int)).tolist()


def with_script(clips: Windows, rng: np.random.Generator) -> tuple[int, Script]:
    """A clip that says what is spoken in it: its number, and its script.

    Raises: RequestError: none was found.
    """
    for _ in range(TRIES):
        number = int(rng.integers(len(clips)))
        script = script_of(clips.about[number], str(number))
        if script is not None:
            return number, script
    raise RequestError(
        f"None of {TRIES} clips says what is spoken in it: prepare a set with texts or words."
    )


def check_scripts(clips: Windows, what: str) -> str | None:
    """Whether clips say what is spoken in them; a sentence about those that do not, if some do.

    Raises: RequestError: none does; `what` needs it.
    """
    asked = spread(len(clips), ASKED)
    silent = sum(script_of(clips.about[n], str(n)) is None for n in asked)
    if silent == len(asked):
        raise RequestError(
            "No clip says what is spoken in it (phones, words with times, or a text, of English in "
            f"at most 20 s), and {what} cannot learn without. Prepare a set that has transcripts."
        )
    if not silent:
        return None
    return (
        f"{100 * silent / len(asked):.0f} % of the clips are left out of {what}: they do not say "
        "what is spoken in them, or are longer than 20 s."
    )
