"""Prosody as the sound arrives: how loud, how high, and whether there is a voice at all."""

from __future__ import annotations

from collections import deque

import numpy as np

from vivavoce.types import RATE, SAMPLES_PER_FRAME, Float

LOWEST_HZ, HIGHEST_HZ = 60, 450
"""Range in which F0 is looked for, in Hz."""
_WINDOW = 1280  # two periods of the lowest voice, and some
_SIDE = (_WINDOW - SAMPLES_PER_FRAME) // 2
_SHORT, _LONG = RATE // HIGHEST_HZ, RATE // LOWEST_HZ
_QUIET_ROOM = -60.0  # dB: what is quieter at the very beginning is no voice
HEIGHTS = np.log2(RATE / np.arange(_SHORT, _LONG + 1))
"""The F0 of every lag that is tried, in octaves above 1 Hz, falling."""
_REMEMBER = 500  # voiced frames: 20 s


class ProsodyStream:
    """Rows [T, 3] of `Cues.prosody`, one for every 640 samples, however the sound arrives.

    Log-energy is measured between a floor (the room) and a peak (the voice) that are tracked
    along the sound, so quiet and loud recordings give the same values. F0 is the best lag of the
    normalised autocorrelation (Boersma, "Accurate short-term analysis of the fundamental
    frequency", 1993, without the path search), relative to the median of the last 20 s of voice.
    """

    def __init__(self) -> None:
        self._waiting = np.zeros(_SIDE, np.float32)
        self._seen = self._given = 0
        self._peak = -40.0  # dB of full scale
        self._floor: float | None = None
        self._found = False
        self._heights: deque[float] = deque(maxlen=_REMEMBER)

    def push(self, samples: Float) -> Float:
        """The rows [T, 3] that `samples` [n] complete."""
        self._seen += len(samples)
        return self._rows(samples)

    def finish(self) -> Float:
        """The rows that wait for sound after the end; a last part of a frame counts as a frame."""
        rows = self._rows(np.zeros(_SIDE + SAMPLES_PER_FRAME, np.float32))
        total = -(-self._seen // SAMPLES_PER_FRAME)
        return rows[: total - (self._given - len(rows))]

    @property
    def median_hz(self) -> float | None:
        """F0 in the middle of what was voiced in the last 20 s of voice; None before any was."""
        return float(2 ** np.median(self._heights)) if self._heights else None

    def _rows(self, samples: Float) -> Float:
        sound = np.concatenate([self._waiting, samples])
        count = max((len(sound) - _WINDOW) // SAMPLES_PER_FRAME + 1, 0)
        self._waiting = sound[count * SAMPLES_PER_FRAME :].copy()
        self._given += count
        if not count:
            return np.zeros((0, 3), np.float32)
        view = np.lib.stride_tricks.sliding_window_view(sound, _WINDOW)
        view = view[::SAMPLES_PER_FRAME][:count]
        strengths = periodicity(view)
        middle = view[:, _SIDE : _SIDE + SAMPLES_PER_FRAME].astype(np.float64)
        level = 10 * np.log10(np.mean(middle**2, 1) + 1e-12)
        rows = [self._row(*values) for values in zip(level, strengths, strict=True)]
        return np.array(rows, np.float32)

    def _row(self, level: float, strength: Float) -> tuple[float, float, float]:
        energy = self._energy(level)
        median = float(np.median(self._heights)) if len(self._heights) >= 10 else None
        # An octave above and below are peaks too; the voice rarely leaves its own height so far.
        far = np.abs(HEIGHTS - median) if median is not None else np.zeros(len(HEIGHTS))
        best = int(
            np.argmax(strength - 0.12 * np.maximum(far - 0.7, 0) - 0.04 * (HEIGHTS[0] - HEIGHTS))
        )
        voicing = float(np.clip((strength[best] - 0.25) / 0.4, 0, 1)) if energy > 0.15 else 0.0
        if voicing < 0.5:
            return energy, 0.0, voicing
        self._heights.append(float(HEIGHTS[best]))
        octaves = float(HEIGHTS[best] - np.median(self._heights))
        return energy, float(np.clip(octaves, -1.5, 1.5)), voicing

    def _energy(self, level: float) -> float:
        """0 at the floor, 1 at the peak, for a level in dB; both follow the sound."""
        if self._floor is None:
            self._floor = min(level, _QUIET_ROOM)
        self._found = self._found or level > self._peak - 3
        fall = 0.04 if self._found else 0.3  # 1 dB a second; faster until the voice is found
        self._peak = max(level, self._peak - fall, -55.0)
        self._floor = min(level, self._floor + 0.12)  # rises 3 dB a second
        self._floor = float(np.clip(self._floor, self._peak - 60, self._peak - 12))
        above = (level - self._floor - 4) / max(self._peak - self._floor - 4, 25)
        return float(np.clip(above, 0, 1))


def prosody(samples: Float) -> Float:
    """`Cues.prosody` [T, 3] of a whole clip [n] at 16 kHz, a row for every 640 samples begun."""
    stream = ProsodyStream()
    return np.concatenate([stream.push(samples), stream.finish()])


def periodicity(frames: Float) -> Float:
    """How alike windows of sound [T, 1280] are to themselves one period later [T, lags].

    The normalised autocorrelation at its peaks, -1 elsewhere; the heights are `HEIGHTS`.
    """
    frames = frames - frames.mean(1, keepdims=True)
    window = np.hanning(_WINDOW)
    auto = _autocorrelation(frames * window) / _autocorrelation(window[None])
    auto = auto[:, : _LONG + 2] / (auto[:, :1] + 1e-9)
    inside = auto[:, _SHORT : _LONG + 1]
    is_peak = (inside >= auto[:, _SHORT - 1 : _LONG]) & (inside > auto[:, _SHORT + 1 : _LONG + 2])
    return np.where(is_peak, inside, -1).astype(np.float32)


def _autocorrelation(frames: np.ndarray) -> np.ndarray:
    spectrum = np.fft.rfft(frames, 2 * _WINDOW)
    return np.fft.irfft(np.abs(spectrum) ** 2)[:, :_WINDOW]
