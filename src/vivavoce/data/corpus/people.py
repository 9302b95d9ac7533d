"""Who lives in the corpus: the rules by which looks and voices hang together. All of them are here.

A person is drawn top down; each row depends on those above it and on chance.

| drawn | depends on | how |
|---|---|---|
| sex | | even |
| age | | a tenth 16-19, three fifths 20-59, three tenths 60-90; the voice space has no child |
| accent | | even, American or British; the stand-in for nationality |
| height | sex, age | growth curve (WHO 2007 means) +- 4 % |
| face shape | sex | normal around a shifted mean: broader jaw and longer chin in men, larger eyes in women |
| skin, hair colour | accent, age | normal around the accent's mean; grey from about 50 on |
| hair, beard, make-up | sex, age | tables |
| wrinkles, glasses | age | linear; more glasses after 45 |
| timbre | sex, accent, face | three main directions of the voice space, each led by the chin, the nose or the mouth's breadth (correlation 0.5) |
| tract length | face | longer with a long face and a broad jaw, +- 1.5 % |
| pitch | sex, age, timbre, tract | the timbre's own, by age (Stathopoulos et al., JSLHR 54, 2011), lower with a long tract, +- 1 semitone |
| speed | age | a fifth slower at 85 than at 40, +- 6 % |
| pitch range | | +- 15 % |
| light, clothes, backdrop | | chance alone |

So a voice tells of sex, age, the shape of the face and (by its accent) skin, never all; how much can
be told at best is computed by `ceiling.py` from the same densities.
"""  # noqa: E501

from __future__ import annotations

import colorsys
from functools import cache

import numpy as np

from vivavoce.data.corpus.person import (
    ACCENTS,
    BACKDROPS,
    BEARDS,
    CLOTHES,
    GLASSES,
    HAIR_STYLES,
    SEXES,
    Looks,
    Person,
    Voice,
)
from vivavoce.speak.natural.space import (
    TIMBRES,
    Accent,
    Sex,
    Speaker,
    pitch_of_age,
    point,
    speed_of_age,
)

AGE_BANDS = ((16, 20, 0.10), (20, 60, 0.60), (60, 90, 0.30))
"""Bands of age: from, to (years), share of people; ages are even within a band."""
HEIGHT_CM = {
    "female": ((16, 163), (90, 160)),
    "male": ((16, 173), (19, 177), (90, 172)),
}
TIMBRE_BY = ("chin", "nose", "mouth")
"""Direction of the face (`shape_axes`) that leads each of the three directions of timbre."""
TIMBRE_TIE = 0.5
"""Correlation of a direction of timbre with the direction of the face that leads it."""
TRACT_SD = 0.015
"""Standard deviation of the tract's length, as a factor, around the mean of a face."""
TRACT_BY_LENGTH, TRACT_BY_JAW = 0.024, 0.018
"""Share of the tract's length that a standard deviation of face length, or jaw width, adds."""
PITCH_SD_OCT = 1 / 12
"""Standard deviation of log2 pitch around the mean of sex, age, timbre and tract."""
PITCH_BY_TRACT = -0.6
"""Octaves of pitch for an octave of tract length beyond the mean."""
RANGE_SD, SPEED_SD = 0.15, 0.06
"""Standard deviations of the logarithm of the range and of the speed around their means."""
SHAPE_SD = 0.75
"""Standard deviation of each identity coefficient around the mean of sex and age; 1 would make
caricatures."""
SHAPE_BY_SEX = 1.15
"""Half the distance between the mean shapes of men and women, along the direction "male"."""
SKIN = {"american": 0.48, "british": 0.30}
"""Mean melanin of the skin of an accent."""
SKIN_SD = 0.24
"""Standard deviation of melanin around the mean of an accent."""
WRINKLE_SD = 0.09
"""Standard deviation of the depth of wrinkles around the mean of an age."""
HAIR_ODDS = {
    ("female", "adult"): (0.1, 0.2, 1.5, 1, 3, 1.2, 5, 6, 5, 3, 3, 0),
    ("female", "old"): (0, 0.2, 5, 2, 4, 0.8, 6, 2, 0.6, 0.4, 3, 0.3),
    ("male", "adult"): (1.6, 3, 7, 5, 2, 1, 0.2, 0.5, 0.4, 0.4, 0.3, 2.2),
    ("male", "old"): (4, 2, 3, 2, 0.5, 0.2, 0, 0.1, 0.1, 0.1, 0, 6),
}
"""Odds of `HAIR_STYLES` by sex and stage of life."""
BEARD_ODDS = {"adult": (5, 2.5, 0.9, 1.0, 1.8), "old": (5, 1, 1.4, 0.8, 2.4)}
"""Odds of `BEARDS` for men; women have none, nor have men under 17."""
GLASSES_ODDS = {"adult": (7, 1.2, 1.5, 0.3), "old": (4, 1.4, 1.5, 1.6)}
PAINTED = {"adult": 0.45, "old": 0.35}
"""Share of women with painted lips."""
IRISES = (
    ((0.33, 0.20, 0.11), 0.5), ((0.22, 0.13, 0.07), 0.9), ((0.33, 0.46, 0.58), 0.12),
    ((0.36, 0.42, 0.28), 0.22), ((0.44, 0.38, 0.26), 0.35),
)  # fmt: skip
"""sRGB of the iris, and the melanin of skin with which it is commonest."""


