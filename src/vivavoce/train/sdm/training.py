"""SDM, trained: `vivavoce train sdm --data SHARDS`.

| stage | learns | from |
|---|---|---|
| coarse | f_con, f_enc, h_enc, f_dec, f_rhy: L_total (Eq. 11) | windows of speech and landmarks |
| diffusion | the denoiser: L_diff (Eq. 9) | the same; F^aux of the frozen first stage |
| predictor | the step predictor, after which k is chosen and kept | the same |
| renderer | the renderer | pairs of pictures and their true landmarks |

The reference frame of a clip is its first: people begin at rest, and a portrait is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vivavoce.data.shards import open_set
from vivavoce.errors import RequestError, UnknownName
from vivavoce.listen.prosody import ProsodyStream
from vivavoce.measure.judges import WEIGHTS as JUDGES
from vivavoce.measure.judges.corpus import FaceJudge
from vivavoce.move.pose_rhythm import independence_loss, regularity_loss
from vivavoce.move.shallow_diffusion import meeting_step, step_loss
from vivavoce.nn.perceptual import perceptual_distance
from vivavoce.render.landmark_drawing import draw_landmarks
from vivavoce.systems.sdm.net import GUIDES, PRESETS, STAGES, SdmNet
from vivavoce.systems.stage import Files, Run, Sample, Stage, Trainable, Turn
from vivavoce.train.read.windows import Clip, Windows
from vivavoce.types import Bytes, Float

FITTED_ON = 4000
"""Frames on which the directions of F are fitted."""
CHOSEN_ON = 32
"""Windows on which k is chosen."""
MOUTH_WEIGHT = 4.0
"""How much more a pixel of the mouth's box counts."""


