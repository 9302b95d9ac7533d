"""A portrait speaks: the shortest way."""

import vivavoce

portrait = vivavoce.load("portrait")
clip = portrait("me.png", text="Hello.", emotion="happy:0.5", seed=7)
saved = clip.save("hello.mp4")
print(f"{saved.path}: {saved.seconds:.1f} s")
