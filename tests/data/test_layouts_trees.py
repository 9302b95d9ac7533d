"""Each layout reads the official tree of its set: keys, splits, people, labels, flaws."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from layout_trees import TREES, Media, film, make_media

from vivavoce.data.layouts import LAYOUTS, find_layout
from vivavoce.data.layouts.base import Found
from vivavoce.data.layouts.clips import split_of as split_by_name
from vivavoce.data.layouts.fakeavceleb import split_of as split_by_lot
from vivavoce.data.layouts.hdtf import EVERY, person_of, seconds, split_of
from vivavoce.errors import RequestError, UnknownName
from vivavoce.types import EMOTIONS


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Found]]:
    """Set → key → clip, of every tree."""
    folder = tmp_path_factory.mktemp("trees")
    media = make_media(folder)
    return {name: _clips(name, folder / name, media) for name in TREES}


def _clips(name: str, root: Path, media: Media) -> dict[str, Found]:
    TREES[name](root, media)
    clips = list(find_layout(name).find(root))
    by_key = {clip.key: clip for clip in clips}
    assert len(by_key) == len(clips), f"{name}: keys are not unique"
    return by_key


def test_every_set_has_a_tree() -> None:
    assert set(TREES) == set(LAYOUTS)


@pytest.mark.parametrize("name", LAYOUTS)
def test_clips_are_well_formed_and_people_stay_in_their_split(
    name: str, found: dict[str, dict[str, Found]]
) -> None:
    splits: dict[str, set[str]] = {}
    for clip in found[name].values():
        assert "." not in clip.key
        assert "/" not in clip.key
        assert clip.split in ("train", "val", "test")
        assert clip.emotion is None or clip.emotion in EMOTIONS
        if clip.flaw is None:
            assert clip.video.is_file()
            splits.setdefault(clip.person, set()).add(clip.split)
    assert splits
    assert all(len(where) == 1 for where in splits.values()), splits


def test_voxceleb2(found: dict[str, dict[str, Found]]) -> None:
    clips = found["voxceleb2"]
    apart = clips["id00012_21Uxsk56VDQ_00001"]
    assert apart.audio is not None
    assert apart.audio.suffix == ".m4a"
    assert apart.attributes == {"sex": "male"}
    assert apart.split == "train"
    assert clips["id00061_2A3bCdefGHI_00001"].split == "val"  # the 50th development speaker
    assert clips["id00061_2A3bCdefGHI_00001"].attributes == {"sex": "female"}
    assert clips["id00017_5MkXgwdrmJw_00003"].split == "test"


def test_lrs2(found: dict[str, dict[str, Found]]) -> None:
    clips = found["lrs2"]
    assert {k: c.split for k, c in clips.items() if not c.flaw} == {
        "train_111_00001": "train", "val_222_00001": "val", "test_333_00001": "test",
        "pretrain_111_00009": "train",
    }  # fmt: skip
    assert clips["pretrain_111_00009"].words == (("hello", 0.04, 0.3),)
    assert clips["train_111_00001"].text == "hello"
    assert clips["train_111_00001"].words == ()
    assert clips["test_333_00002"].flaw == "no transcript"


def test_lrs3(found: dict[str, dict[str, Found]]) -> None:
    clips = found["lrs3"]
    good = clips["trainval_aaa_50001"]
    assert good.text == "hello there"
    assert good.words == (("hello", 0.04, 0.30), ("there", 0.31, 0.55))
    assert clips["test_zzz_00002"].split == "test"
    assert clips["pretrain_aaa_00001"].split == good.split
    assert clips["trainval_bbb_50002"].flaw == "no transcript"
    assert clips["trainval_bbb_50003"].flaw == "unreadable transcript"


def test_lrw_places_the_word_in_the_middle(found: dict[str, dict[str, Found]]) -> None:
    clip = found["lrw"]["val_ABOUT_00001"]
    ((word, start, end),) = clip.words
    assert word == clip.text == "about"
    assert end - start == pytest.approx(0.53)
    assert (start + end) / 2 == pytest.approx(29 / 25 / 2)
    assert clip.end_s == pytest.approx(1.16)
    assert found["lrw"]["train_YEARS_00002"].flaw == "no transcript"


def test_mead(found: dict[str, dict[str, Found]]) -> None:
    clips = found["mead"]
    afraid = clips["M003_fear_level_3_001"]
    assert (afraid.emotion, afraid.intensity, afraid.split) == ("fearful", 3, "test")
    assert afraid.audio is not None
    assert afraid.attributes["sex"] == "male"
    assert clips["W011_happy_level_2_001"].split == "train"
    assert clips["W011_happy_level_2_001"].attributes["sex"] == "female"
    assert clips["M003_bored_level_1_001"].flaw == "unknown emotion or level"
    assert not any("left" in str(c.video) for c in clips.values())


def test_descriptions_of_mead(found: dict[str, dict[str, Found]]) -> None:
    ours, theirs = found["meadtext"], found["instructavatar"]
    assert ours["M003_fear_level_3_001"].instruction == {
        "coarse": "very afraid", "fine": "brows raised", "units": {"AU1": 0.8},
    }  # fmt: skip
    assert ours["M003_neutral_level_1_001"].flaw == "no description"
    assert theirs["M003_fear_level_3_001"].instruction == {
        "coarse": "fearful", "fine": "Raise the brows.", "variants": ["Let the brows go up."],
        "units": {"inner_brow_raiser": 1.0, "lips_part": 1.0},
    }  # fmt: skip
    assert theirs["W011_happy_level_2_001"].flaw == "no description"


def test_hdtf(found: dict[str, dict[str, Found]]) -> None:
    clips = found["hdtf"]
    radio = clips["RD_Radio1_0"]
    assert (radio.start_s, radio.end_s) == (0, 1)
    assert radio.box == pytest.approx((620 / 1280, 40 / 720, 1260 / 1280, 680 / 720))
    assert clips["RD_Radio2_0"].flaw == "video not fetched"
    finished = clips["WDA_AmyKlobuchar0_0"]
    assert finished.box is None
    assert finished.end_s is None
    assert finished.flaw is None
    assert clips["WDA_AmyKlobuchar1_0"].flaw == "unreadable interval"
    assert finished.person == clips["WDA_AmyKlobuchar1_0"].person == "WDA_AmyKlobuchar"
    assert person_of("RD", "Radio12.mp4") == "RD_Radio12"
    assert seconds("1:02:03") == 3723
    splits = [split_of(n) for n in range(EVERY)]
    assert splits.count("test") == splits.count("val") == 1


def test_ravdess(found: dict[str, dict[str, Found]]) -> None:
    clips = found["ravdess"]
    afraid = clips["Actor_01_01-01-06-01-02-01-01"]
    assert (afraid.emotion, afraid.intensity, afraid.split) == ("fearful", 2, "test")
    assert afraid.text == "Dogs are sitting by the door."
    assert afraid.attributes == {"sex": "male"}
    calm = clips["Actor_01_01-01-02-02-01-01-01"]
    assert calm.emotion == "neutral"
    assert calm.attributes["emotion_in_set"] == "calm"
    assert clips["Actor_08_01-01-08-02-01-02-08"].split == "val"
    assert clips["Actor_08_01-01-08-02-01-02-08"].intensity == 3
    assert clips["Actor_09_01-01-01-01-01-01-09"].split == "train"
    assert clips["Actor_01_01-01-99-01-01-01-01"].flaw == "name with unknown codes"
    assert len(clips) == 5  # no song, no picture without sound, no sound without picture


def test_celebvhq(found: dict[str, dict[str, Found]]) -> None:
    clips = found["celebvhq"]
    cut = clips["M2Ohb0FAaJU_1"]
    assert (cut.start_s, cut.end_s, cut.emotion) == (0.2, 1.0, "angry")
    assert cut.box == (0.48, 0.06, 0.98, 0.94)
    assert cut.attributes == {"appearance": ["Male"], "action": ["blow"], "sex": "male"}
    whole = clips["_0tf2n3rlJU_0"]
    assert whole.box is None
    assert whole.end_s is None
    assert whole.emotion is None
    assert whole.attributes["emotions"][0]["emotion"] == "happy"
    assert clips["gone_0"].flaw == "video not fetched"
    assert clips["odd_0"].flaw == "unreadable annotation"


def test_fakeavceleb_reads_the_real_part_only(found: dict[str, dict[str, Found]]) -> None:
    clips = found["fakeavceleb"]
    assert set(clips) == {"id00008_00109", "id00009_00001"}
    assert clips["id00008_00109"].attributes == {"sex": "female", "group": "African"}
    assert {split_by_lot(f"id{n:05d}") for n in range(100)} == {"train", "val", "test"}


def test_clips_of_ones_own(found: dict[str, dict[str, Found]]) -> None:
    clips = found["clips"]
    assert {k: c.person for k, c in clips.items()} == {
        "anna_one-mp4": "anna", "anna_two-b-MP4": "anna", "bob-mp4": "bob",
        "carl_broken-mp4": "carl", "dora-mp4": "dora",
    }  # fmt: skip
    assert clips["anna_one-mp4"].text == "Good morning."
    assert clips["bob-mp4"].text is None
    assert clips["carl_broken-mp4"].flaw == "unreadable video"
    assert clips["dora-mp4"].flaw == "words are not UTF-8"
    splits = [split_by_name(f"person{n}") for n in range(400)]
    assert 20 < splits.count("test") < 60
    assert 20 < splits.count("val") < 60


def test_long_clips_of_ones_own_are_cut_into_pieces_and_none_is_lost(tmp_path: Path) -> None:
    video = tmp_path / "anna" / "long.mp4"
    video.parent.mkdir()
    frames, seconds = [np.zeros((64, 64, 3), np.uint8)] * 560, 560 / 25
    film(video, frames, np.zeros(int(16_000 * seconds)))
    pieces = list(find_layout("clips").find(tmp_path))
    assert [p.start_s for p in pieces] == pytest.approx([0, seconds / 3, 2 * seconds / 3], abs=0.05)
    assert pieces[-1].end_s == pytest.approx(seconds, abs=0.05)
    assert all(b.start_s == a.end_s for a, b in pairwise(pieces))


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_wrong_root_shows_the_tree_that_is_expected(name: str, tmp_path: Path) -> None:
    layout = find_layout(name)
    for root in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(RequestError) as told:
            list(layout.find(root))
        assert layout.tree.splitlines()[0] in str(told.value)


@pytest.mark.parametrize(
    ("name", "file"),
    [("voxceleb2", "vox2_meta.csv"), ("lrs2", "val.txt"), ("celebvhq", "celebvhq_info.json"),
     ("hdtf", "RD_crop_wh.txt"), ("meadtext", "meadtext.jsonl"),
     ("instructavatar", "au_detect/au_paraphrase.json")],
)  # fmt: skip
def test_a_missing_list_is_named(name: str, file: str, tmp_path: Path) -> None:
    root = tmp_path / name
    TREES[name](root, make_media(tmp_path))
    (root / file).unlink()
    with pytest.raises(RequestError, match=Path(file).name.replace(".", r"\.")):
        list(find_layout(name).find(root))


def test_an_unknown_set_suggests_the_nearest() -> None:
    with pytest.raises(UnknownName, match="voxceleb2"):
        find_layout("VoxCeleb")
    assert find_layout("LRS3-TED").name == "lrs3"
    assert find_layout("CelebV-HQ").name == "celebvhq"
