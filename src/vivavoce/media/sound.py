"""Sound out: a wav that is whole or not there at all (PyAV)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np

from vivavoce.media.files import PathLike, beside, check_output, writing
from vivavoce.media.provenance import Provenance
from vivavoce.types import RATE, Float, Speech

SOUND_SUFFIXES = (".wav",)


def write_sound(
    path: PathLike, pieces: Iterable[Speech], provenance: Provenance, force: bool = False
) -> float:
    """Write pieces of speech as 16-bit mono wav at 16 kHz; how long it is in seconds.

    Raises: OutputRefused, CannotWrite: see `check_output`, and a full disk at any time.
    """
    count = 0
    with sound_file(path, provenance, force) as add:
        for piece in pieces:
            add(piece.samples)
            count += len(piece.samples)
    return count / RATE


@contextmanager
def sound_file(
    path: PathLike, provenance: Provenance, force: bool = False
) -> Iterator[Callable[[Float], None]]:
    """A wav as `write_sound` makes it, for sound that comes piece by piece: call what the block is
    given with the samples [n]. The file appears when the block ends well.

    Raises: OutputRefused, CannotWrite: see `check_output`, and a full disk at any time.
    """
    target: Path = check_output(path, force, SOUND_SUFFIXES)
    count = 0
    with beside(target, force) as part, av.open(str(part), "w", format="wav") as container:
        container.metadata.update(provenance.tags())
        stream = container.add_stream("pcm_s16le", rate=RATE, layout="mono")

        def add(samples: Float) -> None:
            nonlocal count
            levels = np.round(np.clip(samples, -1, 1) * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(levels[None], format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE, count
            count += len(levels)
            with writing(target):
                container.mux(stream.encode(frame))

        yield add
        with writing(target):
            container.mux(stream.encode(None))
