"""TTSF, trained: `vivavoce train ttsf --data SHARDS`.

| stage | learns | from |
|---|---|---|
| encoder (`tiny`) | E_v, E_m | pictures whose pose and person are known |
| face | E_v, E_m, G (and, in `tiny`, a lip teacher) | pairs of frames of a clip |
| generator (`tiny`) | G and the lip teacher | the same, mostly with E_m's own codes |
| vocoder*, speech* | the speech half | see train/ttsf/vocoder.py, train/ttsf/speech.py |
| motion (`tiny`) | mapper, normaliser, prior, sampler | codes of the frozen networks |
| reader (`tiny`) | the lip reader in front of the sync critic | mouths and their points |
| joint | everything, by the eight losses of Eq. 8 | windows of 32 frames |

The paper preset has face, speech and joint alone, as the paper.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.data.schema import Sample as Recording
from vivavoce.data.shards import open_set
from vivavoce.errors import RequestError, UnknownName
from vivavoce.look.motion_codes import hidden_mouth, within
from vivavoce.move.motion_sampler import prior_loss
from vivavoce.nn.critics import PictureCritic
from vivavoce.nn.gan import critic_loss, maker_loss, r1
from vivavoce.nn.perceptual import held_vgg19, perceptual_distance
from vivavoce.nn.weights import packed
from vivavoce.render.flow_generator import fuse
from vivavoce.speak.matcha import mel_flow_loss
from vivavoce.systems.stage import Files, Run, Sample, Stage, Trainable, Turn
from vivavoce.systems.ttsf.net import (
    ELSEWHERE,
    PRESETS,
    STAGES,
    WINDOW,
    Joint,
    Talk,
    TtsfNet,
    TtsfSettings,
    window_of,
)
from vivavoce.train.read.square import Sight
from vivavoce.train.read.windows import Clip, Windows
from vivavoce.train.ttsf.critics import FACE_PX, Critics, crop, face_boxes
from vivavoce.train.ttsf.face import (
    DRIVING,
    GUIDES,
    REACH,
    LipTeacher,
    Recogniser,
    draw_pair,
    flow_distance,
    guide_loss,
    lips_distance,
    to_tensor,
    who_it_is,
)
from vivavoce.train.ttsf.joint import RENDERED, draw_mouths, draw_talk
from vivavoce.train.ttsf.motion import Codes, codes_of, draw_codes
from vivavoce.train.ttsf.speech import SpeechTraining, cropped, speech_losses
from vivavoce.train.ttsf.vocoder import VocoderTraining

MOUTH_WEIGHT = 3.0
"""How much more a pixel of the mouth's box counts than another, in `tiny`: it is a tenth of them
and most of what is looked at."""
HELD_OUT = 60
"""Clips on which the face half is measured."""
FACES = 4
"""Pictures of a clip whose f_id the speech half learns from."""


class TtsfTraining(Trainable):
    """The whole system as the trainer sees it."""

    system = "ttsf"

    def __init__(self, preset: str = "tiny", settings: TtsfSettings | None = None) -> None:
        """`settings` in the place of the preset's are for ablations."""
        if preset not in PRESETS:
            raise UnknownName("preset of ttsf", preset, PRESETS)
        self.preset = preset
        settings = settings or PRESETS[preset]
        self.net = TtsfNet(settings)
        speech, vocoder = SpeechTraining(preset, self.faces), VocoderTraining(preset)
        self.net.acoustic, self.net.vocoder = speech.acoustic, vocoder.vocoder
        self._of = {s.name: p for p in (vocoder, speech) for s in p.stages}
        number = [s.name for s in STAGES[preset]].index("face") + 1  # speech needs f_id
        face, rest = STAGES[preset][:number], STAGES[preset][number:]
        self.stages = (*face, *vocoder.stages, *speech.stages, *rest)
        self.lip_teacher = LipTeacher(settings.code)
        self.recogniser = Recogniser(settings.code)
        self.critic = PictureCritic(settings.size, settings.channels)
        self.critics = Critics(held_vgg19() if preset == "paper" else None)
        self.network = nn.ModuleDict({
            **dict(self.net.named_children()), "lip_teacher": self.lip_teacher,
            "recogniser": self.recogniser,
            "critic": self.critic, "lip_reader": self.critics.reader,
            "sound_critics": vocoder.critics,
        })  # fmt: skip
        for part in (self.net.visual_encoder, self.net.generator, self.critic):
            part.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.windows: Windows | None = None
        self.data: Path | None = None
        self.codes: list[Codes] = []

    @torch.no_grad()
    def faces(self, clip: Recording) -> Tensor:
        """f_id [n, D] of some pictures of a clip, for the speech half."""
        assert clip.frames is not None
        chosen = np.linspace(0, len(clip) - 1, FACES).astype(int)
        size = self.net.settings.size
        pictures = [Sight.of(Clip(clip), int(i), size).pictures([i]) for i in chosen]
        return self.net.eval().see(to_tensor(np.concatenate(pictures))).f_id

    def begin(self, stage: Stage, run: Run) -> None:
        """Open the shards; the motion stage looks at every clip once."""
        if stage.name in self._of:
            return self._of[stage.name].begin(stage, run)
        if run.data is None:
            raise RequestError("TTSF learns from talking clips: give shards with --data.")
        self.data = run.data
        shards = open_set(run.data)
        self.windows = Windows(shards, "train", stage.window)
        if stage.name == "motion":
            self.codes = codes_of(self.net.eval(), self.lip_teacher, self.windows)
        return None

    def draw(self, stage: Stage, rng: np.random.Generator) -> Sample:
        """What the stage learns from, see the modules that draw."""
        if stage.name in self._of:
            return self._of[stage.name].draw(stage, rng)
        assert self.windows is not None
        size = self.net.settings.size
        if stage.name == "motion":
            return draw_codes(self.codes, self.net, stage.window, rng)
        if stage.name == "reader":
            return draw_mouths(self.windows, size, rng)
        if stage.name == "joint":
            return draw_talk(self.windows, size, rng)
        clip = self.windows.clip(int(rng.integers(len(self.windows))))
        return draw_pair(clip, size, rng).sample()

    def losses(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
        """The stage's."""
        if stage.name in self._of:
            return self._of[stage.name].losses(stage, batch, turn)
        if stage.name == "motion":
            return self._motion(batch, turn)
        if stage.name == "reader":
            return {"curves": F.l1_loss(self.critics.reader(batch["mouth"]), batch["curves"])}
        if stage.name == "encoder":
            return self._encoder(batch)
        if stage.name == "joint":
            return self._joint(stage, batch, turn)
        return self._face(stage, batch, turn)

    def _face(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
        own = (turn.uniform() >= turn.setting("taught", 0.0)).float()
        made, flows, guides = self.make(batch, own)
        found = {
            "rec": self.rec(made, batch["driving"].flatten(0, 1), batch["box"][:, 1:].flatten(0, 1))
        }
        if "flow" in stage.losses:
            points = batch["points"]
            before = points[:, :1].expand(-1, DRIVING, -1, -1).flatten(0, 1)
            found["flow"] = flow_distance(flows, before, points[:, 1:].flatten(0, 1))
            found["lips"] = lips_distance(flows, before, points[:, 1:].flatten(0, 1))
        if "guide" in stage.losses:
            found |= guides
        return found

    def _encoder(self, batch: Sample) -> dict[str, Tensor]:
        """E_v and E_m alone: how the head is held, and whose it is."""
        net, driving = self.net, batch["driving"].clone()
        if net.settings.hide_mouth:  # of one in four; from the box alone much could be guessed
            driving[:, 0] = hidden_mouth(driving[:, 0], batch["box"][:, 1])
        driving = driving.flatten(0, 1)
        f, _ = net.visual_encoder(torch.cat([batch["source"], driving]))
        told = torch.cat([batch["held"][:, 0], batch["held"][:, 1:].flatten(0, 1)])
        return self._guides(f, told, batch)

    def _guides(self, f: Tensor, told: Tensor, batch: Sample) -> dict[str, Tensor]:
        """What codes [B + n, D] of sources and other pictures should tell of pose and person."""
        amounts, book = self.net.motion_codes.amounts(f), self.net.motion_codes.directions()
        along, sources = f @ book, len(batch["source"])
        f_id = f[:sources] - along[:sources] @ book.T
        faces = crop(batch["source"], face_boxes(batch["box"][:, 0]), FACE_PX)
        person = who_it_is(self.critics.face, faces)
        return {"guide": guide_loss(amounts, along, told),
                "who": (self.recogniser(f_id) - person).square().sum(1).mean()}  # fmt: skip

    def make(
        self, batch: Sample, own: Tensor
    ) -> tuple[Tensor, list[Tensor], dict[str, Tensor]]:  # fmt: skip
        """Driving pictures from source pictures: those, the flows, the guides' losses. `own` [B]
        is 1 where E_m's codes are used, 0 where what it should say is used."""
        b, k = batch["driving"].shape[:2]
        net, s = self.net, self.net.settings
        driving = batch["driving"][:, 0]
        if s.hide_mouth:
            driving = hidden_mouth(driving, batch["box"][:, 1])
        f, maps = net.visual_encoder(torch.cat([batch["source"], driving]))
        guides = self._guides(f, batch["held"][:, :2].transpose(0, 1).flatten(0, 1), batch)
        amounts, book = net.motion_codes.amounts(f), net.motion_codes.directions()
        along = f @ book
        true = F.pad(REACH * batch["held"], (0, amounts.shape[1] - GUIDES))  # [B, 1 + K, M]
        own = own.view(-1, 1)
        a_s = torch.lerp(true[:, 0], amounts[:b], own)
        a_d = torch.cat([torch.lerp(true[:, 1], amounts[b:], own)[:, None], true[:, 2:]], 1)
        f_id = f[:b] - torch.lerp(along[:b], amounts[:b], own) @ book.T
        f_s, f_m = f_id + a_s @ book.T, (a_d @ book.T).flatten(0, 1)
        f_lip = self.lip_teacher(batch["mouth"].flatten(0, 1))
        styles = fuse(f_id.repeat_interleave(k, 0), f_m, f_lip, net.generator.slots,
                      s.manipulated, s.lip)  # fmt: skip
        if s.elsewhere == "source":
            keep = [n for n in range(net.generator.slots) if n not in s.manipulated]
            styles[:, keep] = f_s.repeat_interleave(k, 0)[:, None]
        pictures, flows = net.generator.with_flow(
            styles, [m[:b].repeat_interleave(k, 0) for m in maps]
        )
        return pictures, flows, guides

    def rec(self, made: Tensor, true: Tensor, mouths: Tensor) -> Tensor:
        """L_rec, Eq. 3, of pictures [B, 3, S, S]; `mouths` [B, 4] px count more in `tiny`."""
        weight = torch.ones_like(true[:, :1])
        if self.preset == "tiny":
            weight = 1 + MOUTH_WEIGHT * within(mouths, true.shape[-1], 0.0)
        pixels = ((made - true).abs() * weight).mean() / weight.mean()
        return pixels + perceptual_distance(self.critics.maps, made, true)

    def _motion(self, batch: Sample, turn: Turn) -> dict[str, Tensor]:
        """On codes of networks that stand still."""
        net, frames = self.net, batch["f_m"].shape[1]
        f_lip = net.audio_mapper(batch["heard"], frames)
        f_c = net.normaliser.encode(batch["f_m"])
        mu = net.prior(batch["start"], f_lip.detach())
        noise = turn.normal(*f_c.shape[1:])
        return {
            "lips": F.mse_loss(f_lip, batch["f_lip"]),
            "ae": F.mse_loss(net.normaliser.decode(f_c), batch["f_m"]),
            "prior": prior_loss(f_c.detach(), mu),
            "cfm": net.sampler.loss(f_c.detach(), mu, noise, turn.uniform()),
        }

    def _joint(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
        """The eight losses of Eq. 8 in the maker's turn; the discriminator's in its own."""
        talk = self.talk(batch, turn)
        true = window_of(batch["driving"], batch["at"], RENDERED).flatten(0, 1)
        if turn.name == "critic":
            with torch.no_grad():
                made = self.net(talk).pictures.flatten(0, 1)
            losses = {"critic": critic_loss(self.critic(true), self.critic(made))}
            if stage.losses["r1"]:  # off unless asked for (open point O8)
                losses["r1"] = r1(self.critic, true)
            return losses
        joint = self.net(talk)
        asked = {"same": joint.same} if stage.losses["same"] else {}
        mouths = window_of(batch["mouths"], batch["at"], RENDERED)
        made = joint.pictures.flatten(0, 1)
        if stage.losses["lpips"]:
            asked["lpips"] = self.critics.lpips(made, true)
        return asked | {
            "gan": maker_loss(self.critic(made)),
            "rec": self.rec(made, true, mouths.flatten(0, 1)),
            "id": self.critics.identity(made, true, mouths.flatten(0, 1)),
            "sync": self.critics.sync_loss(joint.pictures, mouths, batch["heard"]),
            "cfm": joint.cfm,
            "ae": F.mse_loss(joint.again, joint.f_m),
            "prior": prior_loss(joint.f_c.detach(), joint.mu),
            "tts": self._tts(joint, talk, batch, turn),
        }

    def talk(self, batch: Sample, turn: Turn) -> Talk:
        """A joint batch with its noise."""
        s = self.net.settings
        frames = batch["frames"]
        mel = self.net.acoustic.normalised(batch["mel"][:, : int(frames.max())])
        return Talk(
            batch["source"], batch["driving"], batch["mouths"], batch["starts"], batch["at"],
            RENDERED, batch["ids"][:, : int(batch["tokens"].max())], batch["tokens"], mel, frames,
            turn.uniform() < s.random_start, turn.normal(batch["driving"].shape[1], s.drawn),
            turn.uniform(),
        )  # fmt: skip

    def _tts(self, joint: Joint, talk: Talk, batch: Sample, turn: Turn) -> Tensor:
        """L_TTS: Matcha-TTS's three with equal weights."""
        found = speech_losses(joint.said, batch, talk.mel)
        part = cropped(talk.mel, joint.said.feature, talk.mel_frames, turn.uniform())
        flow = mel_flow_loss(
            self.net.acoustic, part.mel, part.feature, part.frames, joint.f_id,
            turn.normal(*part.mel.shape[1:]), turn.uniform(),
        )  # fmt: skip
        return found["duration"] + found["prior"] + flow

    def picture(self, stage: Stage, batch: Sample) -> np.ndarray | None:
        """Source, true and made pictures."""
        if stage.name in self._of:
            return self._of[stage.name].picture(stage, batch)
        if stage.name in ("face", "generator"):
            own = torch.zeros(len(batch["source"]), device=batch["source"].device)
            made = self.make(batch, own)[0].unflatten(0, batch["driving"].shape[:2])
            rows = torch.cat([batch["source"][:, None], batch["driving"], made], 1)
        elif stage.name == "joint":
            turn = Turn("picture", 0, {}, torch.arange(len(batch["source"])), 0,
                        batch["source"].device)  # fmt: skip
            true = window_of(batch["driving"], batch["at"], RENDERED)
            made = self.net(self.talk(batch, turn)).pictures
            rows = torch.cat([batch["source"][:, None], true, made], 1)
        else:
            return None
        strip = rows.permute(0, 3, 1, 4, 2).flatten(0, 1).flatten(1, 2)
        return ((strip.float().clamp(-1, 1) + 1) * 127.5).byte().cpu().numpy()

    def figures(self, stage: Stage) -> dict[str, float]:
        """On people who were held out; of the joint stage `vivavoce bench` says more."""
        if stage.name in self._of:
            return self._of[stage.name].figures(stage)
        return self.held_out() if stage.name in ("face", "generator") else {}

    @torch.no_grad()
    def held_out(self) -> dict[str, float]:
        """Mean absolute error of driving pictures in -1..1, whole and in the mouth's box: of the
        source itself, of G with true codes and with E_m's own."""
        assert self.data is not None
        try:
            windows = Windows(open_set(self.data), "test", WINDOW)
        except RequestError:
            return {}  # nobody was held out
        size = self.net.settings.size
        found: dict[str, list[float]] = {}
        for number in range(min(len(windows), HELD_OUT)):
            pair = draw_pair(windows.clip(number), size, np.random.default_rng(number)).sample()
            batch = {name: value[None] for name, value in pair.items()}
            true, boxes = batch["driving"][0], batch["box"][0, 1:]
            mouth = within(boxes, size, 0.0).expand_as(true) > 0
            shown = {"source": batch["source"].expand_as(true)}
            for name, own in (("G, true codes", 0.0), ("G, own codes", 1.0)):
                shown[name] = self.make(batch, torch.tensor([own]))[0]
            for name, made in shown.items():
                error = (made - true).abs()
                found.setdefault(f"held-out L1, {name}", []).append(float(error.mean()))
                found.setdefault(f"held-out L1 of the mouth, {name}", []).append(
                    float(error[mouth].mean())
                )
        return {name: float(np.mean(values)) for name, values in found.items()}

    def config(self) -> dict[str, object]:
        """What the network is made of."""
        return {"settings": self.net.settings.model_dump(mode="json")}

    def files(self, stage: Stage) -> Files:
        """The parts that a stage changed."""
        if stage.name in self._of:
            return self._of[stage.name].files(stage)
        files: dict[str, tuple[Mapping[str, Tensor], dict[str, str]]] = {}
        kept = {k: v for k, v in self.net.state_dict().items() if not k.startswith(ELSEWHERE)}
        files["face.safetensors"] = (packed(kept), {"part": "ttsf-face"})
        if stage.name == "joint":
            acoustic = self.net.acoustic.state_dict()
            files["acoustic.safetensors"] = (packed(acoustic), {"part": "ttsf-acoustic"})
        return files
