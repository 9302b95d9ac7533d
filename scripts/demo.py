"""`make demo`: a real portrait speaks; writes out/demo.mp4 and out/demo.png."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

import vivavoce
from vivavoce.look.example import astronaut
from vivavoce.media.sheet import contact_sheet
from vivavoce.speak.voices import auto_voice

TEXT = (
    "Hello. I am a photograph, and this is my living voice. "
    "Everything you see and hear was made on this computer."
)


def main() -> None:
    """Make the demo and say how long each stage took."""
    out = Path("out")
    out.mkdir(exist_ok=True)
    start = perf_counter()
    portrait = vivavoce.load("portrait")
    loaded = perf_counter()
    # Eileen Collins, NASA, public domain
    voice = auto_voice("female", 41, "en")
    clip = portrait(astronaut(), TEXT, voice=voice, emotion="happy:0.3", seed=7)
    saved = clip.save(out / "demo.mp4", force=True)
    done = perf_counter()
    contact_sheet(saved.path, out / "demo.png", force=True)
    stages = dict(clip.clock.seconds)
    stages["publish and the rest"] = done - loaded - sum(stages.values())
    print(f"load      {loaded - start:6.2f} s")
    for stage, seconds in stages.items():
        print(f"{stage:9s} {seconds:6.2f} s")
    print(f"{saved.seconds:.1f} s of video in {done - loaded:.1f} s, the first time")
    print(f"voice: {voice}\nvideo: {out / 'demo.mp4'}\nsheet: {out / 'demo.png'}")


if __name__ == "__main__":
    main()
