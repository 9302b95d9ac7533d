"""Corpus people in numbers: those that sets made so far hold. `make.REVISION` is raised with them.

A change of any of these is another corpus: raise the revision, then write them anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from known import brief, numbers
from vivavoce.data.corpus.articulation import TARGETS, articulate
from vivavoce.data.corpus.carriage import HeadHabits, accents, carry, draw_modes
from vivavoce.data.corpus.ceiling import ceiling, match_scores
from vivavoce.data.corpus.describe import describe
from vivavoce.data.corpus.draw import Painter, project
from vivavoce.data.corpus.feeling import draw_look, units
from vivavoce.data.corpus.film import attributes
from vivavoce.data.corpus.make import REVISION
from vivavoce.data.corpus.people import (
    curve,
    draw_person,
    mean_shape,
    mean_wrinkles,
    pitch_mean,
    shape_axes,
    timbre_mean,
    tract_mean,
)
from vivavoce.data.corpus.perform import course, perform, relaxed_close, seals
from vivavoce.data.corpus.person import BACKDROPS, BEARDS, GLASSES, HAIR_STYLES
from vivavoce.data.corpus.raster import film, finish
from vivavoce.data.corpus.script import draw_feeling, frame_sentence, frame_word, lines, record
from vivavoce.data.corpus.sheet import portrait
from vivavoce.data.corpus.voice import say
from vivavoce.data.matching import alike, auc, recall
from vivavoce.data.prepare import _inside, _tracks
from vivavoce.listen.sounds import MEMBERS
from vivavoce.move.emotion import look_of
from vivavoce.speak.pieces import EMOTION_PROSODY
from vivavoce.types import ARKIT, ARKIT_INDEX, Emotion, Phone, Speech

Golden = Callable[..., None]
REST = np.zeros(52, np.float32)
AHEAD, LOOK = np.zeros(6, np.float32), np.zeros(2, np.float32)
PHONES = tuple(
    Phone(s, i / 10, (i + 1) / 10) for i, s in enumerate(("_", "p", "a", "s", "u", "m", "iː", "_"))
)


def row(**doing: float) -> np.ndarray:
    out = REST.copy()
    for name, value in doing.items():
        out[ARKIT_INDEX[name]] = value
    return out


def small(picture: np.ndarray) -> np.ndarray:
    return brief(cv2.resize(picture.astype(np.float32), (16, 16), interpolation=cv2.INTER_AREA))


def test_the_revision_is_the_one_of_these_numbers() -> None:
    assert REVISION == 4


@pytest.mark.parametrize("index", range(6))
def test_people(index: int, golden: Golden) -> None:
    person = draw_person(3, index)
    known = attributes(person)
    golden(f"person {index}", [v for v in known.values() if isinstance(v, float)], 1e-3)
    golden(f"person {index}, shape", brief(person.looks.identity))
    habits = np.hstack([np.ravel(v) for v in vars(HeadHabits.of(person)).values()])
    golden(f"person {index}, head", habits, 1e-3)
    made = Painter(person, 128).frame(row(jawOpen=0.2), AHEAD + np.float32(0.05), LOOK)
    golden(f"person {index}, picture", small(made.picture), 1.0)
    golden(f"person {index}, labels", np.bincount(made.labels.ravel(), minlength=24), 12)
    golden(f"person {index}, depth", small(made.depth / 10), 3.0)
    golden(f"person {index}, landmarks", brief(made.landmarks), 0.05)


STYLES = [
    *(("hair", v) for v in HAIR_STYLES),
    *(("beard", v) for v in BEARDS),
    *(("glasses", v) for v in GLASSES),
    *(("backdrop", v) for v in BACKDROPS),
]


@pytest.mark.parametrize(("what", "style"), STYLES)
def test_styles(what: str, style: str, golden: Golden) -> None:
    person = draw_person(3, 1)
    looks = replace(person.looks, **{what: style})
    made = Painter(replace(person, looks=looks), 128).frame(REST, AHEAD, LOOK)
    golden(f"{what} {style}, picture", small(made.picture), 1.0)
    golden(f"{what} {style}, labels", np.bincount(made.labels.ravel(), minlength=24), 12)


MOVES = {
    "speaks": (row(jawOpen=0.5, mouthFunnel=0.4), AHEAD, LOOK),
    "blinks with the left eye": (row(eyeBlinkLeft=1), AHEAD, LOOK),
    "smiles to the right": (row(mouthSmileRight=0.8, browInnerUp=0.6), AHEAD, LOOK),
    "turns": (REST, np.array([0.2, 0, 0, 0, 0, 0], np.float32), LOOK),
    "nods": (REST, np.array([0, 0.15, 0, 0, 0, 0], np.float32), LOOK),
    "tilts": (REST, np.array([0, 0, 0.15, 0, 0, 0], np.float32), LOOK),
    "moves": (REST, np.array([0, 0, 0, 0.1, 0.05, 0.2], np.float32), LOOK),
    "looks": (REST, AHEAD, np.array([0.3, 0.15], np.float32)),
}


@pytest.mark.parametrize("name", MOVES)
def test_movements(name: str, golden: Golden) -> None:
    painter = Painter(draw_person(3, 8), 128)
    rest, made = painter.frame(REST, AHEAD, LOOK), painter.frame(*MOVES[name])
    change = made.picture.astype(float) - rest.picture
    golden(f"{name}, picture", small(change), 0.5)
    golden(f"{name}, labels", np.bincount(made.labels.ravel(), minlength=24), 12)
    golden(f"{name}, landmarks", brief(made.landmarks - rest.landmarks), 0.02)


def test_portraits_of_the_sheet(golden: Golden) -> None:
    for index in range(3):
        golden(f"portrait {index}", small(portrait(0, index, 96)), 1.0)


def test_signs_of_pose_and_gaze() -> None:
    painter = Painter(draw_person(3, 8), 128)
    rest = painter.frame(REST, AHEAD, LOOK).landmarks

    def moved(at: int, pose: tuple[float, ...], gaze: tuple[float, float] = (0, 0)) -> np.ndarray:
        pose_row = np.zeros(6, np.float32)
        pose_row[: len(pose)] = pose
        seen = painter.frame(REST, pose_row, np.array(gaze, np.float32)).landmarks
        return (seen - rest)[at, :2]

    assert moved(1, (0.2,))[0] > 3  # yaw turns the nose to the picture's right
    assert moved(1, (0, 0.2))[1] < -3  # pitch raises it
    assert moved(10, (0, 0, 0.2))[0] > 3  # roll leans the forehead to the right
    assert moved(1, (0, 0, 0, 0.2)) == pytest.approx([moved(1, (0, 0, 0, 0.2))[0], 0], abs=0.3)
    assert moved(1, (0, 0, 0, 0.2))[0] > 3
    assert moved(1, (0, 0, 0, 0, 0.2))[1] < -3
    for iris in (468, 473):
        assert moved(iris, (), (0.3, 0))[0] > 0.5
        assert moved(iris, (), (0, 0.3))[1] < -0.5


def test_the_camera(golden: Golden) -> None:
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, -1]], np.float32)
    golden("projected", project(points, 128), 0.02)
    found = project(points, 128)
    assert found[1, 0] > found[0, 0]
    assert found[2, 1] < found[0, 1]
    canvas = np.abs(numbers(8, 8, 3)) + 0.1
    golden("finished", brief(finish(canvas.astype(np.float32), 2, film(1.0))), 1.0)


def test_a_clip(golden: Golden) -> None:
    person = draw_person(11, 0)
    for line in lines(person, 3, 0.3):
        golden(f"line {line.number}, look", line.look)
        take = record(person, line)
        name = f"line {line.number}"
        golden(f"{name}, phones", [p.start_s for p in take.speech.phones or ()], 2e-3)
        golden(f"{name}, words", [t for _, a, b in take.words for t in (a, b)], 2e-3)
        sound = take.speech.samples.reshape(-1, 640)
        golden(f"{name}, levels", np.sqrt((sound**2).mean(1)), 5e-3)
        acted = perform(person, take.speech, line.look, person.rng("move", line.number))
        for part in ("expression", "pose", "gaze"):
            golden(f"{name}, {part}", brief(getattr(acted.motion, part)), 2e-3)
        golden(f"{name}, modes", brief(acted.pose_modes), 2e-3)
        golden(f"{name}, rhythm", brief(acted.rhythm), 2e-3)
        golden(f"{name}, text", [len(line.text), len(line.instruction["fine"]), line.level], 0.1)


@pytest.mark.parametrize("feeling", ["neutral", "sad", "angry"])
def test_feelings_are_as_loud_as_the_table_says(feeling: str, golden: Golden) -> None:
    person = draw_person(11, 0)
    calm, said = (
        say(person, "We leave tomorrow morning.", Emotion(f)) for f in ("neutral", feeling)
    )
    sounds = [s.speech.samples[np.abs(s.speech.samples) > 0.02] for s in (calm, said)]
    levels = [np.sqrt((sound**2).mean()) for sound in sounds]
    assert levels[1] / levels[0] == pytest.approx(EMOTION_PROSODY[feeling].volume, rel=0.2)
    times = [t for _, a, b in said.words for t in (a, b)]
    golden(f"{feeling}, sound", [len(said.speech.samples), sounds[1].std(), *times], 3e-3)


def test_the_rules_of_people(golden: Golden) -> None:
    assert curve(((10, 1.0), (20, 3.0)), 15) == pytest.approx(2)
    identity = draw_person(3, 0).looks.identity
    for sex in ("female", "male"):
        tract = tract_mean(sex, identity)
        rules = [tract, *timbre_mean(sex, identity), *mean_shape(sex)[:6]]
        golden(sex, rules, 1e-3)
        for age in (16, 30, 75):
            golden(f"{sex} {age}", [pitch_mean(sex, age, 150.0, tract), mean_wrinkles(age)], 1e-3)
    golden("axes", brief(np.stack(list(shape_axes().values()))))


def test_the_ceiling_and_matching(golden: Golden) -> None:
    crowd = [draw_person(0, i) for i in range(40)]
    golden("match scores", brief(match_scores(crowd)), 1e-2)
    found = ceiling(0, 40)
    golden("ceiling", [*found.recall.values(), *found.auc.values()], 0.5)
    scores = numbers(12, 12) + 1.2 * np.eye(12)
    golden("recall", [*recall(scores, np.random.default_rng(0)).values()])
    own, other = np.diag(scores), scores[~np.eye(12, dtype=bool)]
    wanted = 100 * (own[:, None] > other[None]).mean()
    assert auc(scores, np.ones((12, 12), bool)) == pytest.approx(wanted)
    sex, land, age = ["f", "f", "m", None], ["a", "b", "a", "a"], [20, 24.9, 25, None]
    same = alike("G", sex, land, age)
    assert same[0].tolist() == [True, True, False, False]
    assert not same[3].any()
    assert alike("A", sex, land, age)[0].tolist() == [True, True, False, False]
    assert alike("N", sex, land, age)[0].tolist() == [True, False, True, True]
    assert alike("GNA", sex, land, age)[1].tolist() == [False, True, False, False]


def test_articulation(golden: Golden) -> None:
    energy = np.linspace(0, 1, 20).astype(np.float32)
    found = articulate(PHONES, 20, energy)
    for name, values in vars(found).items():
        golden(f"articulated, {name}", brief(values))
    golden("seals", seals(PHONES, 20))
    closed = seals(PHONES, 20)
    assert closed[3] == closed[13] == 1
    assert closed[7] == 0
    shifted = tuple(replace(p, start_s=p.start_s + 0.2, end_s=p.end_s + 0.2) for p in PHONES)
    later = articulate(shifted, 25, np.full(25, 0.5))
    now = articulate(PHONES, 20, np.full(20, 0.5))
    assert later.free[8:22] == pytest.approx(now.free[3:17], abs=1e-5)
    golden("relaxed", [relaxed_close(draw_person(3, i)) for i in range(4)], 1e-3)


def test_the_tables_of_articulation(golden: Golden) -> None:
    """Every class between silence and an open vowel: its own targets and dominances show."""
    for name in TARGETS:
        letter = "_" if name == "sil" else MEMBERS[name][0]
        phones = (Phone("_", 0, 0.2), Phone(letter, 0.2, 0.3), Phone("a", 0.3, 0.4))
        golden(f"class {name}", brief(articulate(phones, 12, np.full(12, 0.6)).free))


def test_carriage(golden: Golden) -> None:
    person = draw_person(3, 2)
    prosody = np.abs(numbers(60, 3)).clip(0, 1)
    prosody[:, 1] -= 0.5
    made = carry(person, prosody, np.full(6, 0.02), 1.1, np.random.default_rng(0))
    for name, values in vars(made).items():
        golden(f"carried, {name}", brief(values), 1e-3)
    golden("modes drawn", brief(draw_modes(100, np.random.default_rng(0))), 1e-3)
    golden("accents", brief(np.stack(accents(prosody, 0.05))), 1e-3)
    golden("course", course(50, np.random.default_rng(0)), 1e-3)


def test_feelings(golden: Golden) -> None:
    for feeling in ("happy", "contempt", "fearful"):
        shown = draw_look(Emotion(feeling), np.random.default_rng(5))
        golden(f"{feeling}, drawn", shown)
        golden(f"{feeling}, units", [*units(shown).values()])
        words = describe(feeling, 2, units(shown), np.random.default_rng(5))
        golden(f"{feeling}, words", [sum(map(ord, str(v))) for v in words.values()], 0.1)
    assert units(look_of(Emotion("happy"))) == {
        "mouthSmile": 0.6, "cheekSquint": 0.5, "eyeSquint": 0.16, "mouthDimple": 0.12,
        "browInnerUp": 0.1, "browOuterUp": 0.1, "mouthUpperUp": 0.1,
    }  # fmt: skip
    one_sided = np.zeros(59, np.float32)
    one_sided[ARKIT.index("mouthSmileRight")] = 0.4
    assert units(one_sided) == {"mouthSmile": 0.4}
    rng = np.random.default_rng(0)
    drawn = [draw_feeling(rng) for _ in range(400)]
    assert np.mean([f.name == "neutral" for f, _ in drawn]) == pytest.approx(0.2, abs=0.06)
    assert {level for _, level in drawn} == {1, 2, 3}
    assert all(f.intensity == pytest.approx(lv / 3) for f, lv in drawn if f.name != "neutral")


def test_takes_are_cut_with_their_times() -> None:
    sound = np.arange(32_000, dtype=np.float32) / 32_000
    phones = (Phone("_", 0, 0.5), Phone("a", 0.5, 0.9), Phone("b", 0.9, 1.3), Phone("_", 1.3, 2.0))
    speech, words = Speech(sound, "ab", phones), (("ab", 0.5, 1.3),)
    take = frame_word(speech, words)
    assert len(take.speech.samples) == 29 * 640
    ((_, a, b),) = take.words
    assert (a + b) / 2 == pytest.approx(0.58, abs=1e-3)
    first = round((0.9 - 0.58) * 16_000)
    assert take.speech.samples == pytest.approx(sound[first : first + 29 * 640], abs=2e-5)
    whole = frame_sentence(speech, words, np.random.default_rng(0))
    said = [p for p in whole.speech.phones or () if p.symbol in "ab"]
    shift = 0.5 - said[0].start_s
    assert 0.16 <= said[0].start_s <= 0.40
    assert said[1].end_s == pytest.approx(1.3 - shift)
    assert 0.28 <= whole.speech.seconds - said[1].end_s <= 0.56 + 0.04
    assert whole.words[0][1] == pytest.approx(said[0].start_s)
    assert whole.speech.samples[0] == pytest.approx(shift * 16_000 / 32_000, abs=1e-4)


def test_what_prepare_measures_on_a_clip(golden: Golden) -> None:
    painter = Painter(draw_person(3, 8), 128)
    poses = [np.array([0.1 * i, 0, 0, 0.05 * i, 0, 0], np.float32) for i in range(3)]
    points = np.stack([painter.frame(REST, pose, LOOK).landmarks for pose in poses])
    found = _tracks(points, np.ones(3, bool))
    for name, values in found.items():
        in_pixels = name in ("landmarks", "mouth_box", "face_box")
        golden(f"track {name}", brief(values), 0.1 if in_pixels else 5e-3)
    assert np.median(found["pose"][:, 3:], 0) == pytest.approx(np.zeros(3), abs=1e-5)
    assert (np.diff(found["pose"][:, 0]) > 0.05).all()
    assert (np.diff(found["pose"][:, 3]) > 0.02).all()
    frame = np.arange(100 * 200 * 3).reshape(100, 200, 3)
    inside = _inside(frame, (0.25, 0.5, 0.5, 0.9))
    assert np.array_equal(inside, frame[42:98, 40:110])
