"""How S2TF is trained: the stages of both presets, as data (section 4.2.4).

docs/systems/s2tf.md says why each trains what it trains. `train/s2tf/` holds what they learn from.
"""

from __future__ import annotations

from typing import Any

from vivavoce.systems.s2tf.settings import PRESETS, S2tfSettings
from vivavoce.systems.stage import Optimiser, Preset, Stage

FROM_FACES = ("warm", "1")
"""Stages that hear nothing: pictures alone feed the generator, and W is made for their people."""
VISUAL = ("face_identity", "face_motion", "generator", "centroids")
"""What stage 1 trains, beside the critics: E_id^v, E_ir^v, G, W."""
SPEECH = ("voice_identity", "voice_content")
"""What stages 2a and 2b train: E_id^a and E_s^a."""
HAND_OVER = ("generator", "voice_content.last")
"""What stage 3a trains, beside the critics: G, and the last layer of E_s^a, which sets its size."""
ALL = (*VISUAL, *SPEECH)
"""What stage 3b trains, beside the critics."""

EQ_4_8 = {"per": 1.0, "l1": 1.0, "adv": 1.0, "c": 1.0, "critic": 1.0}
"""Losses of stage 1: Eq. 4.8, L_c on f_id^v, and the critics' own."""
SYNC = {"c": 1.0, "sync_id": 1.0, "sync_s": 1.0}
"""Losses of stages 2a and 2b."""
L_REC = {"l1": 1.0, "per": 1.0, "adv": 1.0, "critic": 1.0}
"""Losses of stage 3a: L_rec (Eq. 4.6), L_adv, the critics' own."""
EQ_4_9 = L_REC | SYNC
"""Losses of stage 3b: Eq. 4.9, the critics' own."""

_ADAM: dict[str, Any] = {"betas": (0.5, 0.999)}
_FAST: dict[str, Any] = {"betas": (0.9, 0.99), "schedule": "cosine", "clip": 2.0}
_PAPER, _FINE = 2e-4, 2e-5


def _two(maker: tuple[str, ...], lr: float, critic: float, how: dict[str, Any]) -> dict[str, Any]:
    """The critics' turn, then the maker's."""
    judge = how | {"schedule": "constant"}
    return {
        "critic": Optimiser(("critic",), critic, **judge),
        "maker": Optimiser(maker, lr, **how),
    }


def _small(losses: dict[str, float], adv: float = 0.008) -> dict[str, float]:
    """The losses of a stage of `tiny`: with so few steps the critics may say little, and the mouth,
    a fiftieth of the picture, counts by itself."""
    some = {"adv": adv, "mouth": 0.5, "per": 2.0, "c": 0.05}
    return losses | {k: v for k, v in some.items() if k in (*losses, "mouth")}


STAGES = {
    "paper": (
        Stage("1", EQ_4_8, 200_000, 16, _two(VISUAL, _PAPER, _PAPER, _ADAM), window=16),
        Stage("2a", SYNC, 50_000, 16, {"speech": Optimiser(SPEECH, _PAPER, **_ADAM)}, window=16),
        Stage("2b", SYNC, 50_000, 16, {"speech": Optimiser(SPEECH, _PAPER, **_ADAM)}, window=16),
        Stage("3a", L_REC, 20_000, 16, _two(HAND_OVER, _FINE, _FINE, _ADAM), window=16),
        Stage("3b", EQ_4_9, 50_000, 16, _two(ALL, _FINE, _FINE, _ADAM), window=16),
    ),
    "tiny": (
        Stage("warm", {"per": 2.0, "l1": 1.0, "mouth": 0.5, "c": 0.05}, 2000, 12,
              {"maker": Optimiser(VISUAL, 1.2e-2, (0.9, 0.99), warmup=0.02, clip=2.0,
                                  schedule="cosine")},
              window=13, curriculum={0: {"stride": 12, "blocks": 5}}),
        Stage("1", _small(EQ_4_8), 600, 12, _two(VISUAL, 8e-3, 5e-4, _FAST),
              window=13, curriculum={0: {"stride": 12}}),
        Stage("2a", SYNC | {"c": 0.1}, 500, 24,
              {"speech": Optimiser(SPEECH, 2e-3, warmup=0.05, clip=2.0, schedule="cosine")},
              window=17, curriculum={0: {"stride": 4}}),
        Stage("2b", SYNC | {"c": 0.1}, 100, 12,
              {"speech": Optimiser(SPEECH, 5e-4, clip=2.0, schedule="cosine")},
              window=17, curriculum={0: {"stride": 4}}),
        Stage("3a", _small(L_REC), 150, 8, _two(HAND_OVER, 1e-3, 5e-4, _FAST),
              window=13, curriculum={0: {"stride": 4}}),
        Stage("3b", _small(EQ_4_9), 450, 8, _two(ALL, 4e-3, 5e-4, _FAST),
              window=13, curriculum={0: {"stride": 4}}),
    ),
}  # fmt: skip
RECIPES = {name: Preset[S2tfSettings](PRESETS[name], stages) for name, stages in STAGES.items()}
"""Name → network and stages of a preset."""
