"""drawn: who speaks is heard, somebody is drawn, and says it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import vivavoce
from vivavoce.data.corpus import people as rules
from vivavoce.data.corpus.by_voice import person_by_voice
from vivavoce.data.corpus.people import draw_person
from vivavoce.data.corpus.wishes import read_wishes
from vivavoce.errors import BadCheckpoint, BadMedia, MediaWarning, OutputRefused, RequestError
from vivavoce.listen.heard_voice import HeardVoice
from vivavoce.listen.speaker_traits import (
    PART,
    SpeakerTraits,
    SpeakerTraitsNet,
    TraitsListener,
    levelled,
    pitch_facts,
)
from vivavoce.media.clock import Clock
from vivavoce.media.still import FACE, KEPT, keep, kept_face
from vivavoce.systems.drawn.talker import Drawn
from vivavoce.systems.talker import Request, spoken
from vivavoce.train.drawn.training import DrawnTraining, disturbed
from vivavoce.types import RATE, Speech

LINE = "My mum bakes bread, and Bob eats it all."
TRAITS = SpeakerTraits(0.9, (40.0, 5.0), np.zeros(3, np.float32), np.full(3, 0.5, np.float32),
                       (1.0, 0.02))  # fmt: skip


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    loaded = vivavoce.load("drawn")
    assert isinstance(loaded, Drawn)
    return loaded


def said(voice: str, text: str = LINE) -> np.ndarray:
    pieces = spoken(Request(text=text, voice=voice), Clock()).pieces
    return np.concatenate([piece.samples for piece in pieces])


def shape_along(axis: str, people: list[np.ndarray]) -> float:
    return float(np.mean([rules.along(axis, "female", shape) for shape in people]))


# Somebody for a voice.


@pytest.mark.parametrize(("axis", "number"), [("chin", 0), ("nose", 1), ("mouth", 2)])
def test_the_shape_follows_the_timbre_as_in_the_corpus(axis: str, number: int) -> None:
    """A deviation of timbre moves the face by its tie, 0.5, when the voice is heard exactly."""
    timbre = np.zeros(3, np.float32)
    timbre[number] = 2
    sure = replace(TRAITS, timbre_sd=np.full(3, 1e-3, np.float32), tract=(1.0, 1.0))

    def mean(traits: SpeakerTraits) -> float:
        shapes = [person_by_voice(traits, seed).looks.identity for seed in range(200)]
        return shape_along(axis, shapes)

    moved = mean(replace(sure, timbre=timbre)) - mean(sure)
    assert moved == pytest.approx(2 * rules.TIMBRE_TIE, abs=0.12)


def test_what_is_not_heard_leaves_the_shape_to_chance() -> None:
    unsure = replace(TRAITS, timbre=np.full(3, 2, np.float32), timbre_sd=np.full(3, 30, np.float32),
                     tract=(1.0, 1.0))  # fmt: skip
    shapes = np.stack([person_by_voice(unsure, seed).looks.identity for seed in range(300)])
    away = (shapes - rules.mean_shape("female")) / rules.SHAPE_SD
    assert np.abs(away.mean(0)).max() < 0.25
    assert away.std(0) == pytest.approx(np.ones(40), abs=0.15)


def test_sex_and_age_are_those_that_are_heard_and_the_seed_draws_the_rest() -> None:
    some = [person_by_voice(TRAITS, seed) for seed in range(60)]
    assert {person.sex for person in some} == {"female"}
    ages = np.array([person.age for person in some])
    assert ages.mean() == pytest.approx(40, abs=2)
    assert ages.std() == pytest.approx(5, abs=1.5)
    assert len({person.looks.hair for person in some}) > 4
    skins = np.array([person.looks.skin for person in some])
    assert skins.std() > 0.15  # nobody's skin is heard
    again = person_by_voice(TRAITS, 3)
    assert np.array_equal(again.looks.identity, some[3].looks.identity)
    assert person_by_voice(replace(TRAITS, female=0.1), 0).sex == "male"


def test_looks_do_not_deny_the_sex_that_is_heard() -> None:
    women = [person_by_voice(TRAITS, seed).looks for seed in range(80)]
    assert not {looks.hair for looks in women} & {"bald", "buzz", "receding"}
    assert {looks.beard for looks in women} == {"none"}


def test_voices_that_sound_otherwise_get_another_draw_and_alike_ones_the_same() -> None:
    alike = replace(TRAITS, timbre=np.full(3, 0.2, np.float32))
    other = replace(TRAITS, timbre=np.full(3, 2.0, np.float32))
    first, again, far = (person_by_voice(t, 5).looks for t in (TRAITS, alike, other))
    assert first.texture_seed == again.texture_seed
    assert first.texture_seed != far.texture_seed


# Wishes in words.


@pytest.mark.parametrize(
    ("prompt", "looks"),
    [
        ("round glasses, long grey hair", {"glasses": "round", "hair": "long"}),
        ("a bald man with a full beard", {"hair": "bald", "beard": "full"}),
        ("no glasses and a moustache", {"glasses": "none", "beard": "moustache"}),
        ("clean-shaven, wearing a red hoodie", {"beard": "none", "clothes": "hoodie"}),
        ("short black hair, dark skin", {"hair": "short", "skin": 0.88}),
        ("freckles and green eyes", {"freckles": 0.8, "iris": (0.36, 0.42, 0.28)}),
        ("in front of a brick wall", {"backdrop": "wall"}),
    ],
)
def test_wishes_are_understood(prompt: str, looks: dict[str, object]) -> None:
    found = read_wishes(prompt)
    assert {name: found.looks[name] for name in looks} == looks
    assert not found.lost
    person = found.of(draw_person(0, 0))
    assert all(getattr(person.looks, name) == value for name, value in looks.items())


def test_age_and_sex_are_understood() -> None:
    found = read_wishes("an old woman, grey hair")
    assert (found.sex, found.age) == ("female", 74)
    assert read_wishes("a man in his forties").age == 45
    assert read_wishes("a man, 33 years old").age == 33
    assert read_wishes("grey hair").age is None


def test_what_is_not_understood_is_told() -> None:
    found = read_wishes("round glasses, a dragon tattoo")
    assert found.lost == ("dragon", "tattoo")
    assert found.told() == "round glasses; not understood: dragon, tattoo"
    with pytest.raises(RequestError, match=r"Nothing in the prompt .* Say in English"):
        read_wishes("runde Brille, lange graue Haare")
    with pytest.raises(RequestError, match="at most 400"):
        read_wishes("glasses, " * 60)


# The system.


def test_the_sex_of_the_voice_is_heard_and_told(drawn: Drawn) -> None:
    for voice, who in (("heart", "a woman"), ("michael", "a man"), ("emma", "a woman"),
                       ("george", "a man")):  # fmt: skip
        made = drawn.imagine(speech=Speech(said(voice)), size=64)
        assert made.words["person"].startswith(f"sounds like {who} "), voice


def test_the_same_voice_and_seed_give_the_same_face_and_another_seed_another(drawn: Drawn) -> None:
    speech = Speech(said("heart"))
    first, again, other = (
        drawn.imagine(speech=speech, seed=seed, size=96).picture for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert np.abs(first.astype(int) - other).mean() > 5


def test_a_prompt_changes_what_it_names(drawn: Drawn) -> None:
    speech = Speech(said("heart"))
    plain = drawn.imagine(speech=speech, seed=1, size=96)
    wished = drawn.imagine(speech=speech, seed=1, size=96, prompt="red hoodie")
    shoulders = slice(84, 96)
    changed = np.abs(plain.picture.astype(int) - wished.picture)
    assert changed[shoulders].mean() > 8
    assert changed[30:50, 38:58].mean() < 2  # the face
    assert wished.words["prompt"] == "red hoodie"


def test_two_speakers_are_told(drawn: Drawn) -> None:
    both = np.concatenate([said("heart"), said("michael")] * 2)
    with pytest.warns(MediaWarning, match="two speakers"):
        drawn.imagine(speech=Speech(both), size=64)


def test_noise_is_no_voice(drawn: Drawn) -> None:
    noise = np.random.default_rng(0).normal(0, 0.05, 2 * RATE).astype(np.float32)
    with pytest.raises(BadMedia, match="no voice"):
        drawn(speech=Speech(noise))


def test_a_long_recording_is_heard_to_its_end_though_its_beginning_tells_who_speaks(
    drawn: Drawn,
) -> None:
    line = said("heart", "Hello there.")
    pieces = (Speech(line) for _ in range(30))  # longer than what is heard of it
    clip = drawn(speech=pieces, size=64, still=True)
    count = sum(len(chunk.samples) for chunk in clip)
    assert 0 <= count - 30 * len(line) < 640


def test_traits_do_not_depend_on_loudness(drawn: Drawn) -> None:
    sound = said("michael")
    listener: TraitsListener = drawn.traits
    loud, quiet = (listener(x, HeardVoice(x)) for x in (sound, np.float32(0.1) * sound))
    assert loud.female == pytest.approx(quiet.female, abs=0.02)
    assert loud.age[0] == pytest.approx(quiet.age[0], abs=2)


def test_the_pitch_is_heard_beside_the_spectrum(drawn: Drawn) -> None:
    """The same spectrum an octave lower sounds less like a woman's."""
    sound = said("heart")
    high, low = HeardVoice(sound), HeardVoice(sound)
    low.octaves = high.octaves - 1
    mel = torch.from_numpy(levelled(sound))[None]
    with torch.no_grad():
        told = [float(drawn.net(mel, torch.from_numpy(pitch_facts(h))[None])[0])
                for h in (high, low)]  # fmt: skip
    assert told[1] < told[0] - 0.5


