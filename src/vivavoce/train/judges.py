"""The corpus judges, trained: `vivavoce train judges --data CORPUS`.

| stage | learns | from |
|---|---|---|
| sync | whether lips and sound belong together | lip points and log-mel of corpus clips |
| face | who, age, sex of a picture | face crops |
| feeling | which emotion an expression shows | expressions fitted to exact and tracked points |
| voice | who, age, sex of a voice | log-mel |

Only people of the training split are seen; figures are measured on the held-out ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.data.shards import open_set
from vivavoce.errors import RequestError
from vivavoce.look.face478 import fit
from vivavoce.measure.judges.networks import AGE_SCALE, Face, Feeling, Voice
from vivavoce.measure.judges.views import FACE_PX, face_crops, heard, lip_curves
from vivavoce.nn.contrast import arcface
from vivavoce.nn.pictures import as_pictures, centred
from vivavoce.nn.syncnet import LipSync
from vivavoce.systems.stage import Files, Optimiser, Run, Sample, Stage, Trainable, Turn
from vivavoce.train.read.windows import Windows
from vivavoce.types import EMOTIONS, MELS_PER_FRAME, Bytes, Float

MOST = 15
"""Largest offset in frames, each way, that the sync judge tells apart."""
PER_CLIP = 10
"""Number of pictures of a clip that the face judge sees."""
PLATEAU = float(np.log(2))
"""Binary loss of a network that says "perhaps" to everything."""
ADVICE = (
    "The sync loss stands at 0.69 = ln 2: the network answers the same whatever it sees and hears. "
    "Check that sound and pictures are of the same 25 frames a second and start together, that the "
    "mel is not silent or clipped, that lips move in the crops; a smaller learning rate or a "
    "larger batch helps it over the plateau."
)
_WIDE = 2 * MOST + 20


@dataclass(frozen=True)
class Clip:
    """Facts about one clip that the judges learn from."""

    person: int
    """Number of the person, from 0."""
    age: float
    """Age of the person in years."""
    female: float
    """1 if the person is a woman, else 0."""
    emotion: int
    """Number of the emotion in `EMOTIONS`."""
    lips: Float
    """Lip curves [T, 42], see `views.lip_curves`."""
    mel: Float
    """Log-mel spectrogram [4 T, 80], see `views.heard`."""
    crops: Bytes
    """Pictures of the face [n, 64, 64, 3], RGB."""
    expressions: tuple[Float, ...] = ()
    """Expressions [n, 52] fitted to the exact points, and others fitted to the tracker's; the two
    differ by a bias of the drawn head, which the judge must not take for a feeling."""


class JudgesTraining(Trainable):
    """The three networks as the trainer sees them."""

    system = "judges"
    stages = (
        Stage("sync", {"match": 1.0, "binary": 0.3}, 3000, 24,
              {"sync": Optimiser(("sync",), 1e-3, warmup=0.05, schedule="cosine", clip=1.0)},
              window=_WIDE, ema=0.995),
        Stage("face", {"person": 1.0, "age": 4.0, "sex": 0.5}, 2500, 48,
              {"face": Optimiser(("face",), 1.5e-3, weight_decay=1e-2, warmup=0.05,
                                 schedule="cosine", clip=1.0)}, ema=0.995),
        Stage("feeling", {"emotion": 1.0}, 1500, 64,
              {"feeling": Optimiser(("feeling",), 3e-3, weight_decay=0.3, schedule="cosine")}),
        Stage("voice", {"person": 1.0, "age": 4.0, "sex": 0.5}, 3000, 48,
              {"voice": Optimiser(("voice",), 1.5e-3, weight_decay=1e-2, warmup=0.05,
                                  schedule="cosine", clip=1.0)}, window=60, ema=0.995),
    )  # fmt: skip

    def __init__(self) -> None:
        self.people = 1
        self.clips: list[Clip] = []
        self.sync = LipSync()
        self.portraits: dict[str, Face | Voice] = {"face": Face(), "voice": Voice()}
        self.feeling = Feeling()
        self.network = nn.ModuleDict({"sync": self.sync, "feeling": self.feeling, **self.portraits})

    def check(self, stages: Sequence[Stage], run: Run) -> None:
        """Refuse to begin without a corpus, or one whose clips are too short for `sync`."""
        if run.data is None:
            raise RequestError("The judges learn from a corpus: give its folder with --data.")
        longest = max(1 + _WIDE if stage.name == "sync" else 1 for stage in stages)
        Windows(open_set(run.data), "train", longest, ())

    def begin(self, stage: Stage, run: Run) -> None:
        """Read the clips of the training people; the heads get a row for each person."""
        if not self.clips or (stage.name == "feeling" and not self.clips[0].expressions):
            self.clips = read_clips(str(run.data), "train", PER_CLIP, stage.name == "feeling")
            self.people = max(c.person for c in self.clips) + 1
        if stage.name in self.portraits:
            heads = self.portraits[stage.name].heads
            if len(heads.people) != self.people:
                rng = torch.Generator().manual_seed(run.seed)
                rows = 0.1 * torch.randn(self.people, heads.people.shape[1], generator=rng)
                heads.people = nn.Parameter(rows.to(self.device))

    def make_room(self, saved: Mapping[str, Tensor]) -> None:
        """A row for each person that the saved heads know."""
        for name, net in self.portraits.items():
            net.heads.people = nn.Parameter(torch.empty_like(saved[f"{name}.heads.people"]))

    def draw(self, stage: Stage, rng: np.random.Generator) -> Sample:
        """A window of one clip for sync and voice, one picture for the face, a mean expression
        for the feeling."""
        if stage.name == "sync":
            return self._lips(rng)
        clip = self.clips[int(rng.integers(len(self.clips)))]
        if stage.name == "feeling":
            every = clip.expressions[int(rng.integers(len(clip.expressions)))]
            some = every[rng.random(len(every)) < 0.7]
            mean = (some if len(some) else every).mean(0)
            mean = mean + 0.02 * rng.standard_normal(len(mean))
            return {"x": torch.from_numpy(mean.astype(np.float32)),
                    "emotion": torch.tensor(clip.emotion)}  # fmt: skip
        told = {
            "person": torch.tensor(clip.person), "age": torch.tensor(clip.age / AGE_SCALE),
            "sex": torch.tensor(clip.female),
        }  # fmt: skip
        if stage.name == "face":
            return told | {"x": torch.from_numpy(_disturbed(clip.crops, rng))}
        rows = MELS_PER_FRAME * stage.window
        mel = np.pad(clip.mel, ((0, max(0, rows - len(clip.mel))), (0, 0)), mode="wrap")
        at = int(rng.integers(len(mel) - rows + 1))
        noisy = mel[at : at + rows] + 0.05 * rng.standard_normal((rows, 80))
        noisy += rng.uniform(-0.2, 0.2) * np.linspace(-1, 1, 80)  # another microphone
        hole = int(rng.integers(0, rows - 20))
        noisy[hole : hole + int(rng.integers(0, 20))] = 0.0
        return told | {"x": torch.from_numpy(noisy.astype(np.float32))}

    def _lips(self, rng: np.random.Generator) -> Sample:
        long = [c for c in self.clips if len(c.lips) > _WIDE]
        clip = long[int(rng.integers(len(long)))]
        at = int(rng.integers(len(clip.lips) - _WIDE))
        lips = clip.lips[at : at + _WIDE] * rng.uniform(0.6, 1.5)
        lips = lips + rng.uniform(0, 0.12) * rng.standard_normal(lips.shape)  # as trackers tremble
        mel = clip.mel[MELS_PER_FRAME * at : MELS_PER_FRAME * (at + _WIDE)]
        mel = mel + rng.uniform(0, 0.15) * rng.standard_normal(mel.shape) + rng.uniform(-0.2, 0.2)
        slope = rng.uniform(-0.15, 0.15) * np.linspace(-1, 1, 80)
        return {
            "lips": torch.from_numpy(lips.astype(np.float32)),
            "mel": torch.from_numpy((mel + slope).astype(np.float32)),
        }

    def losses(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
        """Losses of the network that the stage trains."""
        if stage.name == "sync":
            return sync_losses(self.sync, batch["lips"], batch["mel"])
        if stage.name == "feeling":
            return {"emotion": F.cross_entropy(self.feeling(batch["x"]), batch["emotion"])}
        net = self.portraits[stage.name]
        said = net.heads(net.features(batch["x"]))
        return {
            "person": arcface(said["people"], batch["person"], 0.2, 16.0),
            "age": F.l1_loss(said["age"] / AGE_SCALE, batch["age"].float()),
            "sex": F.binary_cross_entropy_with_logits(said["sex"], batch["sex"].float()),
        }

    def watch(self, stage: Stage, step: int, losses: Mapping[str, float]) -> str | None:
        """The plateau that sync networks are known for."""
        stuck = abs(losses.get("binary", 0.0) - PLATEAU) < 0.008
        return ADVICE if stage.name == "sync" and step > stage.steps // 6 and stuck else None

    def config(self) -> dict[str, Any]:
        """Settings that config.json records: how many people the heads know, and the largest
        offset of the sound in frames."""
        return {"people": self.people, "offsets": MOST}

    def files(self, stage: Stage) -> Files:
        """The one file of the judge that the stage trains, in half precision."""
        net = self.network.get_submodule(stage.name)
        weights = {k: v.half().contiguous() for k, v in net.state_dict().items()}
        return {f"{stage.name}.safetensors": (weights, {"part": stage.name})}


def sync_losses(net: LipSync, lips: Tensor, mel: Tensor) -> dict[str, Tensor]:
    """Match over offsets (Chung et al. 2019) and Wav2Lip's binary loss on one wrong offset."""
    cosines = net.scores(net.see(lips), net.hear(mel), MOST)
    logits = cosines * net.sharpness.exp()
    right = torch.full(logits.shape[:2], MOST, dtype=torch.long, device=lips.device)
    match = F.cross_entropy(logits.flatten(0, 1), right.flatten())
    wrong = cosines[..., [i for i in range(2 * MOST + 1) if abs(i - MOST) > 3]].mean(-1)
    true = cosines[..., MOST]
    both = torch.stack([true, wrong])
    want = torch.stack([torch.ones_like(true), torch.zeros_like(wrong)])
    binary = F.binary_cross_entropy(both.clamp(1e-4, 1 - 1e-4), want)
    return {"match": match, "binary": binary}


