"""Trains the content network: `vivavoce train portrait --stage content-1 --real FOLDER`, then 2, 3.

Labels come from three places: voices of espeak-ng (exact phones, 21 languages), recordings whose
licence allows it (words recognised and aligned by pocketsphinx, the sure ones kept), and GRID
(words known, aligned). Everything is made worse in many ways before it is heard. With a teacher (a
network trained before) its sure answers fill the gaps, other languages included (Xie et al.,
"Self-training with noisy student", 2020).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from vivavoce.data.layouts.grid import words_of_alignment, words_of_name
from vivavoce.listen.content import ContentModel, Leveler
from vivavoce.listen.mel import log_mel
from vivavoce.listen.sounds import CLASSES, CLOSED, INDEX, SILENCE, VOWELS, spans
from vivavoce.measure.align import align_phones
from vivavoce.nn.devices import cpu_copy
from vivavoce.speak import espeak
from vivavoce.speak.phones import phones_from_starts
from vivavoce.speak.pieces import finish_piece
from vivavoce.speak.text import Piece
from vivavoce.speak.voices import find_voice
from vivavoce.systems.stage import Files, Optimiser, Run, Sample, Stage, Trainable, Turn
from vivavoce.train.read.augment import coloured_noise, masked, other_voice, spoil
from vivavoce.train.read.manifest import real_folder, rows
from vivavoce.train.read.phrases import HELD_OUT, WORDS, draw_text
from vivavoce.types import HOP, MELS_PER_FRAME, RATE, Float, Phone, Speech

UNKNOWN = -1
"""The label of a frame that nobody is sure about; it is not trained on."""
SURE = 0.85
"""Recognised words with less confidence are unknown."""
TEACHER_SURE = 0.75
"""A teacher's answer with less probability is left out."""
TEST_PEOPLE = ("2033", "3005", "3331", "248", "7505", "english_male", "g2", "g7", "andrew")
"""Speakers (as in file names or the manifest's `person=`) that are kept for the test."""
TEST_GRID = 20
"""Number of GRID clips of which one is kept for the test."""
VARIANTS = (
    "", "", "f1", "f2", "f3", "f4", "f5", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "klatt",
    "klatt2", "klatt4", "Annie", "Andrea", "steph", "linda", "belinda", "Alicia", "Gene", "Lee",
    "Denis", "Diogo", "max", "john", "paul", "rob", "travis", "ed", "adam", "boris", "grandma",
)  # fmt: skip
"""Timbres of espeak-ng that sound like people."""


@dataclass(frozen=True)
class Clip:
    """Sound with a label every 10 ms."""

    sound: Float
    """Sound [n] in [-1, 1] at 16 kHz."""
    labels: np.ndarray
    """Labels [n // 160] int8: a sound class each, or `UNKNOWN`."""
    source: str
    """Where it comes from: "voice" (synthetic), "real" or "grid"."""
    name: str
    """Name of the file, or the language of a synthetic voice."""
    test: bool
    """Whether it is only tested on."""


@dataclass(frozen=True)
class Plan:
    """What one round hears; its stage says how long and how fast it learns."""

    voices: int = 2_400
    """Number of synthetic utterances that are made."""
    copies: dict[str, int] = field(default_factory=lambda: {"voice": 2, "real": 8, "grid": 2})
    """Source → how often each of its clips is spoilt anew."""
    share: dict[str, float] = field(
        default_factory=lambda: {"voice": 0.45, "real": 0.42, "grid": 0.13}
    )
    """Source → its share of a batch; GRID's is small, as it is one speaker with 51 words."""


def _round(number: int, steps: int, rate: float) -> Stage:
    adam = Optimiser(
        trains=("content",), lr=rate, weight_decay=0.01, schedule="one-cycle", warmup=0.1, clip=2.0
    )
    return Stage(
        f"content-{number}",
        losses={"sounds": 1.0},
        steps=steps,
        batch=16,
        optimisers={"content": adam},
        window=75,
    )


ROUNDS = (_round(1, 5000, 2e-3), _round(2, 2500, 1e-3), _round(3, 3500, 1.5e-3))
"""The three rounds; from the second on, sure answers of the round before label what nobody did."""
_MORE_REAL = {"voice": 1, "real": 6, "grid": 1}
PLANS = {
    "content-1": Plan(),
    "content-2": Plan(copies=_MORE_REAL, share={"voice": 0.35, "real": 0.5, "grid": 0.15}),
    "content-3": Plan(copies=_MORE_REAL, share={"voice": 0.5, "real": 0.38, "grid": 0.12}),
}
"""Stage of a round → what it hears."""


