"""Whether a recording holds one person's voice, before a face is imagined for it."""

from __future__ import annotations

import warnings

import numpy as np

from vivavoce.errors import BadMedia, MediaWarning
from vivavoce.listen.prosody import HEIGHTS, periodicity
from vivavoce.types import FPS, RATE, SAMPLES_PER_FRAME, Float

LEAST_S = 0.4
"""Least of a voice that says anything of who speaks, in voiced seconds."""
SHORT_S = 1.0
"""With less voiced sound than that, what is heard is little sure."""
VOICED = 0.45
"""Least normalised autocorrelation of a frame that counts as voiced."""
QUIET_DB = 30.0
"""Frames that lie further below the loudest ones are no voice."""
STILL_OCT = 0.1 / 12
"""A pitch that changes less from frame to frame stands still, in octaves."""
MOST_HELD = 0.6
"""Greatest share of standing pitches in speech; real speech has up to 0.3, singing 0.45."""
_SIDE = 320  # samples on both sides of a frame, for two periods of the lowest voice


class HeardVoice:
    """Pitch and loudness of a recording, and what they say about whether one person speaks."""

    def __init__(self, samples: Float) -> None:
        """Measure samples [n] at 16 kHz."""
        frames = -(-len(samples) // SAMPLES_PER_FRAME)
        padded = np.pad(samples, (_SIDE, _SIDE + SAMPLES_PER_FRAME))
        view = np.lib.stride_tricks.sliding_window_view(padded, SAMPLES_PER_FRAME + 2 * _SIDE)
        view = view[::SAMPLES_PER_FRAME][:frames]
        strength = periodicity(view)
        strength = strength - 0.04 * (HEIGHTS[0] - HEIGHTS)  # of equal peaks the higher pitch
        best = strength.argmax(1)
        inner = view[:, _SIDE:-_SIDE].astype(np.float64)
        self.level_db = 10 * np.log10(np.mean(inner**2, 1) + 1e-12)
        loud = self.level_db > max(np.percentile(self.level_db, 95) - QUIET_DB, -65.0)
        self.voiced = loud & (strength.max(1) > VOICED)
        self.octaves = HEIGHTS[best]
        """Pitch of every frame [T] in octaves above 1 Hz; it means something where `voiced`."""
        self.seconds = len(samples) / RATE

    @property
    def voiced_s(self) -> float:
        """Seconds of voiced sound."""
        return float(self.voiced.sum() / FPS)

    @property
    def median_hz(self) -> float | None:
        """Pitch in the middle of what is voiced, in Hz; None: nothing is."""
        return float(2 ** np.median(self.octaves[self.voiced])) if self.voiced.any() else None

    @property
    def held(self) -> float:
        """Share of the voiced frames whose pitch is that of the frame before, to a tenth of a
        semitone: the pitch of speech glides, notes and tones stand still."""
        both = self.voiced[1:] & self.voiced[:-1]
        if not both.any():
            return 0.0
        return float((np.abs(np.diff(self.octaves))[both] < STILL_OCT).mean())


def check_voice(samples: Float, name: str = "The recording") -> HeardVoice:
    """What is heard in samples [n] at 16 kHz, if that is a voice.

    Warns (`MediaWarning`) where it is short, sounds like music.

    Raises: BadMedia: no voice is heard, or too little of one; says how much.
    """
    found = HeardVoice(samples) if len(samples) else None
    if found is None or found.voiced_s == 0:
        raise BadMedia(f"{name} holds no voice: nothing in it is voiced. Give somebody's speech.")
    if found.voiced_s < LEAST_S:
        raise BadMedia(
            f"{name} holds only {found.voiced_s:.1f} s of a voice; who speaks cannot be heard in "
            f"less than {LEAST_S} s. Give a second or more of speech."
        )
    if (told := _doubt(found)) is not None:
        warnings.warn(f"{name} {told}", MediaWarning, stacklevel=2)
    return found


def _doubt(found: HeardVoice) -> str | None:
    if found.voiced_s < SHORT_S:
        return f"holds only {found.voiced_s:.1f} s of a voice: what is heard in it is little sure."
    if found.held > MOST_HELD:
        return "sounds like music or held tones rather than speech."
    return None
