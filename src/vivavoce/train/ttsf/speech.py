"""TTSF's speech half, trained: Matcha-TTS on talking clips (stage A of docs/systems/ttsf.md).

| stage | learns | losses |
|---|---|---|
| speech-align (`tiny`) | encoder and durations | duration, prior, pitch |
| speech | all of it | duration, prior, flow: Matcha-TTS's, equal weights; in `tiny` pitch too |

The first stage is ours: the search for who-is-when settles before the decoder, which is most of the
work, joins in. So is the loss `pitch`: a voice made for a face begins with its pitch.

`SpeechTraining(settings, learning, see, stages)` is a part of the whole system's training, with
`see` what gives f_id [B, code] of pictures by the frozen face half. Without it, and in a share of
the samples, everybody is the learned `nobody` (open point O10).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from vivavoce.listen.prosody import ProsodyStream
from vivavoce.nn.pictures import as_tensor
from vivavoce.nn.weights import packed
from vivavoce.speak.alignment import expand
from vivavoce.speak.matcha import (
    Aligned,
    Matcha,
    MatchaSettings,
    duration_loss,
    lay_along,
    mel_flow_loss,
    prior_loss,
)
from vivavoce.systems.stage import Files, Run, Sample, Stage, Trainable, Turn
from vivavoce.systems.ttsf.net import Learning
from vivavoce.train.read.square import Sight
from vivavoce.train.read.windows import Clip, Windows, held_out
from vivavoce.train.ttsf.clips import ALL, clips_of, spread, with_script
from vivavoce.train.ttsf.script import Script, script_of
from vivavoce.types import HOP, RATE, Float

CROP = 192
"""Mel frames of a clip that the decoder learns from at a time (Matcha-TTS, "out_size")."""
PITCH, SPREAD = 5.1, 0.33
"""Mean and standard deviation of speakers' log median f0 in log Hz."""
LEVELLED = 200
"""Clips from which the mean and deviation of mels and faces are measured."""
HELD_OUT = 60
"""Clips on which the speech half is measured."""

See = Callable[[Tensor], Tensor]
"""f_id [B, code] of pictures [B, 3, S, S] in -1..1."""


@dataclass(frozen=True)
class Looker:
    """Whose face a voice is made for, seen by the frozen face half."""

    see: See
    size: int
    """Side of the pictures it sees, in px."""

    def picture(self, clip: Clip, frame: int) -> Tensor:
        """One frame [3, S, S] in -1..1, cropped as a portrait is."""
        return as_tensor(Sight.of(clip, frame, self.size).pictures([frame]))[0]


