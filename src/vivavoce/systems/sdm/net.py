"""SDM: a portrait and speech become landmarks in motion, by shallow diffusion, and a video.

"Shallow Diffusion Motion Model for Talking Face Generation from Speech".

    speech S ─f_con─▶ content ─┐
    F_(i-1) ──f_enc─▶ M_(i-1) ─┴─h_enc─▶ z ; F-bar_(i) = f_dec(M_(i-1) + z)          (Eq. 2)
    speech S ─f_rhy─▶ F~_(i)                                                          (3.2)
    F^aux = F-bar + F~                                                                (Eq. 1)
    F^aux ─noise to step k─▶ F^k ─f_denoi, k times─▶ F*                               (Eqs. 6-9)
    reference landmarks + F* ─renderer─▶ pictures

This file is the network, its presets, its stages; `systems/sdm/talker.py` is what people call.
Decisions on what the paper leaves open: docs/systems/sdm.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from vivavoce.errors import BadCheckpoint
from vivavoce.look.landmark_motion import LandmarkMotion
from vivavoce.look.landmarks68 import ALL_68
from vivavoce.move.pose_rhythm import ContentEncoder, PoseModes, RhythmicGenerator, mel_windows
from vivavoce.move.shallow_diffusion import Denoiser, StepPredictor
from vivavoce.nn.diffusion import Diffusion
from vivavoce.nn.weights import read_settings, read_weights
from vivavoce.render.from_landmarks import LandmarkRenderer
from vivavoce.systems.stage import Optimiser, Stage
from vivavoce.types import FPS

SAMPLERS = ("shallow", "full", "auxiliary", "recursive")
PARTS = ("pose", "rhythm", "diffusion")
"""What can be left out, for the ablations of Fig. 3."""
WIDEST = 2.5
"""Root mean square of a frame of F, in standard deviations, beyond which no corpus frame lies but
one in a thousand."""
WEIGHTS_OF_LOSSES = {"reg": 5.0, "ind": 2.0, "rec": 1.0}
"""lambda_1 .. lambda_3 of Eq. 11."""


class SdmSettings(BaseModel):
    """What the network is made of; the defaults are the paper preset's."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    size: int = 256
    """Side of the pictures in pixels."""
    points: int = 68
    """Landmarks that move: the paper's 68, or all 478."""
    axes: int = 2
    """2: x and y; 3: depth too, which a 3D head needs."""
    motion: int | None = None
    """Length of F: principal directions; None: every coordinate by itself, as the paper."""
    width: int = 256
    """Of content code, latents, hidden layers."""
    layers: int = 12
    """Of the denoiser."""
    steps: int = 100
    """T."""
    noise_low: float = 1e-4
    noise_high: float = 0.1
    """The added variances rise from one to the other."""
    memory: float = 1.0
    """How much of its own frame before the coarse motion begins from; with 1, the paper's, a small
    network adds up its errors over long speech until the face flies apart."""
    smoothing: float = 0.0
    """Of F*, frames of a Gaussian's deviation: what a small denoiser leaves behind trembles."""
    literal_ind: bool = False
    """L_ind as printed instead of its decorrelation form."""
    drawn: bool = False
    """z is drawn from a Gaussian that content and frame give, instead of being its mean."""
    slow: float = 0.0
    """F-bar keeps what changes slower than so many times a second; 0 keeps all of it."""
    refined: Literal["motion", "pose"] = "motion"
    """What diffusion refines: F^aux as Eq. 12 has it, or F-bar alone, as contribution 1 says."""
    renderer: tuple[int, ...] = (64, 128, 256, 512)
    """Widths of the renderer's U-Net."""
    helped: bool = False
    """A small renderer paints a blur around the head and no teeth: its paint is shown within the
    face alone, and the inside of the mouth is drawn as `portrait` draws it."""


PRESETS = {
    "paper": SdmSettings(),
    "tiny": SdmSettings(
        size=128,
        points=478,
        axes=3,
        motion=20,
        width=128,
        layers=8,
        memory=0.9,
        drawn=True,
        slow=1.0,
        smoothing=1.0,
        renderer=(16, 32, 64, 96),
        helped=True,
    ),
}


