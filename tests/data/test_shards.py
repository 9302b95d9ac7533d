"""Shards: what is written is read again, whole or not at all."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vivavoce.data import schema, shards
from vivavoce.data.schema import Pictures, Sample
from vivavoce.errors import (
    BadMedia,
    CannotWrite,
    OutputRefused,
    RequestError,
    ShapeError,
    UnknownName,
)


def made(key: str = "p00000_c00", frames: int = 4) -> Sample:
    rng = np.random.default_rng(0)
    smooth = np.linspace(0, 200, 32 * 32 * 3).reshape(32, 32, 3).astype(np.uint8)
    return Sample(
        key,
        {"set": "test", "person": "p00000", "frames": frames, "text": "Grüße"},
        rng.uniform(-1, 1, 640 * frames).astype(np.float32),
        Pictures.encode([smooth + i for i in range(frames)]),
        {"expression": rng.random((frames, 52), np.float32), "identity": np.ones(40, np.float32)},
        Pictures.encode(rng.integers(0, 14, (frames, 32, 32), np.uint8)),
        Pictures.encode(rng.integers(0, 65535, (frames, 32, 32), np.uint16)),
        b"video",
    )


def test_a_shard_gives_back_what_was_written(tmp_path: Path) -> None:
    sample = made()
    assert shards.write_shard(tmp_path / "train" / "a.tar", [sample, made("b")]) == 2
    back, other = shards.read_shard(tmp_path / "train" / "a.tar")
    assert (back.key, other.key) == ("p00000_c00", "b")
    assert back.about == {"version": schema.VERSION} | sample.about
    assert back.samples is not None
    assert sample.samples is not None
    np.testing.assert_allclose(back.samples, sample.samples, atol=1 / 32768)
    np.testing.assert_array_equal(back.tracks["expression"], sample.tracks["expression"])
    for name in ("masks", "depth"):
        np.testing.assert_array_equal(getattr(back, name)[:], getattr(sample, name)[:])
    assert back.frames is not None
    assert np.abs(back.frames[1].astype(int) - back.frames[0].astype(int)).mean() < 3
    assert back.frames[1:3].shape == (2, 32, 32, 3)
    assert back.frames[-1].shape == (32, 32, 3)
    assert back.video == b"video"


def test_the_same_samples_give_the_same_bytes(tmp_path: Path) -> None:
    shards.write_shard(tmp_path / "a.tar", [made()])
    shards.write_shard(tmp_path / "b.tar", [made()])
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_only_the_wanted_members_are_read(tmp_path: Path) -> None:
    shards.write_shard(tmp_path / "a.tar", [made()])
    (sample,) = shards.read_shard(tmp_path / "a.tar", ("wav",))
    assert sample.samples is not None
    assert (sample.frames, sample.video, sample.tracks) == (None, None, {})


def test_every_array_that_is_written_has_a_row_in_the_table() -> None:
    rows = {(e.member, key) for e in schema.TABLE for key in e.key.split(", ")}
    for suffix, data in schema.to_members(made()):
        if suffix.endswith("npz"):
            assert {(suffix, key) for key in schema._from_npz(data)} <= rows


def test_lengths_must_agree(tmp_path: Path) -> None:
    sample = made()
    sample.about["frames"] = 5
    with pytest.raises(ShapeError, match=r"p00000_c00\.wav must have shape \[3200\]"):
        shards.write_shard(tmp_path / "a.tar", [sample])
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_shard_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    shards.write_shard(path, [made(f"k{i}") for i in range(3)])
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(BadMedia, match=r"a\.tar is damaged"):
        list(shards.read_shard(path))


def test_a_shard_of_another_version_is_refused(tmp_path: Path) -> None:
    sample = made()
    sample.about["version"] = 99
    shards.write_shard(tmp_path / "a.tar", [sample])
    with pytest.raises(BadMedia, match="version 99"):
        list(shards.read_shard(tmp_path / "a.tar"))


def test_a_full_disk_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    import webdataset

    monkeypatch.setattr(webdataset.TarWriter, "write", full)
    with pytest.raises(CannotWrite, match="No space left"):
        shards.write_shard(tmp_path / "a.tar", [made()])
    assert list(tmp_path.iterdir()) == []


def test_a_set_lists_its_shards_by_split(tmp_path: Path) -> None:
    shards.write_shard(tmp_path / "train" / "b.tar", [made("b")])
    shards.write_shard(tmp_path / "train" / "a.tar", [made("a")])
    shards.write_shard(tmp_path / "test" / "c.tar", [made("c")])
    with pytest.raises(RequestError, match=r"no set\.json"):
        shards.open_set(tmp_path)
    found = shards.write_set(tmp_path, {"name": "tiny"})
    assert found.name == "tiny"
    assert [s.key for s in found.samples("train")] == ["a", "b"]
    assert [s.key for s in found.samples()] == ["a", "b", "c"]
    with pytest.raises(RequestError, match="no val shards; it has train, test"):
        found.shards("val")
    with pytest.raises(UnknownName, match="train"):
        found.shards("trian")


def test_sets_are_joined_where_they_lie(tmp_path: Path) -> None:
    for name in ("a", "b"):
        own = replace(made(name), about=made().about | {"person": name})
        shards.write_shard(tmp_path / name / "train" / "0.tar", [own])
        shards.write_set(tmp_path / name, {"name": name})
    shards.write_shard(tmp_path / "b" / "test" / "0.tar", [made("c")])
    sets = [tmp_path / n for n in ("a", "b", "b")]
    joined = shards.join_sets(sets, tmp_path / "c")
    assert joined.name == "c"
    assert joined.splits == ["train", "test"]
    assert [s.key for s in joined.samples("train", ())] == ["a", "b", "b"]
    moved = (tmp_path / "c").rename(tmp_path / "d")
    assert len(shards.open_set(moved).shards("all")) == 5
    with pytest.raises(OutputRefused, match="already"):
        shards.join_sets(sets, moved)


def test_sets_that_cannot_be_joined_leave_nothing(tmp_path: Path) -> None:
    for name in ("a", "b"):
        shards.write_shard(tmp_path / name / "train" / "0.tar", [made(name)])
        shards.write_set(tmp_path / name, {"name": name})
    for sets, told in (
        (("nothing",), "no set"),
        (("a", "b"), "both have somebody called 'p00000'"),
    ):
        with pytest.raises(RequestError, match=told):
            shards.join_sets([tmp_path / n for n in sets], tmp_path / "e")
    (tmp_path / "b" / "train" / "0.tar").write_bytes(b"no shard")
    with pytest.raises(BadMedia, match="damaged"):
        shards.join_sets([tmp_path / "b"], tmp_path / "e")
    assert not (tmp_path / "e").exists()
