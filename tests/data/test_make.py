"""`vivavoce corpus make` as a whole: shards that open, truth that holds, the same bits again."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from vivavoce.data.corpus import make
from vivavoce.data.corpus.describe import units_named
from vivavoce.data.corpus.make import make_corpus
from vivavoce.data.corpus.scene import LABELS
from vivavoce.data.schema import Sample
from vivavoce.data.shards import open_set
from vivavoce.errors import CannotWrite, RequestError, VivavoceError
from vivavoce.look.track import track_video
from vivavoce.measure.metrics.lips import closure_gaps, vowel_gaps
from vivavoce.media.provenance import read_provenance
from vivavoce.media.read import read_clip_info, read_speech, read_video
from vivavoce.types import EMOTIONS, OUTER_EYES, SAMPLES_PER_FRAME, Phone, lip_gap

SETTINGS = {"clips": 2, "seed": 11, "size": 128, "words_share": 0.0}


@pytest.fixture(scope="module", autouse=True)
def _small_ceiling() -> Iterator[None]:
    """The best possible match is tested in test_people.py; here a few people are enough."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(make, "CEILING_PEOPLE", 20)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2 people x 2 sentences."""
    out = tmp_path_factory.mktemp("made") / "corpus"
    make_corpus(out, people=2, **SETTINGS)
    return out


@pytest.fixture(scope="module")
def samples(folder: Path) -> list[Sample]:
    return list(open_set(folder).samples())


def digests(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*.tar"))
    }


def phones(sample: Sample) -> list[Phone]:
    return [Phone(*phone) for phone in sample.about["phones"]]


def test_every_member_is_there_and_fits(samples: list[Sample]) -> None:
    assert [s.key for s in samples] == ["p00000_c000", "p00000_c001", "p00001_c000", "p00001_c001"]
    for sample in samples:
        sample.check()
        frames = len(sample)
        assert sample.frames is not None
        assert sample.masks is not None
        assert sample.depth is not None
        assert sample.frames[0].shape == (128, 128, 3)
        assert sample.masks[0].dtype == np.uint8
        assert sample.masks[frames - 1].max() < len(LABELS)
        assert sample.depth[0].dtype == np.uint16
        assert sample.depth[0][64, 64] > 0
        assert ((sample.depth[0] == 0) == (sample.masks[0] == 0)).all()
        assert set(sample.tracks) == {
            "landmarks", "expression", "identity", "pose", "pose_modes", "rhythm", "gaze",
            "mouth_box", "face_box", "seen",
        }  # fmt: skip
        assert sample.tracks["seen"].all()


def test_what_is_known_of_the_clip_is_readable(samples: list[Sample]) -> None:
    for sample in samples:
        about = sample.about
        assert about["emotion"] in EMOTIONS
        assert about["intensity"] in (1, 2, 3)
        told = about["instruction"]
        assert set(told) == {"coarse", "fine", "units"}
        assert units_named(told["fine"]) == set(told["units"])
        spoken = [w.lower() for w, _, _ in about["words"]]
        letters = "".join(c for c in about["text"].lower() if c.isalpha())
        assert letters.startswith("".join(c for c in spoken[0] if c.isalpha()))
        ends = [end for _, _, end in about["phones"]]
        assert ends == sorted(ends)
        assert ends[-1] <= sample.seconds + 1e-3
        who = about["attributes"]
        assert who["sex"] in ("female", "male")
        assert 16 <= who["age"] <= 90
        assert who["pitch_hz"] > 50
        assert isinstance(who["hair"], str)
    first, second = (s.about["attributes"] for s in samples[1:3])
    assert first != second


def test_the_tracker_agrees_with_the_landmarks(samples: list[Sample]) -> None:
    for sample in samples[::2]:
        assert sample.frames is not None
        true = sample.tracks["landmarks"]
        found = list(track_video(iter(sample.frames[:30])))
        pairs = [(f, t) for f, t in zip(found, true[:30], strict=True) if f is not None]
        assert len(pairs) > 25
        errors = [
            np.median(np.linalg.norm(f[:468, :2] - t[:468, :2], axis=1))
            / np.linalg.norm(t[OUTER_EYES[0], :2] - t[OUTER_EYES[1], :2])
            for f, t in pairs
        ]
        assert np.median(errors) < 0.04


def test_lips_close_on_closures_and_open_on_vowels(samples: list[Sample]) -> None:
    gaps = [(lip_gap(s.tracks["landmarks"]), phones(s)) for s in samples]
    closures = np.concatenate([closure_gaps(g, p) for g, p in gaps])
    vowels = np.concatenate([vowel_gaps(g, p) for g, p in gaps])
    assert len(closures) >= 4
    assert np.median(closures) < 0.03
    assert np.median(vowels) > 0.06


def test_the_video_is_whole_and_says_that_it_is_synthetic(
    samples: list[Sample], tmp_path: Path
) -> None:
    sample, path = samples[0], tmp_path / "clip.mp4"
    assert sample.video is not None
    assert sample.frames is not None
    assert sample.samples is not None
    path.write_bytes(sample.video)
    assert read_provenance(path)["synthetic-media"] == "yes"
    pictures = list(read_video(path))
    assert len(pictures) == len(sample)
    assert np.abs(pictures[5].astype(int) - sample.frames[5]).mean() < 6
    info = read_clip_info(path)
    assert abs(info.seconds - sample.seconds) < 0.02
    sound = np.concatenate([piece.samples for piece in read_speech(path)])
    assert abs(len(sound) - len(sample) * SAMPLES_PER_FRAME) <= 0.04 * 16000
    assert np.corrcoef(sound[: len(sample.samples)], sample.samples[: len(sound)])[0, 1] > 0.95


