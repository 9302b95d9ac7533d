"""How the jaw moves with a sentence, as numbers."""

import numpy as np

import vivavoce
from vivavoce.types import ARKIT_INDEX

portrait = vivavoce.load("portrait")
motions = list(portrait.motion(text="My mum bakes bread."))
jaw = np.concatenate([m.expression[:, ARKIT_INDEX["jawOpen"]] for m in motions])
print(f"{len(jaw)} frames at 25 a second; the jaw opens to {jaw.max():.2f}")
