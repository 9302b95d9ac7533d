"""ImagineID, trained: `vivavoce train imagine-id --data SHARDS`.

| stage | learns | from |
|---|---|---|
| expert | the lip-reading expert that PAD-2 needs | mouths drawn from true coefficients |
| identity | Phi_E^id: L_id + w_con L_con (PAD-1) | windows of sound, in pairs of speakers |
| content | Phi_E^c, Phi_D^c: L_lip + w_reg L_reg (PAD-2) | windows; expert and PAD-1 frozen |
| feeling | Phi_E^e, Phi_D^e: L_exp + w_con L_con (PAD-3) | windows, in pairs of feelings |
| tia | F_TI (Eq. 8) | latents, and theta_id, theta_e of their clips |
| sca | F_SC (Eq. 9) | quadruples: frame, mesh, identity, masked neighbour |
| mba | F_MB (Eq. 10) | frames, backgrounds, masks |

The latent diffusion model is frozen in all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.data.corpus.captions import unheard
from vivavoce.data.shards import open_set
from vivavoce.errors import RequestError
from vivavoce.measure.judges.corpus import FaceJudge
from vivavoce.measure.judges.networks import Face
from vivavoce.measure.judges.views import FACE_PX
from vivavoce.nn.latent import TRAIN_STEPS, LatentBase
from vivavoce.nn.perceptual import VGG19_FILE, Maps, held_vgg19, load_vgg19, perceptual_distance
from vivavoce.nn.pictures import as_pictures
from vivavoce.nn.weights import SHIPPED
from vivavoce.systems.imagine_id.expert import drawn_mouth, lip_loss
from vivavoce.systems.imagine_id.face import FaceSpace, face_space
from vivavoce.systems.imagine_id.hearing import Factors, factors
from vivavoce.systems.imagine_id.net import ImagineNet, load_base, weights_of
from vivavoce.systems.imagine_id.pad import contrast, distance
from vivavoce.systems.imagine_id.settings import (
    MESH_ALONE,
    PRESETS,
    WINDOW,
    ImagineSettings,
)
from vivavoce.systems.stage import Files, Preset, Run, Sample, Stage, Trainable, Turn
from vivavoce.train.imagine_id.pictures import Quadruples, cached, encoded, pair
from vivavoce.train.imagine_id.sounds import TRACKS, Sounds
from vivavoce.train.read.windows import Windows

LISTENING = ("expert", "identity", "content", "feeling")
"""Stages of PAD; the others are CCF's."""
LISTENED = 0, 1, 2
"""Places of anchor, positive and negative in a sample's sound."""
SHOWN = 6
"""Pictures of a strip."""