def test_workers_change_no_bit_and_more_people_change_nobody(tmp_path: Path) -> None:
    one_word = SETTINGS | {"words_share": 1.0, "clips": 1, "layers": False}
    make_corpus(tmp_path / "one", people=1, **one_word)
    made = make_corpus(tmp_path / "two", people=2, workers=2, **one_word)
    assert made.about["people"] == 2
    here, there = digests(tmp_path / "one"), digests(tmp_path / "two")
    assert set(there) - set(here) == {"train/p00001.tar"}
    assert {k: there[k] for k in here} == here


def test_another_seed_makes_other_people(samples: list[Sample], tmp_path: Path) -> None:
    make_corpus(tmp_path / "other", people=1, **(SETTINGS | {"seed": 12, "clips": 1}))
    (other,) = open_set(tmp_path / "other").samples()
    assert other.about["attributes"] != samples[0].about["attributes"]
    assert other.about["text"] != samples[0].about["text"]


def test_a_stopped_run_goes_on_where_it_was(folder: Path, tmp_path: Path) -> None:
    half = tmp_path / "half"
    (half / "train").mkdir(parents=True)
    shutil.copy(folder / "corpus.json", half)
    shutil.copy2(folder / "train" / "p00000.tar", half / "train")
    (half / "train" / ".p00001.tar.part-7").write_bytes(b"what a killed run left")
    before = (half / "train" / "p00000.tar").stat().st_mtime_ns
    told: list[str] = []
    make_corpus(half, people=2, **SETTINGS, on_progress=lambda done, of, line: told.append(line))
    assert digests(half) == digests(folder)
    assert (half / "train" / "p00000.tar").stat().st_mtime_ns == before
    assert "was there" in told[0]
    assert not list(half.rglob(".*"))
    report = json.loads((half / "report.json").read_text())
    assert (report["people_made"], report["people_there_before"]) == (1, 1)
    assert (half / "set.json").read_bytes() == (folder / "set.json").read_bytes()


def test_single_words_are_lrw_like(tmp_path: Path) -> None:
    settings = SETTINGS | {"words_share": 1.0, "clips": 1}
    make_corpus(tmp_path / "words", people=1, **settings, layers=False)
    (sample,) = open_set(tmp_path / "words").samples()
    assert len(sample) == 29
    ((word, start, end),) = sample.about["words"]
    assert word.lower() == sample.about["text"].lower()
    assert abs((start + end) / 2 - 0.58) < 0.02
    assert sample.masks is None
    assert sample.depth is None


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"size": 100}, "--size is one of 128, 256, 512"),
        ({"people": 0}, "--people"),
        ({"clips": 0}, "--clips"),
        ({"seed": -1}, "--seed"),
        ({"words_share": 1.5}, "--words-share"),
        ({"workers": 0}, "--workers"),
    ],
)
def test_wrong_numbers_are_refused_before_anything_is_made(
    wrong: dict, told: str, tmp_path: Path
) -> None:
    with pytest.raises(RequestError, match=told):
        make_corpus(tmp_path / "no", **({"people": 1} | SETTINGS | wrong))
    assert not (tmp_path / "no").exists()


def test_another_corpus_in_the_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="seed 11, not 12"):
        make_corpus(folder, people=2, **(SETTINGS | {"seed": 12}))
    (tmp_path / "letters.txt").write_text("mine")
    with pytest.raises(RequestError, match="no corpus"):
        make_corpus(tmp_path, people=1, **SETTINGS)


def test_a_full_disk_leaves_what_was_finished(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    out = tmp_path / "full"
    shutil.copytree(folder, out)
    (out / "set.json").unlink()
    (out / "train" / "p00001.tar").unlink()
    monkeypatch.setattr(tarfile.TarFile, "addfile", full)
    with pytest.raises(CannotWrite, match="No space left"):
        make_corpus(out, people=2, **SETTINGS)
    assert [p.name for p in out.rglob("*.tar*")] == ["p00000.tar"]
    assert not (out / "set.json").exists()


def test_a_person_who_fails_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a mistake")

    monkeypatch.setattr(make, "Painter", broken)
    with pytest.raises(VivavoceError, match=r"Person 0 .*ZeroDivisionError: a mistake"):
        make_corpus(tmp_path / "out", people=1, **SETTINGS)
    assert not list((tmp_path / "out").rglob("*.tar*"))


@pytest.mark.slow(reason="Ray takes half a minute to start")
def test_ray_makes_the_same_bits(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'vivavoce[cluster]'")
    make_corpus(tmp_path / "ray", people=2, workers="ray", **SETTINGS)
    assert digests(tmp_path / "ray") == digests(folder)


def test_shards_are_plain_tar_files(folder: Path) -> None:
    with tarfile.open(folder / "train" / "p00000.tar") as tar:
        names = tar.getnames()
        about = tar.extractfile("p00000_c000.json")
        assert about is not None
        assert json.load(io.BytesIO(about.read()))["set"] == "corpus"
    assert "p00000_c000.mp4" in names
