"""Sound of any number type and any number of channels becomes mono in [-1, 1]."""

from __future__ import annotations

import numpy as np

from vivavoce.types import Float

BLOCK_S = 0.02
"""Stretch of sound whose channels are weighed together, in seconds."""
MEMORY_S = 0.1
"""Time in which a channel's past energy fades to a third of its weight, in seconds."""
IMPORTANCE = {"FC": 4.0, "LFE": 0.0, "LFE2": 0.0}
"""How much a channel's energy counts by its name: films speak from the centre (FC), and the bass
channels (LFE) hold no speech. Every other channel counts 1."""
CANCELS = 0.05
"""Energy of the mix over that of the loudest channel under which channels cancel each other."""


def to_float(array: np.ndarray) -> Float:
    """Samples of any number type as float32; integers are scaled by their type's range."""
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite
            return array.astype(np.float32)
    info = np.iinfo(array.dtype)
    half = (float(info.max) + 1 - float(info.min)) / 2
    centre = half if info.min == 0 else 0.0
    return ((array.astype(np.float64) - centre) / half).astype(np.float32)


class Mixer:
    """A mixer of channels to mono, which keeps what is heard at its level.

    Each channel's weight is its share of the energy of the last tenth of a second, so a voice in
    one channel alone comes out as loud as it is there, and so does one that all channels share.
    Where the channels would cancel each other, the loudest is taken alone. Weights change without
    a step.
    """

    def __init__(self, rate: int, names: tuple[str, ...]) -> None:
        """`names` of the channels, as FFmpeg has them ("FL", "FR", "FC", ...); "" for others."""
        self.rate = rate
        self.names = names
        self._importance = np.array([IMPORTANCE.get(name, 1.0) for name in names])
        self._energy = np.zeros(len(names))
        self._weights: np.ndarray | None = None

    def mix(self, channels: Float) -> Float:
        """The next channels [C, n] as mono [n] in [-1, 1]."""
        if len(channels) == 1:
            mono = channels[0]
        else:
            blocks = max(1, round(channels.shape[1] / (BLOCK_S * self.rate)))
            parts = np.array_split(channels, blocks, axis=1)
            mono = np.concatenate([self._block(part) for part in parts])
        return np.clip(mono, -1.0, 1.0).astype(np.float32)

    def _block(self, block: Float) -> np.ndarray:
        count = block.shape[1]
        energy = np.square(block, dtype=np.float64).sum(axis=1)
        kept = np.exp(-count / (MEMORY_S * self.rate))
        self._energy = self._importance * energy + kept * self._energy
        weights = self._shares()
        if np.square(weights @ block).sum() < CANCELS * energy.max():
            held = self._weights if self._weights is not None else weights
            weights = np.eye(len(block))[int((energy * (1 + held)).argmax())]
        before = self._weights if self._weights is not None else weights
        self._weights = weights
        if np.array_equal(before, weights):
            return np.asarray(weights @ block)
        ramp = np.linspace(before, weights, count, axis=1)  # [C, n]
        return np.asarray((ramp * block).sum(axis=0))

    def _shares(self) -> np.ndarray:
        total = self._energy.sum()
        if total > 0:
            return self._energy / total
        if self._weights is not None:
            return self._weights
        return np.full(len(self._energy), 1 / len(self._energy))
