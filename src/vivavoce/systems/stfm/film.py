"""STFM's video half: entangled picture tokens and speech → frames, a block after the other.

Hallo (see `render/hallo.py`) with EC and DC; the noise is Hallo's too: v-prediction, a linear
schedule scaled to zero signal at its end, and steps counted from there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.render.hallo import DenoisingUnet, ReferenceNet, Shown
from vivavoce.render.hallo_modules import (
    AudioProjection,
    FaceLocator,
    ImageProjection,
    Masks,
)
from vivavoce.systems.stfm.fronts import AudioFront, ImageFront
from vivavoce.systems.stfm.links import Links, nearby
from vivavoce.systems.stfm.settings import StfmSettings

if TYPE_CHECKING:
    from diffusers import DDIMScheduler

TRAINED_STEPS = 1000
"""Steps of noise that the denoiser is trained on."""


def noise_schedule() -> DDIMScheduler:
    """A fresh one of Hallo's: linear from 0.00085 to 0.012, zero terminal signal, v, trailing
    steps."""
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        TRAINED_STEPS, beta_start=0.00085, beta_end=0.012, beta_schedule="linear",
        prediction_type="v_prediction", rescale_betas_zero_snr=True, timestep_spacing="trailing",
        clip_sample=False, steps_offset=1,
    )  # fmt: skip


@cache
def _kept() -> Tensor:
    """ᾱ of all steps [1000]."""
    schedule: Any = noise_schedule()
    found: Tensor = schedule.alphas_cumprod
    return found


def kept(t: Tensor, like: Tensor) -> Tensor:
    """ᾱ_t of steps t [B], shaped to multiply `like`."""
    found = _kept().to(like.device)[t]
    return found.view(-1, *[1] * (like.dim() - 1))


def noised(clean: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """x_t = √ᾱ_t x_0 + √(1 − ᾱ_t) noise."""
    a = kept(t, clean)
    return a.sqrt() * clean + (1 - a).sqrt() * noise


def velocity(clean: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """v = √ᾱ_t noise − √(1 − ᾱ_t) x_0."""
    a = kept(t, clean)
    return a.sqrt() * noise - (1 - a).sqrt() * clean


def clean_estimate(noisy: Tensor, v: Tensor, t: Tensor) -> Tensor:
    """x̂_0 = √ᾱ_t x_t − √(1 − ᾱ_t) v."""
    a = kept(t, noisy)
    return a.sqrt() * noisy - (1 - a).sqrt() * v


@dataclass(frozen=True)
class Scene:
    """What stays the same through a clip."""

    source: Tensor
    """Latents of the picture [B, C, h, w]."""
    face: Tensor
    """Face embedding [B, E]."""
    lips: Tensor
    """Mask of the lips [B, 1, S, S]."""
    head: Tensor
    """Mask of the face [B, 1, S, S]."""
    e_v: Tensor
    """Entangled picture tokens [B, N, D]."""

    @property
    def masks(self) -> Masks:
        """Of the rest, the face without its lips, the lips."""
        return 1 - self.head, (self.head - self.lips).clamp(min=0), self.lips


@dataclass(frozen=True)
class Block:
    """What a block of frames goes by."""

    before: Tensor
    """Latents of the motion frames [B, M, C, h, w]."""
    sound: Tensor
    """Layers heard about each frame [B, F, 5, L, C]."""
    near: Tensor
    """GPT-2's latents about each frame [B, F, K, W]."""


