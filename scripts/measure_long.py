"""Peak memory of five minutes: a text through ttsf, a recording through sdm.

    python scripts/measure_long.py SYSTEM [--minutes 5] [--size 512]

SYSTEM is ttsf, sdm, or a checkpoint folder of one of them. The command line makes the clip in a
process of its own and writes it to a real file; its largest resident memory is what the operating
system counted. Ends with 1 if that is over 1.5 GB.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import vivavoce
from bench_systems import astronaut
from vivavoce.media.provenance import Provenance
from vivavoce.media.sound import write_sound
from vivavoce.media.clock import Clock
from vivavoce.systems.spoken import spoken

MOST_GB = 1.5
WORDS_A_MINUTE = 220
"""As the embedded voice speaks this text."""
TEXT = (
    "The old harbour lies quiet at this hour. A few boats come in with the tide, and the women on "
    "the quay call their prices to nobody in particular. By noon all of it will be sold. "
)


def long_text(minutes: float) -> str:
    """Sentences for about so many minutes."""
    return TEXT * round(minutes * WORDS_A_MINUTE / len(TEXT.split()))


def recorded(text: str, path: Path) -> Path:
    """The text, said by the embedded voice, as a file."""
    said, _ = spoken(text, None, "en-us", "neutral", Clock())
    write_sound(path, said, Provenance("voice"), force=True)
    return path


def main() -> None:
    """Make the clip and say what it took."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("system")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--size", default="512")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        words = folder / "text.txt"
        words.write_text(long_text(options.minutes))
        given = ["--text-file", str(words)]
        if not vivavoce.load(options.system).SPEAKS:
            given = ["--speech", str(recorded(words.read_text(), folder / "speech.wav"))]
        line = [sys.executable, "-m", "vivavoce.cli", "speak", str(astronaut(folder)), *given,
                "--system", options.system, "--size", options.size, "--json",
                "-o", str(folder / "it.mp4")]  # fmt: skip
        started = perf_counter()
        done = subprocess.run(line, check=True, capture_output=True, text=True)
        taken = perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9
    seconds = json.loads(done.stdout)["seconds"]
    print(f"{options.system}: {seconds:.0f} s of video, {peak:.2f} GB at most, {taken:.0f} s")
    sys.exit(peak > MOST_GB)


if __name__ == "__main__":
    main()
