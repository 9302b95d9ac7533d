"""Sound out: a wav that is whole or not there at all (PyAV)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import av
import numpy as np

from vivavoce.media.files import PathLike, beside, check_output, writing
from vivavoce.media.provenance import Provenance
from vivavoce.types import RATE, Speech

SOUND_SUFFIXES = (".wav",)


def write_sound(
    path: PathLike, pieces: Iterable[Speech], provenance: Provenance, force: bool = False
) -> float:
    """Write pieces of speech as 16-bit mono wav at 16 kHz; how long it is in seconds.

    Raises: OutputRefused, CannotWrite: see `check_output`, and a full disk at any time.
    """
    target: Path = check_output(path, force, SOUND_SUFFIXES)
    count = 0
    with beside(target, force) as part, av.open(str(part), "w", format="wav") as container:
        container.metadata.update(provenance.tags())
        stream = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        for piece in pieces:
            levels = np.round(np.clip(piece.samples, -1, 1) * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(levels[None], format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE, count
            count += len(levels)
            with writing(target):
                container.mux(stream.encode(frame))
        with writing(target):
            container.mux(stream.encode(None))
    return count / RATE
