"""What rooms, microphones and codecs do to a voice; and voices of other sizes."""

from __future__ import annotations

import numpy as np
from scipy.signal import fftconvolve, resample

from vivavoce.types import HOP, RATE, Float

Rng = np.random.Generator


def other_voice(sound: Float, labels: np.ndarray, rng: Rng) -> tuple[Float, np.ndarray]:
    """Sound [n] played 0.85 to 1.18 times as fast (pitch and formants move), labels [T] with it."""
    speed = float(2 ** rng.uniform(-0.23, 0.23))
    count = int(len(sound) / speed)
    frames = np.minimum((np.arange(count // HOP) * speed).astype(int), len(labels) - 1)
    return resample(sound, count).astype(np.float32), labels[frames]


def spoil(sound: Float, other: Float, rng: Rng) -> Float:
    """A recording [n] of `sound`: room, microphone, band, noise (`other` [m]: someone's), level."""
    sound = sound - sound.mean()
    if rng.random() < 0.4:
        sound = in_room(sound, rng)
    if rng.random() < 0.7:
        sound = equalised(sound, rng)
    if rng.random() < 0.75:
        sound = with_noise(sound, other, rng)
    if rng.random() < 0.25:
        sound = coded(sound, rng)
    peak = np.abs(sound).max() + 1e-9
    level = 10 ** (rng.uniform(-32, 3) / 20)  # now and then it clips
    return np.clip(sound / peak * level, -1, 1).astype(np.float32)


def in_room(sound: Float, rng: Rng) -> Float:
    """With an exponentially fading reverberation of 0.1 to 0.6 s; the direct sound stays first."""
    fade = rng.uniform(0.1, 0.6)
    time = np.arange(int(fade * RATE)) / RATE
    tail = rng.normal(0, 1, len(time)) * np.exp(-6.9 * time / fade)
    tail *= rng.uniform(0.05, 0.5) / np.sqrt((tail**2).sum())
    tail[0] = 1
    return fftconvolve(sound, tail)[: len(sound)].astype(np.float32)


def equalised(sound: Float, rng: Rng) -> Float:
    """Through a smooth random frequency response within about 10 dB."""
    spectrum = np.fft.rfft(sound)
    knots = np.cumsum(rng.normal(0, 3, 8))
    curve = np.interp(np.linspace(0, 7, len(spectrum)), np.arange(8), knots - knots.mean())
    return np.fft.irfft(spectrum * 10 ** (curve / 20), len(sound)).astype(np.float32)


def with_noise(sound: Float, other: Float, rng: Rng) -> Float:
    """With hiss, rumble, hum or other people, 3 to 45 dB below the voice."""
    kind = rng.choice(["coloured", "coloured", "hum", "people"])
    time = np.arange(len(sound)) / RATE
    if kind == "hum":
        base = rng.choice([50, 60, 100, 120])
        noise = sum(np.sin(2 * np.pi * base * k * time) / k for k in range(1, 8))
        noise = noise + rng.normal(0, 0.1, len(sound))
    elif kind == "people" and len(other) > RATE:
        noise = sum(
            np.roll(np.resize(other, len(sound)), int(s)) for s in rng.integers(0, 10**6, 5)
        )
    else:
        noise = coloured_noise(len(sound), rng)
    ratio = rng.uniform(10 if kind == "people" else 3, 45)
    power = np.mean(sound**2) / (np.mean(noise**2) + 1e-12)
    return (sound + noise * np.sqrt(power) * 10 ** (-ratio / 20)).astype(np.float32)


def coloured_noise(count: int, rng: Rng) -> Float:
    """Noise [count] whose power falls with frequency to the power 0 (white) to 2 (brown)."""
    spectrum = np.fft.rfft(rng.normal(0, 1, count))
    slope = np.arange(1, len(spectrum) + 1) ** (-rng.uniform(0, 1))
    return np.fft.irfft(spectrum * slope, count).astype(np.float32)


def coded(sound: Float, rng: Rng) -> Float:
    """Through a narrow band (3.4 to 7 kHz) and, half the time, eight-bit mu-law."""
    spectrum = np.fft.rfft(sound)
    spectrum[int(rng.uniform(3400, 7000) / RATE * len(sound)) :] = 0
    sound = np.fft.irfft(spectrum, len(sound)).astype(np.float32)
    if rng.random() < 0.5:
        scaled = sound / (np.abs(sound).max() + 1e-9)
        steps = np.round(np.sign(scaled) * np.log1p(255 * np.abs(scaled)) / np.log(256) * 127) / 127
        sound = np.sign(steps) * (256 ** np.abs(steps) - 1) / 255
    return sound.astype(np.float32)


def masked(rows: Float, rng: Rng) -> Float:
    """Log-mel rows [T, 80] of a longer or shorter throat, with a band or two and a moment missing.

    Jaitly & Hinton, "Vocal tract length perturbation", 2013; Park et al., "SpecAugment", 2019.
    """
    bins = np.clip(np.arange(80) * rng.uniform(0.9, 1.12), 0, 79)
    low = np.minimum(bins.astype(int), 78)
    part = (bins - low).astype(np.float32)
    rows = rows[:, low] * (1 - part) + rows[:, low + 1] * part
    for _ in range(int(rng.integers(0, 3))):
        start, width = int(rng.integers(0, 72)), int(rng.integers(2, 13))
        rows[:, start : start + width] = rows.mean() if rng.random() < 0.5 else -1
    if rng.random() < 0.5:
        start = int(rng.integers(0, len(rows)))
        rows[start : start + int(rng.integers(2, 9))] = rows.mean()
    return rows
