"""STFM, trained: `vivavoce train stfm --data SHARDS`.

| stage | preset | learns | from |
|---|---|---|---|
| codec, voice | tiny | what XTTS brings readily trained | see train/stfm/voice.py |
| film | tiny | what Hallo brings | frames, with the voice half as it is |
| A | all | both encoders, projections, Perceiver, EC, DC | see train/stfm/joint.py |
| B | all | and the denoising U-Net | the same |

`paper` begins with published weights from the user's files (systems/stfm/official.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch import Tensor

from vivavoce.data.shards import open_set
from vivavoce.errors import BadCheckpoint, RequestError
from vivavoce.nn.latent import LatentBase
from vivavoce.nn.weights import packed
from vivavoce.speak.mel_codec import MelCodec
from vivavoce.systems.stage import Files, Run, Stage, Together, is_part
from vivavoce.systems.stfm.net import PARTS, StfmNet
from vivavoce.systems.stfm.official import base_of, check_given, fill
from vivavoce.systems.stfm.settings import StfmSettings
from vivavoce.systems.stfm.stages import RECIPES
from vivavoce.train.stfm.joint import JointTraining
from vivavoce.train.stfm.voice import VoiceTraining

SPOKEN, FILMED = ("codec", "voice"), ("film", "A", "B")


class StfmTraining(Together):
    """The whole system as the trainer sees it: two trainings around one network."""

    system = "stfm"
    presets = RECIPES

    def __init__(
        self, settings: StfmSettings, stages: Sequence[Stage], base: LatentBase | None = None
    ) -> None:
        """`base`: the one whose VAE sees pictures; None: the one that ships, or the user's."""
        self.net, self.codec = StfmNet(settings), MelCodec(settings.codec)
        stages = tuple(_fitting(stage, self.net) for stage in stages)
        self.why = ""
        if settings.filmed and base is None:
            base = self._base(settings)
        voice = VoiceTraining(
            settings, self.net.voice, self.codec, tuple(s for s in stages if s.name in SPOKEN)
        )
        joint = JointTraining(
            self.net, self.codec, base, tuple(s for s in stages if s.name in FILMED)
        )
        super().__init__(voice, joint, stages=stages)
        self.borrowed = {} if base is None else {"base": base}
        self.filled: frozenset[str] = frozenset()

    def _base(self, settings: StfmSettings) -> LatentBase | None:
        if settings.hearing != "small" and not settings.official.stable_diffusion:
            return None
        try:
            return base_of(settings)
        except BadCheckpoint as error:
            self.why = str(error)
            return None

    def check(self, stages: Sequence[Stage], run: Run) -> None:
        """Refuse what a later stage could not work on: no data, no published weights for `paper`,
        no base, no video half."""
        check_given(self.net.settings)
        filmed = [stage.name for stage in stages if stage.name in FILMED]
        if filmed and not self.net.settings.filmed:
            raise RequestError(f"Stage {filmed[0]} trains the video half: leave filmed at true.")
        if filmed and not self.borrowed:
            raise RequestError(f"Stage {filmed[0]} needs the latent base. {self.why}")
        if run.data is None:
            raise RequestError("STFM learns from talking clips: give shards with --data.")
        if "train" not in open_set(run.data).splits:
            raise RequestError(f"{run.data} has no split train: there is nothing to learn from.")

    def begin(self, stage: Stage, run: Run) -> None:
        """Read published weights before the first step, then begin as the part does."""
        if not self.filled:
            learnt = run.resumed or run.done
            kept = {k: v.clone() for k, v in self.net.state_dict().items()} if learnt else None
            self.filled = fill(self.net)
            if kept is not None:
                self.net.load_state_dict(kept)
        super().begin(stage, run)

    def config(self) -> dict[str, object]:
        """What the network is made of, and the choices of its training."""
        return {"settings": self.net.settings.model_dump(mode="json")}

    def files(self, stage: Stage) -> Files:
        """Each part, without what is read from the user's files and was never trained."""
        trained = tuple(part for s in self.stages for part in s.trains)
        files: dict[str, tuple[Mapping[str, Tensor], dict[str, str]]] = {}
        for part in PARTS:
            module = getattr(self.net, part)
            if module is None or not any(True for _ in module.state_dict()):
                continue
            own = {
                name: tensor for name, tensor in module.state_dict().items()
                if f"{part}.{name}" not in self.filled or is_part(f"{part}.{name}", trained)
            }  # fmt: skip
            files[f"{part}.safetensors"] = packed(own), {"part": f"stfm-{part}"}
        if stage.name in SPOKEN:
            codec = packed(self.codec.state_dict())
            files["codec.safetensors"] = codec, {"part": "stfm-codec"}
        return files


def _fitting(stage: Stage, net: StfmNet) -> Stage:
    """The stage with the parts that this network has: a variant lacks some."""
    names = ["codec", *(name for name, _ in net.named_parameters())]
    optimisers = {}
    for turn, optimiser in stage.optimisers.items():
        here = tuple(p for p in optimiser.trains if any(is_part(name, (p,)) for name in names))
        optimisers[turn] = replace(optimiser, trains=here)
    return replace(stage, optimisers=optimisers)
