"""The face half of TTSF warms up: a driving frame is made from a source frame of the same clip.

Stage 0 of docs/systems/ttsf.md. Nothing is heard yet. In `paper` this is pure reconstruction, the
lip slots getting f_id alone. In `tiny` a small teacher gives the lip code from the driving frame's
mouth coefficients, while the driving frame's own mouth is hidden from E_m: that is how lips come to
be moved by slots 6 and 7 alone, and what the audio mapper learns from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.look.motion_codes import hidden_mouth, within
from vivavoce.measure.judges.networks import Face
from vivavoce.nn.equalised import GAIN, EqualLinear, leaky
from vivavoce.nn.perceptual import perceptual_distance
from vivavoce.nn.pictures import as_pictures, as_tensor, crop
from vivavoce.render.flow_generator import fuse
from vivavoce.render.landmark_drawing import drawing_of
from vivavoce.systems.stage import Run, Sample, Stage, Trainable, Turn
from vivavoce.systems.ttsf.motion import (
    GAZE_SD,
    GUIDES,
    MOUTH,
    PLACE_SD,
    REACH,
    SIZE_SD,
    TURN_SD,
    TYPICAL,
    UPPER,
)
from vivavoce.systems.ttsf.net import TtsfNet
from vivavoce.train.read.square import Sight
from vivavoce.train.read.windows import Clip, Window, Windows, held_out
from vivavoce.train.ttsf.clips import ALL, clips_of
from vivavoce.train.ttsf.critics import FACE_PX, Critics, Judgement, face_boxes
from vivavoce.types import ARKIT, INNER_LOWER_LIP, INNER_UPPER_LIP, LIP_CORNERS, Float

_OTHER_SIDE = tuple(
    ARKIT.index(n.replace("Left", "_").replace("Right", "Left").replace("_", "Right"))
    for n in ARKIT
)


LIPS_FROM = 32
"""Side in px of the first flow that is steered by f_lip."""
LIPS = [*INNER_UPPER_LIP, *INNER_LOWER_LIP, *LIP_CORNERS]
MIDDLE, SIZE = np.array([0.0, 0.11]), -1.207
"""Where a face's points lie in a close crop on average, and the logarithm of their spread."""
DRIVING = 3
"""Driving frames of a warm-up sample; E_v sees the first of them."""
IDENTITY = 64
"""Length of the face judge's embedding."""
HELD_OUT = 60
"""Number of clips on which the face half is measured."""


def held(window: Window, frames: np.ndarray, points: Float, mirrored: bool) -> Float:
    """How the head and the upper face are held in `frames` of a window [n, 14], each about N(0, 1)
    on talking faces: turn, place and size in the picture, gaze, lids, brows, wide eyes. `points`
    [n, 478, 2] are the tracker's, -1..1."""
    turn, gaze = window.track("pose")[frames, :3], window.track("gaze")[frames]
    face = window.track("expression")[frames]
    place = points.mean(1)
    size = np.log(points.std(1).mean(1, keepdims=True))
    if mirrored:
        turn, gaze, place = turn * [-1, 1, -1], gaze * [-1, 1], place * [-1, 1]
        face = face[:, list(_OTHER_SIDE)]

    told = [
        turn / TURN_SD, (place - MIDDLE) / PLACE_SD, (size - SIZE) / SIZE_SD, gaze / GAZE_SD,
    ]  # fmt: skip
    for names, deviation in UPPER:
        shown = face[:, [ARKIT.index(name) for name in names]]
        told.append(shown.mean(1, keepdims=True) / deviation)
    return np.concatenate(told, 1).astype(np.float32)


class Recogniser(nn.Module):
    """f_id [..., D] → what the face judge sees of a person [..., 65]; training alone has it."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.layer = EqualLinear(code, IDENTITY + 1)

    def forward(self, f_id: Tensor) -> Tensor:
        """Identity, a unit vector, and sex, -1..1."""
        out: Tensor = self.layer(f_id)
        return out


def identity_targets(judge: Face, faces: Tensor) -> Tensor:
    """Identity embedding and sex [B, 65] that the face judge gives for crops of faces
    [B, 3, 64, 64] in -1..1: the targets of a `Recogniser`."""
    with torch.no_grad():
        features = judge.features(faces)
        sex = judge.heads(features)["sex"].div(4).tanh()
        return torch.cat([judge.heads.embedding(features), sex[:, None]], 1)


class LipTeacher(nn.Module):
    """Mouth coefficients [..., 28] → lip codes [..., D]; training alone has it."""

    def __init__(self, code: int, width: int = 128) -> None:
        super().__init__()
        self.one = EqualLinear(len(MOUTH), width, gain=GAIN / TYPICAL)
        self.two = EqualLinear(width, width, gain=GAIN)
        self.three = EqualLinear(width, code)

    def forward(self, mouth: Tensor) -> Tensor:
        """f_lip as it should be."""
        out: Tensor = self.three(leaky(self.two(leaky(self.one(mouth)))))
        return out


@dataclass(frozen=True)
class Pair:
    """What a warm-up sample holds."""

    source: Tensor
    """[3, S, S] in -1..1."""
    drawing: Tensor
    """Of the source's landmarks [3, S, S] in 0..1."""
    driving: Tensor
    """[K, 3, S, S]."""
    mouth: Tensor
    """Coefficients [K, 28]."""
    box: Tensor
    """Mouth boxes of source and driving [1 + K, 4] in px of the pictures."""
    held: Tensor
    """See `held`, of source and driving [1 + K, 14]."""
    points: Tensor
    """The tracker's points [1 + K, 478, 2] of source and driving, -1..1 from first to last px."""

    def sample(self) -> Sample:
        """As the loop wants it."""
        return dict(vars(self))


