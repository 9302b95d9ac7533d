"""New lips on a talking video: they follow the speech, and all else stays as it was."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

import vivavoce
from vivavoce.errors import BadMedia, NoFace, RequestError
from vivavoce.look.track import track_video
from vivavoce.media.provenance import Provenance
from vivavoce.media.read import read_clip_info, read_video
from vivavoce.media.write import VideoWriter
from vivavoce.systems.portrait.dub import seen_at, tracked
from vivavoce.systems.talker import Talker
from vivavoce.types import ARKIT_INDEX, RATE, Chunk, Speech, eye_distance, lip_gap


@pytest.fixture(scope="module")
def portrait() -> Talker:
    return vivavoce.load("portrait")


@pytest.fixture(scope="module")
def film(portrait: Talker, astronaut: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person who talks for a second, 256 pixels."""
    path = tmp_path_factory.mktemp("film") / "talks.mp4"
    portrait(astronaut, text="Ah, how are you all?", size=256, lively=2).save(path, marked=False)
    return path


def frames_of(portrait: Talker, film: Path, **asked: object) -> np.ndarray:
    return np.concatenate([chunk.frames for chunk in portrait(film, **asked)])


def silence(seconds: float) -> Speech:
    return Speech(np.zeros(round(seconds * RATE), np.float32))


def test_silence_closes_the_mouth_and_all_else_stays(portrait: Talker, film: Path) -> None:
    before = np.stack(list(islice(read_video(film), 25)))
    after = frames_of(portrait, film, speech=silence(1))
    assert after.shape == before.shape
    points = [np.asarray(p) for p in track_video(before)]
    gaps = [lip_gap(np.asarray(p)) for p in track_video(after)]
    assert max(lip_gap(p) for p in points) > 0.08  # it did talk
    assert np.median(gaps) < 0.02
    assert np.quantile(gaps, 0.9) < 0.04
    for old, new, seen in zip(before, after, points, strict=True):
        nose = int(seen[1, 1])
        assert np.array_equal(old[: nose - 3], new[: nose - 3])  # eyes, brows, hair, background
        eye = int(eye_distance(seen))
        left, right = int(seen[:, 0].min()) - eye // 2, int(seen[:, 0].max()) + eye // 2
        assert np.array_equal(old[:, : max(left, 0)], new[:, : max(left, 0)])
        assert np.array_equal(old[:, right:], new[:, right:])


def test_lips_follow_the_new_words(portrait: Talker, film: Path) -> None:
    asked = {"text": "My mum bakes bread.", "voice": "en-us"}
    jaw = np.concatenate(
        [m.expression[:, ARKIT_INDEX["jawOpen"]] for m in portrait.motion(still=True, **asked)]
    )
    after = frames_of(portrait, film, **asked)
    gaps = np.array([lip_gap(np.asarray(p)) for p in track_video(after)])
    assert len(gaps) == len(jaw)
    assert np.corrcoef(gaps, jaw)[0, 1] > 0.7


def test_a_longer_speech_goes_back_and_forth(portrait: Talker, film: Path) -> None:
    size = read_clip_info(film).size
    found = list(islice(tracked(film, size), 140))
    count = len(list(read_video(film)))
    pictures = [picture for picture, _ in found]
    assert np.array_equal(pictures[count], pictures[count - 2])
    assert np.array_equal(pictures[count + 1], pictures[count - 3])
    fast = list(islice(seen_at(iter(found), 50), 20))
    assert [int((a[0] == b[0]).all()) for a, b in zip(fast[::2], fast[1::2], strict=True)] == [
        1
    ] * 10


def test_size_sound_and_metadata(portrait: Talker, film: Path, tmp_path: Path) -> None:
    saved = portrait(film, speech=silence(0.4)).save(tmp_path / "a.mp4")
    info = read_clip_info(saved.path)
    assert (info.size, saved.frames) == ((256, 256), 10)


def test_what_cannot_be_dubbed(portrait: Talker, film: Path, tmp_path: Path) -> None:
    wall = np.full((30, 128, 128, 3), 90, np.uint8)
    with VideoWriter(tmp_path / "wall.mp4", (128, 128), Provenance("test")) as video:
        video.add(Chunk(wall, np.zeros(30 * 640, np.float32)))
    with pytest.raises(NoFace, match="No face was found in"):
        frames_of(portrait, tmp_path / "wall.mp4", speech=silence(1))
    with pytest.raises(BadMedia, match="There is no video"):
        portrait(tmp_path / "none.mp4", speech=silence(1))
    with pytest.raises(RequestError, match="leave out --face"):
        portrait(film, speech=silence(1), face=1)
    with pytest.raises(RequestError, match="leave out --background"):
        portrait(film, speech=silence(1), background="white")
