"""How corpus people move while they speak: lips, feeling, eyes, brows and head, known exactly.

lips    the articulatory teacher (`articulation.py`), with the person's own strength; p, b, m
        seal the lips whatever else the face does
feeling active units that rise, hold and fall over the clip; they add to the lips
head    slow pose modes drawn at random, and rhythm from the prosody (`carriage.py`)
eyes    blinks and glances; the lids follow the gaze
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from vivavoce.data.corpus.articulation import articulate
from vivavoce.data.corpus.carriage import carry
from vivavoce.data.corpus.person import Person
from vivavoce.listen.prosody import prosody as hear_prosody
from vivavoce.listen.sounds import CLOSED, classes_of
from vivavoce.look.face478 import load
from vivavoce.move.emotion import CLOSE_GAP, felt
from vivavoce.move.eyes import REFRACTORY_S, BlinkStream, EyeHabits, GazeStream, show_eyes
from vivavoce.move.lips import compose, control_matrix
from vivavoce.types import (
    ARKIT,
    ARKIT_INDEX,
    FPS,
    SAMPLES_PER_FRAME,
    Float,
    Motion,
    Phone,
    Speech,
    lip_gap,
)

SEAL_S = 0.055
"""Time the lips take to meet for p, b, m, and to part again."""
BLINKS_A_MINUTE = (17.0, 23.0)
"""Range of the blinks a minute of people who never pause; pauses bring them to 20 to 27. Tracked
real clips have about 25."""
BLINK = (0.0, 0.0, 0.10, 0.62, 1.0, 0.80, 0.42, 0.15, 0.03, 0.0, 0.0, 0.0)
"""Course of a lid [12] at 25 a second: it closes in 80 ms and opens in 150 ms."""
TOUCHING_GAP = 0.010
"""The inner-lip points of lips that touch are this far apart, in outer-eye distances."""
_PAUSE_ODDS = 2.0  # a blink is this much likelier in a pause
_GLANCE = np.array([0.11, 0.06])  # rad, how far people look away
_STAY_S = (0.35, 1.6)
_BROWS = {"browInnerUp": 1.0, "browOuterUpLeft": 0.8, "browOuterUpRight": 0.8}


@dataclass(frozen=True)
class Performance:
    """One clip's movement and its parts."""

    motion: Motion
    """Motion of the face in the clip: ARKit coefficients, head pose and gaze."""
    pose_modes: Float
    """The slow, free part of the pose [T, 6]; with `rhythm` it adds up to `motion.pose`."""
    rhythm: Float
    """The part of the pose that prosody decides [T, 6]."""


def perform(person: Person, speech: Speech, look: Float, rng: np.random.Generator) -> Performance:
    """How `person` moves while saying `speech` (whole frames, with phones) with a feeling that
    does to the face what `look` says (a row of `move.emotion.look_of`, see `feeling.py`).

    The same arguments give the same movement, bit for bit on one kind of machine.
    """
    frames = len(speech.samples) // SAMPLES_PER_FRAME
    for_modes, for_course, for_blinks, for_gaze = rng.spawn(4)
    prosody = hear_prosody(speech.samples)[:frames]
    speaking, moving, offset = look[len(ARKIT)], look[len(ARKIT) + 1], np.zeros(6, np.float32)
    offset[:3] = look[len(ARKIT) + 2 : len(ARKIT) + 5]
    head = carry(person, prosody, offset, float(moving), for_modes)
    rows = np.repeat(look[None], frames, 0)
    rows[:, : len(ARKIT)] *= course(frames, for_course)[:, None]
    lips, closed = speech_lips(person, speech.phones or (), prosody[:, 0], float(speaking))
    rows[:, len(ARKIT)] = 1  # the lips have it already
    expression = felt(lips, closed, rows)
    expression[:, ARKIT_INDEX["mouthClose"]] += relaxed_close(person)
    for name, part in _BROWS.items():
        expression[:, ARKIT_INDEX[name]] += part * head.brows
    habits = eye_habits(person)
    closure = BlinkStream(habits, for_blinks).push(prosody)
    gaze = GazeStream(habits, for_gaze).push(head.pose[:, :2]) + look[-2:]
    show_eyes(expression, closure, gaze)
    for side in ("Left", "Right"):
        expression[:, ARKIT_INDEX[f"eyeWide{side}"]] *= 1 - closure
    motion = Motion(np.clip(expression, 0, 1).astype(np.float32), head.pose, gaze)
    return Performance(motion, head.pose_modes, head.rhythm)