@dataclass(frozen=True)
class Heard:
    """What a stretch of speech tells."""

    content: Tensor
    """[B, T, C]."""
    rhythm: Tensor
    """F~ [B, T, K]."""
    features: Tensor
    """Of rhythm [B, T, W]."""


@dataclass(frozen=True)
class Coarse:
    """The motion before its refinement."""

    pose: Tensor
    """F-bar [B, T, K]."""
    aux: Tensor
    """F^aux = F-bar + F~ [B, T, K]."""
    divergence: Tensor | None = None
    """Where z is drawn and truth is known: how far the two Gaussians of z are apart."""


class SdmNet(nn.Module):
    """All parts. The paper's symbols are in the comments."""

    k: Tensor

    def __init__(self, settings: SdmSettings) -> None:
        super().__init__()
        s = self.settings = settings
        points = ALL_68 if s.points == 68 else tuple(range(478))
        self.space = LandmarkMotion(points, s.axes, s.motion)
        k = self.space.size
        self.content = ContentEncoder(s.width)  # f_con
        self.pose = PoseModes(s.width, k, s.drawn)  # f_enc, h_enc, f_dec
        self.rhythm = RhythmicGenerator(s.width, k)  # f_rhy
        self.denoiser = Denoiser(k, 2 * s.width + k, s.width, s.layers)  # f_denoi
        self.predictor = StepPredictor(k, s.width // 2)
        self.renderer = LandmarkRenderer(s.renderer)
        self.diffusion = Diffusion(s.steps, s.noise_low, s.noise_high)
        self.register_buffer("k", torch.tensor(s.steps // 2))  # where shallow diffusion begins

    def hear(self, mel: Tensor, prosody: Tensor) -> Heard:
        """Content and rhythm of log-mel [B, 4 T, 80] and prosody [B, T, 3]."""
        mel = (mel + 5.0) / 4.0  # about N(0, 1)
        rhythm, features = self.rhythm(mel, prosody)
        return Heard(self.content(mel_windows(mel)), rhythm, features)

    def coarse(
        self, heard: Heard, first: Tensor, *, slow: Tensor | None = None,
        truth: Tensor | None = None, free: Tensor | None = None, noise: Tensor | None = None,
        without: frozenset[str] = frozenset(),
    ) -> Coarse:  # fmt: skip
        """F-bar and F^aux = F-bar + F~ of what is heard, frame after frame from F before it,
        `first` [B, K], and F-bar before it, `slow` [B, K]; `noise` [B, T, C] draws z.

        With `truth` [B, T, K] (F of these frames) each step begins from the true frame before, or,
        where `free` [B, T] is true, from the one that was generated (scheduled sampling).
        """
        s, poses, sums, apart = self.settings, [], [], []
        before, pose = first, first if slow is None else slow
        rhythm = heard.rhythm * 0 if "rhythm" in without else heard.rhythm
        kept = 1 - math.exp(-2 * math.pi * s.slow / FPS) if s.slow else 1.0
        for i in range(heard.content.shape[1]):
            told = before if truth is not None else before * s.memory, heard.content[:, i]
            eta = None if noise is None else noise[:, i]
            if truth is None or eta is None:
                made = self.pose(*told, eta)
            else:
                made, off = self.pose.taught(*told, truth[:, i], eta)
                apart.append(off)
            pose = torch.lerp(pose, made, kept)
            pose = pose * 0 if "pose" in without else pose
            poses.append(pose)
            before = pose + rhythm[:, i]
            before = before if truth is not None else within(before)
            sums.append(before)
            if truth is not None:
                own = (
                    free[:, i : i + 1] if free is not None else torch.zeros_like(before[:, :1]) > 0
                )
                before = torch.where(own, before, truth[:, i])
        distance = torch.stack(apart).mean() if apart else None
        return Coarse(torch.stack(poses, 1), torch.stack(sums, 1), distance)

    def told(self, heard: Heard, aux: Tensor) -> Tensor:
        """The denoiser's conditions [B, T, C]."""
        return torch.cat([heard.content, heard.features, aux], 2)

    def diffused(self, coarse: Coarse) -> Tensor:
        """What noise is added to and taken away from [B, T, K]."""
        return coarse.aux if self.settings.refined == "motion" else coarse.pose

    def refine(
        self, heard: Heard, coarse: Coarse, start: int, noise: Callable[[int], Tensor],
        pure: bool = False,
    ) -> Tensor:  # fmt: skip
        """F* [B, T, K]: F^aux noised to step `start` (or noise alone, `pure`) and brought back;
        exactly `start` calls of the denoiser. `noise(t)` is drawn for step t; `noise(0)` is the
        noise that is put in."""
        told = self.denoiser.conditions(self.told(heard, coarse.aux))
        begin = self.diffused(coarse)
        steps = torch.full((len(begin),), start, device=begin.device)
        x = noise(0) if pure else self.diffusion.corrupt(begin, noise(0), steps)
        found = self.diffusion.back(lambda x, t: self.denoiser(x, t, told), x, start, noise)
        return found + coarse.aux - begin


def within(code: Tensor) -> Tensor:
    """F [B, K], shortened where it is further from rest than true frames ever are: a motion that
    begins from its own frame before must not grow without end."""
    length = code.square().mean(1, keepdim=True).sqrt()
    return code * (WIDEST / length.clamp(min=WIDEST))


AUX = ("content", "pose", "rhythm")


GUIDES = (*ALL_68, 10, 151, 9, 50, 280, 205, 425, 187, 411, 109, 338, 67, 297, 103, 332, 54, 284)
"""The points that guide the renderer's warp: the 68, forehead and cheeks."""


def _stages(
    steps: tuple[int, int, int, int], batch: int, pictures: int, lr: float, small: bool
) -> tuple[Stage, ...]:
    """The four stages of docs/systems/sdm.md, for so many steps each, `pictures` in a batch of the
    last. Adam with beta_1 = 0.4 and beta_2 = 0.999 as section 4.1 states it; a `small` network
    learns with a falling rate and leaves the mean of its weights behind."""

    def adam(*trains: str) -> dict[str, Optimiser]:
        schedule: Literal["constant", "cosine"] = "cosine" if small else "constant"
        return {"adam": Optimiser(trains, lr, (0.4, 0.999), clip=1.0, schedule=schedule)}

    if small:  # it has to stand on its own frames soon
        free = {0: {"free": 0.3}, steps[0] // 10: {"free": 0.7}, steps[0] // 4: {"free": 1.0}}
    else:
        free = {0: {"free": 0.0}, steps[0] // 5: {"free": 0.15}, steps[0] // 2: {"free": 0.3}}
    coarse = WEIGHTS_OF_LOSSES | ({"z": 0.3} if small else {})  # z is drawn in `tiny`
    ema = 0.99 if small else None
    shown = {"rec": 1.0, "mouth": 1.0, "perceptual": 0.1}
    return (
        Stage("coarse", coarse, steps[0], batch, adam(*AUX), window=64, curriculum=free),
        Stage("diffusion", {"diff": 1.0}, steps[1], batch, adam("denoiser"), window=64, ema=ema),
        Stage("predictor", {"step": 1.0}, steps[2], batch, adam("predictor"), window=64),
        Stage("renderer", shown, steps[3], pictures, adam("renderer"), ema=ema),
    )


STAGES = {
    "paper": _stages((100_000, 100_000, 20_000, 100_000), 32, 8, 2e-4, small=False),
    "tiny": _stages((1200, 5600, 300, 1500), 16, 8, 1e-3, small=True),
}


def load_net(folder: Path) -> SdmNet:
    """The network of the checkpoint in `folder`.

    Raises: BadCheckpoint: incomplete, damaged, or its weights are another preset's.
    """
    net = SdmNet(read_settings(folder, "sdm", SdmSettings))
    file = folder / "sdm.safetensors"
    weights, _ = read_weights(file, "sdm")
    try:
        net.load_state_dict(
            {k: v.float() if v.is_floating_point() else v for k, v in weights.items()}
        )
    except RuntimeError:
        raise BadCheckpoint(
            f"{file} does not fit its config.json: it was trained with other settings or for "
            "another preset. Copy or train the checkpoint again."
        ) from None
    return ready(net)


def ready(net: SdmNet) -> SdmNet:
    """The network for use: its pictures lie channel beside channel, which is a third faster."""
    net.renderer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return net.eval()