class FilmHalf(nn.Module):
    """Hallo's five networks by their names, the picture's front end, EC and DC."""

    def __init__(self, settings: StfmSettings) -> None:
        super().__init__()
        s, h = settings, settings.hallo
        self.settings = settings
        self.reference_unet, self.denoising_unet = ReferenceNet(h), DenoisingUnet(h)
        self.face_locator = FaceLocator(h.channels[0], h.locator)
        self.imageproj = ImageProjection(h.face, h.face_tokens, h.context)
        heard = h.audio_window * h.audio_layers * h.audio_width
        self.audioproj = AudioProjection(heard, h.audio_hidden, h.audio_tokens, h.context)
        self.image_front = ImageFront(s)
        self.links = Links(s)

    def shown(self, scene: Scene, block: Block) -> Shown:
        """What the denoiser is shown of a block of a clip."""
        face = self.imageproj(scene.face)
        seen = torch.cat([scene.source[:, None], block.before], 1)
        return Shown(
            face, self.reference_unet(seen, face), self.audioproj(block.sound), scene.masks,
            self.face_locator(scene.head.expand(-1, 3, -1, -1)),
            self.links.link(scene.e_v, block.near),
        )  # fmt: skip

    def unconditional(self, shown: Shown, scene: Scene, block: Block) -> Shown:
        """The same without conditions, for guidance: no face, no sound, no source, no link; the
        motion frames stay, as in Hallo."""
        return replace(
            shown, face=self.imageproj(torch.zeros_like(scene.face)),
            sound=self.audioproj(torch.zeros_like(block.sound)), link=None, guided=False,
        )  # fmt: skip

    def forward(self, noisy: Tensor, t: Tensor, shown: Shown) -> tuple[Tensor, Tensor]:
        """v [B, C, F, h, w] of noisy latents at steps t [B], and the U-Net's middle."""
        v, middle = self.denoising_unet(noisy, t, shown)
        return v, middle

    @torch.no_grad()
    def draw(
        self, scene: Scene, block: Block, noise: Tensor, steps: int, guidance: float
    ) -> tuple[Tensor, Tensor]:
        """Clean latents [B, C, F, h, w] of a block from noise of that shape, in so many DDIM steps,
        and the U-Net's middle [B, F, C', h', w'] in the last."""
        scheduler: Any = noise_schedule()
        scheduler.set_timesteps(steps)
        shown = self.shown(scene, block)
        free = self.unconditional(shown, scene, block) if guidance != 1 else None
        x, middle = noise, noise
        for at in scheduler.timesteps.tolist():
            t = torch.full((len(x),), at, device=x.device)
            v, middle = self(x, t, shown)
            if free is not None:
                without, _ = self(x, t, free)
                v = without + guidance * (v - without)
            x = scheduler.step(v, at, x).prev_sample
        return x, middle

    @torch.no_grad()
    def blocks(
        self, scene: Scene, heard: Tensor, latents: Tensor, rate: float, frames: int, seed: int,
        steps: int, guidance: float,
    ) -> Iterator[tuple[Tensor, Tensor]]:  # fmt: skip
        """Clean latents [1, C, F, h, w] and middles of block after block, until there are `frames`;
        each goes on from the last frames of the one before.

        Args:
            scene: The person.
            heard: Windows of sound of each frame [1, frames, 5, L, C].
            latents: GPT-2's [1, L, W], `rate` a second.
            rate: See above.
            frames: How many there are.
            seed: Of the noise.
            steps: DDIM steps.
            guidance: 1: none.
        """
        s, rng = self.settings, torch.Generator().manual_seed(seed)
        before = scene.source[:, None].expand(-1, s.motion_frames, -1, -1, -1)
        shape = (1, scene.source.shape[1], s.frames, *scene.source.shape[2:])
        for first in range(0, frames, s.frames):
            sound = heard[:, first : first + s.frames]
            sound = F.pad(sound, (0, 0) * 3 + (0, s.frames - sound.shape[1]))
            block = Block(before, sound, nearby(latents, rate, first, s.frames))
            noise = torch.randn(shape, generator=rng).to(heard)
            made, middle = self.draw(scene, block, noise, steps, guidance)
            count = min(s.frames, frames - first)
            before = made[:, :, -s.motion_frames :].transpose(1, 2)
            yield made[:, :, :count], middle[:, :count]


def frames_heard(front: AudioFront, mel: Tensor, wave: Tensor, frames: int) -> Tensor:
    """Layers of the semantic network at each of `frames` video frames [B, F, L, C].

    As in Hallo, Wav2Vec's features are brought to the frames' rate before its transformer.
    """
    if front.settings.hearing == "small":
        rows = front.semantic(mel).transpose(1, 2)
        return F.interpolate(rows, frames, mode="linear").transpose(1, 2)[:, :, None]
    model: Any = front.semantic
    features = model.feature_extractor(wave)
    features = F.interpolate(features, frames, mode="linear", align_corners=True).transpose(1, 2)
    rows, _ = model.feature_projection(features)
    layers = model.encoder(rows, output_hidden_states=True).hidden_states[1:]
    return torch.stack(layers, 2)


def windowed(heard: Tensor, window: int) -> Tensor:
    """Each frame [B, F, L, C] with its neighbours [B, F, window, L, C]; at the ends frames are
    repeated."""
    count = heard.shape[1]
    at = torch.arange(count)[:, None] + torch.arange(window) - window // 2
    return heard[:, at.clamp(0, count - 1).to(heard.device)]
