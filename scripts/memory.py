"""Peak resident memory of a system for short and for long speech, each in a process of its own.

    python scripts/memory.py --system sdm [--seconds 10 300]

The portrait is scikit-image's astronaut, the clip 512 px; the speech is `measure.cases.SENTENCES`
over and over, in our own voice, cut to length. Systems that speak themselves get the text.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
from PIL import Image
from skimage import data

import vivavoce
from vivavoce.measure.bounds import write_wav
from vivavoce.measure.cases import SENTENCES
from vivavoce.measure.speed import peak_memory_gb
from vivavoce.speak.voices import DEFAULT_VOICE, find_voice
from vivavoce.types import RATE, Float

TEXT = " ".join(s.replace("\n\n", " ") for s in SENTENCES)


def spoken() -> Float:
    """The sentences in our own voice [n]."""
    pieces = find_voice(DEFAULT_VOICE).speak(TEXT, "neutral")
    return np.concatenate([piece.samples for piece in pieces])


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--system", default="sdm")
    parser.add_argument("--seconds", type=int, nargs="+", default=[10, 300])
    asked = parser.parse_args()
    speaks = getattr(vivavoce.load(asked.system), "SPEAKS", False)
    once = spoken()
    with TemporaryDirectory() as folder:
        work = Path(folder)
        Image.fromarray(data.astronaut()).save(work / "portrait.png")
        for seconds in asked.seconds:
            said = work / ("said.txt" if speaks else "said.wav")
            if speaks:
                times = max(1, round(seconds * RATE / len(once)))
                said.write_text(" ".join([TEXT] * times), "utf-8")
            else:
                write_wav(said, np.resize(once, seconds * RATE))
            started = perf_counter()
            peak = peak_memory_gb(work / "portrait.png", said, work / "out.mp4", asked.system)
            print(f"{asked.system}: {seconds} s of speech, peak {peak:.3f} GB, "
                  f"{perf_counter() - started:.0f} s of work", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
