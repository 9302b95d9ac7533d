"""The corpus judges know what they say they know, on people they have never seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vivavoce.data.corpus.people import draw_person
from vivavoce.data.corpus.voice import say
from vivavoce.data.schema import Sample
from vivavoce.data.shards import open_set
from vivavoce.errors import BadCheckpoint, RequestError, UnknownName
from vivavoce.measure.judges import KINDS, corpus, load_judge, packaged
from vivavoce.measure.metrics import words
from vivavoce.measure.metrics.lipsync import MOST
from vivavoce.types import SAMPLES_PER_FRAME, Emotion


@pytest.fixture(scope="module")
def clips(strangers: Path) -> list[Sample]:
    """Six clips of two people."""
    return list(open_set(strangers).samples("test", ("wav", "frames", "tracks")))


def test_planted_offsets_are_found(clips: list[Sample]) -> None:
    judge, errors = load_judge("sync"), []
    for clip in clips:
        for planted in range(-5, 6):
            sound = np.roll(clip.samples, SAMPLES_PER_FRAME * planted)
            curve = judge.distances(clip.tracks["landmarks"], sound).mean(0)
            errors.append(int(curve.argmin()) - MOST - planted)
    assert len(errors) == 66
    assert np.mean(np.abs(errors) <= 1) >= 0.9


def test_wrong_sound_is_farther_than_right_sound(clips: list[Sample]) -> None:
    judge = load_judge("sync")
    right, wrong = [], []
    for clip, other in zip(clips, [*clips[3:], *clips[:3]], strict=True):
        marks = clip.tracks["landmarks"]
        right.append(judge.distances(marks, clip.samples).mean(0).min())
        wrong.append(
            judge.distances(marks, np.resize(other.samples, clip.samples.shape)).mean(0).min()
        )
    assert max(right) < min(wrong)


def test_two_people_are_told_apart_by_face(clips: list[Sample]) -> None:
    judge = load_judge("face")
    vectors = []
    for clip in clips:
        assert clip.frames is not None
        vectors.append(judge.embedding(clip.frames[:5], clip.tracks["landmarks"][:5]).mean(0))
    near = np.array(vectors) @ np.array(vectors).T
    same = np.array([[a.about["person"] == b.about["person"] for b in clips] for a in clips])
    assert near[same].min() > near[~same].max()


def test_short_clips_have_no_sync(clips: list[Sample]) -> None:
    clip = clips[0]
    rows = load_judge("sync").distances(clip.tracks["landmarks"][:30], clip.samples[:19200])
    assert rows.shape == (0, 2 * MOST + 1)


def test_every_kind_has_a_corpus_judge_with_a_name() -> None:
    for kind in set(KINDS) - {"naturalness", "noise"}:  # their packages may be missing
        judge = load_judge(kind)
        assert judge.name
        assert judge.official is False


def test_unknown_judges_are_refused() -> None:
    with pytest.raises(UnknownName, match="sync"):
        load_judge("sinc")
    with pytest.raises(RequestError, match="no official judge"):
        load_judge("looks", "anything.pth")
    with pytest.raises(BadCheckpoint):
        load_judge("sync", "missing.model")


def test_natural_and_clean_speech_is_preferred() -> None:
    pytest.importorskip("distillmos", reason="the judges of naturalness come with no extra")
    pytest.importorskip("speechmos", reason="the judges of naturalness come with no extra")
    said = say(draw_person(1, 0), "We leave tomorrow morning.", Emotion("neutral")).speech.samples
    noise = 0.03 * np.random.default_rng(0).standard_normal(len(said)).astype(np.float32)
    for kind in ("naturalness", "noise"):
        judge = load_judge(kind)
        assert 5 >= judge.opinion(said) > judge.opinion(said + noise) + 0.5 >= 1
    assert judge.opinion(np.tile(said, 6)) > 2.5  # long sound is heard in windows
    with pytest.raises(ValueError, match="no sound"):
        judge.opinion(said[:0])


def test_words_are_heard_by_whisper_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "We leave tomorrow morning."
    said = say(draw_person(1, 0), text, Emotion("neutral")).speech.samples
    judge = corpus.words_judge(Path())
    assert judge.name == "Whisper tiny.en"
    assert words.wer(text, judge.text(said)) == 0
    monkeypatch.setattr(corpus, "find_spec", lambda name: None)
    assert corpus.words_judge(Path()).name == "pocketsphinx en-us"


def test_a_missing_judge_of_naturalness_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaged, "find_spec", lambda name: None)
    with pytest.raises(RequestError, match="pip install --no-deps distillmos"):
        corpus.DistillMosJudge(Path())
    with pytest.raises(RequestError, match="needs speechmos"):
        corpus.DnsmosJudge(Path())
