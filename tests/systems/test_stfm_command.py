"""What `vivavoce speak --system stfm` takes and gives, on a small network and a real picture."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_stfm import SMALL, small_base, small_net, write_small
from typer.testing import CliRunner

from vivavoce.cli import app
from vivavoce.errors import BadMedia, RequestError
from vivavoce.look import look
from vivavoce.media.clip import Clip
from vivavoce.media.read import read_picture
from vivavoce.speak.text import Piece
from vivavoce.systems.stfm.script import PhoneReader
from vivavoce.systems.stfm.talker import LOUDNESS, Stfm, _cut, _sample, _with_pause
from vivavoce.systems.talker import About, Request
from vivavoce.types import FPS, RATE, SAMPLES_PER_FRAME, Face, Speech

TEXT = "My mum bakes bread. Bob eats it."


def voice(hertz: float = 130.0, seconds: float = 2.5) -> Speech:
    """Something that counts as a voice: a gliding buzz that comes and goes."""
    time = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * hertz * (time + 0.02 * np.sin(2 * np.pi * 1.3 * time))
    buzz = sum(np.sin(k * phase) / k for k in range(1, 20))
    loud = 0.5 + 0.5 * np.sin(2 * np.pi * 3 * time)
    return Speech((0.1 * buzz * loud).astype(np.float32))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small(tmp_path_factory.mktemp("stfm") / "small")


@pytest.fixture(scope="module")
def person(astronaut: Path) -> Face:
    return look(read_picture(astronaut))


@pytest.fixture(scope="module")
def speaking(folder: Path) -> Stfm:
    return Stfm.load(folder)


@pytest.fixture(scope="module")
def filming() -> Stfm:
    """One with a video half, whose weights nobody trained."""
    net = small_net(SMALL).requires_grad_(False)
    about = About("small", options={"steps": 2, "guidance": 1.5})
    return Stfm(about, net, small_base(), PhoneReader())


def asked(person: Face, **more: Any) -> dict[str, Any]:
    return {"portrait": person, "text": "Hi there.", "voice_sample": voice(), "size": 64} | more


def parts(clip: Clip) -> tuple[np.ndarray, np.ndarray]:
    chunks = list(clip)
    frames, samples = ([getattr(c, n) for c in chunks] for n in ("frames", "samples"))
    return np.concatenate(frames), np.concatenate(samples)


def test_portraits_renderer_shows_the_voice(speaking: Stfm, person: Face) -> None:
    frames, samples = parts(speaking(**asked(person)))
    assert frames.shape[1:] == (64, 64, 3)
    assert len(samples) == SAMPLES_PER_FRAME * len(frames)
    assert samples.std() > 0


def test_its_own_frames_last_as_long_as_its_voice(filming: Stfm, person: Face) -> None:
    frames, samples = parts(filming(**asked(person)))
    spoken = np.concatenate([p.samples for p in filming.voice(**asked(person))])
    assert len(frames) == round(FPS * len(spoken) / RATE)
    assert len(samples) == SAMPLES_PER_FRAME * len(frames)
    assert abs(len(samples) - len(spoken)) < SAMPLES_PER_FRAME


def test_the_same_seed_is_the_same_clip(filming: Stfm, person: Face) -> None:
    (a, b), (c, d) = parts(filming(**asked(person))), parts(filming(**asked(person)))
    assert np.array_equal(a, c)
    assert np.array_equal(b, d)
    other, _ = parts(filming(**asked(person, seed=5)))
    assert other.shape != a.shape or not np.array_equal(other, a)


def test_another_voice_another_sound(speaking: Stfm, person: Face) -> None:
    one = next(speaking.voice(**asked(person))).samples
    two = next(speaking.voice(**asked(person, voice_sample=voice(260)))).samples
    assert one.shape != two.shape or not np.allclose(one, two)


def test_a_voice_says_when_its_sounds_are_heard(speaking: Stfm, person: Face) -> None:
    pieces = list(speaking.voice(**asked(person, text=TEXT)))
    assert len(pieces) == 2
    for piece in pieces:
        assert piece.phones
        assert piece.phones[-1].end_s <= piece.seconds + 1e-6
        assert all(a.end_s <= b.start_s + 1e-6 for a, b in zip(piece.phones, piece.phones[1:]))  # noqa: B905


def test_faster_is_shorter(speaking: Stfm, person: Face) -> None:
    slow, fast = (
        sum(p.seconds for p in speaking.voice(**asked(person, text=TEXT, rate=rate)))
        for rate in (0.6, 1.8)
    )
    assert slow > 1.5 * fast


def test_frames_of_its_own_need_a_video_half(speaking: Stfm, person: Face) -> None:
    with pytest.raises(RequestError, match=r"no trained video half.*render=portrait"):
        speaking(**asked(person, render="own"))


@pytest.mark.parametrize("more", [{"still": True}, {"fps": 30}, {"lively": 0.5}])
def test_its_own_frames_take_no_head(filming: Stfm, person: Face, more: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match=r"render=portrait"):
        filming(**asked(person, **more))


@pytest.mark.parametrize(
    ("sample", "says"),
    [
        (Speech(np.zeros(RATE, np.float32)), "no voice"),
        (Speech(np.zeros(0, np.float32)), "no voice"),
        (voice(seconds=0.3), r"only 0\.[0-3]"),
    ],
)
def test_a_sample_without_a_voice_is_refused(
    speaking: Stfm, person: Face, sample: Speech, says: str
) -> None:
    with pytest.raises(BadMedia, match=says):
        speaking(**asked(person, voice_sample=sample))


def test_a_sample_is_heard_where_it_is_voiced_and_at_one_loudness() -> None:
    quiet = Speech(np.concatenate([np.zeros(2 * RATE), 0.1 * voice().samples]).astype(np.float32))
    part = _sample(quiet, 2.0)
    assert len(part) == 2 * RATE
    assert np.sqrt(np.mean(part**2)) == pytest.approx(LOUDNESS, rel=0.01)
    assert np.abs(part[: RATE // 2]).max() > 0.05


def test_long_sentences_are_cut_between_words() -> None:
    read = PhoneReader()
    piece = Piece("the quick brown fox jumps over the lazy dog again and again", 0.4)
    found = list(_cut(piece, read, 20))
    assert " ".join(p.text for p in found) == piece.text
    assert all(len(read(p.text).ids) <= 20 for p in found)
    assert [p.pause_s for p in found] == [0.0] * (len(found) - 1) + [0.4]


def test_speech_ends_with_a_frame_and_its_pause() -> None:
    padded = _with_pause(Speech(np.ones(1000, np.float32)), 0.1)
    assert len(padded.samples) == 2 * 1280 + 640
    assert len(padded.samples) % SAMPLES_PER_FRAME == 0


def test_what_the_denoiser_saw_changes_the_voice(filming: Stfm, person: Face) -> None:
    request = Request(portrait=person, text="Hi there.", voice_sample=voice(), size=64)
    options = filming.options_type(steps=2, guidance=1.0, render="own")
    from vivavoce.media.clock import Clock

    sitter = filming._sitter(request, Clock())
    sentence = next(filming.spoken(sitter.sample, request, options, sitter.image))
    _, refined = filming._filmed(sitter, sentence, request, options)
    assert len(refined.samples) == len(sentence.speech.samples)
    assert not np.allclose(refined.samples, sentence.speech.samples)
    film = filming.net.film
    assert film is not None
    assert film.links.voiced is not None
    gate = film.links.voiced.gate.clone()
    with torch.no_grad():
        film.links.voiced.gate.zero_()
        _, plain = filming._filmed(sitter, sentence, request, options)
        film.links.voiced.gate.copy_(gate)
    assert np.allclose(plain.samples, sentence.speech.samples, atol=1e-5)


def test_the_command_speaks_and_films(folder: Path, astronaut: Path, tmp_path: Path) -> None:
    sample = tmp_path / "me.wav"
    with wave.open(str(sample), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((voice().samples * 32767).astype("<i2").tobytes())
    out = tmp_path / "it.mp4"
    words = ["speak", astronaut, "--text", "Hi.", "--voice-sample", sample, "--system", folder,
             "--size", 64, "-o", out, "-q"]  # fmt: skip
    ran = CliRunner().invoke(app, [str(w) for w in words])
    assert ran.exit_code == 0, ran.output
    assert out.stat().st_size > 1000


def test_sentences_are_spoken_when_they_are_needed(
    speaking: Stfm, person: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoken: list[str] = []
    speak = Stfm._speak

    def watched(self: Stfm, *given: Any) -> Any:
        spoken.append(given[2].text)
        return speak(self, *given)

    monkeypatch.setattr(Stfm, "_speak", watched)
    chunks = iter(speaking(**asked(person, text="The harbour lies quiet. " * 12)))
    next(chunks)
    assert 1 <= len(spoken) <= 4
    chunks.close()  # type: ignore[attr-defined]
