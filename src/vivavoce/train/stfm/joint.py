"""STFM's stages with pictures: voice and video learn in one pass, along the paper's own way.

front ends ─▶ E_a, E_v (Eq. 1, 2) ─▶ GPT-2 on the true codes ─▶ latents
noisy latents of 14 frames ─U-Net, EC, DC─▶ v, x̂_0 ─VAE─▶ L_video
latents ─DC─▶ vocoder ─▶ L_audio                     L = 0.1 L_audio + L_video + ours (O10)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.nn.latent import LatentBase
from vivavoce.nn.pictures import as_pictures
from vivavoce.speak.code_gpt import Voice, Written
from vivavoce.speak.hifigan import MIDDLE, SPREAD
from vivavoce.speak.mel_codec import MelCodec
from vivavoce.systems.stage import Run, Sample, Stage, Trainable, Turn
from vivavoce.systems.stfm.film import (
    TRAINED_STEPS,
    Block,
    Scene,
    clean_estimate,
    frames_heard,
    kept,
    noised,
    velocity,
    windowed,
)
from vivavoce.systems.stfm.fronts import at_rate, magnitudes
from vivavoce.systems.stfm.links import nearby
from vivavoce.systems.stfm.net import StfmNet
from vivavoce.systems.stfm.official import coder_of, xtts_rows
from vivavoce.systems.stfm.script import BpeReader, PhoneReader, Reader
from vivavoce.systems.stfm.voice import Sounds
from vivavoce.train.stfm.scenes import BESIDE, Scenes, moved
from vivavoce.train.stfm.speech import coded
from vivavoce.types import FPS, RATE


@dataclass(frozen=True)
class Spoken:
    """GPT-2 on the true codes of a stretch."""

    written: Written
    codes: Tensor
    """True codes [1, L]."""
    voice: Voice
    sounds: Sounds | None


@dataclass(frozen=True)
class Drawn:
    """What is left to chance in a scene."""

    noise: Tensor
    """[1, C, F, h, w]."""
    t: Tensor
    """Step of the noise [1]."""
    order: Tensor
    """Frames in the order in which they are decoded [F]."""
    free: bool
    """Whether it is denoised without conditions."""


class JointTraining(Trainable):
    """Stages film (`tiny`), A and B; a part of STFM's training."""

    system = "stfm"

    def __init__(
        self, net: StfmNet, codec: MelCodec, base: LatentBase | None, stages: tuple[Stage, ...]
    ) -> None:
        self.net, self.codec, self.base, self.stages = net, codec, base, stages
        self.settings = net.settings
        self.network = nn.ModuleDict(dict(net.named_children()))
        self.scenes: Scenes | None = None
        self.mel_stats: Tensor | None = None

    def begin(self, stage: Stage, run: Run) -> None:
        """Open the shards; the film stage begins with the base's U-Net."""
        self.scenes = Scenes(run, "train", self.settings, self._reader())
        if not self.settings.guide:
            self.mel_stats = coder_of(self.codec, Path(self.settings.official.xtts))
        if stage.name == "film" and not run.resumed:
            take_unet(self.net)

    def _reader(self) -> Reader:
        if self.settings.guide:
            return PhoneReader()
        return BpeReader(Path(self.settings.official.xtts) / "vocab.json", self.settings.gpt)

    def draw(self, stage: Stage, rng: np.random.Generator) -> Sample:
        """A scene."""
        assert self.scenes is not None
        return self.scenes.draw(rng)

    def collate(self, stage: Stage, samples: list[Sample]) -> Sample:
        """Scenes side by side, since they differ in length: "0 source", "1 source", ..."""
        return {
            f"{number} {name}": value[None]
            for number, sample in enumerate(samples)
            for name, value in sample.items()
        }

    def losses(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
        """L_video, L_audio, L_v and the codes' cross-entropy, those that the stage weighs."""
        s = self.settings
        assert self.base is not None
        channels, *side = self.base.latent_shape
        noise = turn.normal(channels, s.frames, *side)
        times = (turn.uniform() * TRAINED_STEPS).long()
        orders, chances = turn.uniform(s.frames), turn.uniform()
        found: dict[str, list[Tensor]] = {name: [] for name in stage.losses}
        for n in range(len(times)):
            free = float(chances[n]) < s.learning.forget
            drawn = Drawn(noise[n : n + 1], times[n : n + 1], orders[n].argsort(), free)
            of_one = self.of_scene(moved(batch, str(n)), drawn)
            for name, kept_here in found.items():
                kept_here.append(of_one[name])
        return {name: torch.stack(values).mean() for name, values in found.items()}

    def of_scene(self, batch: Sample, drawn: Drawn) -> dict[str, Tensor]:
        """All four losses of one scene."""
        s, base = self.settings, self.base
        assert base is not None
        assert self.net.film is not None
        real = torch.ones_like(batch["ids"], dtype=torch.bool)
        heard = self.net.hear(batch["sample mel"], batch["sample wave"])
        with torch.no_grad():
            small = F.interpolate(batch["source"], s.image_side, mode="area")
            source = base.encode(batch["source"])
            copy = base.encode(small)
            clean = base.encode(batch["frames"][0])[None].transpose(1, 2)  # [1, C, M + F, h, w]
        image = self.net.film.image_front(copy, batch["lips"], batch["head"])
        spoken = self.spoken(batch, self.net.tell(heard, batch["ids"], real, image), real)
        e_v = self.net.show(heard, batch["ids"], real, image)
        scene = Scene(source, batch["face"], batch["lips"], batch["head"], e_v)
        block = self.block(batch, clean, spoken)
        new = clean[:, :, s.motion_frames :]
        noisy = noised(new, drawn.noise, drawn.t)
        shown = self.net.film.shown(scene, block)
        if drawn.free:
            shown = self.net.film.unconditional(shown, scene, block)
        v, middle = self.net.film(noisy, drawn.t, shown)
        estimate = clean_estimate(noisy, v, drawn.t)
        return {
            "denoising": (v - velocity(new, drawn.noise, drawn.t)).square().mean(),
            "video": self.seen(batch, estimate, drawn),
            "audio": self.sounded(batch, spoken, middle),
            "codes": self.coded(spoken),
        }

    def spoken(self, batch: Sample, voice: Voice, real: Tensor) -> Spoken:
        """GPT-2 on the true codes."""
        codes = self.codes(batch)
        sounds = None
        if "spelt" in batch:
            mel = (batch["mel"] - MIDDLE) / SPREAD
            count, length = (
                torch.tensor([x.shape[1]], device=mel.device) for x in (batch["spelt"], mel)
            )
            with torch.no_grad():
                sounds = self.net.voice.laid(batch["spelt"], count, mel, length)
        told = None if sounds is None else sounds.told
        written = self.net.voice.gpt(voice.latents, batch["ids"], real, codes, told)
        return Spoken(written, codes, voice, sounds)

    @torch.no_grad()
    def codes(self, batch: Sample) -> Tensor:
        """The true codes [1, L] of the stretch."""
        if self.mel_stats is None:
            mel = (batch["mel"] - MIDDLE) / SPREAD
            return self.codec.encode(coded(mel, batch["octaves"], batch["voiced"]))
        return self.codec.encode(xtts_rows(batch["sound"], self.mel_stats))

    def coded(self, spoken: Spoken) -> Tensor:
        """Cross-entropy of the codes, and of the one that stops where nothing else tells it."""
        wanted = spoken.codes
        if spoken.sounds is None:
            wanted = F.pad(wanted, (0, 1), value=self.settings.gpt.stop)
        logits = spoken.written.logits[:, : wanted.shape[1]]
        return F.cross_entropy(logits.flatten(0, 1), wanted.flatten())

    def block(self, batch: Sample, clean: Tensor, spoken: Spoken) -> Block:
        """What the denoiser is given of the segment's sound and speech."""
        s, half = self.settings, self.net.voice
        around = moved(batch, "around")
        with torch.no_grad():
            layers = frames_heard(half.front, around["mel"], around["wave"], s.frames + 2 * BESIDE)
        heard = windowed(layers, s.hallo.audio_window)[:, BESIDE : BESIDE + s.frames]
        rows = half.voiced_rows(spoken.written.latents)
        near = nearby(rows, half.codes_per_s, int(batch["first"]), s.frames)
        return Block(clean[:, :, : s.motion_frames].transpose(1, 2), heard, near)

    def seen(self, batch: Sample, estimate: Tensor, drawn: Drawn) -> Tensor:
        """L_video of a few frames of the clean estimate."""
        s, learning = self.settings, self.settings.learning
        assert self.base is not None
        order = drawn.order[: learning.decoded]
        made = self.base.decode(estimate[0].transpose(0, 1)[order])
        apart = (made - batch["frames"][0, s.motion_frames :][order]).abs()
        loss = apart.sum() if learning.sums else apart.mean()
        return loss * kept(drawn.t, loss.view(1))[0] if learning.by_noise else loss

    def sounded(self, batch: Sample, spoken: Spoken, middle: Tensor) -> Tensor:
        """L_audio of the segment: latents that have asked the U-Net's middle, voiced."""
        s, half = self.settings, self.net.voice
        assert self.net.film is not None
        rate, first = half.codes_per_s, int(batch["first"])
        begin = int(first / FPS * rate)
        end = begin + int(s.frames / FPS * rate)
        rows = half.voiced_rows(spoken.written.latents)[:, begin:end]
        rows = self.net.film.links.refine(rows, middle, rate)
        sounds = spoken.sounds and spoken.sounds.part(begin, end)
        made = half.sound(rows, sounds, spoken.voice.speaker)
        true = self._true_sound(batch, half.rate, begin / rate, made.shape[1])
        apart = (magnitudes(made) - magnitudes(true)).square()
        return apart.sum(-1).mean() if s.learning.sums else apart.mean()

    @staticmethod
    def _true_sound(batch: Sample, rate: int, start_s: float, length: int) -> Tensor:
        sound = batch["sound"]
        if rate != RATE:
            again = at_rate(sound[0].cpu().numpy(), RATE, rate)
            sound = torch.from_numpy(again)[None].to(sound.device)
        begin = round(start_s * rate)
        part = sound[:, begin : begin + length]
        return F.pad(part, (0, length - part.shape[1]))

    @torch.no_grad()
    def picture(self, stage: Stage, batch: Sample) -> np.ndarray | None:
        """The segment, and its copy by the VAE."""
        if self.base is None:
            return None
        frames = batch["0 frames"][0, ::4]
        copies = self.base.decode(self.base.encode(frames))
        return np.concatenate([np.concatenate([*as_pictures(x)], 1) for x in (frames, copies)])


@torch.no_grad()
def take_unet(net: StfmNet) -> None:
    """Begin the reference net and the denoiser with the U-Net of the base that ships."""
    from vivavoce.nn.latent import load_latent

    assert net.film is not None
    theirs = load_latent().unet.state_dict()
    for unet in (net.film.reference_unet, net.film.denoising_unet):
        own = unet.state_dict()
        fitting = {k: v for k, v in theirs.items() if k in own and v.shape == own[k].shape}
        unet.load_state_dict(fitting, strict=False)
