"""Filming: a stub system with a known clip is timed, written, tracked and judged."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from time import sleep

import numpy as np
import pytest
from PIL import Image

from vivavoce.measure.bounds import parts, take
from vivavoce.measure.bounds.speed import first_frame_s
from vivavoce.media.clip import Clip
from vivavoce.media.clock import Clock
from vivavoce.media.provenance import Provenance
from vivavoce.types import SAMPLES_PER_FRAME, Chunk

FRAMES, NAP_S = 12, 0.05


class StubSystem:
    """Shows a picture that does not move; the top left corner turns blue if `restless`."""

    def __call__(self, portrait: np.ndarray, restless: bool = False) -> Clip:
        clock = Clock()
        chunks = self.chunks(portrait, restless, clock)
        return Clip(chunks, (384, 384), Provenance("stub", 1), clock=clock)

    def chunks(self, portrait: np.ndarray, restless: bool, clock: Clock) -> Iterator[Chunk]:
        for k in range(0, FRAMES, 4):
            frames = np.repeat(portrait[None], 4, 0)
            if restless and k:
                frames[:, :8, :8] = (0, 0, 255)
            sleep(NAP_S)
            clock.seconds["render"] += NAP_S
            yield Chunk(frames, np.zeros(4 * SAMPLES_PER_FRAME, np.float32))


@pytest.fixture(scope="module")
def picture(astronaut: Path) -> np.ndarray:
    return np.array(Image.open(astronaut).convert("RGB"))[:384, :384]


def test_film_times_tracks_and_writes(picture: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    shot = take.film(StubSystem(), "stub", "text", path, (), portrait=picture)
    assert path.is_file()
    assert shot.landmarks.shape == (FRAMES, 478, 3)
    assert np.isfinite(shot.gap).all()
    assert len(shot.samples) == FRAMES * SAMPLES_PER_FRAME
    assert abs(shot.apart_s) < 0.04
    assert shot.work_s >= 3 * NAP_S
    assert shot.stages["render"] == pytest.approx(3 * NAP_S)
    assert sum(shot.stages.values()) == pytest.approx(shot.work_s)
    assert shot.raw_change == 0
    assert shot.change < parts.ENCODING


def test_film_sees_a_background_that_changes(picture: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    shot = take.film(StubSystem(), "stub", "text", path, (), portrait=picture, restless=True)
    assert shot.raw_change > 50


def test_first_frame_waits_for_one_chunk_only(picture: np.ndarray) -> None:
    waits = first_frame_s(StubSystem(), rounds=2, portrait=picture)
    assert len(waits) == 2
    assert all(w >= NAP_S for w in waits)
    assert min(waits) < 3 * NAP_S


def test_phones_of_a_text_are_those_of_the_sound() -> None:
    phones = take.spoken_phones("Bob. Pam.", "en-us")
    assert [p.symbol for p in phones if p.symbol in ("b", "p", "m")] == ["b", "b", "p", "m"]
    assert all(a.end_s == pytest.approx(b.start_s) for a, b in pairwise(phones))


def test_no_figure_passes_on_nothing() -> None:
    for part in parts.PARTS:
        assert not any(f.passed for f in part([]))
