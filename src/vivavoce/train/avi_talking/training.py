"""AVI-Talking, trained: `vivavoce train avi-talking --data SHARDS`.

The two halves learn by themselves, on the text of the set, and meet only in use.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from vivavoce.data.shards import open_set
from vivavoce.errors import RequestError
from vivavoce.listen.instruction import tokens
from vivavoce.systems.avi_talking.net import AviNet
from vivavoce.systems.avi_talking.settings import PRESETS, AviSettings
from vivavoce.systems.stage import Files, Run, Stage, Together
from vivavoce.train.avi_talking.instructing import Instructing
from vivavoce.train.avi_talking.moving import Moving

WRITTEN = ("language", "ear", "a1", "a2")
"""Stages of the instruction half; the others are the synthesis half's."""


class AviTraining(Together):
    """AVI-Talking as the trainer sees it."""

    system = "avi-talking"
    presets = PRESETS

    def __init__(self, settings: AviSettings, stages: Sequence[Stage]) -> None:
        self.settings, self.net = settings, AviNet(settings)
        first = [stage for stage in stages if stage.name in WRITTEN]
        rest = [stage for stage in stages if stage.name not in WRITTEN]
        instructing = Instructing(self.net, settings, first)
        moving = Moving(self.net, settings, rest, instructing)
        super().__init__(instructing, moving, stages=stages)
        self.instructing, self.moving = instructing, moving

    def check(self, stages: Sequence[Stage], run: Run) -> None:
        """Refuse what later stages could not work on, and fetch the frozen parts of the user."""
        s, names = self.settings, {stage.name for stage in stages}
        if s.acted and s.hearing != "manner":
            raise RequestError("Voices are acted anew only where they are heard by model.hearing="
                               "manner. Leave out model.acted, or hear them so.")  # fmt: skip
        if s.compose and s.space != "arkit52":
            raise RequestError("Looks are drawn anew only over ARKit's coefficients: leave out "
                               "model.compose, or take model.space=arkit52.")  # fmt: skip
        if names - {"language", "words"}:
            if run.data is None:
                raise RequestError("AVI-Talking learns from clips: give shards with --data.")
            open_set(run.data)
        if s.space == "flame53" and names & {"teacher", "b1"}:
            from vivavoce.look.flame import displacements

            displacements(s.flame)
        self.borrow(names)

    def borrow(self, names: set[str]) -> None:
        """Load the large frozen parts that these stages need.

        Raises: RequestError: the user does not have one.
        """
        from vivavoce.systems.avi_talking import frozen

        s, borrowed = self.settings, dict(self.borrowed)
        if s.hearing == "hubert" and names & {"a1", "a2", "b2-heard"}:
            borrowed["hubert"] = frozen.held("hubert")
        if s.text_transformer == "bert" and "a1" in names:
            self.net.text.load_state_dict(frozen.held("bert").state_dict(), strict=False)
            self.instructing.bert_words = frozen.tokenizer("bert")
        if s.language_model == "vicuna" and "a2" in names:
            self.instructing.language = frozen.vicuna()
            borrowed["llama"] = self.instructing.language.model
        if s.content_from == "wav2vec2" and names & {"teacher", "b1"}:
            borrowed["wav2vec2"] = frozen.held("wav2vec2")
        if s.text_from != "own" and "b2" in names:
            borrowed["words"] = frozen.OfficialText(s.text_from)
        self.borrowed = self.instructing.borrowed = self.moving.borrowed = borrowed

    def notes(self) -> Sequence[str]:
        """What the voices and looks of the training are."""
        s, found = self.settings, []
        if s.acted:
            real = f", beside the real ones of {s.voices.name}" if s.voices else ""
            found.append(f"Voices of the set are acted anew in every feeling{real}.")
        if s.compose:
            found.append("Looks are drawn anew over neutral clips, so that every act is seen.")
        return found

    def config(self) -> dict[str, Any]:
        """The settings, without folders of this machine."""
        kept = self.settings.model_copy(update={"voices": None, "flame": None})
        return {"settings": kept.model_dump(mode="json")}

    def files(self, stage: Stage) -> Files:
        """All networks in half precision."""
        weights: dict[str, Tensor] = {
            name: (value.half() if value.is_floating_point() else value).contiguous()
            for name, value in self.net.state_dict().items()
            if name != "llama.lm_head.weight"  # tied to the embeddings
        }
        note = {"part": "avi-talking", "words": " ".join(tokens.vocabulary())}
        return {"avi-talking.safetensors": (weights, note)}