def test_a_feeling_shows(drawn: Drawn) -> None:
    asked = {"text": "Hello there.", "voice": "heart", "size": 64, "still": True}
    still, cheered = (drawn.imagine(text=f"{LINE} {LINE}", voice="heart", size=64, emotion=feeling)
                      for feeling in ("neutral", "happy"))  # fmt: skip
    assert np.array_equal(still.picture, cheered.picture)  # it bends the voice, not the person
    calm, happy = (
        np.concatenate([chunk.frames for chunk in drawn(**asked, emotion=feeling)])
        for feeling in ("neutral", "happy")
    )
    count = min(len(calm), len(happy))
    changed = np.abs(calm[:count].astype(int) - happy[:count]).mean(0)
    assert changed[28:48, 20:44].mean() > 2 * changed[:12].mean() + 0.5  # the mouth, not the hair


def test_a_checkpoint_of_another_size_is_told(tmp_path: Path) -> None:
    net = SpeakerTraitsNet(16)
    weights = {name: value.half() for name, value in net.state_dict().items()}
    weights["trunk.0.bias"] = weights["trunk.0.bias"][:8].clone()
    save_file(weights, tmp_path / "traits.safetensors", {"part": PART})
    with pytest.raises(BadCheckpoint, match="does not fit"):
        SpeakerTraitsNet.load(tmp_path / "traits.safetensors")


