from __future__ import annotations

import sys
import threading
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from generate_test_voice import SAMPLES_PER_ID, write_voice

from vivavoce.errors import RequestError, UnknownName
from vivavoce.speak.pieces import prosody_of
from vivavoce.speak.voices import find_voice, list_voices
from vivavoce.types import EMOTIONS, RATE, Emotion, Speech

CALM = Emotion()


def spoken(text: str, voice: str = "en-us", emotion: Emotion = CALM) -> list[Speech]:
    return list(find_voice(voice).speak(text, emotion))


@pytest.mark.parametrize("voice", ["en-us", "en-gb+f3", "de", "cmn", "ru", "ar", "en-us+klatt2"])
def test_phones_cover_the_piece_without_a_gap(voice: str) -> None:
    texts = {"cmn": "你好，今天天气很好。", "ru": "Привет, как дела?", "ar": "مرحبا كيف حالك"}
    for piece in spoken(texts.get(voice, "My baby Pam, put 12 maps by the church!"), voice):
        phones = piece.phones
        assert phones is not None
        assert phones[0].start_s == 0
        assert phones[-1].end_s == pytest.approx(piece.seconds, abs=1e-9)
        assert all(a.end_s == b.start_s for a, b in pairwise(phones))
        assert all(p.end_s > p.start_s for p in phones)
        assert all(p.symbol for p in phones)


def test_every_p_b_m_is_there() -> None:
    (piece,) = spoken("My baby, Pam, bumped a map.")
    symbols = [p.symbol for p in piece.phones or ()]
    assert sum(s in ("p", "b", "m") for s in symbols) == 10


def test_pauses_are_silent_and_vowels_are_loud() -> None:
    pieces = spoken("Papa may map it, but Bob, my mate, may not.")
    for piece in pieces:
        for phone in piece.phones or ():
            inside = piece.samples[int(phone.start_s * RATE) + 80 : int(phone.end_s * RATE) - 80]
            if phone.symbol == "_":
                assert np.abs(inside).max(initial=0) < 0.01
            elif phone.symbol.lstrip("ˈˌ")[0] in "aæeɛoɔ":
                assert np.sqrt(np.mean(inside**2)) > 0.05


def test_closure_of_p_is_silence_before_the_burst() -> None:
    (piece,) = spoken("a happy puppy")
    closures = [p for p in piece.phones or () if p.symbol == "p"]
    assert len(closures) == 3
    for phone in closures[:2]:
        start = int(phone.start_s * RATE)
        assert np.abs(piece.samples[start + 60 : start + 260]).max() < 0.02


def test_same_text_same_samples_whatever_was_said_before() -> None:
    text = "Shall we hear the same voice again?"
    first = spoken(text, "en-us+klatt4")[0].samples
    spoken("Etwas ganz anderes.", "de+f2", Emotion("angry"))
    assert np.array_equal(first, spoken(text, "en-us+klatt4")[0].samples)


def test_threads_do_not_mix_their_voices() -> None:
    texts = {"en-us": "One two three four five.", "de": "Eins zwei drei vier fünf."}
    alone = {v: spoken(t, v)[0].samples for v, t in texts.items()}
    got: dict[str, list[np.ndarray]] = {v: [] for v in texts}

    def work(voice: str) -> None:
        for _ in range(5):
            got[voice].append(spoken(texts[voice], voice)[0].samples)

    threads = [threading.Thread(target=work, args=(v,)) for v in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for voice, sounds in got.items():
        assert all(np.array_equal(alone[voice], s) for s in sounds)


def test_emotion_changes_the_prosody_in_proportion() -> None:
    assert prosody_of(Emotion("sad", 0.0)) == prosody_of(CALM)
    half, full = prosody_of(Emotion("sad", 0.5)), prosody_of(Emotion("sad", 1.0))
    assert full.rate < half.rate < prosody_of(CALM).rate
    assert len({prosody_of(Emotion(e)) for e in EMOTIONS}) == len(EMOTIONS)
    text = "The train leaves at nine."
    assert spoken(text, emotion=Emotion("sad"))[0].seconds > spoken(text)[0].seconds * 1.08


def test_unknown_emotion() -> None:
    with pytest.raises(UnknownName, match=r"no emotion 'hapy'.*Did you mean 'happy'"):
        find_voice("en-us").speak("Hello.", Emotion("hapy"))


def test_the_list_holds_languages_and_variants() -> None:
    voices = list_voices()
    names = [v.name for v in voices]
    assert len(names) == len(set(names))
    assert sum(v.kind == "language" for v in voices) > 100
    assert {"en-us", "en-gb", "de", "fr-fr", "cmn", "ja", "+f3", "+klatt"} <= set(names)
    assert next(v for v in voices if v.name == "+f3").gender == "female"


def test_every_listed_language_speaks() -> None:
    for voice in list_voices():
        if voice.kind == "language":
            assert spoken("123", voice.name)[0].seconds > 0.3, voice.name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("en-uk", "no voice 'en-uk'. Did you mean .*'en-us'"),
        ("en-us+f33", "no voice variant 'f33'. Did you mean 'f3'"),
        ("en-us+", "no voice variant ''"),
        ("+f3", r"begins with a language, and '\+f3' names none: for example en-us\+f3"),
        ("", "begins with a language"),
        ("nobody.onnx", "There is no voice file nobody.onnx"),
    ],
)
def test_unknown_voice(name: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        find_voice(name)


def test_names_are_forgiving() -> None:
    assert find_voice("EN_US").name == "en-us"
    assert find_voice("zh").name == "cmn"
    assert find_voice("de+F2").name == "de+f2"


def test_piper_voice_with_alignments(tmp_path: Path) -> None:
    voice = find_voice(str(write_voice(tmp_path, alignments=True)))
    (piece,) = voice.speak("ab ba", CALM)
    assert [p.symbol for p in piece.phones or ()] == ["_", "a", "b", "b", "a", "_"]
    first = (piece.phones or ())[1]
    assert first.end_s - first.start_s == pytest.approx(2 * SAMPLES_PER_ID / 22050, abs=1e-3)
    assert (piece.phones or ())[-1].end_s == pytest.approx(piece.seconds)
    again = list(voice.speak("ab ba", CALM))
    assert np.array_equal(piece.samples, again[0].samples)


def test_piper_voice_without_alignments_leaves_phones_open(tmp_path: Path) -> None:
    (piece,) = find_voice(str(write_voice(tmp_path, alignments=False))).speak("ab", CALM)
    assert piece.phones is None
    assert piece.seconds > 0.3


def test_incomplete_piper_voice(tmp_path: Path) -> None:
    path = write_voice(tmp_path, alignments=False)
    path.write_bytes(b"not a model")
    with pytest.raises(RequestError, match=r"voice\.onnx cannot be loaded"):
        find_voice(str(path))
    Path(f"{path}.json").unlink()
    with pytest.raises(RequestError, match=r"lacks its settings .*voice\.onnx\.json"):
        find_voice(str(path))