def label_rows(phones: tuple[Phone, ...], count: int) -> np.ndarray:
    """The class in the middle of each of `count` frames of 10 ms; "?" is unknown."""
    labels = np.full(count, SILENCE, np.int8)
    for start, end, index in spans(p for p in phones if p.symbol != "?"):
        labels[round(start * 100) : max(round(end * 100), 0)] = index
    for phone in phones:
        if phone.symbol == "?":
            labels[round(phone.start_s * 100) : round(phone.end_s * 100)] = UNKNOWN
    return labels


# ---------------------------------------------------------------- where clips come from


def synthetic_clips(count: int, seed: int) -> Iterator[Clip]:
    """`count` utterances in many languages, timbres, heights and speeds; a tenth for the test."""
    rng = np.random.default_rng(seed)
    seen = [language for language in WORDS if language not in HELD_OUT]
    for i in range(count):
        test = i % 12 == 0
        language = str(rng.choice(HELD_OUT if test and i % 24 == 0 else seen))
        if rng.random() < 0.3 and language not in HELD_OUT:
            language = str(rng.choice(["en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp"]))
        yield _speak(language, test, rng)


def _speak(language: str, test: bool, rng: np.random.Generator) -> Clip:
    prosody = espeak.Prosody(
        rate=int(rng.integers(110, 240)),
        pitch=int(rng.integers(15, 90)),
        range=int(rng.integers(20, 90)),
    )
    entry = next(e for e in espeak.entries() if e.name == find_voice(language).language)
    variant = str(rng.choice(VARIANTS))
    text = draw_text(language if language in WORDS else "en-us", rng)
    voice = entry.file + (f"+{variant}" if variant else "")
    sound, starts, rate = espeak.synthesize(text, voice, prosody)
    phones = phones_from_starts(starts, sound, rate)
    speech = finish_piece(Piece(text, float(rng.uniform(0, 0.6))), sound, rate, phones)
    before = int(rng.uniform(0, 0.6) * 100) * HOP
    samples = np.concatenate([np.zeros(before, np.float32), speech.samples])
    labels = label_rows(speech.phones or (), len(speech.samples) // HOP)
    labels = np.concatenate([np.full(before // HOP, SILENCE, np.int8), labels])
    return Clip(samples, labels, "voice", language, test)


def real_clips(real: Path) -> Iterator[Clip]:
    """Recordings that a shipped checkpoint may be trained on, with what is sure of them."""
    grid = 0
    for row in rows(real):
        path = real / row.file
        if path.suffix not in (".wav", ".flac", ".mp3", ".mp4"):
            continue
        if row.folder == "grid_s1":
            grid += 1
            words = words_of_alignment(path.with_suffix(".align").read_text())
            yield from _aligned(path, "grid", grid % TEST_GRID == 0, words)
        elif row.folder in ("audio", "video") and not row.person.startswith("grid"):
            test = row.person in TEST_PEOPLE or any(f"_{who}" in path.stem for who in TEST_PEOPLE)
            known = words_of_name(path.name) if "GRID command" in row.notes else None
            english = "language en;" in row.notes and "SINGING" not in row.notes
            yield from _aligned(path, "real", test, known, english)


def _aligned(
    path: Path, source: str, test: bool, text: str | None, english: bool = True
) -> Iterator[Clip]:
    """A recording in parts of at most 20 s with labels where the words are sure."""
    from vivavoce.media.read import read_speech

    sound = np.concatenate([piece.samples for piece in read_speech(path)])
    for part in np.array_split(sound, max(1, -(-len(sound) // (20 * RATE)))):
        phones: tuple[Phone, ...] = (Phone("?", 0, len(part) / RATE),)
        if english:
            phones = align_phones(Speech(part, text=text), SURE)
        labels = label_rows(phones, len(part) // HOP)
        yield Clip(part, labels, source, path.stem, test)


# ---------------------------------------------------------------- what the network is given


@dataclass
class Example:
    """Levelled log-mel rows with their labels."""

    rows: np.ndarray
    """Levelled log-mel rows [T, 80] in float16."""
    labels: np.ndarray
    """Labels [T] int8, as of `Clip`."""
    source: str
    name: str
    test: bool


def hear(sound: Float, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sound [n] and labels as the network gets them, of equal length."""
    rows = Leveler()(log_mel(sound))
    count = min(len(rows), len(labels))
    return rows[:count].astype(np.float16), labels[:count]


def examples(clips: list[Clip], plan: Plan, seed: int) -> Iterator[Example]:
    """Every clip as it is (test) or spoilt `plan.copies` times (training); and noise alone."""
    rng = np.random.default_rng(seed)
    for clip in clips:
        if (clip.labels != UNKNOWN).mean() < 0.3:
            continue
        for copy in range(1 if clip.test else plan.copies[clip.source]):
            sound, labels = clip.sound, clip.labels
            if not clip.test:
                if copy % 4 != 0:
                    sound, labels = other_voice(sound, labels, rng)
                other = clips[int(rng.integers(len(clips)))].sound
                sound = spoil(sound, other, rng)
            yield Example(*hear(sound, labels), clip.source, clip.name, clip.test)
    for _ in range(len(clips) // 30):
        sound = spoil(coloured_noise(5 * RATE, rng), np.zeros(0, np.float32), rng)
        labels = np.full(500, SILENCE, np.int8)
        yield Example(*hear(sound, labels), "voice", "noise", False)


def filled(clip: Clip, teacher: ContentModel) -> Clip:
    """The clip with the teacher's sure answers where nobody was sure; test clips stay."""
    if clip.test or UNKNOWN not in clip.labels:
        return clip
    rows, labels = hear(clip.sound, clip.labels)
    chances = _chances(teacher, rows)
    answer = np.where(chances.max(1) >= TEACHER_SURE, chances.argmax(1), UNKNOWN)
    labels = labels[: len(answer)]
    labels = np.where(labels == UNKNOWN, answer, labels).astype(np.int8)
    return replace(clip, sound=clip.sound[: len(labels) * HOP], labels=labels)


def prepare(real: Path, voices: int, seed: int, cache: Path) -> list[Clip]:
    """The clips, from `cache` if it is there; gathered and written to it otherwise."""
    if not cache.is_file():
        made = [*synthetic_clips(voices, seed), *real_clips(real)]
        np.savez(
            cache,
            sound=np.concatenate([(c.sound * 32767).astype(np.int16) for c in made]),
            labels=np.concatenate([c.labels for c in made]),
            lengths=[[len(c.sound), len(c.labels)] for c in made],
            names=[f"{c.source}|{c.name}|{int(c.test)}" for c in made],
        )
    with np.load(cache) as file:
        ends = np.cumsum(file["lengths"], 0)[:-1]
        sounds = np.split(file["sound"], ends[:, 0])
        labels = np.split(file["labels"], ends[:, 1])
        split = [name.split("|") for name in file["names"]]
    return [
        Clip(x.astype(np.float32) / 32767, y, source, name, test == "1")
        for x, y, (source, name, test) in zip(sounds, labels, split, strict=True)
    ]


# ---------------------------------------------------------------- training


class Crops:
    """Random crops, with a fixed share from each source."""

    def __init__(self, train: list[Example], plan: Plan) -> None:
        pool = {s: [e for e in train if e.source == s] for s in plan.share}
        self._pool = {s: found for s, found in pool.items() if found}
        share = np.array([plan.share[s] for s in self._pool])
        self._share = share / share.sum()
        self._ends = {s: np.cumsum([len(e.labels) for e in p]) for s, p in self._pool.items()}

    def draw(self, count: int, rng: np.random.Generator) -> tuple[Float, np.ndarray]:
        """Rows [T, 80] and labels [T] with T = `count`; after a clip's end comes unlabelled
        silence."""
        source = list(self._pool)[rng.choice(len(self._pool), p=self._share)]
        ends = self._ends[source]
        example = self._pool[source][np.searchsorted(ends, rng.integers(ends[-1]), "right")]
        start = 2 * int(rng.integers(0, max(len(example.labels) - count, 0) // 2 + 1))
        part = slice(start, start + count)
        rows, labels = np.full((count, 80), -1, np.float32), np.full(count, UNKNOWN, np.int64)
        have = len(example.labels[part])
        rows[:have] = masked(example.rows[part].astype(np.float32), rng)
        labels[:have] = example.labels[part]
        return rows, labels


def class_weights(train: list[Example]) -> Tensor:
    """Rare sounds count more (frequency to the power -0.35), closures twice as much."""
    counts = np.ones(len(CLASSES))
    for example in train:
        sure = example.labels[example.labels >= 0]
        counts += np.bincount(sure, minlength=len(CLASSES))
    weights = (counts / counts.sum()) ** -0.35
    weights[CLOSED] *= 2
    return torch.tensor(weights / weights.mean(), dtype=torch.float32)


class ContentTraining(Trainable):
    """Training of the content network, in three rounds."""

    system = "portrait"
    stages = ROUNDS

    def __init__(self) -> None:
        self.model = ContentModel()
        self.network = nn.ModuleDict({"content": self.model})

    def begin(self, stage: Stage, run: Run) -> None:
        """Gather the clips of the round, or read them again; make them worse in many ways."""
        number, plan = int(stage.name[-1]), PLANS[stage.name]
        seed = run.seed + number
        clips = prepare(real_folder(run), plan.voices, seed, run.scratch / f"{stage.name}.npz")
        if number > 1:
            file = run.scratch / f"{stage.name}-teacher.safetensors"
            if not run.resumed:
                cpu_copy(self.model).save(file)
            teacher = ContentModel.load(file)
            clips = [filled(clip, teacher) for clip in clips]
        self.made = list(examples(clips, plan, seed))
        train = [e for e in self.made if not e.test]
        self.crops, self.weights = Crops(train, plan), class_weights(train)

    def draw(self, stage: Stage, rng: np.random.Generator) -> Sample:
        """Levelled log-mel rows [T, 80] with labels [T] at 100 a second."""
        rows, labels = self.crops.draw(stage.window * MELS_PER_FRAME, rng)
        return {"rows": torch.from_numpy(rows), "labels": torch.from_numpy(labels)}

    def losses(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
        """Cross-entropy of the sound classes where the label is known."""
        logits = self.model(batch["rows"]).transpose(1, 2)  # [B, T, C] -> [B, C, T]
        weights = self.weights.to(logits.device)
        return {
            "sounds": nn.functional.cross_entropy(
                logits, batch["labels"], weights, ignore_index=UNKNOWN, label_smoothing=0.05
            )
        }

    def figures(self, stage: Stage) -> dict[str, float]:
        """On people, files and languages that were not trained on, see `figures`."""
        return figures(cpu_copy(self.model), self.made)

    def files(self, stage: Stage) -> Files:
        """The file content.safetensors, which `ContentModel.load` reads."""
        return {"content.safetensors": self.model.packed()}


def figures(model: ContentModel, made: list[Example]) -> dict[str, float]:
    """How well the test examples are heard, by source; shares in [0, 1], higher is better.

    `accuracy`: frames of 10 ms with the right class; `closure_recall` and `closure_precision`: of
    frames of p, b, m; `closure_found`: p, b, m of which some frame is heard as such; `silence`:
    frames of silence; `vowel`: frames of vowels heard as some vowel.
    """
    result: dict[str, float] = {}
    for source in ("voice", "real", "grid"):
        chosen = [e for e in made if e.test and e.source == source]
        if not chosen:
            continue
        heard = np.concatenate([_chances(model, e.rows).argmax(1) for e in chosen])
        true = np.concatenate([e.labels[: len(e.labels) // 2 * 2] for e in chosen])
        sure = true != UNKNOWN
        closed, said = true == CLOSED, heard == CLOSED
        vowel = np.isin(true, VOWELS)
        result |= {
            f"{source}_accuracy": (heard == true)[sure].mean(),
            f"{source}_closure_recall": said[closed].mean(),
            f"{source}_closure_precision": closed[said & sure].mean(),
            f"{source}_closure_found": _found(closed, said),
            f"{source}_silence": (heard == SILENCE)[true == SILENCE].mean(),
            f"{source}_vowel": np.isin(heard, VOWELS)[vowel].mean(),
            f"{source}_open_vowel": np.isin(heard, VOWELS)[true == INDEX["a"]].mean(),
        }
    return {key: round(float(value), 3) for key, value in result.items()}


@torch.inference_mode()
def _chances(model: ContentModel, rows: np.ndarray) -> np.ndarray:
    """Class probabilities [T, C] of rows [T or T + 1, 80], T even."""
    even = torch.from_numpy(rows[: len(rows) // 2 * 2].astype(np.float32))
    return torch.softmax(model(even[None])[0], 1).numpy()


def _found(true: np.ndarray, said: np.ndarray) -> float:
    """The share of runs of `true` in which `said` is true somewhere."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], true.astype(int), [0]])))
    runs = list(zip(edges[::2], edges[1::2], strict=True))
    return float(np.mean([said[a:b].any() for a, b in runs])) if runs else 1.0
