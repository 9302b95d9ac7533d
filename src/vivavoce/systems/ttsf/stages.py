"""How TTSF is trained: the stages of both presets, as data.

Section 4 of docs/systems/ttsf.md says why. `train/ttsf/` holds what each stage learns from.
"""

from __future__ import annotations

from typing import Any

from vivavoce.systems.stage import Optimiser, Preset, Stage
from vivavoce.systems.ttsf.net import PRESETS, WINDOW, TtsfSettings

WEIGHTS_OF_LOSSES = {
    "gan": 0.1, "rec": 1.0, "id": 0.3, "sync": 0.1, "cfm": 0.1, "ae": 1.0, "prior": 0.1, "tts": 1.0,
}  # fmt: skip
"""lambda_1 .. lambda_8 of Eq. 8."""

ENCODER = ("visual_encoder", "motion_codes")
FACE = (*ENCODER, "generator")
MOTION = ("audio_mapper", "normaliser", "prior", "sampler")
ALL = (*FACE, *MOTION, "acoustic")
"""What the joint stage trains: nothing of the speech half is frozen, since lambda_8 is 1."""
JOINT_LOSSES = WEIGHTS_OF_LOSSES | {"critic": 1.0, "r1": 0.0, "lpips": 0.0, "identity_gap": 0.0}
"""Eq. 8, the discriminator's own loss, and what is off unless asked for: R1, LPIPS beside Eq. 3,
and that f_id of source and driving pictures be one."""
_JOINT = {"critic": Optimiser(("critic",), 1e-4), "maker": Optimiser(ALL, 1e-4, clip=1.0)}
_GAN: dict[str, Any] = {"betas": (0.8, 0.99), "weight_decay": 0.01}
"""HiFi-GAN's AdamW (Kong et al., NeurIPS 2020, section 3.3)."""
_SOUND: dict[str, Any] = _GAN | {"clip": 10.0}
_LRS3 = 2000 * 150_498 // 256
"""Updates of 2,000 epochs (section 4.1) over the 150,498 utterances of LRS3, 32 in each of 8
processes."""

STAGES = {
    "paper": (
        Stage("face", {"rec": 1.0}, 200_000, 8, {"face": Optimiser(FACE, 1e-4, clip=1.0)},
              window=WINDOW),
        Stage("vocoder", {"critic": 1.0, "fool": 1.0, "match": 2.0, "mel": 45.0}, 500_000, 16,
              {"critic": Optimiser(("sound_critics",), 2e-4, **_GAN),
               "maker": Optimiser(("vocoder",), 2e-4, **_GAN)}, window=10),
        Stage("speech", {"duration": 1.0, "prior": 1.0, "flow": 1.0}, _LRS3, 32,
              {"speech": Optimiser(("acoustic",), 1e-4)}),
        Stage("reader", {"curves": 1.0}, 20_000, 64,
              {"reader": Optimiser(("critics.reader",), 1e-3, schedule="cosine")}, window=WINDOW),
        Stage("joint", JOINT_LOSSES, 200_000, 8, _JOINT, window=WINDOW, workers=4),
    ),
    "tiny": (
        Stage("encoder", {"pose_supervision": 1.0, "identity_supervision": 0.5}, 700, 8,
              {"encoder": Optimiser((*ENCODER, "recogniser"), 4e-3, betas=(0.9, 0.99), warmup=0.05,
                                    clip=2.0, schedule="cosine")},
              window=WINDOW, ema=0.99),
        Stage("face",
              {"rec": 1.0, "flow": 10.0, "lips": 20.0, "pose_supervision": 0.5,
               "identity_supervision": 0.25}, 3000, 3,
              {"face": Optimiser((*FACE, "recogniser", "lip_teacher"), 6e-3, betas=(0.9, 0.99),
                                 warmup=0.01, clip=2.0, schedule="cosine")},
              window=WINDOW, ema=0.998,
              curriculum={0: {"teacher_forcing": 0.6}, 2000: {"teacher_forcing": 0.3}}),
        Stage("generator", {"rec": 1.0, "flow": 5.0, "lips": 20.0}, 1500, 3,
              {"generator": Optimiser(("generator", "lip_teacher"), 4e-3, betas=(0.9, 0.99),
                                      warmup=0.05, clip=2.0, schedule="cosine")},
              window=WINDOW, ema=0.998, curriculum={0: {"teacher_forcing": 0.2}}),
        Stage("vocoder", {"mel": 1.0, "spectra": 1.0, "pitch": 1.0}, 3000, 8,
              {"maker": Optimiser(("vocoder",), 1e-3, warmup=0.02, **_SOUND)},
              window=10, ema=0.995),
        Stage("vocoder-gan",
              {"critic": 1.0, "fool": 1.0, "match": 2.0, "mel": 15.0, "spectra": 5.0, "pitch": 5.0},
              3000, 8,
              {"critic": Optimiser(("sound_critics",), 5e-4, **_SOUND),
               "maker": Optimiser(("vocoder",), 5e-4, schedule="cosine", **_SOUND)},
              window=10, ema=0.995),
        Stage("speech-align", {"duration": 1.0, "prior": 1.0, "pitch": 0.5}, 1500, 16,
              {"speech": Optimiser(("acoustic",), 1e-3, warmup=0.05, clip=1.0)}),
        Stage("speech", {"duration": 1.0, "prior": 1.0, "flow": 1.0, "pitch": 0.5}, 4000, 16,
              {"speech": Optimiser(("acoustic",), 1e-3, warmup=0.02, schedule="cosine", clip=1.0)},
              ema=0.998),
        Stage("motion", {"lips": 1.0, "mouth": 1.0, "ae": 1.0, "prior": 0.1, "cfm": 1.0}, 1500, 16,
              {"motion": Optimiser((*MOTION, "lip_decoder"), 1e-3, warmup=0.05, clip=1.0,
                                   schedule="cosine")},
              window=WINDOW, ema=0.995),
        Stage("reader", {"curves": 1.0}, 600, 64,
              {"reader": Optimiser(("critics.reader",), 2e-3, schedule="cosine")}, window=WINDOW),
        Stage("joint", JOINT_LOSSES, 200, 1, _JOINT, window=WINDOW),
    ),
}  # fmt: skip
RECIPES = {name: Preset[TtsfSettings](PRESETS[name], stages) for name, stages in STAGES.items()}
"""Name → network and stages of a preset."""
