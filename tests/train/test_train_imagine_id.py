"""ImagineID's samples, and what training refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vivavoce.data.shards import open_set
from vivavoce.errors import BadCheckpoint, RequestError
from vivavoce.listen.mel_windows import mel_rows
from vivavoce.systems.imagine_id.face import EYES, basel, face_space
from vivavoce.systems.imagine_id.settings import PRESETS, WINDOW
from vivavoce.systems.stage import Run
from vivavoce.train import make, trainable_of
from vivavoce.train.imagine_id.pictures import Quadruples
from vivavoce.train.imagine_id.sounds import Sounds
from vivavoce.train.read.windows import Windows


@pytest.fixture(scope="module")
def sounds(corpus_128: Path) -> Sounds:
    return Sounds(Windows(open_set(corpus_128), "train", WINDOW), "face478")


def test_pairs_share_what_they_should(sounds: Sounds) -> None:
    about = sounds.windows.about
    for seed in range(20):
        rng = np.random.default_rng(seed)
        who = sounds.by_person(rng)
        people = [about[n]["person"] for n in (who.anchor, who.same, who.other)]
        assert people[0] == people[1] != people[2]
        assert who.anchor != who.same
        felt = sounds.by_feeling(rng)
        assert sounds.feelings[felt.anchor] == sounds.feelings[felt.same] or \
            sounds.feelings.count(sounds.feelings[felt.anchor]) == 1  # fmt: skip


def test_a_window_reads_on_in_its_recording(sounds: Sounds) -> None:
    rng = np.random.default_rng(0)
    window = sounds.window(0, rng)
    whole = mel_rows(window.clip.sample.samples)
    assert np.array_equal(sounds.rows(window).numpy(), whole[window.span])
    sample = sounds.draw(sounds.by_person(rng), rng)
    assert sample["sound"].shape == (3, WINDOW, 1280)
    assert sample["shape"].shape == (40,)
    assert np.allclose(sample["said"].sum(1), 1, atol=1e-5)
    assert (sample["expression"][:, list(EYES)] == 0).all()
    assert sample["expression"].std() > 0


def test_a_quadruple_shows_what_it_says(corpus_128: Path) -> None:
    windows = Windows(open_set(corpus_128), "train", WINDOW)
    settings = PRESETS["tiny"].settings
    maker, clip = Quadruples(face_space(settings), settings, 128), windows.clip(0)
    four = maker.pictures(clip, 9, 3)
    assert four.shape == (4, 3, 128, 128)
    target, mesh, adjacent, identity = four
    grey = (adjacent - 1 / 255).abs().amax(0) < 0.01
    assert 0.01 < grey.float().mean() < 0.15
    # The mesh lies on the face: where it is drawn, the person is and not the backdrop.
    drawn = (mesh > -1).any(0)
    middle = np.argwhere(drawn.numpy()).mean(0)
    face = clip.sample.tracks["landmarks"][9][:, [1, 0]].mean(0)
    assert np.abs(middle - face * 128 / clip.sample.about["size"]).max() < 8
    again = maker.pictures(clip, 3, 9)
    assert np.array_equal(again[0], identity)
    assert np.array_equal(again[3], target)
    behind = maker.background(clip, 9, 3)
    assert 0.2 < behind["mask"].mean() < 0.8
    corner = behind["mask"][0, :8, :8] == 0
    assert corner.all()


def test_the_papers_preset_says_what_it_needs(corpus_128: Path, tmp_path: Path) -> None:
    paper = make(trainable_of("imagine-id"), "paper", ["base=small", "width=16", "layers=1",
                                                       "adapter=[64, 96, 128]"])  # fmt: skip
    run = Run(corpus_128, tmp_path, 0)
    with pytest.raises(RequestError, match="needs Deep3DFace"):
        paper.check(paper.stages, run)
    (tmp_path / "other.mat").write_bytes(b"no matrix")
    with pytest.raises(BadCheckpoint, match="is not Deep3DFace"):
        basel(str(tmp_path / "other.mat"))


def test_the_basel_model_is_read(tmp_path: Path) -> None:
    from scipy.io import savemat

    rng = np.random.default_rng(0)
    count = 100
    held = {
        "meanshape": rng.normal(size=(1, 3 * count)), "idBase": rng.normal(size=(3 * count, 80)),
        "exBase": rng.normal(size=(3 * count, 64)), "keypoints": np.arange(1, 69)[None],
        "tri": rng.integers(1, count + 1, (50, 3)),
    }  # fmt: skip
    savemat(tmp_path / "BFM_model_front.mat", held)
    face = basel(str(tmp_path / "BFM_model_front.mat"))
    assert face.identity.shape == (80, count, 3)
    assert face.expression.shape == (64, count, 3)
    own = held["idBase"][:, 5].reshape(-1, 3)
    assert np.allclose(face.identity[5], own, atol=1e-5)
    assert face.triangles.min() >= 0
    assert len(face.framing) == 478
