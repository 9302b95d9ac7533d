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

from collections.abc import Sequence

from vivavoce.errors import RequestError
from vivavoce.systems.stage import Run, Stage, Together
from vivavoce.train.portrait.content import ContentTraining
from vivavoce.train.portrait.head import HeadTraining
from vivavoce.train.portrait.lips import LipsTraining
from vivavoce.train.portrait.repair import RepairTraining
from vivavoce.train.read.manifest import real_folder, rows

NEEDS_VIDEOS = {"lips": "tracks/train_phones.json", "head": "tracks/train_phones.json",
                "repair": "pairs"}  # fmt: skip
"""Stage that learns from videos → what is prepared of them."""


class PortraitTraining(Together):
    """Four networks that learn apart from each other; the lips hear through the first."""

    system = "portrait"

    def __init__(self) -> None:
        content = ContentTraining()
        super().__init__(content, LipsTraining(content.model), HeadTraining(), RepairTraining())

    def check(self, stages: Sequence[Stage], run: Run) -> None:
        """Refuse a folder without a manifest, or without videos for the stages that need them."""
        real = real_folder(run)
        lacking = [
            stage.name
            for stage in stages
            if stage.name in NEEDS_VIDEOS and not run.has_prepared(NEEDS_VIDEOS[stage.name])
        ]
        if lacking and not any(row.kind.startswith("video") for row in rows(real)):
            raise RequestError(
                f"Of {real}, no video may train what ships (manifest.csv, kind and "
                f"may_train_shipped), and {', '.join(lacking)} learn from videos. Add some, or "
                "train other stages with --stage."
            )
