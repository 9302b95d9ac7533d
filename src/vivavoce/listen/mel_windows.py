"""Wav2Lip's mel windows: what a video frame hears, 80 bands of 0.2 s, as one row of 1280 numbers.

Prajwal et al., "A lip sync expert is all you need for speech to lip generation in the wild", ACM
Multimedia 2020; audio.py and hparams.py of its official code. 80 mel frames a second, so a video
frame of 25 a second begins 3.2 mel frames after the one before it.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from vivavoce.listen.mel import MELS, mel_filters
from vivavoce.types import FPS, RATE, SAMPLES_PER_FRAME, Float

HOP, FFT = 200, 800
"""Samples from one mel frame to the next, and samples of a frame."""
WIDTH = 16
"""Mel frames of a window."""
ROW = MELS * WIDTH
"""1280: numbers of a row."""
LOWEST_HZ, HIGHEST_HZ = 55.0, 7600.0
EMPHASIS = 0.97
"""Pre-emphasis of high frequencies: each sample loses this share of the one before."""
REFERENCE_DB, FLOOR_DB, LEVELS = 20.0, -100.0, 4.0
"""Decibels taken off; decibels that become -`LEVELS`; 0 becomes +`LEVELS`."""


def wav2lip_mel(samples: Float) -> Float:
    """Mel spectrogram [n // 200 + 1, 80] of sound [n] in [-1, 1] at 16 kHz, in [-4, 4]."""
    sound = np.append(samples[:1], samples[1:] - EMPHASIS * samples[:-1]).astype(np.float32)
    padded = np.pad(sound, FFT // 2)  # frames are about their moment, silence beyond the ends
    view = np.lib.stride_tricks.sliding_window_view(padded, FFT)[::HOP]
    size = np.abs(np.fft.rfft(view * _hann())).astype(np.float32)
    mel = size @ mel_filters(FFT, MELS, LOWEST_HZ, HIGHEST_HZ)
    decibels = 20 * np.log10(np.maximum(mel, 10 ** (FLOOR_DB / 20))) - REFERENCE_DB
    scaled = 2 * LEVELS * (decibels - FLOOR_DB) / -FLOOR_DB - LEVELS
    return np.clip(scaled, -LEVELS, LEVELS).astype(np.float32)


def mel_rows(samples: Float) -> Float:
    """A row for every video frame [T, 1280] of sound [n] in [-1, 1] at 16 kHz, T = ceil(n / 640).

    A row is the window of 16 mel frames that begins with its video frame, band after band; where
    the sound ends before the window does, it is the last full window, as Wav2Lip has it.
    """
    return rows_of(wav2lip_mel(samples), np.arange(-(-len(samples) // SAMPLES_PER_FRAME)))


def rows_of(mel: Float, frames: NDArray[np.int64]) -> Float:
    """The rows [n, 1280] of some video frames [n] of a mel spectrogram; see `mel_rows`."""
    if len(mel) < WIDTH:
        mel = np.pad(mel, ((0, WIDTH - len(mel)), (0, 0)), constant_values=-LEVELS)
    starts = (frames * (RATE / HOP / FPS)).astype(int)
    starts = np.where(starts + WIDTH > len(mel), len(mel) - WIDTH, starts)
    windows = mel[starts[:, None] + np.arange(WIDTH)]  # [T, 16, 80]
    return np.ascontiguousarray(windows.transpose(0, 2, 1).reshape(len(frames), ROW))


@cache
def _hann() -> Float:
    return np.hanning(FFT + 1)[:-1].astype(np.float32)
