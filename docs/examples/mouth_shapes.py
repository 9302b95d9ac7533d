"""What the mouth does in a sentence, with times: visemes and VRM's weights."""

import numpy as np

import vivavoce
from vivavoce.media.export import write_motion
from vivavoce.systems.heard import Heard

portrait = vivavoce.load("portrait")
heard = Heard()
motions = portrait.motion(text="My mum bakes bread.", fps=60, heard=heard)
written = write_motion(motions, "bread.visemes.json", said=heard)
for viseme in heard.visemes()[:5]:
    print(f"{viseme.start_s:.3f} s {viseme.symbol}")
weights = heard.vrm(np.arange(written.frames) / 60)
print(f"VRM's aa goes up to {weights['aa'].max():.2f} in {written.seconds:.1f} s")
