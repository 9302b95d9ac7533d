"""Whether this machine can do the work, in ten lines, and what to change if not."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING

from vivavoce.errors import VivavoceError

if TYPE_CHECKING:
    from vivavoce.types import Face

LIBRARIES = ("torch", "mediapipe", "av", "numba", "numpy", "espeakng-loader")
LEAST_MEMORY_GB = 2.0
MOST_WORK = 0.5
"""Seconds of work per second of video that still count as fast enough."""
PATIENCE_S = 2.0
"""How much video the timing makes."""


@dataclass(frozen=True)
class Finding:
    """The result of one check of this machine."""

    name: str
    ok: bool
    value: str
    """The state that was found, in words."""
    advice: str = ""
    """The advice what to change; "" where all is well."""

    def __str__(self) -> str:
        mark = "ok " if self.ok else "NO "
        return f"{mark} {self.name:10s} {self.value}" + (f" → {self.advice}" if self.advice else "")


def examine() -> list[Finding]:
    """Look at Python, libraries, voices, machine, weights and speed: ten findings, the last one the
    verdict. Takes a few seconds; writes nothing but a file that it removes. Never raises."""
    checks: list[Callable[[], Finding]] = [
        _python, _libraries, _voices, _cores, _memory, _gpu, _weights, _writing, _timing,
    ]  # fmt: skip
    found = [_careful(check) for check in checks]
    bad = [f.name for f in found if not f.ok]
    verdict = "this machine can do the work" if not bad else "look at: " + ", ".join(bad)
    return [*found, Finding("verdict", not bad, verdict)]


def _careful(check: Callable[[], Finding]) -> Finding:
    """A check that breaks is a finding too."""
    try:
        return check()
    except Exception as error:  # a broken library can raise anything
        words = str(error) if isinstance(error, VivavoceError) else type(error).__name__
        advice = "Install again: make clean, then make demo."
        return Finding(check.__name__.strip("_"), False, words.splitlines()[0][:120], advice)


def _python() -> Finding:
    ok = (3, 11) <= sys.version_info[:2] < (3, 13)
    advice = "" if ok else "Use Python 3.11 or 3.12: make PYTHON=python3.12 demo"
    return Finding("python", ok, sys.version.split()[0], advice)


def _libraries() -> Finding:
    present, missing = [], []
    for name in LIBRARIES:
        try:
            present.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        advice = "pip install " + " ".join(missing)
        return Finding("libraries", False, "missing: " + ", ".join(missing), advice)
    import av
    import mediapipe  # noqa: F401  (that they load is the test)
    import torch  # noqa: F401

    if "libx264" not in av.codecs_available:
        advice = "pip install --force-reinstall av (its wheels carry x264)"
        return Finding("libraries", False, "av has no H.264 encoder", advice)
    return Finding("libraries", True, ", ".join(present))


def _voices() -> Finding:
    from vivavoce.speak.voices import list_voices

    kinds = [v.kind for v in list_voices()]
    languages, natural = kinds.count("language"), kinds.count("natural")
    advice = "" if languages else "pip install --force-reinstall espeakng-loader"
    if natural <= 1:
        advice = advice or "English sounds natural after: pip install --upgrade vivavoce"
    found = f"{languages} languages, {natural} natural voices of English"
    return Finding("voices", languages > 0, found, advice)


def _cores() -> Finding:
    from vivavoce.measure.bounds.speed import this_machine

    machine = this_machine()
    advice = "" if machine.cores > 1 else "Two cores or more make it about twice as fast."
    return Finding("cores", True, f"{machine.cores} ({machine.processor})", advice)


def _memory() -> Finding:
    from vivavoce.measure.bounds.speed import this_machine

    memory = this_machine().memory_gb
    ok = memory >= LEAST_MEMORY_GB
    advice = "" if ok else f"At least {LEAST_MEMORY_GB:g} GB are needed; close other programs."
    return Finding("memory", ok, f"{memory:.1f} GB", advice)


def _gpu() -> Finding:
    from vivavoce.measure.bounds.speed import this_machine

    return Finding("gpu", True, this_machine().gpu or "none (none is needed)")


def _weights() -> Finding:
    from vivavoce.nn.weights import SHIPPED

    folder = SHIPPED / "portrait-tiny"
    files = sorted(folder.glob("*.safetensors")) if folder.is_dir() else []
    size = sum(f.stat().st_size for f in files) / 1e6
    advice = "" if files else "Clone or install again, or train them: make train-portrait"
    return Finding("weights", bool(files), f"{len(files)} files, {size:.1f} MB", advice)


def _writing() -> Finding:
    here = Path.cwd()
    trial = here / f".vivavoce-{os.getpid()}"
    try:
        trial.touch(exist_ok=False)
        trial.unlink()
    except OSError as error:
        advice = "Go to a folder that you may write in, or give -o with one."
        return Finding("writing", False, f"not here: {error.strerror}", advice)
    return Finding("writing", True, str(here))


def _timing() -> Finding:
    """Two seconds of video of the mean face: everything but the tracker is timed."""
    work = seconds_of_work(PATIENCE_S)
    ok = work <= MOST_WORK
    advice = "" if ok else "Close other programs; set OMP_NUM_THREADS to the number of cores."
    return Finding("timing", ok, f"{work:.2f} s of work for a second of video", advice)


def seconds_of_work(seconds: float) -> float:
    """Seconds of work per second of 512x512 video, measured on `seconds` of it, warm, with the
    model's own mean face on a plain picture, mp4 written; finding the face is left out."""
    import numpy as np

    import vivavoce
    from vivavoce.types import RATE, Speech

    system = vivavoce.load("portrait")
    face = plain_face()
    hum = 0.2 * np.sin(np.arange(round(seconds * RATE)) * 2 * np.pi * 120 / RATE)
    speech = Speech(hum.astype(np.float32))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "trial.mp4"
        system(portrait=face, speech=speech).save(path)
        started = perf_counter()
        saved = system(portrait=face, speech=speech).save(path, force=True)
        return (perf_counter() - started) / saved.seconds


def plain_face() -> Face:
    """A `Face` that shows nobody: the mean of `face478` on a grey picture of 512 pixels."""
    import numpy as np

    from vivavoce.look.face478 import fit, load
    from vivavoce.types import Face

    points = load().neutral * np.array([110.0, -110, -110]) + np.array([256.0, 230, 0])
    points = points.astype(np.float32)
    found = fit(points[None])
    return Face(
        picture=np.full((512, 512, 3), 128, np.uint8),
        landmarks=points,
        identity=found.identity,
        expression=found.expression[0],
        pose=found.pose[0],
        matte=np.ones((512, 512), np.float32),
        box=(0, 0, 512, 512),
    )
