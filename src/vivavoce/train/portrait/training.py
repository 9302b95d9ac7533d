"""The stages that make the checkpoint of `portrait`, in order; each writes one file of it.

| stages | learn | from |
|---|---|---|
| content-1, -2, -3 | which sound is heard | synthetic voices, recordings |
| lips | how the mouth says it | tracked clips, synthetic sentences |
| head | head, brows, blinks, gaze | tracked clips |
| repair | what a warp cannot show | pairs of frames of clips |

Only clips whose manifest row says `may_train_shipped` are used. What is prepared (tracks, pairs,
spoken sentences) is kept in `<out>-data` beside the checkpoint and used again.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn

from vivavoce.errors import UnknownName
from vivavoce.systems.stage import Files, Run, Sample, Stage, Trainable, Turn
from vivavoce.train.portrait.content import ContentTraining
from vivavoce.train.portrait.head import HeadTraining
from vivavoce.train.portrait.lips import LipsTraining
from vivavoce.train.portrait.repair import RepairTraining


class PortraitTraining(Trainable):
    """Four networks that learn apart from each other; the lips hear through the first."""

    system = "portrait"

    def __init__(self, preset: str) -> None:
        if preset != "tiny":
            raise UnknownName("preset of portrait", preset, ("tiny",))
        content = ContentTraining()
        parts: list[Trainable] = [
            content, LipsTraining(content.model), HeadTraining(), RepairTraining(),
        ]  # fmt: skip
        self._of = {stage.name: part for part in parts for stage in part.stages}
        self.stages = tuple(stage for part in parts for stage in part.stages)
        self.network = nn.ModuleDict(
            {name: net for part in parts for name, net in part.network.named_children()}
        )

    def begin(self, stage: Stage, run: Run) -> None:
        """Prepare, or read again, what the part learns from."""
        self._of[stage.name].begin(stage, run)

    def draw(self, stage: Stage, rng: np.random.Generator) -> Sample:
        """The part's."""
        return self._of[stage.name].draw(stage, rng)

    def losses(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
        """The part's."""
        return self._of[stage.name].losses(stage, batch, turn)

    def picture(self, stage: Stage, batch: Sample) -> np.ndarray | None:
        """The part's."""
        return self._of[stage.name].picture(stage, batch)

    def figures(self, stage: Stage) -> dict[str, float]:
        """The part's."""
        return self._of[stage.name].figures(stage)

    def files(self, stage: Stage) -> Files:
        """The part's one file."""
        return self._of[stage.name].files(stage)
