"""What stages with pictures learn from: a stretch of a clip whose words are known, with sixteen of
its frames, a picture of the same person, and a sample of the same voice from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vivavoce.data.shards import open_set
from vivavoce.errors import RequestError
from vivavoce.nn.pictures import as_tensor
from vivavoce.systems.stage import Run, Sample
from vivavoce.systems.stfm.fronts import fitted, heard, masks_of
from vivavoce.systems.stfm.official import face_embedding
from vivavoce.systems.stfm.script import Reader, bare
from vivavoce.systems.stfm.settings import StfmSettings
from vivavoce.train.read.square import Sight
from vivavoce.train.read.windows import Clip, Windows
from vivavoce.train.ttsf.script import script_of
from vivavoce.train.ttsf.vocoder import pitch_of
from vivavoce.types import FPS, MELS_PER_FRAME, RATE, SAMPLES_PER_FRAME, Float

CROP = "portrait"
"""What of the pictures the network sees, as in use."""
LONGEST = 150
"""Most frames of the stretch that GPT-2 reads, 6 s; a longer clip is cut about the segment."""
BESIDE = 12
"""Frames of sound on each side of the segment that its semantic features are made with."""
TRIES = 200
"""How many clips are drawn until one can be used."""


class Scenes:
    """Clips of a split with pictures, sound, points and words."""

    def __init__(self, run: Run, split: str, settings: StfmSettings, reader: Reader) -> None:
        """Raises: RequestError: no data was given, or no clip of it is long enough."""
        if run.data is None:
            raise RequestError("STFM learns from talking clips: give shards with --data.")
        self.settings, self.reader = settings, reader
        self.least = settings.frames + settings.motion_frames
        self.windows = Windows(open_set(run.data), split, self.least, ("wav", "frames", "tracks"))

    def draw(self, rng: np.random.Generator) -> Sample:
        """One scene, as tensors.

        Raises: RequestError: no clip was found that says its words and has a voice elsewhere.
        """
        for _ in range(TRIES):
            number = int(rng.integers(len(self.windows)))
            found = self._of(number, rng)
            if found is not None:
                return found
        raise RequestError(
            f"None of {TRIES} clips says what is spoken in it and has {self.settings.reference_s:g}"
            " s of the same voice outside the segment: prepare a set with words and longer clips."
        )

    def _of(self, number: int, rng: np.random.Generator) -> Sample | None:
        s, clip = self.settings, self.windows.clip(number)
        total = int(clip.sample.about["frames"])
        first = s.motion_frames + int(rng.integers(total - self.least + 1))
        sample = self._reference(number, first, rng)
        stretch = stretch_about(first, s.frames, total)
        words = self._words(clip.sample.about, stretch)
        if sample is None or words is None:
            return None
        found = {f"sample {k}": torch.from_numpy(v) for k, v in heard(sample, s).items()}
        found |= words | self._sounds(clip, stretch, first) | self._pictures(clip, first, rng)
        return found | {"first": torch.tensor(first - stretch[0])}

    def _reference(self, number: int, first: int, rng: np.random.Generator) -> Float | None:
        """Two seconds of the same voice that do not overlap the segment: of another clip, or of
        this one outside of it; None: there are none."""
        s = self.settings
        own = self.windows.people[str(self.windows.about[number]["person"])]
        others = [n for n in own if n != number]
        if others:
            chosen = self.windows.clip(others[int(rng.integers(len(others)))])
            spare = len(_samples(chosen)) - round(s.reference_s * RATE)
            return fitted(_samples(chosen), s.reference_s, int(rng.integers(max(spare, 0) + 1)))
        samples = _samples(self.windows.clip(number))
        free = reference_places(len(samples), first, s)
        return (
            None if not free else fitted(samples, s.reference_s, free[int(rng.integers(len(free)))])
        )

    def _words(self, about: Mapping[str, Any], stretch: tuple[int, int]) -> Sample | None:
        """Tokens of what is said in the stretch; None: that is not known."""
        if self.settings.guide:
            whole = stretch == (0, int(about["frames"]))
            script = script_of(about, "a clip") if whole else None
            if script is None:
                return None
            spelt = torch.from_numpy(script.tokens.ids)
            return {"ids": torch.from_numpy(bare(script.tokens).copy()), "spelt": spelt}
        start, end = (frame / FPS for frame in stretch)
        if "words" in about:
            text = " ".join(w for w, a, b in about["words"] if start <= (a + b) / 2 < end)
        else:
            text = str(about.get("text") or "") if stretch == (0, int(about["frames"])) else ""
        if not text.strip():
            return None
        ids = self.reader(text).ids
        return {"ids": torch.tensor(ids)} if len(ids) <= self.settings.piece + 2 else None

    def _sounds(self, clip: Clip, stretch: tuple[int, int], first: int) -> Sample:
        samples = _samples(clip)
        part = samples[stretch[0] * SAMPLES_PER_FRAME : stretch[1] * SAMPLES_PER_FRAME]
        found: Sample = {"sound": torch.from_numpy(np.ascontiguousarray(part))}
        around = np.pad(samples, BESIDE * SAMPLES_PER_FRAME)
        count = self.settings.frames + 2 * BESIDE
        around = around[first * SAMPLES_PER_FRAME : (first + count) * SAMPLES_PER_FRAME]
        found |= {
            f"around {k}": torch.from_numpy(v) for k, v in heard(around, self.settings).items()
        }
        if self.settings.guide:
            rows = slice(stretch[0] * MELS_PER_FRAME, stretch[1] * MELS_PER_FRAME)
            octaves, voiced = pitch_of(samples)
            for name, track in (("mel", clip.mel), ("octaves", octaves), ("voiced", voiced)):
                found[name] = torch.from_numpy(np.ascontiguousarray(track[rows]))
        return found

    def _pictures(self, clip: Clip, first: int, rng: np.random.Generator) -> Sample:
        """A source picture from outside the segment where there is one, its masks and embedding,
        and the motion frames and new frames."""
        s = self.settings
        total = int(clip.sample.about["frames"])
        outside = [n for n in range(total) if not first - s.motion_frames <= n < first + s.frames]
        source = outside[int(rng.integers(len(outside)))] if outside else 0
        sight = Sight.of(clip, source, s.size, CROP)
        picture, points = sight.pictures([source])[0], sight.points([source])[0]
        lips, head = masks_of(points, s.size)
        frames = range(first - s.motion_frames, first + s.frames)
        return {
            "source": as_tensor(picture[None])[0],
            "lips": torch.from_numpy(lips), "head": torch.from_numpy(head),
            "face": torch.from_numpy(np.asarray(face_embedding(picture, points, s), np.float32)),
            "frames": as_tensor(sight.pictures(list(frames))),
        }  # fmt: skip


def stretch_about(first: int, frames: int, total: int) -> tuple[int, int]:
    """The frames [start, end) of a clip that GPT-2 reads with a segment of it."""
    if total <= LONGEST:
        return 0, total
    start = min(max(0, first + frames // 2 - LONGEST // 2), total - LONGEST)
    return start, start + LONGEST


def reference_places(samples: int, first: int, settings: StfmSettings) -> list[int]:
    """Where in a clip of so many samples a voice sample may begin, at whole frames, so that it
    ends before the segment whose new frames begin at `first`, or begins after it."""
    length = round(settings.reference_s * RATE)
    begin = (first - settings.motion_frames) * SAMPLES_PER_FRAME
    end = (first + settings.frames) * SAMPLES_PER_FRAME
    starts = range(0, samples - length + 1, SAMPLES_PER_FRAME)
    return [start for start in starts if start + length <= begin or start >= end]


def _samples(clip: Clip) -> Float:
    assert clip.sample.samples is not None
    return clip.sample.samples


def moved(batch: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """The parts of a batch whose names begin with `name` and a space, without it."""
    return {k.removeprefix(f"{name} "): v for k, v in batch.items() if k.startswith(f"{name} ")}
