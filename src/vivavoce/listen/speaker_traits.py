"""Who speaks, as far as a voice tells it: sex, age, and the timbre that goes with a face."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from vivavoce.listen.heard_voice import HeardVoice
from vivavoce.listen.mel import log_mel
from vivavoce.nn.threads import one_thread
from vivavoce.nn.weights import fill, read_weights
from vivavoce.types import MELS_PER_FRAME, Float

PART = "speaker-traits"
"""What the metadata of the weights' file calls them."""
AGE_SCALE, AGE_MIDDLE = 20.0, 48.0
"""Age in years is AGE_MIDDLE + AGE_SCALE times what the network says."""
TRACT_SCALE = 0.03
"""Tract length, as a factor, is 1 + TRACT_SCALE times what the network says."""
NUMBERS = 5
"""What is told with a mean and a deviation: age, three directions of timbre, tract length."""
PITCHES = 4
"""What is known of the pitch: see `pitch_facts`."""
WINDOW_FRAMES = 75
"""Frames of a window that is heard at once, 25 a second."""
PRECISION_FLOOR = 0.05
"""Smallest deviation that the network may claim, in its own units."""


@dataclass(frozen=True)
class SpeakerTraits:
    """What a voice tells of who speaks; the means and deviations of `NUMBERS` things."""

    female: float
    """Probability that a listener takes the voice for a woman's, 0 to 1."""
    age: tuple[float, float]
    """Age in years: mean, standard deviation."""
    timbre: Float
    """Where the voice lies among those of its sex [3]: `speak.natural.space.point`."""
    timbre_sd: Float
    """How sure that is [3]."""
    tract: tuple[float, float]
    """Length of the vocal tract as a factor, 1 for the usual one: mean, standard deviation."""
    apart: float = 0.0
    """How differently parts of the recording sound of sex, 0 to 1; near 1 two people speak."""


class SpeakerTraitsNet(nn.Module):
    """Log-mel and pitch of a few seconds of a voice → its traits.

    Statistics over time are pooled as x-vectors pool them (Snyder et al., ICASSP 2018), beside the
    pitch, which mel bands hide.
    """

    def __init__(self, width: int = 96) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv1d(80, width, 5, 2, 2), nn.GELU(),
            nn.Conv1d(width, width, 3, 2, 1), nn.GroupNorm(8, width), nn.GELU(),
            nn.Conv1d(width, width, 3, 1, 1), nn.GroupNorm(8, width), nn.GELU(),
        )  # fmt: skip
        self.head = nn.Sequential(
            nn.Linear(2 * width + PITCHES, width), nn.GELU(), nn.Dropout(0.2),
            nn.Linear(width, 1 + 2 * NUMBERS),
        )  # fmt: skip

    def forward(self, mel: Tensor, pitch: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of mels [B, 4 T, 80] (`levelled`) and pitches [B, 4] (`pitch_facts`): logits of a woman's
        voice [B], means and logarithms of the deviations of the five numbers [B, 5]."""
        found = self.trunk(mel.transpose(1, 2))
        pooled = torch.cat([found.mean(2), found.std(2), pitch], 1)
        sex, means, spreads = self.head(pooled).split((1, NUMBERS, NUMBERS), 1)
        return sex[:, 0], means, spreads.clamp(float(np.log(PRECISION_FLOOR)), 1.5)

    @classmethod
    def load(cls, file: Path) -> SpeakerTraitsNet:
        """With the weights in `file`. Raises: BadCheckpoint: missing, damaged, something else."""
        tensors, _ = read_weights(file, PART)
        net = cls(len(tensors["trunk.0.bias"]))
        fill(net, tensors, file)
        return net.eval()


def levelled(samples: Float) -> Float:
    """Log-mel [4 T, 80] of sound [n], level with its own loudness, about -1 to 1."""
    mel = log_mel(samples) / np.log(10)
    return np.clip((mel - np.percentile(mel, 95)) / 4 + 0.5, -1, 1.5).astype(np.float32)


def pitch_facts(heard: HeardVoice, frames: slice = slice(None)) -> Float:
    """Four numbers on the pitch of some frames: its middle and its spread in octaves, how much is
    voiced, and whether anything is; the middle is 0 at 150 Hz."""
    voiced = heard.voiced[frames]
    octaves = heard.octaves[frames][voiced]
    if len(octaves) < 3:
        return np.zeros(PITCHES, np.float32)
    low, middle, high = np.percentile(octaves, (15, 50, 85))
    return np.array([middle - np.log2(150), high - low, voiced.mean(), 1], np.float32)


class TraitsListener:
    """Hears who speaks in a recording; loaded once, asked often."""

    def __init__(self, net: SpeakerTraitsNet) -> None:
        self.net = net.eval()

    @torch.no_grad()
    def __call__(self, samples: Float, heard: HeardVoice) -> SpeakerTraits:
        """The traits of the voice in samples [n] at 16 kHz, of which `heard` was measured: the mean
        over windows of three seconds, each weighed by how much of it is voiced."""
        mel, windows = levelled(samples), _windows(len(heard.voiced))
        pitch = np.stack([pitch_facts(heard, span) for span in windows])
        rows = MELS_PER_FRAME * (windows[0].stop - windows[0].start)
        padded = np.pad(mel, ((0, max(0, rows - len(mel))), (0, 0)), mode="wrap")
        starts = [min(MELS_PER_FRAME * span.start, len(padded) - rows) for span in windows]
        stack = np.stack([padded[s : s + rows] for s in starts])
        device = next(self.net.parameters()).device
        given = torch.from_numpy(stack).to(device), torch.from_numpy(pitch).to(device)
        with one_thread():
            sex, means, spreads = (told.cpu() for told in self.net(*given))
        weight = torch.from_numpy(pitch[:, 2] + 1e-3)
        share = (weight / weight.sum())[:, None]
        mean = (share * means).sum(0).numpy()
        sd = (share * spreads.exp()).sum(0).numpy()
        female = sex.sigmoid().numpy()
        sure = pitch[:, 2] > 0.25 * pitch[:, 2].max()
        return SpeakerTraits(
            female=float((share[:, 0].numpy() * female).sum()),
            age=(AGE_MIDDLE + AGE_SCALE * float(mean[0]), AGE_SCALE * float(sd[0])),
            timbre=mean[1:4],
            timbre_sd=sd[1:4],
            tract=(1 + TRACT_SCALE * float(mean[4]), TRACT_SCALE * float(sd[4])),
            apart=float(np.ptp(np.quantile(female[sure], (0.2, 0.8)))),
        )


def _windows(frames: int) -> list[slice]:
    """Windows of three seconds that half overlap; the whole of what is shorter."""
    size = min(WINDOW_FRAMES, frames)
    starts = range(0, frames - size + 1, max(1, size // 2))
    return [slice(start, start + size) for start in starts]
