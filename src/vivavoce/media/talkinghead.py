"""JSON for talking heads in a browser: visemes as HeadTTS answers, curves as TalkingHead plays."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from vivavoce.types import ARKIT, Motion, Phone


def write_visemes(visemes: Sequence[Phone], part: Path) -> None:
    """Write visemes with their beginnings and lengths in milliseconds.

    `visemes`, `vtimes` and `vdurations` are what HeadTTS answers and TalkingHead's `speakAudio` and
    `streamAudio` take; a viseme's symbol is one of Oculus's 15, without "viseme_" before it.
    """
    times = [round(v.start_s * 1000) for v in visemes]
    ends = [round(v.end_s * 1000) for v in visemes]
    about = {
        "visemes": [v.symbol for v in visemes],
        "vtimes": times,
        "vdurations": [end - start for start, end in zip(times, ends, strict=True)],
    }
    part.write_text(json.dumps(about) + "\n", encoding="utf-8")


def write_curves(motion: Motion, part: Path) -> None:
    """Write "arkit52" motion as TalkingHead's `anim`: steps `dt` in milliseconds, curves `vs`.

    Curves that stay at 0 are left out. The steps are whole milliseconds whose sum never drifts from
    the frames.
    """
    at = [round(k * 1000 / motion.fps) for k in range(len(motion) + 1)]
    steps = [after - before for before, after in pairwise(at)]
    curves = {
        name: [round(v, 4) for v in motion.expression[:, i].tolist()]
        for i, name in enumerate(ARKIT)
        if motion.expression[:, i].any()
    }
    about = {"name": "vivavoce", "dt": steps, "vs": curves}
    part.write_text(json.dumps(about) + "\n", encoding="utf-8")
