"""TTSF's joint stage, by the eight losses of Eq. 8, and the lip reader before it."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.errors import RequestError
from vivavoce.measure.judges.official.sync import mfcc
from vivavoce.measure.judges.views import heard, lip_curves
from vivavoce.move.motion_sampler import prior_loss
from vivavoce.nn.critics import PictureCritic
from vivavoce.nn.gan import critic_loss, maker_loss, r1
from vivavoce.nn.perceptual import Lpips, held_lpips, load_lpips
from vivavoce.nn.pictures import as_tensor, crop
from vivavoce.render.landmark_drawing import drawing_of
from vivavoce.speak.matcha import mel_flow_loss
from vivavoce.systems.stage import Run, Sample, Stage, Trainable, Turn
from vivavoce.systems.ttsf.net import Joint, Talk, TtsfNet, window_of
from vivavoce.train.read.square import Sight
from vivavoce.train.read.windows import Clip, Windows
from vivavoce.train.ttsf.clips import clips_of, with_script
from vivavoce.train.ttsf.critics import (
    CORPUS,
    MOUTH_PX,
    Critics,
    Judgement,
    arcface_grids,
    syncnet_boxes,
)
from vivavoce.train.ttsf.face import FaceTraining, strip
from vivavoce.train.ttsf.speech import cropped, padded, speech_losses, spoken_sample
from vivavoce.types import MELS_PER_FRAME, SAMPLES_PER_FRAME

RENDERED = 5
"""Driving frames of a window that become pictures: as many as the sync critic looks at."""


def draw_talk(clips: Windows, size: int, rng: np.random.Generator) -> Sample:
    """A window of a clip whose words are known, a source frame outside the window where there is
    one, and the whole clip's tokens and mel.

    Raises: RequestError: no clip says what is spoken in it.
    """
    number, script = with_script(clips, rng)
    clip = clips.clip(number)
    frames, total = clips.frames, len(clip.sample)
    start = int(rng.integers(total - frames + 1))
    outside = [i for i in range(total) if not start <= i < start + frames] or [start]
    source = int(rng.choice(outside))
    at = int(rng.integers(frames - RENDERED + 1))
    sight, driving = Sight.of(clip, source, size), np.arange(start, start + frames)
    points = sight.points(driving[at : at + RENDERED])
    return {
        "source": as_tensor(sight.pictures([source]))[0],
        "drawing": drawing_of(sight.points([source])[0], size),
        "driving": as_tensor(sight.pictures(driving)),
        "mouths": torch.from_numpy(sight.mouths(driving)),
        "faces": torch.from_numpy(syncnet_boxes(points)),
        "grids": torch.from_numpy(arcface_grids(points, size)),
        "starts": torch.tensor(start),
        "at": torch.tensor(at),
        "heard": torch.from_numpy(_heard(clip, start + at)),
        "cepstra": torch.from_numpy(_cepstra(clip, start + at)),
        **spoken_sample(clip, script),
    }


def draw_mouths(clips: Windows, size: int, rng: np.random.Generator) -> Sample:
    """A mouth's crop and its lip curves."""
    clip = clips.clip(int(rng.integers(len(clips))))
    frame = int(rng.integers(len(clip.sample)))
    sight = Sight.of(clip, frame, size)
    box = torch.from_numpy(sight.mouths([frame]))
    moved = box + torch.from_numpy(rng.uniform(-1.5, 1.5, (1, 1)).astype(np.float32))
    curves = lip_curves(clip.sample.tracks["landmarks"])[frame]
    mouth = crop(as_tensor(sight.pictures([frame])), moved, MOUTH_PX)[0]
    return {"mouth": mouth, "curves": torch.from_numpy(curves)}


def _heard(clip: Clip, first: int) -> np.ndarray:
    """What the corpus sync critic hears of the rendered frames [20, 80]."""
    assert clip.sample.samples is not None
    rows = slice(MELS_PER_FRAME * first, MELS_PER_FRAME * (first + RENDERED))
    return heard(clip.sample.samples)[rows]


def _cepstra(clip: Clip, first: int) -> np.ndarray:
    """What the official SyncNet hears of the rendered frames [20, 13]."""
    assert clip.sample.samples is not None
    sound = clip.sample.samples[SAMPLES_PER_FRAME * first :]  # one window more fills the last row
    rows = mfcc(sound[: SAMPLES_PER_FRAME * (RENDERED + 1)])[: MELS_PER_FRAME * RENDERED]
    return np.pad(rows, ((0, MELS_PER_FRAME * RENDERED - len(rows)), (0, 0)), mode="edge")


