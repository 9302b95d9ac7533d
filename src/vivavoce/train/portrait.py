"""The stages that make the checkpoint of `portrait`, in order; each writes one file of it.

| stage | learns | from |
|---|---|---|
| content | which sound is heard | synthetic voices, recordings |
| lips | how the mouth says it | tracked clips, synthetic sentences |
| head | head, brows, blinks, gaze | tracked clips |
| repair | what a warp cannot show | pairs of frames of clips |

Only clips whose manifest row says `may_train_shipped` are used. What is prepared (tracks, pairs,
spoken sentences) is kept in `<output>-data` beside the checkpoint and used again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import vivavoce
from vivavoce.nn.threads import one_thread
from vivavoce.train.content import Plan, train_content
from vivavoce.train.head import train_head
from vivavoce.train.lips import train_lips
from vivavoce.train.repair import prepare as prepare_pairs
from vivavoce.train.repair import train_repair
from vivavoce.train.tracks import prepare as prepare_clips

REAL_MORE = {"voice": 1, "real": 6, "grid": 1}
"""Copies in the later rounds of `content`, when the network itself has labelled what it heard."""
LATER = (
    Plan(steps=2500, rate=1e-3, seed=2, copies=REAL_MORE,
         share={"voice": 0.35, "real": 0.5, "grid": 0.15}),
    Plan(steps=3500, rate=1.5e-3, seed=3, copies=REAL_MORE,
         share={"voice": 0.5, "real": 0.38, "grid": 0.12}),
)  # fmt: skip
"""Rounds 2 and 3: sure answers of the round before fill the labels of real recordings."""


def content(real: Path, output: Path, seed: int) -> None:
    """Three rounds of the content network: content.safetensors."""
    data, out = _data(output), output / "content.safetensors"
    teacher = None
    for number, plan in enumerate((Plan(seed=seed + 1), *LATER), 1):
        written = out if number == 3 else data / f"content-{number}.safetensors"
        _tell(train_content(real, written, plan, data / f"content-{number}.npz", teacher))
        teacher = written


def lips(real: Path, output: Path, seed: int) -> None:
    """The lips, taught on what `content` hears: lips.safetensors."""
    heard = output / "content.safetensors"
    _tell(train_lips(_tracks(real, output), output / "lips.safetensors", heard, seed=seed))


def head(real: Path, output: Path, seed: int) -> None:
    """Head, brows, blinks, gaze: head.safetensors."""
    _tell(train_head(_tracks(real, output), output / "head.safetensors", seed=seed))


def repair(real: Path, output: Path, seed: int) -> None:
    """Mouth and lids: repair.safetensors."""
    pairs = _data(output) / "pairs"
    prepare_pairs(real, pairs, seed)
    _tell(train_repair(pairs, output / "repair.safetensors", seed=seed))
    about = {"system": "portrait", "preset": "tiny", "version": vivavoce.__version__}
    (output / "config.json").write_text(json.dumps(about) + "\n", "utf-8")


def _single(stage: Callable[[Path, Path, int], None]) -> Callable[[Path, Path, int], None]:
    """The stage with one thread for torch."""

    def run(real: Path, output: Path, seed: int) -> None:
        with one_thread():
            stage(real, output, seed)

    return run


STAGES = {stage.__name__: _single(stage) for stage in (content, lips, head, repair)}


def _data(output: Path) -> Path:
    folder = output.with_name(output.name + "-data")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _tracks(real: Path, output: Path) -> Path:
    """The folder of tracked clips, made if it is not there."""
    folder = _data(output) / "tracks"
    if not (folder / "train.npz").is_file():
        prepare_clips(real, folder)
    return folder


def _tell(figures: dict[str, float]) -> None:
    for name, value in figures.items():
        print(f"  {name}: {value:.3f}", flush=True)
