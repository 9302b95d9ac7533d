"""TTSF's vocoder, trained: HiFi-GAN on the sound of talking clips.

| stage | learns | from |
|---|---|---|
| vocoder in `paper`, vocoder-gan in `tiny` | generator and critics | HiFi-GAN's losses, eqs. 1-5 |
| vocoder in `tiny` | the generator | spectra of true sound alone, at several resolutions |

The stage of spectra alone is ours: it brings a small network to intelligible speech in minutes, and
the critics then meet speech instead of noise.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.errors import needs
from vivavoce.listen.mel import FLOOR, MELS, log_mel, mel_filters
from vivavoce.measure.metrics.sound import stoi
from vivavoce.nn.gan import (
    feature_matching,
    least_squares_critic_loss,
    least_squares_maker_loss,
)
from vivavoce.nn.weights import packed
from vivavoce.speak.excitation import MIDDLE_HZ
from vivavoce.speak.hifigan import MIDDLE, SPREAD, Hifigan, HifiganSettings, SoundCritics
from vivavoce.systems.stage import Files, Run, Sample, Stage, Trainable, Turn
from vivavoce.train.read.windows import Window, Windows, held_out
from vivavoce.train.ttsf.clips import clips_of
from vivavoce.types import HOP, MELS_PER_FRAME, RATE, Float

WINDOW = 640
"""Samples of the mel's window."""
FFT = 1024
"""What `listen.mel` transforms a window of 640 samples with."""
RESOLUTIONS = ((128, 32), (512, 128), (2048, 512))
"""Windows and hops in samples whose spectra are compared beside the mel."""
QUIET = 1e-4
"""Magnitudes below this are as good as silence."""


