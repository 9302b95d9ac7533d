"""Fit `src/vivavoce/speak/natural/voice_space.npz` to the style vectors of Kokoro-82M.

    npm pack kokoro-js@1.2.1 && tar xzf kokoro-js-1.2.1.tgz
    python scripts/fit_voice_space.py package/voices

A style there is one vector of 256 numbers for each length of text, 1 to 510 symbols. Here it is a
polynomial of the length's logarithm, of degree 4: what that loses is printed. Left out: voices of
other languages, af_nicole, who whispers, and af_bella, who is hoarse in short sentences. The pitch
and the loudness of each voice are measured.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pyworld

from vivavoce.speak.natural.models import HZ, Tune, kokoro
from vivavoce.speak.natural.reading import read
from vivavoce.speak.natural.space import DEGREE, FILE, MOST, powers

LEFT_OUT = ("nicole", "bella")
SENTENCES = (
    "We leave tomorrow morning, so please be ready before the sun comes up.",
    "The old house by the river was sold to a young family last summer.",
    "My brother bought a big blue boat, and nobody in the village believes it will float.",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the folder `voices` of kokoro-js 1.2.1")
    files = sorted(parser.parse_args().folder.glob("[ab][fm]_*.bin"))
    files = [f for f in files if f.stem[3:] not in LEFT_OUT]
    styles = np.stack([np.fromfile(f, np.float32).reshape(MOST, 256) for f in files])
    basis = powers(np.arange(1, MOST + 1))
    curves, *_ = np.linalg.lstsq(basis, styles.transpose(1, 0, 2).reshape(MOST, -1), rcond=None)
    curves = curves.reshape(DEGREE + 1, len(files), 256).transpose(1, 0, 2)
    lost = ((styles - np.einsum("td,vdk->vtk", basis, curves)) ** 2).sum(2).mean()
    means = styles.mean(1)
    apart = ((means - means.mean(0)) ** 2).sum(1).mean()
    along = ((styles - means[:, None]) ** 2).sum(2).mean()
    print(f"{len(files)} voices; variance between {apart:.2f}, along length {along:.2f}")
    print(f"lost by the polynomials: {lost:.4f}")
    heard = [pitch_and_level(s, f.stem[0] == "b") for s, f in zip(styles, files, strict=True)]
    np.savez_compressed(
        FILE,
        names=np.array([f.stem[3:] for f in files]),
        british=np.array([f.stem[0] == "b" for f in files]),
        male=np.array([f.stem[1] == "m" for f in files]),
        curves=curves.astype(np.float32),
        middle_hz=np.array([pitch for pitch, _ in heard]),
        level=np.array([level for _, level in heard]),
    )
    print(f"{FILE}: {FILE.stat().st_size} bytes")


def pitch_and_level(style: np.ndarray, british: bool) -> tuple[float, float]:
    """Median pitch in Hz and root mean square of the voiced parts of a voice on `SENTENCES`."""
    pitches, powers_ = [], []
    for sentence in SENTENCES:
        (piece,) = read(sentence, british)
        sound, _ = kokoro().synthesize(piece.ids, style[len(piece.symbols) - 1], 150.0, Tune())
        pitch, at = pyworld.harvest(sound.astype(np.float64), HZ, 60, 400)
        places = (at[pitch > 0] * HZ).astype(int)
        pitches.append(pitch[pitch > 0])
        powers_.append(np.convolve(sound**2, np.full(240, 1 / 240), "same")[places])
    level = np.sqrt(np.mean(np.concatenate(powers_)))
    return float(np.median(np.concatenate(pitches))), float(level)


if __name__ == "__main__":
    main()
