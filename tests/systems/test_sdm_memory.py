"""SDM's memory does not grow with the length of the speech."""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from vivavoce.media.clock import Clock
from vivavoce.systems.sdm.blocks import AROUND, BLOCK, SamplerOptions
from vivavoce.systems.sdm.net import SdmNet
from vivavoce.systems.sdm.person import mean_face_landmarks
from vivavoce.systems.sdm.renderers import AT_ONCE
from vivavoce.systems.sdm.settings import SdmSettings
from vivavoce.systems.sdm.talker import Sdm
from vivavoce.systems.talker import About
from vivavoce.types import Speech

AUXILIARY = SamplerOptions("auxiliary", 0)


@pytest.fixture(scope="module")
def sdm() -> Sdm:
    """The system with a network that is quick: what is kept does not depend on what is learnt."""
    small = SdmSettings(
        size=32, points=478, axes=3, motion=4, width=8, layers=1, steps=10, renderer=(8,)
    )
    return Sdm(About("small"), SdmNet(small).eval())


def pieces(seconds: int, told: Callable[[], None] = lambda: None) -> Iterator[Speech]:
    """Noise, a second at a time; `told` whenever one is asked for."""
    rng = np.random.default_rng(0)
    for _ in range(seconds):
        told()
        yield Speech((0.1 * rng.standard_normal(16_000)).astype(np.float32))


def held() -> int:
    """Bytes of all tensors that are alive, and of what Python and numpy hold."""
    tensors = [x for x in gc.get_objects() if type(x) is torch.Tensor]
    stores = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}
    return sum(stores.values()) + tracemalloc.get_traced_memory()[0]


def test_motion_of_longer_speech_takes_no_more_memory(sdm: Sdm) -> None:
    """Bytes alive after each block, of 20 s and of 60 s."""
    size = sdm.net.settings.size

    def moves(seconds: int) -> Iterator[object]:
        anyone = mean_face_landmarks(size)
        return sdm.landmarks(anyone, size, pieces(seconds), AUXILIARY, Clock())

    def most(seconds: int) -> int:
        found = [0]
        for part in moves(seconds):
            del part
            found.append(held())
        return max(found)

    most(20)  # what is made once
    tracemalloc.start()
    try:
        short, long = most(20), most(60)
    finally:
        tracemalloc.stop()
    assert long - short < 300_000  # a block of landmarks is 570 kB, a second of speech 64 kB


def test_speech_is_heard_and_frames_are_made_as_they_are_needed(sdm: Sdm, astronaut: Path) -> None:
    """Of 20 s, what is heard ahead of what was shown is bounded, and nobody keeps the frames."""
    asked = [0]

    def count() -> None:
        asked[0] += 1

    frames: list[weakref.ref[np.ndarray]] = []
    shown, ahead, alive = 0, 0.0, 0
    clip = sdm(astronaut, speech=pieces(20, count), size=64, sampler="auxiliary")
    for chunk in clip:
        frames.append(weakref.ref(chunk.frames))
        shown += len(chunk.frames)
        ahead = max(ahead, asked[0] - shown / 25)
        alive = max(alive, sum(ref() is not None for ref in frames))
    assert shown == 500
    assert ahead <= (2 * BLOCK + AROUND + AT_ONCE) / 25 + 2
    assert alive <= 3
