"""drawn, trained: `vivavoce train drawn --data CORPUS`.

| stage | learns | from |
|---|---|---|
| traits | sex, age, timbre and tract length of a voice | sound of the corpus's training people |

Sound is heard through other microphones, rooms and telephones than the corpus has: bands are lifted
and lowered, highs cut off, noise added, parts silenced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.data.shards import open_set
from vivavoce.errors import RequestError
from vivavoce.listen.heard_voice import HeardVoice
from vivavoce.listen.speaker_traits import (
    AGE_MIDDLE,
    AGE_SCALE,
    NUMBERS,
    PART,
    TRACT_SCALE,
    WINDOW_FRAMES,
    SpeakerTraitsNet,
    levelled,
    pitch_facts,
)
from vivavoce.systems.stage import Files, Optimiser, Run, Sample, Stage, Trainable, Turn
from vivavoce.types import MELS_PER_FRAME, Float


@dataclass(frozen=True)
class Clip:
    """What the network learns from one clip."""

    mel: Float
    """Log-mel [4 T, 80], see `levelled`."""
    heard: HeardVoice
    """Pitch of the clip."""
    female: float
    """1 for a woman's voice, else 0."""
    numbers: Float
    """Age, timbre and tract length [5], in the network's units."""


class DrawnTraining(Trainable):
    """The network that hears who speaks, as the trainer sees it."""

    system = "drawn"
    stages = (
        Stage("traits", {"sex": 1.0, "numbers": 1.0}, 4000, 32,
              {"traits": Optimiser(("traits",), 1e-3, weight_decay=2e-2, warmup=0.05,
                                   schedule="cosine", clip=1.0)},
              window=WINDOW_FRAMES, ema=0.995),
    )  # fmt: skip

    def __init__(self) -> None:
        self.traits = SpeakerTraitsNet()
        self.network = nn.ModuleDict({"traits": self.traits})
        self.clips: list[Clip] = []
        self.held_out: list[Clip] = []

    def check(self, stages: Sequence[Stage], run: Run) -> None:
        """Refuse to begin without a corpus."""
        if run.data is None:
            raise RequestError("drawn learns from a corpus: give its folder with --data.")

    def begin(self, stage: Stage, run: Run) -> None:
        """Hear all clips once."""
        self.clips = read_clips(str(run.data), "train")
        self.held_out = read_clips(str(run.data), "test")

    def draw(self, stage: Stage, rng: np.random.Generator) -> Sample:
        """Three seconds of a clip, or all of a shorter one, through another microphone."""
        clip = self.clips[int(rng.integers(len(self.clips)))]
        start = int(rng.integers(max(1, len(clip.heard.voiced) - stage.window + 1)))
        return sample(clip, start, stage.window) | {
            "mel": torch.from_numpy(disturbed(window(clip, start, stage.window), rng))
        }

    def losses(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
        """Cross entropy of the sex, Gaussian likelihood of the numbers."""
        sex, means, spreads = self.traits(batch["mel"], batch["pitch"])
        away = (batch["numbers"] - means) / spreads.exp()
        return {
            "sex": F.binary_cross_entropy_with_logits(sex, batch["female"]),
            "numbers": (0.5 * away.square() + spreads).mean(),
        }

    @torch.no_grad()
    def figures(self, stage: Stage) -> dict[str, float]:
        """How well the traits of people are heard who were never trained on."""
        if not self.held_out:
            return {}
        rows = [sample(clip, 0, stage.window) for clip in self.held_out]
        batch = {key: torch.stack([row[key] for row in rows]).to(self.device) for key in rows[0]}
        sex, means, _ = self.traits.eval()(batch["mel"], batch["pitch"])
        right = ((sex > 0) == (batch["female"] > 0.5)).float().mean()
        found = {"sex right, percent": 100 * float(right)}
        for i, name in enumerate(("age", "timbre 1", "timbre 2", "timbre 3", "tract")):
            pair = torch.stack([means[:, i], batch["numbers"][:, i]])
            found[f"correlation of {name}"] = float(torch.corrcoef(pair)[0, 1])
        return found

    def config(self) -> dict[str, Any]:
        """Nothing but the names: the sizes are those of the tensors."""
        return {"options": {}}

    def files(self, stage: Stage) -> Files:
        """The one file, in half precision."""
        weights = {k: v.half().contiguous() for k, v in self.traits.state_dict().items()}
        return {"traits.safetensors": (weights, {"part": PART})}


def read_clips(folder: str, split: str) -> list[Clip]:
    """The clips of a split of a corpus that hold a voice.

    Raises: RequestError: the set is no corpus: it does not say what people's voices are.
    """
    found = []
    for each in open_set(folder).samples(split, ("wav",)):
        about: Mapping[str, Any] = each.about.get("attributes", {})
        if not {"timbre", "tract", "age", "sex"} <= about.keys():
            raise RequestError(f"{folder} is no corpus: it does not say how voices were made.")
        assert each.samples is not None
        heard = HeardVoice(each.samples)
        if heard.voiced.sum() < 10:
            continue
        age = (about["age"] - AGE_MIDDLE) / AGE_SCALE
        tract = (about["tract"] - 1) / TRACT_SCALE
        numbers = np.array([age, *about["timbre"], tract], np.float32)
        assert len(numbers) == NUMBERS
        female = float(about["sex"] == "female")
        found.append(Clip(levelled(each.samples), heard, female, numbers))
    return found


def window(clip: Clip, start: int, frames: int) -> Float:
    """Log-mel [4 frames, 80] of a clip from frame `start` on, begun anew where it ends."""
    rows = MELS_PER_FRAME * frames
    mel = np.pad(clip.mel, ((0, max(0, rows - len(clip.mel))), (0, 0)), mode="wrap")
    at = min(MELS_PER_FRAME * start, len(mel) - rows)
    return mel[at : at + rows]


def sample(clip: Clip, start: int, frames: int) -> Sample:
    """A window of a clip as it is, with the truth."""
    return {
        "mel": torch.from_numpy(window(clip, start, frames)),
        "pitch": torch.from_numpy(pitch_facts(clip.heard, slice(start, start + frames))),
        "female": torch.tensor(clip.female),
        "numbers": torch.from_numpy(clip.numbers),
    }


def disturbed(mel: Float, rng: np.random.Generator) -> Float:
    """A log-mel [T, 80] as another microphone in another room would have it."""
    bands = np.interp(np.arange(80), np.linspace(0, 79, 6), rng.normal(0, 0.09, 6))
    mel = (mel + rng.uniform(-0.12, 0.12) * np.linspace(-1, 1, 80) + bands).astype(np.float32)
    if rng.random() < 0.4:  # a telephone, a codec
        high = (np.arange(80) >= int(rng.integers(40, 78))).astype(np.float32)
        mel = mel - rng.uniform(0.3, 1.2) * high
    # Noise of a colour of its own; in a tenth so loud that the pitch alone is left.
    colour = np.interp(np.arange(80), np.linspace(0, 79, 4), rng.normal(0, 0.2, 4))
    floor = rng.uniform(-1.0, 0.0) + colour + 0.6 * (rng.random() < 0.1)
    mel = np.logaddexp(6 * mel, 6 * (floor + 0.06 * rng.standard_normal(mel.shape))) / 6
    hole = int(rng.integers(0, len(mel) - 40))
    mel[hole : hole + int(rng.integers(0, 40))] = mel.min()
    return np.clip(mel, -1, 1.5).astype(np.float32)