class VocoderTraining(Trainable):
    """The vocoder's stages; a part of TTSF's training."""

    system = "ttsf"

    def __init__(self, settings: HifiganSettings, stages: tuple[Stage, ...]) -> None:
        self.stages = stages
        self.vocoder = Hifigan(settings)
        self.critics = SoundCritics(settings.critic_width, settings.critic_scales)
        self.network = nn.ModuleDict({"vocoder": self.vocoder, "sound_critics": self.critics})
        self.windows: Windows | None = None
        self.held_out: Windows | None = None
        self.pitches: dict[str, tuple[Float, Float]] = {}

    def begin(self, stage: Stage, run: Run) -> None:
        """Open the shards."""
        self.windows = clips_of(run, stage.window, ("wav",))
        self.held_out = held_out(run.data, stage.window, ("wav",))

    def draw(self, stage: Stage, rng: np.random.Generator) -> Sample:
        """A window's sound and its mel."""
        assert self.windows is not None
        window = self.windows.draw(rng)
        octaves, voiced = self._pitch(window)
        arrays = {
            "samples": window.samples,
            "mel": window.mel,
            "octaves": octaves,
            "voiced": voiced,
        }
        return {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in arrays.items()}

    def _pitch(self, window: Window) -> tuple[Float, Float]:
        key, samples = window.clip.sample.key, window.clip.sample.samples
        if key not in self.pitches:
            assert samples is not None
            self.pitches[key] = pitch_of(samples)
        part = slice(window.start * MELS_PER_FRAME, (window.start + window.frames) * MELS_PER_FRAME)
        octaves, voiced = self.pitches[key]
        return octaves[part], voiced[part]

    def losses(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
        """Losses of the critics' turn, or of the generator's."""
        true, pitch = batch["samples"], (batch["octaves"], batch["voiced"])
        made = self.vocoder(batch["mel"], pitch, turn.normal(true.shape[1]))
        if turn.name == "critic":
            return {"critic": critics_loss(self.critics(true), self.critics(made.detach()))}
        found = {"mel": (mel_of(made) - mel_of(true)).abs().mean()}
        if "spectra" in stage.losses:
            found["spectra"] = spectra_loss(true, made)
        if "pitch" in stage.losses:
            found["pitch"] = self._pitch_loss(batch["mel"], *pitch)
        if "fool" in stage.losses:
            with torch.no_grad():
                heard = self.critics(true)
            found |= maker_losses(heard, self.critics(made))
        return found

    def _pitch_loss(self, mel: Tensor, octaves: Tensor, voiced: Tensor) -> Tensor:
        """Of the pitch that is read from the mel; 0 for a generator that reads none."""
        if self.vocoder.pitch is None:
            return mel.new_zeros(())
        read, logits = self.vocoder.pitch(((mel - MIDDLE) / SPREAD).transpose(1, 2))
        wrong = ((read - octaves).abs() * voiced).sum() / voiced.sum().clamp(min=1)
        return wrong + 0.3 * F.binary_cross_entropy_with_logits(logits, voiced)

    def figures(self, stage: Stage) -> dict[str, float]:
        """Copy synthesis of people who were held out; nothing where nobody was."""
        if self.held_out is None:
            return {}
        made = list(copies(self.vocoder, self.held_out, 22))
        return {
            "held-out log-mel L1": float(np.mean(
                [np.abs(log_mel(a) - log_mel(b)).mean() for a, b in made]
            )),
            "held-out STOI": float(np.nanmean([stoi(a, b) for a, b in made])),
        }  # fmt: skip

    def files(self, stage: Stage) -> Files:
        """The generator as it is used: weights folded; critics stay behind."""
        plain = Hifigan(self.vocoder.settings).eval()
        plain.load_state_dict(self.vocoder.state_dict())
        weights = packed(plain.folded().state_dict())
        return {"vocoder.safetensors": (weights, {"part": "ttsf-vocoder"})}


def pitch_of(samples: Float) -> tuple[Float, Float]:
    """Octaves above `MIDDLE_HZ` and voicing [n // 160] at the middle of every mel frame, by WORLD's
    DIO and StoneMask; between voiced stretches octaves go straight."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own imports
        pyworld = needs("pyworld", "train")

    x = samples.astype(np.float64)
    f0, times = pyworld.dio(x, RATE, frame_period=500 * HOP / RATE)
    f0 = pyworld.stonemask(x, f0, times, RATE)[1::2][: len(samples) // HOP]
    f0 = np.pad(f0, (0, len(samples) // HOP - len(f0)))
    heard = np.flatnonzero(f0)
    if not len(heard):
        return np.zeros(len(f0), np.float32), np.zeros(len(f0), np.float32)
    octaves = np.interp(np.arange(len(f0)), heard, np.log2(f0[heard] / MIDDLE_HZ))
    return octaves.astype(np.float32), (f0 > 0).astype(np.float32)


def critics_loss(true: list[list[Tensor]], made: list[list[Tensor]]) -> Tensor:
    """Eq. 1, summed over the critics."""
    return torch.stack([
        least_squares_critic_loss(a[-1], b[-1]) for a, b in zip(true, made, strict=True)
    ]).sum()  # fmt: skip


def maker_losses(true: list[list[Tensor]], made: list[list[Tensor]]) -> dict[str, Tensor]:
    """Eqs. 2 and 4, summed over the critics."""
    fool = [least_squares_maker_loss(b[-1]) for b in made]
    match = [feature_matching(a[:-1], b[:-1]) for a, b in zip(true, made, strict=True)]
    return {"fool": torch.stack(fool).sum(), "match": torch.stack(match).sum()}


@cache
def _filters(fft: int) -> Tensor:
    return torch.from_numpy(mel_filters(fft, MELS))


def mel_of(samples: Tensor) -> Tensor:
    """`listen.mel.log_mel` of samples [B, n], for learning: [B, n // 160, 80]."""
    side = (WINDOW - HOP) // 2
    sound = F.pad(samples, (side, side))
    window = torch.hann_window(WINDOW, device=samples.device)
    rows = sound.unfold(1, WINDOW, HOP) * window
    power = torch.fft.rfft(rows, FFT).abs().square() / WINDOW
    return (power @ _filters(FFT).to(samples.device)).clamp(min=FLOOR).log()


def spectra_loss(true: Tensor, made: Tensor) -> Tensor:
    """Log-magnitude distance and spectral convergence at several resolutions (Yamamoto, Song & Kim,
    "Parallel WaveGAN", ICASSP 2020, eqs. 4-6)."""
    losses = []
    for size, hop in RESOLUTIONS:
        a, b = (_magnitudes(x, size, hop) for x in (true, made))
        apart = (b.clamp(min=QUIET).log() - a.clamp(min=QUIET).log()).abs().mean()
        losses.append(apart + (b - a).norm() / a.norm().clamp(min=1e-3))
    return torch.stack(losses).mean()


def _magnitudes(samples: Tensor, size: int, hop: int) -> Tensor:
    window = torch.hann_window(size, device=samples.device)
    found = torch.stft(samples, size, hop, window=window, return_complex=True, normalized=True)
    # the root of a sum of squares has no slope at 0
    return (found.real.square() + found.imag.square() + 1e-12).sqrt()


def copies(vocoder: Hifigan, clips: Windows, count: int) -> Iterator[tuple[Float, Float]]:
    """True sound and the vocoder's of its mel, of a clip each of at most `count` people."""
    device = next(vocoder.parameters()).device
    for numbers in list(clips.people.values())[:count]:
        samples = clips.clip(numbers[0]).sample.samples
        assert samples is not None
        length = len(samples) // (MELS_PER_FRAME * HOP) * MELS_PER_FRAME * HOP
        mel = torch.from_numpy(log_mel(samples[:length]))
        with torch.no_grad():
            made = vocoder(mel[None].to(device))[0]
        yield samples[:length], made.cpu().numpy()
