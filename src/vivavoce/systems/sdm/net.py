"""SDM's network, in the paper's order and with its symbols.

"Shallow Diffusion Motion Model for Talking Face Generation from Speech".

    speech S ─f_con─▶ content ─┐
    F_(i-1) ──f_enc─▶ M_(i-1) ─┴─h_enc─▶ z ; F-bar_(i) = f_dec(M_(i-1) + z)          (Eq. 2)
    speech S ─f_rhy─▶ F~_(i)                                                          (3.2)
    F^aux = F-bar + F~                                                                (Eq. 1)
    F^aux ─noise to step k─▶ F^k ─f_denoi, k times─▶ F*                               (Eqs. 6-9)
    reference landmarks + F* ─renderer─▶ pictures
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from vivavoce.look.landmark_motion import LandmarkMotion
from vivavoce.look.landmarks68 import ALL_68
from vivavoce.move.pose_rhythm import ContentEncoder, PoseModes, RhythmicGenerator, mel_windows
from vivavoce.move.shallow_diffusion import Denoiser, StepPredictor
from vivavoce.nn.diffusion import Diffusion
from vivavoce.nn.weights import read_into, read_settings
from vivavoce.render.from_landmarks import LandmarkRenderer
from vivavoce.systems.sdm.settings import SdmSettings
from vivavoce.types import FPS

MEL_MEAN, MEL_STD = -5.0, 4.0
"""About the mean and the standard deviation of log-mel values of speech."""


@dataclass(frozen=True)
class Heard:
    """What a stretch of speech tells the two branches."""

    content: Tensor
    """Content code of every frame, f_con(S_(i)) [B, T, C]."""
    rhythm: Tensor
    """F~ [B, T, K]."""
    features: Tensor
    """Features that F~ is read from, which the denoiser sees too [B, T, W]."""


@dataclass(frozen=True)
class Coarse:
    """The motion before its refinement."""

    pose: Tensor
    """F-bar [B, T, K]."""
    aux: Tensor
    """F^aux = F-bar + F~ [B, T, K] (Eq. 1)."""
    z_divergence: Tensor | None = None
    """Kullback-Leibler divergence, mean over numbers, of the z seen in the true change from the z
    drawn without it; None where the truth was not given or z is not drawn."""


class SdmNet(nn.Module):
    """All parts of SDM."""

    def __init__(self, settings: SdmSettings) -> None:
        super().__init__()
        s = self.settings = settings
        points = ALL_68 if s.points == 68 else tuple(range(478))
        self.space = LandmarkMotion(points, s.axes, s.motion)
        k = self.space.size
        self.content = ContentEncoder(s.width)  # f_con
        self.pose = PoseModes(s.width, k, s.sample_z)  # f_enc, h_enc, f_dec
        self.rhythm = RhythmicGenerator(s.width, k)  # f_rhy
        self.denoiser = Denoiser(k, 2 * s.width + k, s.width, s.layers)  # f_denoi
        self.predictor = StepPredictor(k, s.width // 2, s.steps)  # B, and k
        self.renderer = LandmarkRenderer(s.renderer)
        self.diffusion = Diffusion(s.steps, s.noise_low, s.noise_high)  # alpha_1 .. alpha_T

    @property
    def k(self) -> int:
        """The step where truth and F^aux meet, which the stage `predictor` found."""
        return int(self.predictor.k)

    @property
    def device(self) -> torch.device:
        """Device of the network."""
        return self.space.mean.device

    def hear(self, mel: Tensor, prosody: Tensor) -> Heard:
        """Content and rhythm of log-mel [B, 4 T, 80] and prosody [B, T, 3]."""
        mel = (mel - MEL_MEAN) / MEL_STD
        rhythm, features = self.rhythm(mel, prosody)  # 3.2
        return Heard(self.content(mel_windows(mel)), rhythm, features)

    def coarse(
        self, heard: Heard, first: Tensor, *, first_pose: Tensor | None = None,
        noise: Tensor | None = None, without: frozenset[str] = frozenset(),
    ) -> Coarse:  # fmt: skip
        """F-bar (Eq. 2) and F^aux (Eq. 1), each frame continuing the one made before it.

        Args:
            heard: The speech of T frames.
            first: F [B, K] of the frame before them.
            first_pose: F-bar [B, K] of that frame; None: the same as `first`.
            noise: Standard normal noise [B, T, C] that draws z; None: z is its mean.
            without: "pose" makes F-bar 0, "rhythm" makes F~ 0.
        """
        s = self.settings
        before, pose = first, first if first_pose is None else first_pose
        poses, sums = [], []
        for i in range(heard.content.shape[1]):
            eta = None if noise is None else noise[:, i]
            pose = self._slowed(self.pose(before * s.feedback, heard.content[:, i], eta), pose)
            aux, pose = self._summed(pose, heard.rhythm[:, i], without)
            before = aux = clamp_norm(aux, s.clamp_norm)
            poses.append(pose)
            sums.append(aux)
        return Coarse(torch.stack(poses, 1), torch.stack(sums, 1))

    def coarse_from_truth(
        self, heard: Heard, truth: Tensor, free: Tensor, noise: Tensor | None
    ) -> Coarse:
        """F-bar and F^aux while learning: each frame continues the true frame before it.

        Args:
            heard: The speech of T frames.
            truth: F [B, 1 + T, K] of those frames and the one before them.
            free: Where true [B, T], a frame is followed by itself as it was made and not by the
                true one (scheduled sampling).
            noise: Standard normal noise [B, T, C] that draws z from the true change; None: z is its
                mean.
        """
        before = pose = truth[:, 0]
        poses, sums, divergences = [], [], []
        for i in range(heard.content.shape[1]):
            content, true = heard.content[:, i], truth[:, i + 1]
            if noise is None:
                made = self.pose(before, content)
            else:
                made, apart = self.pose.from_true_change(before, content, true, noise[:, i])
                divergences.append(apart)
            pose = self._slowed(made, pose)
            aux, pose = self._summed(pose, heard.rhythm[:, i], frozenset())
            before = torch.where(free[:, i : i + 1], aux, true)
            poses.append(pose)
            sums.append(aux)
        divergence = torch.stack(divergences).mean() if divergences else None
        return Coarse(torch.stack(poses, 1), torch.stack(sums, 1), divergence)

    def _slowed(self, pose: Tensor, before: Tensor) -> Tensor:
        """F-bar behind a one-pole low-pass filter at `lowpass_hz`."""
        hz = self.settings.lowpass_hz
        kept = 1 - math.exp(-2 * math.pi * hz / FPS) if hz else 1.0
        return torch.lerp(before, pose, kept)

    @staticmethod
    def _summed(pose: Tensor, rhythm: Tensor, without: frozenset[str]) -> tuple[Tensor, Tensor]:
        """F^aux = F-bar + F~ (Eq. 1) and F-bar, with the parts `without` set to 0."""
        pose = pose * 0 if "pose" in without else pose
        rhythm = rhythm * 0 if "rhythm" in without else rhythm
        return pose + rhythm, pose

    def conditions(self, heard: Heard, coarse: Coarse) -> list[Tensor]:
        """What every layer of the denoiser is told: content, rhythm and F^aux."""
        told = torch.cat([heard.content, heard.features, coarse.aux], 2)
        return self.denoiser.conditions(told)

    def refined_part(self, coarse: Coarse) -> Tensor:
        """What noise is added to and taken away from [B, T, K]: F^aux, or F-bar alone."""
        return coarse.aux if self.settings.refined == "motion" else coarse.pose

    def refine(
        self, heard: Heard, coarse: Coarse, k: int, noise: Callable[[int], Tensor],
        pure: bool = False,
    ) -> Tensor:  # fmt: skip
        """F* [B, T, K] by exactly `k` calls of the denoiser (Eqs. 6-9).

        Args:
            heard: The speech of T frames.
            coarse: Their coarse motion.
            k: Step that F^aux is noised to, and that the way back starts from.
            noise: Gives standard normal noise [B, T, K] for step t; for t = 0 that which is put in.
            pure: If true, the way back starts from noise alone instead of the noised F^aux.
        """
        conditions = self.conditions(heard, coarse)
        begin = self.refined_part(coarse)
        steps = torch.full((len(begin),), k, device=begin.device)
        x = noise(0) if pure else self.diffusion.corrupt(begin, noise(0), steps)  # Eq. 7
        found = self.diffusion.back(  # Eq. 8
            lambda x, t: self.denoiser(x, t, conditions), x, k, noise
        )
        return found + coarse.aux - begin


def clamp_norm(code: Tensor, largest: float | None) -> Tensor:
    """F [B, K], shortened where its RMS is over `largest` standard deviations; None: as it is.

    A motion that continues its own frame before must not grow without end.
    """
    if largest is None:
        return code
    rms = code.square().mean(1, keepdim=True).sqrt()
    return code * (largest / rms.clamp(min=largest))


def load_net(folder: Path) -> SdmNet:
    """The network of the checkpoint in `folder`, ready for use, on the CPU.

    Raises: BadCheckpoint: incomplete, damaged, or its weights are another preset's.
    """
    net = SdmNet(read_settings(folder, "sdm", SdmSettings))
    read_into(net, folder / "sdm.safetensors", "sdm")
    return ready(net)


def ready(net: SdmNet) -> SdmNet:
    """The network for use: its pictures lie channel beside channel, which is a third faster."""
    net.renderer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return net.eval()
