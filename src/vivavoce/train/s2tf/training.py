"""S2TF, trained: `vivavoce train s2tf --data SHARDS` (section 4.2.4).

| stage | the generator is fed | learns | from |
|---|---|---|---|
| warm (`tiny`) | f_id^v of a frame, f_ir^v of each | E_id^v, E_ir^v, G, W | as 1, no critics |
| 1 | the same | E_id^v, E_ir^v, G, W; critics | Eq. 4.8 and L_c |
| 2a | | E_id^a, E_s^a | L_c, L_sync^id, L_sync^s; negatives are other people |
| 2b | | the same | the same; negatives of L_sync^s are the same speaker's |
| 3a | f_id^v, f_s^a + f_ir^v of I_1 | G, last layer of E_s^a; critics | L_rec, L_adv |
| 3b | f_id^a, f_s^a + f_ir^v of I_1 | all; critics | Eq. 4.9 |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import default_collate

from vivavoce.data.matching import HELD
from vivavoce.data.shards import open_set
from vivavoce.errors import RequestError
from vivavoce.look.motion_codes import within
from vivavoce.measure.judges.corpus import FaceJudge
from vivavoce.measure.metrics.matching import retrieval, verification
from vivavoce.nn.contrast import arcface, info_nce, info_nce_against
from vivavoce.nn.critics import MultiScaleCritic
from vivavoce.nn.gan import critic_loss, maker_loss
from vivavoce.nn.perceptual import VGG19_FILE, held_vgg19, load_vgg19, perceptual_l1
from vivavoce.nn.pictures import as_pictures
from vivavoce.nn.weights import SHIPPED
from vivavoce.systems.s2tf.net import TRAINING_ONLY, Centroids, S2tfNet
from vivavoce.systems.s2tf.settings import S2tfSettings
from vivavoce.systems.s2tf.stages import FROM_FACES, RECIPES
from vivavoce.systems.stage import Files, Run, Sample, Stage, Trainable, Turn
from vivavoce.train.read.windows import Windows, held_out
from vivavoce.train.s2tf.clips import draw_clip, draw_hard

JUDGE_PX = 64
"""Side in px of what the corpus's face judge looks at."""
MEMBERS = ("wav", "frames", "tracks")
MEASURED = 100
"""People, at most, on which a stage is measured; one clip of each."""
SHOWN = 4
"""Clips of a strip."""


@dataclass(frozen=True)
class Codes:
    """What the four encoders say of a batch; what a stage does without is None."""

    seen_id: Tensor
    """f_id^v [B, D] of I_ref, which is I_1 from stage 2 on."""
    held: Tensor | None = None
    """f_ir^v [B, K, C] of the augmented frames."""
    heard_id: Tensor | None = None
    """f_id^a [B, D]."""
    said: Tensor | None = None
    """f_s^a [B, K, C]."""