def draw_pair(clip: Clip, size: int, rng: np.random.Generator) -> Pair:
    """A source and `DRIVING` driving pictures of a clip, mirrored and tinted alike."""
    window = Window(clip, 0, len(clip.sample))
    chosen = rng.permutation(window.frames)[: DRIVING + 1]
    sight = Sight.of(clip, int(chosen[0]), size)
    pictures, boxes = sight.pictures(chosen), sight.mouths(chosen)
    mouth = window.track("expression")[chosen]
    points = 2 * (sight.points(chosen)[..., :2] - 0.5) / (size - 1) - 1
    mirrored = rng.random() < 0.5
    told = held(window, chosen, points, mirrored)
    if mirrored:
        points = points * np.array([-1, 1], np.float32)
        pictures, mouth = pictures[:, :, ::-1], mouth[:, list(_OTHER_SIDE)]
        boxes = np.stack([size - boxes[:, 2], boxes[:, 1], size - boxes[:, 0], boxes[:, 3]], 1)
    tensor = as_tensor(pictures) + torch.from_numpy(rng.uniform(-0.1, 0.1, (3, 1, 1))).float()
    tensor = tensor.clamp(-1, 1)
    drawing = drawing_of(points[0] * (size - 1) / 2 + size / 2, size)
    shapes = mouth[1:, list(MOUTH)].astype(np.float32), boxes, told, points
    return Pair(tensor[0], drawing, tensor[1:], *map(torch.from_numpy, shapes))


def flow_distance(raws: list[Tensor], source: Tensor, driving: Tensor) -> Tensor:
    """How far the flows of all resolutions [B, 3, s, s] look past the source's points [B, V, 2]
    from where the driving picture has them [B, V, 2]: mean distance per axis in half sides, of all
    points and of the lips'."""
    errors = []
    for raw in raws:
        apart = _past(raw, source, driving).abs()
        errors += [apart.mean(), apart[:, LIPS].mean()]
    return torch.stack(errors).mean()


def lips_distance(raws: list[Tensor], source: Tensor, driving: Tensor) -> Tensor:
    """The same of the lips among themselves: what is left when they all look past by as much is
    not counted, so it is the mouth's shape alone. Only of flows that lips can steer (32 px on)."""
    errors = []
    for raw in raws:
        if raw.shape[-1] >= LIPS_FROM:
            past = _past(raw, source[:, LIPS], driving[:, LIPS])
            errors.append((past - past.mean(1, keepdim=True)).abs().mean())
    return torch.stack(errors).mean()


def _past(raw: Tensor, source: Tensor, driving: Tensor) -> Tensor:
    """From each point's place in the driving picture the flow looks so far past its place in the
    source picture [B, V, 2]."""
    there = F.grid_sample(
        raw[:, :2].tanh(), driving[:, None], padding_mode="border", align_corners=True
    )
    return there[:, :, 0].transpose(1, 2) - (source - driving)


def pose_supervision(amounts: Tensor, along: Tensor, truth: Tensor) -> Tensor:
    """Two squared errors that keep pose out of f_id: the first 14 motion amounts a [..., M] against
    the true head pose `truth` [..., 14] (standardised, times `REACH`), and D^T f [..., M], what f
    itself holds along the motion codes, against a, so that f_id = f - D a carries no pose."""
    wrong = (amounts[..., :GUIDES] / REACH - truth).clamp(-4, 4)
    own = (along - amounts) / REACH
    return wrong.square().mean() + own.square().mean()


def strip(rows: Tensor) -> np.ndarray:
    """Pictures [B, n, 3, S, S] in -1..1, a row a sample, as one picture [B S, n S, 3] uint8."""
    pictures: np.ndarray = as_pictures(rows).transpose(0, 2, 1, 3, 4)
    b, height, n, width, _ = pictures.shape
    return pictures.reshape(b * height, n * width, 3)