def draw_person(seed: int, index: int) -> Person:
    """Person number `index` of the corpus with this seed; independent of all others."""
    rng = np.random.default_rng([seed, index, 7177])
    sex, age = SEXES[rng.integers(len(SEXES))], draw_age(rng)
    accent = ACCENTS[rng.integers(len(ACCENTS))]
    height = curve(HEIGHT_CM[sex], age) * (1 + 0.04 * rng.normal())
    looks = draw_looks(sex, age, accent, rng)
    voice = _draw_voice(sex, age, accent, looks.identity, rng)
    return Person(index, sex, age, float(height), accent, looks, voice)


def draw_age(rng: np.random.Generator) -> float:
    """Age in years, drawn from `AGE_BANDS`."""
    low, high, _ = AGE_BANDS[rng.choice(len(AGE_BANDS), p=[b[2] for b in AGE_BANDS])]
    return float(rng.uniform(low, high))


def curve(points: tuple[tuple[float, float], ...], age: float) -> float:
    """A curve over age, straight between its points."""
    ages, values = zip(*points, strict=True)
    return float(np.interp(age, ages, values))


def stage(age: float) -> str:
    """ "old" from 62 on, "adult" before."""
    return "old" if age >= 62 else "adult"


@cache
def shape_axes() -> dict[str, np.ndarray]:
    """Unit directions [40] in face478's identity space: along "length" faces grow longest for the
    least change, along "jaw" jaws grow broad, along "chin" chins grow long, along "nose" noses,
    along "mouth" mouths grow broad; "male" is a mixture."""
    from vivavoce.look.face478 import load

    model = load()

    def sizes(v: np.ndarray) -> np.ndarray:
        d = [
            (10, 152),
            (172, 397),
            (234, 454),
            (17, 152),
            (159, 145),
            (33, 263),
            (168, 2),
            (129, 358),
        ]
        top, jaw, cheeks, chin, lid, eyes, nose, wide = (np.linalg.norm(v[a] - v[b]) for a, b in d)
        return np.log([top / cheeks, jaw / cheeks, chin / top, lid / eyes, nose / top, wide / eyes])

    rest = sizes(model.neutral)
    rows = np.array([sizes(model.neutral + 0.5 * k) - rest for k in model.identity]).T
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    length, jaw, chin, lid, nose, wide = rows

    def mixed(*parts: np.ndarray) -> np.ndarray:
        total = np.sum(parts, 0)
        return (total / np.linalg.norm(total)).astype(np.float32)

    return {
        "length": mixed(length),
        "jaw": mixed(jaw),
        "chin": mixed(chin),
        "nose": mixed(nose),
        "mouth": mixed(wide),
        "male": mixed(jaw, chin, -lid, 0.5 * length, 0.6 * wide),
    }


def mean_shape(sex: str) -> np.ndarray:
    """Mean identity coefficients [40] of people of this sex."""
    sign = 1.0 if sex == "male" else -1.0
    shape: np.ndarray = SHAPE_BY_SEX * sign * shape_axes()["male"]
    return shape


def odds(table: tuple[float, ...]) -> np.ndarray:
    """Probabilities that are proportional to the odds in `table`."""
    values = np.asarray(table, float)
    return values / values.sum()


def beard_odds(sex: str, age: float) -> np.ndarray:
    """Probability of each of `BEARDS` for a person of this sex and age; they add up to 1."""
    if sex == "female" or age < 17:
        return odds((1, 0, 0, 0, 0))
    return odds(BEARD_ODDS["old" if stage(age) == "old" else "adult"])


def painted_odds(sex: str, age: float) -> float:
    """Probability that a person of this sex and age has painted lips."""
    return PAINTED[stage(age)] if sex == "female" else 0.0


def mean_wrinkles(age: float) -> float:
    """Mean depth of wrinkles before it is cut to 0..1."""
    return (age - 28) / 58


