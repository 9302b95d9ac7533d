"""The space of Kokoro's English voices: a point is a weight for each of 26 voices.

A voice of Kokoro is a style, 256 numbers that depend smoothly on how long the text is. Mixtures of
styles are voices as natural as those that are mixed, and so are points a little outside of them, so
weights need not be positive; they sum to 1. `voice_space.npz` (fitted by
scripts/fit_voice_space.py) holds the voices' styles as polynomials of the logarithm of the length,
their sex and accent, which are known, and their pitch, which was measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np

from vivavoce.errors import RequestError, UnknownName
from vivavoce.types import Float

FILE = Path(__file__).with_name("voice_space.npz")
"""The fitted space."""
DEGREE = 4
"""Degree of the polynomials of the logarithm of the length."""
MOST = 510
"""Longest text that the styles know, in symbols."""
Sex = Literal["female", "male"]
"""Sex that a voice is heard as."""
Accent = Literal["american", "british"]
"""Accents of English that the space has."""
YOUNGEST, OLDEST = 16.0, 90.0
"""Ages that the space can voice, in years; it has no child."""

TIMBRES = 3
"""Number of directions in which voices of one sex and accent differ most."""
_FARTHEST = 2.2  # standard deviations that no voice is away from the middle, along a direction
_PITCH_NOISE = 0.05  # standard deviation of the logarithm of the pitch
_TRACT_NOISE = 0.025


@dataclass(frozen=True)
class Speaker:
    """One voice: a point of the space, and what is changed in it."""

    weights: Float
    """A weight for each of `names()`; they sum to 1."""
    british: bool = False
    """Whether words are said as in Britain."""
    pitch: float = 1.0
    """Factor on the pitch of the point."""
    tract: float = 1.0
    """Factor on the length of the vocal tract: 1.1 lowers all formants by a tenth."""
    speed: float = 1.0
    """Factor on the speed."""

    def style(self, symbols: int) -> Float:
        """The style [256] for a text of so many symbols."""
        (power,) = powers(np.clip([symbols], 1, MOST))
        curves = np.tensordot(self.weights, _space()["curves"], 1)
        style: Float = (power @ curves).astype(np.float32)
        return style

    @property
    def middle_hz(self) -> float:
        """Median pitch of the point in Hz, without the factor `pitch`."""
        return float(np.exp(self.weights @ np.log(_space()["middle_hz"])))

    @property
    def level(self) -> float:
        """Root mean square of the point's voiced sounds as the synthesizer gives them."""
        return float(np.exp(self.weights @ np.log(_space()["level"])))


def powers(lengths: np.ndarray) -> np.ndarray:
    """Chebyshev polynomials [n, DEGREE + 1] of the logarithm of lengths [n] of 1 to `MOST`."""
    low, high = np.log(2), np.log(MOST + 1)
    x = 2 * (np.log(np.asarray(lengths) + 1) - low) / (high - low) - 1
    return np.polynomial.chebyshev.chebvander(x, DEGREE)


@cache
def _space() -> dict[str, np.ndarray]:
    with np.load(FILE) as file:
        return dict(file)


def names() -> tuple[str, ...]:
    """The voices that span the space, in the order of the weights."""
    return tuple(str(name) for name in _space()["names"])


def sex_of(name: str) -> Sex:
    """Sex that the voice of that name is heard as."""
    return "male" if _space()["male"][names().index(name)] else "female"


def accent_of(name: str) -> Accent:
    """Accent of the voice of that name."""
    return "british" if _space()["british"][names().index(name)] else "american"


def mixture(shares: dict[str, float]) -> Speaker:
    """The speaker that mixes named voices by their shares, which are scaled to sum to 1.

    Words are said as in Britain where at least half of it is British.

    Raises:
        UnknownName: No such voice.
        RequestError: The shares sum to nothing.
    """
    weights = np.zeros(len(names()), np.float32)
    for name, share in shares.items():
        if name not in names():
            raise UnknownName("voice", name, names(), "`vivavoce voices` lists them all.")
        weights[names().index(name)] += share
    if not weights.sum() > 0:
        raise RequestError("The shares of a mixture must be over 0, as in emma:0.6+sarah:0.4.")
    weights /= weights.sum()
    return Speaker(weights, british=float(weights @ _space()["british"]) >= 0.5)


