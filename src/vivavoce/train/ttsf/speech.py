"""TTSF's speech half, trained: Matcha-TTS on talking clips (stage A of docs/systems/ttsf.md).

| stage | learns | losses |
|---|---|---|
| speech-align | encoder and durations | duration, prior, pitch |
| speech | all of it | duration, prior, flow: Matcha-TTS's, equal weights; pitch |

The first stage is ours: the search for who-is-when settles before the decoder, which is most of the
work, joins in. So is the loss `pitch`: a voice made for a face begins with its pitch.

For the whole system's training: `SpeechTraining(preset, see)` is a part like any other (its
`network` has one child, `acoustic`), with `see` a function that gives f_id [n, code] of a clip, by
the frozen face half; it is asked once a clip when a stage begins. Without it, and in a share of the
samples, everybody is the learned `nobody` (open point O10). `aligned_batch` and `speech_losses` are
for joint training.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from vivavoce.data.schema import Sample as Recording
from vivavoce.data.shards import open_set
from vivavoce.errors import RequestError
from vivavoce.listen.mel import log_mel
from vivavoce.listen.prosody import ProsodyStream
from vivavoce.nn.weights import packed
from vivavoce.speak.alignment import expand
from vivavoce.speak.matcha import (
    PRESETS,
    Aligned,
    Matcha,
    duration_loss,
    lay_along,
    mel_flow_loss,
    prior_loss,
)
from vivavoce.speak.tokens import Tokens, tokens_of
from vivavoce.systems.stage import Files, Optimiser, Run, Sample, Stage, Trainable, Turn
from vivavoce.types import HOP, RATE, Float

MOST_FRAMES, MOST_TOKENS = 480, 200
"""Of a clip; longer ones are left out."""
CROP = 192
"""Mel frames of a clip that the decoder learns from at a time (Matcha-TTS, "out_size")."""
UNKNOWN = 0.1
"""Share of the samples whose speaker is `nobody`."""
TAUGHT = 0.7
"""Share of the samples whose f_id is moved until it says their true pitch: so the decoder
learns to be led by it, though faces tell little of pitch."""
PITCH, SPREAD = 5.1, 0.33
"""Mean and deviation of speakers' log median f0 in log Hz."""
BLUR = 0.5
"""Deviations of noise on f_id, lest every face of a small set become a voice of its own."""

See = Callable[[Recording], Tensor]
"""f_id [n, code] of some pictures of a clip."""


@dataclass(frozen=True)
class Utterance:
    """A clip as the speech half sees it."""

    tokens: Tokens
    starts: Float
    """When its phones begin, in s [P]; the corpus knows."""
    mel: Float
    """Log-mel [T, 80]."""
    faces: Tensor | None
    """f_id [n, code]."""
    pitch: float = 0.0
    """Median f0 of its voiced frames, see `PITCH`; 0 where there are none."""


