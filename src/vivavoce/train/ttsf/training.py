"""TTSF, trained: `vivavoce train ttsf --data SHARDS`.

| stage | learns | from |
|---|---|---|
| encoder (`tiny`) | E_v, E_m | pictures whose pose and person are known |
| face | E_v, E_m, G (and, in `tiny`, a lip teacher) | pairs of frames of a clip |
| generator (`tiny`) | G and the lip teacher | the same, mostly with E_m's own codes |
| vocoder*, speech* | the speech half | see train/ttsf/vocoder.py, train/ttsf/speech.py |
| motion (`tiny`) | mapper, normaliser, prior, sampler | codes of the frozen networks |
| reader | the lip reader in front of the corpus sync judge | mouths and their points |
| joint | everything, by the eight losses of Eq. 8 | windows of 32 frames |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from vivavoce.errors import RequestError
from vivavoce.nn.weights import packed
from vivavoce.systems.stage import Files, Run, Stage, Together
from vivavoce.systems.ttsf.net import ELSEWHERE, TtsfNet, TtsfSettings
from vivavoce.systems.ttsf.stages import RECIPES
from vivavoce.train.read.windows import held_out
from vivavoce.train.ttsf.clips import ALL, check_scripts, clips_of
from vivavoce.train.ttsf.critics import CORPUS, Critics, Judgement, check_vgg19, official
from vivavoce.train.ttsf.face import FaceTraining
from vivavoce.train.ttsf.joint import JointTraining, ReaderTraining
from vivavoce.train.ttsf.motion import MotionTraining
from vivavoce.train.ttsf.speech import Looker, SpeechTraining
from vivavoce.train.ttsf.vocoder import VocoderTraining

SPOKEN = ("speech-align", "speech", "motion", "joint")
"""Stages that need to know what is said in a clip."""
FACES = ("encoder", "face", "generator")


class TtsfTraining(Together):
    """The whole system as the trainer sees it: five trainings around one network."""

    system = "ttsf"
    presets = RECIPES

    def __init__(self, settings: TtsfSettings, stages: Sequence[Stage]) -> None:
        self.net, self.critics = TtsfNet(settings), Critics()
        judgement = Judgement(self.critics, official(settings.learning))

        def of(*names: str) -> tuple[Stage, ...]:
            return tuple(stage for stage in stages if stage.name in names)

        looker = Looker(self.see, settings.size)
        face = FaceTraining(self.net, self.critics, judgement, of(*FACES))
        vocoder = VocoderTraining(settings.vocoder, of("vocoder", "vocoder-gan"))
        speech = SpeechTraining(
            settings.speech, settings.learning, of("speech-align", "speech"), looker
        )  # fmt: skip
        self.net.vocoder, self.net.acoustic = vocoder.vocoder, speech.acoustic
        motion = MotionTraining(self.net, face.lip_teacher, of("motion"))
        reader = ReaderTraining(self.net, self.critics, of("reader"))
        joint = JointTraining(self.net, face, judgement, of("joint"))
        super().__init__(face, vocoder, speech, motion, reader, joint, stages=stages)
        self.borrowed = judgement.borrowed
        for part in (self.net.visual_encoder, self.net.generator, joint.critic):
            part.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._notes: list[str] = []

    @torch.no_grad()
    def see(self, pictures: Tensor) -> Tensor:
        """f_id [B, D] of pictures [B, 3, S, S], for the speech half."""
        return self.net.eval().see(pictures).f_id

    def check(self, stages: Sequence[Stage], run: Run) -> None:
        """Refuse what a later stage could not work on: no pictures, no sound, clips shorter than a
        window, none whose words are known, no critics chosen for Eq. 8."""
        longest = max(stage.window for stage in stages)
        clips = clips_of(run, longest)
        first = clips.clip(0).sample
        if first.frames is None or first.samples is None or "landmarks" not in first.tracks:
            raise RequestError(f"{run.data} has no pictures, tracks or sound; TTSF needs them all.")
        spoken = [stage.name for stage in stages if stage.name in SPOKEN]
        if spoken:
            left_out = check_scripts(clips, f"stage {spoken[0]}")
            self._notes += [left_out] if left_out else []
        if held_out(run.data, longest, ALL) is None:
            self._notes.append(
                f"No clip of {longest} frames is held out (test or val split): stages that need "
                "one measure nothing."
            )
        learning = self.net.settings.learning
        names = [stage.name for stage in stages]
        if {"face", "generator", "joint"} & {*names}:
            check_vgg19(learning)
        for loss in ("identity", "sync"):
            if "joint" in names and not getattr(learning, loss):
                raise RequestError(
                    f"The paper's L_{loss} needs a network that was trained for it. Give the "
                    f"official file by --set model.learning.{loss}=FILE, or say ={CORPUS} to take "
                    "the judge that ships."
                )
        read = bool(self.critics.reader.trained) or "reader" in (*names, *run.done)
        if "joint" in names and learning.sync == CORPUS and not read:
            raise RequestError(
                "The stage joint needs a trained lip reader: train the stage `reader` before it."
            )

    def notes(self) -> Sequence[str]:
        """Which networks judge, and what is left out."""
        learning = self.net.settings.learning
        corpus, own = "the corpus judge that ships", "the official file"
        chosen = {
            "Eq. 3 compares feature maps of": learning.perceptual,
            "L_id is judged by": learning.identity,
            "L_sync is judged by": learning.sync,
        }
        return [
            *(f"{what} {corpus if by == CORPUS else own}." for what, by in chosen.items() if by),
            *self._notes,
        ]

    def config(self) -> dict[str, object]:
        """What the network is made of, and the choices of its training."""
        return {"settings": self.net.settings.model_dump(mode="json")}

    def files(self, stage: Stage) -> Files:
        """The parts that a stage changed."""
        if stage.name in ("vocoder", "vocoder-gan", "speech-align", "speech"):
            return super().files(stage)
        files: dict[str, tuple[Mapping[str, Tensor], dict[str, str]]] = {}
        kept = {k: v for k, v in self.net.state_dict().items() if not k.startswith(ELSEWHERE)}
        files["face.safetensors"] = (packed(kept), {"part": "ttsf-face"})
        if stage.name == "joint":
            acoustic = self.net.acoustic.state_dict()
            files["acoustic.safetensors"] = (packed(acoustic), {"part": "ttsf-acoustic"})
        return files
