"""Which samples come when, and every other draw of chance, from seed, stage and number alone.

Samples of a stage are numbered from 0. A step takes the next `batch * processes * accumulate` of
them, so a resumed run goes on at the right number and two processes see together what one process
with the doubled batch sees.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from vivavoce.systems.stage import Sample, Stage, Trainable


def seed_of(*parts: int | str) -> int:
    """A seed of 63 bits from whatever names a draw; the same on every machine."""
    text = "/".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 1


class _Numbered(Dataset[tuple[int, Sample]]):
    """The samples of a stage, each drawn by its number alone."""

    def __init__(self, trainable: Trainable, stage: Stage, seed: int) -> None:
        self._trainable, self._stage = trainable, stage
        self._seed = seed_of(seed, stage.name, "samples")

    def __getitem__(self, number: int) -> tuple[int, Sample]:
        rng = np.random.default_rng([self._seed, number])
        sample = self._trainable.draw(self._stage, rng)
        for name, value in sample.items():
            if isinstance(value, Tensor) and value.device.type != "cpu":
                raise TypeError(f"draw() must give CPU tensors; {name} is on {value.device}")
        return number, sample

    def batch(self, drawn: list[tuple[int, Sample]]) -> tuple[Tensor, Sample]:
        """Numbers [B] and the batch of samples."""
        numbers, samples = zip(*drawn, strict=True)
        return torch.tensor(numbers), self._trainable.collate(self._stage, list(samples))


class _Shares:
    """Numbers of the batches of one process, without end."""

    def __init__(self, stage: Stage, first: int, rank: int, world: int) -> None:
        self._size, self._next, self._world = stage.batch, first + rank * stage.batch, world

    def __iter__(self) -> Iterator[list[int]]:
        while True:
            yield list(range(self._next, self._next + self._size))
            self._next += self._size * self._world


def batches(
    trainable: Trainable, stage: Stage, seed: int, first: int = 0, rank: int = 0, world: int = 1
) -> Iterator[tuple[Tensor, Sample]]:
    """Numbers [B] and samples of one process's batches, without end, from number `first` on."""
    samples = _Numbered(trainable, stage, seed)
    loader: DataLoader[tuple[int, Sample]] = DataLoader(
        samples,
        collate_fn=samples.batch,
        batch_sampler=_Shares(stage, first, rank, world),
        num_workers=stage.workers,
        pin_memory=torch.cuda.is_available(),
    )
    yield from loader