class ImagineTraining(Trainable):
    """ImagineID as the trainer sees it."""

    system = "imagine-id"
    presets: ClassVar[Mapping[str, Preset[Any]]] = PRESETS

    def __init__(self, settings: ImagineSettings, stages: Sequence[Stage]) -> None:
        self.settings, self.stages = settings, tuple(stages)
        self.net = ImagineNet(settings)
        self.network = self.net
        self.borrowed: dict[str, nn.Module] = {}
        self.windows: Windows | None = None
        self.sounds: Sounds | None = None
        self.quadruples: Quadruples
        self.latents: Tensor | None = None
        self.heard: list[Factors] = []

    @property
    def face(self) -> FaceSpace:
        """The linear face."""
        return self.borrowed["face"]  # type: ignore[return-value]

    @property
    def base(self) -> LatentBase:
        """The frozen latent diffusion model."""
        return self.borrowed["base"]  # type: ignore[return-value]

    def check(self, stages: Sequence[Stage], run: Run) -> None:
        """Bring what is borrowed; refuse sets without what a stage learns from."""
        if run.data is None:
            raise RequestError("ImagineID learns from talking clips: give shards with --data.")
        names = {stage.name for stage in stages}
        self.borrowed["face"] = face_space(self.settings)
        if names - set(LISTENING):
            self.borrowed["base"] = load_base(self.settings)
        if "mba" in names:
            file = held_vgg19()
            self.borrowed["eye"] = (
                load_vgg19(file) if file else FaceJudge(SHIPPED / "judges").net
            )  # fmt: skip
        windows = Windows(open_set(run.data), "train", WINDOW)
        sample = windows.clip(0).sample
        tracks = TRACKS[self.settings.face]
        missing = [f"track {name!r}" for name in tracks if name not in sample.tracks]
        missing += ["sound"] if sample.samples is None else []
        missing += ["pictures"] if sample.frames is None and names - set(LISTENING) else []
        if missing:
            raise RequestError(
                f"The clips of {run.data} have no {' and no '.join(missing)}, which ImagineID "
                "learns from. The face face478 is in every prepared set; for bfm, add "
                "Deep3DFace's coefficients as bfm_identity [80] and bfm_expression [T, 64]."
            )

    def notes(self) -> Sequence[str]:
        """What stands in for what the paper holds."""
        found = ["The lip-reading expert reads sounds off drawn mouths; it is not AV-HuBERT."]
        if isinstance(self.borrowed.get("eye"), Face):
            found.append(
                "MBA's perceptual loss compares maps of the corpus face judge, not of "
                f"{VGG19_FILE}."
            )
        return found

    def begin(self, stage: Stage, run: Run) -> None:
        """Open the shards; for the adapters, hear every clip, and make latents once if asked to."""
        assert run.data is not None
        members = ("wav", "tracks") if stage.name in LISTENING else ("wav", "tracks", "frames")
        self.windows = Windows(open_set(run.data), "train", WINDOW, members)
        self.sounds = Sounds(self.windows, self.settings.face)
        if stage.name in LISTENING:
            return
        face = face_space(self.settings)  # one that stays on the CPU, where samples are drawn
        self.quadruples = Quadruples(face, self.settings, self.base.settings.size)
        if stage.name == "mba":
            return
        self.heard = [self._hear(n) for n in range(len(self.windows))]
        if stage.name == "tia" and not run.resumed:
            self.net.tia.fit(self.base.hidden_layer.weight)
        if self.settings.per_clip:
            self.latents = cached(
                run.scratch / "latents.safetensors", self.base, self.quadruples, self.windows,
                self.settings.per_clip, run.seed,
            )  # fmt: skip

    def draw(self, stage: Stage, rng: np.random.Generator) -> Sample:
        """Windows of sound for PAD; latents or pictures, with what was heard, for the adapters."""
        assert self.windows is not None
        assert self.sounds is not None
        if stage.name == "feeling":
            return self.sounds.draw(self.sounds.by_feeling(rng), rng)
        if stage.name in LISTENING:
            return self.sounds.draw(self.sounds.by_person(rng), rng)
        number = int(rng.integers(len(self.windows)))
        if stage.name == "mba":
            clip = self.windows.clip(number)
            return self.quadruples.background(clip, *pair(len(clip.sample), rng))
        return self._quadruple(number, rng) | self._description(number, rng)

    def losses(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
        """The losses of a stage, by the paper's names."""
        if stage.name == "expert":
            return {"lip": self.l_lip(batch["shape"], batch["expression"], batch["said"])}
        if stage.name == "identity":
            return self.l_identity(batch)
        if stage.name == "content":
            return self.l_content(batch)
        if stage.name == "feeling":
            return self.l_feeling(batch)
        if stage.name == "mba":
            return self.l_mba(batch)
        return {"diffusion": self.l_diffusion(stage, batch, turn)}

    def l_identity(self, batch: Sample) -> dict[str, Tensor]:
        """PAD-1: L_id = ||alpha - alpha^||_2 and L_con of theta_id (Eq. 3)."""
        shapes, codes = zip(
            *(self.net.pad.identity(batch["sound"][:, k]) for k in LISTENED), strict=True
        )
        return {
            "id": distance(shapes[0], batch["shape"], self.settings.squared),
            "con": contrast(*codes),
        }

    def l_content(self, batch: Sample) -> dict[str, Tensor]:
        """PAD-2: L_lip of the mouth that l draws, and L_reg = ||l - beta||_2."""
        sound = batch["sound"][:, 0]
        shape = self._shape(sound)
        found = self.net.pad.content.decode(self.net.pad.content.encode(sound), shape)
        return {
            "lip": self.l_lip(shape, found, batch["said"]),
            "reg": distance(found, batch["expression"], self.settings.squared),
        }

    def l_feeling(self, batch: Sample) -> dict[str, Tensor]:
        """PAD-3: ||beta - beta^||_2 and L_con of theta_e."""
        pad, sound = self.net.pad, batch["sound"]
        with torch.no_grad():  # identity and content encoder stay (O8)
            content = pad.content.encode(sound[:, 0])
        codes = [pad.feeling.encode(sound[:, k]) for k in LISTENED]
        found = pad.feeling.decode(codes[0], content, self._shape(sound[:, 0]))
        return {
            "exp": distance(found, batch["expression"], self.settings.squared),
            "con": contrast(*codes),
        }

    def l_lip(self, shape: Tensor, expression: Tensor, said: Tensor) -> Tensor:
        """L_lip: what the expert reads off the mouths that coefficients [B, L, E] draw."""
        inner, outer = self.face.lips(shape[:, None], expression)
        return lip_loss(self.net.expert(drawn_mouth(inner, outer)), said)

    def l_diffusion(self, stage: Stage, batch: Sample, turn: Turn) -> Tensor:
        """Eq. 8 for TIA, Eq. 9 for SCA: the mean squared error of what the frozen U-Net predicts,
        steered by Y and, for SCA, by F_sc."""
        base, four = self.base, self._latents(batch)
        with torch.set_grad_enabled(stage.name == "tia"):
            context = self._context(batch)
        residuals = self.f_sc(four, turn) if stage.name == "sca" else None
        steps = (turn.uniform() * TRAIN_STEPS).long()
        latents = four[:, 0]
        noise = turn.normal(*latents.shape[1:])
        found = base.predict(base.noised(latents, noise, steps), steps, context, residuals)
        return F.mse_loss(found.float(), base.target(latents, noise, steps))

    def f_sc(self, four: Tensor, turn: Turn) -> list[Tensor]:
        """F_sc of latents [B, 4, C, h, w]: all conditions where p < 0.8, the mesh alone elsewhere
        (Eq. 9); a condition of zeros adds no term."""
        seen = (turn.uniform() < 1 - MESH_ALONE).to(four)[:, None, None, None]
        return self.net.sca(four[:, 1], four[:, 3] * seen, four[:, 2] * seen)

    def l_mba(self, batch: Sample) -> dict[str, Tensor]:
        """|I - I^|_1 and the perceptual distance of a frame and its reconstruction by D'."""
        base = self.base
        with torch.no_grad():
            latents = base.encode(batch["picture"])
            behind = base.features(batch["background"])
        made = base.decode(latents, self.net.mba.over(behind, batch["mask"])).float()
        true = batch["picture"]
        return {
            "rec": (true - made).abs().mean(),
            "perceptual": perceptual_distance(self._maps(), made, true),
        }

    def picture(self, stage: Stage, batch: Sample) -> np.ndarray | None:
        """Frames, their meshes, and what is drawn for them with all conditions and with the mesh
        alone."""
        if stage.name not in ("tia", "sca"):
            return None
        base, few = self.base, {name: value[:SHOWN] for name, value in batch.items()}
        four, context = self._latents(few), self._context(few)
        noise = torch.randn(four[:, 0].shape, generator=torch.Generator().manual_seed(0))
        noise = noise.to(four.device)
        rows = [base.decode(four[:, 0]), base.decode(four[:, 1])]
        both = [(four[:, 3], four[:, 2]), (None, None)] if stage.name == "sca" else [None]
        for seen in both:
            residuals = None if seen is None else self.net.sca(four[:, 1], *seen)
            rows.append(base.decode(base.sample(noise, context, 20, residuals=residuals)))
        return as_pictures(torch.cat([torch.cat(list(row), 2) for row in rows], 1))

    def config(self) -> dict[str, Any]:
        """The settings, and the defaults of options that suit a small network."""
        settings = {"settings": self.settings.model_dump(mode="json")}
        quick = {
            "steps": 4, "guidance": 1.5, "coherent_guidance": 1.0,
            "without": ["adjacent"],  # its own frames, fed back, add up its errors (O20)
        }  # fmt: skip
        return settings | ({"options": quick} if self.settings.base == "small" else {})

    def files(self, stage: Stage) -> Files:
        """PAD and the adapters, in half precision."""
        return {"imagine.safetensors": (weights_of(self.net), {"part": "imagine"})}

    def _shape(self, sound: Tensor) -> Tensor:
        """alpha^ of the frozen identity encoder: no gradient reaches it."""
        with torch.no_grad():
            found: Tensor = self.net.pad.identity(sound)[0]
        return found

    def _hear(self, number: int) -> Factors:
        """theta_id and theta_e of a clip, on the CPU."""
        assert self.windows is not None
        samples = self.windows.clip(number).sample.samples
        assert samples is not None
        found = factors(self.net, samples)
        return Factors(
            found.shape.cpu(), found.semantics.cpu(), found.feeling.cpu(), found.content.cpu(),
            found.frames,
        )  # fmt: skip

    def _quadruple(self, number: int, rng: np.random.Generator) -> Sample:
        if self.latents is not None:
            each = self.latents[number]
            return {"latents": each[int(rng.integers(len(each)))].float()}
        assert self.windows is not None
        clip = self.windows.clip(number)
        return {"pictures": self.quadruples.pictures(clip, *pair(len(clip.sample), rng))}

    def _description(self, number: int, rng: np.random.Generator) -> Sample:
        """theta_id, theta_e [D] and the phrases that the prompt adds."""
        assert self.windows is not None
        heard, about = self.heard[number], self.windows.about[number]
        told = rng.random() < self.settings.captions
        return {
            "semantics": heard.semantics[0], "feeling": heard.feeling[0],
            "prompt": unheard(about.get("attributes", {}), rng) if told else "",
        }  # fmt: skip

    def _latents(self, batch: Sample) -> Tensor:
        if "latents" in batch:
            found: Tensor = batch["latents"]
            return found
        return encoded(self.base, batch["pictures"])

    def _context(self, batch: Sample) -> Tensor:
        """Y [B, L, d]."""
        return self.net.context(
            self.base, batch["semantics"], batch["feeling"], batch["prompt"]
        )  # fmt: skip

    def _maps(self) -> Maps:
        eye = self.borrowed["eye"]
        if isinstance(eye, Face):
            return lambda pictures: eye.maps(F.adaptive_avg_pool2d(pictures, FACE_PX))
        return eye
