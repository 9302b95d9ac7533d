"""STFM's voice half, trained: what XTTS brings to `paper` readily trained, `tiny` learns here.

| stage | learns | losses |
|---|---|---|
| codec | the codes of a spectrogram | rows: its copy |
| voice | front end, GPT-2, spectrogram | codes, mel, pitch, contrast |

The vocoder, with it the first convolution that makes f_a, and the guide, which says what a text
sounds like on average and how long, are ttsf-tiny's as it ships; they stay frozen.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.errors import RequestError
from vivavoce.nn.contrast import info_nce
from vivavoce.nn.weights import SHIPPED, read_weights
from vivavoce.speak.code_gpt import Voice
from vivavoce.speak.mel_codec import MelCodec
from vivavoce.systems.stage import Run, Sample, Stage, Trainable, Turn
from vivavoce.systems.stfm.entangle import joined
from vivavoce.systems.stfm.net import real_tokens
from vivavoce.systems.stfm.settings import StfmSettings
from vivavoce.systems.stfm.voice import VoiceHalf
from vivavoce.train.stfm.speech import Talks, coded, together

TTSF = SHIPPED / "ttsf-tiny"
"""The checkpoint whose vocoder and acoustic model learnt from voices of the corpus."""
HELD_OUT = 40
"""Clips of people who were held out, on which the stage is measured."""


class VoiceTraining(Trainable):
    """The voice half's stages; a part of STFM's training."""

    system = "stfm"

    def __init__(
        self, settings: StfmSettings, voice: VoiceHalf, codec: MelCodec, stages: tuple[Stage, ...]
    ) -> None:
        self.settings, self.voice, self.codec, self.stages = settings, voice, codec, stages
        self.network = nn.ModuleDict({"voice": voice, "codec": codec})
        self.talks: Talks | None = None
        self.others: Talks | None = None

    def begin(self, stage: Stage, run: Run) -> None:
        """Open the shards; take over the vocoder before the first step."""
        self.talks = Talks(run, "train", self.settings)
        self.others = self._held_out(run)
        if not run.resumed and not run.done:
            take_ttsf(self.voice)

    def _held_out(self, run: Run) -> Talks | None:
        """Clips that the stage is measured on; None: no split has two clips of a person."""
        assert self.talks is not None
        for split in ("val", "test"):
            if split in self.talks.splits:
                try:
                    return Talks(run, split, self.settings)
                except RequestError:
                    continue
        return None

    def draw(self, stage: Stage, rng: np.random.Generator) -> Sample:
        """A clip and two samples of its voice."""
        assert self.talks is not None
        return self.talks.draw(rng)

    def collate(self, stage: Stage, samples: list[Sample]) -> Sample:
        """Clips filled up to one length."""
        return together(samples)

    def losses(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
        """Losses of the stage."""
        return self.copied(batch) if stage.name == "codec" else self.spoken(batch)

    def copied(self, batch: Sample) -> dict[str, Tensor]:
        """How far the codec's copy is from what it codes."""
        rows = coded(batch["mel"], batch["octaves"], batch["voiced"])
        real = ~batch["octaves"].isnan()
        return {"rows": (self.codec(rows) - rows)[real].abs().mean()}

    def spoken(self, batch: Sample) -> dict[str, Tensor]:
        """Of GPT-2 and the spectrogram, with the true codes known and the true durations."""
        voice, real = self.voice, ~batch["octaves"].isnan()
        codes = self.codes(batch)
        who = self.heard(batch, "one")
        ids = batch["ids"]
        mask = real_tokens(batch["tokens"], ids.shape[1])
        true, lengths = batch["mel"].nan_to_num(), real.sum(1)
        with torch.no_grad():
            sounds = voice.laid(batch["spelt"], 2 * batch["tokens"] + 1, true, lengths)
        written = voice.gpt(who.latents, ids, mask, codes, sounds.told)
        rows = voice.spectrogram(voice.voiced_rows(written.latents), sounds, who.speaker)
        step_real = real[:, ::4]
        return {
            "codes": F.cross_entropy(written.logits[:, :-1][step_real], codes[step_real]),
            "mel": (rows[..., :-2] - true)[real].abs().mean(),
            "pitch": pitch_loss(rows, batch, real),
            "contrast": info_nce(who.speaker, self.heard(batch, "two").speaker, 0.1, both=True),
        }

    def codes(self, batch: Sample) -> Tensor:
        """The true codes [B, L] of a batch."""
        with torch.no_grad():
            return self.codec.encode(coded(batch["mel"], batch["octaves"], batch["voiced"]))

    def heard(self, batch: Sample, name: str) -> Voice:
        """The voice of a batch's samples "one" or "two", before anything is entangled."""
        parts, names = self.voice.front(batch[f"{name} mel"], batch[f"{name} wave"])
        tokens, counts = joined(parts)
        return self.voice.voice(tokens, counts, names)

    def figures(self, stage: Stage) -> dict[str, float]:
        """The losses on people who were held out."""
        if self.others is None:
            return {}
        rng = np.random.default_rng(0)
        found: dict[str, list[float]] = {}
        for _ in range(HELD_OUT // 8):
            batch = together([self.others.draw(rng) for _ in range(8)])
            batch = {k: v.to(self.device) for k, v in batch.items()}
            turn = Turn("", 0, {}, torch.arange(8), 0)
            for name, loss in self.losses(stage, batch, turn).items():
                found.setdefault(f"held-out {name}", []).append(float(loss))
        return {name: float(np.mean(values)) for name, values in found.items()}


def pitch_loss(rows: Tensor, batch: Sample, real: Tensor) -> Tensor:
    """Of octaves where there is a voice, and of whether there is one."""
    octaves, voiced = batch["octaves"].nan_to_num(), batch["voiced"].nan_to_num()
    heard = voiced * real
    wrong = ((rows[..., -2] - octaves).abs() * heard).sum() / heard.sum().clamp(min=1)
    return wrong + 0.3 * F.binary_cross_entropy_with_logits(rows[..., -1][real], voiced[real])


@torch.no_grad()
def take_ttsf(voice: VoiceHalf) -> None:
    """Read what ships with TTSF: its vocoder, whose first convolution is the front end of f_a too,
    and the part of its acoustic model that reads."""
    weights, _ = read_weights(TTSF / "vocoder.safetensors", "ttsf-vocoder")
    voice.vocoder.load_state_dict({k: v.float() for k, v in weights.items()})
    front, first = voice.front.hifigan, voice.vocoder.first
    front.load_state_dict({k: v.clone() for k, v in first.state_dict().items()})  # type: ignore
    assert voice.guide is not None
    weights, _ = read_weights(TTSF / "acoustic.safetensors", "ttsf-acoustic")
    reading = {k: v.float() for k, v in weights.items() if not k.startswith("field.")}
    voice.guide.load_state_dict(reading)