# Training.


def test_another_microphone_changes_the_sound_and_not_its_range() -> None:
    mel = levelled(said("heart"))
    heard = [disturbed(mel, np.random.default_rng(seed)) for seed in range(20)]
    assert all(np.isfinite(m).all() and m.min() >= -1 and m.max() <= 1.5 for m in heard)
    assert np.mean([np.abs(m - mel).mean() for m in heard]) > 0.05
    alike = [np.corrcoef(m.ravel(), mel.ravel())[0, 1] for m in heard]
    assert np.median(alike) > 0.5  # the voice is still in it


def test_the_right_traits_cost_less_than_wrong_ones() -> None:
    """Both losses of the stage, on a network whose answer is known."""
    training = DrawnTraining()
    truth = {"female": torch.tensor([1.0, 0.0]), "numbers": torch.zeros(2, 5)}

    class Says(SpeakerTraitsNet):
        def forward(self, mel: torch.Tensor, pitch: torch.Tensor):  # type: ignore[no-untyped-def]
            return mel, pitch, torch.zeros(2, 5)

    training.traits = Says()
    right = training.losses(
        training.stages[0],
        {"mel": torch.tensor([3.0, -3.0]), "pitch": torch.zeros(2, 5), **truth}, None,  # type: ignore[arg-type]
    )  # fmt: skip
    wrong = training.losses(
        training.stages[0],
        {"mel": torch.tensor([-3.0, 3.0]), "pitch": torch.full((2, 5), 0.5), **truth}, None,  # type: ignore[arg-type]
    )  # fmt: skip
    assert all(right[name] < wrong[name] for name in right)
    assert right["numbers"] == 0  # 0.5 (x - m)^2 / s^2 + log s at m = x, s = 1


# A person who is kept.


def test_a_kept_person_speaks_again(drawn: Drawn, tmp_path: Path) -> None:
    made = drawn.imagine(text="Hello.", voice="heart", size=128)
    kept = keep(tmp_path / "her", made, {"system": "drawn", "seed": 0})
    assert sorted(path.name for path in kept.iterdir()) == sorted([KEPT, FACE])
    tags = Image.open(kept_face(kept)).info
    assert tags["synthetic-media"] == "yes"
    assert "does not exist" in tags["comment"]
    found = vivavoce.load("portrait").look(kept)
    assert np.array_equal(found.picture, made.picture)
    with pytest.raises(OutputRefused, match="new or empty"):
        keep(kept, made, {})
    keep(kept, made, {}, force=True)
    with pytest.raises(BadMedia, match="no imagined person"):
        vivavoce.load("portrait").look(tmp_path)
    (kept / "mine.txt").write_text("x")
    with pytest.raises(OutputRefused, match=r"mine\.txt"):
        keep(kept, made, {}, force=True)