def read_clips(folder: str, split: str, pictures: int, follow: bool) -> list[Clip]:
    """The clips of a split, people numbered from 0, `pictures` face crops of each; with `follow`
    also their expressions, for which the tracker must be installed."""
    people: dict[str, int] = {}
    found = []
    for sample in open_set(folder).samples(split, ("wav", "frames", "tracks")):
        about, marks = sample.about, sample.tracks["landmarks"]
        who = people.setdefault(about["person"], len(people))
        assert sample.frames is not None
        assert sample.samples is not None
        chosen = np.linspace(0, len(sample) - 1, pictures).astype(int)
        crops = face_crops(np.stack([sample.frames[int(i)] for i in chosen]), marks[chosen])
        attributes = about.get("attributes", {})
        found.append(Clip(
            who, float(attributes.get("age", 40)), float(attributes.get("sex") == "female"),
            EMOTIONS.index(about.get("emotion", "neutral")), lip_curves(marks),
            heard(sample.samples),
            as_pictures(torch.from_numpy(crops)),
            expressions(sample.frames[:], marks) if follow else (),
        ))  # fmt: skip
    return found


def expressions(frames: Bytes, landmarks: Float) -> tuple[Float, ...]:
    """Expressions [n, 52] of up to 25 frames, by the exact `landmarks` and by the tracker's."""
    from vivavoce.look.follow import filled
    from vivavoce.look.track import track_video

    chosen = np.unique(np.linspace(0, len(frames) - 1, min(len(frames), 25)).astype(int))
    exact = fit(landmarks[chosen]).expression
    found = list(track_video(frames[chosen]))
    seen = np.array([points is not None for points in found])
    if seen.mean() < 0.8:
        return (exact,)
    return exact, fit(filled(found, seen)).expression


def _disturbed(crops: Bytes, rng: np.random.Generator) -> Float:
    """One crop [3, 64, 64] in -1..1: mirrored, turned, moved, lit otherwise, with noise."""
    import cv2

    crop = crops[int(rng.integers(len(crops)))]
    middle = (FACE_PX / 2, FACE_PX / 2)
    matrix = cv2.getRotationMatrix2D(middle, rng.uniform(-8, 8), rng.uniform(0.9, 1.1))
    matrix[:, 2] = matrix[:, 2] + rng.uniform(-3, 3, 2)
    crop = cv2.warpAffine(crop, matrix, (FACE_PX, FACE_PX), borderMode=cv2.BORDER_REPLICATE)
    x = centred(np.asarray(crop, np.float32))
    if rng.random() < 0.5:
        x = x[:, ::-1]
    x = x * rng.uniform(0.8, 1.2) + rng.uniform(-0.15, 0.15, 3)  # another light
    x = x + rng.uniform(0, 0.06) * rng.standard_normal(x.shape)
    return np.ascontiguousarray(x.transpose(2, 0, 1), np.float32)
