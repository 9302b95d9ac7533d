"""Log-mel spectrogram at 100 frames a second, whole or as the sound arrives."""

from __future__ import annotations

from functools import cache

import numpy as np

from vivavoce.types import HOP, RATE, Float

MELS = 80
"""Rows of the spectrogram: mel bands from 0 to 8 kHz."""
FLOOR = 1e-9
"""Smallest energy that the logarithm is taken of; anything below is as good as digital silence."""


@cache
def mel_filters(
    fft: int, mels: int = MELS, lowest: float = 0.0, highest: float = RATE / 2, rate: int = RATE
) -> Float:
    """Triangular filters [fft / 2 + 1, mels] from `lowest` to `highest` Hz, of equal area, for
    sound at `rate`.

    The scale is Slaney's (Auditory Toolbox, 1998): linear to 1 kHz, then logarithmic.
    """
    hertz = _to_hertz(np.linspace(_to_mel(lowest), _to_mel(highest), mels + 2))
    bins = np.linspace(0, rate / 2, fft // 2 + 1)[:, None]
    rising = (bins - hertz[:-2]) / np.diff(hertz)[:-1]
    falling = (hertz[2:] - bins) / np.diff(hertz)[1:]
    area = 2 / (hertz[2:] - hertz[:-2])
    filters: Float = (np.clip(np.minimum(rising, falling), 0, None) * area).astype(np.float32)
    return filters


def _to_mel(hertz: float) -> float:
    if hertz < 1000:
        return 3 * hertz / 200
    return 15 + 27 * float(np.log(hertz / 1000)) / float(np.log(6.4))


def _to_hertz(mel: np.ndarray) -> np.ndarray:
    above = 1000 * np.exp((mel - 15) * np.log(6.4) / 27)
    return np.where(mel < 15, mel * 200 / 3, above)


def log_mel(samples: Float, window: int = 640) -> Float:
    """Log-mel spectrogram [n // 160, 80] of sound [n] in [-1, 1] at 16 kHz.

    Row t is a Hann window of `window` samples (640: 40 ms; 1280: 80 ms) about the middle of
    samples [160 t, 160 t + 160); silence is assumed before the beginning and after the end.
    """
    stream = MelStream(window)
    return np.concatenate([stream.push(samples), stream.finish()])


class MelStream:
    """`log_mel` for sound that arrives in parts; gives the same rows."""

    def __init__(self, window: int = 640) -> None:
        """Begin a spectrogram with Hann windows of `window` samples."""
        self._window = np.hanning(window + 1)[:-1].astype(np.float32)
        self._fft = 1 << (window - 1).bit_length()
        self._side = (window - HOP) // 2
        self._waiting = np.zeros(self._side, np.float32)
        self._seen = self._given = 0

    def push(self, samples: Float) -> Float:
        """The rows [T, 80] that `samples` [n] complete."""
        self._seen += len(samples)
        return self._rows(samples)

    def finish(self) -> Float:
        """Rows [T, 80] that still wait for sound, as if silence followed the end."""
        rows = self._rows(np.zeros(self._side + HOP, np.float32))
        return rows[: self._seen // HOP - (self._given - len(rows))]

    def _rows(self, samples: Float) -> Float:
        sound = np.concatenate([self._waiting, samples.astype(np.float32, copy=False)])
        count = max((len(sound) - len(self._window)) // HOP + 1, 0)
        self._waiting = sound[count * HOP :].copy()
        self._given += count
        if not count:
            return np.zeros((0, MELS), np.float32)
        view = np.lib.stride_tricks.sliding_window_view(sound, len(self._window))[::HOP][:count]
        power = np.abs(np.fft.rfft(view * self._window, self._fft)) ** 2 / len(self._window)
        rows = np.log(np.maximum(power.astype(np.float32) @ mel_filters(self._fft), FLOOR))
        return rows.astype(np.float32)
