from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from vivavoce.errors import BadCheckpoint, ShapeError, UnknownName
from vivavoce.listen.sounds import CLASSES, content_from_phones
from vivavoce.look.face478 import load
from vivavoce.move import PortraitMover, load_mover
from vivavoce.move.as_people import AS_PEOPLE
from vivavoce.move.emotion import CLOSE_GAP, LIP_GAP, LOOKS, look_of
from vivavoce.move.mover import BLINKS_A_MINUTE
from vivavoce.nn.weights import SHIPPED
from vivavoce.types import (
    ARKIT,
    ARKIT_INDEX,
    EMOTIONS,
    FPS,
    MIDDLE_LIP_PAIRS,
    Cues,
    Emotion,
    Float,
    Motion,
    Phone,
)

WEIGHTS = SHIPPED / "portrait-tiny"
BLINK = ARKIT_INDEX["eyeBlinkLeft"]
SYLLABLES = ["m", "a", "p", "a", "b", "iː", "f", "a", "s", "u", "b", "ɔ", "m", "æ", "t", "a"]


@pytest.fixture(scope="module")
def mover() -> PortraitMover:
    return load_mover(WEIGHTS)


@pytest.fixture(scope="module")
def gaps() -> Float:
    """Lip gap that each coefficient opens in the face model."""
    upper, lower = zip(*MIDDLE_LIP_PAIRS, strict=True)
    lips = load().expression[:, :, 1]
    return (lips[:, upper] - lips[:, lower]).mean(1)


def spoken(repeats: int = 2, pause_s: float = 0.8, step: float = 0.1) -> tuple[Cues, list[Phone]]:
    """Syllables between pauses, with a plausible prosody."""
    phones = [Phone("_", 0.0, pause_s)]
    for _ in range(repeats):
        for symbol in SYLLABLES:
            at = phones[-1].end_s
            phones.append(Phone(symbol, at, at + step * (1.4 if symbol in "aæɔ" else 0.8)))
        phones.append(Phone("_", phones[-1].end_s, phones[-1].end_s + pause_s))
    frames = int(phones[-1].end_s * FPS)
    content = content_from_phones(phones, frames)
    loud = 0.85 * (1 - content[:, 0])
    lift = 0.2 * np.sin(np.arange(frames) / 9) * (loud > 0)
    prosody = np.stack([loud, lift, loud > 0.3], 1).astype(np.float32)
    return Cues(content, prosody), phones


def pieces(cues: Cues, size: int) -> Iterator[Cues]:
    for i in range(0, len(cues), size):
        yield Cues(cues.content[i : i + size], cues.prosody[i : i + size], cues.emotion)


def moved(mover: PortraitMover, cues: Cues, seed: int = 0, size: int = 10, **how: float) -> Motion:
    parts = list(mover(pieces(cues, size), np.random.default_rng(seed), **how))
    return Motion(*(np.concatenate([getattr(p, n) for p in parts]) for n in FIELDS))


FIELDS = ("expression", "pose", "gaze")


@pytest.mark.parametrize("size", [1, 7, 40, 10_000])
def test_motion_does_not_depend_on_how_the_cues_are_cut(mover: PortraitMover, size: int) -> None:
    cues, _ = spoken()
    whole, cut = moved(mover, cues, size=10), moved(mover, cues, size=size)
    assert len(whole) == len(cut) == len(cues)
    for name in FIELDS:
        np.testing.assert_allclose(getattr(whole, name), getattr(cut, name), atol=1e-5)


@pytest.mark.parametrize("frames", [1, 2, 5, 6, 9])
def test_the_shortest_clips_get_their_frames(mover: PortraitMover, frames: int) -> None:
    cues, _ = spoken()
    short = Cues(cues.content[:frames], cues.prosody[:frames])
    assert len(moved(mover, short)) == frames
    assert not list(mover(iter([]), np.random.default_rng(0)))


def test_first_motion_comes_after_six_frames(mover: PortraitMover) -> None:
    cues, _ = spoken()
    taken = 0

    def counted() -> Iterator[Cues]:
        nonlocal taken
        for piece in pieces(cues, 1):
            taken += 1
            yield piece

    next(mover(counted(), np.random.default_rng(0)))
    assert taken <= 6


