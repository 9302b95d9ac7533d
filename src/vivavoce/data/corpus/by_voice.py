"""Somebody of the corpus for a voice that was heard: the rules of `people.py`, read backwards.

What the voice tells (sex, age, timbre, tract length) narrows who it may be; the rest is drawn. The
shape of a face is normal, and timbre and tract are linear in it with normal noise, so the shapes
that go with a voice are normal again (Bayes' rule for linear models; Bishop 2006, eq. 2.116):

    x ~ N(0, 1),  t = A x + e,  e ~ N(0, S)   =>   x | t ~ N(K t, 1 - K A),  K = A' (A A' + S)^-1

Skin follows no voice here, although the corpus ties it to accents: nobody's skin can be heard.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vivavoce.data.corpus import people as rules
from vivavoce.data.corpus.people import HEIGHT_CM, TIMBRE_BY, TIMBRE_TIE, curve, shape_axes
from vivavoce.data.corpus.person import ACCENTS, BEARDS, HAIR_STYLES, Looks, Person, Voice
from vivavoce.listen.speaker_traits import SpeakerTraits
from vivavoce.speak.natural.space import OLDEST, YOUNGEST, Sex
from vivavoce.types import Float

LEAST_LIKE = 0.5
"""Looks that would rather be the other sex's are drawn again: they would deny what is heard."""


def person_by_voice(traits: SpeakerTraits, seed: int) -> Person:
    """Somebody who may have that voice: likely in what it tells, drawn by `seed` in the rest.

    Args:
        traits: What was heard.
        seed: Draws what a voice cannot tell; the same traits and seed, the same person. Voices that
            sound much alike share what is drawn, others get something else with the same seed.
    """
    sex: Sex = "female" if traits.female >= 0.5 else "male"
    kind = np.round(traits.timbre).astype(int) + 100  # numbers of a seed are not negative
    rng = np.random.default_rng([seed, 40961, sex == "male", *kind.clip(0, 200)])
    mean, sd = traits.age
    age = float(np.clip(mean + sd * rng.normal(), YOUNGEST, OLDEST))
    accent = ACCENTS[rng.integers(len(ACCENTS))]
    height = float(curve(HEIGHT_CM[sex], age) * (1 + 0.04 * rng.normal()))
    looks = rules.draw_looks(sex, age, accent, rng)
    while _looks_like(sex, age, looks) < LEAST_LIKE:
        looks = rules.draw_looks(sex, age, accent, rng)
    looks = replace(looks, identity=_shape(sex, traits, rng))
    voice = Voice(
        timbre=tuple(map(float, traits.timbre)),  # type: ignore[arg-type]
        pitch_hz=150.0,
        range=1.0,
        speed=1.0,
        tract=traits.tract[0],
    )
    return Person(0, sex, age, height, accent, looks, voice)


def _looks_like(sex: Sex, age: float, looks: Looks) -> float:
    """Probability that somebody with this hair, beard and make-up is of that sex, by the rules."""

    def chance(of: Sex) -> float:
        hair = rules.odds(rules.HAIR_ODDS[of, rules.stage(age)])[HAIR_STYLES.index(looks.hair)]
        beard = rules.beard_odds(of, age)[BEARDS.index(looks.beard)]
        painted = rules.painted_odds(of, age)
        return float(hair * beard * (painted if looks.lips > 0 else 1 - painted))

    women, men = chance("female"), chance("male")
    return (women if sex == "female" else men) / (women + men)


def _shape(sex: Sex, traits: SpeakerTraits, rng: np.random.Generator) -> Float:
    """Identity coefficients [40] of a face that goes with the voice, see the top of this file."""
    axes = shape_axes()
    tract = rules.TRACT_BY_LENGTH * axes["length"] + rules.TRACT_BY_JAW * axes["jaw"]
    seen = np.stack([*(TIMBRE_TIE * axes[name] for name in TIMBRE_BY), tract])
    noise = np.array([*rules.timbre_sd() ** 2 + traits.timbre_sd**2,
                      rules.TRACT_SD**2 + traits.tract[1] ** 2])  # fmt: skip
    told = np.array([*traits.timbre, traits.tract[0] - 1])
    gain = seen.T @ np.linalg.inv(seen @ seen.T + np.diag(noise))
    # Matheron's rule: a draw of the prior, moved by what it gets wrong, is a draw of the posterior.
    drawn = rng.normal(size=seen.shape[1])
    wrong = told - (seen @ drawn + np.sqrt(noise) * rng.normal(size=len(noise)))
    shape = rules.mean_shape(sex) + rules.SHAPE_SD * (drawn + gain @ wrong)
    return shape.astype(np.float32)