class SpeechTraining(Trainable):
    """The acoustic model's two stages; a part of TTSF's training."""

    system = "ttsf"
    stages = (
        Stage("speech-align", {"duration": 1.0, "prior": 1.0, "pitch": 0.5}, 1500, 16,
              {"speech": Optimiser(("acoustic",), 1e-3, warmup=0.05, clip=1.0)}),
        Stage("speech", {"duration": 1.0, "prior": 1.0, "flow": 1.0, "pitch": 0.5}, 4000, 16,
              {"speech": Optimiser(("acoustic",), 1e-3, warmup=0.02, schedule="cosine", clip=1.0)},
              ema=0.998),
    )  # fmt: skip

    def __init__(self, preset: str = "tiny", see: See | None = None) -> None:
        self.preset = preset
        self.see = see
        self.acoustic = Matcha(PRESETS[preset])
        self.network = nn.ModuleDict({"acoustic": self.acoustic})
        self.clips: list[Utterance] = []
        self.held_out: list[Utterance] = []

    def begin(self, stage: Stage, run: Run) -> None:
        """Read the clips whose words are known; their mean and deviation normalise mels."""
        if run.data is None:
            raise RequestError("TTSF learns from talking clips: give shards with --data.")
        if not self.clips:
            self.clips = read_utterances(str(run.data), "train", self.see)
            self.held_out = read_utterances(str(run.data), "test", self.see)
        if not run.resumed and "speech-align" not in run.done:
            faces = [clip.faces for clip in self.clips if clip.faces is not None]
            mels = torch.from_numpy(np.concatenate([clip.mel for clip in self.clips]))
            self.acoustic.normalise_by(mels, torch.cat(faces) if faces else None)

    def draw(self, stage: Stage, rng: np.random.Generator) -> Sample:
        """A clip, padded; it is trimmed again to the longest of its batch."""
        clip = self.clips[int(rng.integers(len(self.clips)))]
        return sample_of(clip, rng, self.acoustic.settings.code)

    def losses(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
        """Matcha-TTS's three, or the first two."""
        known = batch["known"] & (turn.uniform() >= UNKNOWN)
        face = batch["face"] + BLUR * self.acoustic.face_spread * turn.normal(
            *batch["face"].shape[1:]
        )
        f_id = torch.where(known[:, None], face, self.acoustic.nobody)
        pitch = pitch_loss(self.acoustic, f_id, batch["pitch"])
        taught = turn.uniform() < TAUGHT
        f_id = torch.where(taught[:, None], self.acoustic.at_pitch(f_id, batch["pitch"]), f_id)
        mel, aligned = aligned_batch(self.acoustic, batch, f_id)
        found = speech_losses(aligned, batch, mel) | {"pitch": pitch}
        if "flow" in stage.losses:
            part = cropped(mel, aligned.feature, batch["frames"], turn.uniform())
            noise = turn.normal(CROP, mel.shape[-1])[:, : part.mel.shape[1]]
            found["flow"] = mel_flow_loss(
                self.acoustic, part.mel, part.feature, part.frames, f_id, noise, turn.uniform()
            )
        return found

    def picture(self, stage: Stage, batch: Sample) -> np.ndarray:
        """Mels of four clips, and below each what its tokens mean."""
        faces = torch.where(batch["known"][:, None], batch["face"], self.acoustic.nobody)
        mel, aligned = aligned_batch(self.acoustic, batch, faces)
        rows = torch.cat([mel[:4], aligned.feature[:4]], 2)
        strip = (rows.transpose(1, 2).flip(1).flatten(0, 1) * 50 + 128).clamp(0, 255)
        return strip.byte().cpu().numpy()[..., None].repeat(3, 2)

    def figures(self, stage: Stage) -> dict[str, float]:
        """On people who were held out: how well tokens explain their mels, and phone times."""
        return held_out_figures(self.acoustic, self.held_out)

    def files(self, stage: Stage) -> Files:
        """Its weights."""
        weights = packed(self.acoustic.state_dict())
        return {"acoustic.safetensors": (weights, {"part": "ttsf-acoustic"})}


def read_utterances(data: str, split: str, see: See | None) -> list[Utterance]:
    """The clips of a split that say which phones are spoken in them.

    Raises: RequestError: none does.
    """
    found = []
    members = ("wav", "frames", "tracks") if see else ("wav",)
    for clip in open_set(data).samples(split, members):
        phones = clip.about.get("phones")
        if not phones or clip.samples is None:
            continue
        tokens, mel = tokens_of([p[0] for p in phones], clip.key), log_mel(clip.samples)
        if len(tokens.ids) <= min(MOST_TOKENS, len(mel)) and len(mel) <= MOST_FRAMES:
            starts = np.array([p[1] for p in phones], np.float32)
            faces = see(clip) if see else None
            found.append(Utterance(tokens, starts, mel, faces, pitch_of(clip.samples)))
    if not found:
        raise RequestError(f"No clip of {data} ({split}) says which phones are spoken in it.")
    return found


def sample_of(clip: Utterance, rng: np.random.Generator, code: int) -> Sample:
    """A clip as a batch has it."""
    ids = np.zeros(MOST_TOKENS, np.int64)
    ids[: len(clip.tokens.ids)] = clip.tokens.ids
    mel = np.zeros((MOST_FRAMES, clip.mel.shape[1]), np.float32)
    mel[: len(clip.mel)] = clip.mel
    face = torch.zeros(code)
    if clip.faces is not None:
        face = clip.faces[int(rng.integers(len(clip.faces)))]
    return {
        "ids": torch.from_numpy(ids),
        "tokens": torch.tensor(len(clip.tokens.ids)),
        "mel": torch.from_numpy(mel),
        "frames": torch.tensor(len(clip.mel)),
        "face": face,
        "known": torch.tensor(clip.faces is not None),
        "pitch": torch.tensor(clip.pitch, dtype=torch.float32),
    }


def pitch_of(samples: Float) -> float:
    """Median f0 of voiced frames as a deviation from the usual one; 0 where nothing is voiced."""
    stream = ProsodyStream()
    stream.push(samples)
    stream.finish()
    return (np.log(stream.median_hz) - PITCH) / SPREAD if stream.median_hz else 0.0


def pitch_loss(model: Matcha, f_id: Tensor, pitch: Tensor) -> Tensor:
    """The first number that f_id [B, code] says of a voice is its pitch [B]."""
    return (model.voice(f_id)[:, 0] - pitch).square().mean()


def aligned_batch(model: Matcha, batch: Sample, f_id: Tensor) -> tuple[Tensor, Aligned]:
    """The normalised mel [B, T, 80] of a batch and its text, laid along it; both trimmed."""
    tokens, frames = batch["tokens"], batch["frames"]
    ids = batch["ids"][:, : int(tokens.max())]
    mel = model.normalised(batch["mel"][:, : int(frames.max())])
    return mel, lay_along(model, ids, tokens, mel, frames, f_id)


def speech_losses(aligned: Aligned, batch: Sample, mel: Tensor) -> dict[str, Tensor]:
    """Duration and prior."""
    return {
        "duration": duration_loss(aligned, batch["tokens"]),
        "prior": prior_loss(aligned.feature, mel, batch["frames"]),
    }


@dataclass(frozen=True)
class Crop:
    """A stretch of each clip."""

    mel: Tensor
    feature: Tensor
    frames: Tensor


def cropped(mel: Tensor, feature: Tensor, frames: Tensor, where: Tensor) -> Crop:
    """`CROP` frames of each clip, from `where` [B] in 0..1 of what can be chosen."""
    length = min(CROP, mel.shape[1])
    first = (where * (frames - length + 1).clamp(min=1)).long()
    at = first[:, None] + torch.arange(length, device=mel.device)
    at = at.clamp(max=mel.shape[1] - 1)[..., None].expand(-1, -1, mel.shape[2])
    return Crop(mel.gather(1, at), feature.gather(1, at), frames.clamp(max=length))


@torch.no_grad()
def held_out_figures(model: Matcha, clips: list[Utterance]) -> dict[str, float]:
    """Error of the prior mean in normalised mel, mean distance in s between the beginnings of
    phones as searched and as spoken, and predicted over true length."""
    errors, apart, ratios = [], [], []
    for clip in clips:
        f_id = model.nobody[None] if clip.faces is None else clip.faces[:1]
        mel = model.normalised(torch.from_numpy(clip.mel)[None])
        ids = torch.from_numpy(clip.tokens.ids)[None]
        count, frames = torch.tensor([ids.shape[1]]), torch.tensor([mel.shape[1]])
        aligned = lay_along(model, ids, count, mel, frames, f_id)
        feature = expand(aligned.read.mean, aligned.durations, mel.shape[1])
        errors.append(float((feature - mel).abs().mean()))
        lengths = aligned.durations[0].numpy()
        begins = [
            lengths[clip.tokens.phones < p].sum() * HOP / RATE for p in range(len(clip.starts))
        ]
        apart.append(np.abs(np.array(begins) - clip.starts).mean())
        ratios.append(float(aligned.read.log_durations.exp().sum()) / mel.shape[1])
    return {
        "held-out prior L1": float(np.mean(errors)),
        "held-out phone onset error, s": float(np.mean(apart)),
        "held-out predicted / true length": float(np.mean(ratios)),
    }
