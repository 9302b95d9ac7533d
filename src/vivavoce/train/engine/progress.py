"""What a person sees while it trains: a bar or lines, TensorBoard, a strip of pictures."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from vivavoce.errors import needs
from vivavoce.media.files import beside, writing
from vivavoce.systems.stage import Stage

LINE_S = 10.0
"""Seconds between lines where there is no terminal."""


class Watcher:
    """Shows losses, steps a second and time left of one stage.

    On a terminal that is a bar; elsewhere a line every `LINE_S` seconds, the first and the last.
    """

    def __init__(self, stage: Stage, first: int, log: Path | None = None) -> None:
        self._stage, self._first = stage, first
        self._begun = self._told = monotonic()
        self._bar: Any = _bar(stage, first) if sys.stderr.isatty() else None
        self._board = _board(log / stage.name, first) if log else None

    def step(self, step: int, losses: Mapping[str, float]) -> None:
        """Tell of a step (from 0) that is done."""
        if self._board is not None:
            for name, value in losses.items():
                self._board.add_scalar(name, value, step)
        words = " ".join(f"{name} {value:.4g}" for name, value in losses.items())
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=step + 1, losses=words)
            return
        now, last = monotonic(), step + 1 == self._stage.steps
        if step == self._first or last or now - self._told >= LINE_S:
            self._told = now
            rate = (step + 1 - self._first) / max(now - self._begun, 1e-9)
            left = (self._stage.steps - step - 1) / rate
            done = f"{self._stage.name} {step + 1}/{self._stage.steps}"
            self.say(f"{done}: {words}; {rate:.1f} steps/s, {_clock(left)} left")

    def say(self, line: str) -> None:
        """Print a line, above the bar where there is one."""
        if self._bar is not None:
            self._bar.console.print(line, highlight=False, markup=False)
        else:
            print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Take the bar away and close TensorBoard's file."""
        if self._bar is not None:
            self._bar.stop()
        if self._board is not None:
            self._board.close()


def _bar(stage: Stage, first: int) -> Any:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed or 0:.1f} steps/s")

    bar = Progress(
        TextColumn(stage.name), BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn(),
        TextColumn("{task.fields[losses]}"), console=Console(stderr=True),
    )  # fmt: skip
    bar.add_task("", total=stage.steps, completed=first, losses="")
    bar.start()
    return bar


def _board(folder: Path, first: int) -> Any:
    needs("tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(folder, purge_step=first)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def write_strip(picture: np.ndarray, target: Path) -> None:
    """Write a strip [H, W, 3] uint8 as PNG, whole or not at all."""
    from PIL import Image

    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    with beside(target) as part, writing(target):
        Image.fromarray(picture).save(part, "png")
