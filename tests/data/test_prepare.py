"""`data prepare`: whole shards or none, faults counted by reason, the same bits however it runs."""

from __future__ import annotations

import errno
import hashlib
import json
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
from layout_trees import TREES, Media, make_media
from typer.testing import CliRunner

from vivavoce.cli import app
from vivavoce.data.layouts import LAYOUTS
from vivavoce.data.prepare import prepare, prepare_clip
from vivavoce.data.schema import TABLE, Sample
from vivavoce.data.shards import open_set
from vivavoce.errors import BadMedia, CannotWrite, RequestError, UnknownName

SIZE = 96


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Media:
    """Short clips, good and bad."""
    return make_media(tmp_path_factory.mktemp("media"))


@pytest.fixture(scope="module")
def root(media: Media, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small LRS3 with every fault."""
    folder = tmp_path_factory.mktemp("lrs3")
    TREES["lrs3"](folder, media)
    return folder


@pytest.fixture(scope="module")
def shards(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That tree, prepared."""
    out = tmp_path_factory.mktemp("prepared") / "lrs3"
    prepare("lrs3", root, out, SIZE)
    return out


@pytest.fixture(scope="module")
def samples(shards: Path) -> list[Sample]:
    """Everything in it."""
    return list(open_set(shards).samples("all", ("wav", "frames", "tracks")))


def digests(folder: Path) -> dict[str, str]:
    """Path below the folder → hash, of every shard."""
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*.tar"))
    }


def test_good_clips_are_kept_in_their_splits(samples: list[Sample]) -> None:
    splits = {s.about["person"]: s.about["split"] for s in samples}
    assert splits["zzz"] == "test"
    assert {s.about["person"] for s in samples} == {"aaa", "bbb", "zzz"}
    assert len(samples) == 4


def test_faults_are_counted_by_reason_with_examples(shards: Path) -> None:
    report = json.loads((shards / "report.json").read_text("utf-8"))
    counted = {reason: entry["clips"] for reason, entry in report["skipped"].items()}
    assert counted == {
        "no sound that can be read": 1, "no face": 1, "unreadable video": 1, "no transcript": 1,
        "unreadable transcript": 1,
    }  # fmt: skip
    assert report["skipped"]["no face"]["examples"][0].endswith("faceless/50001.mp4")
    assert report["totals"]["skipped"] == 5
    assert sum(report["totals"]["clips"].values()) == 4


def test_samples_hold_what_the_table_says(samples: list[Sample]) -> None:
    everywhere = {e.key for e in TABLE if e.sets == "all"}
    for sample in samples:
        sample.check()
        have = set(sample.about) | set(sample.tracks)
        assert {k for k in everywhere if k not in ("samples", "data, ends")} <= have
        assert sample.frames is not None
        assert sample.frames[0].shape == (SIZE, SIZE, 3)
        for entry in TABLE:
            if entry.member == "tracks.npz" and entry.key in sample.tracks:
                assert sample.tracks[entry.key].dtype == entry.dtype


def test_words_come_with_their_times(samples: list[Sample]) -> None:
    about = samples[0].about
    assert about["text"].lower() == "hello there"
    assert [w.lower() for w, _, _ in about["words"]] == ["hello", "there"]
    assert about["words"][0][1:] == [0.04, 0.3]


def test_the_stored_points_lie_on_the_stored_pictures(samples: list[Sample]) -> None:
    from vivavoce.look.track import find_faces

    sample = samples[0]
    assert sample.frames is not None
    (seen,) = find_faces(np.kron(sample.frames[7], np.ones((3, 3, 1), np.uint8)))
    apart = np.linalg.norm(seen.landmarks[:, :2] / 3 - sample.tracks["landmarks"][7, :, :2], axis=1)
    assert apart.mean() < 0.03 * SIZE


def test_two_workers_make_the_same_bits(root: Path, shards: Path, tmp_path: Path) -> None:
    prepare("lrs3", root, tmp_path / "two", SIZE, workers=2)
    assert digests(tmp_path / "two") == digests(shards)


