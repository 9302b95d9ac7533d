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

from vivavoce.systems.stage import Together
from vivavoce.train.portrait.content import ContentTraining
from vivavoce.train.portrait.head import HeadTraining
from vivavoce.train.portrait.lips import LipsTraining
from vivavoce.train.portrait.repair import RepairTraining


class PortraitTraining(Together):
    """Four networks that learn apart from each other; the lips hear through the first."""

    system = "portrait"

    def __init__(self) -> None:
        content = ContentTraining()
        super().__init__(content, LipsTraining(content.model), HeadTraining(), RepairTraining())
