"""The JSON of blend-shape weights that NVIDIA's Audio2Face exports and animation tools import."""

from __future__ import annotations

import json
from pathlib import Path

from vivavoce.types import ARKIT, Motion


def write_audio2face(motion: Motion, part: Path, sound: str = "") -> None:
    """Write "arkit52" motion: a row of `weightMat` a frame, six decimals, names as in ARKit.

    `sound` is the recording's path as the file shall state it.
    """
    about = {
        "exportFps": motion.fps,
        "trackPath": sound,
        "numPoses": len(ARKIT),
        "numFrames": len(motion),
        "facsNames": list(ARKIT),
        "weightMat": [[round(v, 6) for v in row] for row in motion.expression.tolist()],
    }
    part.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