class S2tfTraining(Trainable):
    """S2TF as the trainer sees it."""

    system = "s2tf"
    presets = RECIPES

    def __init__(self, settings: S2tfSettings, stages: Sequence[Stage]) -> None:
        self.settings, self.stages = settings, tuple(stages)
        self.net = S2tfNet(settings)
        self.critic = MultiScaleCritic(width=settings.learning.critic)
        parts = nn.ModuleDict(dict(self.net.named_children()) | {"critic": self.critic})
        for part in (*self.net.of_pictures, self.critic):
            part.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if settings.learning.perceptual == "corpus":
            parts["eye"] = FaceJudge(SHIPPED / "judges").net.requires_grad_(False)
        elif file := held_vgg19():
            self.borrowed = {"eye": load_vgg19(file)}
        self.network = parts
        self.windows: Windows | None = None
        self.people: dict[str, int] = {}
        self.held_out: Windows | None = None

    # What a run is made of.

    def check(self, stages: Sequence[Stage], run: Run) -> None:
        """Refuse sets without sound, tracks or pictures, clips too short for the windows, and a
        perceptual loss without its network."""
        if run.data is None:
            raise RequestError("S2TF learns from talking clips: give shards with --data.")
        windows = Windows(open_set(run.data), "train", max(s.window for s in stages), MEMBERS)
        sample = windows.clip(0).sample
        has = {
            "sound": sample.samples is not None,
            "tracks": "landmarks" in sample.tracks,
            "pictures": sample.frames is not None,
        }
        missing = [what for what, there in has.items() if not there]
        if missing:
            raise RequestError(
                f"The clips of {run.data} have no {' and no '.join(missing)}, which S2TF learns "
                "from. Prepare them again: vivavoce data prepare --help"
            )
        if len(windows.people) < 2:
            raise RequestError(
                f"{run.data} has one person; S2TF learns who is who from several at least."
            )
        wanted = self.settings.learning.perceptual == "vgg19"
        if wanted and not self.borrowed and any("per" in stage.losses for stage in stages):
            raise RequestError(
                f"Eq. 4.5 compares VGG19's feature maps, and torchvision's {VGG19_FILE} is not in "
                f"{torch.hub.get_dir()}/checkpoints. Put it there, or take the corpus face judge: "
                "--set model.learning.perceptual=corpus"
            )

    def notes(self) -> Sequence[str]:
        """Which network Eq. 4.5 compares."""
        eyes = {"vgg19": "the official VGG19", "corpus": "the corpus face judge that ships"}
        return [f"Eq. 4.5 compares feature maps of {eyes[self.settings.learning.perceptual]}."]

    def begin(self, stage: Stage, run: Run) -> None:
        """Open the shards; before anything is learnt, W gets a row for each person.

        Raises: RequestError: a later stage, and W is of another set.
        """
        assert run.data is not None
        self.windows = Windows(open_set(run.data), "train", stage.window, MEMBERS)
        everyone = Windows(open_set(run.data), "train", 1, ())
        self.people = {person: n for n, person in enumerate(sorted(everyone.people))}
        self.held_out = held_out(run.data, stage.window, MEMBERS)
        rows = self.net.centroids.weight
        if len(rows) != len(self.people):
            if stage.name not in FROM_FACES or run.resumed:
                raise RequestError(
                    f"The centroids W know {len(rows)} people and {run.data} has "
                    f"{len(self.people)}: stage {stage.name} goes on with the set of stage 1. "
                    f"Where --from brings its weights, say --set model.people={len(self.people)}."
                )
            self._room_for(len(self.people), run.seed)

    def make_room(self, saved: Mapping[str, Tensor]) -> None:
        """A row for each person that the saved centroids know."""
        self._room_for(len(saved["centroids.weight"]), 0)

    def _room_for(self, people: int, seed: int) -> None:
        fresh = Centroids(people, self.settings.identity)
        rng = torch.Generator().manual_seed(seed)
        fresh.weight.data.normal_(generator=rng)
        self.net.centroids.weight = nn.Parameter(fresh.weight.data.to(self.device))
        self.settings = self.settings.model_copy(update={"people": people})

    def draw(self, stage: Stage, rng: np.random.Generator) -> Sample:
        """K frames of a speaker and the speech around them; for 2b, hard negatives too."""
        assert self.windows is not None
        if stage.name == "2b":
            return draw_hard(self.windows, stage, self.settings, self.people, rng)
        window = self.windows.draw(rng)
        person = self.people[str(window.about["person"])]
        return draw_clip(window, stage, self.settings, person, rng)

    # What is learnt.

    def losses(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
        """The losses of a stage, by the source's names."""
        if stage.name in ("2a", "2b"):
            codes = self.codes(stage, batch)
            return {"c": self.l_c(codes.heard_id, batch["person"])} | self.l_sync(codes, batch)
        if turn.name == "critic":
            with torch.no_grad():
                made = self.made(stage, batch, self.codes(stage, batch), turn)
            return {"critic": self.l_critic(batch["pictures"].flatten(0, 1), made)}
        codes = self.codes(stage, batch)
        made = self.made(stage, batch, codes, turn)
        found = self.l_rec(made, batch)
        if stage.name != "warm":
            found["adv"] = self.l_adv(made)
        if stage.name in FROM_FACES:
            found["c"] = self.l_c(codes.seen_id, batch["person"])
        if stage.name == "3b":
            both = (codes.seen_id, codes.heard_id)
            found["c"] = torch.stack([self.l_c(f, batch["person"]) for f in both]).sum()
            found |= self.l_sync(codes, batch)
        return {name: loss for name, loss in found.items() if name in stage.losses}

    def codes(self, stage: Stage, batch: Sample) -> Codes:
        """What the encoders that a stage needs say of its batch."""
        net, pictures = self.net, batch["pictures"]
        first = stage.name not in FROM_FACES
        rows = torch.arange(len(pictures), device=pictures.device)
        chosen = pictures[:, 0] if first else pictures[rows, batch["reference"]]
        seen_id, held = net.who_is_seen(chosen), self.hold(batch["augmented"])
        if not first:
            return Codes(seen_id, held)
        heard_id = None if stage.name == "3a" else net.who_is_heard(batch["identity"])
        return Codes(seen_id, held, heard_id, net.what_is_said(batch["content"]))

    def hold(self, frames: Tensor) -> Tensor:
        """f_ir^v [B, K, C] of frames [B, K, 3, S, S]."""
        return self.net.how_it_is_held(frames.flatten(0, 1)).unflatten(0, frames.shape[:2])

    def made(self, stage: Stage, batch: Sample, codes: Codes, turn: Turn | None) -> Tensor:
        """I'_1 … I'_K [B K, 3, S, S] of the style input of the stage (section 4.2.4); `turn` draws
        which clips get no pose, None: none goes without."""
        assert codes.held is not None
        if stage.name in FROM_FACES:
            f_id, f_ir = codes.seen_id, codes.held
        else:
            assert codes.said is not None
            who = codes.seen_id if stage.name == "3a" else codes.heard_id
            assert who is not None
            f_id = who
            pose = codes.held[:, :1]
            if turn is not None and self.settings.learning.pose_dropout:
                kept = turn.uniform(1, 1) >= self.settings.learning.pose_dropout
                pose = pose * kept
            f_ir = codes.said + pose
        blocks = int(stage.settings_at(0).get("blocks", len(self.settings.channels)))
        return self.net.draw(f_id.repeat_interleave(f_ir.shape[1], 0), f_ir.flatten(0, 1), blocks)

    def l_rec(self, made: Tensor, batch: Sample) -> dict[str, Tensor]:
        """L_1 of pictures [B K, 3, S, S] against the frames as they are, L_per (Eq. 4.5), and L_1
        within the mouths' boxes; frames are made smaller where the pictures are."""
        true = batch["pictures"].flatten(0, 1)
        side, whole = made.shape[-1], true.shape[-1]
        true = true if side == whole else F.adaptive_avg_pool2d(true, side)
        error = (made - true).abs()
        inside = within(batch["mouths"].flatten(0, 1) * side / whole, side, 0.0)
        mouth = (error.mean(1, keepdim=True) * inside).sum() / inside.sum().clamp(min=1)
        per = perceptual_l1(self.maps, made, true)
        return {"l1": error.mean(), "per": per, "mouth": mouth}

    def l_adv(self, made: Tensor) -> Tensor:
        """The generator's side of L_adv (Eq. 4.7), in its non-saturating form, summed over the
        sizes that the critics look at."""
        return torch.stack([maker_loss(maps[-1]) for maps in self.critic(made)]).sum()

    def l_critic(self, true: Tensor, made: Tensor) -> Tensor:
        """The critics' side of L_adv (Eq. 4.7), summed over the sizes that they look at."""
        pairs = zip(self.critic(true), self.critic(made), strict=True)
        return torch.stack([critic_loss(t[-1], m[-1]) for t, m in pairs]).sum()

    def l_c(self, f_id: Tensor | None, people: Tensor) -> Tensor:
        """L_c (Eq. 4.3) of f_id [B, D], of faces or of voices, against the shared W."""
        assert f_id is not None
        how = self.settings.learning
        return arcface(self.net.centroids(f_id), people, how.margin, how.scale)

    def l_sync(self, codes: Codes, batch: Sample) -> dict[str, Tensor]:
        """L_sync^id (Eq. 4.2), whose negatives are the faces of other people; L_sync^s (Eq. 4.4) of
        whole sequences, whose negatives are those of other people or, where the batch has them,
        hard ones."""
        assert codes.heard_id is not None
        assert codes.held is not None
        assert codes.said is not None
        t, people = self.settings.learning.temperature, batch["person"]
        moved, said = changes(codes.held), codes.said[:, 1:].flatten(1)
        if "negatives" in batch:
            others = batch["negatives"]
            held = self.hold(others.flatten(0, 1))
            hard = changes(held).unflatten(0, others.shape[:2])
            sync_s = info_nce_against(said, moved, hard, t)
        else:
            sync_s = info_nce(said, moved, t, same=people[:, None] == people)
        sync_id = info_nce(codes.heard_id, codes.seen_id, t, same=people[:, None] == people)
        return {"sync_id": sync_id, "sync_s": sync_s}

    def maps(self, pictures: Tensor) -> Sequence[Tensor]:
        """phi of Eq. 4.5: feature maps of pictures [B, 3, S, S] in -1..1; the corpus judge sees
        them at the size that it was taught at."""
        if self.borrowed:
            found: Sequence[Tensor] = self.borrowed["eye"](pictures)
            return found
        eye = self.network["eye"]  # type: ignore[index]
        return eye.maps(F.adaptive_avg_pool2d(pictures, min(JUDGE_PX, pictures.shape[-1])))

    # What is shown, measured and kept.

    @torch.no_grad()
    def picture(self, stage: Stage, batch: Sample) -> np.ndarray | None:
        """Two rows a clip: the frames as they are, and as they are made."""
        if stage.name in ("2a", "2b"):
            return None
        few = {k: v[:SHOWN] for k, v in batch.items()}
        made = self.made(stage, few, self.codes(stage, few), None)
        true = few["pictures"]
        made = F.interpolate(made, true.shape[-1:] * 2).unflatten(0, true.shape[:2])
        pairs = torch.stack([true, made], 1).flatten(0, 1)  # [2 B, K, 3, S, S]
        return as_pictures(torch.cat([torch.cat(list(row), 2) for row in pairs], 1))

    @torch.no_grad()
    def figures(self, stage: Stage) -> dict[str, float]:
        """On people held out: L_1 in -1..1, whole and of the mouth, or how well a voice finds its
        face."""
        if self.held_out is None:
            return {}
        samples = self._measured(stage)
        codes = [self.codes(stage, batch) for batch in samples]
        if stage.name not in ("2a", "2b"):
            errors = [
                self.l_rec(self.made(stage, batch, code, None), batch)
                for batch, code in zip(samples, codes, strict=True)
            ]
            return {
                f"held-out {name}": float(np.mean([float(e[name]) for e in errors]))
                for name in ("l1", "mouth")
            }
        heard = torch.cat([c.heard_id for c in codes if c.heard_id is not None]).cpu().numpy()
        seen = torch.cat([c.seen_id for c in codes]).cpu().numpy()
        looks = [self.held_out.about[n].get("attributes", {}) for n in self._chosen()]
        told = ([look.get(k) for look in looks] for k in ("sex", "accent", "age"))
        found = verification(heard, seen, *told)
        ranks = retrieval(heard, seen)
        return ranks | {f"AUC {held}": found[held] for held in HELD if found[held] == found[held]}

    def _chosen(self) -> list[int]:
        assert self.held_out is not None
        return [clips[0] for clips in self.held_out.people.values()][:MEASURED]

    def _measured(self, stage: Stage) -> list[Sample]:
        """A clip of each person held out, unspoiled, as batches of one."""
        assert self.held_out is not None
        clean = self.settings.learning.model_copy(update={"spoiled": 0.0})
        settings = self.settings.model_copy(update={"learning": clean})
        found = []
        for number in self._chosen():
            clip = self.held_out.clip(number)
            start = (len(clip.sample) - stage.window) // 2
            window = type(self.held_out.draw(np.random.default_rng(0)))(clip, start, stage.window)
            rng = np.random.default_rng(number)
            batch = default_collate([draw_clip(window, stage, settings, 0, rng)])
            found.append({k: v.to(self.device) for k, v in batch.items()})
        return found

    def config(self) -> dict[str, Any]:
        """The settings."""
        return {"settings": self.settings.model_dump(mode="json")}

    def files(self, stage: Stage) -> Files:
        """The whole network but W, in half precision."""
        weights = {
            name: (value.half() if value.is_floating_point() else value).contiguous()
            for name, value in self.net.state_dict().items()
            if not name.startswith(TRAINING_ONLY)
        }
        return {"s2tf.safetensors": (weights, {"part": "s2tf"})}


def changes(held: Tensor) -> Tensor:
    """Delta f_ir [B, (K - 1) C]: how f_ir [B, K, C] of frames 2 … K differs from that of the first
    frame of the same sequence."""
    return (held[:, 1:] - held[:, :1]).flatten(1)