def point(sex: Sex, accent: Accent, timbre: Float) -> Float:
    """Weights of the voice that lies at `timbre` among the voices of that sex and accent.

    Args:
        sex: Sex that is heard.
        accent: Accent.
        timbre: How far from their middle along each of their `TIMBRES` main directions, [3] in
            standard deviations; far ones are drawn in, so that nothing is beyond 2.2.
    """
    middle, directions = _voices_of(sex, accent)
    inside = _FARTHEST * np.tanh(np.asarray(timbre, float) / _FARTHEST)
    return (middle + inside @ directions).astype(np.float32)


@cache
def _voices_of(sex: Sex, accent: Accent) -> tuple[np.ndarray, np.ndarray]:
    """Weights of the middle of the voices of a sex and accent, and of a step of one standard
    deviation along each of their principal directions [TIMBRES, voices]."""
    space = _space()
    alike = (space["male"] == (sex == "male")) & (space["british"] == (accent == "british"))
    styles = space["curves"][alike, 0].astype(float)
    main, *_ = np.linalg.svd(styles - styles.mean(0), full_matrices=False)
    steps = main.T[:TIMBRES] / np.sqrt(len(styles))
    steps *= np.sign(steps[np.arange(TIMBRES), np.abs(steps).argmax(1)])[:, None]
    directions = np.zeros((TIMBRES, len(alike)))
    directions[:, alike] = steps
    return alike / alike.sum(), directions


def drawn(sex: Sex, age: float, accent: Accent, noise: np.random.Generator) -> Speaker:
    """A speaker who does not exist, of that sex, age and accent; the same noise draws the same one.

    Rules: a normal draw around the middle of the voices of that sex and accent (`point`); pitch and
    speed follow the age (`pitch_of_age`, `speed_of_age`), and pitch and tract scatter by 5 and 2.5
    percent.

    Args:
        sex: Sex that is heard.
        age: Age in years, `YOUNGEST` to `OLDEST`.
        accent: Accent.
        noise: Where the draw comes from: the timbre and two numbers.

    Raises:
        RequestError: The space has no voice of that age.
    """
    if not YOUNGEST <= age <= OLDEST:
        raise RequestError(
            f"The voice space speaks for people of {YOUNGEST:.0f} to {OLDEST:.0f} years, not "
            f"{age:.0f}: all its voices are adults."
        )
    weights = point(sex, accent, noise.standard_normal(TIMBRES, np.float32))
    pitch = pitch_of_age(sex, age) * np.exp(_PITCH_NOISE * np.clip(noise.standard_normal(), -2, 2))
    tract = np.exp(_TRACT_NOISE * np.clip(noise.standard_normal(), -2, 2))
    british = accent == "british"
    return Speaker(weights, british, float(pitch), float(tract), speed_of_age(age))


def pitch_of_age(sex: Sex, age: float) -> float:
    """Factor on the pitch at an age, 1 at 30: women's voices sink with age, men's sink a little
    until about 55 and rise after; directions and sizes after Stathopoulos et al., "Changes in
    acoustic characteristics of the voice across the life span" (J. Speech Lang. Hear. Res. 54,
    2011, figure 1)."""
    ages, factors = _PITCH_OF_AGE[sex]
    return float(np.interp(age, ages, factors))


_PITCH_OF_AGE: dict[Sex, tuple[tuple[int, ...], tuple[float, ...]]] = {
    "female": ((16, 30, 50, 70, 90), (1.06, 1.00, 0.94, 0.88, 0.88)),
    "male": ((16, 30, 55, 75, 90), (1.08, 1.00, 0.95, 1.03, 1.10)),
}


def speed_of_age(age: float) -> float:
    """Factor on the speed at an age: 1 until 40, a fifth slower at 85."""
    return float(np.interp(age, (40, 85), (1.0, 0.83)))
