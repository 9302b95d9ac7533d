"""What a corpus person is: looks and voice. `people.py` draws them; the painters only read them.

Every number is an attribute that a shard stores, so that a judge can be asked to find it again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vivavoce.speak.natural.space import Accent, Sex
from vivavoce.types import Float

HAIR_STYLES = (
    "bald", "buzz", "short", "side_part", "curly", "afro", "bob", "shoulder", "long", "ponytail",
    "bun", "receding",
)  # fmt: skip
BEARDS = ("none", "stubble", "moustache", "goatee", "full")
GLASSES = ("none", "round", "square", "half")
CLOTHES = ("crew", "v_neck", "collar", "hoodie", "blazer")
BACKDROPS = ("plain", "gradient", "room", "bokeh", "wall")
SEXES: tuple[Sex, ...] = ("female", "male")
ACCENTS: tuple[Accent, ...] = ("american", "british")
"""How a person speaks English: the corpus's stand-in for nationality."""


@dataclass(frozen=True)
class Looks:
    """Looks of a person. Colours are sRGB in 0..1."""

    identity: Float
    """Face shape [40]: `face478` identity coefficients, about one standard deviation each."""
    skin: float
    """Melanin: 0 palest to 1 darkest."""
    ruddiness: float
    """Blood in cheeks, nose and lips, 0..1."""
    freckles: float
    """Amount of freckles: 0 none to 1 many."""
    wrinkles: float
    """Depth of wrinkles: 0 none to 1 deep; follows age."""
    lips: float
    """Lip colour: 0 natural to 1 painted."""
    hair: str
    """Style of the hair, one of `HAIR_STYLES`."""
    hair_colour: tuple[float, float, float]
    """Colour of the hair and brows and, a little redder, of the beard."""
    hair_volume: float
    """Volume of the hair: 0 flat to 1 full."""
    brows: float
    """Thickness, 0 thin to 1 bushy."""
    iris: tuple[float, float, float]
    """Colour of both irises."""
    beard: str
    """Kind of beard, one of `BEARDS`."""
    glasses: str
    """Kind of spectacles, one of `GLASSES`."""
    glasses_colour: tuple[float, float, float]
    """Colour of the spectacles' frame."""
    clothes: str
    """Kind of clothing, one of `CLOTHES`."""
    clothes_colour: tuple[float, float, float]
    """Colour of the main piece of clothing; that of a second piece is derived from it."""
    backdrop: str
    """Kind of what is behind the person, one of `BACKDROPS`."""
    backdrop_colour: tuple[float, float, float]
    """Main colour behind the person."""
    light_yaw: float
    """Where the main light stands, radians: 0 in front, positive on the picture's right."""
    light_pitch: float
    """Height of the main light, radians above the eyes."""
    light_warmth: float
    """Colour of the main light: 0 blue daylight to 1 warm lamp."""
    light_softness: float
    """Softness of the main light: 0 hard to 1 overcast."""
    texture_seed: int
    """Seed of freckles, strands, folds and backdrop; no meaning beyond that."""


@dataclass(frozen=True)
class Voice:
    """Voice of a person in calm speech."""

    timbre: tuple[float, float, float]
    """Where the voice lies among those of its sex and accent: `speak.natural.space.point`."""
    pitch_hz: float
    """Median F0 of calm speech in Hz."""
    range: float
    """Factor on how far the pitch moves, 1 for the voice as it is."""
    speed: float
    """Factor on the speaking rate, 1 for the voice as it is."""
    tract: float
    """Factor on the length of the vocal tract, 1 for the voice as it is."""


@dataclass(frozen=True)
class Person:
    """Person of the corpus, who does not exist."""

    index: int
    """Number of the person in the corpus, from 0."""
    sex: Sex
    """Sex of the person, one of `SEXES`."""
    age: float
    """Age in years, 16 to 90: the voice space has no child."""
    height_cm: float
    """Height of the body in cm."""
    accent: Accent
    """Accent of the person, one of `ACCENTS`."""
    looks: Looks
    """The looks of the person."""
    voice: Voice
    """The voice of the person."""

    @property
    def name(self) -> str:
        """The identity in shards, e.g. "p00012"."""
        return f"p{self.index:05d}"

    def rng(self, what: str, number: int = 0) -> np.random.Generator:
        """A generator for one purpose of this person; purposes never disturb each other."""
        seed = [self.looks.texture_seed, self.index, number, *what.encode()]
        return np.random.default_rng(seed)
