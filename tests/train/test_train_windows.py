"""Windows of clips from shards."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from vivavoce.data.schema import Pictures, Sample
from vivavoce.data.shards import ShardSet, write_set, write_shard
from vivavoce.errors import BadMedia, RequestError
from vivavoce.listen.mel import log_mel
from vivavoce.train.read.windows import Windows


def clip(number: int, frames: int) -> Sample:
    """Picture t is grey of brightness 20 number + 3 t, sound and track tell the frame too."""
    rng = np.random.default_rng(number)
    shades = [np.full((16, 16, 3), 20 * number + 3 * t, np.uint8) for t in range(frames)]
    return Sample(
        f"c{number}",
        {"set": "test", "split": "train", "person": f"p{number % 2}", "frames": frames},
        rng.uniform(-0.1, 0.1, 640 * frames).astype(np.float32),
        Pictures.encode(shades),
        {"pose": np.arange(frames * 6, dtype=np.float32).reshape(frames, 6),
         "identity": np.full(40, number, np.float32)},
    )  # fmt: skip


@pytest.fixture
def shards(tmp_path: Path) -> ShardSet:
    write_shard(tmp_path / "train" / "000.tar", [clip(0, 8), clip(1, 12)])
    write_shard(tmp_path / "train" / "001.tar", [clip(2, 4), clip(3, 10)])
    return write_set(tmp_path, {"name": "test"})


def test_a_window_is_the_same_stretch_of_everything(shards: ShardSet) -> None:
    windows = Windows(shards, "train", 5)
    for seed in range(10):
        window = windows.draw(np.random.default_rng(seed))
        number, start = int(window.track("identity")[0]), window.start
        np.testing.assert_allclose(
            window.pictures.mean((1, 2, 3)), 20 * number + 3 * np.arange(start, start + 5), atol=1.5
        )
        np.testing.assert_array_equal(window.track("pose")[:, 0], 6 * np.arange(start, start + 5))
        whole = clip(number, 12).samples
        assert whole is not None
        sound = whole[640 * start : 640 * (start + 5)]
        np.testing.assert_allclose(window.samples, sound, atol=1 / 32768)
        middle = slice(4, -4)  # where the window hears nothing from outside itself
        np.testing.assert_allclose(window.mel[middle], log_mel(window.samples)[middle], atol=1e-3)
        assert window.mel.shape == (20, 80)


def test_every_window_is_as_likely_and_short_clips_are_left_out(shards: ShardSet) -> None:
    windows, rng = Windows(shards, "train", 5, ("tracks",)), np.random.default_rng(0)
    assert len(windows) == 3
    drawn = [windows.draw(rng) for _ in range(4000)]
    counts = Counter((int(w.track("identity")[0]), w.start) for w in drawn)
    assert len(counts) == 4 + 8 + 6
    assert min(counts.values()) > 0.7 * 4000 / 18
    assert max(counts.values()) < 1.3 * 4000 / 18


def test_the_same_generator_gives_the_same_window(shards: ShardSet) -> None:
    first, again = (Windows(shards, "train", 5) for _ in range(2))
    for seed in range(5):
        a, b = (w.draw(np.random.default_rng(seed)) for w in (first, again))
        assert (a.clip.sample.key, a.start) == (b.clip.sample.key, b.start)


def test_windows_of_one_person(shards: ShardSet) -> None:
    windows, rng = Windows(shards, "train", 5), np.random.default_rng(0)
    assert windows.people == {"p0": [0], "p1": [1, 2]}
    seen = {windows.of_person("p1", rng).clip.sample.key for _ in range(20)}
    assert seen == {"c1", "c3"}


def test_memory_is_bounded(shards: ShardSet) -> None:
    windows = Windows(shards, "train", 5, cache=1)
    first = windows.clip(0)
    assert windows.clip(0) is first
    windows.clip(1)
    assert windows.clip(0) is not first
    roomy = Windows(shards, "train", 5)
    kept = [roomy.clip(i) for i in range(3)]
    assert all(roomy.clip(i) is c for i, c in enumerate(kept))


def test_what_is_missing_is_named(shards: ShardSet) -> None:
    with pytest.raises(RequestError, match=r"no clip of 50 frames \(2 s\)"):
        Windows(shards, "train", 50)
    window = Windows(shards, "train", 5, ("wav", "tracks")).draw(np.random.default_rng(0))
    with pytest.raises(RequestError, match="no pictures"):
        _ = window.pictures
    with pytest.raises(RequestError, match=r"no track 'gaze'.*identity, pose"):
        window.track("gaze")


def test_a_damaged_shard_is_named(shards: ShardSet) -> None:
    path = shards.folder / "train" / "001.tar"
    whole = path.read_bytes()
    for keep in (700, len(whole) // 2):
        path.write_bytes(whole[:keep])
        with pytest.raises(BadMedia, match=r"001.tar is damaged"):
            _read_all(shards)


def _read_all(shards: ShardSet) -> None:
    windows = Windows(shards, "train", 5)
    for number in range(len(windows)):
        windows.clip(number)