class SpeechTraining(Trainable):
    """The acoustic model's stages; a part of TTSF's training."""

    system = "ttsf"

    def __init__(
        self, settings: MatchaSettings, learning: Learning, stages: tuple[Stage, ...],
        looker: Looker | None = None,
    ) -> None:  # fmt: skip
        self.learning, self.stages, self.looker = learning, stages, looker
        self.acoustic = Matcha(settings)
        self.network = nn.ModuleDict({"acoustic": self.acoustic})
        self.clips: Windows | None = None
        self.held_out: Windows | None = None

    def begin(self, stage: Stage, run: Run) -> None:
        """Open the shards; some clips' mean and deviation normalise mels and faces."""
        members = ALL if self.looker else ("wav",)
        self.clips = clips_of(run, 1, members)
        self.held_out = held_out(run.data, 1, members)
        first = self.stages[0].name
        if not run.resumed and (stage.name == first or first not in run.done):
            self._level()

    @torch.no_grad()
    def _level(self) -> None:
        assert self.clips is not None
        clips = [self.clips.clip(n) for n in spread(len(self.clips), LEVELLED)]
        mels = torch.from_numpy(np.concatenate([clip.mel for clip in clips]))
        faces = [self._face(self.looker.picture(c, 0)) for c in clips] if self.looker else []
        self.acoustic.normalise_by(
            mels.to(self.device), torch.cat(faces) if faces else None
        )  # fmt: skip

    def _face(self, picture: Tensor) -> Tensor:
        """f_id [1, code] of a picture."""
        assert self.looker is not None
        return self.looker.see(picture[None].to(self.device))

    def draw(self, stage: Stage, rng: np.random.Generator) -> Sample:
        """A clip whose words are known: tokens, mel, pitch, and a picture of who speaks."""
        assert self.clips is not None
        number, script = with_script(self.clips, rng)
        clip = self.clips.clip(number)
        sample = spoken_sample(clip, script)
        assert clip.sample.samples is not None
        sample["pitch"] = torch.tensor(pitch_of(clip.sample.samples), dtype=torch.float32)
        if self.looker:
            sample["picture"] = self.looker.picture(clip, int(rng.integers(len(clip.sample))))
        return sample

    def collate(self, stage: Stage, samples: list[Sample]) -> Sample:
        """One batch; tokens and mels are padded to its longest."""
        return padded(samples)

    def losses(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
        """Matcha-TTS's three, or the first two; and the pitch that f_id tells, if it is asked."""
        learning, model = self.learning, self.acoustic
        f_id = self._speakers(batch, turn)
        found = {}
        if "pitch" in stage.losses:
            found["pitch"] = pitch_loss(model, f_id, batch["pitch"])
        if learning.pitch_known:
            known = turn.uniform() < learning.pitch_known
            f_id = torch.where(known[:, None], model.at_pitch(f_id, batch["pitch"]), f_id)
        mel, aligned = aligned_batch(model, batch, f_id)
        found |= speech_losses(aligned, batch, mel)
        if "flow" in stage.losses:
            part = cropped(mel, aligned.feature, batch["frames"], turn.uniform())
            noise = turn.normal(CROP, mel.shape[-1])[:, : part.mel.shape[1]]
            found["flow"] = mel_flow_loss(
                model, part.mel, part.feature, part.frames, f_id, noise, turn.uniform()
            )
        return found

    def _speakers(self, batch: Sample, turn: Turn) -> Tensor:
        """f_id [B, code] of those who speak; a share of them is nobody in particular."""
        model, learning = self.acoustic, self.learning
        nobody = model.nobody.expand(len(batch["tokens"]), -1)
        if self.looker is None:
            return nobody
        with torch.no_grad():
            face = self.looker.see(batch["picture"])
        if learning.blur:
            face = face + learning.blur * model.face_spread * turn.normal(*face.shape[1:])
        shown = turn.uniform() >= learning.nobody
        return torch.where(shown[:, None], face, nobody)

    @torch.no_grad()
    def picture(self, stage: Stage, batch: Sample) -> np.ndarray:
        """Mels of four clips, and below each what its tokens mean."""
        mel, aligned = aligned_batch(self.acoustic, batch, self._seen(batch))
        rows = torch.cat([mel[:4], aligned.feature[:4]], 2)
        strip = (rows.transpose(1, 2).flip(1).flatten(0, 1) * 50 + 128).clamp(0, 255)
        return strip.byte().cpu().numpy()[..., None].repeat(3, 2)

    def _seen(self, batch: Sample) -> Tensor:
        if self.looker is None:
            return self.acoustic.nobody.expand(len(batch["tokens"]), -1)
        return self.looker.see(batch["picture"])

    @torch.no_grad()
    def figures(self, stage: Stage) -> dict[str, float]:
        """Over held-out clips: mean error of the prior mean in normalised mel; mean distance in s
        between the beginnings of phones as searched and as spoken, where times are known;
        predicted over true length. Nothing where nothing is held out."""
        found: dict[str, list[float]] = {}
        clips = self.held_out
        if clips is None:
            return {}
        for number in spread(len(clips), HELD_OUT):
            script = script_of(clips.about[number], str(number))
            if script is None:
                continue
            for name, value in self._figures_of(clips.clip(number), script).items():
                found.setdefault(f"held-out {name}", []).append(value)
        return {name: float(np.mean(values)) for name, values in found.items()}

    def _figures_of(self, clip: Clip, script: Script) -> dict[str, float]:
        model, device = self.acoustic, self.device
        f_id = self._face(self.looker.picture(clip, 0)) if self.looker else model.nobody[None]
        mel = model.normalised(torch.from_numpy(clip.mel)[None].to(device))
        ids = torch.from_numpy(script.tokens.ids)[None].to(device)
        count = torch.tensor([ids.shape[1]], device=device)
        frames = torch.tensor([mel.shape[1]], device=device)
        aligned = lay_along(model, ids, count, mel, frames, f_id)
        feature = expand(aligned.read.mean, aligned.durations, mel.shape[1])
        found = {
            "prior L1": float((feature - mel).abs().mean()),
            "predicted / true length": float(aligned.read.log_durations.exp().sum()) / mel.shape[1],
        }
        if script.starts is not None:
            lengths, phones = aligned.durations[0].cpu().numpy(), script.tokens.phones
            begins = [
                lengths[phones < p].sum() * HOP / RATE for p in range(len(script.starts))
            ]  # fmt: skip
            found["phone onset error, s"] = float(np.abs(np.array(begins) - script.starts).mean())
        return found

    def files(self, stage: Stage) -> Files:
        """The acoustic model's weights."""
        weights = packed(self.acoustic.state_dict())
        return {"acoustic.safetensors": (weights, {"part": "ttsf-acoustic"})}


def spoken_sample(clip: Clip, script: Script) -> Sample:
    """A clip's tokens `ids` [L] and log-mel `mel` [T, 80], as long as they are."""
    return {
        "ids": torch.from_numpy(script.tokens.ids),
        "mel": torch.from_numpy(np.ascontiguousarray(clip.mel)),
    }


def padded(samples: list[Sample]) -> Sample:
    """A batch of samples with `ids` [B, L] and `mel` [B, T, 80] padded by zeros to the longest, and
    how many of them are real: `tokens` [B] and `frames` [B]."""
    batch: Sample = {
        name: torch.stack([sample[name] for sample in samples])
        for name in samples[0]
        if name not in ("ids", "mel")
    }
    for name, count in (("ids", "tokens"), ("mel", "frames")):
        batch[name] = pad_sequence([sample[name] for sample in samples], batch_first=True)
        batch[count] = torch.tensor([len(sample[name]) for sample in samples])
    return batch


def pitch_of(samples: Float) -> float:
    """Median f0 of the voiced frames of sound [n], in standard deviations from the usual one
    (`PITCH`, `SPREAD`); 0 where nothing is voiced."""
    stream = ProsodyStream()
    stream.push(samples)
    stream.finish()
    return (np.log(stream.median_hz) - PITCH) / SPREAD if stream.median_hz else 0.0


def pitch_loss(model: Matcha, f_id: Tensor, pitch: Tensor) -> Tensor:
    """The first number that f_id [B, code] says of a voice is its pitch [B]."""
    return (model.voice(f_id)[:, 0] - pitch).square().mean()


def aligned_batch(model: Matcha, batch: Sample, f_id: Tensor) -> tuple[Tensor, Aligned]:
    """The normalised mel [B, T, 80] of a batch, and its text laid along it."""
    mel = model.normalised(batch["mel"])
    return mel, lay_along(model, batch["ids"], batch["tokens"], mel, batch["frames"], f_id)


def speech_losses(aligned: Aligned, batch: Sample, mel: Tensor) -> dict[str, Tensor]:
    """Matcha-TTS's losses of durations and of the prior mean."""
    return {
        "duration": duration_loss(aligned, batch["tokens"]),
        "prior": prior_loss(aligned.feature, mel, batch["frames"]),
    }


@dataclass(frozen=True)
class Crop:
    """A stretch of each clip of a batch."""

    mel: Tensor
    """Normalised log-mel [B, T, 80]."""
    feature: Tensor
    """What the tokens mean at the same frames, f~_t [B, T, 80]."""
    frames: Tensor
    """Number of rows that are real [B]."""


def cropped(mel: Tensor, feature: Tensor, frames: Tensor, where: Tensor) -> Crop:
    """`CROP` frames of each clip, from `where` [B] in 0..1 of what can be chosen."""
    length = min(CROP, mel.shape[1])
    first = (where * (frames - length + 1).clamp(min=1)).long()
    at = first[:, None] + torch.arange(length, device=mel.device)
    at = at.clamp(max=mel.shape[1] - 1)[..., None].expand(-1, -1, mel.shape[2])
    return Crop(mel.gather(1, at), feature.gather(1, at), frames.clamp(max=length))
