"""How well the voice that a system makes for pictures of a folder is understood, and how it sounds.

    python scripts/voice_on_pictures.py FOLDER SYSTEM [SYSTEM ...] --every 4 --most 8
    python scripts/voice_on_pictures.py FOLDER ttsf --copy CORPUS   # its vocoder on true mels, too

Each picture says one of the eight texts of `vivavoce bounds`, in turn. Prints Markdown: words wrong
in percent by Whisper tiny.en, and the median of DistillMOS (1 to 5). With --copy, also that of
clips of a corpus's test split, and of what the vocoder makes of their mels.
"""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path

import jiwer
import numpy as np
import torch

import vivavoce
from vivavoce.data.shards import open_set
from vivavoce.listen.mel import log_mel
from vivavoce.measure.bounds.cases import SENTENCES
from vivavoce.measure.judges import load_judge
from vivavoce.measure.metrics.words import normalised

COPIED = 16
"""Clips of a corpus whose mels are given to the vocoder."""


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("systems", nargs="+")
    parser.add_argument("--every", type=int, default=1, help="every nth picture alone")
    parser.add_argument("--most", type=int, default=10**6, help="so many pictures at most")
    parser.add_argument("--copy", type=Path, help="a corpus whose mels the vocoder is given")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    pictures = sorted(p for p in asked.folder.iterdir() if p.is_file())
    pictures = pictures[:: asked.every][: asked.most]
    words, naturalness = load_judge("words"), load_judge("naturalness")
    print(f"| | pictures | words wrong, %, by {words.name} | DistillMOS |\n|---|---|---|---|")
    for name in asked.systems:
        system, meant, heard, marks = vivavoce.load(name), [], [], []
        for i, picture in enumerate(pictures):
            text = SENTENCES[i % len(SENTENCES)]
            sound = np.concatenate([piece.samples for piece in system.voice(picture, text)])
            meant.append(normalised(text))
            heard.append(normalised(words.text(sound)))
            marks.append(naturalness.opinion(sound))
        wrong = 100 * jiwer.wer(meant, heard)
        print(f"| {name} | {len(marks)} | {wrong:.1f} | {np.median(marks):.2f} |", flush=True)
        if asked.copy:
            copied(system.net.vocoder, asked.copy)  # type: ignore[attr-defined]


def copied(vocoder: torch.nn.Module, corpus: Path) -> None:
    """A line on what the vocoder makes of true mels."""
    naturalness, true, made = load_judge("naturalness"), [], []
    for clip in islice(open_set(corpus).samples("test", ("wav",)), COPIED):
        true.append(naturalness.opinion(clip.samples))
        with torch.no_grad():
            sound = vocoder(torch.from_numpy(log_mel(clip.samples))[None])[0].clamp(-1, 1).numpy()
        made.append(naturalness.opinion(sound))
    print(f"true mels: {np.median(made):.2f}, the clips themselves {np.median(true):.2f}")


if __name__ == "__main__":
    main()
