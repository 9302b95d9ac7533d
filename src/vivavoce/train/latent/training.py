"""The small latent base, trained: `vivavoce train latent --data CORPUS`.

| stage | learns | from |
|---|---|---|
| vae | encoder and decoder: L1, more of it in mouths, perceptual, KL | pictures, and some meshes |
| unet | U-Net and text encoder: the diffusion's error, text left out at times | latents, captions |

Some of what the autoencoder sees is the shaded mesh of the face, since adapters give meshes to the
same encoder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vivavoce.data.corpus.captions import caption
from vivavoce.data.shards import open_set
from vivavoce.errors import RequestError
from vivavoce.look import face478
from vivavoce.look.boxes import mouth_box
from vivavoce.measure.judges.corpus import FaceJudge
from vivavoce.measure.judges.networks import Face
from vivavoce.measure.judges.views import FACE_PX
from vivavoce.nn.latent import PARTS, TINY, TRAIN_STEPS, LatentBase, LatentSettings, weights_of
from vivavoce.nn.perceptual import perceptual_distance
from vivavoce.nn.pictures import as_pictures, as_tensor
from vivavoce.nn.weights import SHIPPED
from vivavoce.render.shaded import shaded
from vivavoce.systems.stage import Files, Optimiser, Preset, Run, Sample, Stage, Trainable, Turn
from vivavoce.train.latent.components import begin_as_components
from vivavoce.train.read.square import Sight
from vivavoce.train.read.windows import Clip, Windows

CROP = "portrait"
"""Square around the face that the base draws; a rule of `look.crop`."""
MESHES = 0.12
"""Share of the autoencoder's pictures that show a mesh."""
UNTOLD = 0.1
"""Share of the pictures whose caption is left out, for classifier-free guidance."""
PER_CLIP = 2
"""Frames of a clip whose latents the U-Net learns from."""
LINEAR = 256
"""Pictures whose components the autoencoder begins with."""
SHOWN = 6
"""Pictures of a strip."""

