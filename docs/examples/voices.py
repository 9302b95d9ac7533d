"""A mixture of two voices, and a person who does not exist, say a sentence each."""

import numpy as np

from vivavoce.speak.natural.space import drawn, mixture
from vivavoce.speak.natural.voice import NaturalVoice
from vivavoce.types import Emotion

between = mixture({"emma": 0.6, "sarah": 0.4})
nobody = drawn("female", 67, "british", np.random.default_rng(3))
for name, speaker in (("between", between), ("Edith", nobody)):
    voice = NaturalVoice(name, speaker)
    for piece in voice.speak("Good morning.", Emotion("happy", 0.5), rate=1.1):
        print(name, f"{piece.seconds:.2f} s", " ".join(p.symbol for p in piece.phones or ()))