class FaceTraining(Trainable):
    """Stages encoder, face and generator: E_v, E_m, G, and what helps them in `tiny`."""

    system = "ttsf"

    def __init__(
        self, net: TtsfNet, critics: Critics, judgement: Judgement, stages: tuple[Stage, ...]
    ) -> None:  # fmt: skip
        self.net, self.critics, self.judgement, self.stages = net, critics, judgement, stages
        code = net.settings.code
        self.lip_teacher, self.recogniser = LipTeacher(code), Recogniser(code)
        self.network = nn.ModuleDict({
            "visual_encoder": net.visual_encoder, "motion_codes": net.motion_codes,
            "generator": net.generator, "lip_teacher": self.lip_teacher,
            "recogniser": self.recogniser, "critics": critics,
        })  # fmt: skip
        self.clips: Windows | None = None
        self.held_out: Windows | None = None

    def begin(self, stage: Stage, run: Run) -> None:
        """Open the shards."""
        self.clips = clips_of(run, stage.window)
        self.held_out = held_out(run.data, stage.window, ALL)

    def draw(self, stage: Stage, rng: np.random.Generator) -> Sample:
        """A source and driving pictures of a clip, see `draw_pair`."""
        assert self.clips is not None
        clip = self.clips.clip(int(rng.integers(len(self.clips))))
        return draw_pair(clip, self.net.settings.size, rng).sample()

    def losses(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
        """The encoder's two, or Eq. 3 and what the stage adds to it."""
        if stage.name == "encoder":
            return self._encoder(batch)
        own = (turn.uniform() >= turn.setting("teacher_forcing", 0.0)).float()
        made, flows, supervision = self.make(batch, own)
        true, mouths = batch["driving"].flatten(0, 1), batch["box"][:, 1:].flatten(0, 1)
        found = {"rec": self.rec(made, true, mouths)}
        if "flow" in stage.losses:
            points = batch["points"]
            before = points[:, :1].expand(-1, DRIVING, -1, -1).flatten(0, 1)
            found["flow"] = flow_distance(flows, before, points[:, 1:].flatten(0, 1))
            found["lips"] = lips_distance(flows, before, points[:, 1:].flatten(0, 1))
        if "pose_supervision" in stage.losses:
            found |= supervision
        return found

    def _encoder(self, batch: Sample) -> dict[str, Tensor]:
        """E_v and E_m alone: how the head is held, and whose it is."""
        net, driving = self.net, batch["driving"].clone()
        if net.settings.hide_mouth:  # of one in four; from the box alone much could be guessed
            driving[:, 0] = hidden_mouth(driving[:, 0], batch["box"][:, 1])
        driving = driving.flatten(0, 1)
        f, _ = net.visual_encoder(torch.cat([batch["source"], driving]))
        truth = torch.cat([batch["held"][:, 0], batch["held"][:, 1:].flatten(0, 1)])
        return self._supervision(f, truth, batch)

    def _supervision(self, f: Tensor, truth: Tensor, batch: Sample) -> dict[str, Tensor]:
        """What codes [B + n, D] of sources and other pictures should tell of pose and person."""
        amounts, book = self.net.motion_codes.amounts(f), self.net.motion_codes.directions()
        along, sources = f @ book, len(batch["source"])
        f_id = f[:sources] - along[:sources] @ book.T
        faces = crop(batch["source"], face_boxes(batch["box"][:, 0]), FACE_PX)
        person = identity_targets(self.critics.face, faces)
        return {
            "pose_supervision": pose_supervision(amounts, along, truth),
            "identity_supervision": (self.recogniser(f_id) - person).square().sum(1).mean(),
        }

    def make(
        self, batch: Sample, own: Tensor
    ) -> tuple[Tensor, list[Tensor], dict[str, Tensor]]:  # fmt: skip
        """Driving pictures [B K, 3, S, S] made from source pictures, the flows, and the losses of
        supervision. `own` [B] is 1 where E_m's codes are used, 0 where the true ones are."""
        k = batch["driving"].shape[1]
        net, s = self.net, self.net.settings
        driving = batch["driving"][:, 0]
        if s.hide_mouth:
            driving = hidden_mouth(driving, batch["box"][:, 1])
        if s.learning.lip_teacher:
            return self._by_known_pose(batch, driving, own)
        # Pure reconstruction: every driving picture is seen, and nothing but pictures is known.
        source, seen = net.see(batch["source"]), net.see(batch["driving"].flatten(0, 1))
        drawing = batch["drawing"]
        pictures, flows = self._generate(
            source.f_id, source.f, seen.f_m, None, source.maps, drawing, k
        )  # fmt: skip
        return pictures, flows, {}

    def _by_known_pose(
        self, batch: Sample, driving: Tensor, own: Tensor
    ) -> tuple[Tensor, list[Tensor], dict[str, Tensor]]:  # fmt: skip
        b, k = batch["driving"].shape[:2]
        net = self.net
        f, maps = net.visual_encoder(torch.cat([batch["source"], driving]))
        truth = batch["held"][:, :2].transpose(0, 1).flatten(0, 1)
        supervision = self._supervision(f, truth, batch)
        amounts, book = net.motion_codes.amounts(f), net.motion_codes.directions()
        along = f @ book
        true = F.pad(REACH * batch["held"], (0, amounts.shape[1] - GUIDES))  # [B, 1 + K, M]
        own = own.view(-1, 1)
        a_s = torch.lerp(true[:, 0], amounts[:b], own)
        a_d = torch.cat([torch.lerp(true[:, 1], amounts[b:], own)[:, None], true[:, 2:]], 1)
        f_id = f[:b] - torch.lerp(along[:b], amounts[:b], own) @ book.T
        f_s, f_m = f_id + a_s @ book.T, (a_d @ book.T).flatten(0, 1)
        f_lip = self.lip_teacher(batch["mouth"].flatten(0, 1))
        maps, drawing = [m[:b] for m in maps], batch["drawing"]
        pictures, flows = self._generate(f_id, f_s, f_m, f_lip, maps, drawing, k)
        return pictures, flows, supervision

    def _generate(
        self, f_id: Tensor, f_s: Tensor, f_m: Tensor, f_lip: Tensor | None, maps: list[Tensor],
        drawing: Tensor, k: int,
    ) -> tuple[Tensor, list[Tensor]]:  # fmt: skip
        """Pictures and flows of `k` motions f_m [B k, D] for each source, by Eq. 1; without f_lip
        the lip slots get f_id."""
        net, s = self.net, self.net.settings
        f_lip = torch.zeros_like(f_m) if f_lip is None else f_lip
        styles = fuse(f_id.repeat_interleave(k, 0), f_m, f_lip, net.generator.slots,
                      s.manipulated, s.lip)  # fmt: skip
        if s.other_slots == "source":
            keep = [n for n in range(net.generator.slots) if n not in s.manipulated]
            styles[:, keep] = f_s.repeat_interleave(k, 0)[:, None]
        pictures, flows = net.generator.with_flow(
            styles, [m.repeat_interleave(k, 0) for m in maps], drawing.repeat_interleave(k, 0)
        )  # fmt: skip
        return pictures, flows

    def rec(self, made: Tensor, true: Tensor, mouths: Tensor) -> Tensor:
        """L_rec, Eq. 3, of pictures [B, 3, S, S]; pixels in the mouths' boxes [B, 4] px count more
        where the settings say so (`mouth_weight`)."""
        more = self.net.settings.learning.mouth_weight
        weight = 1 + more * within(mouths, true.shape[-1], 0.0)
        pixels = ((made - true).abs() * weight).mean() / weight.mean()
        return pixels + perceptual_distance(self.judgement.maps, made, true)

    @torch.no_grad()
    def picture(self, stage: Stage, batch: Sample) -> np.ndarray | None:
        """A row a sample: source, true and made pictures, with true codes where they are known."""
        if stage.name == "encoder":
            return None
        own = torch.zeros(len(batch["source"]), device=self.device)
        made = self.make(batch, own)[0].unflatten(0, batch["driving"].shape[:2])
        return strip(torch.cat([batch["source"][:, None], batch["driving"], made], 1))

    @torch.no_grad()
    def figures(self, stage: Stage) -> dict[str, float]:
        """Mean absolute error of held-out driving pictures in -1..1, whole and in the mouth's box:
        of the source itself, of G with true codes and with E_m's own."""
        if stage.name == "encoder" or self.held_out is None:
            return {}
        size, clips = self.net.settings.size, self.held_out
        codes = {"G, own codes": 1.0}
        if self.net.settings.learning.lip_teacher:
            codes = {"G, true codes": 0.0} | codes
        found: dict[str, list[float]] = {}
        for number in range(min(len(clips), HELD_OUT)):
            pair = draw_pair(clips.clip(number), size, np.random.default_rng(number)).sample()
            batch = {name: value[None].to(self.device) for name, value in pair.items()}
            true, boxes = batch["driving"][0], batch["box"][0, 1:]
            mouth = within(boxes, size, 0.0).expand_as(true) > 0
            shown = {"source": batch["source"].expand_as(true)}
            for name, own in codes.items():
                shown[name] = self.make(batch, torch.tensor([own], device=self.device))[0]
            for name, made in shown.items():
                error = (made - true).abs()
                found.setdefault(f"held-out L1, {name}", []).append(float(error.mean()))
                mouths = found.setdefault(f"held-out L1 of the mouth, {name}", [])
                mouths.append(float(error[mouth].mean()))
        return {name: float(np.mean(values)) for name, values in found.items()}
