"""SDM, trained: `vivavoce train sdm --data SHARDS`.

| stage | learns | from |
|---|---|---|
| coarse | f_con, f_enc, h_enc, f_dec, f_rhy: L_total (Eq. 11) | windows of speech and landmarks |
| diffusion | the denoiser: L_diff (Eq. 9) | the same; F^aux of the frozen first stage |
| predictor | the step predictor: L_step; then k is found and kept | the same |
| renderer | the renderer: L_ren | pairs of pictures of a clip |
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import default_collate

from vivavoce.data.shards import open_set
from vivavoce.errors import RequestError
from vivavoce.measure.judges.corpus import FaceJudge
from vivavoce.move.pose_rhythm import independence_loss, regularity_loss
from vivavoce.move.shallow_diffusion import divergence, meeting_step, separability, step_loss
from vivavoce.nn.perceptual import VGG19_FILE, Maps, held_vgg19, load_vgg19, perceptual_distance
from vivavoce.nn.pictures import as_pictures
from vivavoce.nn.weights import SHIPPED
from vivavoce.systems.sdm.net import Coarse, Heard, SdmNet
from vivavoce.systems.sdm.settings import PRESETS, SdmSettings
from vivavoce.systems.stage import Files, Run, Sample, Stage, Trainable, Turn
from vivavoce.train.read.windows import Windows
from vivavoce.train.sdm.samples import movements_to_fit, pair_of_pictures, speech_and_movements

CHOSEN_ON = 128
"""Windows on which k is found."""
SHOWN = 6
"""Pictures of a strip."""


class SdmTraining(Trainable):
    """SDM as the trainer sees it."""

    system = "sdm"
    presets = PRESETS

    def __init__(self, settings: SdmSettings, stages: Sequence[Stage]) -> None:
        self.settings, self.stages = settings, tuple(stages)
        self.net = SdmNet(settings)
        parts = nn.ModuleDict(dict(self.net.named_children()))
        if settings.perceptual == "corpus":
            parts["eye"] = FaceJudge(SHIPPED / "judges").net.requires_grad_(False)
        elif file := held_vgg19():
            self.borrowed = {"eye": load_vgg19(file)}
        self.network = parts
        self.windows: Windows | None = None
        self.found: dict[str, float] = {}

    def check(self, stages: Sequence[Stage], run: Run) -> None:
        """Refuse sets without sound, tracks or pictures, clips too short for the windows, and a
        perceptual loss without its network."""
        if run.data is None:
            raise RequestError("SDM learns from talking clips: give shards with --data.")
        names = {stage.name for stage in stages}
        if "renderer" in names and self.settings.perceptual == "vgg19" and not self.borrowed:
            raise RequestError(
                f"The renderer's perceptual loss needs torchvision's {VGG19_FILE} in "
                f"{torch.hub.get_dir()}/checkpoints. Put it there, or take the corpus face judge: "
                "--set model.perceptual=corpus"
            )
        self._check_lengths(stages, run.data)
        sample = Windows(open_set(run.data), "train", 2).clip(0).sample
        has = {
            "sound": sample.samples is not None or names == {"renderer"},
            "tracks": {"landmarks", "pose"} <= sample.tracks.keys(),
            "pictures": sample.frames is not None or "renderer" not in names,
        }
        missing = [what for what, there in has.items() if not there]
        if missing:
            raise RequestError(
                f"The clips of {run.data} have no {' and no '.join(missing)}, which SDM learns "
                "from. Prepare them again: vivavoce data prepare --help"
            )

    def _check_lengths(self, stages: Sequence[Stage], data: Path) -> None:
        """Refuse clips that are shorter than the windows, or too few for the directions of F."""
        lengths = [about["frames"] for about in Windows(open_set(data), "train", 2, ()).about]
        needed = max((stage.window for stage in stages), default=0)
        longest, frames, directions = max(lengths), sum(lengths), self.settings.motion
        if longest < needed:
            raise RequestError(
                f"The longest clip of {data} has {longest} frames, and SDM learns from windows "
                f"of {needed}. Take shorter ones: --set window={longest - longest % 4}"
            )
        if stages[0].name == "coarse" and directions and frames < directions:
            raise RequestError(
                f"{data} has {frames} frames; the {directions} directions of F need as many "
                f"at least. Take more clips, or fewer directions: --set model.motion={frames}"
            )

    def notes(self) -> Sequence[str]:
        """Which network the renderer's perceptual loss compares."""
        eyes = {
            "vgg19": "the official VGG19",
            "corpus": "the corpus face judge, which also measures FID and CSIM by default",
        }
        eye = eyes[self.settings.perceptual]
        return [f"The renderer's perceptual loss compares feature maps of {eye}."]

    def begin(self, stage: Stage, run: Run) -> None:
        """Open the shards; before anything is learnt, fit the directions of F."""
        assert run.data is not None
        members = ("frames", "tracks") if stage.name == "renderer" else ("wav", "tracks")
        self.windows = Windows(open_set(run.data), "train", max(stage.window, 2), members)
        if stage.name == "coarse" and not run.resumed:
            rng = np.random.default_rng(run.seed)
            self.net.space.fit(movements_to_fit(self.windows, self.net.space, rng))

    def draw(self, stage: Stage, rng: np.random.Generator) -> Sample:
        """A window of speech and movements, or two pictures of a clip with their landmarks."""
        assert self.windows is not None
        window = self.windows.draw(rng)
        if stage.name == "renderer":
            return pair_of_pictures(window.clip, self.settings.size, rng)
        return speech_and_movements(window, self.net.space)

    def losses(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
        """The losses of a stage, by the paper's names."""
        if stage.name == "renderer":
            return self.l_ren(batch)
        heard = self.net.hear(batch["mel"], batch["prosody"])
        truth = self.net.space.code(batch["movements"])  # F [B, 1 + T, K]
        if stage.name == "coarse":
            return self.l_total(heard, truth, turn)
        coarse = self._coarse(heard, truth, turn)
        t = (1 + turn.uniform() * self.settings.steps).long()
        if stage.name == "diffusion":
            return {"diff": self.l_diff(heard, coarse, truth[:, 1:], t, turn)}
        return {"step": self.l_step(coarse, truth[:, 1:], t, turn)}

    def l_total(self, heard: Heard, truth: Tensor, turn: Turn) -> dict[str, Tensor]:
        """The terms of L_total (Eq. 11): L_reg (Eq. 4), L_ind (Eq. 5), L_rec (Eq. 10), and the
        divergence of the two Gaussians of z where it is drawn; F is `truth` [B, 1 + T, K]."""
        free = turn.uniform(truth.shape[1] - 1) < turn.setting("free", 0.0)
        made = self.net.coarse_from_truth(heard, truth, free, self._z_noise(heard, turn))
        pose, rhythm = made.pose.flatten(0, 1), heard.rhythm.flatten(0, 1)
        found = {
            "reg": regularity_loss(self.net.pose, truth),
            "ind": independence_loss(pose, rhythm, self.settings.literal_ind),
            "rec": (made.aux - truth[:, 1:]).abs().mean(),
        }
        return found if made.z_divergence is None else found | {"z": made.z_divergence}

    def l_diff(
        self, heard: Heard, coarse: Coarse, truth: Tensor, t: Tensor, turn: Turn
    ) -> Tensor:  # fmt: skip
        """L_diff (Eq. 9): absolute error of the noise that the denoiser finds in the noised truth
        F^t, for F [B, T, K] and steps t [B]."""
        conditions = self.net.conditions(heard, coarse)
        wanted = self._refined_truth(coarse, truth)
        error = self.net.diffusion.loss(
            lambda x, t: self.net.denoiser(x, t, conditions),
            wanted,
            turn.normal(*truth.shape[1:]),
            t,
        )
        return error.mean()

    def l_step(self, coarse: Coarse, truth: Tensor, t: Tensor, turn: Turn) -> Tensor:
        """L_step: the step predictor tells noised truth from noised F^aux, for F [B, T, K] and
        steps t [B]."""
        true, made = (
            self.net.diffusion.corrupt(x, turn.normal(*x.shape[1:]), t)
            for x in (self._refined_truth(coarse, truth), self.net.refined_part(coarse))
        )
        return step_loss(self.net.predictor, true, made, t)

    def l_ren(self, batch: Sample) -> dict[str, Tensor]:
        """L_ren: absolute error of pixels, of those in the mouth's box, and perceptual distance."""
        made = self._rendered(batch)
        error = (made - batch["target"]).abs()
        mouth = (error.mean(1, keepdim=True) * batch["inside"]).sum()
        return {
            "rec": error.mean(),
            "mouth": mouth / batch["inside"].sum().clamp(min=1),
            "perceptual": perceptual_distance(self._maps(), made, batch["target"]),
        }

    def _coarse(self, heard: Heard, truth: Tensor, turn: Turn) -> Coarse:
        """The coarse motion as in use: it continues its own frames."""
        return self.net.coarse(heard, truth[:, 0], noise=self._z_noise(heard, turn))

    def _z_noise(self, heard: Heard, turn: Turn) -> Tensor | None:
        """Noise [B, T, C] that draws z; None where it is not drawn."""
        return turn.normal(*heard.content.shape[1:]) if self.settings.sample_z else None

    def _refined_truth(self, coarse: Coarse, truth: Tensor) -> Tensor:
        """What the refined part should have been, so that the whole is the truth [B, T, K]."""
        return truth - (coarse.aux - self.net.refined_part(coarse))

    def _rendered(self, batch: Sample) -> Tensor:
        drawn = batch["drawn_before"], batch["drawn_after"]
        made: Tensor = self.net.renderer(
            batch["reference"], batch["before"], batch["after"], drawn
        )  # fmt: skip
        return made

    def _maps(self) -> Maps:
        """What gives the feature maps of the perceptual loss."""
        maps: Maps = self.borrowed["eye"] if self.borrowed else self.network["eye"].maps  # type: ignore[index]
        return maps

    def picture(self, stage: Stage, batch: Sample) -> np.ndarray | None:
        """Reference, target and made picture, one below the other, of some samples."""
        if stage.name != "renderer":
            return None
        few = {name: value[:SHOWN] for name, value in batch.items()}
        rows = [few["reference"], few["target"], self._rendered(few)]
        return as_pictures(torch.cat([torch.cat(list(row), 2) for row in rows], 1))

    def settle(self, stage: Stage) -> None:
        """After the predictor has learnt: find k, which is kept with the weights."""
        if stage.name == "predictor":
            self.found = self.find_k(stage)
            self.net.predictor.k.fill_(int(self.found["k"]))

    def figures(self, stage: Stage) -> dict[str, float]:
        """k and what it was found from."""
        return self.found if stage.name == "predictor" else {}

    @torch.no_grad()
    def find_k(self, stage: Stage) -> dict[str, float]:
        """k: the step where truth and F^aux meet on windows of the set; beside it, at k, how often
        the predictor tells them apart (AUC), its beliefs, and D_t in nats a number of F."""
        rng = np.random.default_rng(0)
        steps = torch.arange(1, self.settings.steps + 1, device=self.device)
        true, made, d = [], [], []
        for number in range(CHOSEN_ON):
            batch = default_collate([self.draw(stage, rng)])
            batch = {name: value.to(self.device) for name, value in batch.items()}
            turn = Turn("k", 0, {}, torch.tensor([number]), 0, self.device)
            heard = self.net.hear(batch["mel"], batch["prosody"])
            truth = self.net.space.code(batch["movements"])
            coarse = self._coarse(heard, truth, turn)
            wanted = self._refined_truth(coarse, truth[:, 1:])
            begin = self.net.refined_part(coarse)
            true.append(self._beliefs(wanted, steps, turn))
            made.append(self._beliefs(begin, steps, turn))
            d.append(divergence(self.net.diffusion, begin, wanted) / begin.numel())
        auc = separability(torch.stack(true), torch.stack(made))
        k = meeting_step(auc)
        at = {"AUC": auc, "belief, truth": torch.stack(true).mean(0),
              "belief, F^aux": torch.stack(made).mean(0),
              "D_t, nats a number": torch.stack(d).mean(0)}  # fmt: skip
        return {"k": float(k)} | {f"{name} at k": float(v[k - 1]) for name, v in at.items()}

    def _beliefs(self, motion: Tensor, steps: Tensor, turn: Turn) -> Tensor:
        """B(F^t, t) [T] of one motion [1, T', K] that is noised to every step."""
        noise = turn.normal(len(steps), *motion.shape[1:])[0]
        noisy = self.net.diffusion.corrupt(motion.expand(len(steps), -1, -1), noise, steps)
        beliefs: Tensor = self.net.predictor(noisy, steps)
        return beliefs

    def config(self) -> dict[str, Any]:
        """The settings."""
        return {"settings": self.settings.model_dump(mode="json")}

    def files(self, stage: Stage) -> Files:
        """The whole network in half precision; the directions of F in full."""
        weights = {
            name: (value if name.startswith("space.") or not value.is_floating_point()
                   else value.half()).contiguous()
            for name, value in self.net.state_dict().items()
        }  # fmt: skip
        return {"sdm.safetensors": (weights, {"part": "sdm"})}
