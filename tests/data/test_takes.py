"""Takes that were spoken beforehand give the same corpus, to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vivavoce.data.corpus.make import make_corpus
from vivavoce.data.corpus.people import draw_person
from vivavoce.data.corpus.script import lines, record
from vivavoce.data.corpus.takes import load, speak_takes
from vivavoce.errors import RequestError


@pytest.fixture(scope="module")
def takes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spoken") / "takes"
    speak_takes(folder, people=1, clips=2, seed=9)
    return folder


def test_a_take_comes_back_as_it_was_spoken(takes: Path) -> None:
    person = draw_person(9, 0)
    for line in lines(person, 2, 0.2):
        said, kept = record(person, line), load(takes / "p00000.npz")[line.name]
        assert np.array_equal(said.speech.samples, kept.speech.samples)
        assert (said.speech.text, said.speech.phones) == (kept.speech.text, kept.speech.phones)
        assert said.words == kept.words


def test_a_corpus_of_takes_is_the_corpus(takes: Path, tmp_path: Path) -> None:
    for name, spoken in (("here", None), ("before", takes)):
        make_corpus(tmp_path / name, 1, 2, 9, layers=False, video=False, takes=spoken)
    shards = [tmp_path / name / "train" / "p00000.tar" for name in ("here", "before")]
    assert shards[0].read_bytes() == shards[1].read_bytes()


def test_missing_and_other_takes_are_refused(takes: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="takes were not spoken"):
        load(takes / "p00001.npz")
    with pytest.raises(RequestError, match="begun with clips 2, not 3"):
        speak_takes(takes, people=1, clips=3, seed=9)
