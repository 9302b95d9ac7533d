"""How much of a face its voice can tell, at best: the Bayes-optimal match in this corpus.

The rules of `people.py` are densities. For a voice v and looks f (sex s and age a are hidden),

    score(v, f) = log p(v | f) - log p(v),   p(v | f) = sum over s, a of p(s, a | f) p(v | s, a, f)

which no listener can beat in matching (Neyman & Pearson 1933). The voice is sex and accent, which
are heard without doubt, timbre, pitch, range, speed and tract length; of the looks, face shape,
wrinkles, skin, hair style, beard and painted lips enter. Hair colour, glasses and size in the
picture are left out: what they add beyond wrinkles is small, and a judge that uses them could come
out a little above this figure.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from scipy.special import logsumexp
from scipy.stats import norm

from vivavoce.data.corpus import people as rules
from vivavoce.data.corpus.people import draw_person
from vivavoce.data.corpus.person import BEARDS, HAIR_STYLES, SEXES, Person
from vivavoce.data.matching import HELD, alike, auc, recall
from vivavoce.speak.natural.space import Sex, Speaker, point, speed_of_age

AGES = np.arange(16.5, 90.0, 1.0)
"""Ages in years over which hidden ages are summed."""


@dataclass(frozen=True)
class Ceiling:
    """The best that any voice-to-face system can reach on corpus people, in expectation."""

    people: int
    """Number of people on whom it was computed."""
    recall: dict[str, float]
    """R@1, R@2, R@5, R@10 in a gallery of 100, percent."""
    auc: dict[str, float]
    """Verification AUC in percent; negatives of any kind, or sharing gender (G), accent (N), age
    within five years (A), or all three (GNA)."""
    correlation: dict[str, float]
    """Correlation of each attribute with its best guess from the voice."""

    def report(self) -> dict[str, object]:
        """All figures as plain values, rounded, for `set.json`."""
        plain = asdict(self)
        for key in ("recall", "auc", "correlation"):
            plain[key] = {k: round(v, 3) for k, v in plain[key].items()}
        return plain


def ceiling(seed: int = 0, people: int = 400) -> Ceiling:
    """Draw `people` persons of the corpus with this seed and match them as well as can be."""
    crowd = [draw_person(seed, i) for i in range(people)]
    scores = match_scores(crowd)
    about = [p.sex for p in crowd], [p.accent for p in crowd], [p.age for p in crowd]
    return Ceiling(
        people,
        recall(scores, np.random.default_rng(seed)),
        {name: auc(scores, alike(name, *about)) for name in HELD},
        _correlations(crowd),
    )


def match_scores(crowd: list[Person]) -> np.ndarray:
    """score(v, f) [voice, face] of every voice with every face."""
    looks = np.stack([_looks(p) for p in crowd])  # [n, sex, age]: log p(s, a | f)
    skins = _accents(np.array([p.looks.skin for p in crowd]))
    means = {sex: _means(sex, crowd) for sex in SEXES}
    return np.stack([_scores(p, means[p.sex], looks, skins) for p in crowd])


def _prior() -> np.ndarray:
    """log p(age) of each of `AGES`."""
    density = np.zeros(len(AGES))
    for low, high, share in rules.AGE_BANDS:
        density += share / (high - low) * ((low <= AGES) & (high > AGES))
    return np.log(density / density.sum() + 1e-12)


def _looks(person: Person) -> np.ndarray:
    """log p(sex, age | looks) [2, ages]."""
    k = person.looks
    away = k.identity - np.stack([rules.mean_shape(sex) for sex in SEXES])
    table = -0.5 * (away**2).sum(-1, keepdims=True) / rules.SHAPE_SD**2
    table = table + _prior() + _wrinkles(k.wrinkles)
    for i, sex in enumerate(SEXES):
        for j, age in enumerate(AGES):
            hair = rules.odds(rules.HAIR_ODDS[sex, rules.stage(age)])[HAIR_STYLES.index(k.hair)]
            beard = rules.beard_odds(sex, age)[BEARDS.index(k.beard)]
            paint = rules.painted_odds(sex, age)
            lips = paint if k.lips > 0 else 1 - paint
            table[i, j] += np.log([hair + 1e-12, beard + 1e-12, lips + 1e-12]).sum()
    return np.asarray(table - logsumexp(table))


def _wrinkles(seen: float) -> np.ndarray:
    """log p(wrinkles | age) [ages], cut to 0..1 as they are drawn."""
    middle = np.array([rules.mean_wrinkles(age) for age in AGES])
    if seen <= 0:
        return np.asarray(norm.logcdf((0 - middle) / rules.WRINKLE_SD))
    if seen >= 1:
        return np.asarray(norm.logsf((1 - middle) / rules.WRINKLE_SD))
    return np.asarray(norm.logpdf(seen, middle, rules.WRINKLE_SD))


def _accents(skins: np.ndarray) -> dict[str, np.ndarray]:
    """log p(skin | accent) - log p(skin) [faces] of each accent: how far skin speaks for it."""
    away = (skins[:, None] - np.array(list(rules.SKIN.values()))) / rules.SKIN_SD
    density = norm.pdf(away) / rules.SKIN_SD
    density = np.where(skins[:, None] <= 0, norm.cdf(away), density)  # cut to 0..1 as drawn
    density = np.where(skins[:, None] >= 1, norm.sf(away), density)
    favour = np.log(density / density.mean(1, keepdims=True) + 1e-12)
    return dict(zip(rules.SKIN, favour.T, strict=True))


def _means(sex: Sex, crowd: list[Person]) -> tuple[np.ndarray, np.ndarray]:
    """Mean timbre [faces, 3] and tract [faces] of voices of that sex that belong to each face."""
    faces = [p.looks.identity for p in crowd]
    timbre = np.array([rules.timbre_mean(sex, face) for face in faces])
    return timbre, np.array([rules.tract_mean(sex, face) for face in faces])


def _scores(
    speaker: Person,
    means: tuple[np.ndarray, np.ndarray],
    looks: np.ndarray,
    skins: dict[str, np.ndarray],
) -> np.ndarray:
    """score(v, f) [faces] of one voice, up to log p(v), which all faces share: subtracted after."""
    timbre, tract = means
    shape = norm.logpdf(speaker.voice.timbre, timbre, rules.timbre_sd()).sum(1)
    shape += norm.logpdf(speaker.voice.tract, tract, rules.TRACT_SD)
    ages = looks[:, SEXES.index(speaker.sex)] + _of_the_age(speaker)  # the voice tells the sex
    match = shape + logsumexp(ages, axis=1) + skins[speaker.accent]
    return np.asarray(match - np.log(np.mean(np.exp(match - match.max()))) - match.max())


def _of_the_age(speaker: Person) -> np.ndarray:
    """log p(pitch, range, speed | sex, age, timbre, tract) [ages], up to a constant."""
    voice = speaker.voice
    weights = point(speaker.sex, speaker.accent, np.array(voice.timbre, np.float32))
    own_hz = Speaker(weights).middle_hz
    pitch = np.array([rules.pitch_mean(speaker.sex, age, own_hz, voice.tract) for age in AGES])
    speed = np.log([speed_of_age(age) for age in AGES])
    terms = (
        (np.log2(voice.pitch_hz), pitch, rules.PITCH_SD_OCT),
        (np.log(voice.speed), speed, rules.SPEED_SD),
    )
    return np.asarray(sum(-0.5 * ((x - mean) / sd) ** 2 for x, mean, sd in terms))


def _correlations(crowd: list[Person]) -> dict[str, float]:
    """Correlation of attributes with their mean given the voice, which tells sex and accent."""
    guesses = []
    for p in crowd:
        table = _prior() + _of_the_age(p)
        chance = np.exp(table - logsumexp(table))
        guesses.append(float(chance @ AGES))
    ages, skins = [p.age for p in crowd], [p.looks.skin for p in crowd]
    heard = [rules.SKIN[p.accent] for p in crowd]
    return {
        "age": float(np.corrcoef(ages, guesses)[0, 1]),
        "skin": float(np.corrcoef(skins, heard)[0, 1]),
    }
