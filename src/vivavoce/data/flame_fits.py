"""FLAME coefficients that EMOCA fitted to a clip, beside the video: NAME.flame.npz.

The names are those of EMOCA's and EMOTE's own output: `expcode` [T, 50] and `posecode` [T, 6], of
which the last three are the jaw's axis-angle; a row a frame at 25 a second.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vivavoce.errors import RequestError
from vivavoce.types import Float

EXPRESSIONS = 50
SUFFIX = ".flame.npz"
"""What follows a video's name in the name of its fit."""


def flame_fit(video: Path, first: int, frames: int) -> Float | None:
    """Jaw and expression [frames, 53] of a video from frame `first` on; None: it has no fit.

    Raises: RequestError: the fit is damaged or shorter than the clip.
    """
    file = video.with_suffix(SUFFIX)
    if not file.is_file():
        return None
    try:
        with np.load(file, allow_pickle=False) as fit:
            jaw = np.asarray(fit["posecode"], np.float32)[:, 3:6]
            expression = np.asarray(fit["expcode"], np.float32)[:, :EXPRESSIONS]
    except (KeyError, ValueError, OSError, IndexError) as error:
        raise RequestError(f"{file} is no fit of EMOCA: expcode, posecode ({error}).") from None
    rows = np.concatenate([jaw, expression], 1)[first : first + frames]
    if len(rows) < frames or rows.shape[1] != 3 + EXPRESSIONS:
        raise RequestError(
            f"{file} has {len(rows)} frames of {rows.shape[1]} numbers from frame {first} on; the "
            f"clip has {frames} of {3 + EXPRESSIONS}. Fit the video at 25 frames a second."
        )
    return rows