def draw_looks(sex: Sex, age: float, accent: Accent, rng: np.random.Generator) -> Looks:
    """Looks of somebody of this sex, age and accent; the face's shape is drawn first."""
    identity = mean_shape(sex) + SHAPE_SD * rng.normal(size=40)
    skin = float(np.clip(SKIN[accent] + SKIN_SD * rng.normal(), 0, 1))
    hair = str(rng.choice(HAIR_STYLES, p=odds(HAIR_ODDS[sex, stage(age)])))
    beard = str(rng.choice(BEARDS, p=beard_odds(sex, age)))
    painted = rng.random() < painted_odds(sex, age)
    glasses = str(rng.choice(GLASSES, p=odds(GLASSES_ODDS[stage(age)])))
    near = np.array([np.exp(-(((skin - at) / 0.25) ** 2)) for _, at in IRISES])
    iris = IRISES[rng.choice(len(IRISES), p=near / near.sum())][0]
    return Looks(
        identity=identity.astype(np.float32),
        skin=skin,
        ruddiness=float(rng.uniform(0.15, 0.8)),
        freckles=float(np.clip(rng.normal(0.1 - skin, 0.4), 0, 1)),
        wrinkles=float(np.clip(mean_wrinkles(age) + WRINKLE_SD * rng.normal(), 0, 1)),
        lips=float(rng.uniform(0.35, 0.9)) if painted else 0.0,
        hair=hair,
        hair_colour=_hair_colour(age, skin, rng),
        hair_volume=float(rng.uniform(0.1, 1)),
        brows=float(np.clip(rng.normal(0.55 if sex == "male" else 0.3, 0.2), 0, 1)),
        iris=iris,
        beard=beard,
        glasses=glasses,
        glasses_colour=_hsv(rng, (0, 1), (0.1, 0.7), (0.05, 0.35)),
        clothes=str(rng.choice(CLOTHES)),
        clothes_colour=_hsv(rng, (0, 1), (0.1, 0.65), (0.2, 0.8)),
        backdrop=str(rng.choice(BACKDROPS)),
        backdrop_colour=_hsv(rng, (0, 1), (0.06, 0.32), (0.35, 0.8)),
        light_yaw=float(rng.uniform(-0.95, 0.95)),
        light_pitch=float(rng.uniform(0.2, 0.75)),
        light_warmth=float(rng.uniform(0, 1)),
        light_softness=float(rng.uniform(0.15, 0.95)),
        texture_seed=int(rng.integers(2**31)),
    )


def _hair_colour(age: float, skin: float, rng: np.random.Generator) -> tuple[float, float, float]:
    """sRGB: from blond (or red) to black with the skin's melanin, then grey with age."""
    dark = np.clip(skin * 1.5 + rng.normal(0.15, 0.28), 0, 1)
    stops = np.array(
        [
            (0.86, 0.70, 0.44),
            (0.62, 0.42, 0.22),
            (0.34, 0.21, 0.12),
            (0.15, 0.10, 0.08),
            (0.06, 0.05, 0.05),
        ]
    )
    colour = np.array([np.interp(dark * 4, range(5), stops[:, k]) for k in range(3)])
    if dark < 0.5 and rng.random() < 0.15:
        colour = 0.35 * colour + 0.65 * np.array([0.66, 0.30, 0.12])
    grey = 1 / (1 + np.exp(-((age - 54) / 7 + rng.normal())))
    colour = colour * (1 - grey) + grey * np.array([0.74, 0.73, 0.72])
    return tuple(float(np.clip(c, 0, 1)) for c in colour)  # type: ignore[return-value]


def _hsv(
    rng: np.random.Generator,
    hue: tuple[float, float],
    strong: tuple[float, float],
    bright: tuple[float, float],
) -> tuple[float, float, float]:
    """An sRGB colour drawn evenly from ranges of hue, saturation and brightness."""
    return colorsys.hsv_to_rgb(*(float(rng.uniform(*span)) for span in (hue, strong, bright)))


def along(name: str, sex: str, identity: np.ndarray) -> float:
    """How far a face lies from the mean of its sex along an axis, in standard deviations."""
    return float((identity - mean_shape(sex)) @ shape_axes()[name] / SHAPE_SD)


def timbre_mean(sex: str, identity: np.ndarray) -> np.ndarray:
    """Mean timbre [3] of people of this sex and face; its deviation is `timbre_sd`."""
    return np.array([TIMBRE_TIE * along(name, sex, identity) for name in TIMBRE_BY])


def timbre_sd() -> float:
    """Standard deviation of each direction of timbre around its mean, so that all is normal."""
    return float(np.sqrt(1 - TIMBRE_TIE**2))


def tract_mean(sex: str, identity: np.ndarray) -> float:
    """Mean tract length, as a factor, of people of this sex and face."""
    more = TRACT_BY_LENGTH * along("length", sex, identity)
    return 1 + more + TRACT_BY_JAW * along("jaw", sex, identity)


def pitch_mean(sex: Sex, age: float, own_hz: float, tract: float) -> float:
    """Mean of log2 pitch (Hz) at this sex, age and tract; `own_hz` is the timbre's own pitch."""
    return float(np.log2(own_hz * pitch_of_age(sex, age)) + PITCH_BY_TRACT * np.log2(tract))


def _draw_voice(
    sex: Sex, age: float, accent: Accent, identity: np.ndarray, rng: np.random.Generator
) -> Voice:
    timbre = timbre_mean(sex, identity) + timbre_sd() * rng.normal(size=TIMBRES)
    tract = tract_mean(sex, identity) + TRACT_SD * rng.normal()
    own_hz = Speaker(point(sex, accent, timbre)).middle_hz
    pitch = 2 ** (pitch_mean(sex, age, own_hz, tract) + PITCH_SD_OCT * rng.normal())
    return Voice(
        timbre=tuple(map(float, timbre)),  # type: ignore[arg-type]
        pitch_hz=float(pitch),
        range=float(np.exp(RANGE_SD * rng.normal())),
        speed=float(speed_of_age(age) * np.exp(SPEED_SD * rng.normal())),
        tract=float(tract),
    )