def speech_lips(
    person: Person, phones: tuple[Phone, ...], energy: Float, amount: float = 1.0
) -> tuple[Float, Float]:
    """ARKit coefficients [T, 52] of the lips and how sealed they are [T], for loudness [T]."""
    strength = float(np.clip(person.rng("articulation").normal(1.0, 0.13), 0.75, 1.3)) * amount
    aim = articulate(phones, len(energy), energy)
    closed = np.maximum(aim.closed, seals(phones, len(energy)))
    free, shut, rest = (
        torch.from_numpy(np.asarray(x, np.float32))
        for x in (np.clip(aim.free * strength, 0, 1), closed, aim.rest)
    )
    lips = compose(free, shut, rest, torch.from_numpy(control_matrix())).numpy()
    return lips, np.maximum(closed, aim.rest)


def relaxed_close(person: Person) -> float:
    """The mouthClose that lets lips touch which the shape of this face holds apart at rest."""
    relaxed = load().vertices(person.looks.identity, np.zeros(len(ARKIT), np.float32))
    return max(float(lip_gap(relaxed)) - TOUCHING_GAP, 0.0) / CLOSE_GAP


def seals(phones: tuple[Phone, ...], frames: int) -> Float:
    """How far p, b, m have brought the lips together at each frame's middle [T] in [0, 1].

    1 during the phone, with a cosine of `SEAL_S` before and after, so that a closure that falls
    between two frames is seen on both.
    """
    at = (np.arange(frames) + 0.5) / FPS
    sealed = np.zeros(frames)
    for phone in phones:
        if any(index == CLOSED for index, _ in classes_of(phone.symbol)):
            outside = np.maximum(np.maximum(phone.start_s - at, at - phone.end_s), 0)
            ramp = 0.5 + 0.5 * np.cos(np.pi * np.minimum(outside / SEAL_S, 1))
            sealed = np.maximum(sealed, ramp)
    return sealed.astype(np.float32)


def course(frames: int, rng: np.random.Generator) -> Float:
    """How far a feeling is shown over a clip [T], 1 at its apex: it rises from what was there
    before, holds with slow waves, and falls a little at the end; smooth, never above 1."""
    at = (np.arange(frames) + 0.5) / FPS
    whole = frames / FPS
    before, after = rng.uniform(0.45, 0.85), rng.uniform(0.65, 0.95)
    onset = rng.uniform(0.2, 0.5) * min(whole / 2, 1.0)
    decay = rng.uniform(0.3, 0.7) * min(whole / 2, 1.0)
    rise = _smoothstep(at / onset)
    fall = _smoothstep((whole - at) / decay)
    wave = 0.94 + 0.06 * np.sin(2 * np.pi * rng.uniform(0.15, 0.4) * at + rng.uniform(0, 6.28))
    shown = (before + (1 - before) * rise) * (after + (1 - after) * fall) * wave
    return shown.astype(np.float32)


def _smoothstep(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def eye_habits(person: Person) -> EyeHabits:
    """How often `person` blinks, and where the eyes go."""
    rng = person.rng("eyes")
    wanted = 60 / rng.uniform(*BLINKS_A_MINUTE) - REFRACTORY_S  # s that a blink is waited for
    chance = 1 / (FPS * wanted)
    odds = np.log(chance / (1 - chance))
    hazard = np.tile([odds, odds + np.log(_PAUSE_ODDS)], (7, 1)).astype(np.float32)
    targets = rng.normal(0, _GLANCE, (32, 2)).astype(np.float32)
    stays = rng.uniform(*_STAY_S, 32).astype(np.float32)
    return EyeHabits(hazard, np.array(BLINK, np.float32), targets, stays)
