"""How something is said, a row a video frame: pitch, loudness, voicing, and which sounds.

The frozen speech encoder of AVI-Talking's instruction half at the size that ships, where the paper
has HuBERT: the sounds that the shipped content network hears, beside prosody in plain units, so
that a voice can be bent where it is described (`train.avi_talking.acting`). Timbre is left out: it
tells a microphone from another before it tells a feeling.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from vivavoce.listen.listener import Listener
from vivavoce.listen.mel import MELS, log_mel
from vivavoce.listen.prosody import HEIGHTS, periodicity
from vivavoce.listen.sounds import CLASSES, VOWELS
from vivavoce.types import FPS, MELS_PER_FRAME, SAMPLES_PER_FRAME, Float, Speech

ENERGY, PITCH, VOICING, SPOKEN = (len(CLASSES) + i for i in range(4))
"""Columns behind the sounds: level in 20 dB over the clip's middle one; F0 in octaves over 150 Hz
(0 where unvoiced); voicing in [0, 1]; 1 in every frame that is speech."""
SIZE = SPOKEN + 1
"""Numbers of a row."""
SUMMARY = 13
"""Numbers of a clip that `with_summary` puts into every row."""
VOICED = 0.5
"""Voicing from which a frame has a pitch."""
LONGEST = 30 * FPS
"""Most frames that are heard at once (30 s); of longer speech the first."""
_MIDDLE_HZ = 150.0
_WINDOW = 1280
_HEARD = 1.5  # 30 dB under the loudest: what is quieter is no speech
_NATURAL = 2 * np.log(10)  # 20 dB in natural logarithms of power


def manner(samples: Float) -> Float:
    """Rows [T, SIZE] of sound [n] in [-1, 1] at 16 kHz, T = ceil(n / 640), at most `LONGEST`."""
    samples = samples[: LONGEST * SAMPLES_PER_FRAME]
    frames = -(-len(samples) // SAMPLES_PER_FRAME)
    sound = np.pad(samples, (0, frames * SAMPLES_PER_FRAME - len(samples))).astype(np.float32)
    level = _level(sound, frames)
    pitch, voicing = _pitch(sound, frames)
    spoken = level > np.percentile(level, 97) - _HEARD
    middle = np.median(level[spoken]) if spoken.any() else 0.0
    columns = np.stack([level - middle, pitch * spoken, voicing * spoken, spoken], 1)
    return np.concatenate([_sounds(sound), columns], 1).astype(np.float32)


def with_summary(rows: Float) -> Float:
    """Rows [T, SIZE] with the clip's own numbers behind each of them [T, SIZE + SUMMARY]: height
    and range of the pitch, pace, length of vowels, share of voice, and how the pitch moves."""
    return np.concatenate([rows, np.repeat(summary(rows)[None], len(rows), 0)], 1)


def summary(rows: Float) -> Float:
    """The clip's own numbers [SUMMARY]; 0 for one without a voice."""
    spoken, voiced = rows[:, SPOKEN] > 0, rows[:, VOICING] >= VOICED
    if voiced.sum() < 5:
        return np.zeros(SUMMARY, np.float32)
    pitch, count = rows[voiced, PITCH], max(int(spoken.sum()), 1)
    middle = np.median(pitch)
    low, lower, upper, high = np.percentile(pitch, [5, 25, 75, 95])
    sounds = rows[:, : len(CLASSES)]
    pace = np.abs(np.diff(sounds, axis=0)).sum(1)[spoken[1:]].sum() / count
    best = sounds.argmax(1)
    changes = (best[1:] != best[:-1])[spoken[1:]].sum() / count
    vowels = _vowels(best, spoken)
    steps = np.abs(np.diff(rows[:, PITCH]))[voiced[1:] & voiced[:-1]]
    slope = np.polyfit(np.linspace(0, 1, len(pitch)), pitch, 1)[0]
    found = [middle, low - middle, high - middle, upper - lower, pace, changes, vowels.mean(),
             vowels.max(), voiced.sum() / count, steps.mean() if len(steps) else 0.0, slope,
             pitch[-6:].mean() - middle, rows[spoken, ENERGY].std()]  # fmt: skip
    return np.array(found, np.float32)


def _vowels(best: np.ndarray, spoken: np.ndarray) -> np.ndarray:
    """Lengths in frames of the stretches of one vowel; [2] if there is none."""
    starts = np.r_[0, np.flatnonzero(np.diff(best)) + 1]
    lengths = np.diff(np.r_[starts, len(best)])
    found = lengths[np.isin(best[starts], VOWELS) & spoken[starts]]
    return found if len(found) else np.array([2])


def _sounds(sound: Float) -> Float:
    """Probabilities of the sound classes [T, C]."""
    return np.concatenate([cues.content for cues, _ in _listener()([Speech(sound)])])


@cache
def _listener() -> Listener:
    return Listener()


def _level(sound: Float, frames: int) -> Float:
    """Level of every frame [T] in 20 dB."""
    rows = log_mel(sound).reshape(frames, MELS_PER_FRAME, MELS).mean(1)
    return np.asarray(np.log(np.exp(rows).mean(1)) / _NATURAL, np.float32)


def _pitch(sound: Float, frames: int) -> tuple[Float, Float]:
    """F0 [T] in octaves over 150 Hz, 0 where unvoiced, and voicing [T]."""
    side = (_WINDOW - SAMPLES_PER_FRAME) // 2
    view = np.lib.stride_tricks.sliding_window_view(np.pad(sound, side), _WINDOW)
    strength = periodicity(view[::SAMPLES_PER_FRAME][:frames])
    octave = 0.04 * (HEIGHTS[0] - HEIGHTS)  # of equal peaks the higher pitch is meant
    first = strength - octave
    sure = first.max(1) > 0.45
    middle = np.median(HEIGHTS[first.argmax(1)][sure]) if sure.any() else HEIGHTS.mean()
    best = (first - 0.15 * np.maximum(np.abs(HEIGHTS - middle) - 0.6, 0)).argmax(1)
    voicing = np.clip((strength[np.arange(frames), best] - 0.25) / 0.4, 0, 1)
    heights = HEIGHTS[best] - np.log2(_MIDDLE_HZ)
    return np.where(voicing >= VOICED, heights, 0.0), voicing
