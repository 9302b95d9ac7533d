"""How corpus people carry their heads: slow pose modes drawn at random, and rhythm that follows
prosody. The two parts are stored apart, and they add up to the pose.

One utterance admits many head motions; what is free is slow, what the voice decides is fast (the
premise of Zhang et al., "Shallow Diffusion Motion Model for Talking Face Generation from Speech",
2022). So here:

- a *pose mode* is one direction in the six numbers of a pose times one slow curve; a clip draws 2
  to 4 of them, below `MODE_HZ[1]`;
- *rhythm* is a linear filter of loudness and pitch between about 0.7 and 3 Hz, the same in every
  clip of a person but for the prosody itself: nothing in it is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from vivavoce.data.corpus.person import Person
from vivavoce.types import FPS, Float

MODES = (2, 4)
"""How many modes a clip may draw, both included."""
MODE_HZ = (0.10, 0.45)
"""Lowest and highest frequency of a mode."""
MODE_STD = np.array([0.090, 0.062, 0.042, 0.045, 0.025, 0.040])
"""Standard deviation of the modes' sum: yaw, pitch, roll in rad (5.2, 3.6, 2.4 degrees); x, y, z in
outer-eye distances. Within one sentence that is about 3.5 degrees; real clips: 3.9."""
REST_STD = np.array([0.045, 0.035, 0.030, 0.020, 0.015, 0.040])
"""How far the resting poses of people lie apart."""
LIMITS = np.array([0.30, 0.20, 0.17, 0.14, 0.09, 0.16])
"""Largest size of each number of a pose (rad, outer-eye distances), whatever is drawn."""
BROW_LIMIT = 0.5
_WAVES = 2  # sine waves in a mode: enough that it does not look like a pendulum
_FAST, _SLOW = 1.7, 9.0  # frames: smoothing that bounds the band of the rhythm, about 3 and 0.7 Hz


@dataclass(frozen=True)
class HeadHabits:
    """How one person moves the head; drawn once for each person."""

    rest: Float
    """Pose [6] about which the head moves: radians, then outer-eye distances."""
    amount: float
    """Factor of this person on the size of the pose modes."""
    energy_gain: Float
    """Pose [6] that one unit of loudness accent brings; a nod lowers the chin."""
    pitch_gain: Float
    """Pose [6] that one octave of pitch accent brings; high pitch lifts the chin."""
    lag_s: float
    """By how much the head comes after the voice (before it where negative)."""
    brow: float
    """Height of the brows that one octave of pitch accent brings."""

    @classmethod
    def of(cls, person: Person) -> HeadHabits:
        """Habits of `person`, drawn from the person's own seed."""
        rng = person.rng("head habits")
        gain = np.clip(rng.normal(1, 0.35), 0.3, 1.8)
        aside = rng.normal(0, 1, 2)
        return cls(
            rest=(REST_STD * np.clip(rng.normal(size=6), -2, 2)).astype(np.float32),
            amount=float(np.clip(rng.normal(1, 0.2), 0.6, 1.4)),
            energy_gain=gain * np.array([0.03 * aside[0], -0.16, 0.03 * aside[1], 0, -0.04, 0.04]),
            pitch_gain=gain * np.array([0, 0.15, 0.05 * aside[1], 0, 0.02, 0]),
            lag_s=float(rng.uniform(-0.04, 0.12)),
            brow=float(np.clip(rng.normal(1.4, 0.6), 0.2, 3.0)),
        )


@dataclass(frozen=True)
class Carriage:
    """Head and brow movement of one clip."""

    pose_modes: Float
    """Slow part [T, 6], the resting pose included."""
    rhythm: Float
    """Fast part of the pose [T, 6], which prosody alone decides."""
    brows: Float
    """Height of the brows over rest [T], 0 and up."""

    @property
    def pose(self) -> Float:
        """Head pose [T, 6]: the sum of modes and rhythm."""
        return self.pose_modes + self.rhythm


def carry(
    person: Person, prosody: Float, offset: Float, amount: float, rng: np.random.Generator
) -> Carriage:
    """The head of `person` over a clip with `prosody` [T, 3] (`Cues.prosody`).

    Args:
        offset: Pose [6] that the feeling adds.
        amount: How much the feeling moves the head, 1 = usual.
    """
    habits = HeadHabits.of(person)
    modes = draw_modes(len(prosody), rng) * habits.amount * amount
    slow = LIMITS * np.tanh((habits.rest + offset + modes) / LIMITS)
    loud, high = accents(prosody, habits.lag_s)
    rhythm = (loud[:, None] * habits.energy_gain + high[:, None] * habits.pitch_gain) * amount
    raised = _smooth(np.maximum(high * habits.brow * amount, 0), _FAST)
    brows = BROW_LIMIT * np.tanh(raised / BROW_LIMIT)
    return Carriage(slow.astype(np.float32), rhythm.astype(np.float32), brows.astype(np.float32))


def draw_modes(frames: int, rng: np.random.Generator) -> Float:
    """The sum of 2 to 4 random modes [T, 6], with `MODE_STD` over many clips.

    Band-limited exactly: sine waves; a longer clip from the same `rng` begins with the shorter.
    """
    at = (np.arange(frames) + 0.5) / FPS
    count = int(rng.integers(MODES[0], MODES[1] + 1))
    total = np.zeros((frames, 6))
    for _ in range(count):
        direction = rng.normal(size=6)
        hertz = rng.uniform(*MODE_HZ, _WAVES)
        phase = rng.uniform(0, 2 * np.pi, _WAVES)
        curve = np.sin(2 * np.pi * hertz * at[:, None] + phase).sum(1) * np.sqrt(2 / _WAVES)
        total += curve[:, None] * direction
    return (total / np.sqrt(count) * MODE_STD).astype(np.float32)


def accents(prosody: Float, lag_s: float = 0.0) -> tuple[Float, Float]:
    """Accents of loudness and of pitch [T] each, `lag_s` later than they are heard.

    Differences of two Gaussian means: what is louder (in `Cues.prosody`'s energy) or higher (in
    octaves) than about a third of a second around it.
    """
    energy, pitch, voicing = prosody.T.astype(np.float64)
    frames = np.arange(len(energy))
    voiced = voicing > 0.5
    if voiced.any():  # through unvoiced sounds in a straight line; octave errors are bounded
        pitch = np.interp(frames, frames[voiced], np.clip(pitch[voiced], -0.6, 0.6))
    speaking = _smooth(np.clip(energy / 0.5, 0, 1), _FAST)
    singing = _smooth(voiced.astype(np.float64), _FAST)
    loud = (_smooth(energy, _FAST) - _smooth(energy, _SLOW)) * speaking
    high = (_smooth(pitch, _FAST) - _smooth(pitch, _SLOW)) * speaking * singing
    late = (np.interp(frames - lag_s * FPS, frames, curve) for curve in (loud, high))
    return next(late).astype(np.float32), next(late).astype(np.float32)


def _smooth(curve: np.ndarray, sigma: float) -> np.ndarray:
    return gaussian_filter1d(curve, sigma, mode="nearest")
