"""Videos at other frame rates: every frame is drawn for its own moment, and the sound stays."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

import vivavoce
from vivavoce.errors import RequestError, ShapeError
from vivavoce.media.clip import Clip
from vivavoce.media.provenance import Provenance
from vivavoce.types import RATE, RATES, Chunk, Face

TEXT = "My mum bakes bread."


@pytest.fixture(scope="module")
def person(astronaut: Path) -> Face:
    return vivavoce.load("portrait").look(astronaut)


def made(person: Face, fps: int) -> tuple[np.ndarray, np.ndarray]:
    clip = vivavoce.load("portrait")(person, TEXT, voice="en-us", size=96, fps=fps, seed=3)
    assert clip.fps == fps
    chunks = list(clip)
    assert {chunk.fps for chunk in chunks} == {fps}
    return (
        np.concatenate([chunk.frames for chunk in chunks]),
        np.concatenate([chunk.samples for chunk in chunks]),
    )


def test_frames_are_drawn_and_sound_is_the_same(person: Face) -> None:
    plain, sound = made(person, 25)
    for fps in (24, 30, 50, 60):
        frames, samples = made(person, fps)
        assert len(frames) == -(-len(plain) * fps // 25)
        assert len(samples) == len(frames) * RATE // fps
        assert np.array_equal(samples[: len(sound)], sound[: len(samples)])
        assert not samples[len(sound) :].any()
        moved = np.abs(np.diff(frames.astype(int), axis=0)).reshape(len(frames) - 1, -1).sum(1)
        talking = moved[: int(0.8 * len(moved))]
        assert (talking > 0).all()  # no frame is shown twice


def test_rows_of_the_motion_are_drawn_as_at_25(person: Face) -> None:
    """Every second frame at 50 a second is the frame of the usual rate, bit for bit."""
    plain, _ = made(person, 25)
    twice, _ = made(person, 50)
    assert np.array_equal(twice[::2], plain)


@pytest.mark.parametrize("fps", RATES)
def test_the_file_has_the_rate_and_the_sound_does_not_drift(tmp_path: Path, fps: int) -> None:
    """Over 20 s, flash and click of every second meet, the last as the first."""

    def chunks() -> list[Chunk]:
        made, taken = [], 0
        for second in range(20):
            frames = np.full((fps, 32, 48, 3), 40, np.uint8)
            frames[fps // 2] = 240
            upto = (second + 1) * RATE
            samples = np.zeros(upto - taken, np.float32)
            samples[round(fps // 2 * RATE / fps)] = 0.9
            made.append(Chunk(frames, samples, fps))
            taken = upto
        return made

    saved = Clip(chunks(), (48, 32), Provenance("portrait"), fps=fps).save(tmp_path / "a.mp4")
    assert (saved.frames, saved.seconds) == (20 * fps, 20.0)
    with av.open(str(saved.path)) as file:
        video = file.streams.video[0]
        assert video.average_rate == fps
        shown = [
            (f.time, f.to_ndarray(format="gray").mean(), f.key_frame) for f in file.decode(video)
        ]
    flashes = [time for time, light, _ in shown if light > 140]
    assert np.allclose(flashes, np.arange(20) + fps // 2 / fps, atol=1e-4)
    keys = [time for time, _, key in shown if key]
    assert set(range(0, 20, 2)) <= {round(time, 3) for time in keys}  # every 2 s
    with av.open(str(saved.path)) as file:
        heard = np.concatenate([f.to_ndarray()[0] for f in file.decode(audio=0)])
    clicks = np.abs(heard[: 20 * 48_000]).reshape(20, -1).argmax(1) / 48_000
    assert np.abs(clicks - fps // 2 / fps).max() < 0.001


def test_chunks_of_another_rate_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match=r"Chunk.samples must have shape \[533.333\]"):
        Chunk(np.zeros((1, 8, 8, 3), np.uint8), np.zeros(640, np.float32), 30)
    other = Chunk(np.zeros((3, 32, 48, 3), np.uint8), np.zeros(1600, np.float32), 30)
    with pytest.raises(ShapeError, match=r"Chunk.fps"):
        Clip([other], (48, 32), Provenance("portrait")).save(tmp_path / "a.mp4")
    with pytest.raises(RequestError, match="--fps is 24, 25, 30, 50 or 60, not 29"):
        vivavoce.load("portrait")("me.png", "Hi.", fps=29)
