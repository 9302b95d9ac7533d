"""What the voice half of STFM learns from: a clip whose words are known, and another sample of the
same voice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from vivavoce.data.shards import open_set
from vivavoce.errors import RequestError
from vivavoce.speak.hifigan import MIDDLE, SPREAD
from vivavoce.systems.stage import Run, Sample
from vivavoce.systems.stfm.fronts import fitted, heard
from vivavoce.systems.stfm.script import Script, lengths_of, script_of
from vivavoce.systems.stfm.settings import StfmSettings
from vivavoce.train.read.windows import Clip, Windows
from vivavoce.train.ttsf.vocoder import pitch_of
from vivavoce.types import MELS_PER_FRAME, RATE, Float

LONGEST = 150
"""Frames of the longest clip that is learnt from, 6 s; longer ones are left out."""
GAIN_DB = 6.0
"""Voice samples are made louder or softer by up to this, so that loudness tells nothing."""
TRIES = 200
"""How many clips are drawn until one can be used."""


class Talks:
    """Clips of a split that say what is spoken in them, of people with a second clip."""

    def __init__(self, run: Run, split: str, settings: StfmSettings) -> None:
        """Raises: RequestError: no data was given, or no clip of it can be used."""
        if run.data is None:
            raise RequestError("STFM learns from talking clips: give shards with --data.")
        shards = open_set(run.data)
        self.settings, self.splits = settings, shards.splits
        self.windows = Windows(shards, split, 1, ("wav",))
        about = self.windows.about
        usable = [n for n, a in enumerate(about) if a.get("phones") and a["frames"] <= LONGEST]
        several = {p for p, own in self.windows.people.items() if len(own) > 1}
        self.numbers = [n for n in usable if str(about[n]["person"]) in several]
        if not self.numbers:
            raise RequestError(
                f"No clip of {run.data} ({split}) can teach a voice: it needs phones with times, "
                f"at most {LONGEST / 25:g} s, and a second clip of the same person."
            )
        self._pitches: dict[int, tuple[Float, Float]] = {}

    def draw(self, rng: np.random.Generator) -> Sample:
        """A clip's spectrogram, pitch and tokens, and two samples of the same voice elsewhere."""
        number = self.numbers[int(rng.integers(len(self.numbers)))]
        clip = self.windows.clip(number)
        others = [n for n in self.windows.people[str(clip.sample.about["person"])] if n != number]
        found = self.target(number)
        for name in ("one", "two"):
            chosen = self.windows.clip(others[int(rng.integers(len(others)))])
            found |= {f"{name} {k}": v for k, v in sample_of(chosen, self.settings, rng).items()}
        return found

    def target(self, number: int) -> Sample:
        """Spectrogram rows [4 T, 82] and tokens of a clip."""
        clip = self.windows.clip(number)
        script, lengths = said_in(clip.sample.about)
        octaves, voiced = self._pitch(number, clip)
        return {
            "mel": torch.from_numpy((clip.mel - MIDDLE) / SPREAD),
            "octaves": torch.from_numpy(octaves),
            "voiced": torch.from_numpy(voiced),
            "ids": torch.tensor(script.ids),
            "lengths": torch.tensor(lengths),
        }

    def _pitch(self, number: int, clip: Clip) -> tuple[Float, Float]:
        if number not in self._pitches:
            assert clip.sample.samples is not None
            self._pitches[number] = pitch_of(clip.sample.samples)
        return self._pitches[number]


def said_in(about: Mapping[str, Any]) -> tuple[Script, list[int]]:
    """The tokens of a clip whose phones are known, and the mel frames of each."""
    phones = about["phones"]
    script = script_of([p[0] for p in phones])
    frames = MELS_PER_FRAME * int(about["frames"])
    return script, lengths_of(script, [p[2] for p in phones], frames, 100)


def sample_of(clip: Clip, settings: StfmSettings, rng: np.random.Generator) -> dict[str, Tensor]:
    """What the front ends hear of some two seconds of a clip, at some loudness."""
    samples = clip.sample.samples
    assert samples is not None
    spare = len(samples) - round(settings.reference_s * RATE)
    part = fitted(samples, settings.reference_s, int(rng.integers(max(spare, 0) + 1)))
    gain = 10 ** (rng.uniform(-GAIN_DB, GAIN_DB) / 20)
    fed = heard((gain * part).astype(np.float32), settings)
    return {name: torch.from_numpy(track) for name, track in fed.items()}


def coded(mel: Tensor, octaves: Tensor, voiced: Tensor) -> Tensor:
    """The rows [B, T, 82] that are coded: mel bands less their mean, octaves less the voice's
    middle, voicing as -1 or 1; so that codes say what is spoken, and not by whom.

    `mel` [B, T, 80] is normalised; it, `octaves` and `voiced` [B, T] are padded with NaN.
    """
    real = ~octaves.isnan()
    count = real.sum(1)[:, None]
    mel, octaves, voiced = (x.nan_to_num() for x in (mel, octaves, voiced))
    mean = mel.sum(1) / count
    middle = (octaves * voiced).sum(1) / voiced.sum(1).clamp(min=1)
    rows = torch.cat([
        mel - mean[:, None], (octaves - middle[:, None])[..., None], 2 * voiced[..., None] - 1
    ], -1)  # fmt: skip
    return rows * real[..., None]


def together(samples: list[Sample]) -> Sample:
    """A batch: clips of several lengths are filled up, spectrograms with NaN, tokens with 0."""
    names = samples[0].keys()
    filled = {"mel": torch.nan, "octaves": torch.nan, "voiced": torch.nan}
    return {n: pad_sequence([s[n] for s in samples], True, filled.get(n, 0)) for n in names} | {
        "tokens": torch.tensor([len(s["ids"]) for s in samples])
    }