class ReaderTraining(Trainable):
    """Stage reader: lip curves read from pictures, for the corpus sync judge."""

    system = "ttsf"

    def __init__(self, net: TtsfNet, critics: Critics, stages: tuple[Stage, ...]) -> None:
        self.net, self.critics, self.stages = net, critics, stages
        self.network = nn.ModuleDict({"critics": critics})
        self.clips: Windows | None = None

    def begin(self, stage: Stage, run: Run) -> None:
        """Open the shards."""
        self.clips = clips_of(run, stage.window)

    def draw(self, stage: Stage, rng: np.random.Generator) -> Sample:
        """A mouth and its lip curves."""
        assert self.clips is not None
        return draw_mouths(self.clips, self.net.settings.size, rng)

    def losses(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
        """Mean absolute error of the curves."""
        return {"curves": F.l1_loss(self.critics.reader(batch["mouth"]), batch["curves"])}

    def settle(self, stage: Stage) -> None:
        """Say that the reader has been taught."""
        self.critics.reader.trained.fill_(True)


class JointTraining(Trainable):
    """Stage joint: everything learns, by Eq. 8."""

    system = "ttsf"

    def __init__(
        self, net: TtsfNet, face: FaceTraining, judgement: Judgement, stages: tuple[Stage, ...]
    ) -> None:  # fmt: skip
        self.net, self.face, self.judgement, self.stages = net, face, judgement, stages
        self.critic = PictureCritic(net.settings.size, net.settings.channels)
        self.network = nn.ModuleDict(
            {**dict(net.named_children()), "critic": self.critic, "critics": judgement.critics}
        )
        self.lpips: list[Lpips] = []  # read when its loss is asked for
        self.clips: Windows | None = None

    def begin(self, stage: Stage, run: Run) -> None:
        """Open the shards.

        Raises: RequestError: the critics are not fit to judge.
        """
        learning = self.net.settings.learning
        if learning.sync == CORPUS and not self.judgement.critics.reader.trained:
            raise RequestError(
                "The lip reader in front of the sync critic has not been trained, so L_sync would "
                "be noise. Train the stage `reader` first, or begin --from a run that has."
            )
        self.clips = clips_of(run, stage.window)
        if stage.losses["lpips"] and not self.lpips:
            self.lpips.append(load_lpips(*held_lpips()).to(self.device))

    def draw(self, stage: Stage, rng: np.random.Generator) -> Sample:
        """A window of a clip, see `draw_talk`."""
        assert self.clips is not None
        return draw_talk(self.clips, self.net.settings.size, rng)

    def collate(self, stage: Stage, samples: list[Sample]) -> Sample:
        """One batch; tokens and mels are padded to its longest."""
        return padded(samples)

    def losses(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
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
        joint, judge = self.net(talk), self.judgement
        made = joint.pictures.flatten(0, 1)
        boxes = window_of(batch["mouths"], batch["at"], RENDERED)
        mouths, grids = boxes.flatten(0, 1), batch["grids"].flatten(0, 1)
        asked = {"identity_gap": joint.identity_gap} if stage.losses["identity_gap"] else {}
        if stage.losses["lpips"]:
            asked["lpips"] = self.lpips[0](made, true)
        return asked | {
            "gan": maker_loss(self.critic(made)),
            "rec": self.face.rec(made, true, mouths),
            "id": judge.identity(made, true, mouths, grids),
            "sync": judge.sync(
                joint.pictures, boxes, batch["heard"], batch["faces"], batch["cepstra"]
            ),
            "cfm": joint.cfm,
            "ae": F.mse_loss(joint.f_m_rebuilt, joint.f_m),
            "prior": prior_loss(joint.f_c.detach(), joint.mu),
            "tts": self._tts(joint, talk, batch, turn),
        }

    def talk(self, batch: Sample, turn: Turn) -> Talk:
        """A joint batch with its noise."""
        s = self.net.settings
        return Talk(
            batch["source"], batch["drawing"], batch["driving"], batch["mouths"],
            batch["starts"], batch["at"], RENDERED, batch["ids"], batch["tokens"],
            self.net.acoustic.normalised(batch["mel"]), batch["frames"],
            turn.uniform() < s.random_start,
            turn.normal(batch["driving"].shape[1], s.sampled), turn.uniform(),
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

    @torch.no_grad()
    def picture(self, stage: Stage, batch: Sample) -> np.ndarray:
        """A row a sample: source, true and made pictures."""
        count = torch.arange(len(batch["source"]))
        turn = Turn("picture", 0, {}, count, 0, batch["source"].device)
        true = window_of(batch["driving"], batch["at"], RENDERED)
        made = self.net(self.talk(batch, turn)).pictures
        return strip(torch.cat([batch["source"][:, None], true, made], 1))