def test_seeds_differ_and_repeat(mover: PortraitMover) -> None:
    cues, _ = spoken(4)
    one, again, other = (moved(mover, cues, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.pose, again.pose)
    turn = np.degrees(np.sqrt(np.mean((one.pose[50:, :2] - other.pose[50:, :2]) ** 2)))
    assert turn > 0.7


def test_still_keeps_the_head_but_not_the_eyes(mover: PortraitMover) -> None:
    cues, _ = spoken(8)
    motion = moved(mover, cues, still=True)
    assert not motion.pose.any()
    assert motion.expression[:, BLINK].max() == 1
    assert motion.gaze.std() > 0.005


def test_lively_is_how_much_the_head_moves(mover: PortraitMover) -> None:
    cues, _ = spoken(8)
    turns = [moved(mover, cues, lively=x).pose[:, :2].std() for x in (0.0, 0.5, 1.0, 2.0)]
    assert turns[0] == 0
    assert 0.5 < turns[1] / turns[2] < 0.65  # limits bend it
    assert 1.3 < turns[3] / turns[2] < 2
    assert moved(mover, cues, lively=0.0).expression[:, BLINK].max() == 1


def test_pauses_are_stiller_than_speech(mover: PortraitMover) -> None:
    cues, _ = spoken(6, pause_s=1.0)
    for seed in range(3):
        pose = moved(mover, cues, seed).pose[:, :3]
        speed = np.linalg.norm(np.diff(pose, axis=0), axis=1)
        quiet = cues.prosody[1:, 0] < 0.3
        inside = quiet & np.roll(quiet, 8) & np.roll(quiet, -4)  # 0.3 s into a pause and later
        assert speed[inside].mean() < 0.5 * speed[~quiet].mean()


def test_lips_close_on_every_closure(mover: PortraitMover, gaps: Float) -> None:
    cues, phones = spoken(4)
    gap = moved(mover, cues).expression @ gaps
    for phone in phones:
        if phone.symbol in "pbm":
            inside = slice(int(phone.start_s * FPS), int(np.ceil(phone.end_s * FPS)))
            assert gap[inside].min() < 0.005, phone


def test_open_vowels_open(mover: PortraitMover, gaps: Float) -> None:
    cues, _ = spoken(4)
    gap = moved(mover, cues).expression @ gaps
    assert 0.09 < gap[cues.content[:, CLASSES.index("a")] > 0.9].mean() < 0.18


def test_rounding_narrows_and_f_tucks_the_lip(mover: PortraitMover) -> None:
    cues, _ = spoken(4)
    expression = moved(mover, cues).expression

    def mean(name: str, sound: str) -> float:
        rows = cues.content[:, CLASSES.index(sound)] > 0.6
        return float(expression[rows, ARKIT_INDEX[name]].mean())

    assert mean("mouthPucker", "u") > 2 * mean("mouthPucker", "a") + 0.1
    assert mean("mouthRollLower", "fv") > 2 * mean("mouthRollLower", "a") + 0.1
    assert mean("mouthStretchLeft", "i") > mean("mouthStretchLeft", "u")


def test_pauses_close_the_lips_within_three_frames_and_are_still(
    mover: PortraitMover, gaps: Float
) -> None:
    cues, phones = spoken(4, pause_s=0.4)
    mouth = [i for i, name in enumerate(ARKIT) if name.startswith(("jaw", "mouth"))]
    expression = moved(mover, cues).expression
    for phone in phones[1:]:
        if phone.symbol == "_":
            rest = slice(int(np.ceil(phone.start_s * FPS)) + 3, int(phone.end_s * FPS) - 4)
            assert abs(expression[rest] @ gaps).max() < 0.005
            assert np.ptp(expression[rest][:, mouth], axis=0).max() < 0.02


def test_noise_in_a_pause_does_not_move_the_lips(mover: PortraitMover) -> None:
    rng = np.random.default_rng(0)
    content = 0.02 * rng.random((100, len(CLASSES)), np.float32)
    content[:, 0] = 1 - content[:, 1:].sum(1)
    prosody = np.zeros((100, 3), np.float32)
    prosody[:, 0] = 0.1 * rng.random(100)
    mouth = [i for i, name in enumerate(ARKIT) if name.startswith(("jaw", "mouth"))]
    assert moved(mover, Cues(content, prosody)).expression[:, mouth].max() < 1e-3


@pytest.mark.parametrize(
    "minutes", [15, pytest.param(60, marks=pytest.mark.slow(reason="an hour takes 20 s"))]
)
def test_speaking_long_neither_drifts_nor_leaves_its_bounds(
    mover: PortraitMover, minutes: int
) -> None:
    cues, _ = spoken(20)
    stream = mover.head.stream(np.random.default_rng(3))
    times = minutes * 60 * FPS // len(cues)
    pose = np.concatenate([stream.push(cues.prosody) for _ in range(times)])[:, :3]
    angles = np.degrees(pose)
    quarter = len(angles) // 4
    assert abs(angles).max() < 14
    assert abs(angles[:quarter].mean(0) - angles[-quarter:].mean(0)).max() < 1
    assert abs(angles.mean(0)).max() < 1
    assert 0.7 < np.sqrt(angles[:, :2].var(0).mean()) < 5


def test_blinks_are_as_frequent_and_as_full_as_people_s(mover: PortraitMover) -> None:
    cues, _ = spoken(20)
    minutes = 10
    for seed in range(3):
        prosody = np.resize(cues.prosody, (minutes * 60 * FPS, 3))
        head, blinks, gaze = np.random.default_rng(seed).spawn(3)
        del head, gaze
        from vivavoce.move.eyes import BlinkStream

        closure = BlinkStream(mover.eyes, blinks, BLINKS_A_MINUTE).push(prosody)
        shut = (closure[1:] >= 0.999) & (closure[:-1] < 0.999)
        assert 19 <= shut.sum() / minutes <= 21
        twenty_s = np.add.reduceat(shut, np.arange(0, len(shut), 20 * FPS))[:-1]
        assert 4 <= twenty_s.min() <= twenty_s.max() <= 9
        apart = np.diff(np.flatnonzero(shut)) / FPS
        assert apart.std() > 0.6
        assert closure.max() == 1
        open_frames = np.flatnonzero(closure == 0)
        assert np.diff(open_frames).max() <= 0.5 * FPS


def test_silence_is_calm_but_alive(mover: PortraitMover) -> None:
    talk, _ = spoken(30)
    quiet = Cues(np.eye(len(CLASSES), dtype=np.float32)[np.zeros(1500, int)], np.zeros((1500, 3)))
    speaking, waiting = moved(mover, talk), moved(mover, quiet)
    assert (
        0.1 < np.degrees(waiting.pose[:, :2]).std() < 0.7 * np.degrees(speaking.pose[:, :2]).std()
    )
    assert waiting.expression[:, BLINK].max() == 1


@pytest.mark.parametrize("name", EMOTIONS)
def test_every_emotion_stays_in_range_and_keeps_closures(
    mover: PortraitMover, gaps: Float, name: str
) -> None:
    plain, phones = spoken(2)
    cues = Cues(plain.content, plain.prosody, Emotion(name, 1.0))
    motion = moved(mover, cues)
    assert motion.expression.min() >= 0
    assert motion.expression.max() <= 1
    gap = motion.expression @ gaps
    sealed = [
        gap[int(p.start_s * FPS) : int(np.ceil(p.end_s * FPS))].min()
        for p in phones
        if p.symbol in "pbm"
    ]
    assert np.mean(np.array(sealed) < 0.005) >= 0.95


def test_the_emotion_table_covers_the_eight_and_names_real_coefficients() -> None:
    assert set(LOOKS) == set(EMOTIONS)
    assert set(AS_PEOPLE) == set(EMOTIONS)
    for name, looks in product(EMOTIONS, (LOOKS, AS_PEOPLE)):
        half, full = look_of(Emotion(name, 0.5), looks), look_of(Emotion(name, 1.0), looks)
        np.testing.assert_allclose(half[:52] * 2, full[:52], atol=1e-6)
        assert full[:52].max() <= 1
    with pytest.raises(UnknownName, match="happy"):
        look_of(Emotion("hapy"))


def test_lip_gap_constants_are_the_face_model_s(gaps: Float) -> None:
    for name, value in LIP_GAP.items():
        assert gaps[ARKIT_INDEX[name]] == pytest.approx(value, abs=0.002)
    assert gaps[ARKIT_INDEX["mouthClose"]] == pytest.approx(-CLOSE_GAP, abs=0.002)


def test_other_classes_are_refused(mover: PortraitMover) -> None:
    cues = Cues(np.ones((20, 5), np.float32) / 5, np.zeros((20, 3), np.float32))
    with pytest.raises(ShapeError, match=r"Cues\.content"):
        list(mover(iter([cues]), np.random.default_rng(0)))


def test_a_missing_or_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadCheckpoint, match=r"lips\.safetensors is missing"):
        load_mover(tmp_path)
    (tmp_path / "lips.safetensors").write_bytes(b"nothing")
    with pytest.raises(BadCheckpoint, match="damaged"):
        load_mover(tmp_path)
    (tmp_path / "lips.safetensors").write_bytes((WEIGHTS / "head.safetensors").read_bytes())
    with pytest.raises(BadCheckpoint, match="does not hold lips"):
        load_mover(tmp_path)
