from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from vivavoce.media.read import read_speech
from vivavoce.types import Float, Speech

pytest.importorskip("pocketsphinx")
from vivavoce.measure.align import FRAME_S, _ipa, align_phones, align_words


def recording(path: Path) -> Float:
    return np.concatenate([piece.samples for piece in read_speech(path)])


def test_recognised_words_of_a_real_recording(real: Path) -> None:
    sound = recording(real / "audio" / "librispeech_1034-121119-0000.flac")
    words = {w.text: w for w in align_words(Speech(sound)) if w.text}
    assert {"chapter", "ninety", "nine", "seen", "quietly"} <= set(words)
    assert words["ninety"].confidence > 0.9
    assert [p.symbol for p in words["nine"].phones] == ["n", "aɪ", "n"]


def test_given_words_are_aligned_where_grid_says(real: Path) -> None:
    """GRID's own word times, made by other hands, agree to within a tenth of a second."""
    clip = real / "grid_s1" / "bbaf2n.mp4"
    lines = [line.split() for line in clip.with_suffix(".align").read_text().splitlines()]
    said = [(w, int(a) / 25_000, int(b) / 25_000) for a, b, w in lines if w not in ("sil", "sp")]
    text = " ".join(w for w, _, _ in said)
    words = [w for w in align_words(Speech(recording(clip), text=text)) if w.text]
    assert [w.text for w in words] == text.split()
    errors = [abs(w.phones[0].start_s - s) for w, (_, s, _) in zip(words, said, strict=True)]
    assert np.median(errors) < 0.06
    assert all(w.confidence == 1 for w in words)


def test_phones_cover_the_recording(real: Path) -> None:
    sound = recording(real / "audio" / "librispeech_1034-121119-0000.flac")
    phones = align_phones(Speech(sound), surest=0.9)
    assert phones[0].start_s == 0
    assert phones[-1].end_s == pytest.approx(len(sound) / 16_000)
    assert all(a.end_s == pytest.approx(b.start_s) for a, b in pairwise(phones))
    assert any(p.symbol == "?" for p in phones)  # "how" is not sure


def test_silence_has_no_words() -> None:
    phones = align_phones(Speech(np.zeros(16_000, np.float32)))
    assert {p.symbol for p in phones} == {"_"}
    assert phones[-1].end_s == 1


def test_words_that_do_not_fit_give_none() -> None:
    rng = np.random.default_rng(0)
    blip = rng.normal(0, 0.1, 1_000).astype(np.float32)
    assert align_words(Speech(blip, text="a very long sentence about problems")) == []
    phones = align_phones(Speech(blip, text="a very long sentence about problems"))
    assert [(p.symbol, p.end_s) for p in phones] == [("_", 1_000 / 16_000)]


def test_a_short_ah_is_a_schwa() -> None:
    assert _ipa("AH", round(0.05 / FRAME_S)) == "ə"
    assert _ipa("AH", round(0.20 / FRAME_S)) == "ʌ"
    assert _ipa("SIL", 10) == "_"
