"""Voices acted anew: rows of `listen.manner` bent as voices are by people who act a feeling.

The corpus's voices change little with a feeling, and real recordings that may train what ships are
calm. So pitch, range, pace and voicing of a clip are bent to the feeling it is told with. The
directions are those of Murray & Arnott (J. Acoust. Soc. Am. 93, 1993), Banse & Scherer (J. Pers.
Soc. Psychol. 70, 1996) and Juslin & Laukka (Psychol. Bull. 129, 2003), who agree on anger, fear,
joy and sadness; the amounts were set by trial on some of the acted recordings that the card
names, which train nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vivavoce.listen.manner import ENERGY, PITCH, SIZE, SPOKEN, VOICED, VOICING
from vivavoce.speak.pieces import prosody_of
from vivavoce.types import Emotion, Float


@dataclass(frozen=True)
class Acting:
    """What a feeling at full strength does to a voice."""

    octaves: float = 0.0
    """Octaves that are added to the pitch."""
    range: float = 1.0
    """Factor on the movement of the pitch around its middle."""
    pace: float = 1.0
    """Factor on the speed."""
    harsh: float = 0.0
    """Share of the voiced frames that lose their pitch, as in a creaking or rough voice; below 0:
    the share, a third of it, of the unvoiced ones that keep it."""


ACTING = {
    "neutral": Acting(range=0.85),
    "happy": Acting(0.25, 1.1, 1.15),
    "sad": Acting(0.05, 0.65, 0.92, -0.04),
    "angry": Acting(0.30, 1.0, 0.97, 0.12),
    "fearful": Acting(0.60, 0.9, 1.08, -0.06),
    "disgusted": Acting(0.0, 1.05, 0.75, 0.20),
    "surprised": Acting(0.42, 1.6, 1.15, 0.02),
    "contempt": Acting(-0.1, 0.75, 0.88, 0.05),
}
"""Feeling → what it does to a voice that acts it."""
_LEAST = 0.4  # how much of it the weakest level shows
_VARY = {"octaves": 0.07, "range": 0.15, "pace": 0.08, "harsh": 0.04, "energy": 0.08}


def calmed(rows: Float, emotion: Emotion) -> Float:
    """The same voice, neutral [T', SIZE]: rows [T, SIZE] without what `speak.pieces` bent for an
    emotion."""
    bent = prosody_of(emotion)
    return stretched(_tuned(rows, -np.log2(bent.pitch), 1 / bent.range), 1 / bent.rate)


def acted(rows: Float, emotion: str, level: int, rng: np.random.Generator) -> Float:
    """Rows [T, SIZE] of a calm voice as it would say the same with a feeling [T', SIZE].

    Args:
        rows: Of `listen.manner.manner`.
        emotion: One of `types.EMOTIONS`.
        level: 1 to 3, as MEAD counts.
        rng: Draws how much this speaker does.
    """
    act, much = ACTING[emotion], level / 3
    shown = _LEAST + (1 - _LEAST) * much
    draw = {name: spread * rng.normal() for name, spread in _VARY.items()}
    out = _tuned(
        rows,
        1.1 * act.octaves * shown + draw["octaves"],
        (1 + (act.range - 1) * shown) * np.exp(draw["range"]),
    )
    out = _voiced(out, act.harsh * much + draw["harsh"], rng)
    out[:, ENERGY] *= np.exp(draw["energy"])
    return stretched(out, (1 + (act.pace - 1) * shown) * np.exp(draw["pace"]))


def stretched(rows: Float, pace: float) -> Float:
    """Rows [T, SIZE] at `pace` times their speed [T / pace, SIZE]: the nearest row of each moment,
    the level between two."""
    count = max(round(len(rows) / pace), 8)
    at = np.linspace(0, len(rows) - 1, count)
    out = rows[np.round(at).astype(int)].copy()
    out[:, ENERGY] = np.interp(at, np.arange(len(rows)), rows[:, ENERGY])
    return out


def _tuned(rows: Float, octaves: float, range_: float) -> Float:
    assert rows.shape[1] == SIZE
    out = rows.copy()
    voiced = rows[:, VOICING] >= VOICED
    if voiced.any():
        middle = np.median(rows[voiced, PITCH])
        out[voiced, PITCH] = (rows[voiced, PITCH] - middle) * range_ + middle + octaves
    return out


def _voiced(rows: Float, harsh: float, rng: np.random.Generator) -> Float:
    voiced, chance = rows[:, VOICING] >= VOICED, rng.random((2, len(rows)))
    if harsh > 0:
        lost = voiced & (chance[0] < harsh)
        lost[1:] |= lost[:-1] & (chance[1, 1:] < 0.3)
        rows[lost, VOICING], rows[lost, PITCH] = 0.2, 0
        return rows
    kept = ~voiced & (rows[:, SPOKEN] > 0) & (chance[0] < -3 * harsh)
    last = np.maximum.accumulate(np.where(voiced, np.arange(len(rows)), 0))
    kept &= voiced[last]
    rows[kept, PITCH], rows[kept, VOICING] = rows[last[kept], PITCH], 0.7
    return rows
