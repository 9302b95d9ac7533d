"""What the voice half of STFM learns from: a clip whose words are known, and another sample of the
same voice."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from vivavoce.data.shards import open_set
from vivavoce.errors import RequestError
from vivavoce.speak.hifigan import MIDDLE, SPREAD
from vivavoce.systems.stage import Run, Sample
from vivavoce.systems.stfm.fronts import fitted, heard
from vivavoce.systems.stfm.script import bare
from vivavoce.systems.stfm.settings import StfmSettings
from vivavoce.train.read.windows import Clip, Windows
from vivavoce.train.ttsf.script import script_of
from vivavoce.train.ttsf.vocoder import pitch_of
from vivavoce.types import RATE, Float

LONGEST = 150
"""Frames of the longest clip that is learnt from, 6 s; longer ones are left out."""
GAIN_DB = 6.0
"""Voice samples are made louder or softer by up to this, so that loudness tells nothing."""
TRIES = 200
"""How many clips are drawn until one can be used."""


class Talks:
    """Clips of a split, of people with a second clip."""

    def __init__(self, run: Run, split: str, settings: StfmSettings) -> None:
        """Raises: RequestError: no data was given, or no clip of it can be used."""
        if run.data is None:
            raise RequestError("STFM learns from talking clips: give shards with --data.")
        shards = open_set(run.data)
        self.settings, self.splits = settings, shards.splits
        self.windows = Windows(shards, split, 1, ("wav",))
        about = self.windows.about
        several = {p for p, own in self.windows.people.items() if len(own) > 1}
        self.numbers = [
            n for n, a in enumerate(about) if a["frames"] <= LONGEST and str(a["person"]) in several
        ]
        if not self.numbers:
            raise RequestError(
                f"No clip of {run.data} ({split}) can teach a voice: it needs clips of at most "
                f"{LONGEST / 25:g} s, two or more of each person."
            )
        self._pitches: dict[int, tuple[Float, Float]] = {}

    def draw(self, rng: np.random.Generator) -> Sample:
        """A clip's spectrogram, pitch and tokens, and two samples of the same voice elsewhere.

        Raises: RequestError: no clip says what is spoken in it.
        """
        for _ in range(TRIES):
            number = self.numbers[int(rng.integers(len(self.numbers)))]
            found = self.target(number)
            if found is not None:
                return found | self._samples(number, rng)
        raise RequestError(
            f"None of {TRIES} clips says what is spoken in it: prepare a set with texts or words."
        )

    def _samples(self, number: int, rng: np.random.Generator) -> Sample:
        own = self.windows.people[str(self.windows.about[number]["person"])]
        others = [n for n in own if n != number]
        found: Sample = {}
        for name in ("one", "two"):
            chosen = self.windows.clip(others[int(rng.integers(len(others)))])
            fed = sample_of(chosen, self.settings, rng)
            found |= {f"{name} {k}": v for k, v in fed.items()}
        return found

    def target(self, number: int) -> Sample | None:
        """Spectrogram [4 T, 80], pitch and tokens of a clip; None: its words are not known."""
        script = script_of(self.windows.about[number], str(number))
        if script is None:
            return None
        clip = self.windows.clip(number)
        octaves, voiced = self._pitch(number, clip)
        return {
            "mel": torch.from_numpy((clip.mel - MIDDLE) / SPREAD),
            "octaves": torch.from_numpy(octaves),
            "voiced": torch.from_numpy(voiced),
            "ids": torch.from_numpy(bare(script.tokens).copy()),
            "spelt": torch.from_numpy(script.tokens.ids),
        }

    def _pitch(self, number: int, clip: Clip) -> tuple[Float, Float]:
        if number not in self._pitches:
            assert clip.sample.samples is not None
            self._pitches[number] = pitch_of(clip.sample.samples)
        return self._pitches[number]


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