STAGES = (
    Stage(
        "vae", {"rec": 1.0, "mouth": 0.5, "perceptual": 0.3, "kl": 1e-5}, 700, 8,
        {"vae": Optimiser(("vae",), 4e-4, (0.9, 0.99), warmup=0.02, schedule="cosine", clip=1.0)},
        ema=0.99,
    ),
    Stage(
        "unet", {"diffusion": 1.0}, 2000, 8,
        {"unet": Optimiser(("unet", "text"), 1e-3, (0.9, 0.99), weight_decay=1e-2, warmup=0.02,
                           schedule="cosine", clip=1.0)}, ema=0.99,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Drawn:
    """Latents of some frames of a clip, with what its captions are made of."""

    latents: Tensor
    """Latents [n, C, h, w] in half precision, of the pictures and of their mirror images."""
    about: dict[str, Any]
    """The clip's `json` member."""


class LatentTraining(Trainable):
    """The base as the trainer sees it."""

    system = "latent"
    presets: ClassVar[Mapping[str, Preset[Any]]] = {"tiny": Preset(TINY, STAGES)}

    def __init__(self, settings: LatentSettings, stages: Sequence[Stage]) -> None:
        self.settings, self.stages = settings, tuple(stages)
        self.network: LatentBase = LatentBase(settings)
        self.eye: Face = FaceJudge(SHIPPED / "judges").net.requires_grad_(False)
        self.borrowed = {"eye": self.eye}
        self.windows: Windows | None = None
        self.held_out: Windows | None = None
        self.drawn: list[Drawn] = []

    def check(self, stages: Sequence[Stage], run: Run) -> None:
        """Refuse sets without pictures or tracks."""
        if run.data is None:
            raise RequestError("The latent base learns from pictures: give shards with --data.")
        sample = Windows(open_set(run.data), "train", 1, ("frames", "tracks")).clip(0).sample
        if sample.frames is None or "landmarks" not in sample.tracks:
            raise RequestError(f"The clips of {run.data} have no pictures or no landmarks.")

    def notes(self) -> Sequence[str]:
        """Which network the perceptual loss compares."""
        return ["The autoencoder's perceptual loss compares feature maps of the corpus face judge."]

    def begin(self, stage: Stage, run: Run) -> None:
        """Open the shards; for the U-Net, make the latents of some frames of every clip."""
        assert run.data is not None
        shards, members = open_set(run.data), ("frames", "tracks")
        self.windows = Windows(shards, "train", 1, members)
        self.held_out = Windows(shards, "test", 1, members) if "test" in shards.splits else None
        rng = np.random.default_rng(run.seed)
        if stage.name == "vae" and len(self.settings.vae_channels) == 1 and not run.resumed:
            some = [self.draw(stage, rng)["picture"] for _ in range(LINEAR)]
            begin_as_components(self.network, torch.stack(some).to(self.device))
        if stage.name == "unet":
            self.drawn = [self._latents(n, rng) for n in range(len(self.windows))]

    def draw(self, stage: Stage, rng: np.random.Generator) -> Sample:
        """A picture and where its mouth and eyes are; or a latent and its caption."""
        if stage.name == "unet":
            clip = self.drawn[int(rng.integers(len(self.drawn)))]
            latent = clip.latents[int(rng.integers(len(clip.latents)))]
            told = "" if rng.random() < UNTOLD else _caption(clip.about, rng)
            return {"latent": latent.float(), "caption": told}
        assert self.windows is not None
        window = self.windows.draw(rng)
        return picture_sample(window.clip, window.start, self.settings.size, rng)

    def losses(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
        """The losses of a stage."""
        if stage.name == "unet":
            return {"diffusion": self.l_diffusion(batch["latent"], batch["caption"], turn)}
        return self.l_vae(batch["picture"], batch["mouth"], turn)

    def l_vae(self, pictures: Tensor, mouths: Tensor, turn: Turn) -> dict[str, Tensor]:
        """Losses of pictures [B, 3, S, S] in [-1, 1] that go through the autoencoder; `mouths`
        [B, 1, S, S] is 1 where mouth or eyes are."""
        seen = self.network.posterior(pictures)
        noise = turn.normal(*seen.mean.shape[1:])
        made = self.network.decoded(seen.mean + seen.std * noise).float()
        error = (made - pictures).abs()
        kl = 0.5 * (seen.mean.square() + seen.var - 1 - seen.logvar)
        return {
            "rec": error.mean(),
            "mouth": (error * mouths).sum() / (3 * mouths.sum()).clamp(min=1),
            "perceptual": perceptual_distance(self.eye.maps, _small(made), _small(pictures)),
            "kl": kl.float().mean(),
        }

    def l_diffusion(self, latents: Tensor, captions: list[str], turn: Turn) -> Tensor:
        """The mean squared error of what the U-Net predicts at steps drawn evenly."""
        base = self.network
        steps = (turn.uniform() * TRAIN_STEPS).long()
        noise = turn.normal(*latents.shape[1:])
        found = base.predict(base.noised(latents, noise, steps), steps, base.context(captions))
        return F.mse_loss(found.float(), base.target(latents, noise, steps))

    def settle(self, stage: Stage) -> None:
        """After the autoencoder has learnt: the factor that brings its code to deviation 1."""
        if stage.name != "vae":
            return
        rng = np.random.default_rng(0)
        pictures = torch.stack([self.draw(stage, rng)["picture"] for _ in range(64)])
        with torch.no_grad():
            codes = self.network.encode(pictures.to(self.device)) / self.network.scale
        self.network.scale.copy_(1 / codes.std())

    def picture(self, stage: Stage, batch: Sample) -> np.ndarray | None:
        """Pictures above what the autoencoder makes of them; or some that the U-Net draws."""
        if stage.name == "vae":
            true = batch["picture"][:SHOWN]
            return _rows(true, self.network.decode(self.network.encode(true)))
        base, count = self.network, min(SHOWN, len(batch["latent"]))
        noise = torch.randn(count, *base.latent_shape, generator=torch.Generator().manual_seed(0))
        nothing = base.context([""])
        found = base.sample(
            noise.to(self.device), base.context(batch["caption"][:count]), 20, 3.0, nothing
        )
        return _rows(base.decode(batch["latent"][:count]), base.decode(found))

    def figures(self, stage: Stage) -> dict[str, float]:
        """PSNR in dB of reconstructions of held-out people, of whole pictures and of mouths."""
        if stage.name != "vae" or self.held_out is None:
            return {}
        rng = np.random.default_rng(1)
        whole, mouths = [], []
        for _ in range(64):
            window = self.held_out.draw(rng)
            sample = picture_sample(window.clip, window.start, self.settings.size, rng)
            true = sample["picture"][None].to(self.device)
            error = (self.network.decode(self.network.encode(true)).clamp(-1, 1) - true).square()
            inside = sample["mouth"][None].to(self.device).expand_as(error) > 0
            whole.append(error.mean().item())
            mouths.append(error[inside].mean().item())
        return {"PSNR": _psnr(whole), "PSNR of mouths and eyes": _psnr(mouths)}

    def config(self) -> dict[str, Any]:
        """The settings."""
        return {"settings": self.settings.model_dump(mode="json")}

    def files(self, stage: Stage) -> Files:
        """A file a network, in half precision."""
        return {f"{p}.safetensors": (weights_of(self.network, p), {"part": p}) for p in PARTS}

    def _latents(self, number: int, rng: np.random.Generator) -> Drawn:
        assert self.windows is not None
        clip = self.windows.clip(number)
        frames = rng.integers(len(clip.sample), size=PER_CLIP)
        pictures = as_tensor(Sight.of(clip, 0, self.settings.size, CROP).pictures(frames))
        both = torch.cat([pictures, pictures.flip(-1)]).to(self.device)
        with torch.no_grad():
            latents = torch.cat([self.network.encode(part) for part in both.split(PER_CLIP)])
        return Drawn(latents.half().cpu(), clip.sample.about)


def picture_sample(clip: Clip, frame: int, size: int, rng: np.random.Generator) -> Sample:
    """Picture [3, S, S] in [-1, 1] of a frame, and a map `mouth` [1, S, S] of mouth and eyes; now
    and then the frame's mesh instead, and half of them mirrored."""
    sight = Sight.of(clip, frame, size, CROP)
    points = sight.points([frame])
    show_mesh = rng.random() < MESHES
    mesh = face478.load().triangles
    picture = shaded(points[0], mesh, size) if show_mesh else sight.pictures([frame])[0]
    inside = np.zeros((1, size, size), np.float32)
    for box in (mouth_box(points)[0], _eyes(points[0])):
        left, top, right, bottom = (int(v) for v in np.round(box).clip(0, size))
        inside[:, top:bottom, left:right] = 1
    found = {"picture": as_tensor(picture), "mouth": torch.from_numpy(inside)}
    if rng.random() < 0.5:
        found = {name: value.flip(-1) for name, value in found.items()}
    return found


def _eyes(points: np.ndarray) -> np.ndarray:
    """Box [4] around both eyes: left, top, right, bottom in px."""
    eyes = points[[33, 133, 159, 145, 362, 263, 386, 374], :2]
    room = 0.12 * (eyes[:, 0].max() - eyes[:, 0].min())
    return np.concatenate([eyes.min(0) - room, eyes.max(0) + room])


def _small(pictures: Tensor) -> Tensor:
    """Pictures at the judge's size."""
    return F.adaptive_avg_pool2d(pictures, FACE_PX)


def _caption(about: dict[str, Any], rng: np.random.Generator) -> str:
    return caption(about.get("attributes", {}), str(about.get("emotion", "")), rng)


def _psnr(errors: list[float]) -> float:
    """PSNR in dB of mean squared errors of pictures in [-1, 1]."""
    return float(10 * np.log10(4 / np.mean(errors)))


def _rows(*rows: Tensor) -> np.ndarray:
    """Pictures [n, 3, S, S], a row each, one below the other."""
    return as_pictures(torch.cat([torch.cat(list(row), 2) for row in rows], 1))
