"""What voices and networks of speech compute: golden numbers, and what depends on what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple

import numpy as np
import pytest
import torch

from known import brief, filled, tensor
from vivavoce.speak import espeak
from vivavoce.speak.acoustic import phones_of, rounded, speak, timed
from vivavoce.speak.alignment import align, expand
from vivavoce.speak.excitation import PitchReader, excitation, pulses
from vivavoce.speak.hifigan import Hifigan, HifiganSettings, SoundCritics
from vivavoce.speak.matcha import (
    Matcha,
    MatchaSettings,
    duration_loss,
    lay_along,
    likelihood,
    mel_flow_loss,
    prior_loss,
    rotated,
    within,
)
from vivavoce.speak.phones import phones_from_starts
from vivavoce.speak.pieces import EMOTION_PROSODY, finish_piece, prosody_of
from vivavoce.speak.text import Piece, split_text
from vivavoce.speak.tokens import CHARACTERS, tokens_of
from vivavoce.speak.voices import find_voice, in_points
from vivavoce.types import EMOTIONS, Emotion, Phone

Golden = Callable[..., None]
SMALL = MatchaSettings(
    mels=80, code=6, width=12, voice=4, layers=2, filter=10, duration_width=8, decoder_width=16,
    decoder_middle=1, pitch_lead=1.5,
)  # fmt: skip
LITTLE = HifiganSettings(
    channels=16, upsamplings=(5, 4), kernels=(3, 5), dilations=((1, 2), (2, 3)), pairs=False,
    spectrum_hop=8, pitch_width=6,
)  # fmt: skip
PLAIN = HifiganSettings(
    channels=16, upsamplings=(5, 4, 4, 2), kernels=(3, 5), dilations=((1, 3), (1, 3)), pairs=True
)


@pytest.fixture(scope="module")
def model() -> Matcha:
    made = filled(Matcha(SMALL))
    made.normalise_by(2 * tensor(50, 80) - 8, tensor(9, 6, seed=1) + 0.3)
    return made


@pytest.fixture(scope="module")
def vocoder() -> Hifigan:
    return filled(Hifigan(LITTLE))


def test_reading(model: Matcha, golden: Golden) -> None:
    ids = torch.tensor([[0, 5, 0, 9, 0], [0, 3, 0, 0, 0]])
    mask = within(torch.tensor([5, 3]), 5)
    with torch.no_grad():
        for name, f_id in (("nobody", None), ("somebody", tensor(2, 6, seed=3))):
            read = model.read(ids, f_id, mask)
            for part in ("embedding", "mean", "log_durations"):
                golden(f"{name}, {part}", brief(getattr(read, part)))
        golden("led", model.led(tensor(2, 6, seed=3)))
        golden("decoded", brief(model.decode(tensor(2, 9, 80), None, tensor(2, 9, 80, seed=2), 3)))
    assert within(torch.tensor([2, 0]), 3).tolist() == [[True, True, False], [False] * 3]


def test_levels_are_the_trainings(model: Matcha) -> None:
    mels = 2 * tensor(50, 80) - 8
    assert float(model.normalised(mels).mean()) == pytest.approx(0, abs=1e-4)
    assert float(model.normalised(mels).std()) == pytest.approx(1, abs=1e-4)
    faces = tensor(9, 6, seed=1) + 0.3
    torch.testing.assert_close(model.nobody.detach(), faces.mean(0))
    torch.testing.assert_close(model.voice(faces.mean(0)[None])[0], model.who.bias)
    torch.testing.assert_close(
        model.voice((faces.mean(0) + faces.std(0))[None])[0],
        model.who.bias + model.who.weight.sum(1),
    )


def test_a_face_at_a_pitch(model: Matcha) -> None:
    f_id = tensor(3, 6, seed=3)
    wanted = torch.tensor([0.5, -1.0, 2.0])
    moved = model.at_pitch(f_id, wanted)
    torch.testing.assert_close(model.voice(moved)[:, 0].detach(), wanted, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(
        model.voice(model.led(f_id))[:, 0], 1.5 * model.voice(f_id)[:, 0], atol=1e-4, rtol=1e-4
    )


def test_rotation(golden: Golden) -> None:
    x = tensor(1, 2, 5, 8)
    found = rotated(x)
    golden("rotated", brief(found))
    torch.testing.assert_close(found[..., 4:], x[..., 4:])
    torch.testing.assert_close(found[:, :, 0], x[:, :, 0])
    torch.testing.assert_close(
        found[0, 0, 1, 0], x[0, 0, 1, 0] * np.cos(1) - x[0, 0, 1, 2] * np.sin(1)
    )


def test_losses_of_the_voice(model: Matcha, golden: Golden) -> None:
    ids = torch.tensor([[0, 5, 0, 9, 0], [0, 3, 0, 0, 0]])
    tokens, frames = torch.tensor([5, 3]), torch.tensor([12, 7])
    mel, f_id = tensor(2, 12, 80), tensor(2, 6, seed=3)
    with torch.no_grad():
        laid = lay_along(model, ids, tokens, mel, frames, f_id)
        assert laid.durations.sum(1).tolist() == [12, 7]
        golden("laid along", brief(laid.feature))
        golden("laid along, embedding", brief(laid.embedding))
        golden("duration loss", float(duration_loss(laid, tokens)))
        golden("prior loss", float(prior_loss(laid.feature, mel, frames)))
        noise, t = tensor(2, 12, 80, seed=5), torch.tensor([0.3, 0.6])
        golden("flow loss", float(mel_flow_loss(model, mel, laid.feature, frames, f_id, noise, t)))
        assert float(prior_loss(mel, mel, frames)) == pytest.approx(0.5 * np.log(2 * np.pi))
        beyond = mel.clone()
        beyond[1, 7:] += 9
        assert float(prior_loss(laid.feature, beyond, frames)) == pytest.approx(
            float(prior_loss(laid.feature, mel, frames))
        )
        found = likelihood(laid.read.mean, mel)
        wanted = -0.5 * (laid.read.mean[:, :, None] - mel[:, None]).square().sum(-1)
        torch.testing.assert_close(found, wanted, atol=1e-3, rtol=1e-4)


def test_alignment_and_expansion() -> None:
    scores = torch.full((1, 3, 6), -5.0)
    for token, (start, end) in enumerate(((0, 1), (1, 4), (4, 6))):
        scores[0, token, start:end] = 0
    durations = align(scores, torch.tensor([3]), torch.tensor([6]))
    assert durations.tolist() == [[1, 3, 2]]
    rows = torch.tensor([[[1.0], [2.0], [3.0]]])
    assert expand(rows, durations, 8)[0, :, 0].tolist() == [1, 2, 2, 2, 3, 3, 0, 0]


def test_durations() -> None:
    tokens = tokens_of(["_", "h", "oʊ", "_"])
    assert tokens.ids.tolist()[::2] == [0] * (len(tokens.ids) // 2 + 1)
    assert [CHARACTERS[i - 1] for i in tokens.ids[1::2]] == ["_", "h", "o", "ʊ", "_"]
    assert tokens.phones.tolist() == [0, 0, 1, 1, 2, 2, 2, 2, 3, 3, 3]
    logs = torch.log(torch.tensor([2.0, 2, 2, 2.5, 2, 2, 2, 2, 2, 9, 9]))
    found = rounded(logs, tokens, 1.0)
    assert found[2:8].tolist() == [2, 3, 2, 2, 2, 2]
    assert found[:2].sum() == 4
    assert found[8:].sum() == 8
    faster = rounded(logs, tokens, 2.0)
    assert faster[2:8].sum() == pytest.approx(6.5, abs=1)
    symbols = ["_", "h", "oʊ", "_"]
    said = timed(symbols, tokens, found.numpy())
    assert [p.symbol for p in said] == symbols
    ends = [0.04, 0.04 + 0.05, 0.04 + 0.05 + 0.08, 0.25]
    assert [p.end_s for p in said] == pytest.approx(ends, abs=0.011)
    assert [p.start_s for p in said] == [0, *(p.end_s for p in said[:-1])]


def test_speaking(model: Matcha, vocoder: Hifigan, golden: Golden) -> None:
    f_id = tensor(1, 6, seed=3)
    said = speak(model, vocoder, "Hello.", f_id, steps=2)
    for name in ("samples", "embedding", "feature", "mel"):
        golden(f"said, {name}", brief(getattr(said, name)), 1e-3)
    golden("said, ends", [p.end_s for p in said.phones])
    assert len(said.samples) == 160 * said.mel.shape[1]
    colder = speak(model, vocoder, "Hello.", f_id, steps=2, temperature=0.0)
    assert not torch.allclose(colder.mel, said.mel, atol=1e-2)
    torch.testing.assert_close(colder.feature, said.feature)
    faster = speak(model, vocoder, "Hello, how are you?", f_id, steps=1, speed=2.0)
    slower = speak(model, vocoder, "Hello, how are you?", f_id, steps=1)
    assert len(faster.samples) < 0.7 * len(slower.samples)
    assert phones_of("Hello there.")[0] == phones_of("Hello there.")[-1] == "_"


@pytest.mark.parametrize(("name", "settings"), [("little", LITTLE), ("plain", PLAIN)])
def test_vocoders(name: str, settings: HifiganSettings, golden: Golden) -> None:
    net = filled(Hifigan(settings))
    mel = 4 * tensor(2, 8, 80) - 12
    with torch.no_grad():
        found = net(mel)
        assert found.shape == (2, 1280)
        golden(f"vocoder, {name}", brief(found), 1e-3)
        torch.testing.assert_close(net.folded()(mel), found, atol=1e-4, rtol=1e-3)


def test_excitation(golden: Golden) -> None:
    octaves, voiced = 0.5 * tensor(2, 10), torch.ones(2, 10)
    voiced[0, 5:] = 0
    golden("pulses", brief(pulses(octaves, voiced)), 2e-3)
    golden("excitation", brief(excitation(octaves, voiced, 32, tensor(2, 1600, seed=4))), 2e-3)
    golden("excitation, own noise", brief(excitation(octaves, voiced, 32, None)), 2e-3)
    steady = pulses(torch.ones(1, 50), torch.ones(1, 50))[0]  # an octave above 160 Hz
    peaks = np.flatnonzero(steady.numpy() > 0.6)
    assert np.diff(peaks[np.diff(peaks, prepend=-9) > 1]).mean() == pytest.approx(50, abs=0.5)
    assert float(steady.max()) == pytest.approx(1, abs=0.05)
    assert not pulses(torch.ones(1, 5), torch.zeros(1, 5)).any()
    with torch.no_grad():
        found = filled(PitchReader(80, 6))(tensor(2, 80, 9))
    golden("pitch read", brief(torch.stack(found)))


def test_critics_of_sound(golden: Golden) -> None:
    with torch.no_grad():
        found = filled(SoundCritics(4, 2))(tensor(2, 1_600))
    assert len(found) == 7
    for i, features in enumerate(found):
        golden(f"critic {i}", brief(features[-1]))
        golden(f"critic {i}, features", brief(features[1]))


def test_espeak_says_it_as_before(golden: Golden) -> None:
    text = "Please bring the big umbrella, Bob."
    for name in ("en-us", "en-gb+f3", "de"):
        pieces = list(find_voice(name).speak(text, Emotion()))
        phones = [p for piece in pieces for p in piece.phones or ()]
        golden(f"{name}, starts", [p.start_s for p in phones], 2e-3)
        sound = np.concatenate([p.samples for p in pieces])
        levels = np.sqrt((sound[: len(sound) // 1600 * 1600].reshape(-1, 1600) ** 2).mean(1))
        golden(f"{name}, levels", levels, 2e-3)


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_feelings_in_a_voice(emotion: str, golden: Golden) -> None:
    calm, felt = espeak.Prosody(), in_points(prosody_of(Emotion(emotion)))
    full = EMOTION_PROSODY[emotion]
    assert astuple(prosody_of(Emotion(emotion))) == pytest.approx(astuple(full))
    assert felt.pitch == calm.pitch + round(100 * (full.pitch - 1))
    assert felt.range == calm.range + round(50 * (full.range - 1))
    assert felt.rate == round(calm.rate * full.rate)
    assert felt.volume == round(calm.volume * full.volume)
    golden(f"{emotion}, table", [full.pitch, full.range, full.rate, full.volume])
    (piece,) = find_voice("en-us").speak("We leave tomorrow morning.", Emotion(emotion))
    golden(f"{emotion}, seconds and level", [piece.seconds, piece.samples.std()], 2e-3)


def test_a_finished_piece_has_its_pause_and_its_rate() -> None:
    sound = np.sin(2 * np.pi * 200 * np.arange(22_050) / 22_050).astype(np.float32)
    phones = (Phone("a", 0.0, 0.4), Phone("b", 0.4, 1.0))
    made = finish_piece(Piece("ab", 0.3), sound, 22_050, phones)
    assert len(made.samples) == 16_000 + 4_800
    assert made.phones is not None
    assert [(p.symbol, p.end_s) for p in made.phones] == [("a", 0.4), ("b", 1.0), ("_", 1.3)]
    assert not made.samples[-4_700:].any()
    peak = np.abs(np.fft.rfft(made.samples[:16_000])).argmax()
    assert peak == 200
    paused = finish_piece(Piece("a", 0.3), sound, 22_050, (*phones[:1], Phone("_", 0.4, 1.0)))
    assert paused.phones is not None
    assert paused.phones[-1] == Phone("_", 0.4, 1.3)


def test_stops_begin_with_their_closure() -> None:
    rate = 1_000
    sound = np.ones(1_000, np.float32)
    sound[350:400] = 0
    sound[600:800] = 0
    starts = [("a", 0), ("p", 400), ("a", 500), ("t", 800), ("s", 900), ("", 950)]
    found = phones_from_starts(starts, sound, rate)
    assert [p.symbol for p in found] == ["a", "p", "a", "t", "s", "_"]
    assert [p.start_s for p in found] == pytest.approx([0, 0.35, 0.5, 0.72, 0.9, 0.95])
    late = phones_from_starts([("a", 300), ("l", 900), ("(en)", 900), ("n", 900)], sound, rate)
    assert [p.symbol for p in late] == ["_", "a", "l", "n"]
    assert [p.start_s for p in late] == pytest.approx([0, 0.3, 0.7, 0.9])


def test_pieces_of_text() -> None:
    pieces = list(split_text("One, two. Three? Four: five; six."))
    assert [p.text for p in pieces][:2] == ["One, two.", "Three?"]
    assert all(0 <= p.pause_s <= 1 for p in pieces)
