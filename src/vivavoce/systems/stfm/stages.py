"""How STFM is trained: the stages of its presets, as data (section 4 of docs/systems/stfm.md)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vivavoce.systems.stage import Optimiser, Preset, Stage
from vivavoce.systems.stfm.settings import PRESETS, StfmSettings

CODES, AUDIO, VIDEO, DENOISING = "codes", "audio", "video", "denoising"
WEIGHTS_OF_LOSSES = {AUDIO: 0.1, VIDEO: 1.0, DENOISING: 1.0, CODES: 0.1}
"""lambda = 0.1 of L = lambda L_audio + L_video (Sec. 3.4); the two others are ours (O10)."""
STATED = WEIGHTS_OF_LOSSES | {DENOISING: 0.0, CODES: 0.0}
"""L as it is printed."""
LEARNT_FIRST = (
    "entangle", "voice.to_text", "voice.to_latents", "voice.to_speaker", "voice.front.to_a",
    "voice.front.to_s", "voice.gpt.conditioning_perceiver", "film.image_front", "film.links",
)  # fmt: skip
"""Stage A: both encoders, our projections, the Perceiver, EC and DC."""
EPOCH = 36_000 // 8
"""Updates of an epoch of 36,000 videos, 8 at a time (Sec. 4.1)."""


def _joint(epochs_a: int, epochs_b: int, losses: dict[str, float]) -> tuple[Stage, ...]:
    """Stages A and B of so many epochs: AdamW, the rate halved every 1000 updates (Sec. 4.1)."""

    def adam(lr: float, *trains: str) -> dict[str, Optimiser]:
        return {"adam": Optimiser(trains, lr, weight_decay=1e-2, schedule="halving", lowest=1e-6)}

    tuned = (*LEARNT_FIRST, "film.denoising_unet")
    return (
        Stage("A", losses, epochs_a * EPOCH, 1, adam(1e-4, *LEARNT_FIRST), accumulate=8),
        Stage("B", losses, epochs_b * EPOCH, 1, adam(1e-5, *tuned), accumulate=8),
    )


def _small_joint(a: int, b: int) -> tuple[Stage, ...]:
    """Stages A and B of `tiny`, for so many updates."""
    return tuple(
        replace(stage, steps=steps, accumulate=2)
        for stage, steps in zip(_joint(1, 1, WEIGHTS_OF_LOSSES), (a, b), strict=True)
    )


_SMALL: dict[str, Any] = {"warmup": 0.02, "schedule": "cosine", "clip": 1.0}
_VOICE = (
    "voice.front.semantic", "voice.front.to_a", "voice.gpt", "voice.to_latents", "voice.to_speaker",
    "voice.maker",
)  # fmt: skip
_FILM = Optimiser(("film",), 5e-4, **_SMALL)
_TINY = (
    Stage("codec", {"rows": 1.0}, 1200, 16,
          {"codec": Optimiser(("codec",), 2e-3, **_SMALL)}, ema=0.995),
    Stage("voice", {"codes": 0.3, "mel": 1.0, "pitch": 0.5, "contrast": 0.1},
          4000, 8, {"voice": Optimiser(_VOICE, 1e-3, **_SMALL)}, ema=0.998),
    Stage("film", {DENOISING: 1.0}, 6000, 1, {"film": _FILM}, accumulate=4, ema=0.999),
    *_small_joint(2000, 1000),
)  # fmt: skip
"""A small system has nothing to begin with: its voice half and its video half learn first."""

STAGES = {
    "paper": _joint(6, 4, WEIGHTS_OF_LOSSES),
    "stated": _joint(6, 4, STATED),
    "tiny": _TINY,
}
RECIPES = {
    name: Preset[StfmSettings](PRESETS[name], stages) for name, stages in STAGES.items()
}  # fmt: skip
"""Name → network and stages of a preset; `released` is for loading alone."""
