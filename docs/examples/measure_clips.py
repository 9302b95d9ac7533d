"""Two clips of one text, measured against each other."""

from pathlib import Path

import vivavoce
from vivavoce.measure.metrics.measured import measure_paths

system = vivavoce.load("portrait")
made, true = Path("made"), Path("true")
for folder, seed in ((true, 1), (made, 2)):
    folder.mkdir()
    clip = system(portrait="me.png", text="How are you? I am quite well.", seed=seed, size=256)
    clip.save(folder / "hello.mp4")

found = measure_paths(made, reference=true, metrics=["SSIM", "LMD", "LSE-C", "offset"])
for name in found.values:
    print(f"{name}: {found.mean(name):.3g} by {found.judges.get(name, 'no judge')}")