class SdmTraining(Trainable):
    """The system as the trainer sees it."""

    system = "sdm"

    def __init__(self, preset: str = "tiny") -> None:
        if preset not in PRESETS:
            raise UnknownName("preset of sdm", preset, PRESETS)
        self.preset = preset
        self.stages = STAGES[preset]
        self.net = SdmNet(PRESETS[preset])
        self.network: nn.Module = self.net
        self.windows: Windows | None = None
        self.eye: FaceJudge | None = None
        self.prosody: dict[str, Float] = {}

    def begin(self, stage: Stage, run: Run) -> None:
        """Open the shards; before anything is learnt, fit the directions of F."""
        if run.data is None:
            raise RequestError("SDM learns from talking clips: give shards with --data.")
        pictures = stage.name == "renderer"
        members = ("frames", "tracks") if pictures else ("wav", "tracks")
        self.windows = Windows(open_set(run.data), "train", max(stage.window, 2), members)
        if pictures:
            self.eye = FaceJudge(JUDGES)
        if stage.name == "coarse" and not run.resumed:
            self.net.space.fit(self._movements(np.random.default_rng(run.seed)))

    def _movements(self, rng: np.random.Generator) -> Float:
        """Movements of frames of many clips [N, P, D]."""
        assert self.windows is not None
        each = max(2, FITTED_ON // len(self.windows))
        found = []
        for number in range(len(self.windows)):
            moved = self._moved(self.windows.clip(number))
            found.append(moved[rng.integers(len(moved), size=each)])
        return np.concatenate(found)

    def _moved(self, clip: Clip) -> Float:
        marks = clip.sample.tracks["landmarks"]
        return self.net.space.of(marks, marks[0], float(clip.sample.about["size"]))

    def draw(self, stage: Stage, rng: np.random.Generator) -> Sample:
        """A window of speech and F, or two pictures of a clip with their landmarks."""
        assert self.windows is not None
        if stage.name == "renderer":
            return self._pictures(self.windows.draw(rng).clip, rng)
        window = self.windows.draw(rng)
        moved = self._moved(window.clip)
        before = moved[max(window.start - 1, 0)][None]
        prosody = self._prosody(window.clip)[window.span]
        with torch.no_grad():
            code = self.net.space.code(
                torch.from_numpy(np.concatenate([before, moved[window.span]]))
            )
        return {"mel": torch.from_numpy(window.mel), "prosody": torch.from_numpy(prosody),
                "motion": code}  # fmt: skip

    def _prosody(self, clip: Clip) -> Float:
        key = clip.sample.key
        if key not in self.prosody:
            assert clip.sample.samples is not None
            self.prosody[key] = prosody_of(clip.sample.samples)
        return self.prosody[key]

    def _pictures(self, clip: Clip, rng: np.random.Generator) -> Sample:
        packed, marks = clip.sample.frames, clip.sample.tracks["landmarks"]
        assert packed is not None
        # the reference is what a portrait is: mostly the clip's beginning, sometimes any frame
        first = 0 if rng.random() < 0.7 else int(rng.integers(len(marks)))
        pair = [first, int(rng.integers(len(marks)))]
        side = float(clip.sample.about["size"])
        box = clip.sample.tracks["mouth_box"][pair[1]]
        inside = np.zeros((1, int(side), int(side)), np.float32)
        left, top, right, bottom = (int(v) for v in np.round(box).clip(0, side))
        inside[:, top:bottom, left:right] = 1
        return render_inputs(np.stack([packed[i] for i in pair]), marks[pair], side) | {
            "inside": torch.from_numpy(inside)
        }

    def losses(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
        """Of the stage."""
        if stage.name == "renderer":
            return self._rendered(batch)
        heard = self.net.hear(batch["mel"], batch["prosody"])
        first, truth = batch["motion"][:, 0], batch["motion"][:, 1:]
        z = turn.normal(truth.shape[1], heard.content.shape[2]) if self.net.settings.drawn else None
        if stage.name == "coarse":
            free = turn.uniform(truth.shape[1]) < turn.setting("free", 0.0)
            made = self.net.coarse(heard, first, truth=truth, free=free, noise=z)
            literal = self.net.settings.literal_ind
            found = {
                "reg": regularity_loss(self.net.pose, batch["motion"]),
                "ind": independence_loss(
                    made.pose.flatten(0, 1), heard.rhythm.flatten(0, 1), literal
                ),
                "rec": (made.aux - truth).abs().mean(),
            }
            return found if made.divergence is None else found | {"z": made.divergence}
        made = self.net.coarse(heard, first, noise=z)
        begin = self.net.diffused(made)
        truth = truth - (made.aux - begin)
        t = (1 + turn.uniform() * self.net.settings.steps).long()
        if stage.name == "diffusion":
            told = self.net.denoiser.conditions(self.net.told(heard, made.aux))
            noise = turn.normal(*truth.shape[1:])
            apart = self.net.diffusion.loss(
                lambda x, t: self.net.denoiser(x, t, told), truth, noise, t
            )
            return {"diff": apart.mean()}
        true, made_up = (self.net.diffusion.corrupt(x, turn.normal(*truth.shape[1:]), t)
                         for x in (truth, begin))  # fmt: skip
        return {"step": step_loss(self.net.predictor, true, made_up, t)}

    def _rendered(self, batch: Sample) -> dict[str, Tensor]:
        assert self.eye is not None
        made = self.net.renderer(
            batch["reference"], batch["before"], batch["after"],
            (batch["drawn_before"], batch["drawn_after"]),
        )  # fmt: skip
        apart = (made - batch["target"]).abs()
        mouth = (apart.mean(1, keepdim=True) * batch["inside"]).sum()
        return {
            "rec": apart.mean(),
            "mouth": MOUTH_WEIGHT * mouth / batch["inside"].sum().clamp(min=1) / 4,
            "perceptual": perceptual_distance(self.eye.net.maps, made, batch["target"]),
        }

    def picture(self, stage: Stage, batch: Sample) -> np.ndarray | None:
        """Reference, target, made, side by side."""
        if stage.name != "renderer":
            return None
        few = {k: v[:6] for k, v in batch.items()}
        with torch.no_grad():
            made = self.net.renderer(
                few["reference"], few["before"], few["after"],
                (few["drawn_before"], few["drawn_after"]),
            )  # fmt: skip
        rows = [torch.cat(list(x), 2) for x in (few["reference"], few["target"], made)]
        strip = torch.cat(rows, 1).permute(1, 2, 0)
        return np.asarray(((strip.clamp(-1, 1) + 1) * 127.5).round().byte().cpu().numpy())

    def figures(self, stage: Stage) -> dict[str, float]:
        """After the predictor has learnt: k, which is kept with the weights."""
        if stage.name != "predictor":
            return {}
        k, share = self.choose_k(np.random.default_rng(0))
        self.net.k.fill_(k)
        return {"k": float(k), "told apart at k": share}

    @torch.no_grad()
    def choose_k(self, rng: np.random.Generator) -> tuple[int, float]:
        """k: the rounded mean of k' over some windows; and the predictor's mean belief there."""
        assert self.windows is not None
        net, found, beliefs = self.net, [], []
        for _ in range(CHOSEN_ON):
            sample = self.draw(self.stages[0], rng)
            batch = {name: value[None] for name, value in sample.items()}
            heard = net.hear(batch["mel"], batch["prosody"])
            z = normal(rng, *heard.content.shape) if net.settings.drawn else None
            made = net.diffused(net.coarse(heard, batch["motion"][:, 0], noise=z))
            steps = torch.arange(1, net.settings.steps + 1)
            many = made.expand(len(steps), -1, -1)
            noisy = net.diffusion.corrupt(many, normal(rng, *many.shape), steps)
            belief = net.predictor(noisy, steps)
            found.append(meeting_step(belief))
            beliefs.append(belief)
        k = max(1, round(float(np.mean(found))))
        return k, float(torch.stack(beliefs)[:, k - 1].mean())

    def config(self) -> dict[str, Any]:
        """The settings."""
        return {"settings": self.net.settings.model_dump(mode="json")}

    def files(self, stage: Stage) -> Files:
        """The whole network in half precision; the directions of F in full."""
        weights = {
            name: (value if name.startswith("space.") or not value.is_floating_point()
                   else value.half()).contiguous()
            for name, value in self.net.state_dict().items()
        }  # fmt: skip
        return {"sdm.safetensors": (weights, {"part": "sdm"})}

    def make_room(self, saved: Mapping[str, Tensor]) -> None:
        """Nothing depends on the data's size."""


def normal(rng: np.random.Generator, *shape: int) -> Tensor:
    """Standard normal noise."""
    return torch.from_numpy(rng.standard_normal(shape).astype(np.float32))


def prosody_of(samples: Float) -> Float:
    """Log-energy, F0, voicing [T, 3] of sound [640 T]."""
    stream = ProsodyStream()
    return np.concatenate([stream.push(samples), stream.finish()]).astype(np.float32)


def render_inputs(pictures: Bytes, landmarks: Float, side: float) -> dict[str, Tensor]:
    """What the renderer is told of a reference and a target: pictures [2, S, S, 3] and their points
    [2, 478, 3] px."""
    size = pictures.shape[1]
    both = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
    points = torch.from_numpy(landmarks[:, list(GUIDES), :2] * (2 / side) - 1).float()
    drawn = [draw_landmarks(p * (size / side), size) for p in landmarks]
    drawings = torch.from_numpy(np.stack(drawn)).permute(0, 3, 1, 2).float() / 255
    return {
        "reference": both[0], "target": both[1], "before": points[0], "after": points[1],
        "drawn_before": drawings[0], "drawn_after": drawings[1],
    }  # fmt: skip
