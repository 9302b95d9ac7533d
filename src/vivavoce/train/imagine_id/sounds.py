"""What PAD learns from: windows of sound with coefficients, and what is said in them; in pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vivavoce.listen.listener import Listener
from vivavoce.listen.mel_windows import rows_of, wav2lip_mel
from vivavoce.listen.sounds import content_from_phones
from vivavoce.systems.imagine_id.face import EYES
from vivavoce.systems.stage import Sample
from vivavoce.train.read.windows import Clip, Window, Windows
from vivavoce.types import Float, Phone, Speech

TRACKS = {"face478": ("identity", "expression"), "bfm": ("bfm_identity", "bfm_expression")}
"""Tracks of a clip that hold alpha and beta, for each linear face."""
KEPT = 4096
"""Clips whose spectrograms and sounds are kept in memory."""


@dataclass(frozen=True)
class Alike:
    """Numbers of clips: one, one that shares its factor, and one that does not."""

    anchor: int
    same: int
    other: int


class Sounds:
    """Windows of a split, drawn in the pairs that the contrastive losses need."""

    def __init__(self, windows: Windows, face: str) -> None:
        """`face` names the linear face whose coefficients are learnt."""
        self.windows, self.tracks = windows, TRACKS[face]
        self.feelings = [str(about.get("emotion", "")) for about in windows.about]
        self.people = list(windows.people)
        self._mels: dict[str, Float] = {}
        self._said: dict[str, Float] = {}

    def draw(self, alike: Alike, rng: np.random.Generator) -> Sample:
        """A of three windows [3, L, 1280] (anchor, positive, negative), with the anchor's alpha
        [I], beta [L, E] and what is said [L, C]."""
        every = [self.window(n, rng) for n in (alike.anchor, alike.same, alike.other)]
        return {"sound": torch.stack([self.rows(w) for w in every])} | self.truth(every[0])

    def by_person(self, rng: np.random.Generator) -> Alike:
        """Positive: another clip of the speaker; negative: a clip of another speaker."""
        mine, theirs = (self.people[i] for i in _two(len(self.people), rng))
        own = self.windows.people[mine]
        anchor, same = (own[i] for i in _two(len(own), rng))
        return Alike(anchor, same, _one(self.windows.people[theirs], rng))

    def by_feeling(self, rng: np.random.Generator) -> Alike:
        """Positive: the same feeling, another speaker; negative: another feeling, the same speaker
        (O7). Where there is none, any speaker's is taken."""
        anchor = int(rng.integers(len(self.feelings)))
        person = str(self.windows.about[anchor]["person"])
        mine = set(self.windows.people[person])
        same = self._with(lambda n: self.feelings[n] == self.feelings[anchor], mine, anchor)
        other = [n for n in mine if self.feelings[n] != self.feelings[anchor]]
        other = other or self._with(lambda n: self.feelings[n] != self.feelings[anchor], mine,
                                    anchor)  # fmt: skip
        return Alike(anchor, _one(same, rng), _one(other, rng))

    def window(self, number: int, rng: np.random.Generator) -> Window:
        """A window of a clip, each as likely as any other."""
        frames = self.windows.frames
        start = int(rng.integers(self.windows.about[number]["frames"] - frames + 1))
        return Window(self.windows.clip(number), start, frames)

    def rows(self, window: Window) -> Tensor:
        """A [L, 1280] of a window; it reads on in the recording."""
        mel = self.mel(window.clip)
        return torch.from_numpy(rows_of(mel, np.arange(window.start, window.span.stop)))

    def mel(self, clip: Clip) -> Float:
        """Wav2Lip's spectrogram of a whole clip."""
        return _kept(self._mels, clip.sample.key, lambda: wav2lip_mel(_sound(clip)))

    def truth(self, window: Window) -> Sample:
        """alpha [I], beta [L, E] without lids and gaze, and how much of each frame every sound
        fills [L, C]."""
        shape, expression = self.coefficients(window.clip)
        said = _kept(self._said, window.clip.sample.key, lambda: said_in(window.clip))
        return {
            "shape": torch.from_numpy(shape),
            "expression": torch.from_numpy(expression[window.span].copy()),
            "said": torch.from_numpy(said[window.span]),
        }

    def coefficients(self, clip: Clip) -> tuple[Float, Float]:
        """alpha [I] and beta [T, E] of a clip; what no voice tells of lids and gaze is 0."""
        shape, expression = (clip.sample.tracks[name] for name in self.tracks)
        if self.tracks == TRACKS["face478"]:
            expression = expression.copy()
            expression[:, list(EYES)] = 0
        return shape.astype(np.float32), expression.astype(np.float32)

    def _with(self, wanted: Callable[[int], bool], mine: set[int], anchor: int) -> list[int]:
        found = [n for n in range(len(self.feelings)) if n not in mine and wanted(n)]
        return found or [anchor]


def said_in(clip: Clip) -> Float:
    """How much of each frame of a clip every sound fills [T, C]: by its phones where they are
    known, else as the network of `listen` hears it."""
    phones = clip.sample.about.get("phones")
    frames = len(clip.sample)
    if phones:
        return content_from_phones([Phone(*phone) for phone in phones], frames)
    heard = Listener()(iter([Speech(_sound(clip))]))
    return np.concatenate([cues.content for cues, _ in heard])[:frames]


def _sound(clip: Clip) -> Float:
    assert clip.sample.samples is not None
    return clip.sample.samples


def _kept(kept: dict[str, Float], key: str, make: Callable[[], Float]) -> Float:
    if key not in kept:
        if len(kept) >= KEPT:
            kept.clear()
        kept[key] = make()
    return kept[key]


def _two(count: int, rng: np.random.Generator) -> tuple[int, int]:
    """Two different numbers below `count`, where there are two."""
    first = int(rng.integers(count))
    return first, (first + 1 + int(rng.integers(max(1, count - 1)))) % count


def _one(numbers: Sequence[int], rng: np.random.Generator) -> int:
    return numbers[int(rng.integers(len(numbers)))]