def test_a_killed_run_goes_on_to_the_same_bits(root: Path, shards: Path, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    code = f"from pathlib import Path; from vivavoce.data.prepare import prepare; " \
           f"prepare('lrs3', Path({str(root)!r}), Path({str(out)!r}), {SIZE})"  # fmt: skip
    run = subprocess.Popen([sys.executable, "-c", code])
    until = time.monotonic() + 60
    while not list(out.rglob("*.tar")) and run.poll() is None and time.monotonic() < until:
        time.sleep(0.002)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert not (out / "set.json").exists()
    kept = {p: p.stat().st_mtime_ns for p in out.rglob("*.tar") if p.with_suffix(".json").exists()}
    prepare("lrs3", root, out, SIZE)
    assert digests(out) == digests(shards)
    assert all(p.stat().st_mtime_ns == then for p, then in kept.items())


def test_a_full_disk_leaves_nothing_half(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tarfile.TarFile, "addfile", full)
    with pytest.raises(CannotWrite, match="No space left"):
        prepare("lrs3", root, tmp_path / "full", SIZE)
    assert not list((tmp_path / "full").rglob("*.tar"))
    assert not (tmp_path / "full" / "set.json").exists()


def test_wrong_requests_say_what_is_expected(root: Path, shards: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="lrs3"):
        prepare("lsr3", root, tmp_path / "x")
    with pytest.raises(RequestError, match="no folder"):
        prepare("lrs3", tmp_path / "nowhere", tmp_path / "x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RequestError, match="Expected"):
        prepare("lrs3", tmp_path / "empty", tmp_path / "x")
    with pytest.raises(RequestError, match="size"):
        prepare("lrs3", root, shards, SIZE + 32)
    with pytest.raises(RequestError, match="--workers"):
        prepare("lrs3", root, tmp_path / "x", SIZE, workers=0)
    assert not (tmp_path / "x").exists()


def test_a_missing_list_is_named(media: Media, tmp_path: Path) -> None:
    TREES["lrs2"](tmp_path / "lrs2", media)
    (tmp_path / "lrs2" / "val.txt").unlink()
    with pytest.raises(RequestError, match=r"val\.txt is missing"):
        prepare("lrs2", tmp_path / "lrs2", tmp_path / "x")


def test_a_corrupt_shard_is_named(shards: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(shards, tmp_path / "set")
    shard = sorted((tmp_path / "set").rglob("*.tar"))[0]
    shard.write_bytes(shard.read_bytes()[:5000])
    with pytest.raises(BadMedia, match=shard.name):
        list(open_set(tmp_path / "set").samples("all", ("wav", "frames", "tracks")))


@pytest.mark.parametrize("name", sorted(set(LAYOUTS) - {"lrs3"}))
def test_every_set_becomes_shards(name: str, media: Media, tmp_path: Path) -> None:
    TREES[name](tmp_path / name, media)
    made = prepare(name, tmp_path / name, tmp_path / "out", 64, limit=2)
    found = list(made.samples("all", ("wav", "frames", "tracks")))
    assert found
    for sample in found:
        sample.check()
        assert sample.about["set"] == name
        assert sample.tracks["seen"].mean() >= 0.8
        assert np.abs(sample.samples).max() > 0.01
    report = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    assert sum(report["totals"]["clips"].values()) == len(found)


def test_look_prints_and_draws(shards: Path, tmp_path: Path) -> None:
    ran = CliRunner().invoke(app, ["data", "look", str(shards), "-o", str(tmp_path / "s.png")])
    assert ran.exit_code == 0, ran.output
    assert "2 people" in ran.output
    assert (tmp_path / "s.png").stat().st_size > 2000


def test_list_names_every_set() -> None:
    ran = CliRunner().invoke(app, ["data", "prepare", "--list"])
    assert all(name in ran.output for name in LAYOUTS)


def test_a_real_clip_keeps_its_face_and_its_time(real: Path) -> None:
    clip = sorted((real / "video").glob("grid*.mp4"))[0]
    sample = prepare_clip(clip, 128, 3.0)
    assert sample is not None
    sample.check()
    eyes = sample.tracks["landmarks"][:, [33, 263], :2].mean(1)
    assert np.abs(eyes / 128 - [0.5, 0.44]).max() < 0.12  # the portrait's rule
    assert np.abs(sample.tracks["pose"][:, :3]).max() < 1.0
