from __future__ import annotations

import numpy as np
import pytest

from vivavoce.move.nods import COURSE, LOOK_AHEAD, SIZE_RAD, NodStream
from vivavoce.types import Float

ACCENTS = (20, 50, 90, 125, 160)
"""Frames whose loudness and pitch stand out."""


def speech(frames: int = 200, energy: float = 0.5) -> Float:
    """Prosody [frames, 3] of an even voice with `ACCENTS`."""
    prosody = np.tile(np.array([energy, 0, 1], np.float32), (frames, 1))
    at = np.arange(frames)[:, None] - np.array(ACCENTS)
    stands_out = np.exp(-((at / 2.0) ** 2)).sum(1)
    prosody[:, 0] += 0.35 * stands_out
    prosody[:, 1] += 0.3 * stands_out
    return prosody


def nods(prosody: Float, seed: int = 0, size: int = 1000) -> Float:
    stream = NodStream(np.random.default_rng(seed))
    parts = [stream.push(prosody[i : i + size]) for i in range(0, len(prosody), size)]
    late = len(prosody) - sum(map(len, parts))
    return np.concatenate([*parts, stream.finish(late)])


def test_the_head_goes_down_with_what_stands_out() -> None:
    hits, lowest = 0, []
    for seed in range(10):
        pitch = nods(speech(), seed)
        assert pitch.max() <= 0
        for accent in ACCENTS:
            near = pitch[accent - 4 : accent + 8]
            if near.min() < -0.4 * SIZE_RAD:
                hits += 1
                lowest.append(int(near.argmin()) - 4)
        far = np.abs(np.arange(len(pitch))[:, None] - np.array(ACCENTS)).min(1) > 12
        assert not pitch[far].any()
    assert 0.65 < hits / (10 * len(ACCENTS)) < 0.95
    assert set(lowest) <= {1, 2, 3}  # frames after the peak


def test_an_even_voice_and_silence_get_no_nods() -> None:
    even = np.tile(np.array([0.6, 0, 1], np.float32), (200, 1))
    assert not nods(even).any()
    assert not nods(np.zeros((200, 3), np.float32)).any()
    noise = speech(energy=0.0)
    noise[:, 0] *= 0.8  # under what counts as speech
    assert not nods(noise).any()


@pytest.mark.parametrize("size", [1, 7])
def test_nods_do_not_depend_on_how_the_prosody_is_cut(size: int) -> None:
    assert np.array_equal(nods(speech(), size=size), nods(speech()))


def test_they_stay_five_frames_behind_and_give_every_frame() -> None:
    stream = NodStream(np.random.default_rng(0))
    assert len(stream.push(speech(3))) == 0
    assert len(stream.push(speech(10))) == 13 - LOOK_AHEAD
    for frames in (1, 4, 5, 6, 30):
        assert len(nods(speech(frames))) == frames


def test_a_nod_is_smooth() -> None:
    assert COURSE[0] == 0 == pytest.approx(COURSE[-1], abs=1e-6)
    assert COURSE.max() == 1
    assert np.abs(np.diff(COURSE, 2)).max() < 0.2
